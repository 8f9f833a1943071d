"""An instance: its process ora_pmon_<SID>, its state, its memory (SCN, log position), its lock."""

import contextlib
import fcntl
import json
import os
import struct
import time

from . import controlfile
from .errors import not_available, ora
from .host import read_json, write_json

SGA = struct.Struct(">QQ")  # scn, offset in the current log

PMON = """
import os, sys, time
def main():
    path, directory = sys.stdin.readline().strip(), None
    with open('/proc/self/comm', 'w') as comm:
        comm.write(sys.argv0)
    mine = str(os.getpid())
    time.sleep(0.05)
    while True:
        time.sleep(0.4)
        try:
            with open(path) as file:
                if '"pid": ' + mine + ',' not in file.read():
                    return
        except OSError:
            return
"""

_known = {}


def get(host, sid):
    """The one object of an instance in this process: its lock is not to be taken twice."""
    key = host.directory, sid
    if key not in _known:
        _known[key] = Instance(host, sid)
    return _known[key]


class Instance:
    def __init__(self, host, sid):
        self.host = host
        self.sid = sid
        self.place = host.path("instances", sid)
        self._depth = 0
        self._fd = -1
        self._session_locks = 0

    # lock -------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def lock(self):
        if self._depth == 0:
            self._fd = os.open(self.place + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            with contextlib.suppress(OSError):
                os.fchmod(self._fd, 0o666)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                os.close(self._fd)

    # state ------------------------------------------------------------------------------------------
    def state(self):
        """What the instance is, or None when it does not run."""
        found = read_json(self.place + ".json", None)
        if found is None or process_start(found["pid"]) != found["start"]:
            return None
        return found

    def status(self):
        found = self.state()
        return found["status"] if found else "DOWN"

    def need(self, *allowed):
        """The state, or the error a session gets that asks too early."""
        found = self.state()
        if found is None:
            raise not_available()
        if found["status"] not in allowed:
            raise ora("ORA-01507" if found["status"] == "STARTED" else "ORA-01109")
        return found

    def set_state(self, **values):
        found = read_json(self.place + ".json", {})
        found.update(values)
        write_json(self.place + ".json", found)

    def parameter(self, name, otherwise=""):
        found = self.state()
        listed = found["values"].get(name) if found else None
        return listed[0] if listed else otherwise

    def begin(self, values, spfile):
        """Starts the process and leaves the instance STARTED."""
        pid = spawn_pmon(self.sid, self.place + ".json")
        write_json(self.place + ".json", {
            "pid": pid, "start": process_start(pid), "status": "STARTED", "values": values,
            "spfile": spfile, "since": controlfile.now(), "open_mode": "MOUNTED"})
        self.host.own(self.place + ".json")

    def end(self):
        """The instance is gone; waits for its process."""
        found = self.state()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.place + ".json")
        deadline = time.monotonic() + 10
        while found and process_start(found["pid"]) == found["start"]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)

    # control file -------------------------------------------------------------------------------------
    def control_paths(self):
        found = self.state()
        if found is None:
            raise not_available()
        return found["values"].get("control_files", [])

    def read_control(self):
        self.need("MOUNTED", "OPEN")
        with self.lock():
            return controlfile.read(self.control_paths()[0])

    @contextlib.contextmanager
    def control(self):
        """The control file under the lock; written when the block ends well."""
        self.need("MOUNTED", "OPEN")
        with self.lock():
            paths = self.control_paths()
            content = controlfile.read(paths[0])
            yield content
            controlfile.write(paths, content, self.host.own)

    # memory -------------------------------------------------------------------------------------------
    def sga(self):
        """(scn, offset in the current log); only while open."""
        with open(self.place + ".sga", "rb") as file:
            return SGA.unpack(file.read(SGA.size))

    def set_sga(self, scn, offset):
        new = not os.path.exists(self.place + ".sga")
        fd = os.open(self.place + ".sga", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            os.pwrite(fd, SGA.pack(scn, offset), 0)
        finally:
            os.close(fd)
        if new:
            self.host.own(self.place + ".sga")

    def next_scn(self):
        """A new SCN, as every query and change takes one."""
        with self.lock():
            scn, offset = self.sga()
            self.set_sga(scn + 1, offset)
            return scn + 1

    # sessions -----------------------------------------------------------------------------------------
    def sessions(self):
        """The sessions whose process lives: sid -> row."""
        directory = self.place + ".sessions"
        found = {}
        for name in os.listdir(directory) if os.path.isdir(directory) else []:
            row = read_json(os.path.join(directory, name), None)
            if row and process_start(row["pid"]) == row["start"]:
                found[int(name)] = row
            elif row:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(directory, name))
        return found

    def log_on(self, program, pid=None, client_info=""):
        """Registers a session; its SID."""
        directory = self.place + ".sessions"
        os.makedirs(directory, exist_ok=True)
        self.host.own(directory)
        pid = pid or os.getpid()
        with self.lock():
            taken = self.sessions()
            sid = 30
            while sid in taken:
                sid += 7
            write_json(os.path.join(directory, str(sid)), {
                "pid": pid, "start": process_start(pid), "serial": int(time.time() * 10) % 60000 + 1,
                "program": program, "client_info": client_info, "killed": False})
        return sid

    def session_set(self, sid, **values):
        path = os.path.join(self.place + ".sessions", str(sid))
        row = read_json(path, None)
        if row is not None:
            row.update(values)
            write_json(path, row)

    def session_killed(self, sid):
        row = read_json(os.path.join(self.place + ".sessions", str(sid)), None)
        return row is None or row["killed"]

    def log_off(self, sid):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.place + ".sessions", str(sid)))

    # time ---------------------------------------------------------------------------------------------
    def note_time(self, scn):
        """Remembers when an SCN was current, for SCN_TO_TIMESTAMP."""
        with open(self.place + ".times", "a", encoding="ascii") as file:
            file.write(f"{scn} {time.time():.3f}\n")

    def times(self):
        """[[scn, seconds of the local clock]] as they were noted."""
        with contextlib.suppress(FileNotFoundError):
            with open(self.place + ".times", encoding="ascii") as file:
                return [[int(number), controlfile.local(float(moment))] for number, moment in map(str.split, file)]
        return []

    def time_of(self, scn):
        best = None
        for number, moment in self.times():
            if number <= scn:
                best = moment
        return best


def process_start(pid):
    """The start time of a process that is alive, else None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def spawn_pmon(sid, path):
    """A process of its own session, with nothing of ours open; its pid."""
    name = f"ora_pmon_{sid}"
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        grandchild = os.fork()
        if grandchild:
            os.write(write_end, json.dumps(grandchild).encode())
            os._exit(0)
        _become_pmon(name, path)
    os.waitpid(child, 0)
    os.close(write_end)
    pid = int(os.read(read_end, 64))
    os.close(read_end)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # until exec has put its name in place
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if file.read().startswith(name.encode() + b"\0"):
                break
        time.sleep(0.002)
    return pid


def _become_pmon(name, path):
    """The script comes through a pipe, so that the command line is the name alone."""
    read_end, write_end = os.pipe()
    os.write(write_end, (PMON.replace("sys.argv0", repr(name)).replace(
        "sys.stdin.readline().strip()", repr(path)) + "main()\n").encode())
    os.close(write_end)
    os.dup2(read_end, 0)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.closerange(3, 1024)
    os.chdir("/")
    os.execve("/usr/bin/python3", [name], {"PYTHONHOME": "/usr", "PYTHONNOUSERSITE": "1",
                                           "PYTHONDONTWRITEBYTECODE": "1"})
