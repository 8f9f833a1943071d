"""Backups: what is stored, the overlap with RMAN, what a site does meanwhile, and what stays after each failure."""

import os
import re
import signal
import subprocess

import pytest
from support import processes
from support.daemon import ERROR, merged, wait_until
from support.dbus import DBusError
from support.judge import (
    assert_failed_backup,
    assert_next_backup_completes,
    assert_refused_backup,
    assert_staging_is_empty,
    objects_of_failed,
)
from support.oracle import Programs, row

CLAIM_1 = "begin/0000000001.json"


@pytest.mark.both_drivers
@pytest.mark.smoke
def test_a_backup_is_whole_signed_and_listed(service, ora, identity):
    started = service.create_backup(name="first", description="by hand")
    outcome = service.wait(started.job)
    assert (outcome.result, outcome.type, outcome.backup_id) == ("done", "backup", started.backup_id), outcome

    backup = service.get_backup(started.backup_id)
    expected = {
        "id": started.backup_id,
        "name": "first",
        "description": "by hand",
        "instance": service.instance,
        "state": "COMPLETED",
        "level": 0,
        "parent_id": "",
        "sequence": 1,
        "datastore": "oracle",
        "signature": "trusted",
        "signer": service.own_key(),
        "recipients": [identity.recipient],
        "skipped": [],
        "error_name": "",
    }
    assert {key: backup[key] for key in expected} == expected
    assert [row["sid"] for row in backup["databases"]] == ["TESTDB15"]
    assert backup["databases"][0]["until_scn"] > backup["databases"][0]["fuzzy_scn"]
    names = [started.backup_id + "/" + name for name in ("backup.json", "backup.tar.age", "segments")]
    assert service.objects() == sorted([CLAIM_1, *names])
    assert service.object_path(started.backup_id, "backup.tar.age").stat().st_size == backup["size"]
    assert [row["id"] for row in service.list_backups()] == [started.backup_id]
    assert_staging_is_empty(service)


@pytest.mark.both_drivers
def test_the_file_in_the_store_is_opened_by_age_and_tar(service, ora, identity):
    backup_id = service.backup()
    stored = service.object_path(backup_id, "backup.tar.age")
    command = f"{service.place.fetch(stored)} | age -d -i '{identity.path}' | tar -t"
    listed = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stderr
    names = listed.stdout.split()
    members = service.members(backup_id)
    assert names == [m["path"] for m in members] + ([] if names[-1] == members[-1]["path"] else ["orabackup.json"])
    assert names[-1] == "orabackup.json"
    kinds = {m["kind"] for m in members}
    assert {"piece", "spfile", "orapw"} <= kinds


def test_a_record_holds_what_a_restore_needs(service, ora):
    record = service.record(service.backup())
    (database,) = record["databases"]
    assert record["format"] == 1 and record["level"] == 0 and record["parent"] is None
    assert database["sid"] == "TESTDB15" and database["oracle_home"] == ora.home
    assert database["low_scn"] <= database["fuzzy_scn"] < database["until_scn"]
    assert database["control_file_piece"] in ["/" + m["path"] for m in record["members"]]
    for logs in database["archived_logs"]:
        assert logs["first_scn"] <= database["low_scn"] and logs["next_scn"] >= database["until_scn"]
    assert record["encryption"]["mode"] == "x25519"
    (volume,) = record["volumes"]
    assert volume["segment_size"] == 1 << 20 and volume["segments"]["count"] >= 2


def test_two_databases_make_one_backup(service, ora):
    ora.create_database("TESTDB16")
    backup = service.get_backup(service.backup())
    assert [row["sid"] for row in backup["databases"]] == ["TESTDB15", "TESTDB16"]


def test_only_the_databases_asked_for_are_backed_up(service, ora):
    ora.create_database("TESTDB16")
    backup = service.get_backup(service.backup(databases=["TESTDB16"]))
    assert [row["sid"] for row in backup["databases"]] == ["TESTDB16"]


def test_container_database(make_host, make_daemon):
    host = make_host()
    host.create_database("CDB1", "24M", "--cdb")
    one = make_daemon(host).start()
    (database,) = one.record(one.backup())["databases"]
    assert database["cdb"] is True and "PDB1" in database["open_pdbs"]


@pytest.mark.parametrize("version", ["11.2", "12.2"])
def test_older_releases(make_host, make_daemon, version):
    host = make_host(version=version)
    host.create_database("OLDDB")
    one = make_daemon(host).start()
    assert one.get_backup(one.backup())["datastore_version"].startswith(version)


# Overlap, by the order of events -----------------------------------------------------------------------


@pytest.mark.both_drivers
def test_segments_are_stored_while_rman_still_writes(service, ora):
    service.configure(oracle={"max_piece_size": "4M", "compressed": "no"})
    service.call("Reload")
    ora.hold("in-piece-3")
    started = service.create_backup()
    ora.wait_reached("in-piece-3")
    before = service.wait_property(started.job, lambda p: p["SegmentsStored"] > 0 and p["PiecesStaged"] == 2)
    assert before["Phase"] == "rman" and len(list(service.staging.rglob("*.bkp"))) == 3
    published = [name for name in service.objects() if not re.search(r"\.part$|/[0-9a-f]{8}/[0-9]{8}$", name)]
    assert published == [CLAIM_1]
    ora.release("in-piece-3")
    assert service.wait(started.job).result == "done"
    rman_ended = service.get_backup(started.backup_id)
    assert rman_ended["state"] == "COMPLETED"


@pytest.mark.both_drivers
def test_a_store_that_waits_does_not_hold_rman(service, ora):
    service.fault("store-put-segment", "hold")
    started = service.create_backup()
    uploading = service.wait_phase(started.job, "upload")
    assert uploading["PiecesStaged"] >= 3 and uploading["SegmentsStored"] == 0
    service.clear_fault("store-put-segment")
    assert service.wait(started.job).result == "done"


@pytest.mark.both_drivers
def test_bytes_staged_and_stored_only_grow_and_end_equal_to_expected(service, ora):
    started = service.create_backup()
    service.wait(started.job)
    seen = {"BytesStaged": [], "BytesStored": [], "SegmentsStored": []}
    for one in service.signals:
        if one.member == "PropertiesChanged" and one.path == started.job:
            for key, values in seen.items():
                if key in one.arguments[1]:
                    values.append(one.arguments[1][key])
    for key, values in seen.items():
        assert values == sorted(values), key
    last = service.job(started.job)
    assert last["BytesExpected"] == last["BytesStored"] == service.get_backup(started.backup_id)["size"]
    assert last["State"] == "done" and last["Finished"] >= last["Started"] > 0


# What a site does meanwhile, and still it completes ------------------------------------------------------


def test_a_file_added_and_one_dropped_during_the_run_are_covered(service, ora):
    ora.run("add-datafile", "TESTDB15", "EXTRA", "--size", "2M")
    ora.hold("piece-2")
    started = service.create_backup()
    ora.wait_reached("piece-2")
    ora.run("add-datafile", "TESTDB15", "ADDED", "--size", "2M")
    ora.run("drop-tablespace", "TESTDB15", "EXTRA")
    ora.release("piece-2")
    assert service.wait(started.job).result == "done", service.log()[-6000:]
    (database,) = service.record(started.backup_id)["databases"]
    names = " ".join(f["name"] for f in database["datafiles"]).lower()
    assert "added" in names and "extra" not in names


def test_a_foreign_log_job_whose_own_backup_is_on_disk_is_cured(service, ora):
    ora.hold("in-piece-1")
    started = service.create_backup()
    ora.wait_reached("in-piece-1")
    ora.site("TESTDB15", "log-job", "keep")
    ora.release("in-piece-1")
    assert service.wait(started.job).result == "done", service.log()[-6000:]


@pytest.mark.parametrize("setting", ["autobackup", "old-records", "backup-copies", "exclude", "compression"])
def test_a_setting_of_the_site_does_not_leak_in(service, ora, setting):
    ora.site("TESTDB15", setting)
    backup_id = service.backup()
    assert len([m for m in service.members(backup_id) if m["kind"] == "piece"]) >= 3


def test_an_unavailable_database_is_skipped_when_told(make_host, make_daemon):
    host = make_host()
    host.create_database("TESTDB15")
    host.create_database("TESTDB16")
    host.shutdown("TESTDB16")
    one = make_daemon(host)
    one.configure(oracle={"unavailable": "skip"})
    one.start()
    backup = one.get_backup(one.backup())
    assert [row["sid"] for row in backup["databases"]] == ["TESTDB15"]
    assert [row["sid"] for row in backup["skipped"]] == ["TESTDB16"]


def test_a_second_backup_is_busy(service, ora):
    ora.hold("piece-1")
    started = service.create_backup()
    ora.wait_reached("piece-1")
    with pytest.raises(DBusError) as refused:
        service.create_backup()
    assert refused.value.name == ERROR + "Busy"
    ora.release("piece-1")
    assert service.wait(started.job).result == "done"


# Failures; after each the five things hold ------------------------------------------------------------


def test_noarchivelog_is_refused(make_host, make_daemon):
    host = make_host()
    host.create_database("NOLOG", "24M", "--noarchivelog")
    host.create_database("GOOD")
    one = make_daemon(host).start()
    started = one.create_backup()

    def leave_it_out():
        one.configure(oracle={"databases": "GOOD"})
        one.call("Reload")

    assert_refused_backup(one, started, one.wait(started.job), "NotArchivelog", "NOLOG", repair=leave_it_out)


def test_a_database_that_is_down_is_refused(service, ora):
    ora.shutdown("TESTDB15")
    started = service.create_backup()
    assert_refused_backup(service, started, service.wait(started.job), "Oracle", "TESTDB15", repair=lambda: ora.startup("TESTDB15"))


@pytest.mark.both_drivers
def test_rman_that_is_killed(service, ora):
    service.configure(oracle={"retries": 0})
    service.call("Reload")
    ora.fault("piece-2", signal="KILL")
    started = service.create_backup()
    assert_failed_backup(service, started, service.wait(started.job), "RmanFailed", "TESTDB15", repair=ora.clear_faults)


@pytest.mark.parametrize("how", [{"signal": "KILL"}, {"exit": 1}], ids=["killed", "status"])
def test_rman_that_dies_after_its_last_piece(service, ora, how):
    service.configure(oracle={"retries": 0})
    service.call("Reload")
    ora.fault("after-piece-4", **how)
    started = service.create_backup()
    outcome = service.wait(started.job)
    printed = "".join(p.read_text() for p in (ora.folder / "sim/output").iterdir())
    assert len(re.findall(r"piece handle=\S+ tag=LEVEL0-\S+ comment", printed)) == 4
    assert_failed_backup(service, started, outcome, "RmanFailed", "TESTDB15", repair=ora.clear_faults)


def test_nothing_is_written_to_the_recovery_area(service, ora):
    service.configure(oracle={"max_piece_size": "8M"})
    service.call("Reload")
    ora.site("TESTDB15", "autobackup", "off")

    def files():
        return {p for p in ora.fra.rglob("*") if p.is_file() and "archivelog" not in p.parts}

    before = files()
    pieces = [m for m in service.members(service.backup()) if m["kind"] == "piece"]
    assert len(pieces) > 4
    assert files() == before


def test_a_passing_failure_is_tried_again_and_leaves_nothing_of_the_first_attempt(service, ora):
    ora.fault("piece-2", stack="enqueue")
    backup_id = service.backup()
    assert f"Attempt 1 of backup {backup_id} failed for a passing reason" in service.log()
    assert_staging_is_empty(service)
    assert len({path.split("/")[0] for path in service.objects()}) == 2


def test_rman_that_hangs_is_stopped(service, ora):
    service.configure(oracle={"stall_timeout": "2s", "retries": 0})
    service.call("Reload")
    ora.fault("piece-2", hang="soft")
    started = service.create_backup()
    assert_failed_backup(service, started, service.wait(started.job), "RmanStalled", "TESTDB15", repair=ora.clear_faults)
    assert not [p for p in processes.below(ora.folder) if "rman" in p[1]]


def test_rman_that_hangs_and_is_deaf_is_stopped(service, ora):
    service.configure(oracle={"stall_timeout": "2s", "retries": 0})
    service.call("Reload")
    ora.fault("piece-2", hang="hard")
    started = service.create_backup()
    assert_failed_backup(service, started, service.wait(started.job), "RmanStalled", "TESTDB15", repair=ora.clear_faults)


def test_a_full_recovery_area(service, ora):
    ora.knob(fra_used=20 << 30)
    started = service.create_backup()
    outcome = service.wait(started.job)
    assert outcome.error_name == ERROR + "NoSpace", outcome

    def free():
        ora.knob(fra_used=0)

    sequence = 1 if service.objects() else 0
    check = assert_failed_backup if sequence else assert_refused_backup
    check(service, started, outcome, "NoSpace", "TESTDB15", repair=free)


@pytest.mark.needs_root
def test_staging_on_a_full_file_system(make_daemon, ora, tmp_path):
    one = make_daemon(ora)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0750", "tmpfs", str(one.staging)], check=True)
    try:
        one.configure(oracle={"compressed": "no"})
        one.start()
        started = one.create_backup()
        outcome = one.wait(started.job)

        def other_staging():
            elsewhere = tmp_path / "elsewhere"
            elsewhere.mkdir(mode=0o750)
            one.configure(oracle={"backup_dir": elsewhere})
            one.call("Reload")

        check = assert_failed_backup if one.objects() else assert_refused_backup
        check(one, started, outcome, "NoSpace", str(one.staging), repair=other_staging)
        one.stop()
    finally:
        subprocess.run(["umount", str(one.staging)], check=True)


def test_a_foreign_log_job_whose_backup_is_gone(service, ora):
    service.configure(oracle={"retries": 0})
    service.call("Reload")
    ora.hold("in-piece-1")
    started = service.create_backup()
    ora.wait_reached("in-piece-1")
    ora.site("TESTDB15", "log-job", "lose")
    ora.release("in-piece-1")
    assert_failed_backup(service, started, service.wait(started.job), "NotConsistent", "TESTDB15")


def test_a_wrong_password(make_host, make_daemon):
    host = make_host()
    host.create_database("TESTDB15")
    one = make_daemon(host)
    one.configure(oracle={"connect": "sys", "service": "TESTDB15"})
    one.give_credential("oracle-password", "wrong")
    one.start()
    started = one.create_backup()

    def right():
        one.configure()
        one.call("Reload")

    assert_refused_backup(one, started, one.wait(started.job), "OracleAuth", "TESTDB15", repair=right)


@pytest.mark.parametrize("content, part", [("", "no recipient"), ("age1notakey\n", "line 1"), ("ssh-ed25519 AAAA\n", "line 1")])
def test_bad_recipients(make_daemon, ora, identity, content, part):
    one = make_daemon(ora)
    one.recipients.write_text(content)
    one.start()
    started = one.create_backup()

    def right():
        one.recipients.write_text(identity.recipient + "\n")
        one.call("Reload")

    assert_refused_backup(one, started, one.wait(started.job), "Config", str(one.recipients), repair=right)


@pytest.mark.both_drivers
def test_a_store_that_is_away_for_a_moment_is_waited_for(service, ora):
    ora.hold("piece-2")
    started = service.create_backup()
    ora.wait_reached("piece-2")
    service.place.leave()
    ora.release("piece-2")
    assert service.wait_phase(started.job, "upload")["State"] == "running"
    service.place.come_back()
    assert service.wait(started.job).result == "done", service.log()
    assert service.get_backup(started.backup_id)["state"] == "COMPLETED"


@pytest.mark.both_drivers
def test_a_store_that_stays_away_gets_the_cause_when_it_is_back(service, ora):
    service.configure(store={"retry_time": "1s"})
    service.call("Reload")
    ora.hold("piece-2")
    started = service.create_backup()
    ora.wait_reached("piece-2")
    service.place.leave()
    ora.release("piece-2")
    outcome = service.wait(started.job)
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + "StoreUnavailable")
    assert service.place.what_is_away in outcome.error_message
    service.place.come_back()
    wait_until(lambda: service.objects() == sorted(objects_of_failed(started.backup_id)), 60, "failed.json is owed, or more is left")
    assert_failed_backup(service, started, outcome, "StoreUnavailable", service.place.what_is_away)


@pytest.mark.both_drivers
def test_an_upload_that_fails_ends_rman(service, ora):
    """RMAN is in the middle of its work and has done nothing wrong: it is ended, its channels are released."""
    service.configure(store={"retry_time": "1s"})
    service.call("Reload")
    ora.hold("piece-2")
    service.fault("store-put-segment", "hold")
    started = service.create_backup()
    ora.wait_reached("piece-2")
    service.wait_passed("store-put-segment")
    service.place.leave()
    service.clear_fault("store-put-segment")
    outcome = service.wait(started.job)
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + "StoreUnavailable"), outcome
    assert not [p for p in processes.below(ora.folder) if "/bin/rman" in p[1]]
    assert Programs(ora, "TESTDB15").ask(row("count(*)") + " from v$session where program like 'rman%'") == [["0"]]
    ora.release("piece-2")
    service.place.come_back()
    wait_until(lambda: service.objects() == sorted(objects_of_failed(started.backup_id)), 60, "failed.json is owed, or more is left")
    assert_failed_backup(service, started, outcome, "StoreUnavailable", service.place.what_is_away)


@pytest.mark.both_drivers
def test_a_cancelled_backup_leaves_claim_and_cause_only(service, ora):
    ora.hold("piece-2")
    started = service.create_backup()
    ora.wait_reached("piece-2")
    service.call("CancelJob", "u", service.job(started.job)["Id"])
    outcome = service.wait(started.job)
    assert (outcome.result, outcome.error_name) == ("cancelled", ERROR + "Cancelled")
    ora.release("piece-2")
    assert service.get_backup(started.backup_id)["state"] == "FAILED"
    assert service.objects() == sorted([CLAIM_1, f"{started.backup_id}/failed.json"])
    assert_staging_is_empty(service)
    assert_next_backup_completes(service, None)


@pytest.mark.both_drivers
def test_sigterm_during_a_backup_ends_it_as_interrupted(service, ora):
    ora.hold("piece-2")
    started = service.create_backup()
    ora.wait_reached("piece-2")
    service.process.send_signal(signal.SIGTERM)
    outcome = service.wait_signal(lambda s: s.member == "JobRemoved").arguments
    assert outcome[5] == ERROR + "Interrupted"
    assert service.process.wait(timeout=60) == 0
    service.process = None
    ora.release("piece-2")
    service.start()
    assert service.get_backup(started.backup_id)["state"] == "FAILED"
    assert_next_backup_completes(service, None)


# kill -9 in each phase ----------------------------------------------------------------------------------

PHASES = {
    "claim in the ledger": ("claim-in-ledger", None),
    "claim stored": ("claim-stored", None),
    "sealing": ("upload-seal", None),
    "manifest stored": ("commit-manifest-stored", None),
    "record in the ledger": ("commit-record-in-ledger", "COMPLETED"),
    "record stored": ("commit-record-stored", "COMPLETED"),
}


@pytest.mark.both_drivers
@pytest.mark.parametrize("phase", PHASES)
def test_a_crash_leaves_it_whole_or_cleanly_failed(service, ora, phase):
    point, state = PHASES[phase]
    service.fault(point, "crash")
    started = service.create_backup()
    service.wait_for_death(-signal.SIGKILL)
    service.clear_fault(point)
    service.start()
    assert_after_crash(service, started, state)


@pytest.mark.parametrize("moment", ["sqlplus", "rman-backup", "piece-2"])
def test_a_kill_while_oracle_works_leaves_it_cleanly_failed(service, ora, moment):
    ora.hold(moment)
    started = service.create_backup()
    ora.wait_reached(moment)
    service.kill()
    ora.release(moment)
    wait_until(lambda: not [p for p in processes.below(ora.folder) if "/bin/rman" in p[1]], 60, "rman outlives the daemon")
    service.start()
    assert_after_crash(service, started, None)


def assert_after_crash(service, started, state):
    """From the record's bytes on it becomes COMPLETED; before, FAILED (Interrupted) and clean, or as if it had never been."""
    if state == "COMPLETED":
        wait_until(lambda: service.get_backup(started.backup_id)["state"] == "COMPLETED", 60, "the commit was not finished")
        service.backup()
        return
    wait_until(lambda: state_of(service, started.backup_id) in (None, "FAILED"), 60, "the backup was not ended")
    wait_until(lambda: set(service.objects()) <= {CLAIM_1, f"{started.backup_id}/failed.json"}, 60, "the store was not cleaned")
    if state_of(service, started.backup_id) == "FAILED":
        assert service.get_backup(started.backup_id)["error_name"] == ERROR + "Interrupted"
        assert f"{started.backup_id}/failed.json" in service.objects()
    else:
        assert service.objects() == []
    assert_staging_is_empty(service)
    service.backup()


def state_of(service, backup_id):
    try:
        return service.get_backup(backup_id)["state"]
    except DBusError as error:
        assert error.name == ERROR + "NoSuchBackup"
        return None


# Secrets and memory ---------------------------------------------------------------------------------------


def test_no_secret_is_seen_and_a_planted_one_is(make_host, make_daemon):
    canary = "Canary_7f3a_secret"
    host = make_host()
    host.create_database("TESTDB15", "24M", "--password", canary)
    one = make_daemon(host)
    one.configure(oracle={"connect": "sys", "service": "TESTDB15"})
    one.give_credential("oracle-password", canary)
    one.give_identity()
    one.start()
    secret_key = re.search(r"AGE-SECRET-KEY-1\w+", one.identity.path.read_text()).group(0)
    host.hold("piece-2")
    with processes.Sampler([canary, secret_key]) as sampler:
        started = one.create_backup()
        host.wait_reached("piece-2")
        sampler.wait_rounds(20)
        assert not sampler.seen, sampler.seen
        host.release("piece-2")
        assert one.wait(started.job).result == "done"
        assert not sampler.seen, sampler.seen
        planted = subprocess.Popen(["sleep", "60"], env={"PATH": os.environ["PATH"], "PLANTED": canary})
        try:
            wait_until(lambda: sampler.seen, 30, "the sampler is blind")
        finally:
            planted.kill()
            planted.wait()
    log = one.log()
    assert canary not in log and secret_key not in log
    assert "TESTDB15" in log


@pytest.mark.measures
def test_memory_and_overlap_in_the_plain_build(make_host, make_daemon):
    host = make_host()
    host.create_database("TESTDB15", "200M")
    one = make_daemon(host)
    segment, concurrency, threads = 4 << 20, 4, 2
    one.configure(
        oracle={"compressed": "no", "max_piece_size": "32M"},
        store={"segment_size": f"{segment >> 20}M", "concurrency": concurrency, "threads": threads},
    )
    one.start()
    with processes.Sampler(["-"], watch=one.process.pid) as sampler:
        one.backup()
        sampler.wait_rounds(1)
    bound = (concurrency + threads) * segment + (24 << 20)
    print(f"peak anonymous memory {sampler.peak >> 20} MiB, bound {bound >> 20} MiB")
    assert 0 < sampler.peak <= bound


def test_configuration_changes_are_merged():
    assert merged({"a": {"x": 1}}, {"a": {"y": 2}, "b": {"z": 3}}) == {"a": {"x": 1, "y": 2}, "b": {"z": 3}}
