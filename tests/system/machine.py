"""A machine that tests/system/boot has booted, the service installed on it, and simulated hosts in it."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from support import bus, daemon, dbus, host, paths, store

HERE = Path(__file__).resolve().parent
BOOT_SECONDS, RUN_SECONDS = 60, 120
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STORE = "/srv/oracle/store"
UNIT, SOCKET = "orabackupd.service", "orabackup-exec.socket"


def parents():
    """{pid: parent} of all processes that /proc shows here."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            found[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    return found


def is_first(pid):
    """Whether the process is systemd, and the first of its process namespace."""
    try:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines())
    except OSError:
        return False
    return status["Name"].strip() == "systemd" and status["NSpid"].split()[-1] == "1"


class Machine:
    """run() is like a login as root that no unit has started: what it leaves running belongs to no service."""

    def __init__(self, build):
        self.errors = tempfile.TemporaryFile("w+")
        self.boot = subprocess.Popen(
            [str(HERE / "boot"), str(HERE / "setup"), str(build), str(paths.ORASIM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        if self.boot.stdout.readline() != "up\n":
            self.power_off()
        below = parents()
        ours = {self.boot.pid}
        while grown := {pid for pid, parent in below.items() if parent in ours} - ours:
            ours |= grown
        (self.leader,) = [pid for pid in ours if is_first(pid)]

    def power_off(self):
        self.boot.stdin.close()
        status = self.boot.wait(timeout=BOOT_SECONDS)
        self.boot.stdout.close()
        self.errors.seek(0)
        with self.errors as errors:
            said = errors.read()
        assert status == 0, f"the machine ended with {status}:\n{said}"

    def path(self, inside):
        """A file of the machine, seen from here."""
        return Path(f"/proc/{self.leader}/root{inside}")

    def write(self, inside, text, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def command(self, *words, user=None):
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        return [*enter, "env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", *drop, *map(str, words)]

    def try_run(self, *words, user=None):
        return subprocess.run(self.command(*words, user=user), capture_output=True, text=True, timeout=RUN_SECONDS, check=False)

    def run(self, *words, user=None):
        done = self.try_run(*words, user=user)
        assert done.returncode == 0, f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def show(self, unit, *names):
        """Properties of a unit; one alone comes as a word."""
        lines = self.run("systemctl", "show", unit, *[f"--property={name}" for name in names]).splitlines()
        values = dict(line.split("=", 1) for line in lines)
        return values if len(names) > 1 else values[names[0]]

    def instances(self):
        """The running children of the service, each an instance of its own unit."""
        lines = self.run("systemctl", "list-units", "--plain", "--no-legend", "--state=running", "orabackup-exec@*").splitlines()
        return [line.split()[0] for line in lines]

    def pids(self, unit):
        group = self.show(unit, "ControlGroup")
        return [int(pid) for pid in self.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs").split()] if group else []

    def unit_of(self, pid):
        """The unit in whose cgroup a process is; None where systemd knows none."""
        done = self.try_run("ps", "-o", "unit=", "-p", pid)
        name = done.stdout.strip()
        return None if name in ("", "-") else name

    def alive(self, pid):
        state = self.try_run("ps", "-o", "stat=", "-p", pid).stdout.strip()
        return bool(state) and not state.startswith("Z")

    def journal(self, *options, **fields):
        """Entries with these fields; they are looked for here, as journalctl of this age skips one between a cursor and a match."""
        self.run("journalctl", "--sync")
        lines = self.run("journalctl", "--output=json", "--no-pager", *options).splitlines()
        return [entry for entry in map(json.loads, lines) if all(entry.get(key) == value for key, value in fields.items())]

    def cursor(self):
        """What the journal has from now on is shown by --after-cursor=.."""
        return "--after-cursor=" + self.journal("--lines=1")[0]["__CURSOR"]


class MachineHost(host.OraHost):
    """A simulated host in the machine; its files are the Oracle owner's, and so is who works on it."""

    def __init__(self, machine, name):
        self.machine = machine
        folder = f"/srv/oracle/{name}"
        machine.run("install", "-d", "-o", "oracle", "-g", "dba", "/srv/oracle", folder)
        super().__init__(folder, name=name)

    def command(self, *words):
        return self.machine.command("/opt/orasim/orasim-cli", "-H", self.folder, *words, user="oracle")

    def finish(self):
        self.release("all")
        for sid in self.status():
            self.shutdown(sid, abort=True)

    def lose(self):
        self.finish()
        self.machine.run("rm", "-rf", self.folder)


class Service(daemon.Daemon):
    """orabackupd.service of the machine. Methods are called through busctl; signals come over a connection to the machine's bus."""

    def __init__(self, machine, identity):
        self.machine, self.identity, self.process, self.connection = machine, identity, None, None
        self.instance, self.place = "testhost", store.DirectoryStore(machine.path(STORE))
        self.store = self.place.top
        self.since = machine.cursor()
        self.reset()

    def reset(self):
        """Stopped, and as after the installation. Numbers of jobs begin anew, so what was heard of the old ones is forgotten."""
        machine = self.machine
        machine.run("systemctl", "stop", UNIT)
        machine.run("sh", "-c", "rm -rf /var/lib/orabackup /run/orabackup /etc/orabackup /run/systemd/system/orabackup*.d")
        machine.run("systemd-tmpfiles", "--create", "orabackup.conf")
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "reset-failed")
        machine.run("systemctl", "start", SOCKET)
        if self.connection is not None:
            self.connection.close()
        self.signals = []
        self.connection = dbus.Connection(f"unix:path={machine.path('/run/dbus/system_bus_socket')}", timeout=60)
        self.connection.match(f"type='signal',sender='{daemon.NAME}'")

    def configure(self, on, **changes):
        sections = {
            "instance": {"name": self.instance},
            "oracle": {"oratab": on.oratab},
            "store": {"segment_size": "1M"},
            "directory": {"path": STORE},
        }
        self.machine.run("install", "-d", "-o", "oracle", "-g", "dba", "-m", "0750", STORE)
        daemon.write_configuration(self.machine.path("/etc/orabackup/orabackup.conf"), daemon.merged(sections, changes))
        self.machine.write("/etc/orabackup/recipients", self.identity.recipient + "\n")

    def drop_in(self, name, *lines):
        self.machine.write(f"/run/systemd/system/{UNIT}.d/{name}.conf", "\n".join(["[Service]", *lines, ""]))
        self.machine.run("systemctl", "daemon-reload")

    def start(self):
        done = self.machine.try_run("systemctl", "start", UNIT)
        assert done.returncode == 0, done.stderr + self.log()
        return self

    def stop(self, expected=0):
        self.machine.run("systemctl", "stop", UNIT)

    def finish(self):
        self.connection.close()
        self.stop()

    def log(self):
        return self.machine.run("journalctl", "--no-pager", "--output=short-precise", self.since)

    def busctl(self, *words, user=None):
        return self.machine.try_run("busctl", "--json=short", "--timeout=50", *words, user=user)

    def call(self, method, signature="", *values, user=None):
        """Values as busctl takes them: words."""
        words = [signature, *values] if signature else []
        done = self.busctl("call", daemon.NAME, daemon.OBJECT, daemon.MANAGER, method, *words, user=user)
        assert done.returncode == 0, f"{method}: {done.stderr}{self.log()[-6000:]}"
        reply = bus.plain(json.loads(done.stdout)["data"]) if done.stdout.strip() else [None]
        return reply[0] if len(reply) == 1 else reply

    def create_backup(self):
        return daemon.Started(*self.call("CreateBackup", "a{sv}", "0"))

    def restore_backup(self, backup_id):
        return self.call("RestoreBackup", "sa{sv}", backup_id, "0")

    def pid(self):
        return int(self.machine.show(UNIT, "MainPID"))

    def wait_for_another(self, pid, timeout=30):
        """Until systemd has started the service anew, and it is ready."""

        def is_there():
            now = self.machine.show(UNIT, "MainPID", "ActiveState")
            return now["ActiveState"] == "active" and now["MainPID"] not in ("0", str(pid))

        end = time.monotonic() + timeout
        while not is_there():
            assert time.monotonic() < end, f"the service was not started anew:\n{self.log()[-6000:]}"
            time.sleep(0.05)
        return self.pid()
