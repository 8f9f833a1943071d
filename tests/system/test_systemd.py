"""The installed service under a real systemd: activation, access, children, restarts, watchdog, reload, credentials."""

import math
import re

import pytest
from machine import SOCKET, UNIT, Machine, MachineHost, Service
from support import paths
from support.daemon import ERROR, MANAGER, NAME, OBJECT, Identity, wait_until

UNITS = [UNIT, SOCKET, "orabackup-exec@.service"]
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
SID = "TESTDB15"

pytestmark = pytest.mark.needs_root


def message_id(name):
    text = (paths.TOP / "src/base/message-ids.h").read_text()
    return re.search(rf"#define MESSAGE_ID_{name} \"(\w+)\"", text).group(1)


@pytest.fixture(scope="module")
def machine():
    one = Machine(paths.PLAIN)
    yield one
    one.power_off()


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return Identity(tmp_path_factory.mktemp("identity") / "identity.txt")


@pytest.fixture
def bare(machine):
    """A simulated host without a database, and an empty store."""
    machine.run("rm", "-rf", "/srv/oracle")
    one = MachineHost(machine, "host1")
    yield one
    one.finish()


@pytest.fixture
def ora(bare):
    bare.create_database(SID, "8M")
    return bare


@pytest.fixture
def service(machine, identity, bare):
    """Configured, not started. Restarts come at once here; how long the unit waits is a matter of its file."""
    one = Service(machine, identity)
    one.configure(bare)
    one.drop_in("restart", "RestartSec=100ms")
    yield one
    one.finish()


@pytest.fixture
def held(service, ora):
    """A backup whose RMAN waits in the middle of its first piece: (what was started, pid of rman)."""
    ora.hold("in-piece-1")
    service.start()
    started = service.create_backup()
    ora.wait_reached("in-piece-1")
    (pid,) = service.machine.run("pgrep", "-f", f"{ora.home}/bin/rman").split()
    return started, int(pid)


def cancel(service, started):
    service.call("CancelJob", "u", started.job.rsplit("/", 1)[1])
    assert service.wait(started.job).result == "cancelled"


def assert_failed_interrupted(service, started):
    backup = service.get_backup(started.backup_id)
    assert (backup["state"], backup["error_name"]) == ("FAILED", ERROR + "Interrupted"), backup
    assert [name for name in service.objects() if started.backup_id in name] == [f"{started.backup_id}/failed.json"]


# the units ---------------------------------------------------------------------------------------


def test_systemd_finds_nothing_wrong_with_the_units(machine):
    done = machine.try_run("systemd-analyze", "verify", "--man=no", *[f"/usr/lib/systemd/system/{name}" for name in UNITS])
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_service_is_hardened(machine, capsys):
    done = machine.try_run("systemd-analyze", "security", "--offline=true", "--threshold=40", f"/usr/lib/systemd/system/{UNIT}")
    overall = done.stdout.strip().splitlines()[-1]
    with capsys.disabled():
        print(f"\n{overall}")
    assert done.returncode == 0 and "Overall exposure level" in overall, done.stdout + done.stderr


def test_it_comes_with_the_boot_and_its_users_are_made(machine):
    for unit in (UNIT, SOCKET):
        assert machine.run("systemctl", "is-enabled", unit) == "enabled\n"
    assert "dba" in machine.run("id", "-nG", "oracle").split()
    booted = machine.journal(MESSAGE_ID=message_id("DAEMON_READY"))
    assert booted, machine.run("journalctl", "--no-pager", "-u", UNIT)
    assert machine.run("stat", "-c", "%U:%G %a", "/run/orabackup-exec.sock") == "oracle:dba 600\n"
    assert machine.run("stat", "-c", "%U %a", "/etc/orabackup/credentials") == "root 700\n"


# the bus and the journal -------------------------------------------------------------------------


def test_a_call_on_the_bus_starts_it_and_the_journal_has_its_fields(service, machine):
    assert machine.show(UNIT, "ActiveState") == "inactive"
    assert service.call("ListJobs") == []
    shown = machine.show(UNIT, "ActiveState", "Type", "NotifyAccess", "MainPID", "User")
    assert (shown["ActiveState"], shown["Type"], shown["User"]) == ("active", "notify", "oracle")
    (ready,) = machine.journal(service.since, MESSAGE_ID=message_id("DAEMON_READY"))
    assert ready["ORABACKUP_INSTANCE"] == service.instance
    assert (ready["_SYSTEMD_UNIT"], ready["_PID"]) == (UNIT, shown["MainPID"])
    assert ready["_UID"] == machine.run("id", "-u", "oracle").strip()
    assert (ready["SYSLOG_IDENTIFIER"], ready["PRIORITY"]) == ("orabackupd", "5")


def test_root_the_owner_and_members_may_call_and_others_are_told_why_not(service, machine):
    service.start()
    for user in (None, "oracle", "member"):
        assert service.call("ListJobs", user=user) == []
    words = ("--system", "--print-reply", f"--dest={NAME}", OBJECT, f"{MANAGER}.ListJobs")
    refused = machine.try_run("dbus-send", *words, user="stranger")
    assert refused.returncode != 0
    assert DENIED in refused.stderr and "stranger" in refused.stderr and "dba" in refused.stderr, refused.stderr
    for user in ("member", "stranger"):
        owner = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName", "su", "org.orabackup1", "4")
        assert service.busctl("call", *owner, user=user).returncode != 0


# children ----------------------------------------------------------------------------------------


def test_each_child_has_a_unit_of_its_own_and_none_is_the_daemons(service, held, ora, machine):
    started, rman = held
    unit = machine.unit_of(rman)
    assert unit in machine.instances()
    pids = machine.pids(unit)
    assert rman in pids
    assert machine.pids(UNIT) == [service.pid()]
    ora.release("in-piece-1")
    assert service.wait(started.job).result == "done"
    wait_until(lambda: not machine.instances(), 10, "an instance of the runner is left")


def status_of(machine, pid):
    lines = machine.run("cat", f"/proc/{pid}/status").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def test_a_child_has_none_of_the_daemons_sandbox(service, held, machine):
    """The machine itself has a filter of system calls: what counts is what PID 1 has."""
    first, rman, own = [status_of(machine, pid) for pid in (1, held[1], service.pid())]
    assert (rman["NoNewPrivs"], rman["Seccomp_filters"]) == ("0", first["Seccomp_filters"])
    assert own["NoNewPrivs"] == "1" and int(own["Seccomp_filters"]) > int(first["Seccomp_filters"])
    assert int(own["CapBnd"], 16) == 0
    mounts = [machine.run("readlink", f"/proc/{pid}/ns/mnt") for pid in (1, held[1], service.pid())]
    assert mounts[0] == mounts[1] != mounts[2]
    cancel(service, held[0])


WANTED_LIMITS = {"Max open files": 65536, "Max processes": 16384, "Max locked memory": math.inf, "Max stack size": 10 << 20}


def limits_of(machine, pid):
    """{name: (soft, hard)}"""
    rows = re.findall(r"^(Max [a-z ]+?) {2,}(\w+) +(\w+)", machine.run("cat", f"/proc/{pid}/limits"), flags=re.MULTILINE)
    return {name: tuple(math.inf if n == "unlimited" else int(n) for n in numbers) for name, *numbers in rows}


def test_a_child_has_the_limits_of_an_instance(service, held, machine):
    """As far as the machine itself may raise them: a container keeps what its host has set."""
    most, given = limits_of(machine, 1), limits_of(machine, held[1])
    for name, wanted in WANTED_LIMITS.items():
        assert given[name][0] == min(wanted, most[name][1]), f"{name}: {given[name]}, PID 1 has {most[name]}"
    cancel(service, held[0])


def lose(service, ora):
    """The host is gone and a bare one stands in its place; it has what the README names but the identity."""
    key, machine = service.own_key(), service.machine
    service.stop()
    ora.lose()
    service.reset()
    host = MachineHost(machine, ora.name)
    service.configure(host)
    machine.write("/etc/orabackup/trusted-keys", f"{service.instance} {key} the lost host\n")
    service.start()
    return host


def test_a_restored_database_stays_open_when_the_service_is_restarted(service, ora, machine, identity):
    service.start()
    started = service.create_backup()
    assert service.wait(started.job).result == "done"
    until_scn = service.record(started.backup_id)["databases"][0]["until_scn"]
    blocks = ora.checksum(SID, until_scn)
    host = lose(service, ora)
    assert service.call("ListDatabases") == []
    refused = service.wait(service.restore_backup(started.backup_id))
    assert (refused.result, refused.error_name) == ("failed", ERROR + "NoIdentity")

    machine.write("/etc/orabackup/credentials/identity", identity.path.read_text(), mode=0o600)
    assert machine.try_run("cat", "/etc/orabackup/credentials/identity", user="oracle").returncode != 0
    service.drop_in("identity", "LoadCredential=identity:/etc/orabackup/credentials/identity")
    machine.run("systemctl", "restart", UNIT)
    outcome = service.wait(service.restore_backup(started.backup_id))
    assert outcome.result == "done", f"{outcome}\n{service.log()[-6000:]}"
    before, daemon = host.status()[SID], service.pid()
    assert before["status"] == "OPEN" and machine.unit_of(before["pid"]) != UNIT

    machine.run("systemctl", "restart", UNIT)
    assert service.pid() != daemon and before["pid"] not in machine.pids(UNIT)
    assert host.status()[SID] == before and machine.alive(before["pid"])
    assert [(row["sid"], row["state"]) for row in service.call("ListDatabases")] == [(SID, "OPEN")]
    assert host.checksum(SID, until_scn) == blocks


# the life of the service ---------------------------------------------------------------------------


def test_a_killed_daemon_leaves_no_rman_and_comes_back(service, held, ora, machine):
    started, rman = held
    pid = service.pid()
    machine.run("kill", "-KILL", pid)
    wait_until(lambda: not machine.alive(rman), 30, "rman outlived the daemon")
    ora.release("in-piece-1")
    service.wait_for_another(pid)
    assert machine.show(UNIT, "NRestarts") == "1"
    assert_failed_interrupted(service, started)
    assert ora.status()[SID]["status"] == "OPEN"
    again = service.create_backup()
    assert service.wait(again.job).result == "done"


def test_a_stop_during_a_backup_ends_it_in_good_order(service, held, ora, machine):
    started, rman = held
    machine.run("systemctl", "stop", UNIT)
    assert machine.show(UNIT, "ActiveState", "Result", "ExecMainStatus") == {
        "ActiveState": "inactive",
        "Result": "success",
        "ExecMainStatus": "0",
    }
    assert not machine.alive(rman)
    ora.release("in-piece-1")
    service.start()
    assert_failed_interrupted(service, started)


def test_the_watchdog_ends_a_daemon_that_hangs(service, machine):
    service.drop_in("watchdog", "WatchdogSec=1s")
    service.start()
    pid = service.pid()
    machine.run("kill", "-STOP", pid)
    service.wait_for_another(pid)
    said = [entry["MESSAGE"] for entry in machine.journal(service.since, _PID="1")]
    assert any("Watchdog timeout" in message for message in said), said
    assert service.call("ListJobs") == []


def test_the_watchdog_is_fed_while_a_backup_runs(service, ora, machine):
    service.drop_in("watchdog", "WatchdogSec=1s")
    ora.hold("in-piece-1")
    service.start()
    started, pid, fed = service.create_backup(), service.pid(), set()
    ora.wait_reached("in-piece-1")

    def is_fed():
        fed.add(machine.show(UNIT, "WatchdogTimestampMonotonic"))
        return len(fed) >= 5  # half a second each: longer than the watchdog waits

    wait_until(is_fed, 20, "the watchdog is not fed")
    assert (service.pid(), machine.show(UNIT, "NRestarts")) == (pid, "0")
    cancel(service, started)


def test_a_reload_takes_the_new_configuration_and_refuses_a_wrong_one(service, bare, machine):
    service.start()
    pid = service.pid()
    machine.write("/srv/oracle/other-oratab", f"NEWDB:{bare.home}:N\n")
    service.configure(bare, oracle={"oratab": "/srv/oracle/other-oratab"})
    machine.run("systemctl", "reload", UNIT)
    assert [row["sid"] for row in service.call("ListDatabases")] == ["NEWDB"]

    service.configure(bare, oracle={"chanels": 2})
    assert machine.try_run("systemctl", "reload", UNIT).returncode != 0
    (said,) = [entry["MESSAGE"] for entry in machine.journal(service.since, PRIORITY="3", _PID=str(pid))]
    assert "orabackup.conf" in said and "chanels" in said
    assert [row["sid"] for row in service.call("ListDatabases")] == ["NEWDB"]
    assert (service.pid(), machine.show(UNIT, "ActiveState")) == (pid, "active")


def test_the_service_tells_systemd_of_a_reload(service, machine):
    service.start()
    pid, unit = service.pid(), "/org/freedesktop/systemd1/unit/orabackupd_2eservice"
    service.connection.match(f"type='signal',sender='org.freedesktop.systemd1',path='{unit}',member='PropertiesChanged'")
    service.connection.call("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "Subscribe")

    def states():
        return [s.arguments[1]["ActiveState"] for s in service.signals if s.path == unit and "ActiveState" in s.arguments[1]]

    machine.run("kill", "-HUP", pid)
    service.wait_signal(lambda _: "reloading" in states() and states()[-1] == "active", 20)
    assert service.pid() == pid
    assert any("read again" in entry["MESSAGE"] for entry in machine.journal(service.since, _PID=str(pid)))
