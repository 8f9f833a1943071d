"""[store] release = chain: the pieces of a chain stay where RMAN's records of them say they are."""

import pytest
from support.daemon import ERROR
from support.oracle import Programs, row

A, B = "TESTDB15", "TESTDB16"


def configure(service, release="chain", **oracle):
    service.configure(oracle=oracle, store={"release": release})
    if service.process is not None:
        service.call("Reload")


@pytest.fixture
def keeper(make_daemon, ora):
    one = make_daemon(ora)
    configure(one)
    return one.start()


def kept(service):
    """{backup id: {path: size}} of what lies in the staging directory."""
    found = {}
    for path in service.staging.rglob("*"):
        if path.is_file():
            below = path.relative_to(service.staging)
            found.setdefault(below.parts[0], {})["/" + str(path).lstrip("/")] = path.stat().st_size
    return found


def pieces(service, backup_id):
    return {"/" + m["path"]: m["size"] for m in service.record(backup_id)["members"] if m["kind"] == "piece"}


def assert_kept(service, *ids):
    """Exactly the pieces of these backups, each of its size, and nothing else."""
    assert kept(service) == {one: pieces(service, one) for one in ids}


def add(service, level, **options):
    for sid in service.host.status():
        service.host.write_rows(sid, 80)
    return service.backup(**({"parent": "latest"} if level else {}), **options)


def test_the_pieces_of_a_chain_stay_until_the_next_level_0(keeper):
    first = add(keeper, 0)
    assert_kept(keeper, first)
    second = add(keeper, 1)
    assert_kept(keeper, first, second)
    keeper.stop()
    keeper.start()
    assert_kept(keeper, first, second)
    keeper.kill()
    keeper.start()
    third = add(keeper, 1)
    assert_kept(keeper, first, second, third)
    fourth = add(keeper, 0)
    assert_kept(keeper, fourth)
    assert keeper.record(add(keeper, 1))["parent"]["id"] == fourth


def test_what_is_recorded_is_there(keeper, ora):
    """The records of data files stay and are true, those of logs, control file and spfile are gone: so a nightly DELETE
    EXPIRED takes no base away."""
    first = add(keeper, 0)
    recorded = Programs(ora, A).ask(row("bp.handle", "bp.status") + " from v$backup_piece bp where bp.status <> 'D'")
    of_files = {"/" + m["path"] for m in keeper.record(first)["members"] if m.get("contents") == "datafile"}
    assert {handle for handle, _ in recorded if str(keeper.staging) in handle} == of_files
    ora.site(A, "crosscheck", "delete")
    second = add(keeper, 1)
    assert keeper.record(second)["parent"]["id"] == first
    assert_kept(keeper, first, second)


def test_a_level_0_of_some_databases_ends_the_chain_of_these_only(keeper, ora):
    ora.create_database(B, "8M")
    both = add(keeper, 0)
    one = add(keeper, 0, databases=[A])
    assert_kept(keeper, both, one)  # RMAN's newest base of B is in `both`
    other = add(keeper, 0, databases=[B])
    assert_kept(keeper, one, other)


def test_the_option_may_be_switched_off_and_on(keeper):
    first = add(keeper, 0)
    configure(keeper, "committed")
    assert_kept(keeper, first)
    second = add(keeper, 1)
    assert_kept(keeper)
    configure(keeper)
    third = add(keeper, 1)
    assert_kept(keeper, third)
    assert [keeper.record(one)["level"] for one in (first, second, third)] == [0, 1, 1]


def test_a_backup_that_fails_leaves_the_chain_as_it_was(keeper, ora):
    configure(keeper, retries=0)
    first = add(keeper, 0)
    for options in ({"parent": first}, {}):
        ora.fault("piece-2", signal="KILL")
        started = keeper.create_backup(**options)
        assert keeper.wait(started.job).result == "failed"
        assert_kept(keeper, first)
    assert keeper.record(add(keeper, 1))["parent"]["id"] == first


def test_a_record_that_is_delivered_after_a_crash_keeps_its_pieces(keeper):
    first = add(keeper, 0)
    keeper.fault("commit-record-in-ledger", "crash")
    started = keeper.create_backup(parent=first)
    keeper.wait_for_death(-9)
    keeper.clear_fault("commit-record-in-ledger")
    keeper.start()
    keeper.wait_backup_state(started.backup_id, "COMPLETED")
    assert_kept(keeper, first, started.backup_id)
    assert_kept(keeper, add(keeper, 0))


def test_room_is_needed_beside_what_is_kept(keeper, ora):
    first = add(keeper, 0)
    ora.site(A, "show", "v$backup_datafile", "blocks=999999999999", "where", "file#=4")
    outcome = keeper.wait(keeper.create_backup().job)
    ora.site(A, "show")
    assert outcome.error_name == ERROR + "NoSpace" and "1 backups are kept" in outcome.error_message, outcome
    assert_kept(keeper, first)


def test_others_are_told_what_is_left_to_tell(keeper, ora):
    ora.site(A, "full-backup")
    add(keeper, 0)
    (told,) = [line for line in keeper.log().splitlines() if "somebody else uses RMAN" in line]
    assert [f"({n})" in told for n in (1, 2, 3, 4, 5)] == [False, True, True, True, False], told


# Restores on the host that keeps them ---------------------------------------------------------------------


def test_a_restore_takes_what_it_verified_and_leaves_what_is_kept(keeper, ora):
    """A kept piece that was changed is not what comes back; other databases keep their chain."""
    keeper.give_identity()
    first = add(keeper, 0)
    second = add(keeper, 1)
    until = keeper.record(second)["databases"][0]["until_scn"]
    blocks = ora.checksum(A, until)
    for one in (first, second):
        for path in pieces(keeper, one):
            with open(path, "r+b") as file:
                file.seek(20000)
                byte = file.read(1)
                file.seek(20000)
                file.write(bytes([byte[0] ^ 1]) if byte else b"")
    keeper.restore(second, overwrite=True)
    assert ora.checksum(A, until) == blocks
    assert_kept(keeper, first, second)
    assert_kept(keeper, add(keeper, 0))
    assert "somebody else uses RMAN" not in keeper.log()  # the CROSSCHECKs of the restore are our own


def test_a_restore_that_was_cut_off_leaves_what_is_kept(keeper, ora):
    keeper.give_identity()
    first = add(keeper, 0)
    until = keeper.record(first)["databases"][0]["until_scn"]
    blocks = ora.checksum(A, until)
    keeper.fault("store-get-segment", "hold")
    keeper.restore_backup(first, overwrite=True)
    keeper.wait_passed("store-get-segment")
    keeper.kill()
    keeper.clear_fault("store-get-segment")
    keeper.start()
    assert set(pieces(keeper, first).items()) <= set(kept(keeper)[first].items())
    keeper.restore(first, overwrite=True)
    assert ora.checksum(A, until) == blocks
    assert_kept(keeper, first)


def test_pieces_survive_a_foreign_delete_expired_and_a_restart(keeper, ora):
    first = add(keeper, 0)
    keeper.stop()
    keeper.start()
    ora.site(A, "crosscheck", "delete")
    second = add(keeper, 1)
    assert keeper.record(second)["parent"]["id"] == first
    ora.site(A, "crosscheck", "delete")
    assert_kept(keeper, first, second)
