"""CheckConfiguration: each row is turned by what it is about, and by nothing else.

One host with two databases and one daemon stand for a whole round: what spoils the host, the first and the second database
is done at once, and exactly these three rows must not be ok. The store is the same afterwards."""

import contextlib
import os
import re
import shutil

import pytest
from support import dbus, paths
from support.daemon import ERROR, Identity, wait_until

A, B = "TESTDB15", "TESTDB16"
SEVERITIES = ("error", "warning", "info")


def check(service, **options):
    """{(check, database): row}"""
    job = service.call("CheckConfiguration", "a{sv}", dbus.options(**options))
    outcome = service.wait(job)
    assert outcome.result == "done", f"{outcome}\n{service.log()[-6000:]}"
    rows = service.job(job)["Result"]
    for row in rows:
        assert set(row) == {"check", "database", "ok", "severity", "detail"} and row["severity"] in SEVERITIES, row
        assert row["detail"] and "%" not in row["detail"].replace(" %", ""), row
    found = {(row["check"], row["database"]): row for row in rows}
    assert len(found) == len(rows), "a row is there twice"
    return found


def bad(rows):
    return {key: row["severity"] for key, row in rows.items() if not row["ok"]}


def everything(service):
    """All of the store, with what the scheme of backups does not name."""
    return sorted(str(p.relative_to(service.store)) for p in service.store.rglob("*"))


@pytest.fixture
def healthy(make_host, make_daemon, tmp_path):
    """healthy(SID..): the daemon on a host in perfect health with these databases."""

    def make(*sids):
        host = make_host()
        for sid in sids:
            host.create_database(sid, "8M")
            heal(host, sid)
        one = make_daemon(host)
        one.second = Identity(tmp_path / "second.txt")
        one.recipients.write_text(f"{one.identity.recipient}\n{one.second.recipient}\n")
        one.configure(oracle={"channels": 2}, store={"retry_time": "1s"})
        return one.start()

    return make


def heal(host, sid):
    """Nothing planted but what a careful site has set."""
    host.site(sid, "show")
    host.site(sid, "show", "v$database", "force_logging=YES")


# What spoils one database: {check: (severity, words of `site SID show` or a context manager)} -------------------


def shown(*words):
    @contextlib.contextmanager
    def planted(host, sid):
        host.site(sid, "show", *words)
        yield
        heal(host, sid)

    return planted


@contextlib.contextmanager
def away(path):
    aside = path.with_name(path.name + ".aside")
    path.rename(aside)
    yield
    aside.rename(path)


@contextlib.contextmanager
def without_password_file(host, sid):
    with away(host.folder / host.home / "dbs" / f"orapw{sid}"):
        yield


def configured(name, value):
    return shown("v$rman_configuration", f"name={name}", f"value={value}")


OF_DATABASE = {
    "rac": ("error", shown("v$instance", "parallel=YES")),
    "role": ("error", shown("v$database", "database_role=PHYSICAL STANDBY")),
    "control_file": ("error", shown("v$database", "controlfile_type=BACKUP")),
    "archivelog": ("error", shown("v$database", "log_mode=NOARCHIVELOG")),
    "read_write": ("error", shown("v$database", "open_mode=READ ONLY")),
    "asm": ("error", shown("v$logfile", "member=+DATA/redo01.log", "where", "group#=1")),
    "offline_files": ("error", shown("v$datafile", "status=RECOVER", "where", "file#=4")),
    "spfile": ("info", shown("v$parameter", "value=", "where", "name=spfile")),
    "password_file": ("warning", without_password_file),
    "local_listener": ("warning", shown("v$parameter", "value=LISTENER_GONE", "where", "name=local_listener")),
    "archive_destinations": ("error", shown("v$archive_dest", "status=ERROR", "error=ORA-16032: no parameter", "where", "dest_id=1")),
    "archive_space": ("error", shown("v$recovery_file_dest", "space_used=21474836000")),
    "force_logging": ("warning", shown("v$database", "force_logging=NO")),
    "unrecoverable_files": ("warning", shown("v$datafile", "unrecoverable_change#=99999999", "where", "file#=4")),
    "corruption": ("warning", shown("v$database_block_corruption", "file#=4", "block#=10", "blocks=1")),
    "excluded_tablespaces": ("info", shown("v$tablespace", "included_in_database_backup=NO", "where", "name=USERS")),
    "tde": ("warning", shown("v$encryption_wallet", "status=OPEN")),
    "record_keep_time": ("warning", shown("v$parameter", "value=6", "where", "name=control_file_record_keep_time")),
    "restore_points": ("warning", shown("v$restore_point", "name=BEFORE_UPGRADE", "guarantee_flashback_database=YES")),
    "flashback": ("info", shown("v$database", "flashback_on=YES")),
    "change_tracking": ("info", shown("v$block_change_tracking", "status=ENABLED", "filename=/u02/bct.f")),
    "remote_destinations": (
        "info",
        shown("v$archive_dest", "status=VALID", "target=STANDBY", "destination=stby", "where", "dest_id=2"),
    ),
    "channels": ("warning", shown("v$version", "banner=Oracle Database 19c Standard Edition 2 Release 19.0.0.0.0 - Production")),
    "pluggable_databases": ("warning", shown("v$pdbs", "con_id=3", "name=PDB1", "open_mode=READ WRITE", "restricted=YES")),
    "other_rman_users": ("warning", shown("v$rman_status", "operation=CROSSCHECK")),
    "rman_copies": ("info", configured("DATAFILE BACKUP COPIES FOR DEVICE TYPE", "DISK TO 2")),
    "rman_compression": ("info", configured("COMPRESSION ALGORITHM", "'MEDIUM'")),
    "rman_encryption": ("warning", configured("ENCRYPTION FOR DATABASE", "ON")),
    "rman_device": ("info", configured("DEFAULT DEVICE TYPE TO", "'SBT_TAPE'")),
    "rman_autobackup": ("info", configured("CONTROLFILE AUTOBACKUP", "ON")),
    "rman_optimization": ("info", configured("BACKUP OPTIMIZATION", "ON")),
}

# What spoils the host: {name: (rows, context manager)} -----------------------------------------------------------


@contextlib.contextmanager
def text(path, change):
    kept = path.read_text()
    path.write_text(change(kept))
    yield
    path.write_text(kept)


@contextlib.contextmanager
def mode(path, bits):
    kept = path.stat().st_mode
    path.chmod(bits)
    yield
    path.chmod(kept)


@contextlib.contextmanager
def credential(service, name, content, bits=0o600):
    service.give_credential(name, content)
    (service.credentials / name).chmod(bits)
    yield
    (service.credentials / name).unlink()


@contextlib.contextmanager
def from_the_future(service):
    path = service.store / service.instance / "begin/0000000001.json"
    kept = path.stat()
    os.utime(path, (kept.st_atime, kept.st_mtime + 86400))
    yield
    os.utime(path, (kept.st_atime, kept.st_mtime))


@contextlib.contextmanager
def claimed_by_another(service):
    first = service.store / service.instance / "begin/0000000001.json"
    second = first.with_name("0000000002.json")
    shutil.copy2(first, second)
    yield
    second.unlink()


@contextlib.contextmanager
def configured_otherwise(service, **changes):
    service.configure(**changes)
    service.call("Reload")
    yield
    service.configure(oracle={"channels": 2}, store={"retry_time": "1s"})
    service.call("Reload")


def inside_recovery_area(service):
    inside = service.host.fra / "staging"
    inside.mkdir(mode=0o750, exist_ok=True)
    return configured_otherwise(service, oracle={"channels": 2, "backup_dir": inside}, store={"retry_time": "1s"})


OF_HOST = {
    "a key that there is none of": ({"configuration": "error"}, lambda s: text(s.configuration, lambda t: t + "colour = red\n")),
    "an instance that a reload refuses": (
        {"configuration": "error"},
        lambda s: text(s.configuration, lambda t: t.replace("name = testhost", "name = other")),
    ),
    "one recipient": ({"recipients": "warning"}, lambda s: text(s.recipients, lambda t: t.splitlines()[0] + "\n")),
    "no recipients": ({"recipients": "error"}, lambda s: away(s.recipients)),
    "a recipient that is none": ({"recipients": "error"}, lambda s: text(s.recipients, lambda t: "age1nothing\n")),
    "another identity": ({"identity": "error"}, lambda s: credential(s, "identity", s.stranger.path.read_bytes())),
    "an identity that is none": ({"identity": "error"}, lambda s: credential(s, "identity", b"nothing\n")),
    "a credential open to others": ({"credentials": "error"}, lambda s: credential(s, "sys-password", b"x", 0o644)),
    "a line of trusted-keys": ({"trusted_keys": "error"}, lambda s: text(s.trusted_keys, lambda t: "testhost nothing\n")),
    "the signing key gone": ({"signing_key": "error"}, lambda s: away(next((s.state / "signing").glob("*.pem")))),
    "the signing key open": ({"signing_key": "error"}, lambda s: mode(next((s.state / "signing").glob("*.pem")), 0o640)),
    "staging gone": ({"backup_dir": "error"}, lambda s: away(s.staging)),
    "staging open": ({"backup_dir": "warning"}, lambda s: mode(s.staging, 0o755)),
    "staging in the recovery area": ({"backup_dir": "error"}, inside_recovery_area),
    # Space, claims and clock cannot be looked at then: their rows are left out.
    "the store gone": ({"store": "error"}, lambda s: away(s.store)),
    "an object from the future": ({"clock": "error"}, from_the_future),
    "another writer": ({"claims": "error"}, claimed_by_another),
}


def test_a_healthy_host_has_no_row_that_is_not_ok(healthy):
    two = healthy(A)
    before = everything(two)
    rows = check(two)
    assert bad(rows) == {}
    assert {name for name, _ in rows} >= set(OF_DATABASE) | {k for kinds, _ in OF_HOST.values() for k in kinds} - {"identity"}
    assert everything(two) == before
    manual = (paths.TOP / "man/orabackupd.8").read_text().partition(".Sh CHECKS")[2].partition(".Sh THE BUS")[0]
    assert {name for name, _ in rows} <= set(re.findall(r"[a-z_]+", manual))
    with open(two.second.path, "rb") as file:
        assert check(two, identity=("h", file.fileno()))["identity", ""]["ok"]
    with credential(two, "identity", two.identity.path.read_bytes()):
        assert check(two)["identity", ""]["ok"]


def test_each_row_is_turned_by_what_it_is_about(healthy, tmp_path):
    two = healthy(A, B)
    two.backup()
    two.stranger = Identity(tmp_path / "stranger.txt")
    before = everything(two)
    of_host, of_database = list(OF_HOST.items()), list(OF_DATABASE.items())
    first, second = of_database[: len(of_database) // 2 + 1], of_database[len(of_database) // 2 + 1 :]
    for i in range(max(len(of_host), len(first))):
        expected, names = {}, []
        with contextlib.ExitStack() as stack:
            for sid, half in ((A, first), (B, second)):
                if i < len(half):
                    name, (severity, spoil) = half[i]
                    stack.enter_context(spoil(two.host, sid))
                    expected[name, sid] = severity
            if i < len(of_host):
                name, (kinds, spoil) = of_host[i]
                names.append(name)
                stack.enter_context(spoil(two))
                expected.update({(kind, ""): severity for kind, severity in kinds.items()})
            rows = check(two)
            assert bad(rows) == expected, (names, {k: rows[k] for k in bad(rows)})
    assert bad(check(two)) == {}
    assert everything(two) == before


def test_what_both_databases_share(healthy):
    """One Oracle home, one listener, one operating system user: these turn the row of each database."""
    two = healthy(A, B)
    both = lambda name, severity: {(name, A): severity, (name, B): severity}  # noqa: E731
    two.host.knob(listener="down")
    assert bad(check(two)) == both("listener", "warning")
    two.host.knob(listener="bare")
    assert bad(check(two)) == both("listener", "warning")
    two.host.knob(listener="up")
    with away(two.host.folder / two.host.home / "bin/rman"):
        assert bad(check(two)) == both("rman_program", "error")
    two.host.knob(os_auth="refuse")
    rows = check(two)
    assert bad(rows) == both("connection", "error")
    assert "ORA-01031" in rows["connection", A]["detail"]
    two.host.knob(os_auth="owner")
    with configured_otherwise(two, oracle={"databases": "NOPE"}):
        rows = check(two)
        assert bad(rows) == {("databases", ""): "error"} and "NOPE" in rows["databases", ""]["detail"]


    two.host.shutdown(A)
    rows = check(two)  # the other database has all of its rows
    assert bad(rows) == {("open", A): "error"}
    assert A in rows["open", A]["detail"]
    assert {name for name, sid in rows if sid == A} == {"open"}
    assert {name for name, sid in rows if sid == B} >= set(OF_DATABASE)
    two.host.startup(A, "mount")
    rows = check(two)
    assert bad(rows) == {("open", A): "error"}
    assert rows["archivelog", A]["ok"] and ("read_write", A) not in rows


def test_room_for_the_next_backup(healthy):
    """Staging and store lie on one file system here: an estimate that does not fit turns both rows."""
    two = healthy(A)
    two.host.site(A, "show", "v$datafile", "bytes=999999999999999", "where", "file#=4")
    assert bad(check(two)) == {("backup_dir_space", ""): "error", ("store_space", ""): "error"}
    heal(two.host, A)
    two.backup()
    assert bad(check(two)) == {}
    two.host.site(A, "show", "v$backup_datafile", "blocks=999999999999", "where", "file#=4", "incremental_level=0")
    two.host.site(A, "show", "v$backup_datafile", "blocks=999999999999", "where", "file=4")
    two.host.site(A, "show", "v$backup_datafile", "blocks=999999999999", "where", "file#=4")
    assert bad(check(two)) == {("backup_dir_space", ""): "error", ("store_space", ""): "error"}


def test_work_that_is_owed(healthy):
    two = healthy(A)
    two.host.hold(f"piece-2@{A}")
    started = two.create_backup(databases=[A])
    two.host.wait_reached(f"piece-2@{A}")
    two.host.shutdown(A, abort=True)
    two.host.release(f"piece-2@{A}")
    assert two.wait(started.job).result == "failed"
    rows = check(two)
    assert bad(rows) == {("owed_work", ""): "warning", ("open", A): "error"}  # the database that is down is why it is owed
    assert started.backup_id in rows["owed_work", ""]["detail"] and A in rows["owed_work", ""]["detail"]
    two.host.startup(A)


def test_others_who_use_rman_are_told_at_each_backup(healthy):
    """Our own DELETE, after a backup that failed, is no sign of anybody."""
    two = healthy(A)
    two.configure(oracle={"retries": 0, "channels": 2})
    two.call("Reload")
    two.host.fault("piece-2", signal="KILL")
    failed = two.create_backup(databases=[A])
    assert two.wait(failed.job).result == "failed"
    assert bad(check(two)) == {}
    two.backup(databases=[A])
    assert "somebody else uses RMAN" not in two.log()
    two.host.site(A, "full-backup")
    two.host.site(A, "crosscheck", "delete")
    rows = check(two)
    assert bad(rows) == {("other_rman_users", A): "warning"}
    told = rows["other_rman_users", A]["detail"]
    for part in ("SITE_FULL_", "CROSSCHECK was run 1 times", "DELETE was run 1 times", "(1)", "(2)", "(3)", "(4)", "(5)"):
        assert part in told, told
    two.backup(databases=[A])
    assert told in two.log()
    with configured_otherwise(two, oracle={"channels": 2, "repository": "forget"}):
        assert bad(check(two)) == {}


def test_a_check_runs_beside_a_backup(healthy):
    two = healthy(A)
    two.host.hold("piece-1")
    started = two.create_backup()
    two.host.wait_reached("piece-1")
    assert bad(check(two)) == {}
    two.host.release("piece-1")
    assert two.wait(started.job).result == "done"


def test_a_probe_does_not_stay_in_the_store(healthy):
    """Neither when its check is cancelled, nor, after a crash, beyond the next check."""
    two = healthy(A)
    before = everything(two)
    two.fault("store-get-object", "hold")
    job = two.call("CheckConfiguration", "a{sv}", {})
    two.wait_passed("store-get-object")
    two.call("CancelJob", "u", two.job(job)["Id"])
    outcome = two.wait(job)
    two.clear_fault("store-get-object")
    assert (outcome.result, outcome.error_name) == ("cancelled", ERROR + "Cancelled")
    wait_until(lambda: everything(two) == before, 10, "the probe is still there")
    left = two.store / two.instance / "probe/11111111-2222-4333-8444-555555555555"
    left.parent.mkdir(parents=True)
    left.write_text("left")
    os.utime(left, (1, 1))
    assert two.list_backups() == []
    assert bad(check(two)) == {}
    assert everything(two) == before


@pytest.mark.parametrize("options, error", [({"colour": "red"}, "InvalidArgs"), ({"identity": "here"}, "InvalidArgs")])
def test_arguments_of_a_check_are_refused_in_the_reply(service, options, error):
    with pytest.raises(dbus.DBusError) as refused:
        service.call("CheckConfiguration", "a{sv}", dbus.options(**options))
    assert refused.value.name == "org.freedesktop.DBus.Error." + error
    assert service.property("NJobs") == 0
