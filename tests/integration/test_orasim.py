"""The simulator of Oracle by itself: a backup and a restore with the product's scripts give the same blocks, and each step that is
dropped, reordered or spoilt ends in the error it would end in with Oracle."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from support import host as hosts
from support import oracle, paths, processes
from support.oracle import TAG, Kept, Programs, row, scripts, take_backup

SID = "TESTDB15"


@pytest.fixture
def programs(ora):
    return Programs(ora, SID)


@pytest.fixture
def staging(tmp_path):
    return tmp_path / "staging"


def lose_and_renew(host):
    """The host is gone; a bare one stands at the same place."""
    host.lose()
    return hosts.OraHost(host.folder, name=host.name)


# The whole way ------------------------------------------------------------------------------------------


def test_restored_blocks_equal_those_as_of_until_scn(ora, programs, staging, tmp_path):
    with ora.writing(SID):
        status, out = take_backup(programs, staging, piece_size=8 << 20)
        assert status == 0, out
        time_to_write_on(programs)
    kept = Kept(programs, staging, tmp_path / "kept")
    assert kept.low < kept.fuzzy < kept.until, "rows were written during the backup, so it must be fuzzy"
    bare = lose_and_renew(ora)
    kept.put_files()
    status, out = kept.restore(Programs(bare, SID))
    assert status == 0, out
    assert bare.checksum(SID, kept.until) == kept.blocks
    assert [f["digest"] for f in bare.checksum(SID)["files"].values()] == [f["digest"] for f in kept.blocks["files"].values()]


def time_to_write_on(programs):
    """Until the database has changed beyond the backup."""
    first = int(programs.ask(row("current_scn") + " from v$database")[0][0])
    while int(programs.ask(row("current_scn") + " from v$database")[0][0]) < first + 200:
        pass


@pytest.mark.parametrize("version, flags", [("11.2", []), ("12.2", ["--cdb"]), ("19c", ["--cdb", "--omf"])])
def test_every_release_goes_the_whole_way(make_host, tmp_path, staging, version, flags):
    host = make_host(version=version)
    host.create_database(SID, "24M", *flags)
    programs = Programs(host, SID)
    status, out = take_backup(programs, staging)
    assert status == 0, out
    kept = Kept(programs, staging, tmp_path / "kept")
    directories = {os.path.dirname(f["name"]) for f in kept.blocks["files"].values()}
    host.lose()
    bare = hosts.OraHost(host.folder, version=version)
    kept.put_files()
    for directory in directories:
        os.makedirs(directory, exist_ok=True)
    status, out = kept.restore(Programs(bare, SID))
    assert status == 0, out
    assert bare.checksum(SID, kept.until) == kept.blocks
    bare.finish()


def test_a_level_1_holds_what_changed_since_its_base(ora, programs, staging, tmp_path):
    ora.run("add-datafile", SID, "OLD", "--size", "2M")
    ora.run("read-only", SID, "OLD")
    assert take_backup(programs, staging)[0] == 0
    full = sum(p.stat().st_size for p in staging.rglob("o1_mf_nnnd0_*.bkp"))
    ora.write_rows(SID, 100)
    ora.run("add-datafile", SID, "NEW", "--size", "2M")
    (new,) = [r[0] for r in programs.ask(row("file#") + " from v$datafile where name like '%new%'")]
    tag = "LEVEL1-20261123T061044Z"
    status, out = take_backup(programs, staging, level=1, tag=tag, files=[new])
    assert status == 0, out
    assert "because it has not changed" in out
    assert "no parent backup" not in out
    changed = sum(p.stat().st_size for p in staging.rglob("o1_mf_nnnd1_*.bkp"))
    assert 0 < changed < full / 4
    kept = Kept(programs, staging, tmp_path / "kept", tag=tag)
    bare = lose_and_renew(ora)
    kept.put_files()
    status, out = kept.restore(Programs(bare, SID))
    assert status == 0, out
    assert "starting incremental datafile backup set restore" in out
    assert bare.checksum(SID, kept.until) == kept.blocks
    bare.finish()


def test_a_level_1_without_a_base_says_so_and_takes_all(programs, staging):
    status, out = take_backup(programs, staging, level=1)
    assert status == 0
    assert "no parent backup or copy of datafile 1 found" in out
    rows = programs.ask(row("incremental_level") + " from v$backup_datafile where file# > 0")
    assert rows == [["0"]] * 4


def test_an_instance_lives_on_and_ends_with_its_host(ora):
    pid = ora.status()[SID]["pid"]
    assert processes.command(pid) == f"ora_pmon_{SID}"
    away = ora.folder.with_name("away")
    ora.folder.rename(away)
    try:
        end = time.monotonic() + 10
        while processes.alive(pid):
            assert time.monotonic() < end, "the instance outlives its host"
            time.sleep(0.05)
    finally:
        away.rename(ora.folder)


def test_programs_start_quickly(programs):
    programs.sql("exit\n")
    took = []
    for _ in range(5):
        begun = time.monotonic()
        programs.sql("connect / as sysdba\nexit\n")
        took.append(time.monotonic() - begun)
    assert min(took) < 0.25


def test_a_killed_session_ends_its_rman(ora, programs, staging):
    staging.mkdir()
    ora.hold("piece-1")
    process = programs.start("rman", scripts("backup", 0, TAG, staging, 1, 0))
    ora.wait_reached("piece-1")
    rows = programs.ask(row("sid", "serial#") + " from v$session where client_info like '%id=%1a2b3c4d%'")
    assert len(rows) == 2, "the default session and that of the channel"
    status, _ = programs.sql(f"connect / as sysdba\nalter system kill session '{rows[1][0]},{rows[1][1]}' immediate;\nexit\n")
    assert status == 0
    out = process.stdout.read()
    assert process.wait() == 1 and "ORA-00028" in out
    assert not list(staging.rglob("*.bkp"))
    assert programs.ask(row("count(*)") + " from v$session where client_info like '%id=%1a2b3c4d%'") == [["0"]]


def test_a_session_that_lingers_is_seen_and_killed(ora, programs, staging):
    ora.knob(lingering_session=1)
    staging.mkdir()
    ora.hold("piece-1")
    process = programs.start("rman", scripts("backup", 0, TAG, staging, 1, 0))
    ora.wait_reached("piece-1")
    process.send_signal(signal.SIGKILL)
    process.stdout.read()
    process.wait()
    ora.release("piece-1")
    rows = programs.ask(row("sid", "serial#") + " from v$session where client_info like '%id=%1a2b3c4d%'")
    assert len(rows) == 1
    programs.sql(f"connect / as sysdba\nalter system kill session '{rows[0][0]},{rows[0][1]}' immediate;\nexit\n")
    end = time.monotonic() + 10
    while programs.ask(row("count(*)") + " from v$session where client_info like '%id=%1a2b3c4d%'") != [["0"]]:
        assert time.monotonic() < end


def test_the_size_of_a_piece_is_bytes_and_a_block(ora, programs, staging):
    take_backup(programs, staging)
    ask = row("bp.handle", "bp.bytes", "bs.block_size")
    where = " from v$backup_piece bp, v$backup_set bs where bs.set_stamp = bp.set_stamp and bs.set_count = bp.set_count"
    for handle, size, block in programs.ask(ask + where + f" and bp.tag = '{TAG}'"):
        assert os.path.getsize(handle) == int(size) + int(block)


def test_two_copies_change_the_lines_unless_set(ora, programs, staging):
    ora.site(SID, "backup-copies")
    _, out = take_backup(programs, staging)
    assert "with 2 copies" not in out
    _, out = take_backup(programs, staging, tag="T2", change=lambda s: s.replace("  set backup copies = 1;\n", ""))
    assert "with 2 copies and tag T2" in out


# SQL*Plus -----------------------------------------------------------------------------------------------

SQL_ERRORS = {
    "select name from v$database limit 1": "ORA-00933",
    "select 1": "ORA-00923",
    "select nothing from v$database": "ORA-00904",
    "select name from v$nothing": "ORA-00942",
    "select d.name from v$database": "ORA-00904",
    "select to_char(name from v$database": "ORA-00907",
    "select name, count(*) from v$datafile": "ORA-00937",
    "select name, count(*) from v$datafile group by status": "ORA-00979",
    "select ifnull(name,'') from v$database": "ORA-00904",
    "select name from v$database where name == 'X'": "ORA-00936",
    "select file# from v$datafile d, v$datafile_header h": "ORA-00918",
    "select name from v$database union select file# from v$datafile": "ORA-01790",
    "select name from v$database where created > 'X'": "ORA-01861",
    "select to_number(name) from v$database": "ORA-01722",
    "select name from v$database; select 1": "ORA-00911",
    "select name from v$database where name = 'X": "ORA-01756",
    "alter database mount": "ORA-01100",
    "alter database open": "ORA-01531",
    "alter system set nonsense=1": "ORA-02065",
    "alter system kill session '9,9'": "ORA-00030",
    "alter database open resetlogs": "ORA-01531",
    "nonsense": "SP2-0734",
    "alter database archivelog": "ORA-01126",
    'alter pluggable database "NONE" open': "ORA-65011",
}


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """A host for tests that only ask."""
    host = hosts.OraHost(tmp_path_factory.mktemp("standing") / "host")
    host.create_database(SID, "12M")
    yield Programs(host, SID)
    host.finish()


@pytest.mark.parametrize("statement", SQL_ERRORS)
def test_what_oracle_refuses_is_refused(standing, statement):
    _, out = sql_with_echo(standing, statement)
    assert SQL_ERRORS[statement] in out


def sql_with_echo(programs, statement):
    """A failed statement is printed above its error, whatever it was."""
    done = subprocess.run(
        [f"{programs.host.home}/bin/sqlplus", "-S", "-L", "/nolog"],
        input=f"connect / as sysdba\n{statement};\nexit\n",
        capture_output=True,
        text=True,
        check=False,
        env=programs.environment(),
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_number_beyond_numwidth_is_rounded(standing):
    _, out = sql_with_echo(standing, "select 1234567890123 n from dual")
    assert "1.2346E+12" in out
    _, out = sql_with_echo(standing, "select to_char(1234567890123) n from dual")
    assert "1234567890123" in out


def test_an_empty_string_is_null(standing):
    assert standing.ask(row("nvl('','none')", "length('')", "'a'||null") + " from dual where '' is null") == [["none", "", "a"]]


def test_a_line_longer_than_linesize_goes_on_in_the_next(standing):
    _, out = sql_with_echo(standing, "select rpad('x',100,'x') n from dual")
    assert "x" * 80 + "\n" + "x" * 20 in out


def test_every_question_of_the_product_has_an_answer(make_host):
    for version, number in (("11.2", 1102), ("12.2", 1202), ("19c", 1900)):
        host = make_host(f"host-{version}", version=version)
        host.create_database(SID, "12M")
        status, out = Programs(host, SID).run(
            "sqlplus", re.sub(r"^prompt .*\n", "", scripts("questions", number, TAG), flags=re.MULTILINE), "-S", "-L", "/nolog", groups=("sqlplus",)
        )
        assert status == 0 and out.endswith("~OK~\n"), out


def test_the_end_of_a_log_still_written_fits_no_signed_number(ora, programs):
    ora.site(SID, "open-log-record")
    assert ["18446744073709551615"] in programs.ask(row("next_change#") + " from v$archived_log")
    below = " from v$archived_log where next_change# < 281474976710655"
    assert ["18446744073709551615"] not in programs.ask(row("next_change#") + below)


def test_v_database_of_11_2_has_no_cdb(make_host):
    host = make_host(version="11.2")
    host.create_database(SID, "12M")
    assert "ORA-00904" in sql_with_echo(Programs(host, SID), "select cdb from v$database")[1]


def test_whenever_sqlerror_ends_with_its_status(standing):
    status, out = standing.sql("whenever sqlerror exit 2 rollback\nconnect / as sysdba\nselect x from dual;\nselect '~OK~' from dual;\nexit success\n")
    assert status == 2 and "ORA-00904" in out and "~OK~" not in out


def test_connecting_with_a_wrong_password(standing):
    status, out = standing.sql('connect sys/"wrong"@TESTDB15 as sysdba\nselect 1 from dual;\nexit\n')
    assert status == 0 and "ORA-01017" in out and "SP2-0640: Not connected" in out
    status, out = standing.sql('connect sys/"Oracle_1"@TESTDB15 as sysdba\nset heading off pagesize 0\nselect \'~OK~\' from dual;\nexit\n')
    assert "~OK~" in out
    _, out = standing.rman('connect target sys/"wrong"@TESTDB15;\nexit;\n')
    assert "RMAN-04005" in out and "ORA-01017" in out


def test_lsnrctl_shows_what_has_registered(standing):
    status, out = standing.run("lsnrctl", "", "status", groups=("lsnrctl",))
    assert status == 0 and f'Instance "{SID}", status READY' in out
    standing.host.knob(listener="down")
    status, out = standing.run("lsnrctl", "", "status", groups=("lsnrctl",))
    standing.host.knob(listener="up")
    assert status == 1 and "TNS-12541" in out


def test_an_unset_oracle_home_is_named(standing):
    for program, code in (("sqlplus", "SP2-0750"), ("rman", "Verify that ORACLE_HOME is set properly")):
        done = subprocess.run([f"{standing.host.home}/bin/{program}"], input="", capture_output=True, text=True, check=False, env={})
        assert done.returncode == 1 and code in done.stdout


# Mutations: the real scripts with one thing wrong -----------------------------------------------------------


@pytest.fixture(scope="module")
def lost(tmp_path_factory):
    """A backup of a host that is gone: made once, its pieces copied for each row."""
    folder = tmp_path_factory.mktemp("lost")
    host = hosts.OraHost(folder / "host")
    host.create_database(SID, "12M")
    programs = Programs(host, SID)
    (folder / "staging").mkdir()
    (sequence,) = programs.ask(row("sequence#") + " from v$log where status = 'CURRENT'")[0]
    host.hold("file-3")
    process = programs.start("rman", scripts("backup", 0, TAG, folder / "staging", sequence, 0))
    host.wait_reached("file-3")
    host.write_rows(SID, 400)
    host.release("file-3")
    out = process.stdout.read()
    assert process.wait() == 0, out
    kept = Kept(programs, folder / "staging", folder / "kept")
    host.lose()
    shutil.copytree(kept.staging, folder / "pristine")
    return kept


@pytest.fixture
def bare(lost):
    """A bare host, its files in place; the pieces as they were."""
    shutil.rmtree(lost.staging)
    shutil.copytree(lost.staging.with_name("pristine"), lost.staging)
    host = hosts.OraHost(lost.folder)
    lost.put_files()
    yield Programs(host, SID)
    host.finish()
    shutil.rmtree(host.folder)


def without(name):
    return lambda steps: [s for s in steps if s[0] != name]


def swapped(first, second):
    def change(steps):
        names = [s[0] for s in steps]
        a, b = names.index(first), names.index(second)
        steps[a], steps[b] = steps[b], steps[a]
        return steps

    return change


def edited(name, old, new):
    def change(steps):
        assert any(s[0] == name and old in s[2] for s in steps), f"{name} does not hold {old}"
        return [(n, p, t.replace(old, new) if n == name else t) for n, p, t in steps]

    return change


SCRIPTS = {
    "no nomount": (without("nomount"), "RMAN-06403"),
    "no control file": (without("controlfile"), "ORA-00205"),
    "catalog before mount": (swapped("mount", "catalog"), "ORA-01507"),
    "restore before mount": (without("mount"), "ORA-01507"),
    "no restore": (edited("restore", "  restore database force;\n", ""), "RMAN-06094"),
    "no recover": (edited("restore", "  recover database delete archivelog maxsize 10G;\n", ""), "ORA-01194"),
    "recover before restore": (
        edited("restore", "  restore database force;\n  recover database", "  recover database"),
        "RMAN-06094",
    ),
    "no until": (lambda steps: no_until(steps), "RMAN-06054"),
    "open without resetlogs": (edited("open", "open resetlogs", "open"), "ORA-01589"),
    "no catalog and no restore": (lambda steps: without("restore")(without("catalog")(steps)), "ORA-01157"),
    "not connected": (edited("controlfile", "connect target /;\n", ""), "RMAN-06171"),
    "a word too many": (edited("restore", "restore database force", "restore database forced"), "RMAN-01009"),
}


def no_until(steps):
    return [(n, p, re.sub(r"  set until scn \d+;\n", "", t)) for n, p, t in steps]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_spoilt_script_ends_in_its_error(lost, bare, name):
    change, code = SCRIPTS[name]
    _, out = lost.restore(bare, change)
    assert code in out, out[-3000:]


def test_set_dbid_inside_run(lost, bare):
    _, out = lost.restore(bare, edited("controlfile", f"set dbid {lost.dbid};", f"run {{ set dbid {lost.dbid}; }}"))
    assert "RMAN-03032" in out


def test_set_until_outside_run(lost, bare):
    _, out = lost.restore(bare, edited("restore", "run {", f"set until scn {lost.until};\nrun {{"))
    assert "RMAN-03031" in out


def test_wrong_dbid(lost, bare):
    _, out = lost.restore(bare, edited("controlfile", f"set dbid {lost.dbid}", "set dbid 4711"))
    assert "RMAN-06189" in out


def test_until_below_fuzzy(lost, bare):
    below = edited("restore", f"until scn {lost.until}", f"until scn {lost.fuzzy}")
    _, out = lost.restore(bare, below)
    assert "ORA-01547: warning: RECOVER succeeded but OPEN RESETLOGS would get error below" in out
    status, out = bare.sql(scripts("open"))
    assert status == 2 and "ORA-01194: file 3 needs more recovery to be consistent" in out


def test_until_below_the_backup(lost, bare):
    _, out = lost.restore(bare, edited("restore", f"until scn {lost.until}", f"until scn {lost.low}"))
    assert "RMAN-06023" in out


def test_a_missing_log_piece(lost, bare):
    for piece in lost.pieces("annnn"):
        piece.unlink()
    _, out = lost.restore(bare)
    assert "RMAN-06025" in out


def test_a_missing_piece_of_data(lost, bare):
    lost.pieces("nnnd0")[0].unlink()
    _, out = lost.restore(bare)
    assert "RMAN-06023: no backup or copy of datafile 1 found to restore" in out


def test_a_data_piece_as_control_file(lost, bare):
    _, out = lost.restore(bare, edited("controlfile", str(lost.controlfile()), str(lost.pieces("nnnd0")[0])))
    assert "RMAN-06172" in out


def test_a_flipped_byte_in_a_piece(lost, bare):
    piece = lost.pieces("nnnd0")[0]
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 1
    piece.write_bytes(data)
    _, out = lost.restore(bare)
    assert "ORA-19599" in out and "failover to previous backup" in out


def test_a_truncated_piece_is_not_cataloged(lost, bare):
    piece = lost.controlfile()
    spare = piece.with_name("o1_mf_spare_.bkp")
    shutil.copy2(lost.pieces("nnnd0")[0], spare)
    os.truncate(spare, 100_000)
    _, out = lost.restore(bare)
    assert "RMAN-07517" in out


PLACES = {
    "adump": ("u01/app/oracle/admin/TESTDB15/adump", "ORA-09925"),
    "the directory of the control file": ("u03/fra/TESTDB15", "ORA-27040"),
    "the recovery area": ("u03/fra", "ORA-01262"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_missing_directory(lost, bare, place):
    path, code = PLACES[place]
    shutil.rmtree(lost.folder / path)
    _, out = lost.restore(bare)
    assert code in out, out[-2000:]


def test_a_missing_directory_of_data_files(lost, bare):
    def away(name):
        if name == "restore":
            (lost.folder / "u02/oradata" / SID).rename(lost.folder / "u02/away")

    _, out = lost.restore(bare, before=away)
    assert "ORA-27040" in out or "ORA-00205" in out or "ORA-00210" in out, out[-2000:]


def test_no_spfile(lost, bare):
    lost.files[f"spfile{SID}.ora"].unlink()
    _, out = lost.restore(bare)
    assert "ORA-01078" in out and "LRM-00109" in out


def test_rman_starts_a_dummy_instance_without_spfile(lost, bare):
    lost.files[f"spfile{SID}.ora"].unlink()
    status, out = bare.rman("connect target /;\nstartup nomount;\nexit;\n")
    assert status == 0 and "starting Oracle instance without parameter file" in out
    assert bare.ask(row("value") + " from v$parameter where name = 'db_name'") == [["DUMMY"]]


def test_unreadable_password_file(lost, bare):
    lost.files[f"orapw{SID}"].chmod(0)
    _, out = lost.restore(bare)
    assert "ORA-01990" in out and "Error: 13" in out


@pytest.mark.needs_root
def test_what_the_owner_of_the_home_could_not_read_is_refused(tmp_path):
    """Root runs the programs, but the files belong to somebody else than the owner of the Oracle home."""
    nobody = 65534
    host = hosts.OraHost.__new__(hosts.OraHost)
    host.folder, host.name = tmp_path / "host", "host"
    host.home = host.run("new-host", str(host.folder), "--owner", str(nobody)).strip()
    host.run("create-database", SID, "--size", "12M")
    programs = Programs(host, SID)
    dbs = host.folder / host.home / "dbs"
    assert (dbs / f"orapw{SID}").stat().st_uid == nobody
    staging = tmp_path / "staging"
    staging.mkdir(mode=0o750)
    status, out = programs.rman(scripts("backup", 0, TAG, staging, 1, 0))
    assert status == 1 and "ORA-27040" in out and "Linux-x86_64 Error: 13: Permission denied" in out
    os.chown(staging, nobody, nobody)
    status, out = programs.rman(scripts("backup", 0, TAG, staging, 1, 0))
    assert status == 0, out
    host.shutdown(SID)
    os.chown(dbs / f"orapw{SID}", 0, 0)
    (dbs / f"orapw{SID}").chmod(0o640)
    _, out = programs.sql("connect / as sysdba\nstartup mount\nexit\n")
    assert "ORA-01990" in out and "ORA-27041" in out and "Error: 13" in out
    host.finish()


def test_unresolved_local_listener(lost, bare):
    lost.files["tnsnames.ora"].unlink()
    _, out = lost.restore(bare)
    assert "ORA-00119" in out and "ORA-00132" in out


def test_foreign_incarnation_in_the_recovery_area(lost, bare):
    """A first restore opened with RESETLOGS and archived; the second must be told which incarnation is meant."""
    status, out = lost.restore(bare)
    assert status == 0, out
    bare.host.run("switch-log", SID)
    bare.host.shutdown(SID, abort=True)
    _, out = lost.restore(bare)
    assert "RMAN-20208" in out
    bare.host.shutdown(SID, abort=True)
    with_reset = edited("catalog", "catalog start", f"reset database to incarnation {lost.incarnation};\ncatalog start")
    status, out = lost.restore(bare, with_reset)
    assert status == 0, out
    assert bare.host.checksum(SID, lost.until) == lost.blocks


def test_a_piece_of_another_database_is_not_cataloged(lost, bare, make_host, tmp_path):
    other = make_host("other")
    other.create_database("TESTDB16", "12M")
    take_backup(Programs(other, "TESTDB16"), tmp_path / "theirs")
    shutil.copytree(tmp_path / "theirs", lost.staging / "theirs")
    _, out = lost.restore(bare)
    assert "RMAN-07518: Reason: Foreign database file" in out


def test_block_change_tracking_on_a_missing_file(ora, programs, staging, tmp_path):
    tracking = tmp_path / "tracking"
    tracking.mkdir()
    ora.site(SID, "change-tracking", str(tracking / "bct.f"))
    take_backup(programs, staging)
    kept = Kept(programs, staging, tmp_path / "kept")
    bare = lose_and_renew(ora)
    kept.put_files()
    shutil.rmtree(tracking)
    _, out = kept.restore(Programs(bare, SID))
    assert "ORA-19755" in out


# Mutations of the backup ------------------------------------------------------------------------------------


def test_a_hole_in_the_logs(ora, programs, staging, tmp_path):
    """A job of the site takes a log away between the data files and our logs: RMAN says nothing."""
    ora.fault("after-piece-1", site="log-job gone")
    status, out = take_backup(programs, staging)
    assert status == 0 and "RMAN-0" not in out
    kept = Kept(programs, staging, tmp_path / "kept")
    bare = lose_and_renew(ora)
    kept.put_files()
    _, out = kept.restore(Programs(bare, SID))
    assert "RMAN-06025" in out or "RMAN-06054" in out


def test_no_force_on_a_file_already_backed_up(ora, programs, staging, tmp_path):
    ora.site(SID, "optimization")
    ora.run("add-datafile", SID, "OLD", "--size", "1M")
    ora.run("read-only", SID, "OLD")
    ora.run("switch-log", SID)
    ora.site(SID, "full-backup")
    unforced = lambda script: script.replace("database noexclude force", "database noexclude")  # noqa: E731
    status, out = take_backup(programs, staging, change=unforced)
    assert status == 0 and "already backed up" in out
    kept = Kept(programs, staging, tmp_path / "kept")
    bare = lose_and_renew(ora)
    kept.put_files()
    _, out = kept.restore(Programs(bare, SID))
    assert "RMAN-06023" in out


def test_an_excluded_tablespace_without_noexclude(ora, programs, staging, tmp_path):
    ora.site(SID, "exclude")
    status, out = take_backup(programs, staging, change=lambda s: s.replace(" noexclude", ""))
    assert status == 0 and "is excluded from whole database backup" in out
    kept = Kept(programs, staging, tmp_path / "kept")
    bare = lose_and_renew(ora)
    kept.put_files()
    _, out = kept.restore(Programs(bare, SID))
    assert "RMAN-06023" in out


def test_an_early_read_of_a_piece(ora, programs, staging, tmp_path):
    staging.mkdir()
    ora.hold("in-piece-1")
    process = programs.start("rman", scripts("backup", 0, TAG, staging, 1, 0))
    ora.wait_reached("in-piece-1")
    (piece,) = staging.rglob("*.bkp")
    early = tmp_path / "early"
    shutil.copy2(piece, early)
    ora.release("in-piece-1")
    process.stdout.read()
    assert process.wait() == 0
    assert early.stat().st_size > piece.stat().st_size, "a piece is preallocated and cut at its end"
    kept = Kept(programs, staging, tmp_path / "kept")
    shutil.copy2(early, piece)
    bare = lose_and_renew(ora)
    kept.put_files()
    _, out = kept.restore(Programs(bare, SID))
    assert "'EXPIRED'" in out and "RMAN-06023" in out


def test_an_unlinked_piece_without_force_in_delete(programs, staging):
    take_backup(programs, staging)
    shutil.rmtree(staging)
    left = row("count(*)") + f" from v$backup_piece where tag = '{TAG}' and status <> 'D'"
    status, out = programs.rman(scripts("delete", TAG).replace("force ", ""))
    assert status == 0 and "RMAN-06207" in out and programs.ask(left) != [["0"]]
    status, out = programs.rman(scripts("delete", TAG))
    assert status == 0 and "RMAN-06207" not in out and programs.ask(left) == [["0"]]


def test_uncataloged_pieces_stay_on_disk(programs, staging):
    take_backup(programs, staging)
    pieces = sorted(map(str, staging.rglob("*annnn*")))
    status, out = programs.rman(scripts("uncatalog", *pieces))
    assert status == 0 and "Uncataloged 1 objects" in out
    assert all(map(os.path.exists, pieces))


def test_noarchivelog(make_host, staging):
    for version, code in (("19c", "RMAN-06149"), ("11.2", "ORA-19602")):
        host = make_host(f"host-{version}", version=version)
        host.create_database(SID, "12M", "--noarchivelog")
        status, out = take_backup(Programs(host, SID), staging)
        assert status == 1 and code in out


def test_a_pfile_instance_has_no_spfile_to_back_up(make_host, staging):
    host = make_host()
    host.create_database(SID, "12M", "--pfile")
    status, out = take_backup(Programs(host, SID), staging)
    assert status == 1 and "ORA-19598" in out


def test_a_missing_destination(programs, staging):
    status, out = take_backup(programs, staging, change=lambda s: s.replace(str(staging), str(staging) + "/none"))
    assert status == 1 and "ORA-19504" in out and "ORA-27040" in out


def test_a_tag_too_long(programs, staging):
    status, out = take_backup(programs, staging, change=lambda s: s.replace(TAG, "X" * 31))
    assert status == 1 and "ORA-19705" in out


def test_a_log_removed_by_hand(ora, programs, staging):
    ora.run("switch-log", SID, "--times", "2")
    (name,) = programs.ask(row("name") + " from v$archived_log where sequence# = (select max(sequence#) from v$archived_log)")[0]
    os.unlink(name)
    status, out = take_backup(programs, staging, change=lambda s: re.sub(r"from sequence \d+", "from sequence 1", s))
    assert status == 1 and "RMAN-06059" in out and "ORA-19625" in out


def test_a_full_recovery_area_stops_archiving(ora, programs, staging):
    ora.knob(fra_used=30 << 30)
    status, out = take_backup(programs, staging)
    assert status == 1 and "ORA-19809" in out


def test_the_database_is_down(ora, programs, staging):
    ora.shutdown(SID)
    staging.mkdir()
    status, out = programs.rman(scripts("backup", 0, TAG, staging, 1, 0))
    assert status == 1 and "connected to target database (not started)" in out and "RMAN-06403" in out and "ORA-01034" in out


def test_a_cure_brings_back_logs_of_the_sites_backup(ora, programs, staging, tmp_path):
    (first,) = programs.ask(row("sequence#") + " from v$log where status = 'CURRENT'")[0]
    ora.fault("after-piece-1", site="log-job keep")
    status, out = take_backup(programs, staging)
    assert status == 0, out
    (tmp_path / "logs").mkdir()
    status, out = programs.rman(scripts("cure", TAG, staging, tmp_path / "logs", first, first))
    assert status == 0, out
    assert not list((tmp_path / "logs").iterdir()), "deleted again"
    kept = Kept(programs, staging, tmp_path / "kept")
    bare = lose_and_renew(ora)
    kept.put_files()
    status, out = kept.restore(Programs(bare, SID))
    assert status == 0, out
    assert bare.checksum(SID, kept.until) == kept.blocks
    bare.finish()


def test_a_dropped_tablespace_is_missing_when_the_control_file_is_newer(ora, programs, staging, tmp_path):
    """The tablespace goes between the logs and the control file: all commands succeed, its data is lost."""
    ora.run("add-datafile", SID, "EXTRA", "--size", "1M")
    ora.fault("controlfile-piece", site="drop-tablespace extra")
    status, out = take_backup(programs, staging)
    assert status == 0, out
    kept = Kept(programs, staging, tmp_path / "kept")
    bare = lose_and_renew(ora)
    kept.put_files()
    restored = Programs(bare, SID)
    status, out = kept.restore(restored)
    assert status == 0, out
    assert restored.ask(row("file#") + " from v$datafile where name like '%MISSING%'") != []
    bare.finish()


# dbca and the mode of a database ----------------------------------------------------------------------------

FLAT = """responseFileVersion=/oracle/assistants/rspfmt_dbca_response_schema_v{0}.0
gdbName=NEWDB
sid=NEWDB
templateName=General_Purpose.dbc
sysPassword={1}
systemPassword={1}
"""
SECTIONED = """[GENERAL]
RESPONSEFILE_VERSION = "11.2.0"
OPERATION_TYPE = "createDatabase"
[CREATEDATABASE]
GDBNAME = "NEWDB"
SID = "NEWDB"
TEMPLATENAME = "General_Purpose.dbc"
SYSPASSWORD = "{0}"
SYSTEMPASSWORD = "{0}"
"""
STRONG = "Strong_12"


def dbca(host, path, *words, response=None):
    if response is not None:
        path.write_text(response)
    return Programs(host, "NEWDB").run("dbca", "", *(str(path) if w == "FILE" else w for w in words), groups=("dbca",))


def test_transcripts_of_dbca_have_the_shapes_of_the_simulator():
    for path in (paths.TOP / "tests/data/dbca").glob("*.txt"):
        lines = [line for line in path.read_text().splitlines() if line != "[...]"]
        assert oracle.without_shape(lines, oracle.read_shapes(), ("dbca",)) == [], path.name


def test_dbca_creates_what_its_response_file_says(make_host, tmp_path):
    host = make_host()
    words = ("-silent", "-createDatabase", "-responseFile", "FILE", "-enableArchive", "true")
    status, out = dbca(host, tmp_path / "r", *words, response=FLAT.format("19.0", STRONG) + f"recoveryAreaDestination={host.fra}\n")
    assert status == 0 and out.startswith("Prepare for db operation\n10% complete\n")
    assert [int(p) for p in re.findall(r"(\d+)% complete", out)] == [10, 40, 42, 46, 50, 54, 60, 66, 69, 70, 100]
    assert STRONG not in out
    programs = Programs(host, "NEWDB")
    assert programs.ask(row("log_mode") + " from v$database") == [["ARCHIVELOG"]]
    _, out = programs.sql("connect / as sysdba\narchive log list\nexit\n")
    assert "Database log mode              Archive Mode" in out and "USE_DB_RECOVERY_FILE_DEST" in out
    assert "Connected." in programs.sql(f'connect sys/"{STRONG}"@NEWDB as sysdba\nexit\n')[1]
    status, out = dbca(host, tmp_path / "r", *words)
    assert status == 254 and "[DBT-10317]" in out


def test_dbca_warns_of_a_weak_password(make_host, tmp_path):
    status, out = dbca(make_host(), tmp_path / "r", "-silent", "-createDatabase", "-responseFile", "FILE", response=FLAT.format("19.0", "weak"))
    assert status == 6 and "[WARNING] [DBT-06208] The 'SYS' password" in out and "100% complete" in out


@pytest.mark.parametrize(
    "version, words, response, said",
    [
        ("11.2", "-silent -responseFile FILE -enableArchive true", SECTIONED.format(STRONG), '"-enableArchive" is an invalid'),
        ("11.2", "-silent -responseFile FILE", FLAT.format("11.2", STRONG), "does not say what to do"),
        ("12.2", "-silent -createDatabase -responseFile FILE", SECTIONED.format(STRONG), "not of the version"),
        ("12.2", "-silent -createDatabase -responseFile FILE", FLAT.format("19.0", STRONG), "not of the version"),
        ("19c", "-silent -createDatabase -responseFile FILE", FLAT.format("19.0", STRONG) + "colour=red\n", "Invalid entry"),
        ("19c", "-silent -createDatabase -responseFile FILE", FLAT.format("19.0", ""), "DBT-06006"),
        ("19c", "-createDatabase -responseFile FILE", FLAT.format("19.0", STRONG), "DISPLAY not set"),
        ("11.2", "-silent -responseFile FILE", SECTIONED.format(STRONG).replace("SID", "PDBNAME", 1), "Invalid entry"),
    ],
)
def test_dbca_refuses_what_its_release_does_not_know(make_host, tmp_path, version, words, response, said):
    host = make_host(version=version)
    status, out = dbca(host, tmp_path / "r", *words.split(), response=response)
    assert status == 254 and said in out
    assert host.status() == {} and "NEWDB" not in host.oratab.read_text()


def test_dbca_fails_at_a_percentage_and_leaves_what_it_made(make_host, tmp_path):
    host = make_host(version="11.2")
    host.fault("dbca-40", stack="disk-full")
    status, out = dbca(host, tmp_path / "r", "-silent", "-responseFile", "FILE", response=SECTIONED.format(STRONG))
    assert status == 255 and "37% complete" in out and "40% complete" not in out and "ORA-19502" in out
    assert "NEWDB:" in host.oratab.read_text()
    (log,) = re.findall(r'Look at the log file "(.+)" for further details', out)
    assert os.path.isfile(log)


def test_archivelog_mode_is_set_after_a_clean_shutdown_only(make_host):
    host = make_host()
    host.create_database(SID, "12M", "--noarchivelog")
    programs = Programs(host, SID)
    change = "connect / as sysdba\nalter database archivelog;\nexit\n"
    assert "ORA-01126" in programs.sql(change)[1]
    host.shutdown(SID, abort=True)
    host.startup(SID, "mount")
    assert "ORA-00265" in programs.sql(change)[1]
    host.run("startup", SID)
    host.shutdown(SID)
    assert "Database mounted." in programs.sql("connect / as sysdba\nstartup mount\nexit\n")[1]
    assert "ORA-" not in programs.sql(change)[1]
    host.run("startup", SID)
    assert programs.ask(row("log_mode") + " from v$database") == [["ARCHIVELOG"]]


def test_the_shapes_are_those_of_the_project():
    assert len(oracle.read_shapes()) > 100
