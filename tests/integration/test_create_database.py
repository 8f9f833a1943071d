"""New databases and ARCHIVELOG mode: dbca without a password anywhere, what it leaves when it fails, and restarts that
change the mode of a database or leave it as it was."""

import signal
import subprocess
from pathlib import Path

import pytest
from support import dbus, oracle, processes
from support.daemon import ERROR

SID, NEW = "TESTDB15", "NEWDB"
CANARY = "Ca9naryPassw0rd"
FREEDESKTOP = "org.freedesktop.DBus.Error."


@pytest.fixture
def bare(make_host):
    """A host with Oracle's software and no database."""
    return make_host()


def install(make_daemon, host, password=CANARY, **configuration):
    one = make_daemon(host)
    if configuration:
        one.configure(**configuration)
    if password is not None:
        one.give_credential("sys-password", password + "\n")
    return one


def create(service, sid=NEW, **options):
    """The job's path; the only home of a bare host is named."""
    options.setdefault("oracle_home", service.host.home)
    return service.call("CreateDatabase", "sa{sv}", sid, dbus.options(**options))


def enable(service, sid=SID, **options):
    return service.call("EnableArchivelog", "sa{sv}", sid, dbus.options(**options))


def rows(service, job, key):
    """Those of Result that have the key."""
    return [row for row in service.job(job)["Result"] if key in row]


def created(service, job):
    outcome = service.wait(job)
    assert outcome.result == "done", f"{outcome}\n{service.log()[-6000:]}"
    assert outcome.type == "create-database"
    (row,) = rows(service, job, "created")
    return row


def failed(service, job, error):
    outcome = service.wait(job)
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + error), f"{outcome}\n{service.log()[-6000:]}"
    return outcome.error_message


def refused(call, *arguments, name=FREEDESKTOP + "InvalidArgs", **options):
    with pytest.raises(dbus.DBusError) as error:
        call(*arguments, **options)
    assert error.value.name == name, error.value
    return error.value.message


def listed(service, sid):
    return next(d for d in service.call("ListDatabases") if d["sid"] == sid)


def response_files(service):
    return list(Path(service.runtime).glob("dbca-*"))


def canary_in(*folders):
    """Files that hold the canary."""
    found = []
    for folder in folders:
        for path in Path(folder).rglob("*"):
            if path.is_file() and CANARY.encode() in path.read_bytes():
                found.append(str(path))
    return found


# CreateDatabase -----------------------------------------------------------------------------------------


def test_a_new_database_is_open_listed_backed_up_and_restored(make_daemon, bare):
    service = install(make_daemon, bare).start()
    service.give_identity()
    with processes.Sampler([CANARY]) as sampler:
        job = create(service, memory_percentage=("u", 30), charset="AL32UTF8", recovery_area=str(bare.fra))
        row = created(service, job)
        sampler.wait_rounds(1)
    assert sampler.seen == set() and sampler.rounds > 10
    assert (row["sid"], row["log_mode"], row["restarted"], row["listener"], row["selected"]) == (NEW, "ARCHIVELOG", False, "ready", True)
    assert row["destination"] == f"db_recovery_file_dest = {bare.fra}"
    assert Path(row["log"]).is_file()
    assert service.job(job)["Percent"] == 100
    database = listed(service, NEW)
    assert (database["state"], database["log_mode"], database["selected"]) == ("OPEN", "ARCHIVELOG", True)
    assert bare.oratab.read_text().count(f"{NEW}:{bare.home}:") == 1
    # The password is nowhere but where Oracle keeps what checks it.
    assert response_files(service) == []
    assert CANARY not in service.log() and canary_in(service.folder / "state", service.runtime, bare.folder) == []
    assert "dbca is at 40 % (Copying database files)" in service.log()
    # A level 0 works and comes back.
    bare.write_rows(NEW, 100)
    backup_id = service.backup()
    until = service.record(backup_id)["databases"][0]["until_scn"]
    blocks = bare.checksum(NEW, until)
    bare.write_rows(NEW, 100)
    service.restore(backup_id, overwrite=True)
    assert bare.checksum(NEW, until) == blocks


def test_the_sampler_sees_a_password_in_an_argument(bare):
    """dbca takes one; so a test that sees none has seen that none was given."""
    bare.hold("dbca")
    arguments = ["-silent", "-createDatabase", "-sid", NEW, "-templateName", "General_Purpose.dbc", "-sysPassword", CANARY, "-systemPassword", CANARY]
    with processes.Sampler([CANARY]) as sampler:
        process = subprocess.Popen([f"{bare.home}/bin/dbca", *arguments], env=oracle.Programs(bare, NEW).environment(), stdout=subprocess.DEVNULL)
        bare.wait_reached("dbca")
        sampler.wait_rounds(2)
        process.kill()
        process.wait()
    assert {where for _, where, _ in sampler.seen} == {"cmdline"}


def test_11_2_is_put_into_archivelog_mode_afterwards(make_host, make_daemon):
    host = make_host(version="11.2")
    service = install(make_daemon, host).start()
    job = create(service)
    row = created(service, job)
    area = f"{host.folder}/u01/app/oracle/fast_recovery_area"
    assert (row["restarted"], row["destination"]) == (True, f"db_recovery_file_dest = {area}")
    assert listed(service, NEW)["log_mode"] == "ARCHIVELOG"
    assert response_files(service) == [] and CANARY not in service.log()
    service.backup()
    # An instance that the service started outlives it.
    service.stop()
    assert host.status()[NEW]["status"] == "OPEN"


def test_12_2_makes_a_container_database(make_host, make_daemon):
    host = make_host(version="12.2")
    host.create_database("OTHER", "16M")
    service = install(make_daemon, host, password=None, oracle={"databases": "OTHER"}).start()
    with open(service.folder / "password", "w+b") as file:
        file.write(CANARY.encode())
        file.flush()
        # oratab names one home: it need not be said.
        job = service.call("CreateDatabase", "sa{sv}", NEW, dbus.options(pdb="SALES", sys_password=("h", file.fileno())))
    row = created(service, job)
    assert (row["restarted"], row["selected"]) == (False, False)
    assert "[oracle] databases" in rows(service, job, "note")[-1]["note"]
    programs = oracle.Programs(host, NEW)
    assert ["SALES", "READ WRITE"] in programs.ask(oracle.row("name", "open_mode") + " from v$pdbs")
    assert listed(service, NEW)["selected"] is False


BAD_OPTIONS = [
    ({"template": "../x.dbc"}, "template"),
    ({"template": "a b.dbc"}, "template"),
    ({"charset": "AL32UTF8;"}, "charset"),
    ({"memory_percentage": ("u", 91)}, "memory_percentage"),
    ({"memory_percentage": ("u", 0)}, "memory_percentage"),
    ({"pdb": "1st"}, "pdb"),
    ({"recovery_area": "fra"}, "recovery_area"),
    ({"data_directory": "/u02/{ORACLE_BASE}"}, "data_directory"),
    ({"oracle_home": "home"}, "oracle_home"),
    ({"colour": "red"}, "colour"),
]


def test_an_option_that_dbca_would_not_take_is_refused(make_daemon, bare):
    service = install(make_daemon, bare).start()
    for options, word in BAD_OPTIONS:
        assert word in refused(create, service, **options), options
    assert service.property("NJobs") == 0


def test_what_is_missing_is_said_before_a_job_begins(make_daemon, bare):
    service = install(make_daemon, bare, password=None).start()
    assert "sys_password" in refused(create, service)
    assert "SID" in refused(create, service, sid="NEW/DB")
    service.give_credential("sys-password", "with blank")
    message = refused(create, service)
    assert "password" in message and "with blank" not in message
    service.give_credential("sys-password", CANARY)
    assert "names no database" in refused(service.call, "CreateDatabase", "sa{sv}", NEW, {})
    bare.oratab.write_text("A:/u01/one:N\nB:/u01/two:N\n")
    message = refused(service.call, "CreateDatabase", "sa{sv}", NEW, {})
    assert "/u01/one" in message and "/u01/two" in message and "oracle_home" in message
    handle = service.folder / "large"
    handle.write_bytes(b"x" * (64 * 1024 + 1))
    with open(handle, "rb") as file:
        assert "sys_password" in refused(create, service, sys_password=("h", file.fileno()))
    assert service.property("NJobs") == 0
    assert CANARY not in service.log()


def test_a_database_that_exists_is_not_created_again(make_daemon, ora):
    service = install(make_daemon, ora).start()
    before = ora.checksum(SID)
    assert str(ora.oratab) in failed(service, create(service, SID), "DatabaseExists")
    entries = ora.oratab.read_text()
    ora.oratab.write_text("")
    assert "its instance runs" in failed(service, create(service, SID), "DatabaseExists")
    ora.shutdown(SID)
    assert f"spfile{SID}.ora" in failed(service, create(service, SID), "DatabaseExists")
    ora.oratab.write_text(entries)
    ora.startup(SID)
    assert {f["digest"] for f in ora.checksum(SID)["files"].values()} >= {f["digest"] for f in list(before["files"].values())[1:]}


def test_what_a_failed_dbca_left_is_named_and_not_removed(make_daemon, bare):
    service = install(make_daemon, bare).start()
    bare.fault("dbca-40", stack="disk-full")
    job = create(service, recovery_area=str(bare.fra))
    message = failed(service, job, "NoSpace")
    base = bare.folder / "u01/app/oracle"
    log = base / f"cfgtoollogs/dbca/{NEW}/{NEW}.log"
    assert "ORA-19502" in message and str(log) in message and log.is_file()
    left = {row["left"] for row in rows(service, job, "left")}
    assert {f"the line of {NEW} in {bare.oratab}", str(base / f"oradata/{NEW}"), str(bare.fra / NEW)} <= left
    assert f"{bare.home}/dbs/spfile{NEW}.ora" in left
    assert str(bare.oratab) in message
    assert (base / f"oradata/{NEW}/system01.dbf").is_file() and f"{NEW}:" in bare.oratab.read_text()
    assert service.job(job)["Percent"] == 10
    assert response_files(service) == [] and CANARY not in service.log()
    # The next one says why it does not begin.
    assert str(bare.oratab) in failed(service, create(service), "DatabaseExists")


def test_what_dbca_does_not_accept_is_told(make_daemon, bare):
    service = install(make_daemon, bare).start()
    message = failed(service, create(service, template="Nothing.dbc"), "Oracle")
    assert "DBT-10503" in message and "Nothing.dbc" in message and "254" in message
    message = failed(service, create(service, oracle_home=str(bare.folder)), "Oracle")
    assert f"{bare.folder}/bin/dbca" in message


def test_a_warning_of_dbca_is_a_note(make_daemon, bare):
    service = install(make_daemon, bare, password="weak").start()
    job = create(service)
    created(service, job)
    assert any("DBT-06208" in row["note"] for row in rows(service, job, "note"))


def test_a_cancel_ends_dbca(make_daemon, bare):
    service = install(make_daemon, bare).start()
    bare.hold("dbca-40")
    job = create(service)
    bare.wait_reached("dbca-40")
    assert [p.stat().st_mode & 0o777 for p in response_files(service)] == [0o600]
    assert refused(create, service, sid="THIRD", name=ERROR + "Busy")
    service.call("CancelJob", "u", service.job(job)["Id"])
    outcome = service.wait(job)
    assert (outcome.result, outcome.error_name) == ("cancelled", ERROR + "Cancelled")
    assert "10 %" in outcome.error_message and str(bare.oratab) in outcome.error_message
    assert response_files(service) == []
    assert not [c for _, c in processes.below(bare.folder) if "dbca" in c]


def test_a_stop_of_the_service_ends_dbca_in_good_order(make_daemon, bare):
    service = install(make_daemon, bare).start()
    bare.hold("dbca-40")
    create(service)
    bare.wait_reached("dbca-40")
    service.stop()
    assert response_files(service) == []
    assert not [c for _, c in processes.below(bare.folder) if "dbca" in c]
    assert "cut off: the service ended" in service.log()
    service.start()
    assert "create-database failed" not in service.log()[service.log_at_start :], "the job ended by itself"


def test_a_kill_during_dbca_is_interrupted_and_leaves_no_password(make_daemon, bare):
    service = install(make_daemon, bare).start()
    bare.hold("dbca-40")
    create(service)
    bare.wait_reached("dbca-40")
    assert len(response_files(service)) == 1
    service.kill()
    service.start()
    assert response_files(service) == []
    log = service.log()[service.log_at_start :]
    assert "create-database failed" in log and "Interrupted" in log and NEW in log
    assert service.call("ListJobs") == []
    bare.release("dbca-40")
    assert f"{NEW}:" in bare.oratab.read_text()
    assert "DatabaseExists" in service.wait(create(service)).error_name


# EnableArchivelog ---------------------------------------------------------------------------------------


@pytest.fixture
def without_logs(make_host):
    """A host with an open database in NOARCHIVELOG mode."""
    one = make_host()
    one.create_database(SID, "12M", "--noarchivelog")
    return one


def test_a_database_is_put_into_archivelog_mode_and_backed_up(make_daemon, without_logs):
    service = make_daemon(without_logs).start()
    pid = without_logs.status()[SID]["pid"]
    job = enable(service, confirm=True)
    outcome = service.wait(job)
    assert (outcome.result, outcome.type) == ("done", "enable-archivelog"), outcome
    (row,) = rows(service, job, "log_mode")
    assert row == {
        "sid": SID,
        "log_mode": "ARCHIVELOG",
        "already": False,
        "restarted": True,
        "destination": f"db_recovery_file_dest = {without_logs.fra}",
    }
    assert without_logs.status()[SID]["pid"] != pid
    assert listed(service, SID)["log_mode"] == "ARCHIVELOG"
    service.backup()
    # Once more: nothing is restarted.
    pid = without_logs.status()[SID]["pid"]
    job = enable(service, confirm=True)
    assert service.wait(job).result == "done"
    (row,) = rows(service, job, "log_mode")
    assert (row["already"], row["restarted"]) == (True, False)
    assert without_logs.status()[SID]["pid"] == pid


def test_a_restart_must_be_confirmed(make_daemon, without_logs):
    service = make_daemon(without_logs).start()
    pid = without_logs.status()[SID]["pid"]
    for options in ({}, {"confirm": False}):
        message = refused(enable, service, **options)
        assert "restarted" in message and "confirm" in message
    assert "NODB" in refused(enable, service, "NODB", name=ERROR + "NoSuchDatabase", confirm=True)
    assert service.property("NJobs") == 0
    assert without_logs.status()[SID]["pid"] == pid


def test_pluggable_databases_that_were_open_are_open_again(make_daemon, make_host):
    host = make_host()
    host.create_database(SID, "12M", "--noarchivelog", "--cdb")
    service = make_daemon(host).start()
    assert service.wait(enable(service, confirm=True)).result == "done", service.log()[-4000:]
    modes = dict(oracle.Programs(host, SID).ask(oracle.row("name", "open_mode") + " from v$pdbs"))
    assert modes == {"PDB$SEED": "READ ONLY", "PDB1": "READ WRITE"}


def test_an_instance_on_a_pfile_is_started_with_it(make_daemon, make_host):
    host = make_host()
    host.create_database(SID, "12M", "--noarchivelog", "--pfile")
    service = make_daemon(host).start()
    assert service.wait(enable(service, confirm=True)).result == "done", service.log()[-4000:]
    programs = oracle.Programs(host, SID)
    assert programs.ask(oracle.row("value") + " from v$parameter where name = 'spfile'") == [[""]]
    assert listed(service, SID)["log_mode"] == "ARCHIVELOG"


def test_without_a_destination_nothing_is_restarted(make_daemon, make_host):
    host = make_host()
    host.create_database(SID, "12M", "--noarchivelog", "--no-recovery-area")
    service = make_daemon(host).start()
    pid = host.status()[SID]["pid"]
    assert "db_recovery_file_dest" in failed(service, enable(service, confirm=True), "Oracle")
    logs = host.folder / "u03/logs"
    programs = oracle.Programs(host, SID)

    def set_destination(value, scope):
        return programs.sql(f"connect / as sysdba\nalter system set log_archive_dest_1='{value}' scope={scope};\nexit\n")

    set_destination("LOCATION=?/dbs/arch", "both")
    assert "?/dbs/arch" in failed(service, enable(service, confirm=True), "Oracle")
    set_destination(f"LOCATION={logs}", "memory")
    assert "LOCATION=?/dbs/arch" in failed(service, enable(service, confirm=True), "Oracle")
    set_destination(f"LOCATION={logs}", "both")
    assert f"directory {logs}" in failed(service, enable(service, confirm=True), "Oracle")
    assert host.status()[SID]["pid"] == pid and listed(service, SID)["log_mode"] == "NOARCHIVELOG"
    logs.mkdir()
    job = enable(service, confirm=True)
    assert service.wait(job).result == "done"
    assert rows(service, job, "destination")[0]["destination"] == f"log_archive_dest_1 = {logs}"
    service.backup()
    assert list(logs.glob("1_*"))


def test_a_shutdown_that_hangs_is_left_at_its_deadline(make_daemon, without_logs):
    service = make_daemon(without_logs)
    service.fault("shutdown-deadline", f"error {1}")
    service.start()
    pid = without_logs.status()[SID]["pid"]
    without_logs.fault("shutdown", hang="soft")
    message = failed(service, enable(service, confirm=True), "Timeout")
    assert f"database {SID} is OPEN now, mode NOARCHIVELOG" in message and "never aborted" in message
    assert without_logs.status()[SID] == {"status": "OPEN", "pid": pid}


def test_a_database_that_does_not_mount_is_opened_again_or_named(make_daemon, without_logs):
    service = make_daemon(without_logs).start()
    programs = oracle.Programs(without_logs, SID)
    # The start fails once: it is tried again, as it was.
    without_logs.fault("startup", stack="ORA-27104: system-defined limits for shared memory was misconfigured")
    message = failed(service, enable(service, confirm=True), "Oracle")
    assert "ORA-27104" in message and f"database {SID} is OPEN now, mode NOARCHIVELOG" in message
    assert without_logs.status()[SID]["status"] == "OPEN"
    # It fails again and again: its state is named.
    without_logs.fault("startup", stack="ORA-27104: system-defined limits for shared memory was misconfigured", times=9)
    message = failed(service, enable(service, confirm=True), "Oracle")
    assert f"database {SID} is DOWN now" in message and "start it by hand" in message
    assert SID not in without_logs.status()
    without_logs.clear_faults()
    # A database that is down is told, nothing is started.
    assert "ORA-01034" in failed(service, enable(service, confirm=True), "Oracle")
    assert SID not in without_logs.status()
    without_logs.startup(SID)
    assert programs.ask(oracle.row("log_mode") + " from v$database") == [["NOARCHIVELOG"]]


def test_what_is_no_single_primary_database_is_refused(make_daemon, without_logs):
    service = make_daemon(without_logs).start()
    pid = without_logs.status()[SID]["pid"]
    without_logs.site(SID, "threads", "2")
    assert "RAC" in failed(service, enable(service, confirm=True), "Unsupported")
    without_logs.site(SID, "threads", "1")
    without_logs.site(SID, "role", "STANDBY")
    assert "standby" in failed(service, enable(service, confirm=True), "Unsupported")
    assert without_logs.status()[SID]["pid"] == pid


def test_a_cancel_comes_too_late_once_the_shutdown_has_begun(make_daemon, without_logs):
    service = make_daemon(without_logs).start()
    without_logs.hold("shutdown")
    job = enable(service, confirm=True)
    without_logs.wait_reached("shutdown")
    message = refused(service.call, "CancelJob", "u", service.job(job)["Id"], name=ERROR + "Busy")
    assert SID in message
    without_logs.release("shutdown")
    assert service.wait(job).result == "done"


def test_a_kill_during_the_restart_is_named_at_the_next_start(make_daemon, without_logs):
    service = make_daemon(without_logs).start()
    without_logs.hold("shutdown")
    enable(service, confirm=True)
    without_logs.wait_reached("shutdown")
    service.process.send_signal(signal.SIGKILL)
    service.wait_for_death(-signal.SIGKILL)
    service.start()
    log = service.log()[service.log_at_start :]
    assert "enable-archivelog failed" in log and "Interrupted" in log and SID in log
    assert without_logs.status()[SID]["status"] == "OPEN"
    without_logs.release("shutdown")
    assert service.wait(enable(service, confirm=True)).result == "done"
