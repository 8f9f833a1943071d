"""Chains: level 1 backups on a parent, the proof of each link, and the restore of any of them."""

import base64
import datetime
import hashlib
import json
import shutil
import time

import pytest
from support.daemon import ERROR
from support.dbus import DBusError
from support.judge import assert_no_such_backup, assert_staging_is_empty

SID = "TESTDB15"


class Link:
    """A backup and the blocks that a restore of it must give."""

    def __init__(self, host, service, backup_id):
        self.id, self.record = backup_id, service.record(backup_id)
        self.databases = {d["sid"]: d for d in self.record["databases"]}
        self.blocks = {sid: host.checksum(sid, d["until_scn"]) for sid, d in self.databases.items()}

    def assert_same_blocks(self, host):
        for sid, database in self.databases.items():
            assert host.status()[sid]["status"] == "OPEN"
            assert host.checksum(sid, database["until_scn"]) == self.blocks[sid]


def add_link(host, service, parent="latest", rows=150):
    for sid in host.status():
        host.write_rows(sid, rows)
    options = {"parent": parent} if parent else {}
    return Link(host, service, service.backup(**options))


def chain(host, service, length):
    """A level 0 and level 1 backups on it."""
    return [add_link(host, service, parent=None if i == 0 else "latest") for i in range(length)]


def fail(service, error, *things, kind="failed", **options):
    """A backup that must fail so, before anything of it exists anywhere."""
    before = service.objects()
    started = service.create_backup(**options)
    outcome = service.wait(started.job)
    assert (outcome.result, outcome.error_name) == (kind, ERROR + error), f"{outcome}\n{service.log()[-6000:]}"
    for thing in things:
        assert thing in outcome.error_message, f"'{outcome.error_message}' does not name {thing}"
    assert_no_such_backup(service, started.backup_id)
    assert service.objects() == before
    assert_staging_is_empty(service)
    return outcome


def bare(make_host, make_daemon, host, service, name, **options):
    """The host is lost; a bare one at the same place, ready to restore."""
    key = service.own_key()
    service.stop()
    host.lose()
    again = make_host(host.folder.name)
    one = make_daemon(again, name=name, **options)
    one.trusted_keys.write_text(f"{service.instance} {key} the lost host\n")
    one.give_identity()
    return again, one.start()


# Making a chain -------------------------------------------------------------------------------------------


def test_a_level_1_names_its_parent_and_starts_where_it_ended(service, ora):
    first, second, third = chain(ora, service, 3)
    assert [link.record["level"] for link in (first, second, third)] == [0, 1, 1]
    for parent, child in ((first, second), (second, third)):
        envelope = json.loads(service.object_path(parent.id, "backup.json").read_text())
        digest = hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest()
        assert child.record["parent"] == {"id": parent.id, "record_sha256": digest}
        before = {f["file"]: f for f in parent.databases[SID]["datafiles"]}
        for file in child.databases[SID]["datafiles"]:
            assert file["incremental_scn"] == before[file["file"]]["base_scn"] and not file["unchanged"]
        assert service.get_backup(parent.id)["children"] == [child.id]
        assert child.databases[SID]["tag"].startswith("LEVEL1-")
    view = service.get_backup(third.id)
    assert (view["level"], view["parent_id"]) == (1, second.id)
    assert view["name"].startswith("testhost-L1-")
    size = sum(m["size"] for m in second.record["members"])
    assert size < sum(m["size"] for m in first.record["members"]) / 2


def test_a_parent_may_be_named(service, ora):
    (first,) = chain(ora, service, 1)
    second = add_link(ora, service, parent=first.id)
    assert second.record["parent"]["id"] == first.id


def test_latest_without_a_parent_says_why(service, ora):
    fail(service, "InvalidParent", "none that is COMPLETED", parent="latest")


def test_a_parent_that_does_not_exist(service, ora):
    chain(ora, service, 1)
    nobody = "11111111-2222-4333-8444-555555555555"
    fail(service, "NoSuchBackup", nobody, parent=nobody)


def test_a_parent_that_failed(service, ora):
    chain(ora, service, 1)
    service.configure(oracle={"retries": 0})
    service.call("Reload")
    ora.fault("piece-2", signal="KILL")
    started = service.create_backup()
    assert service.wait(started.job).result == "failed"
    fail(service, "InvalidParent", started.backup_id, "not completed", parent=started.backup_id)
    assert add_link(ora, service).record["level"] == 1


def test_a_parent_that_has_a_child(service, ora):
    first, second = chain(ora, service, 2)
    fail(service, "ParentHasChild", first.id, second.id, parent=first.id)
    assert add_link(ora, service, parent=second.id).record["parent"]["id"] == second.id


def test_a_parent_whose_record_is_not_trusted(make_daemon, ora):
    one = make_daemon(ora).start()
    (first,) = chain(ora, one, 1)
    one.stop()
    shutil.rmtree(one.state / "signing")
    one.start()
    fail(one, "InvalidParent", first.id, "trusted", parent=first.id)
    fail(one, "InvalidParent", "no backup", parent="latest")


def test_a_parent_of_other_databases(service, ora):
    ora.create_database("TESTDB16")
    first = Link(ora, service, service.backup(databases=[SID]))
    fail(service, "InvalidParent", "TESTDB16", parent=first.id, databases=["TESTDB16"])
    fail(service, "InvalidParent", "TESTDB16", parent=first.id, databases=[SID, "TESTDB16"])
    child = add_link(ora, service, parent=first.id)
    assert list(child.databases) == [SID]


def test_latest_is_the_newest_of_these_databases(service, ora):
    ora.create_database("TESTDB16")
    first = service.backup(databases=[SID])
    service.backup(databases=["TESTDB16"])
    child = service.backup(parent="latest", databases=[SID])
    assert service.record(child)["parent"]["id"] == first


@pytest.mark.parametrize("name", ["segments", "backup.tar.age"])
def test_a_parent_that_is_not_whole(service, ora, name):
    (first,) = chain(ora, service, 1)
    path = service.object_path(first.id, name)
    away = path.with_name("away")
    path.rename(away)
    outcome = service.wait(service.create_backup(parent=first.id).job)
    away.rename(path)
    assert outcome.error_name == ERROR + "ChainBroken", outcome
    assert first.id in outcome.error_message
    add_link(ora, service, parent=first.id)


def test_an_ancestor_that_is_missing(service, ora):
    first, second = chain(ora, service, 2)
    path = service.object_path(first.id, "backup.json")
    away = path.with_name("away")
    path.rename(away)
    outcome = service.wait(service.create_backup(parent=second.id).job)
    away.rename(path)
    assert outcome.error_name == ERROR + "ChainBroken" and first.id in outcome.error_message, outcome


def test_of_two_children_at_the_same_moment_one_wins(service, ora):
    (first,) = chain(ora, service, 1)
    ora.hold("piece-1")
    started = service.create_backup(parent=first.id)
    with pytest.raises(DBusError) as refused:
        service.create_backup(parent=first.id)
    assert refused.value.name == ERROR + "Busy"
    ora.wait_reached("piece-1")
    ora.release("piece-1")
    assert service.wait(started.job).result == "done"
    fail(service, "ParentHasChild", first.id, started.backup_id, parent=first.id)


def test_a_record_that_is_owed_is_a_child(service, ora):
    (first,) = chain(ora, service, 1)
    service.fault("commit-record-in-ledger", "crash")
    service.create_backup(parent=first.id)
    service.wait_for_death(-9)
    service.clear_fault("commit-record-in-ledger")
    service.start()
    outcome = service.wait(service.create_backup(parent=first.id).job)
    assert outcome.error_name == ERROR + "ParentHasChild", outcome


# What others do between parent and child --------------------------------------------------------------------


def test_a_foreign_level_1_is_in_the_way(service, ora):
    (first,) = chain(ora, service, 1)
    ora.write_rows(SID, 50)
    ora.site(SID, "full-backup", "1")
    fail(service, "ChainBroken", SID, "data file 1", "SITE_FULL_", "20", parent=first.id)
    assert add_link(ora, service, parent=None).record["level"] == 0


def test_a_foreign_level_0_image_copy_is_in_the_way(service, ora):
    (first,) = chain(ora, service, 1)
    ora.site(SID, "image-copy")
    fail(service, "ChainBroken", "image copy", "SITE_COPY_", parent=first.id)


def test_a_foreign_full_backup_is_no_base(service, ora):
    (first,) = chain(ora, service, 1)
    ora.site(SID, "full-backup")
    assert add_link(ora, service).record["parent"]["id"] == first.id


def test_a_foreign_delete_expired_takes_the_base_away(service, ora):
    (first,) = chain(ora, service, 1)
    ora.site(SID, "crosscheck", "delete")
    fail(service, "ChainBroken", SID, "data file", "DELETE EXPIRED", parent=first.id)
    assert add_link(ora, service, parent=None).record["level"] == 0


def test_a_foreign_level_1_during_the_run_is_found_before_completed(service, ora):
    (first,) = chain(ora, service, 1)
    ora.hold("rman-backup")
    started = service.create_backup(parent=first.id)
    ora.wait_reached("rman-backup")
    ora.site(SID, "full-backup", "1")
    ora.release("rman-backup")
    outcome = service.wait(started.job)
    assert outcome.error_name == ERROR + "ChainBroken", outcome
    assert "data file" in outcome.error_message
    assert service.get_backup(started.backup_id)["state"] == "FAILED"
    assert_staging_is_empty(service)


def test_after_resetlogs_a_chain_begins_anew(service, ora):
    service.give_identity()
    service.stop()
    service.start()
    (first,) = chain(ora, service, 1)
    service.restore(first.id, overwrite=True)
    fail(service, "InvalidParent", first.id, "RESETLOGS", parent=first.id)
    add_link(ora, service, parent=None)
    assert add_link(ora, service).record["level"] == 1


def test_a_level_1_that_was_cancelled_after_rman_is_not_a_base(service, ora):
    (first,) = chain(ora, service, 1)
    service.fault("store-put-segment", "hold")
    started = service.create_backup(parent=first.id)
    service.wait_phase(started.job, "upload")
    service.call("CancelJob", "u", service.job(started.job)["Id"])
    service.clear_fault("store-put-segment")
    assert service.wait(started.job).result == "cancelled"
    child = add_link(ora, service, parent=first.id)
    before = {f["file"]: f["base_scn"] for f in first.databases[SID]["datafiles"]}
    assert {f["file"]: f["incremental_scn"] for f in child.databases[SID]["datafiles"]} == before


def test_an_owed_tag_blocks_a_level_1(service, ora):
    (first,) = chain(ora, service, 1)
    service.configure(oracle={"retries": 0})
    service.call("Reload")
    ora.hold("piece-2")
    started = service.create_backup()
    ora.wait_reached("piece-2")
    ora.shutdown(SID, abort=True)
    ora.release("piece-2")
    assert service.wait(started.job).result == "failed"
    fail(service, "ChainBroken", SID, "LEVEL0-", "as soon as", parent=first.id)
    ora.startup(SID)


def test_what_rman_is_to_forget_is_no_base(service, ora):
    service.configure(oracle={"repository": "forget"})
    service.call("Reload")
    (first,) = chain(ora, service, 1)
    outcome = service.wait(service.create_backup(parent="latest").job)
    assert outcome.error_name == ERROR + "InvalidParent" and "forget" in outcome.error_message
    service.configure()
    service.call("Reload")
    fail(service, "ChainBroken", SID, "any more", parent=first.id)


# Restores -------------------------------------------------------------------------------------------------


def test_each_link_comes_back_block_by_block(make_host, make_daemon, ora, service):
    links = chain(ora, service, 4)
    host, one = bare(make_host, make_daemon, ora, service, "bare")
    overwrite = False
    for link in (links[3], links[0], links[2], links[1]):
        one.restore(link.id, overwrite=overwrite)
        link.assert_same_blocks(host)
        overwrite = True
    assert not [p for p in one.staging.rglob("*") if p.is_file()]


def test_a_long_chain_comes_back(make_host, make_daemon, ora, service):
    links = [add_link(ora, service, parent=None if i == 0 else "latest", rows=40) for i in range(9)]
    host, one = bare(make_host, make_daemon, ora, service, "bare")
    one.restore(links[-1].id)
    links[-1].assert_same_blocks(host)


def test_files_added_and_dropped_between_the_links(make_host, make_daemon, ora, service):
    ora.run("add-datafile", SID, "GOES", "--size", "2M")
    (first,) = chain(ora, service, 1)
    ora.run("add-datafile", SID, "COMES", "--size", "2M")
    second = add_link(ora, service)
    ora.run("drop-tablespace", SID, "GOES")
    third = add_link(ora, service)

    def names(link):
        return " ".join(f["name"] for f in link.databases[SID]["datafiles"]).lower()

    assert "goes" in names(first) and "comes" not in names(first)
    assert "goes" in names(second) and "comes" in names(second)
    assert "goes" not in names(third) and "comes" in names(third)
    assert any("dropped since the parent" in note for note in third.databases[SID]["notes"])
    host, one = bare(make_host, make_daemon, ora, service, "bare")
    overwrite = False
    for link in (third, second, first):
        one.restore(link.id, overwrite=overwrite)
        link.assert_same_blocks(host)
        overwrite = True


def test_a_file_added_during_a_level_1_has_its_level_0_in_it(make_host, make_daemon, ora, service):
    (first,) = chain(ora, service, 1)
    ora.hold("piece-1")
    started = service.create_backup(parent=first.id)
    ora.wait_reached("piece-1")
    ora.run("add-datafile", SID, "LATE", "--size", "2M")
    ora.release("piece-1")
    assert service.wait(started.job).result == "done", service.log()[-6000:]
    second = Link(ora, service, started.backup_id)
    third = add_link(ora, service)
    host, one = bare(make_host, make_daemon, ora, service, "bare")
    one.restore(third.id)
    third.assert_same_blocks(host)
    one.restore(second.id, overwrite=True)
    second.assert_same_blocks(host)


def test_a_read_only_tablespace_across_three_links(make_host, make_daemon, ora, service):
    ora.run("read-only", SID, "USERS")
    links = chain(ora, service, 3)
    for link in links[1:]:
        unchanged = [f for f in link.databases[SID]["datafiles"] if f["unchanged"]]
        assert unchanged and all("users" in f["name"] for f in unchanged)
        assert [f["base_scn"] for f in unchanged] == [
            f["base_scn"] for f in links[0].databases[SID]["datafiles"] if "users" in f["name"]
        ]
    ora.run("read-only", SID, "USERS", "--write")
    links.append(add_link(ora, service))
    assert not [f for f in links[-1].databases[SID]["datafiles"] if f["unchanged"]]
    host, one = bare(make_host, make_daemon, ora, service, "bare")
    one.restore(links[2].id)
    links[2].assert_same_blocks(host)
    one.restore(links[3].id, overwrite=True)
    links[3].assert_same_blocks(host)


def test_a_container_database_across_three_links(make_host, make_daemon):
    host = make_host()
    host.create_database("CDB1", "24M", "--cdb")
    source = make_daemon(host).start()
    links = chain(host, source, 3)
    assert all("pdbseed" in f["name"] for f in links[2].databases["CDB1"]["datafiles"] if f["unchanged"])
    assert [f for f in links[2].databases["CDB1"]["datafiles"] if f["unchanged"]]
    host, one = bare(make_host, make_daemon, host, source, "bare")
    one.restore(links[2].id)
    links[2].assert_same_blocks(host)


def test_two_databases_in_one_chain(make_host, make_daemon, ora, service):
    ora.create_database("TESTDB16")
    links = chain(ora, service, 2)
    host, one = bare(make_host, make_daemon, ora, service, "bare")
    one.restore(links[1].id, backup_dir=str(one.staging / "elsewhere"))
    links[1].assert_same_blocks(host)


def test_a_dry_run_of_a_chain_shows_its_links(make_host, make_daemon, ora, service):
    links = chain(ora, service, 2)
    host, one = bare(make_host, make_daemon, ora, service, "bare")
    job = one.restore_backup(links[1].id, dry_run=True)
    assert one.wait(job).result == "done"
    (row,) = one.job(job)["Result"]
    assert row["links"] == 2 and row["until_scn"] == links[1].databases[SID]["until_scn"]
    assert host.status() == {}


def refused(one, link, error, *things, **options):
    """A restore that is refused before anything is changed."""
    outcome = one.wait(one.restore_backup(link.id, **options))
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + error), f"{outcome}\n{one.log()[-6000:]}"
    for thing in things:
        assert thing in outcome.error_message, f"'{outcome.error_message}' does not name {thing}"
    assert one.host.status() == {}
    assert not [p for p in one.staging.rglob("*") if p.is_file()]


def test_a_chain_with_a_bad_ancestor_is_refused(make_host, make_daemon, ora, service):
    links = chain(ora, service, 3)
    _, one = bare(make_host, make_daemon, ora, service, "bare")
    place = service.store / service.instance
    for name in ("backup.json", "segments", "backup.tar.age"):
        path = place / links[0].id / name
        away = path.with_name("away")
        path.rename(away)
        refused(one, links[2], "ChainBroken", links[0].id)
        away.rename(path)

    path = place / links[1].id / "segments"
    text = path.read_bytes()
    path.chmod(0o640)
    path.write_bytes(bytes([text[0] ^ 1]) + text[1:])
    refused(one, links[2], "ChainBroken", links[1].id)
    path.write_bytes(text)

    path = place / links[0].id / "backup.tar.age"
    data = path.read_bytes()
    path.chmod(0o640)
    path.write_bytes(data[:-100])
    refused(one, links[2], "ChainBroken", links[0].id)
    path.write_bytes(data)
    one.restore(links[2].id)
    links[2].assert_same_blocks(one.host)


def test_an_ancestor_that_was_replaced_by_a_valid_one_is_refused(make_host, make_daemon, ora, service):
    """The record of the parent is signed again with the same key and other content: its digest tells."""
    links = chain(ora, service, 2)
    other = add_link(ora, service, parent=None)
    _, one = bare(make_host, make_daemon, ora, service, "bare")
    place = service.store / service.instance
    for name in ("backup.json", "segments", "backup.tar.age"):
        path = place / links[0].id / name
        path.chmod(0o640)
        path.write_bytes((place / other.id / name).read_bytes())
    refused(one, links[1], "ChainBroken", links[0].id)


# Points in time -------------------------------------------------------------------------------------------


def written_within(host, service, parent=None):
    """A backup during whose run rows were written after its data files: its record, an SCN and the time before those rows."""
    host.hold("rman-sql")
    started = service.create_backup(**({"parent": parent} if parent else {}))
    host.wait_reached("rman-sql")
    host.write_rows(SID, 40)
    time.sleep(2.1)  # Oracle's times have whole seconds
    scn = int(host.run("scn", SID)) + 1
    moment = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(2.1)
    host.write_rows(SID, 40)
    host.release("rman-sql")
    assert service.wait(started.job).result == "done", service.log()[-6000:]
    return Link(host, service, started.backup_id), scn, moment + datetime.timedelta(seconds=1)


def test_a_point_in_time_within_a_link(make_host, make_daemon, ora, service):
    (first,) = chain(ora, service, 1)
    ora.write_rows(SID, 100)
    link, scn, moment = written_within(ora, service, parent=first.id)
    database = link.databases[SID]
    assert database["fuzzy_scn"] < scn < database["until_scn"]
    blocks = ora.checksum(SID, scn)
    assert blocks != link.blocks[SID]
    host, one = bare(make_host, make_daemon, ora, service, "bare")
    allowed = (str(database["fuzzy_scn"] + 1), str(database["until_scn"]))
    for bad in (database["fuzzy_scn"], database["until_scn"] + 1, 1):
        refused(one, link, "NotConsistent", *allowed, until_scn=("t", bad))
    for bad in (moment - datetime.timedelta(hours=1), moment + datetime.timedelta(hours=1)):
        refused(one, link, "NotConsistent", database["until_time"], until_time=bad.strftime("%Y-%m-%dT%H:%M:%SZ"))
    one.restore(link.id, until_scn=("t", scn))
    assert host.checksum(SID, scn) == blocks
    east = moment.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
    one.restore(link.id, until_time=east.strftime("%Y-%m-%dT%H:%M:%S+05:30"), overwrite=True)
    assert host.checksum(SID, scn) == blocks


def test_until_scn_is_for_one_database(make_host, make_daemon, ora, service):
    ora.create_database("TESTDB16")
    link, _ = chain(ora, service, 2)
    until = link.databases[SID]["until_scn"]
    host, one = bare(make_host, make_daemon, ora, service, "bare")
    outcome = one.wait(one.restore_backup(link.id, until_scn=("t", until)))
    assert outcome.error_name == "org.freedesktop.DBus.Error.InvalidArgs" and "exactly one" in outcome.error_message
    one.restore(link.id, until_scn=("t", until), databases=[SID])
    assert set(host.status()) == {SID}
