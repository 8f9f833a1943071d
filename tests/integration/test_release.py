"""[store] release = chain: staged pieces stay as long as RMAN's records of them count, until the next level 0."""

import signal
from pathlib import Path

import pytest
from support.chains import SID, Link, add_link, chain, control_file_pieces
from support.daemon import wait_until


@pytest.fixture
def keeping(make_daemon, ora):
    """The daemon with release = chain, running on `ora`."""
    one = make_daemon(ora)
    one.configure(store={"release": "chain"})
    return one.start()


def staged(service):
    """Ids of the backups of which something is staged; of their small files nothing is."""
    assert not list(service.staging.rglob(".files"))
    return {p.relative_to(service.staging).parts[0] for p in service.staging.rglob("*") if p.is_file()}


def assert_records_are_true(host, links, sid=SID):
    """Every piece that RMAN knows is there, and they are the data file pieces of these backups."""
    pieces = control_file_pieces(host, sid)
    assert {piece.tag for piece in pieces} == {link.databases[sid]["tag"] for link in links}
    assert [piece for piece in pieces if not Path(piece.handle).is_file()] == []


def test_pieces_survive_a_foreign_delete_expired_and_a_restart(keeping, ora):
    (first,) = chain(ora, keeping, 1)
    keeping.stop()
    keeping.start()
    ora.site(SID, "crosscheck", "delete")
    second = add_link(ora, keeping)
    assert second.record["parent"]["id"] == first.id
    ora.site(SID, "crosscheck", "delete")
    assert staged(keeping) == {first.id, second.id}
    assert_records_are_true(ora, [first, second])


def test_the_next_level_0_releases_them(keeping, ora):
    chain(ora, keeping, 2)
    third = add_link(ora, keeping, parent=None)
    assert staged(keeping) == {third.id}
    keeping.configure()
    keeping.call("Reload")
    add_link(ora, keeping)
    assert staged(keeping) == {third.id}
    add_link(ora, keeping, parent=None)
    assert staged(keeping) == set()


def test_a_level_0_of_another_database_releases_nothing_of_this_one(keeping, ora):
    ora.create_database("TESTDB16")
    both = keeping.backup()
    one = keeping.backup(databases=["TESTDB16"])
    assert staged(keeping) == {both, one}
    other = keeping.backup(databases=[SID])
    assert staged(keeping) == {one, other}


def test_a_level_0_that_fails_releases_nothing(keeping, ora):
    (first,) = chain(ora, keeping, 1)
    ora.hold("piece-2")
    started = keeping.create_backup()
    ora.wait_reached("piece-2")
    keeping.call("CancelJob", "u", keeping.job(started.job)["Id"])
    assert keeping.wait(started.job).result == "cancelled"
    ora.release("piece-2")
    assert staged(keeping) == {first.id}
    assert_records_are_true(ora, [first])


@pytest.mark.parametrize("point", ["commit-record-in-ledger", "commit-record-stored"])
def test_a_backup_that_is_completed_after_a_crash_keeps_and_releases_them_too(keeping, ora, point):
    (first,) = chain(ora, keeping, 1)
    keeping.fault(point, "crash")
    started = keeping.create_backup()
    keeping.wait_for_death(-signal.SIGKILL)
    keeping.clear_fault(point)
    assert staged_at_least(keeping, {first.id, started.backup_id})
    keeping.start()
    wait_until(lambda: keeping.get_backup(started.backup_id)["state"] == "COMPLETED", 60, "the commit was not finished")
    wait_until(lambda: not staged_at_least(keeping, {first.id}), 60, "the older pieces were not released")
    wait_until(lambda: not list(keeping.staging.rglob(".files")), 60, "the small files were not removed")
    assert staged(keeping) == {started.backup_id}
    wait_until(lambda: len({p.tag for p in control_file_pieces(ora)}) == 2, 60, "the logs were not uncataloged")
    assert add_link(ora, keeping).record["parent"]["id"] == started.backup_id


def staged_at_least(service, backups):
    return backups <= {p.name for p in service.staging.iterdir()}


def test_a_restore_on_the_same_host_leaves_nothing_staged(keeping, ora):
    keeping.give_identity()
    keeping.stop()
    keeping.start()
    links = chain(ora, keeping, 2)
    keeping.restore(links[1].id, overwrite=True)
    links[1].assert_same_blocks(ora)
    assert staged(keeping) == set()
    fresh = add_link(ora, keeping, parent=None)
    assert staged(keeping) == {fresh.id}
