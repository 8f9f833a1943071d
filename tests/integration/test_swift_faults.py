"""What networks and clusters do to each kind of request: a run completes, or fails with the right error; and afterwards the store holds
exactly what the records say, as Swift itself lists it. No segment's name is ever sent with two contents: the fixture looks at that."""

import threading
import time

import pytest
from proxy import Rule
from support.daemon import ERROR, wait_until
from support.judge import assert_failed_backup, assert_next_backup_completes, objects_of_failed

pytestmark = pytest.mark.only_swift
SID = "TESTDB15"
HALF = 100_000

# Kinds of requests, by what they do.
START = {
    "token": ("GET", "/auth/v1.0"),
    "info": ("GET", "/info"),
    "container": ("HEAD", "/v1/*/t????????????"),
    "new container": ("PUT", "/v1/*/t????????????"),
}
BACKUP = {
    "claim": ("PUT", "*/begin/*"),
    "claim read back": ("GET", "*/begin/*"),
    "segment": ("PUT", "*_segments/*/00000001"),
    "manifest": ("PUT", "*/backup.tar.age[?]*"),
    "manifest read back": ("HEAD", "*/backup.tar.age"),
    "list": ("PUT", "*/segments"),
    "list read back": ("GET", "*/segments"),
    "record": ("PUT", "*/backup.json"),
}
CANCEL = {"cause": ("PUT", "*/failed.json"), "listing of segments": ("GET", "*_segments[?]*"), "removal": ("POST", "*bulk-delete*")}
LIST = {"listing": ("GET", "/v1/*/t????????????[?]*")}
RESTORE = {
    "record read": ("GET", "*/backup.json"),
    "list read": ("GET", "*/segments"),
    "segment looked for": ("HEAD", "*_segments/*/00000001"),
    "segment read": ("GET", "*_segments/*/00000002"),
}
# All of it passes: it is tried again.
PASSING = {
    "500": {"status": 500, "body": b"<html><h1>Internal Error</h1></html>"},
    "503 that names a time": {"status": 503, "headers": {"Retry-After": "1"}},
    "408": {"status": 408},
    "429": {"status": 429},
    "498": {"status": 498},
    "499": {"status": 499},
    "504 before the body": {"status": 504, "drain": False},
    "a cut before": {"cut": "before"},
    "a cut amid the request": {"cut": "request", "cut_after": HALF},
    "the reply is lost": {"cut": "reply"},
    "a cut amid the reply": {"cut": "body", "cut_after": 40},
    "slow": {"delay": 0.3, "trickle_request": 0.01, "trickle_reply": 0.01, "block": 65536},
}


@pytest.fixture
def place(make_swift_store):
    return make_swift_store(segment_size="1M")


@pytest.fixture
def one(make_daemon, ora):
    """Not started; it can restore what it made."""
    daemon = make_daemon(ora)
    daemon.give_identity()
    return daemon


def wait_for_objects(daemon, expected, timeout=120):
    """Until the store holds these and nothing else: what is owed is paid after the job's end."""
    end = time.monotonic() + timeout
    while (held := daemon.objects()) != expected:
        assert time.monotonic() < end, f"the store holds {held}, not {expected}\n{daemon.log()[-4000:]}"
        time.sleep(0.1)


def configure(daemon, **changes):
    daemon.configure(**changes)
    daemon.call("Reload")


def rules(place, kinds, **fault):
    found = {name: Rule(method=method, path=path, **fault) for name, (method, path) in kinds.items()}
    place.proxy.add(*found.values())
    return found


def assert_used(place, found):
    assert not [name for name, rule in found.items() if rule.used == 0]
    place.proxy.clear()


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_waited_for_in_every_kind_of_request(one, place, ora, fault):
    how = PASSING[fault]
    # The store is asked again after ten seconds each time it cannot be opened: one fault that answers and one that does not will do.
    found = rules(place, START, **how) if fault in ("500", "a cut before") else {}
    one.start()
    wait_until(lambda: place.container in place.client.containers(), 60, "the container is not made")

    found.update(rules(place, BACKUP, **how))
    backup_id = one.backup()
    until = one.record(backup_id)["databases"][0]["until_scn"]
    blocks = ora.checksum(SID, until)
    assert_used(place, found)

    found = rules(place, CANCEL, **how)
    one.fault("store-commit", "hold")
    started = one.create_backup()
    one.wait_phase(started.job, "commit")
    one.call("CancelJob", "u", one.job(started.job)["Id"])
    one.clear_fault("store-commit")
    assert one.wait(started.job).result == "cancelled"
    names = [backup_id + "/" + name for name in ("backup.json", "backup.tar.age", "segments")]
    expected = sorted([*objects_of_failed(started.backup_id, 2), "begin/0000000001.json", *names])
    wait_for_objects(one, expected)
    assert_used(place, found)

    found = rules(place, {**LIST, **RESTORE}, **how)
    assert {row["id"] for row in one.list_backups()} == {backup_id, started.backup_id}
    one.restore(backup_id, overwrite=True)
    assert ora.checksum(SID, until) == blocks
    assert one.objects() == expected
    assert_used(place, found)


# A byte that is another ----------------------------------------------------------------------------------


def test_a_byte_that_changes_on_the_way_there_is_found_and_sent_again(one, place):
    found = rules(place, {name: BACKUP[name] for name in ("claim", "segment", "list", "record")}, flip_request=30)
    one.start()
    backup_id = one.backup()
    assert_used(place, found)
    statuses = {(s.method, s.status) for s in place.proxy.requests("PUT", "*_segments/*/00000001")}
    assert statuses == {("PUT", 422), ("PUT", 201)}
    assert one.get_backup(backup_id)["state"] == "COMPLETED"


@pytest.mark.parametrize("at", [0, 3, 30, 90])
def test_a_byte_of_a_manifest_that_changes_on_the_way_is_found_and_sent_again(one, place, at):
    """In the JSON, the digest or the name of a segment: Swift refuses what it cannot read or find."""
    one.configure(oracle={"retries": 0})
    one.start()
    rule = place.proxy.add(Rule(method="PUT", path=BACKUP["manifest"][1], flip_request=at))
    backup_id = one.backup()
    assert rule.used == 1
    assert one.get_backup(backup_id)["state"] == "COMPLETED"
    one.restore(backup_id, overwrite=True)


def test_a_byte_of_a_segment_that_always_changes_ends_the_run(one, place):
    one.start()
    one.backup()
    before = one.objects()
    place.proxy.add(Rule(method="PUT", path="*_segments/*/00000002", flip_request=3, count=None))
    configure(one, store={"retry_time": "5m"}, oracle={"retries": 0})
    started = one.create_backup()
    outcome = one.wait(started.job)
    assert_failed_backup(one, started, outcome, "Integrity", "00000002", before=before, sequence=2, repair=place.proxy.clear)


def test_a_byte_that_changes_on_the_way_back_is_not_restored(one, place, ora):
    one.start()
    backup_id = one.backup()
    until = one.record(backup_id)["databases"][0]["until_scn"]
    blocks = ora.checksum(SID, until)
    rule = place.proxy.add(Rule(method="GET", path="*_segments/*/00000002", flip_reply=500))
    outcome = one.wait(one.restore_backup(backup_id, overwrite=True))
    assert rule.used == 1
    if outcome.result != "done":
        assert outcome.error_name == ERROR + "Integrity", outcome
        one.restore(backup_id, overwrite=True)
    assert ora.checksum(SID, until) == blocks


# Answers that do not pass ----------------------------------------------------------------------------------

FINAL = {
    "403": ({"status": 403, "body": b"<html><p>Access was denied</p></html>"}, "StoreAuth"),
    "413 quota": ({"status": 413, "body": b"<html><h1>Upload exceeds quota.</h1></html>"}, "StoreQuota"),
    "413 too large": ({"status": 413, "body": b"<html>Your request is too large.</html>"}, "TooLarge"),
    "400": ({"status": 400, "body": b"no such thing"}, "StoreUnavailable"),
}


@pytest.mark.parametrize("kind", ["segment", "manifest", "list"])
@pytest.mark.parametrize("answer", FINAL)
def test_an_answer_that_does_not_pass_ends_the_run_at_once(one, place, answer, kind):
    """But a manifest that the cluster takes for none: a few times, for a byte may have changed on the way."""
    how, error = FINAL[answer]
    method, path = BACKUP[kind]
    configure_start(one, retries=0)
    rule = place.proxy.add(Rule(method=method, path=path, count=None, **how))
    started = one.create_backup()
    outcome = one.wait(started.job)
    assert rule.used == (5 if (answer, kind) == ("400", "manifest") else 1)
    *_, seen = [s for s in place.proxy.requests() if s.rule is rule]
    assert f"txfault{seen.number}" in outcome.error_message, outcome
    place.proxy.clear()
    wait_for_objects(one, sorted(objects_of_failed(started.backup_id)))
    assert_failed_backup(one, started, outcome, error, place.container)


def configure_start(daemon, retries, **changes):
    daemon.configure(oracle={"retries": retries}, **changes)
    daemon.start()


def test_a_name_that_somebody_else_wrote_is_another_attempt(one, place):
    """A segment that is there with another content: who wrote it is not known, so all begins anew under names of its own."""
    one.start()
    put = threading.Event()

    def is_first(seen):
        if put.is_set():
            return False
        place.client.put(seen.name, b"not ours")
        put.set()
        return True

    place.proxy.add(Rule(method="PUT", path="*_segments/*/00000001", when=is_first, delay=0.01))
    started = one.create_backup()
    outcome = one.wait(started.job)
    assert put.is_set()
    foreign = [s for s in place.proxy.requests("PUT", "*/00000001") if s.status == 412]
    assert len(foreign) == 1
    if outcome.result == "done":
        assert_only_what_was_not_ours_is_removed(one, started)
    else:
        assert_failed_backup(one, started, outcome, "Integrity", "somebody else")


def assert_only_what_was_not_ours_is_removed(one, started):
    names = [started.backup_id + "/" + name for name in ("backup.json", "backup.tar.age", "segments")]
    assert one.objects() == sorted(["begin/0000000001.json", *names])


# A cluster that is away ------------------------------------------------------------------------------------


def test_503_for_twenty_seconds_is_waited_for(one, place, ora):
    one.start()
    ora.hold("piece-2")
    started = one.create_backup()
    ora.wait_reached("piece-2")
    rule = place.proxy.add(Rule(status=503, count=None))
    ora.release("piece-2")
    place.proxy.wait_for("PUT", "*_segments/*")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        assert one.job(started.job)["State"] == "running"
        time.sleep(0.5)
    place.proxy.remove(rule)
    outcome = one.wait(started.job)
    assert outcome.result == "done", outcome
    assert rule.used > 1


def test_an_object_server_that_is_gone_for_good_and_comes_back(make_cluster, make_swift_store, make_daemon, ora):
    cluster = make_cluster(recheck=61)  # of its own: others do not want to lose theirs
    one = make_daemon(ora, store=make_swift_store(cluster, segment_size="1M"))
    configure_start(one, retries=0, store={"retry_time": "3s"})
    ora.hold("piece-2")
    started = one.create_backup()
    ora.wait_reached("piece-2")
    cluster.kill("object")
    ora.release("piece-2")
    outcome = one.wait(started.job)
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + "StoreUnavailable"), outcome
    assert "503" in outcome.error_message and "transaction tx" in outcome.error_message
    cluster.revive("object")
    wait_for_objects(one, sorted(objects_of_failed(started.backup_id)))
    assert_failed_backup(one, started, outcome, "StoreUnavailable", one.place.container)


def test_a_server_that_does_not_answer_at_all_is_left_alone_by_cancel(one, place, ora):
    one.start()
    gate = threading.Event()
    place.proxy.add(Rule(method="PUT", path="*_segments/*", hold=gate, count=None))
    started = one.create_backup()
    place.proxy.wait_for("PUT", "*_segments/*")
    asked = time.monotonic()
    one.call("CancelJob", "u", one.job(started.job)["Id"])
    outcome = one.wait(started.job)
    assert outcome.result == "cancelled" and time.monotonic() - asked < 30
    gate.set()
    place.proxy.clear()
    wait_for_objects(one, sorted(objects_of_failed(started.backup_id)))
    assert_next_backup_completes(one, None)


def test_a_stall_is_found_by_its_bytes(one, place):
    """A connection that stays and gives nothing is given up after stall_timeout, and the segment sent again."""
    one.configure(swift={**place.swift_section(), "stall_timeout": "1s"})
    one.start()
    gate = threading.Event()
    place.proxy.add(Rule(method="PUT", path="*_segments/*/00000001", hold=gate))
    one.backup()
    assert len(place.proxy.requests("PUT", "*_segments/*/00000001")) == 2
    gate.set()


def test_retry_after_is_obeyed(one, place):
    one.start()
    place.proxy.add(Rule(method="PUT", path="*_segments/*/00000001", status=503, headers={"Retry-After": "3"}))
    one.backup()
    first, second = place.proxy.requests("PUT", "*_segments/*/00000001")
    assert second.at - first.at >= 3


def test_fewer_segments_are_in_flight_after_429(one, place, ora):
    """After a cluster that has too much to do, half of the requests at a time; as all goes well, more again."""
    one.configure(store={"concurrency": 4}, oracle={"compressed": "no"})
    one.start()
    place.proxy.add(Rule(method="PUT", path="*_segments/*", first=5, status=429))
    place.proxy.add(Rule(method="PUT", path="*_segments/*", delay=0.03, count=None))
    one.backup()
    puts = place.proxy.requests("PUT", "*_segments/*")
    refused = next(s for s in puts if s.status == 429)
    begun_later = [s for s in puts if s.at > refused.done_at]

    def in_flight(seen):
        return sum(1 for s in puts if s.at <= seen.at < s.done_at)

    soon = [in_flight(s) for s in begun_later if s.at - refused.done_at < 0.1]
    assert max(soon, default=1) <= 3
    assert max(in_flight(s) for s in begun_later) == 4


# A segment that is not whole any more -----------------------------------------------------------------------


def test_a_short_segment_is_continued_by_range(one, place):
    one.start()
    backup_id = one.backup()
    rule = place.proxy.add(Rule(method="GET", path="*_segments/*/00000001", cut="body", cut_after=HALF, count=2))
    one.restore(backup_id, overwrite=True)
    assert rule.used == 2
    gets = place.proxy.requests("GET", "*_segments/*/00000001")
    assert [s.headers.get("range") for s in gets] == [None, f"bytes={HALF}-", f"bytes={2 * HALF}-"]


def test_409_of_a_segment_passes_or_is_said(one, place):
    one.start()
    backup_id = one.backup()
    place.proxy.add(Rule(method="GET", path="*_segments/*/00000001", status=409))
    one.restore(backup_id, overwrite=True)


def test_a_manifest_is_judged_by_each_of_its_errors(one, place):
    """A segment that could not be looked at is asked for again as long as it takes; one that is another one a few times."""
    one.configure(oracle={"retries": 0})
    one.start()
    bodies = [b'{"Errors": [["/c/1", "503 Service Unavailable"], ["/c/2", "503 Service Unavailable"]]}']
    rule = place.proxy.add(Rule(method="PUT", path=BACKUP["manifest"][1], status=400, body=bodies[0]))
    one.backup()
    assert rule.used == 1
    before = one.objects()
    mixed = b'{"Errors": [["/c/1", "503 Service Unavailable"], ["/c/2", "Etag Mismatch"]]}'
    place.proxy.add(Rule(method="PUT", path=BACKUP["manifest"][1], status=400, body=mixed, count=None))
    started = one.create_backup()
    outcome = one.wait(started.job)
    assert "Etag Mismatch" in outcome.error_message
    assert_failed_backup(one, started, outcome, "Integrity", "/c/2", before=before, sequence=2, repair=place.proxy.clear)


def test_a_cluster_without_bulk_delete_is_cleaned_too(make_cluster, make_swift_store, make_daemon, ora):
    place = make_swift_store(make_cluster(bulk=False), segment_size="1M")
    one = make_daemon(ora, store=place)
    configure_start(one, retries=0)
    one.fault("store-commit", "hold")
    started = one.create_backup()
    one.wait_phase(started.job, "commit")
    assert len(place.segments(one.instance)) > 3
    one.call("CancelJob", "u", one.job(started.job)["Id"])
    one.clear_fault("store-commit")
    assert one.wait(started.job).result == "cancelled"
    wait_for_objects(one, sorted(objects_of_failed(started.backup_id)))
    assert not place.proxy.requests("POST") and place.proxy.requests("DELETE", "*_segments/*")
    assert_next_backup_completes(one, None)


def test_a_quota_that_is_used_up(make_cluster, make_swift_store, make_daemon, ora):
    cluster = make_cluster(recheck=58)
    place = make_swift_store(cluster, segment_size="1M")
    place.client.put(place.segment_container, headers={"X-Container-Meta-Quota-Bytes": "600000"})
    one = make_daemon(ora, store=place)
    configure_start(one, retries=0)
    started = one.create_backup()
    outcome = one.wait(started.job)

    def more():
        place.client.post(place.segment_container, {"X-Container-Meta-Quota-Bytes": "600000000"})

    assert_failed_backup(one, started, outcome, "StoreQuota", place.segment_container, repair=more)


def test_a_check_does_not_wait_for_a_store_that_never_answers(one, place):
    """Half a minute for a step of the probe; then the row says so, the other rows are there, and nothing is left behind."""
    one.start()
    # In the end the proxy itself answers: what comes late to nobody is not passed on.
    probes = place.proxy.add(Rule(method="PUT", path="*/probe/*", hold=threading.Event(), status=503, count=None))
    begun = time.monotonic()
    job = one.call("CheckConfiguration", "a{sv}", {})
    assert one.wait(job, timeout=120).result == "done"
    assert time.monotonic() - begun > 29
    rows = {row["check"]: row for row in one.job(job)["Result"]}
    assert not rows["store"]["ok"] and rows["store"]["severity"] == "error"
    assert "storing an object failed: the store did not answer within 30 s" in rows["store"]["detail"]
    assert rows["databases"]["ok"] and rows["backup_dir"]["ok"]
    probes.hold.set()
    place.proxy.clear()
    assert place.client.names(place.container, f"{one.instance}/") == []
