"""The daemon under test: its folder, its configuration, its process, and its methods."""

import collections
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import dbus, paths, processes
from .store import DirectoryStore

NAME, OBJECT = "org.orabackup1", "/org/orabackup1"
MANAGER, JOB = "org.orabackup1.Manager", "org.orabackup1.Job"
ERROR = "org.orabackup1.Error."
SANITIZER = re.compile(r"(ERROR: (Address|Leak)Sanitizer|runtime error:|SUMMARY: \w+Sanitizer)")
START_SECONDS, STOP_SECONDS, JOB_SECONDS = 30, 60, 180

Outcome = collections.namedtuple("Outcome", "id job type backup_id result error_name error_message")
Started = collections.namedtuple("Started", "backup_id job")


def write_configuration(path, sections):
    """sections: {"oracle": {"channels": 2}}; a list becomes words, None leaves the key out."""
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        for key, value in keys.items():
            if isinstance(value, (list, tuple)):
                value = " ".join(value)
            if value is not None:
                lines.append(f"{key} = {value}")
    Path(path).write_text("\n".join(lines) + "\n")


def merged(sections, changes):
    result = {section: dict(keys) for section, keys in sections.items()}
    for section, keys in (changes or {}).items():
        result.setdefault(section, {}).update(keys)
    return result


class Identity:
    """An age key pair, made by Debian's age-keygen."""

    def __init__(self, path):
        self.path = Path(path)
        done = subprocess.run(["age-keygen", "-o", str(path)], capture_output=True, text=True, check=True)
        self.recipient = re.search(r"age1[0-9a-z]+", done.stderr + self.path.read_text()).group(0)


class Daemon:
    """One installation of orabackupd below `folder`. start() and stop() may be called many times; at the end of the test
    finish() holds it to account: status 0 on SIGTERM, nothing from a sanitizer, no process left."""

    def __init__(self, folder, bus, host, identity, build=None, instance="testhost", name="daemon", store=None):
        self.folder = Path(folder) / name
        self.bus, self.host, self.identity, self.instance = bus, host, identity, instance
        self.build = Path(build or paths.SANITIZED)
        self.state, self.runtime = self.folder / "state", self.folder / "run"
        self.credentials, self.faults = self.folder / "credentials", self.folder / "faults"
        self.staging = self.folder / "staging"
        self.place = store if hasattr(store, "sections") else DirectoryStore(store or Path(folder) / "store")
        self.place.prepare()
        self.store = self.place.top
        self.configuration, self.log_path = self.folder / "orabackup.conf", self.folder / "log"
        for directory in (self.state, self.runtime, self.credentials, self.faults, self.staging):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o750)
        self.recipients, self.trusted_keys = self.folder / "recipients", self.folder / "trusted-keys"
        self.recipients.write_text(identity.recipient + "\n")
        self.trusted_keys.write_text("")
        self.process, self.connection, self.signals = None, None, []
        for credential, secret in self.place.credentials().items():
            self.give_credential(credential, secret)
        self.configure()

    # configuration -------------------------------------------------------------------------------
    def sections(self):
        return {
            "instance": {"name": self.instance},
            "oracle": {"oratab": self.host.oratab, "backup_dir": self.staging},
            **self.place.sections(),
            "encryption": {"recipients_file": self.recipients},
            "signing": {"trusted_keys_file": self.trusted_keys},
            "access": {"group": "nogroup"},
        }

    def configure(self, **changes):
        """configure(oracle={"channels": 2}): the usual configuration with these changes."""
        write_configuration(self.configuration, merged(self.sections(), changes))

    def give_credential(self, name, content):
        path = self.credentials / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)

    def give_identity(self, identity=None):
        self.give_credential("identity", (identity or self.identity).path.read_bytes())

    # the process ---------------------------------------------------------------------------------
    def environment(self):
        keep = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR", "HOME") if key in os.environ}
        return dict(
            keep,
            DBUS_SYSTEM_BUS_ADDRESS=self.bus.address,
            STATE_DIRECTORY=str(self.state),
            RUNTIME_DIRECTORY=str(self.runtime),
            CREDENTIALS_DIRECTORY=str(self.credentials),
            ORABACKUP_FAULTS=str(self.faults),
            ORABACKUP_EXEC=str(self.build / "src/exec/orabackup-exec"),
            ORABACKUP_SETTLE_MSEC="100",  # of a claim in a Swift; the plain build takes its five seconds
            ASAN_OPTIONS="detect_leaks=1:exitcode=98",
            UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:exitcode=97",
        )

    def command(self, *more):
        command = [str(paths.daemon(self.build)), "--config", str(self.configuration), "--log-target=stderr", "--log-level=debug"]
        if os.getuid() == 0:
            command.append("--allow-root")
        return command + list(more)

    def start(self, wait=True, prefix=(), **environment):
        assert self.process is None, "the daemon runs already"
        if self.connection is None:
            self.connection = dbus.Connection(self.bus.address, timeout=60)
            self.connection.match(f"type='signal',sender='{NAME}'")
            self.connection.match("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.orabackup1'")
        self.log_at_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, *self.command()], env=dict(self.environment(), **environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if wait:
            self.wait_for_name()
        return self

    def wait_for_name(self):
        end = time.monotonic() + START_SECONDS
        while not self.has_name():
            assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}:\n{self.log()[-6000:]}"
            assert time.monotonic() < end, f"the daemon did not take its name:\n{self.log()[-6000:]}"
            with contextlib.suppress(dbus.Timeout):
                self.take_signal(0.2)

    def has_name(self):
        return self.connection.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "s", NAME)[0]

    def stop(self, expected=0):
        """SIGTERM; the daemon must end with status 0 and say nothing of a sanitizer."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the daemon did not end on SIGTERM:\n{self.log()[-6000:]}") from None
        assert status == expected, f"the daemon ended with {status} on SIGTERM:\n{self.log()[-6000:]}"

    def kill(self):
        """kill -9, on purpose."""
        process, self.process = self.process, None
        process.kill()
        process.wait(timeout=STOP_SECONDS)

    def wait_for_death(self, expected):
        """For a crash at a fault point."""
        process, self.process = self.process, None
        assert process.wait(timeout=JOB_SECONDS) == expected

    def hang_up(self):
        """Listens no more: another daemon, whose jobs have numbers of its own, is about to take the name."""
        if self.connection is not None:
            self.connection.close()
        self.connection, self.signals = None, []

    def finish(self):
        self.stop()
        self.hang_up()
        found = SANITIZER.search(self.log())
        assert not found, f"a sanitizer reported:\n{self.log()[max(found.start() - 200, 0) :][:6000]}"
        left = processes.below(self.folder, but=("dbus-daemon",))
        assert not left, f"processes are left: {left}"

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # fault points (the sanitized build has them) -----------------------------------------------------
    def fault(self, point, what):
        (self.faults / point).write_text(what + "\n")

    def clear_fault(self, point):
        (self.faults / point).unlink(missing_ok=True)

    def wait_passed(self, point, timeout=60):
        wait_until(lambda: point in self.passed(), timeout, f"fault point {point} was not passed")

    def passed(self):
        path = self.faults / "passed"
        return path.read_text().split() if path.exists() else []

    # methods -------------------------------------------------------------------------------------
    def call(self, method, signature="", *arguments, timeout=None):
        reply = self.connection.call(NAME, OBJECT, MANAGER, method, signature, *arguments, timeout=timeout)
        return reply[0] if len(reply) == 1 else reply

    def property(self, name, path=OBJECT, interface=MANAGER):
        return self.connection.call(NAME, path, "org.freedesktop.DBus.Properties", "Get", "ss", interface, name)[0]

    def job(self, path):
        return self.connection.call(NAME, path, "org.freedesktop.DBus.Properties", "GetAll", "s", JOB)[0]

    def create_backup(self, **options):
        return Started(*self.call("CreateBackup", "a{sv}", dbus.options(**options)))

    def restore_backup(self, backup_id, **options):
        return self.call("RestoreBackup", "sa{sv}", backup_id, dbus.options(**options))

    def delete_backup(self, backup_id, **options):
        return self.call("DeleteBackup", "sa{sv}", backup_id, dbus.options(**options))

    def delete(self, backup_id, **options):
        outcome = self.wait(self.delete_backup(backup_id, **options))
        assert outcome.result == "done", f"{outcome}\n{self.log()[-8000:]}"
        return outcome

    def take_over(self, instance=None):
        return self.wait(self.call("TakeOver", "sa{sv}", instance or self.instance, {}))

    def get_backup(self, backup_id):
        return self.call("GetBackup", "s", backup_id)

    def list_backups(self, **options):
        return self.call("ListBackups", "a{sv}", dbus.options(**options))

    def members(self, backup_id):
        return self.call("GetBackupMembers", "suu", backup_id, 0, 1000)

    # jobs ----------------------------------------------------------------------------------------
    def take_signal(self, timeout):
        received = self.connection.next_signal(timeout)
        self.signals.append(received)
        return received

    def wait_signal(self, wanted, timeout=JOB_SECONDS):
        """The first signal, past or to come, that wanted(signal) accepts."""
        seen, end = 0, time.monotonic() + timeout
        while True:
            while seen < len(self.signals):
                if wanted(self.signals[seen]):
                    return self.signals[seen]
                seen += 1
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no such signal in {timeout} s:\n{self.log()[-6000:]}")
            with contextlib.suppress(dbus.Timeout):
                self.take_signal(min(left, 0.5))
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log()[-6000:]}")

    def wait(self, job, timeout=JOB_SECONDS):
        """The outcome of a job, from its JobRemoved."""
        received = self.wait_signal(lambda s: s.member == "JobRemoved" and s.arguments[1] == job, timeout)
        return Outcome(*received.arguments)

    def wait_property(self, job, wanted, timeout=JOB_SECONDS):
        """Until wanted(properties) of a job holds; looked at after each of its change signals."""
        end = time.monotonic() + timeout
        while True:
            properties = self.job(job)
            if wanted(properties):
                return properties
            assert properties["State"] in ("queued", "running"), f"the job ended before that: {properties}"
            assert time.monotonic() < end, f"never so in {timeout} s: {properties}\n{self.log()[-6000:]}"
            with contextlib.suppress(dbus.Timeout):
                self.take_signal(0.5)

    def wait_backup_state(self, backup_id, state):
        """Until a backup without a job is in this state: a record that is owed is delivered."""
        wait_until(lambda: self.get_backup(backup_id)["state"] == state, JOB_SECONDS, f"{backup_id} does not become {state}")

    def wait_phase(self, job, phase):
        return self.wait_property(job, lambda p: p["Phase"] == phase)

    def backup(self, **options):
        """A backup that must become COMPLETED; its id."""
        started = self.create_backup(**options)
        outcome = self.wait(started.job)
        assert outcome.result == "done", f"{outcome}\n{self.log()[-8000:]}"
        assert self.get_backup(started.backup_id)["state"] == "COMPLETED"
        return started.backup_id

    def restore(self, backup_id, **options):
        outcome = self.wait(self.restore_backup(backup_id, **options))
        assert outcome.result == "done", f"{outcome}\n{self.log()[-8000:]}"
        return outcome

    # the store -----------------------------------------------------------------------------------
    def objects(self, instance=None):
        """Names of all objects below the instance, sorted; of Swift's segments only those that no backup's list says are there, and
        those that are not there although one does."""
        return self.place.objects(instance or self.instance)

    def object_path(self, backup_id, name):
        return self.store / self.instance / backup_id / name

    def record(self, backup_id):
        """The payload of backup.json, unverified."""
        return payload(self.object_path(backup_id, "backup.json"))

    def own_key(self):
        return self.property("SigningKey")


def payload(path):
    import base64

    return json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))


def wait_until(condition, timeout, message):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, message
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def copy_host_configuration(source, target):
    """What the README says a bare host needs: the recipients, the trusted keys with the source's own key."""
    shutil.copy(source.recipients, target.recipients)
    target.trusted_keys.write_text(f"{source.instance} {source.own_key()} {source.instance}\n")
