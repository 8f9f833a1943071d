"""DeleteBackup: what goes and in which order, who may, and what a crash, a cancel or a second call comes to."""

import shutil
import signal

import pytest
from support.daemon import ERROR, payload, wait_until
from support.dbus import DBusError
from support.judge import CLAIM, assert_no_such_backup, assert_staging_is_empty
from support.oracle import Programs, row

SID = "TESTDB15"
NOBODY = "11111111-2222-4333-8444-555555555555"
# The requests of a delete with how often each comes; the directory store passes "-done" after each. What is so after one is so
# before the next, so only the first and the last are killed after they took effect, too.
REQUESTS = {"store-put-delete": 1, "store-remove-object": 5, "store-remove-large-object": 1, "store-remove-segments": 2}
MOMENTS = ["delete-in-ledger", "store-put-delete-done", "delete-forget", *(f"{p} {n + 1}" for p, times in REQUESTS.items() for n in range(times))]


def chain(host, service, length):
    """The ids of a level 0 and level 1 backups on it."""
    ids = []
    for i in range(length):
        host.write_rows(SID, 80)
        ids.append(service.backup(**({"parent": "latest"} if i else {})))
    return ids


def states(service):
    return {backup["id"]: backup["state"] for backup in service.list_backups()}


def refused(service, error, *things, **options):
    """A delete that fails as a job and changes nothing in the store."""
    before = service.objects()
    outcome = service.wait(service.delete_backup(**options))
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + error), f"{outcome}\n{service.log()[-6000:]}"
    for thing in things:
        assert thing in outcome.error_message, f"'{outcome.error_message}' does not name {thing}"
    assert service.objects() == before
    return outcome


def refused_in_reply(error, thing, call):
    with pytest.raises(DBusError) as caught:
        call()
    assert caught.value.name == ERROR + error
    assert thing in caught.value.message


def tags_in_control_file(host, backups):
    """Those of these records' tags that RMAN still knows."""
    known = [tag for (tag,) in Programs(host, SID).ask(row("tag") + " from v$backup_piece where status <> 'D'")]
    return [database["tag"] for record in backups for database in record["databases"] if database["tag"] in known]


# What goes ------------------------------------------------------------------------------------------------


@pytest.mark.both_drivers
def test_a_deleted_backup_leaves_nothing_once_there_is_a_later_claim(service, ora):
    (first,) = chain(ora, service, 1)
    record = service.record(first)
    assert tags_in_control_file(ora, [record])
    outcome = service.delete(first)
    assert (outcome.type, outcome.backup_id) == ("delete", first)
    properties = service.job(outcome.job)
    assert (properties["Phase"], properties["State"]) == ("remove", "done")
    assert properties["Result"] == [{"what": "backup", "id": first}]
    # The highest claim of the instance holds its number; delete.json says for whom.
    assert service.objects() == sorted([CLAIM.format(1), f"{first}/delete.json"])
    assert_no_such_backup(service, first)
    assert service.list_backups() == []
    assert not tags_in_control_file(ora, [record])
    assert_staging_is_empty(service)

    # Everything is deleted: a level 0 works, and the sequence goes on.
    second = service.backup()
    assert service.record(second)["sequence"] == 2
    wait_until(lambda: CLAIM.format(1) not in service.objects(), 60, "the old claim stays for ever")
    wait_until(lambda: f"{first}/delete.json" not in service.objects(), 60, "delete.json stays for ever")
    assert list(states(service)) == [second]
    refused(service, "NoSuchBackup", first, backup_id=first)


@pytest.mark.both_drivers
def test_delete_json_says_what_it_takes_away(service, ora):
    (first,) = chain(ora, service, 1)
    record = service.record(first)
    service.delete(first)
    deletion = payload(service.object_path(first, "delete.json"))
    database = record["databases"][0]
    assert deletion["attempts"] == [record["volumes"][0]["attempt"]]
    assert deletion["tags"] == [{"sid": SID, "dbid": database["dbid"], "tag": database["tag"]}]
    assert (deletion["id"], deletion["sequence"], deletion["instance"]) == (first, 1, service.instance)
    assert f"{service.instance}/{first}/backup.json" in deletion["names"]
    assert f"{service.instance}/{CLAIM.format(1)}" in deletion["names"]


def test_a_leaf_is_deleted_and_the_next_level_1_starts_at_its_parent(service, ora, make_host, make_daemon):
    first, leaf = chain(ora, service, 2)
    service.delete(leaf)
    assert service.get_backup(first)["children"] == []
    ora.write_rows(SID, 80)
    again = service.backup(parent="latest")
    record, parent = service.record(again), service.record(first)
    assert record["parent"]["id"] == first and record["sequence"] == 3
    base = {f["file"]: f["base_scn"] for f in parent["databases"][0]["datafiles"]}
    assert all(f["incremental_scn"] == base[f["file"]] for f in record["databases"][0]["datafiles"])
    until = record["databases"][0]["until_scn"]
    blocks = ora.checksum(SID, until)

    key = service.own_key()
    service.stop()
    ora.lose()
    host = make_host(ora.folder.name)
    restored = make_daemon(host, name="restored")
    restored.trusted_keys.write_text(f"{service.instance} {key} the lost host\n")
    restored.give_identity()
    restored.start().restore(again)
    assert host.checksum(SID, until) == blocks


@pytest.mark.both_drivers
def test_a_failed_backup_may_be_deleted(service, ora):
    service.configure(oracle={"retries": 0})
    service.call("Reload")
    ora.fault("piece-2", signal="KILL")
    started = service.create_backup()
    assert service.wait(started.job).result == "failed"
    assert states(service) == {started.backup_id: "FAILED"}
    second = service.backup()
    before = [name for name in service.objects() if second in name]
    service.delete(started.backup_id)
    assert service.objects() == sorted([CLAIM.format(2), *before])


# Children -------------------------------------------------------------------------------------------------


def test_a_backup_with_a_child_is_deleted_recursively_only(service, ora):
    first, second, third = chain(ora, service, 3)
    refused(service, "HasChildren", second, "recursive", backup_id=first)
    refused(service, "HasChildren", third, backup_id=second)
    records = [service.record(i) for i in (first, second, third)]
    outcome = service.delete(first, recursive=True)
    assert [row["id"] for row in service.job(outcome.job)["Result"]] == [third, second, first]
    assert service.list_backups() == []
    assert service.objects() == sorted([CLAIM.format(3), f"{third}/delete.json"])
    assert not tags_in_control_file(ora, records)
    assert service.record(service.backup())["sequence"] == 4


@pytest.mark.both_drivers
def test_a_middle_link_is_deleted_with_what_is_based_on_it(service, ora):
    first, second, third = chain(ora, service, 3)
    service.delete(second, recursive=True)
    assert states(service) == {first: "COMPLETED"}
    assert service.record(service.backup(parent="latest"))["parent"]["id"] == first
    assert third not in states(service)


def test_a_failed_child_is_none(service, ora):
    (first,) = chain(ora, service, 1)
    service.configure(oracle={"retries": 0})
    service.call("Reload")
    ora.fault("piece-1", signal="KILL")
    started = service.create_backup(parent=first)
    assert service.wait(started.job).result == "failed"
    service.delete(first)
    assert states(service) == {started.backup_id: "FAILED"}


# Who may --------------------------------------------------------------------------------------------------


def test_a_backup_that_does_not_exist(service):
    refused(service, "NoSuchBackup", NOBODY, backup_id=NOBODY)


@pytest.mark.parametrize("backup_id, options", [("no-id", {}), (NOBODY, {"colour": "red"}), (NOBODY, {"recursive": "yes"})])
def test_arguments_are_refused_in_the_reply(service, backup_id, options):
    with pytest.raises(DBusError) as caught:
        service.delete_backup(backup_id, **options)
    assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs"


def test_a_backup_of_another_instance(service, ora, make_daemon):
    (first,) = chain(ora, service, 1)
    service.stop()
    other = make_daemon(ora, instance="otherhost").start()
    outcome = refused(other, "NotOwner", first, service.instance, backup_id=first)
    assert outcome.result == "failed"
    assert service.object_path(first, "backup.json").exists()


def test_another_host_with_the_same_name_must_take_it_over_first(service, ora, make_daemon):
    (first,) = chain(ora, service, 1)
    key = service.own_key()
    service.stop()
    other = make_daemon(ora)
    other.trusted_keys.write_text(f"{service.instance} {key} the one before\n")
    other.start()
    refused(other, "NotOwner", "TakeOver", backup_id=first)
    assert states(other) == {first: "COMPLETED"}
    assert other.take_over().result == "done"
    other.delete(first)
    assert other.objects() == [CLAIM.format(2)]


def test_a_take_over_ends_what_a_deleted_backup_had_to_leave(service, ora, make_daemon):
    (first,) = chain(ora, service, 1)
    service.delete(first)
    key = service.own_key()
    service.stop()
    other = make_daemon(ora)
    other.trusted_keys.write_text(f"{service.instance} {key} the one before\n")
    other.start()
    assert other.list_backups() == []
    assert other.take_over().result == "done"
    assert other.objects() == [CLAIM.format(2)]


def test_a_record_that_is_not_trusted_is_not_deleted(make_daemon, ora):
    one = make_daemon(ora).start()
    (first,) = chain(ora, one, 1)
    key = one.own_key()
    one.stop()
    shutil.rmtree(one.state / "signing")
    one.start()
    assert one.take_over().result == "done"
    refused(one, "Untrusted", first, key, "trusted keys", backup_id=first)
    one.trusted_keys.write_text(f"{one.instance} {key} the key before\n")
    one.call("Reload")
    one.delete(first)
    assert one.objects() == [CLAIM.format(2)]


def test_a_backup_that_is_being_made_is_busy(service, ora):
    (first,) = chain(ora, service, 1)
    ora.hold("piece-1")
    started = service.create_backup(parent=first)
    ora.wait_reached("piece-1")
    refused_in_reply("Busy", started.backup_id, lambda: service.delete_backup(started.backup_id))
    refused(service, "Busy", first, "needs it", backup_id=first)
    refused(service, "Busy", first, backup_id=first, recursive=True)
    ora.release("piece-1")
    assert service.wait(started.job).result == "done"
    service.delete(first, recursive=True)


def test_what_a_restore_needs_is_busy(service, ora):
    first, second = chain(ora, service, 2)
    service.give_identity()
    service.fault("store-get-segment", "hold")
    restore = service.restore_backup(second, overwrite=True)
    service.wait_passed("store-get-segment")
    refused_in_reply("Busy", second, lambda: service.delete_backup(second))
    refused(service, "Busy", second, backup_id=first, recursive=True)
    service.call("CancelJob", "u", service.job(restore)["Id"])
    service.clear_fault("store-get-segment")
    assert service.wait(restore).result == "cancelled"
    service.delete(second)


def test_two_deletes_of_one_backup_at_once(service, ora):
    first, second = chain(ora, service, 2)
    service.fault("store-put-delete", "hold")
    job = service.delete_backup(second)
    service.wait_passed("store-put-delete")
    refused_in_reply("Busy", second, lambda: service.delete_backup(second))
    refused_in_reply("Busy", second, lambda: service.restore_backup(second))
    waiting = service.delete_backup(first, recursive=True)
    assert service.job(waiting)["State"] == "queued"
    service.clear_fault("store-put-delete")
    assert service.wait(job).result == "done"
    assert service.wait(waiting).result == "done"
    assert service.list_backups() == []


# Crashes, cancels, stores that are away -------------------------------------------------------------------


def test_a_delete_killed_at_every_request_is_never_completed_and_ends(service, ora, tmp_path):
    """Before and after each took effect. A second call finishes; what the next start has finished is gone."""
    victim = service.backup()
    keeper = service.backup()  # so that the claim goes, too
    service.stop()
    kept = tmp_path / "kept"
    shutil.copytree(service.store, kept / "store")
    shutil.copytree(service.state, kept / "state")
    # RMAN's memory has tests of its own: where no control file is, nothing is asked of Oracle.
    (tmp_path / "oratab").write_text("")
    service.configure(oracle={"oratab": tmp_path / "oratab"})
    for which in MOMENTS:
        point, _, nth = which.partition(" ")
        for name in ("store", "state"):
            shutil.rmtree(getattr(service, name))
            shutil.copytree(kept / name, getattr(service, name))
        service.start()
        service.fault(point, f"crash {nth or 1}")
        service.delete_backup(victim)
        service.wait_for_death(-signal.SIGKILL)
        service.clear_fault(point)
        if which == "store-remove-segments 1":
            service.fault("store-put-delete", "hold")  # the next start goes on with it: the list is seen before that, too
        service.start()
        shown = states(service).get(victim)
        assert which != "store-remove-segments 1" or shown == "DELETE_FAILED"
        assert shown != "COMPLETED" and (shown is not None or not service.object_path(victim, "backup.json").exists()), which
        job = service.delete_backup(victim)
        service.clear_fault("store-put-delete")
        outcome = service.wait(job)
        assert outcome.result == "done" or outcome.error_name == ERROR + "NoSuchBackup", f"{which}: {outcome}"
        wait_until(lambda: not any(victim in name for name in service.objects()), 60, f"{which}: {service.objects()}")
        assert CLAIM.format(1) not in service.objects(), which
        assert states(service) == {keeper: "COMPLETED"}, which
        service.stop()
    service.configure()
    service.start()
    assert service.record(service.backup())["sequence"] == 3


@pytest.mark.both_drivers
def test_a_delete_that_a_crash_cut_off_goes_on_at_the_next_start(service, ora):
    first, second = chain(ora, service, 2)
    service.fault("store-remove-segments", "crash")
    service.delete_backup(first, recursive=True)
    service.wait_for_death(-signal.SIGKILL)
    service.clear_fault("store-remove-segments")
    service.start()
    # The one that was in work; the other had not begun.
    wait_until(lambda: second not in states(service), 60, "nobody goes on")
    assert states(service) == {first: "COMPLETED"}
    service.delete(first)
    assert service.list_backups() == []


def test_the_end_of_the_service_puts_a_delete_off(service, ora):
    first, keeper = chain(ora, service, 1) + [service.backup()]
    service.fault("store-remove-segments", "hold")
    job = service.delete_backup(first)
    service.wait_passed("store-remove-segments")
    assert states(service)[first] == "DELETING"
    service.process.terminate()
    assert service.wait(job).error_name == ERROR + "Interrupted"
    service.clear_fault("store-remove-segments")
    service.stop()
    service.start()
    wait_until(lambda: not any(first in name for name in service.objects()), 60, "nobody goes on")
    assert states(service) == {keeper: "COMPLETED"}


@pytest.mark.both_drivers
def test_a_cancelled_delete_is_delete_failed_until_it_is_asked_for_again(service, ora):
    first, keeper = chain(ora, service, 1) + [service.backup()]
    service.fault("store-remove-large-object", "hold")
    job = service.delete_backup(first)
    service.wait_passed("store-remove-large-object")
    service.call("CancelJob", "u", service.job(job)["Id"])
    outcome = service.wait(job)
    assert (outcome.result, outcome.error_name) == ("cancelled", ERROR + "Cancelled")
    service.clear_fault("store-remove-large-object")
    assert states(service)[first] == "DELETE_FAILED"
    assert not service.object_path(first, "backup.json").exists()
    refused_restore = service.wait(service.restore_backup(first))
    assert refused_restore.error_name == ERROR + "NotCompleted"
    service.stop()
    service.start()
    assert states(service) == {first: "DELETE_FAILED", keeper: "COMPLETED"}
    service.delete(first)
    assert not any(first in name for name in service.objects())


def test_a_delete_that_is_cancelled_before_it_began_changes_nothing(service, ora):
    (first,) = chain(ora, service, 1)
    service.fault("store-list", "hold")
    before = service.objects()
    job = service.delete_backup(first)
    service.wait_passed("store-list")
    service.call("CancelJob", "u", service.job(job)["Id"])
    assert service.wait(job).result == "cancelled"
    service.clear_fault("store-list")
    assert service.objects() == before
    assert states(service) == {first: "COMPLETED"}


def test_a_half_deleted_backup_is_not_restored_although_its_record_is_there(service, ora):
    (first,) = chain(ora, service, 1)
    service.give_identity()
    service.fault("store-remove-object", "hold")
    job = service.delete_backup(first)
    service.wait_passed("store-remove-object")
    service.call("CancelJob", "u", service.job(job)["Id"])
    assert service.wait(job).result == "cancelled"
    # The held request may still come to pass; the record is put back as a listing that lags would show it.
    kept = service.object_path(first, "backup.json").read_bytes()
    service.clear_fault("store-remove-object")
    wait_until(lambda: not service.object_path(first, "backup.json").exists(), 30, "the request was dropped")
    service.object_path(first, "backup.json").write_bytes(kept)
    assert states(service) == {first: "DELETE_FAILED"}
    outcome = service.wait(service.restore_backup(first, dry_run=True))
    assert (outcome.error_name, "delete" in outcome.error_message) == (ERROR + "NotCompleted", True), outcome
    service.delete(first)


@pytest.mark.both_drivers
def test_a_store_that_is_away_leaves_it_completed_or_delete_failed(service, ora):
    service.configure(store={"retry_time": "1s"})
    service.call("Reload")
    first, keeper = chain(ora, service, 1) + [service.backup()]
    service.fault("store-put-delete", "hold")
    job = service.delete_backup(first)
    service.wait_passed("store-put-delete")
    service.place.leave()
    service.clear_fault("store-put-delete")
    outcome = service.wait(job)
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + "StoreUnavailable"), outcome
    service.place.come_back()
    assert states(service) == {first: "COMPLETED", keeper: "COMPLETED"}
    service.fault("store-remove-large-object", "hold")
    job = service.delete_backup(first)
    service.wait_passed("store-remove-large-object")
    service.place.leave()
    service.clear_fault("store-remove-large-object")
    outcome = service.wait(job)
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + "StoreUnavailable"), outcome
    service.place.come_back()
    # It goes on by itself.
    wait_until(lambda: not any(first in name for name in service.objects()), 90, "nobody goes on")
    assert states(service) == {keeper: "COMPLETED"}


# RMAN's memory --------------------------------------------------------------------------------------------


def test_a_tag_that_cannot_leave_the_control_file_is_owed_and_no_level_1_starts(service, ora):
    first, leaf = chain(ora, service, 2)
    record = service.record(leaf)
    ora.shutdown(SID)
    service.delete(leaf)
    assert service.get_backup(first)["children"] == []
    ora.startup(SID)
    assert tags_in_control_file(ora, [record])
    ora.write_rows(SID, 50)
    # The service tries again by itself, so the level 1 is refused or, when that came first, made.
    outcome = service.wait(service.create_backup(parent="latest").job)
    if outcome.result == "failed":
        assert outcome.error_name == ERROR + "ChainBroken" and record["databases"][0]["tag"] in outcome.error_message, outcome
        wait_until(lambda: not tags_in_control_file(ora, [record]), 90, "the tag stays in the control file")
        wait_until(lambda: service.wait(service.create_backup(parent="latest").job).result == "done", 90, "no level 1 starts any more")
    (child,) = service.get_backup(first)["children"]
    assert not tags_in_control_file(ora, [record])
    base = {f["file"]: f["base_scn"] for f in service.record(first)["databases"][0]["datafiles"]}
    assert all(f["incremental_scn"] == base[f["file"]] for f in service.record(child)["databases"][0]["datafiles"])
