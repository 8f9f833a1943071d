"""One simulated host: a directory with an Oracle home, oratab, data, and the simulator's settings."""

import contextlib
import errno
import fcntl
import json
import os
import signal
import stat
import time

from .errors import OraError

VERSIONS = {
    "11.2": {"number": (11, 2), "release": "11.2.0.4.0", "full": "11.2.0.4.0", "copyright": "2011",
             "path": "11.2.0.4"},
    "12.2": {"number": (12, 2), "release": "12.2.0.1.0", "full": "12.2.0.1.0", "copyright": "2017",
             "path": "12.2.0.1"},
    "19c": {"number": (19, 0), "release": "19.0.0.0.0", "full": "19.10.0.0.0", "copyright": "2019",
            "path": "19.0.0"},
}

#: every setting of `orasim knob`, with its default
KNOBS = {
    "speed": 0,                  # bytes a second of a backup piece; 0: as fast as it goes
    "bytes": "payload",          # V$BACKUP_PIECE.BYTES: payload (file size - block size) or file
    "exit_status": "any",        # rman: any (1 after any error) or last (of the last command only)
    "fra_used": 0,               # bytes in the recovery area that no record explains
    "fra_full": "error",         # what archiving does when the area is full: error or hang
    "lingering_session": 0,      # 1: rman's server process outlives a killed rman
    "level1_without_parent": 0,  # INCREMENTAL_LEVEL of a file without parent in a level 1
    "listener": "up",            # up, down, or bare (nothing registers)
    "omf_rename": 0,             # 1: RESTORE gives Oracle managed files a new name
    "crosscheck_seconds": 0,     # how long the implicit crosscheck takes
    "edition": "Enterprise",     # or Standard
    "os_auth": "owner",          # owner: root and the owner of the home; refuse: ORA-01031
    "dbca_size": "16M",          # of the databases that dbca creates
    "startup_seconds": 0,        # how long an instance takes to start
}


class Host:
    """Paths and settings of a host; holds no state of its own."""

    def __init__(self, directory):
        self.directory = os.path.abspath(directory)
        self.sim = os.path.join(self.directory, "sim")
        with open(os.path.join(self.sim, "host.json"), encoding="utf-8") as file:
            settings = json.load(file)
        self.version_name = settings["version"]
        self.version = VERSIONS[self.version_name]
        self.number = self.version["number"]
        self.owner = settings["owner"]
        self.group = settings["group"]
        self.name = settings.get("name", "host1")
        self.base = os.path.join(self.directory, "u01/app/oracle")
        self.home = home_of(self.directory, self.version_name, settings.get("home", "dbhome_1"))
        self.oradata = os.path.join(self.directory, "u02/oradata")
        self.fra = os.path.join(self.directory, "u03/fra")
        self.oratab = os.path.join(self.directory, "etc/oratab")
        #: of a read-only home (18c on) dbs and network/admin are elsewhere
        self.base_config, self.base_home = self.home, self.home
        if settings.get("read_only_home"):
            self.base_config = self.base
            self.base_home = os.path.join(self.base, "homes/OraDB19Home1")
        self.dbs = os.path.join(self.base_config, "dbs")
        self.network = os.path.join(self.base_home, "network/admin")
        self._knobs = None

    # settings -------------------------------------------------------------------------------------
    def path(self, *parts):
        return os.path.join(self.sim, *parts)

    def knob(self, name):
        if self._knobs is None:
            self._knobs = read_json(self.path("knobs.json"), {})
        return self._knobs.get(name, KNOBS[name])

    def set_knobs(self, values):
        knobs = read_json(self.path("knobs.json"), {})
        for name, value in values.items():
            if name not in KNOBS:
                raise SystemExit(f"orasim: no knob is called {name}; there are {', '.join(KNOBS)}")
            knobs[name] = type(KNOBS[name])(value)
        write_json(self.path("knobs.json"), knobs)
        self._knobs = knobs

    # files as the owner of the Oracle home sees them ----------------------------------------------
    def own(self, path):
        """Gives a file that the simulated server made to the owner of the Oracle home."""
        if os.geteuid() == 0 and self.owner != 0:
            with contextlib.suppress(OSError):
                os.chown(path, self.owner, self.group)

    def refusal(self, path, want=4):
        """The errno the owner of the Oracle home would get, or 0. want: 4 read, 2 write, 1 search."""
        path = os.path.abspath(path)
        if self.directory.startswith(path.rstrip("/") + "/"):
            return 0  # above the host is the world of the test
        number = self.refusal(os.path.dirname(path), 1)
        if number:
            return number
        try:
            found = os.stat(path)
        except OSError as error:
            return error.errno
        # Outside the host's directory the bits belong to the machine that runs the test: there
        # root stands in for the owner.
        if not path.startswith(self.directory) and self.owner == 0:
            return 0
        if self.owner == 0 and stat.S_ISDIR(found.st_mode):
            return 0
        bits = found.st_mode & 7
        if found.st_uid == self.owner:
            bits = found.st_mode >> 6 & 7
        elif found.st_gid == self.group:
            bits = found.st_mode >> 3 & 7
        return 0 if bits & want == want else errno.EACCES

    def readable(self, path):
        return self.refusal(path) == 0

    def make_directories(self, path):
        """What Oracle makes by itself: directories below an OMF destination."""
        missing = []
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            number = self.refusal(os.path.dirname(directory), 2)
            if number:
                raise OSError(number, os.strerror(number), directory)
            with contextlib.suppress(FileExistsError):
                os.mkdir(directory, 0o750)
            self.own(directory)

    def can_create(self, path):
        """The errno of creating `path`, or 0."""
        parent = os.path.dirname(path)
        if not os.path.isdir(parent):
            return errno.ENOENT
        return self.refusal(parent, 3)

    # places: holds and faults -----------------------------------------------------------------------
    def reach(self, place, sid, session=None):
        """A run has come to `place`: leave the marker, wait for a hold, let a fault happen."""
        for name in (place, f"{place}@{sid}"):
            hold = self.path("holds", name)
            if os.path.exists(hold):
                touch(self.path("reached", name))
                while os.path.exists(hold):
                    if not os.path.isdir(self.sim):
                        raise SystemExit(1)
                    if session is not None:
                        session.check()
                    time.sleep(0.01)
        fault = self.take_fault(place, sid)
        if fault is not None:
            return self.suffer(fault, session)
        return None

    def take_fault(self, place, sid):
        path = self.path("faults.json")
        if not os.path.exists(path):
            return None
        with locked(self.path("faults.lock")):
            faults = read_json(path, [])
            for fault in faults:
                if fault["at"] == place and fault.get("sid", sid) == sid and fault["times"] > 0:
                    fault["times"] -= 1
                    write_json(path, faults)
                    touch(self.path("reached", f"fault-{place}"))
                    return fault
        return None

    def suffer(self, fault, session):
        kind = fault["kind"]
        if kind == "fail":
            raise OraError(*fault["lines"])
        if kind == "signal":
            if fault["signal"] not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(fault["signal"], signal.SIG_DFL)
            os.kill(os.getpid(), fault["signal"])
            time.sleep(60)
        if kind == "exit":
            os._exit(fault["status"])
        if kind in ("hang", "hang-hard"):
            if kind == "hang-hard":
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while os.path.isdir(self.sim):
                if session is not None:
                    session.check()
                time.sleep(0.02)
            os._exit(1)
        return fault  # an action the caller knows: it can import what it needs


def home_of(directory, version_name, home="dbhome_1"):
    return os.path.join(os.path.abspath(directory), "u01/app/oracle/product",
                        VERSIONS[version_name]["path"], home)


def read_json(path, otherwise):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return otherwise


def write_json(path, value):
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.chmod(temporary, 0o666)
    os.rename(temporary, path)


def touch(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8"):
        pass


@contextlib.contextmanager
def locked(path):
    """An exclusive lock between processes."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
