"""Who may write under a name, in a Swift, where two create-only PUTs at the same moment may both succeed."""

import shutil
import subprocess
import threading

import pytest
from proxy import Rule
from support import paths
from support.daemon import ERROR

pytestmark = pytest.mark.only_swift
ROUNDS = 100


class Claimer:
    """tests/tools/claim: the claim of a backup and nothing else, with a ledger and a key of its own."""

    def __init__(self, place, host, folder):
        folder.mkdir()
        section = place.swift_section()
        command = [paths.SANITIZED / "tests/tools/claim", section["auth_url"], section["username"], place.container, host, folder]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"ORABACKUP_SETTLE_MSEC": "100"}
        )
        self.say("testing")

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status


def test_claims_of_the_same_moment_are_won_once_or_not_at_all(place, tmp_path):
    """The PUTs of two claimers wait for each other in the proxy and reach Swift together, a hundred times."""
    claimers = [Claimer(place, f"host{number}", tmp_path / f"claimer{number}") for number in (1, 2)]
    meeting = threading.Barrier(2, timeout=60)
    place.proxy.add(Rule(method="PUT", path="*/begin/0000000001.json", hold=meeting, count=None))
    won = both_stored = 0
    try:
        for number in range(ROUNDS):
            for claimer in claimers:
                claimer.say(f"name-{number}")
            answers = [claimer.answer() for claimer in claimers]
            claimed = [answer for answer in answers if answer == "claimed 1"]
            assert len(claimed) <= 1, answers
            assert all(answer.startswith(ERROR + "NotOwner ") for answer in answers if answer not in claimed), answers
            won += len(claimed)
            puts = place.proxy.requests("PUT", f"*/name-{number}/begin/0000000001.json")
            both_stored += [s.status for s in puts] == [201, 201]
    finally:
        meeting.abort()
        statuses = [claimer.end() for claimer in claimers]
    assert statuses == [0, 0]
    print(f"{ROUNDS} claims of the same moment: {won} won, {both_stored} that Swift acknowledged to both")
    assert won > 0


def test_of_two_daemons_of_one_name_only_one_completes(second_bus, make_host, make_daemon, place):
    daemons = []
    for number in (1, 2):
        host = make_host(f"host{number}")
        host.create_database(f"DB{number}")
        options = {} if number == 1 else {"bus": second_bus}
        daemons.append(make_daemon(host, **options).start(ORABACKUP_SETTLE_MSEC="300"))
    meeting = threading.Barrier(2, timeout=60)
    place.proxy.add(Rule(method="PUT", path="*/begin/0000000001.json", hold=meeting, count=2))
    started = [daemon.create_backup() for daemon in daemons]
    outcomes = [daemon.wait(one.job) for daemon, one in zip(daemons, started)]
    done = [outcome for outcome in outcomes if outcome.result == "done"]
    assert len(done) <= 1, outcomes
    for outcome in outcomes:
        assert outcome in done or outcome.error_name == ERROR + "NotOwner", outcome
    records = [name for name in daemons[0].objects() if name.endswith("/backup.json")]
    assert len(records) == len(done)
    heir = daemons[0] if outcomes[0].result != "done" else daemons[1]
    assert heir.take_over().result == "done"
    heir.backup()


def not_owner(daemon, *things):
    before = daemon.objects()
    outcome = daemon.wait(daemon.create_backup().job)
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + "NotOwner"), outcome
    for thing in things:
        assert thing in outcome.error_message, outcome.error_message
    assert daemon.objects() == before


def test_a_copied_state_directory_is_refused_and_take_over_heals_it(make_daemon, ora):
    """Two hosts with the same name and the same past: the one that comes later is told that another one writes."""
    first = make_daemon(ora, name="first").start()
    first.backup()
    first.stop()
    second = make_daemon(ora, name="second")
    shutil.rmtree(second.state)
    shutil.copytree(first.state, second.state)
    first.start()
    later = first.backup()
    first.stop()
    second.start()
    not_owner(second, second.instance)
    assert second.take_over().result == "done"
    assert second.get_backup(later)["state"] == "COMPLETED"
    second.backup()
    second.stop()
    first.start()
    not_owner(first, first.instance)


def test_an_older_state_that_is_put_back_is_refused_and_take_over_heals_it(make_daemon, ora, tmp_path):
    one = make_daemon(ora).start()
    one.backup()
    one.stop()
    shutil.copytree(one.state, tmp_path / "kept")
    one.start()
    one.backup()
    one.stop()
    shutil.rmtree(one.state)
    shutil.copytree(tmp_path / "kept", one.state)
    one.signals.clear()  # numbers of jobs come again
    one.start()
    not_owner(one, one.instance)
    assert one.take_over().result == "done"
    one.backup()
