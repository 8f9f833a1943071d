"""The five things that must hold after every failing case."""

from .daemon import ERROR
from .dbus import DBusError

CLAIM = "begin/{:010d}.json"


def objects_of_failed(backup_id, sequence=1):
    """What stays of a failed backup: its claim and the cause."""
    return [CLAIM.format(sequence), f"{backup_id}/failed.json"]


def assert_failed_backup(daemon, started, outcome, error, thing, before=(), sequence=1, repair=None):
    """A backup that failed after its claim: error name, message, state, objects, and that the next backup COMPLETES."""
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + error), f"{outcome}\n{daemon.log()[-6000:]}"
    assert thing in outcome.error_message, f"'{outcome.error_message}' does not name {thing}"
    backup = daemon.get_backup(started.backup_id)
    assert (backup["state"], backup["error_name"]) == ("FAILED", ERROR + error), backup
    assert thing in backup["error_message"]
    assert daemon.objects() == sorted([*before, *objects_of_failed(started.backup_id, sequence)])
    assert_staging_is_empty(daemon)
    assert_next_backup_completes(daemon, repair)


def assert_refused_backup(daemon, started, outcome, error, thing, before=(), repair=None):
    """A backup that the preflight refused: it leaves nothing anywhere."""
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + error), f"{outcome}\n{daemon.log()[-6000:]}"
    assert thing in outcome.error_message, f"'{outcome.error_message}' does not name {thing}"
    assert_no_such_backup(daemon, started.backup_id)
    assert daemon.objects() == sorted(before)
    assert_staging_is_empty(daemon)
    assert_next_backup_completes(daemon, repair)


def assert_failed_restore(daemon, backup_id, outcome, error, thing, repair=None, take_over=True):
    """A restore changes nothing in the store; the next backup, after TakeOver, COMPLETES."""
    before = daemon.objects()
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + error), f"{outcome}\n{daemon.log()[-6000:]}"
    assert thing in outcome.error_message, f"'{outcome.error_message}' does not name {thing}"
    assert daemon.job(outcome.job)["State"] == "failed"
    assert daemon.objects() == before
    if repair is not None:
        repair()
    if take_over:
        taken = daemon.take_over()
        assert taken.result == "done", taken
    assert_next_backup_completes(daemon, None)


def assert_no_such_backup(daemon, backup_id):
    try:
        daemon.get_backup(backup_id)
    except DBusError as error:
        assert error.name == ERROR + "NoSuchBackup", error
        return
    raise AssertionError(f"{backup_id} is listed, although nothing of it may be left")


def assert_staging_is_empty(daemon):
    left = [str(p.relative_to(daemon.staging)) for p in daemon.staging.rglob("*") if p.is_file()]
    assert not left, f"staging still holds {left}"


def assert_next_backup_completes(daemon, repair):
    if repair is not None:
        repair()
    daemon.backup()
