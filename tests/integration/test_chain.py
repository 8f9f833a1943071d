"""Chains: level 1 backups on a parent, the proof of each link, and the restore of any of them."""

import base64
import concurrent.futures
import hashlib
import json
import shutil
import threading
from pathlib import Path

import pytest
from support import dbus
from support.chains import SID, Link, add_link, bare, chain, control_file_pieces, fail, refused, sign_record
from support.daemon import ERROR, MANAGER, NAME, OBJECT, Started
from support.dbus import DBusError
from support.judge import assert_staging_is_empty
from support.oracle import Programs, row

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


@pytest.mark.parametrize("moment", ["sqlplus", "rman-backup"])
def test_a_level_1_names_its_parent_from_its_beginning(service, ora, moment):
    (first,) = chain(ora, service, 1)
    for parent in (first.id, "latest"):
        ora.hold(moment)
        started = service.create_backup(parent=parent)
        ora.wait_reached(moment)
        backup = service.get_backup(started.backup_id)
        assert (backup["level"], backup["parent_id"]) == (1, first.id)
        assert backup["state"] == ("NEW" if moment == "sqlplus" else "BUILDING")
        (listed,) = [b for b in service.list_backups() if b["id"] == started.backup_id]
        assert (listed["level"], listed["parent_id"]) == (1, first.id)
        service.call("CancelJob", "u", service.job(started.job)["Id"])
        assert service.wait(started.job).result == "cancelled"
        ora.release(moment)


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


def test_a_parent_of_another_instance(make_daemon, ora, service):
    (first,) = chain(ora, service, 1)
    key = service.own_key()
    service.stop()
    other = make_daemon(ora, instance="otherhost").start()
    other.trusted_keys.write_text(f"* {key}\n")
    other.call("Reload")
    assert other.get_backup(first.id)["signature"] == "trusted"
    fail(other, "InvalidParent", first.id, "testhost", parent=first.id)
    fail(other, "InvalidParent", "otherhost", parent="latest")


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


@pytest.mark.both_drivers
@pytest.mark.parametrize("name", ["segments", "backup.tar.age"])
def test_a_parent_that_is_not_whole(service, ora, name):
    (first,) = chain(ora, service, 1)
    path = service.object_path(first.id, name)
    path = service.place.data_of(path) if name == "backup.tar.age" else path
    away = path.with_name("away")
    path.rename(away)
    outcome = service.wait(service.create_backup(parent=first.id).job)
    away.rename(path)
    assert outcome.error_name == ERROR + "ChainBroken", outcome
    assert first.id in outcome.error_message
    add_link(ora, service, parent=first.id)


@pytest.mark.both_drivers
def test_a_parent_that_was_changed_or_cut_off(service, ora):
    (first,) = chain(ora, service, 1)
    for name, change, thing in (
        ("backup.tar.age", lambda data: data[:-100], "bytes"),  # the last segment is not whole
        ("segments", lambda data: bytes([data[0] ^ 1]) + data[1:], "segment"),
    ):
        path = service.object_path(first.id, name)
        data = path.read_bytes()
        path.chmod(0o640)
        path.write_bytes(change(data))
        for parent in (first.id, "latest"):  # no older one does instead, and no full backup is made
            outcome = fail(service, "ChainBroken", first.id, parent=parent)
            assert thing in outcome.error_message
        path.write_bytes(data)
    add_link(ora, service, parent=first.id)


@pytest.mark.both_drivers
def test_a_parent_whose_record_is_gone(service, ora):
    (first,) = chain(ora, service, 1)
    path = service.object_path(first.id, "backup.json")
    away = path.with_name("away")
    path.rename(away)
    fail(service, "InvalidParent", first.id, "not completed", parent=first.id)
    away.rename(path)
    add_link(ora, service, parent=first.id)


def test_a_parent_of_a_database_with_another_dbid(service, ora):
    (first,) = chain(ora, service, 1)
    dbid = first.databases[SID]["dbid"]
    ora.site(SID, "show", "v$database", f"dbid={dbid + 1}")
    fail(service, "InvalidParent", first.id, SID, str(dbid), str(dbid + 1), parent=first.id)
    ora.site(SID, "show")
    add_link(ora, service, parent=first.id)


def test_a_parent_of_another_instance(make_daemon, ora):
    other = make_daemon(ora, instance="otherhost").start()
    (first,) = chain(ora, other, 1)
    key = other.own_key()
    other.stop()
    one = make_daemon(ora)
    one.trusted_keys.write_text(f"otherhost {key} the other\n")
    one.start()
    fail(one, "InvalidParent", first.id, "otherhost", parent=first.id)
    fail(one, "InvalidParent", "none that is COMPLETED", parent="latest")


def test_latest_says_why_the_newest_is_no_parent(service, ora):
    (first,) = chain(ora, service, 1)
    ora.create_database("TESTDB16", "8M")
    fail(service, "InvalidParent", first.id, "TESTDB16", parent="latest", databases=["TESTDB16"])


@pytest.mark.both_drivers
@pytest.mark.parametrize("name", ["backup.json", "segments", "backup.tar.age"])
def test_an_ancestor_that_is_missing(service, ora, name):
    links = chain(ora, service, 3)
    path = service.object_path(links[0].id, name)
    away = path.with_name("away")
    path.rename(away)
    outcome = service.wait(service.create_backup(parent=links[2].id).job)
    away.rename(path)
    assert outcome.error_name == ERROR + "ChainBroken" and links[0].id in outcome.error_message, outcome
    add_link(ora, service, parent=links[2].id)


def at_the_same_moment(connections, parent):
    """Each connection asks for a child of the parent, all at once: [Started or DBusError]"""
    together = threading.Barrier(len(connections))

    def ask(connection):
        together.wait()
        try:
            return Started(*connection.call(NAME, OBJECT, MANAGER, "CreateBackup", "a{sv}", dbus.options(parent=parent)))
        except DBusError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(len(connections)) as pool:
        return list(pool.map(ask, connections))


def test_of_two_children_at_the_same_moment_one_wins_a_hundred_times(service, ora):
    (first,) = chain(ora, service, 1)
    before = service.objects()
    with dbus.Connection(service.bus.address) as one, dbus.Connection(service.bus.address) as two:
        for left in reversed(range(100)):
            answers = at_the_same_moment([one, two], first.id)
            errors = [a for a in answers if isinstance(a, DBusError)]
            assert [e.name for e in errors] == [ERROR + "Busy"], answers
            (started,) = [a for a in answers if isinstance(a, Started)]
            if left > 0:
                service.call("CancelJob", "u", service.job(started.job)["Id"])
                assert service.wait(started.job).result == "cancelled"
    assert service.wait(started.job).result == "done"
    assert len(service.objects()) == len(before) + 4, "what was cancelled before its claim left something"
    fail(service, "ParentHasChild", first.id, started.backup_id, parent=first.id)


@pytest.mark.both_drivers
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
    assert "somebody else uses RMAN" in service.log() and "CROSSCHECK was run 1 times" in service.log()


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
    assert "other RMAN user" not in service.log(), "what a restore of ours did is taken for another's"
    assert add_link(ora, service).record["level"] == 1


def test_a_number_used_again_for_another_file_is_another_file(make_host, make_daemon, ora, service):
    ora.run("add-datafile", SID, "OLD", "--size", "2M")
    (first,) = chain(ora, service, 1)
    ora.run("drop-tablespace", SID, "OLD")
    ora.run("add-datafile", SID, "NEW", "--size", "2M")
    second = add_link(ora, service)
    old, new = [next(f for f in link.databases[SID]["datafiles"] if f["file"] == 5) for link in (first, second)]
    assert old["creation_scn"] < new["creation_scn"] and "new" in new["name"]
    assert any("dropped since the parent" in note for note in second.databases[SID]["notes"])
    third = add_link(ora, service)
    host, one = bare(make_host, make_daemon, ora, service)
    for link in (third, first):
        one.restore(link.id, overwrite=link is first)
        link.assert_same_blocks(host)


@pytest.mark.both_drivers
def test_a_level_1_that_was_cancelled_after_rman_is_not_a_base(service, ora):
    (first,) = chain(ora, service, 1)
    service.fault("store-put-segment", "hold")
    started = service.create_backup(parent=first.id)
    service.wait_phase(started.job, "upload")
    (tag,) = {piece.tag for piece in control_file_pieces(ora)} - {first.databases[SID]["tag"]}
    assert tag.startswith("LEVEL1-")
    service.call("CancelJob", "u", service.job(started.job)["Id"])
    service.clear_fault("store-put-segment")
    assert service.wait(started.job).result == "cancelled"
    assert {piece.tag for piece in control_file_pieces(ora)} == {first.databases[SID]["tag"]}
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


def test_nothing_of_other_tools_is_touched(service, ora):
    """Their backups, copies, files and settings are after a completed, a cancelled and a refused backup what they were before."""
    ora.site(SID, "full-backup")
    ora.site(SID, "configure", "retention policy to redundancy 2")
    ask = Programs(ora, SID).ask

    def theirs():
        pieces = ask(row("tag", "handle", "status") + " from v$backup_piece where tag not like 'LEVEL%' and tag not like 'TAG%'")
        return (
            [(*piece, Path(piece[1]).stat().st_mtime_ns) for piece in pieces],
            [(*copy, Path(copy[1]).stat().st_mtime_ns) for copy in ask(row("tag", "name", "status") + " from v$datafile_copy")],
            ask(row("name", "value") + " from v$rman_configuration"),
        )

    (first,) = chain(ora, service, 1)
    ora.hold("piece-2")
    started = service.create_backup(parent=first.id)
    ora.wait_reached("piece-2")
    ora.site(SID, "image-copy")
    before = theirs()
    assert [len(part) for part in before] == [1, 4, 1]
    service.call("CancelJob", "u", service.job(started.job)["Id"])
    assert service.wait(started.job).result == "cancelled"
    ora.release("piece-2")
    assert theirs() == before
    fail(service, "ChainBroken", "image copy", parent=first.id)
    add_link(ora, service, parent=None)
    assert theirs() == before


def test_what_rman_is_to_forget_is_no_base(service, ora):
    service.configure(oracle={"repository": "forget"})
    service.call("Reload")
    (first,) = chain(ora, service, 1)
    outcome = service.wait(service.create_backup(parent="latest").job)
    assert outcome.error_name == ERROR + "InvalidParent" and "forget" in outcome.error_message
    service.configure()
    service.call("Reload")
    fail(service, "ChainBroken", SID, "any more", parent=first.id)


def test_of_a_completed_backup_rman_keeps_its_data_files_only(service, ora):
    links = chain(ora, service, 2)
    pieces = control_file_pieces(ora)
    for link in links:
        members = {"/" + m["path"] for m in link.record["members"] if m.get("contents") == "datafile"}
        assert members and {p.handle for p in pieces if p.tag == link.databases[SID]["tag"]} == members
        assert not [m for m in members if Path(m).exists()]


# Restores -------------------------------------------------------------------------------------------------


@pytest.mark.both_drivers
def test_each_link_comes_back_block_by_block(make_host, make_daemon, ora, service):
    links = chain(ora, service, 4)
    host, one = bare(make_host, make_daemon, ora, service)
    overwrite = False
    for link in (links[3], links[0], links[2], links[1]):
        one.restore(link.id, overwrite=overwrite)
        link.assert_same_blocks(host)
        overwrite = True
    assert not [p for p in one.staging.rglob("*") if p.is_file()]


@pytest.mark.measures
def test_a_level_0_and_twelve_level_1_come_back_at_every_link(make_host, make_daemon):
    """In the plain build, for its many restores."""
    host = make_host()
    host.create_database(SID, "2M")
    source = make_daemon(host).start()
    links = [add_link(host, source, parent=None if i == 0 else "latest", rows=40) for i in range(13)]
    assert len({json.dumps(link.blocks) for link in links}) == len(links)
    host, one = bare(make_host, make_daemon, host, source)
    for link in reversed(links):
        one.restore(link.id, overwrite=link is not links[-1])
        link.assert_same_blocks(host)


def test_a_backup_between_two_restores_to_one_point_comes_back(service, ora):
    """Both restores begin an incarnation at the same SCN, and the logs of the second are in the recovery area."""
    service.give_identity()
    service.stop()
    service.start()
    (first,) = chain(ora, service, 1)
    service.restore(first.id, overwrite=True)
    (between,) = chain(ora, service, 1)
    service.restore(first.id, overwrite=True)
    ora.write_rows(SID, 300)  # what happens after it is not what happened before
    (after,) = chain(ora, service, 1)
    assert between.databases[SID]["resetlogs_scn"] == after.databases[SID]["resetlogs_scn"]
    fail(service, "InvalidParent", between.id, "RESETLOGS", "at the same SCN", parent=between.id)
    assert between.databases[SID]["until_scn"] < after.databases[SID]["until_scn"]
    for link in (between, after, first):
        service.restore(link.id, overwrite=True)
        link.assert_same_blocks(ora)


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
    host, one = bare(make_host, make_daemon, ora, service)
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
    host, one = bare(make_host, make_daemon, ora, service)
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
    host, one = bare(make_host, make_daemon, ora, service)
    one.restore(links[2].id)
    links[2].assert_same_blocks(host)
    one.restore(links[3].id, overwrite=True)
    links[3].assert_same_blocks(host)


def open_pdbs(host, sid):
    return {name: mode for name, mode in Programs(host, sid).ask(row("name", "open_mode") + " from v$pdbs")}


def test_a_container_database_across_three_links(make_host, make_daemon):
    """Its seed is unchanged in each, and a restore opens the pluggable databases that were open, no others."""
    host = make_host()
    host.create_database("CDB1", "24M", "--cdb")
    source = make_daemon(host).start()
    links = chain(host, source, 2)
    Programs(host, "CDB1").sql("connect / as sysdba\nalter pluggable database PDB1 close;\nexit\n")
    links.append(add_link(host, source))
    assert [link.databases["CDB1"]["open_pdbs"] for link in links] == [["PDB1"], ["PDB1"], []]
    assert all("pdbseed" in f["name"] for f in links[1].databases["CDB1"]["datafiles"] if f["unchanged"])
    assert [f for f in links[1].databases["CDB1"]["datafiles"] if f["unchanged"]]
    host, one = bare(make_host, make_daemon, host, source)
    one.restore(links[2].id)
    links[2].assert_same_blocks(host)
    assert open_pdbs(host, "CDB1") == {"PDB$SEED": "READ ONLY", "PDB1": "MOUNTED"}
    one.restore(links[1].id, overwrite=True)
    links[1].assert_same_blocks(host)
    assert open_pdbs(host, "CDB1") == {"PDB$SEED": "READ ONLY", "PDB1": "READ WRITE"}


def test_a_chain_comes_back_into_another_oracle_home(make_host, make_daemon, ora, service):
    links = chain(ora, service, 2)
    old = ora.home
    host, one = bare(make_host, make_daemon, ora, service, home="dbhome_2")
    assert links[1].databases[SID]["oracle_home"] == old != host.home
    one.restore(links[1].id, oracle_home=host.home)
    links[1].assert_same_blocks(host)
    assert f"{SID}:{host.home}:" in host.oratab.read_text()
    assert (Path(host.home) / "dbs" / f"spfile{SID}.ora").is_file() and not Path(old).exists()


def test_two_databases_in_one_chain(make_host, make_daemon, ora, service):
    ora.create_database("TESTDB16")
    links = chain(ora, service, 2)
    host, one = bare(make_host, make_daemon, ora, service)
    one.restore(links[1].id, backup_dir=str(one.staging / "elsewhere"))
    links[1].assert_same_blocks(host)


def test_a_dry_run_of_a_chain_shows_its_links(make_host, make_daemon, ora, service):
    links = chain(ora, service, 2)
    host, one = bare(make_host, make_daemon, ora, service)
    job = one.restore_backup(links[1].id, dry_run=True)
    assert one.wait(job).result == "done"
    (row,) = one.job(job)["Result"]
    assert row["links"] == 2 and row["until_scn"] == links[1].databases[SID]["until_scn"]
    assert host.status() == {}


@pytest.mark.both_drivers
def test_a_chain_with_a_bad_ancestor_is_refused(make_host, make_daemon, ora, service):
    links = chain(ora, service, 3)
    _, one = bare(make_host, make_daemon, ora, service)
    place = service.store / service.instance
    for name in ("backup.json", "segments", "backup.tar.age"):
        path = place / links[0].id / name
        path = service.place.data_of(path) if name == "backup.tar.age" else path
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
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    refused(one, links[2], "ChainBroken", links[0].id, "segment")
    path.write_bytes(data)
    one.restore(links[2].id)
    links[2].assert_same_blocks(one.host)


@pytest.mark.both_drivers
def test_an_ancestor_that_was_replaced_by_a_valid_one_is_refused(make_host, make_daemon, ora, service):
    """All objects of an older backup, validly signed, in the place of the parent's."""
    other = add_link(ora, service, parent=None)
    links = chain(ora, service, 2)
    _, one = bare(make_host, make_daemon, ora, service)
    place = service.store / service.instance
    for name in ("backup.json", "segments", "backup.tar.age"):
        path = place / links[0].id / name
        path.chmod(0o640)
        path.write_bytes((place / other.id / name).read_bytes())
    refused(one, links[1], "ChainBroken", links[0].id)


def test_an_ancestor_that_was_signed_anew_is_refused(make_host, make_daemon, ora, service):
    """Of two records of one id, both signed by the same key, the child's digest tells which was its parent."""
    links = chain(ora, service, 2)
    path = service.object_path(links[0].id, "backup.json")
    right = path.read_bytes()
    wrong = sign_record(service, dict(links[0].record, description="another record of the same backup"))
    _, one = bare(make_host, make_daemon, ora, service)
    path.chmod(0o640)
    path.write_bytes(wrong)
    assert one.get_backup(links[0].id)["signature"] == "trusted"
    refused(one, links[1], "ChainBroken", links[0].id, "sha256")
    path.write_bytes(right)
    one.restore(links[1].id)
    links[1].assert_same_blocks(one.host)
