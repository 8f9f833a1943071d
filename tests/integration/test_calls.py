"""Calls on the daemon: in which order they are refused, pages of lists, and the order of signals."""

import os

import pytest
from support import dbus
from support.daemon import ERROR

FREEDESKTOP = "org.freedesktop.DBus.Error."
NO_BACKUP = "11111111-1111-4111-8111-111111111111"


def test_arguments_are_judged_before_the_running_job(service):
    job = service.create_backup().job
    with pytest.raises(dbus.DBusError) as refused:
        service.create_backup(colour="red")
    assert refused.value.name == FREEDESKTOP + "InvalidArgs"
    service.wait(job)


def test_a_second_backup_is_busy_and_the_first_is_named(service):
    started = service.create_backup()
    with pytest.raises(dbus.DBusError) as refused:
        service.create_backup()
    assert refused.value.name == ERROR + "Busy"
    assert started.backup_id in refused.value.message
    service.wait(started.job)


def test_a_backup_that_is_being_made_cannot_be_restored(service):
    started = service.create_backup()
    with pytest.raises(dbus.DBusError) as refused:
        service.restore_backup(started.backup_id)
    assert refused.value.name == ERROR + "NotCompleted"
    service.wait(started.job)


def test_a_job_that_does_not_exist_is_named(service):
    for method in ("GetJob", "CancelJob"):
        with pytest.raises(dbus.DBusError) as refused:
            service.call(method, "u", 4711)
        assert refused.value.name == ERROR + "NoSuchJob"
        assert "4711" in refused.value.message


def test_lists_are_paged_and_filtered(service):
    backup_id = service.backup(name="first")
    (row,) = service.list_backups(limit=("u", 1))
    assert (row["id"], row["name"], row["state"]) == (backup_id, "first", "COMPLETED")
    assert [r["id"] for r in service.list_backups(state="COMPLETED", datastore="oracle")] == [backup_id]
    assert service.list_backups(marker=backup_id) == []
    assert service.list_backups(state="FAILED") == []
    assert service.list_backups(datastore="mysql") == []
    for options in ({"datastore": "sybase"}, {"state": "GOOD"}, {"marker": NO_BACKUP}):
        with pytest.raises(dbus.DBusError) as refused:
            service.list_backups(**options)
        assert refused.value.name == FREEDESKTOP + "InvalidArgs"


def test_the_last_properties_come_before_the_end_of_a_job(service):
    job = service.create_backup().job
    service.wait(job)
    about = [s.member for s in service.signals if job in (s.path, *s.arguments[1:2])]
    assert about[0] == "JobNew"
    assert about[-1] == "JobRemoved"
    assert about[-2] == "PropertiesChanged"
    last = [s for s in service.signals if s.path == job][-1]
    assert last.arguments[1]["State"] == "done"
    assert service.property("NJobs") == 0


def test_an_ended_job_stays_readable(service):
    started = service.create_backup()
    service.wait(started.job)
    assert service.job(started.job)["State"] == "done"
    ((number, path, kind, state, backup_id),) = service.call("ListJobs")
    assert (path, kind, state, backup_id) == (started.job, "backup", "done", started.backup_id)
    assert service.call("GetJob", "u", number) == started.job


def test_a_handle_that_is_no_file_is_named(service, tmp_path):
    backup_id = service.backup()
    reader, writer = os.pipe()
    try:
        with pytest.raises(dbus.DBusError) as refused:
            service.restore_backup(backup_id, identity=("h", reader))
    finally:
        os.close(reader)
        os.close(writer)
    assert refused.value.name == FREEDESKTOP + "InvalidArgs"
    assert "identity" in refused.value.message
