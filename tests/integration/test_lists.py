"""The List and Get methods: pages, filters, many backups, and what is kept of the control objects on disk."""

import subprocess
import time

import pytest
from support import paths, processes
from support.daemon import ERROR, wait_until
from support.dbus import DBusError

LIST_SECONDS = 20
IDLE_BYTES = 8 * 1024 * 1024
MANY = 10000
FREEDESKTOP = "org.freedesktop.DBus.Error."


def backup_id(number):
    return f"00000000-0000-4000-8000-{number:012x}"


def fill(service, count, store=None):
    """The control objects of so many backups, signed by the service's own key: see tests/tools/records.c."""
    (key,) = (service.state / "signing").glob("*.pem")
    tool = next(b / "tests/tools/records" for b in (service.build, paths.SANITIZED, paths.PLAIN) if (b / "tests/tools/records").exists())
    subprocess.run([str(tool), str(key), str(store or service.store), service.instance, str(count)], check=True, timeout=300)


def pages(service, **options):
    found, marker = [], {}
    while True:
        page = service.list_backups(**options, **marker)
        if not page:
            return found
        found += page
        marker = {"marker": page[-1]["id"]}


def asked(service, point):
    return service.passed().count(point)


@pytest.fixture
def some(make_daemon, ora):
    """A service that has 60 backups in its store; every tenth failed."""
    service = make_daemon(ora).start()
    fill(service, 60)
    return service


# Pages and filters ----------------------------------------------------------------------------------------


def test_pages_follow_each_other_the_newest_first(some):
    for limit in (1, 7, 59, 60, 1000):
        found = pages(some, limit=("u", limit))
        assert [b["id"] for b in found] == [backup_id(n) for n in range(60, 0, -1)], limit
    first, *_ = some.list_backups(limit=("u", 1))
    assert (first["sequence"], first["created"]) == (60, "2026-11-22T06:11:44Z")
    assert len(some.list_backups()) == 60


def test_a_filter_holds_on_every_page(some):
    failed = pages(some, state="FAILED", limit=("u", 4))
    assert [b["sequence"] for b in failed] == [60, 50, 40, 30, 20, 10]
    assert {(b["state"], b["error_name"]) for b in failed} == {("FAILED", ERROR + "NoSpace")}
    assert len(pages(some, state="COMPLETED", limit=("u", 50))) == 54
    assert some.list_backups(state="DELETING") == []
    assert len(pages(some, datastore="oracle")) == 60
    assert some.list_backups(datastore="mysql") == []
    assert len(some.call("ListInstanceBackups", "sa{sv}", "", {})) == 60
    assert some.call("ListInstanceBackups", "sa{sv}", "elsewhere", {}) == []


@pytest.mark.parametrize(
    "options, part",
    [
        ({"datastore": "dbase"}, "dbase"),
        ({"state": "DELETED"}, "DELETED"),
        ({"limit": ("u", 1001)}, "1000"),
        ({"marker": "../x"}, "marker"),
        ({"marker": backup_id(61)}, backup_id(61)),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_listed_is_an_invalid_argument(some, options, part):
    with pytest.raises(DBusError) as refused:
        some.list_backups(**options)
    assert refused.value.name == FREEDESKTOP + "InvalidArgs"
    assert part in refused.value.message


def test_children_and_causes_are_shown(some):
    parent = some.get_backup(backup_id(2))
    assert (parent["state"], parent["level"], parent["children"]) == ("COMPLETED", 0, [backup_id(3)])
    child = some.get_backup(backup_id(3))
    assert (child["level"], child["parent_id"], child["children"]) == (1, backup_id(2), [])
    failed = some.get_backup(backup_id(10))
    assert failed["error_message"] == "the staging directory is full"
    assert failed["name"] == "nightly"


# What is kept on disk -------------------------------------------------------------------------------------


def test_after_a_restart_only_the_container_is_listed_again(some):
    before = pages(some, limit=("u", 25))
    assert asked(some, "store-get-object") == 66  # 54 records, 6 times failed.json and claim
    some.stop()
    (some.faults / "passed").unlink()
    some.start()
    (some.faults / "passed").unlink()
    listed = some.list_backups()
    assert listed == before
    assert (asked(some, "store-list"), asked(some, "store-get-object")) == (1, 0)


@pytest.mark.parametrize("damage", ["garbage", "cut", "a newer version"])
def test_a_damaged_cache_is_thrown_away(some, damage):
    before = some.list_backups()
    some.stop()
    path = some.state / "cache.db"
    if damage == "garbage":
        path.write_bytes(b"no database at all" * 1000)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:6000])
    else:
        import sqlite3

        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
    (some.faults / "passed").unlink()
    some.start()
    wait_until(lambda: "read from the store again" in some.log()[some.log_at_start :], 30, "that the cache is thrown away is not said")
    assert "cache.db" in some.log()[some.log_at_start :]
    assert some.list_backups() == before
    assert asked(some, "store-get-object") == 66
    some.stop()
    (some.faults / "passed").unlink()
    some.start()
    assert some.list_backups() == before
    assert asked(some, "store-get-object") == 0


def test_a_cache_that_is_damaged_while_it_is_used_is_thrown_away(some):
    before = some.list_backups()
    some.stop()
    some.start()
    some.fault("cache-damaged", "error 5")
    assert some.list_backups() == before
    wait_until(lambda: "is thrown away" in some.log()[some.log_at_start :], 30, "it is not said")
    some.stop()
    (some.faults / "passed").unlink()
    some.start()
    assert some.list_backups() == before
    assert asked(some, "store-get-object") == 0


def test_a_state_directory_without_room_for_a_cache_is_no_error(some):
    before = some.list_backups()
    some.stop()
    for file in some.state.glob("cache.db*"):
        file.unlink()
    (some.state / "cache.db").mkdir()
    some.start()
    wait_until(lambda: "not kept on disk" in some.log()[some.log_at_start :], 30, "it is not said")
    assert some.list_backups() == before
    some.stop()
    (some.state / "cache.db").rmdir()


# Ten thousand ---------------------------------------------------------------------------------------------


@pytest.mark.measures
def test_ten_thousand_backups_are_listed_in_time_and_little_is_kept_in_memory(make_daemon, make_host):
    service = make_daemon(make_host()).start()
    fill(service, MANY)
    start = time.monotonic()
    first = service.list_backups()
    seconds = time.monotonic() - start
    assert seconds < LIST_SECONDS
    assert [b["sequence"] for b in first] == list(range(MANY, MANY - 1000, -1))
    found = pages(service)
    assert [b["id"] for b in found] == [backup_id(n) for n in range(MANY, 0, -1)]
    assert len(pages(service, state="FAILED", limit=("u", 300))) == MANY // 10
    service.stop()
    service.start()
    start = time.monotonic()
    assert service.list_backups() == first
    again = time.monotonic() - start
    idle = processes.anonymous_peak(service.process.pid)
    print(f"10000 backups: listed in {seconds:.2f} s, after a restart in {again:.2f} s; {idle} bytes are kept")
    assert again < seconds
    assert idle < IDLE_BYTES
