"""Backups in a real Swift: large objects of one and of two levels, borders, limits, and other people's programs that read them."""

import json
import re
import subprocess
import time

import pytest
from support.daemon import MANAGER, NAME, OBJECT
from support.judge import assert_failed_backup, assert_refused_backup

pytestmark = pytest.mark.only_swift
SID = "TESTDB15"


def pipe(command):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def listed(daemon, backup_id, identity):
    """Names of the members, as swift, age and tar see them."""
    fetch = daemon.place.fetch(daemon.object_path(backup_id, "backup.tar.age"))
    return pipe(f"{fetch} | age -d -i '{identity.path}' | tar -t").splitlines()


def assert_others_agree(daemon, backup_id, identity):
    """What swift, age and tar list is what the record says, and each member has its size."""
    record = daemon.record(backup_id)
    fetch = daemon.place.fetch(daemon.object_path(backup_id, "backup.tar.age"))
    lines = pipe(f"{fetch} | age -d -i '{identity.path}' | tar -tv").splitlines()
    rows = [(line.split(None, 5)[5], int(line.split(None, 5)[2])) for line in lines]
    expected = [(m["path"], m["size"]) for m in record["members"]]
    assert rows[: len(expected)] == expected and [name for name, _ in rows[len(expected) :]] in ([], ["orabackup.json"])
    return record


def segments_of(daemon, backup_id):
    (volume,) = daemon.record(backup_id)["volumes"]
    return volume["segments"]["count"]


def restore_and_compare(daemon, host, backup_id, *sids):
    databases = {d["sid"]: d for d in daemon.record(backup_id)["databases"]}
    blocks = {sid: host.checksum(sid, databases[sid]["until_scn"]) for sid in sids}
    daemon.restore(backup_id, overwrite=True)
    for sid in sids:
        assert host.checksum(sid, databases[sid]["until_scn"]) == blocks[sid]


# Manifests of two levels ----------------------------------------------------------------------------------------


@pytest.mark.measures
def test_three_hundred_megabytes_under_a_limit_of_a_hundred_segments(make_cluster, make_swift_store, make_daemon, make_host, identity):
    """A manifest of manifests. Meanwhile calls are answered: the 99th percentile of 200 property reads is printed and bound."""
    host = make_host()
    for sid in (SID, "TESTDB16"):
        host.create_database(sid, "160M")
    place = make_swift_store(make_cluster(max_manifest_segments=100))
    one = make_daemon(host, store=place)
    one.configure(oracle={"compressed": "no", "max_piece_size": "32M", "parallel_databases": 2})
    one.give_identity()
    one.start()
    started = one.create_backup()
    one.wait_property(started.job, lambda p: p["SegmentsStored"] > 0)
    took = []
    for _ in range(200):
        asked = time.monotonic()
        one.connection.call(NAME, OBJECT, "org.freedesktop.DBus.Properties", "Get", "ss", MANAGER, "NJobs")
        took.append(time.monotonic() - asked)
    while_it_ran = one.job(started.job)["State"] == "running"
    assert one.wait(started.job).result == "done", one.log()[-6000:]
    print(f"property reads during an upload: 99th percentile {sorted(took)[197] * 1000:.1f} ms, longest {max(took) * 1000:.1f} ms")
    assert while_it_ran and sorted(took)[197] < 0.5

    record = assert_others_agree(one, started.backup_id, identity)
    assert segments_of(one, started.backup_id) > 300
    rows = json.loads(place.client.get(str(one.object_path(started.backup_id, "backup.tar.age")), query="multipart-manifest=get"))
    assert len(rows) >= 4 and all(row["sub_slo"] and re.search(r"/m\d{8}$", row["name"]) for row in rows)
    assert all(row["content_type"] == "application/octet-stream" for row in rows)
    head = place.client.head(str(one.object_path(started.backup_id, "backup.tar.age")))
    assert head.headers["content-type"] == "application/octet-stream"
    assert {m["database"] for m in record["members"] if m["kind"] == "piece"} == {SID, "TESTDB16"}
    assert len([name for name in one.objects() if name.startswith(started.backup_id)]) == 3
    restore_and_compare(one, host, started.backup_id, SID, "TESTDB16")


def test_more_segments_than_the_real_limit_of_a_thousand(make_swift_store, make_daemon, make_host, identity):
    host = make_host()
    host.create_database(SID, "280M")
    place = make_swift_store(segment_size="256K")
    assert place.client.info()["slo"]["max_manifest_segments"] == 1000
    one = make_daemon(host, store=place)
    one.configure(oracle={"compressed": "no"}, store={"segment_size": "256K", "concurrency": 8})
    one.give_identity()
    one.start()
    started = one.create_backup()
    outcome = one.wait(started.job, timeout=900)
    assert outcome.result == "done", f"{outcome}{one.log()[-4000:]}"
    assert segments_of(one, started.backup_id) > 1000
    assert_others_agree(one, started.backup_id, identity)
    restore_and_compare(one, host, started.backup_id, SID)


# Borders --------------------------------------------------------------------------------------------------------------


def payload_bytes(daemon, backup_id):
    """Bytes of the tar: what swift and age give."""
    fetch = daemon.place.fetch(daemon.object_path(backup_id, "backup.tar.age"))
    return int(pipe(f"{fetch} | age -d -i '{daemon.identity.path}' | wc -c"))


def test_one_segment(make_daemon, ora, identity):
    one = make_daemon(ora)
    one.configure(store={"segment_size": "64M"})
    one.give_identity()
    one.start()
    backup_id = one.backup()
    assert segments_of(one, backup_id) == 1
    assert_others_agree(one, backup_id, identity)
    restore_and_compare(one, ora, backup_id, SID)


class Sized:
    """Backups whose tar has a length that was asked for: a network file is as long as it takes. A tar grows by 512 bytes at least."""

    SEGMENT, BLOCK = 1 << 20, 512

    def __init__(self, daemon, host):
        self.daemon = daemon
        self.path = host.folder / host.home / "network/admin/tnsnames.ora"
        self.original = self.path.read_text()
        self.extra, self.last = 0, None

    def backup(self, extra):
        self.path.write_text(self.original + "#" * (extra - 1) + "\n" if extra else self.original)
        backup_id = self.daemon.backup()
        self.extra, self.last = extra, payload_bytes(self.daemon, backup_id)
        return backup_id

    def wanting(self, beyond, unit, tries=6):
        """A backup of k units and `beyond` more bytes; what RMAN writes is about the same from one to the next."""
        for _ in range(tries):
            missing = (beyond - self.last) % unit
            extra = self.extra + missing
            if extra >= 2 * unit:
                extra -= unit
            backup_id = self.backup(extra)
            if (self.last - beyond) % unit == 0:
                return backup_id
        raise AssertionError(f"no backup of k x {unit} + {beyond} bytes in {tries} tries")


def test_the_last_byte_lies_on_a_border_or_beside_it(make_daemon, ora, identity):
    """Of a segment, and of a chunk of 64 KiB within one; what is beside it is a tar's own 512 bytes away."""
    one = make_daemon(ora)
    one.give_identity()
    one.start()
    sized = Sized(one, ora)
    sized.backup(0)
    for beyond in (0, Sized.BLOCK, -Sized.BLOCK, 65536, 65536 + Sized.BLOCK, 65536 - Sized.BLOCK):
        backup_id = sized.wanting(beyond, Sized.SEGMENT)
        assert segments_of(one, backup_id) == -(-sized.last // Sized.SEGMENT)
        assert_others_agree(one, backup_id, identity)
        if beyond in (0, Sized.BLOCK, 65536):
            restore_and_compare(one, ora, backup_id, SID)


# Limits ---------------------------------------------------------------------------------------------------------------


def test_nine_segments_fit_under_a_limit_of_three_and_the_tenth_does_not(make_cluster, make_swift_store, make_daemon, make_host, identity):
    host = make_host()
    host.create_database(SID, "48M")
    place = make_swift_store(make_cluster(max_manifest_segments=3, constraints={"container_listing_limit": 5}))
    one = make_daemon(host, store=place)
    usual = {"oracle": {"compressed": "no", "retries": 0}}
    one.configure(**usual, store={"segment_size": "64M"})
    one.give_identity()
    one.start()
    # As small as the estimate, a tenth above what is used, lets it be.
    segment = -(-payload_bytes(one, one.backup()) * 11 // 90 // 65536) * 65536
    one.configure(**usual, store={"segment_size": str(segment)})
    one.call("Reload")
    backup_id = one.backup()
    assert segments_of(one, backup_id) == 9
    assert_others_agree(one, backup_id, identity)
    restore_and_compare(one, host, backup_id, SID)
    before = one.objects()

    # What no estimate foresees makes the tenth.
    names = host.folder / host.home / "network/admin/tnsnames.ora"
    original = names.read_text()
    names.write_text(original + ("#" * 1023 + "\n") * (segment // 1024))
    started = one.create_backup()
    outcome = one.wait(started.job)
    assert "needs more" in outcome.error_message
    assert_failed_backup(
        one, started, outcome, "TooLarge", "segment_size", before=before, sequence=3, repair=lambda: names.write_text(original)
    )


def test_an_estimate_far_above_the_limit_is_refused_before_rman_starts(make_cluster, make_swift_store, make_daemon, make_host):
    host = make_host()
    host.create_database(SID, "48M")
    place = make_swift_store(make_cluster(max_manifest_segments=3, constraints={"container_listing_limit": 5}))
    one = make_daemon(host, store=place)
    one.configure(oracle={"compressed": "no"}, store={"segment_size": "1M"})
    one.start()
    host.hold("rman-backup")
    started = one.create_backup()
    outcome = one.wait(started.job)
    host.release("rman-backup")

    def larger():
        one.configure(oracle={"compressed": "no"}, store={"segment_size": "16M"})
        one.call("Reload")

    assert_refused_backup(one, started, outcome, "TooLarge", "segment_size", repair=larger)


# Other programs -----------------------------------------------------------------------------------------------------------


def test_rclone_reads_it_too(make_daemon, ora, identity, place, tmp_path):
    one = make_daemon(ora).start()
    backup_id = one.backup()
    config = tmp_path / "rclone.conf"
    config.write_text(f"[s]\ntype = swift\nauth = {place.cluster.auth_url}\nuser = test:tester\nkey = testing\nauth_version = 1\n")
    path = one.object_path(backup_id, "backup.tar.age")
    names = pipe(f"rclone --config '{config}' cat 's:{path}' | age -d -i '{identity.path}' | tar -t").splitlines()
    assert names == listed(one, backup_id, identity)


# A rate ---------------------------------------------------------------------------------------------------------------


def test_a_rate_limit_is_shared_and_changed_by_reload(make_daemon, ora):
    one = make_daemon(ora).start()
    size = one.get_backup(one.backup())["size"]
    one.configure(store={"segment_size": "1M", "rate_limit": size // 60})
    one.call("Reload")
    begun = time.monotonic()
    started = one.create_backup()
    one.wait_property(started.job, lambda p: p["SegmentsStored"] > 0)
    assert one.job(started.job)["SegmentsStored"] < size >> 21
    one.configure()
    one.call("Reload")
    assert one.wait(started.job).result == "done"
    assert time.monotonic() - begun < 60
