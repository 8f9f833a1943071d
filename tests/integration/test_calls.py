"""Calls on a running daemon: the order of signals, jobs that have ended, handles."""

import os

import pytest
from support import dbus

FREEDESKTOP = "org.freedesktop.DBus.Error."


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
