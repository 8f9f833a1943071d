"""Restores to a point in time within a link: by SCN, and by a time of the source's own clock."""

import datetime
import struct
import time

from support.chains import SID, Link, bare, chain, refused
from support.daemon import ERROR


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


def test_a_point_in_time_within_a_link(make_host, make_daemon, ora):
    """The source's clock is neither that of the bare host nor UTC."""
    service = make_daemon(ora).start(TZ="IST-5:30")
    (first,) = chain(ora, service, 1)
    ora.write_rows(SID, 100)
    link, scn, moment = written_within(ora, service, parent=first.id)
    database = link.databases[SID]
    assert (database["utc_offset"], database["time_zone"]) == ("+05:30", "IST-5:30")
    lowest, highest = database["fuzzy_scn"] + 1, database["until_scn"]
    assert lowest < scn < highest
    blocks = {n: ora.checksum(SID, n) for n in (lowest, scn)}
    assert link.blocks[SID] != blocks[scn] != blocks[lowest]
    host, one = bare(make_host, make_daemon, ora, service, TZ="PST8")
    for bad in (lowest - 1, highest + 1, 1):
        refused(one, link, "NotConsistent", str(lowest), str(highest), until_scn=("t", bad))
    for bad in (moment - datetime.timedelta(hours=1), moment + datetime.timedelta(hours=1)):
        refused(one, link, "NotConsistent", database["until_time"], until_time=bad.strftime("%Y-%m-%dT%H:%M:%SZ"))
    one.restore(link.id, until_time=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert host.checksum(SID, scn) == blocks[scn]
    for n in (lowest, scn):
        one.restore(link.id, until_scn=("t", n), overwrite=True)
        assert host.checksum(SID, n) == blocks[n]


def zone(path, name, seconds):
    """A time zone of one offset."""
    head = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, len(name) + 1)
    path.write_bytes(head + struct.pack(">lBB", seconds, 0, 0) + name.encode() + b"\0")


def test_local_times_are_refused_when_the_clock_changed_its_offset_meanwhile(make_host, make_daemon, ora, tmp_path):
    zone(tmp_path / "zone", "CEST", 7200)
    service = make_daemon(ora).start(TZ=str(tmp_path / "zone"))
    ora.hold("rman-sql")
    started = service.create_backup()
    ora.wait_reached("rman-sql")
    zone(tmp_path / "zone", "CET", 3600)
    ora.release("rman-sql")
    assert service.wait(started.job).result == "done", service.log()[-6000:]
    link = Link(ora, service, started.backup_id)
    database = link.databases[SID]
    assert [note for note in database["notes"] if "from +02:00 to +01:00" in note]
    assert (database["fuzzy_time"], database["until_time"]) == ("", "")
    host, one = bare(make_host, make_daemon, ora, service)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    refused(one, link, "NotConsistent", "changed its offset", f"up to {database['until_scn']}", until_time=now)
    one.restore(link.id, until_scn=("t", database["until_scn"]))
    link.assert_same_blocks(host)


def test_until_scn_is_for_one_database(make_host, make_daemon, ora, service):
    ora.create_database("TESTDB16")
    link, _ = chain(ora, service, 2)
    until = link.databases[SID]["until_scn"]
    host, one = bare(make_host, make_daemon, ora, service)
    outcome = one.wait(one.restore_backup(link.id, until_scn=("t", until)))
    assert outcome.error_name == "org.freedesktop.DBus.Error.InvalidArgs" and "exactly one" in outcome.error_message
    one.restore(link.id, until_scn=("t", until), databases=[SID])
    assert set(host.status()) == {SID}
