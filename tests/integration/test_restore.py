"""Restores on a bare host: block by block what it was; and what a restore refuses, without changing anything."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from support import processes
from support.daemon import ERROR, Identity, wait_until
from support.judge import assert_failed_restore, assert_next_backup_completes


class Lost:
    """A host that was backed up and is gone: what it held at the end of the backup, and its installation."""

    def __init__(self, host, service, backup_id):
        self.backup_id = backup_id
        self.key, self.instance, self.folder = service.own_key(), service.instance, host.folder
        self.databases = {d["sid"]: d for d in service.record(backup_id)["databases"]}
        self.blocks = {sid: host.checksum(sid, d["until_scn"]) for sid, d in self.databases.items()}
        service.stop()
        host.lose()

    def assert_same_blocks(self, host):
        for sid, database in self.databases.items():
            assert host.status()[sid]["status"] == "OPEN"
            assert host.checksum(sid, database["until_scn"]) == self.blocks[sid]


@pytest.fixture
def lost(service, ora):
    with ora.writing("TESTDB15"):
        backup_id = service.backup()
    return Lost(ora, service, backup_id)


def bare(make_host, make_daemon, lost, trust=True, identity=True, **options):
    """A bare host at the same place, with what the README names: configuration, trusted key, store, identity, Oracle home."""
    host = make_host(lost.folder.name)
    one = make_daemon(host, name="bare", **options)
    if trust:
        one.trusted_keys.write_text(f"{lost.instance} {lost.key} the lost host\n")
    if identity:
        one.give_identity()
    return host, one


def files_of(host):
    """Everything below the places that a restore may touch."""
    return sorted(str(p) for top in (host.oradata, host.fra, host.folder / "etc") for p in top.rglob("*") if p.is_file())


@pytest.mark.both_drivers
@pytest.mark.smoke
def test_a_bare_host_gets_everything_back(make_host, make_daemon, lost):
    host, one = bare(make_host, make_daemon, lost)
    one.start()
    outcome = one.restore(lost.backup_id)
    assert (outcome.type, outcome.backup_id) == ("restore", lost.backup_id)
    lost.assert_same_blocks(host)
    assert "TESTDB15:" in host.oratab.read_text()
    assert not list(one.staging.rglob("*.tmp*"))
    taken = one.take_over()
    assert taken.result == "done", taken
    assert_next_backup_completes(one, None)


@pytest.mark.parametrize("change", ["drop-tablespace", "add-datafile"])
def test_what_changed_right_before_the_control_file_comes_back_as_it_was_then(make_host, make_daemon, service, ora, change):
    """The control file is younger than the logs: what the dictionary has and it has not, or the other way, would be lost at the open."""
    if change == "drop-tablespace":
        ora.run("add-datafile", "TESTDB15", "EXTRA", "--size", "2M")
    ora.hold("controlfile-piece")
    started = service.create_backup()
    ora.wait_reached("controlfile-piece")
    ora.run(change, "TESTDB15", "EXTRA")
    ora.release("controlfile-piece")
    assert service.wait(started.job).result == "done", service.log()[-6000:]
    lost = Lost(ora, service, started.backup_id)
    host, one = bare(make_host, make_daemon, lost)
    one.start()
    one.restore(lost.backup_id)
    lost.assert_same_blocks(host)
    names = " ".join(file["name"] for file in host.checksum("TESTDB15")["files"].values())
    assert "MISSING" not in names and ("extra" in names) == (change == "add-datafile")


def test_two_databases_come_back(make_host, make_daemon):
    host = make_host()
    host.create_database("TESTDB15")
    host.create_database("TESTDB16")
    source = make_daemon(host).start()
    lost = Lost(host, source, source.backup())
    host, one = bare(make_host, make_daemon, lost)
    one.start()
    one.restore(lost.backup_id)
    lost.assert_same_blocks(host)


def test_one_of_two_databases_comes_back(make_host, make_daemon):
    host = make_host()
    host.create_database("TESTDB15")
    host.create_database("TESTDB16")
    source = make_daemon(host).start()
    lost = Lost(host, source, source.backup())
    host, one = bare(make_host, make_daemon, lost)
    one.start()
    one.restore(lost.backup_id, databases=["TESTDB16"])
    assert set(host.status()) == {"TESTDB16"}


def test_a_dry_run_shows_the_plan_and_changes_nothing(make_host, make_daemon, lost):
    host, one = bare(make_host, make_daemon, lost)
    one.start()
    before = files_of(host)
    job = one.restore_backup(lost.backup_id, dry_run=True)
    assert one.wait(job).result == "done"
    assert "TESTDB15" in str(one.job(job)["Result"])
    assert files_of(host) == before and host.status() == {}
    assert not [p for p in one.staging.rglob("*") if p.is_file()]


def test_the_identity_may_come_as_a_handle(make_host, make_daemon, lost, identity):
    host, one = bare(make_host, make_daemon, lost, identity=False)
    one.start()
    with open(identity.path, "rb") as file:
        one.restore(lost.backup_id, identity=("h", file.fileno()))
    lost.assert_same_blocks(host)


def test_the_trusted_key_may_be_named_in_the_call(make_host, make_daemon, lost):
    host, one = bare(make_host, make_daemon, lost, trust=False)
    one.start()
    one.restore(lost.backup_id, trust=lost.key)
    lost.assert_same_blocks(host)


def test_a_database_that_is_there_is_replaced_when_told(service, ora):
    service.give_identity()
    service.stop()
    service.start()
    backup_id = service.backup()
    until = service.record(backup_id)["databases"][0]["until_scn"]
    blocks = ora.checksum("TESTDB15", until)
    ora.write_rows("TESTDB15", 500)
    service.restore(backup_id, overwrite=True)
    assert ora.checksum("TESTDB15", until) == blocks
    assert_next_backup_completes(service, None)


@pytest.mark.both_drivers
def test_backups_are_refused_until_the_host_takes_over(make_host, make_daemon, lost):
    _, one = bare(make_host, make_daemon, lost)
    one.start()
    one.restore(lost.backup_id)
    started = one.create_backup()
    outcome = one.wait(started.job)
    assert outcome.error_name == ERROR + "NotOwner"
    assert one.take_over().result == "done"
    assert_next_backup_completes(one, None)


# Failures; after each the five things hold, the next backup after TakeOver -----------------------------------


def fail(make_host, make_daemon, lost, error, thing, repair=None, spoil=None, options=None, **bare_options):
    """A restore on a bare host that must fail so, leave the host as it was, and succeed once the cause is gone."""
    host, one = bare(make_host, make_daemon, lost, **bare_options)
    if spoil is not None:
        spoil(one)
    one.start()
    before = files_of(host)
    outcome = one.wait(one.restore_backup(lost.backup_id, **(options or {})))
    assert files_of(host) == before, "a failed restore changed the host"
    assert host.status() == {}

    def right():
        if repair is not None:
            repair(one)
        one.stop()
        one.start()
        one.restore(lost.backup_id)
        lost.assert_same_blocks(host)

    assert_failed_restore(one, lost.backup_id, outcome, error, thing, repair=right)


def test_no_identity(make_host, make_daemon, lost):
    fail(make_host, make_daemon, lost, "NoIdentity", "identity", identity=False, repair=lambda one: one.give_identity())


def test_a_wrong_identity(make_host, make_daemon, lost, tmp_path):
    other = Identity(tmp_path / "other.txt")
    fail(
        make_host,
        make_daemon,
        lost,
        "WrongIdentity",
        lost.backup_id,
        spoil=lambda one: one.give_identity(other),
        repair=lambda one: one.give_identity(),
    )


def test_an_untrusted_key_is_shown(make_host, make_daemon, lost):
    fail(make_host, make_daemon, lost, "Untrusted", lost.key, trust=False, repair=lambda one: trust(one, lost))


def trust(one, lost, instance=None):
    one.trusted_keys.write_text(f"{instance or lost.instance} {lost.key}\n")


def test_a_key_of_another_instance_is_not_trusted(make_host, make_daemon, lost):
    fail(
        make_host,
        make_daemon,
        lost,
        "Untrusted",
        lost.key,
        spoil=lambda one: trust(one, lost, "another-instance"),
        repair=lambda one: trust(one, lost),
    )


def flipped(path, offset):
    """Flips a bit of a file in place, and gives what puts it back."""
    data = path.read_bytes()
    at = offset if offset >= 0 else len(data) + offset
    mode = path.stat().st_mode
    path.chmod(0o640)
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])

    def back(_):
        path.write_bytes(data)
        path.chmod(mode)

    return back


@pytest.mark.both_drivers
def test_a_flipped_byte_in_the_record(make_host, make_daemon, lost, place):
    path = place.top / lost.instance / lost.backup_id / "backup.json"
    offset = path.read_bytes().index(b'"payload":"') + 200
    fail(make_host, make_daemon, lost, "Signature", lost.backup_id, repair=flipped(path, offset))


@pytest.mark.both_drivers
@pytest.mark.parametrize("offset", [30, 300_000, 1_500_000, -5])
def test_a_flipped_byte_in_a_segment(make_host, make_daemon, lost, place, offset):
    path = place.top / lost.instance / lost.backup_id / "backup.tar.age"
    fail(make_host, make_daemon, lost, "Integrity", lost.backup_id, repair=flipped(path, offset))


@pytest.mark.both_drivers
def test_a_truncated_file(make_host, make_daemon, lost, place):
    path = place.top / lost.instance / lost.backup_id / "backup.tar.age"
    data = path.read_bytes()
    path.chmod(0o640)
    path.write_bytes(data[:-100])
    fail(make_host, make_daemon, lost, "Integrity", lost.backup_id, repair=lambda _: path.write_bytes(data))


@pytest.mark.both_drivers
def test_a_missing_file(make_host, make_daemon, lost, place):
    path = place.data_of(place.top / lost.instance / lost.backup_id / "backup.tar.age")
    away = path.with_name("away")
    path.rename(away)
    try:
        fail(make_host, make_daemon, lost, "Integrity", lost.backup_id, repair=lambda _: away.rename(path))
    finally:
        if away.exists():
            away.rename(path)


@pytest.mark.both_drivers
def test_a_record_without_a_good_signature_is_taken_when_told(make_host, make_daemon, lost, place):
    path = place.top / lost.instance / lost.backup_id / "backup.json"
    flipped(path, path.read_bytes().index(b'"sig":"') + 20)
    host, one = bare(make_host, make_daemon, lost)
    one.start()
    one.restore(lost.backup_id, unsigned=True)
    lost.assert_same_blocks(host)


def test_a_database_that_is_there_is_in_the_way(service, ora):
    service.give_identity()
    service.stop()
    service.start()
    backup_id = service.backup()
    before = ora.checksum("TESTDB15")
    outcome = service.wait(service.restore_backup(backup_id))
    assert ora.checksum("TESTDB15").keys() == before.keys()
    assert ora.status()["TESTDB15"]["status"] == "OPEN"
    assert_failed_restore(service, backup_id, outcome, "DatabaseExists", "TESTDB15", take_over=False)


@pytest.mark.parametrize("kind", ["data file", "control file", "redo log"])
def test_a_file_of_the_database_alone_is_in_the_way(make_host, make_daemon, lost, kind):
    host, one = bare(make_host, make_daemon, lost)
    database = lost.databases["TESTDB15"]
    data = [f["name"] for f in database["datafiles"]]
    part = {"control file": "control", "redo log": "redo"}.get(kind)
    left = Path(data[0] if part is None else next(name for name in database["other_files"] if part in name))
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"not ours")
    one.start()
    outcome = one.wait(one.restore_backup(lost.backup_id))
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + "DatabaseExists")
    assert str(left) in outcome.error_message
    assert left.read_bytes() == b"not ours"
    left.unlink()
    one.restore(lost.backup_id)
    lost.assert_same_blocks(host)


@pytest.mark.needs_root
def test_a_full_disk_at_the_target(make_host, make_daemon, lost):
    host, one = bare(make_host, make_daemon, lost)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0750", "tmpfs", str(one.staging)], check=True)
    try:
        one.start()
        outcome = one.wait(one.restore_backup(lost.backup_id))
        assert not [p for p in one.staging.rglob("*") if p.is_file()]
        assert host.status() == {}
    finally:
        one.stop()
        subprocess.run(["umount", str(one.staging)], check=True)
    one.start()
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + "NoSpace")
    assert f"{one.staging}/{lost.backup_id} has" in outcome.error_message and "bytes free" in outcome.error_message
    one.restore(lost.backup_id)
    lost.assert_same_blocks(host)
    assert one.take_over().result == "done"
    assert_next_backup_completes(one, None)


PHASES = ["sqlplus", "rman-restore", "rman-recover", "mount", "open"]


@pytest.mark.parametrize("moment", PHASES)
def test_a_kill_during_a_restore_is_interrupted_and_can_be_repeated(make_host, make_daemon, lost, moment):
    host, one = bare(make_host, make_daemon, lost)
    one.start()
    host.hold(moment)
    job = one.restore_backup(lost.backup_id)
    host.wait_reached(moment)
    number = one.job(job)["Id"]
    one.kill()
    host.release(moment)
    wait_until(lambda: not [p for p in processes.below(host.folder) if "/bin/rman" in p[1]], 60, "rman outlives the daemon")
    one.start()
    wait_until(lambda: f"ORABACKUP_JOB={number}" in one.log()[one.log_at_start :], 30, "the interrupted job is not named in the log")
    said = one.log()[one.log_at_start :]
    assert f"restore {lost.backup_id} failed: it was cut off" in said
    assert "Error.Interrupted" in said and "left as it is: TESTDB15" in said
    assert not [p for p in one.staging.rglob("*") if p.is_file()]
    one.restore(lost.backup_id, overwrite=True)
    lost.assert_same_blocks(host)
    assert one.take_over().result == "done"
    assert_next_backup_completes(one, None)


@pytest.mark.both_drivers
def test_a_cancelled_restore_is_cancelled(make_host, make_daemon, lost):
    host, one = bare(make_host, make_daemon, lost)
    one.start()
    host.hold("rman-restore")
    job = one.restore_backup(lost.backup_id)
    host.wait_reached("rman-restore")
    one.call("CancelJob", "u", one.job(job)["Id"])
    outcome = one.wait(job)
    host.release("rman-restore")
    assert (outcome.result, outcome.error_name) == ("cancelled", ERROR + "Cancelled")
    one.restore(lost.backup_id, overwrite=True)
    lost.assert_same_blocks(host)


def test_an_instance_that_a_restore_started_outlives_the_daemon(make_host, make_daemon, lost):
    host, one = bare(make_host, make_daemon, lost)
    one.start()
    one.restore(lost.backup_id)
    pid = host.status()["TESTDB15"]["pid"]
    os.kill(one.process.pid, signal.SIGKILL)
    one.process.wait()
    one.process = None
    assert processes.alive(pid)
    lost.assert_same_blocks(host)
