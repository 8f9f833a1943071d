"""The daemon as a service: start, names, introspection, access, methods that are not built yet, reload, stop."""

import os
import re
import signal
import subprocess
import xml.etree.ElementTree

import pytest
from support import dbus, paths
from support.daemon import ERROR, JOB, MANAGER, NAME, OBJECT

FREEDESKTOP = "org.freedesktop.DBus.Error."
NO_BACKUP = "11111111-1111-4111-8111-111111111111"


def shape(element):
    """Methods, signals and properties of an interface as comparable values."""
    rows = set()
    for child in element:
        name = child.get("name")
        if child.tag in ("method", "signal"):
            arguments = tuple(
                (a.get("name"), a.get("type"), a.get("direction") or ("out" if child.tag == "signal" else "in"))
                for a in child.findall("arg")
            )
            rows.add((child.tag, name, arguments))
        elif child.tag == "property":
            emits = [a.get("value") for a in child.findall("annotation") if a.get("name").endswith("EmitsChangedSignal")]
            rows.add((child.tag, name, child.get("type"), child.get("access"), (emits or ["true"])[0]))
    return rows


def contract(interface):
    root = xml.etree.ElementTree.parse(paths.TOP / "conf/org.orabackup1.xml").getroot()
    return shape(next(i for i in root.findall("interface") if i.get("name") == interface))


def introspected(service, path, interface):
    (text,) = service.connection.call(NAME, path, "org.freedesktop.DBus.Introspectable", "Introspect")
    return shape(next(i for i in xml.etree.ElementTree.fromstring(text).findall("interface") if i.get("name") == interface))


def test_the_manager_is_what_its_contract_says(service):
    assert introspected(service, OBJECT, MANAGER) == contract(MANAGER)


def test_a_job_is_what_its_contract_says(service):
    job = service.create_backup().job
    assert introspected(service, job, JOB) == contract(JOB)
    service.wait(job)


@pytest.mark.parametrize(
    "method, signature, arguments",
    [
        ("VerifyBackup", "sa{sv}", (NO_BACKUP, {})),
        ("PruneBackups", "a{sv}", ({},)),
    ],
)
def test_a_method_of_a_later_version_is_not_supported(service, method, signature, arguments):
    with pytest.raises(dbus.DBusError) as refused:
        service.call(method, signature, *arguments)
    assert refused.value.name == FREEDESKTOP + "NotSupported"
    assert method in refused.value.message
    assert service.property("NJobs") == 0


@pytest.mark.parametrize("parent", ["", "newest", "0F1E2D3C-4B5A-4968-8776-655443322110", "../x"])
def test_a_parent_that_is_no_id_is_refused_in_the_reply(service, parent):
    with pytest.raises(dbus.DBusError) as refused:
        service.create_backup(parent=parent)
    assert refused.value.name == FREEDESKTOP + "InvalidArgs"
    assert service.property("NJobs") == 0


@pytest.mark.parametrize(
    "options, part",
    [
        ({"until_time": "2026-11-22T06:10:44"}, "offset"),
        ({"until_time": "yesterday"}, "RFC 3339"),
        ({"until_time": "2026-11-22T06:10:44Z", "until_scn": ("t", 5)}, "exclude"),
        ({"until_scn": ("t", 5), "databases": ["A", "B"]}, "exactly one"),
    ],
)
def test_a_point_in_time_that_is_none_is_refused_in_the_reply(service, options, part):
    with pytest.raises(dbus.DBusError) as refused:
        service.restore_backup(NO_BACKUP, **options)
    assert refused.value.name == FREEDESKTOP + "InvalidArgs"
    assert part in refused.value.message


def test_an_unknown_option_is_named(service):
    with pytest.raises(dbus.DBusError) as refused:
        service.create_backup(colour="red")
    assert refused.value.name == FREEDESKTOP + "InvalidArgs"
    assert "colour" in refused.value.message


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
    first, second = service.backup(name="first"), service.backup(name="second")
    newest_first = [row["id"] for row in service.list_backups()]
    assert sorted(newest_first) == sorted([first, second])
    (page,) = service.list_backups(limit=("u", 1))
    assert page["id"] == newest_first[0]
    (rest,) = service.list_backups(marker=newest_first[0])
    assert rest["id"] == newest_first[1]
    assert [row["id"] for row in service.list_backups(state="COMPLETED", datastore="oracle")] == newest_first
    assert service.list_backups(state="FAILED") == []
    assert service.list_backups(datastore="mysql") == []
    for options in ({"datastore": "sybase"}, {"state": "GOOD"}, {"marker": NO_BACKUP}):
        with pytest.raises(dbus.DBusError) as refused:
            service.list_backups(**options)
        assert refused.value.name == FREEDESKTOP + "InvalidArgs"


def test_an_option_of_another_type_is_named(service):
    with pytest.raises(dbus.DBusError) as refused:
        service.create_backup(databases="TESTDB15")
    assert refused.value.name == FREEDESKTOP + "InvalidArgs"
    assert "databases" in refused.value.message


def test_an_unknown_database_is_named(service):
    with pytest.raises(dbus.DBusError) as refused:
        service.create_backup(databases=["NOSUCH"])
    assert refused.value.name == ERROR + "NoSuchDatabase"
    assert "NOSUCH" in refused.value.message


def test_an_unknown_backup_is_named(service):
    with pytest.raises(dbus.DBusError) as refused:
        service.get_backup(NO_BACKUP)
    assert refused.value.name == ERROR + "NoSuchBackup"
    assert NO_BACKUP in refused.value.message


def test_the_databases_are_listed_through_busctl(service, private_bus):
    (rows,) = private_bus.call(NAME, OBJECT, MANAGER, "ListDatabases")
    assert [(row["sid"], row["state"], row["selected"], row["log_mode"]) for row in rows] == [("TESTDB15", "OPEN", True, "ARCHIVELOG")]


def test_a_second_daemon_ends_and_says_why(service, make_daemon, ora):
    second = make_daemon(ora)
    second.start(wait=False)
    assert second.process.wait(timeout=30) == 1
    second.process = None
    assert NAME in second.log()


def test_a_mistake_in_the_configuration_is_the_error_of_reload(service):
    service.configure(oracle={"channels": "many"})
    with pytest.raises(dbus.DBusError) as refused:
        service.call("Reload")
    assert refused.value.name == ERROR + "Config"
    assert re.search(r"orabackup\.conf:\d+: \[oracle\] channels: found 'many'", refused.value.message)
    service.configure()
    service.call("Reload")
    service.backup()


def test_a_reload_does_not_change_the_instance(service):
    service.configure(instance={"name": "another"})
    with pytest.raises(dbus.DBusError) as refused:
        service.call("Reload")
    assert refused.value.name == ERROR + "Config"
    assert "[instance] name" in refused.value.message
    assert service.property("Instance") == service.instance


@pytest.mark.parametrize(
    "changes, part",
    [
        ({"store": {"resume": "yes"}}, "[store] resume"),
        ({"retention": {"full": 3}}, "[retention] full"),
    ],
)
def test_the_daemon_refuses_to_start_with_what_is_not_built(make_daemon, ora, changes, part):
    one = make_daemon(ora)
    one.configure(**changes)
    one.start(wait=False)
    assert one.process.wait(timeout=30) == 1
    one.process = None
    assert part in one.log() and "not built yet" in one.log()


def test_without_recipients_backups_fail_and_lists_work(make_daemon, ora):
    one = make_daemon(ora)
    one.recipients.unlink()
    one.start()
    assert one.list_backups() == []
    started = one.create_backup()
    outcome = one.wait(started.job)
    assert outcome.error_name == ERROR + "Config"
    assert str(one.recipients) in outcome.error_message
    assert one.objects() == []


def test_losing_the_bus_ends_the_daemon_with_status_1(tmp_path, make_daemon, ora, private_bus):
    one = make_daemon(ora).start()
    private_bus.process.terminate()
    private_bus.process.wait(timeout=10)
    assert one.process.wait(timeout=60) == 1
    one.process = None
    one.connection.close()
    one.connection = None


@pytest.mark.needs_root
def test_another_user_is_refused_and_told_so(service, private_bus):
    drop = ["setpriv", "--reuid=games", "--regid=games", "--clear-groups"]
    done = private_bus.busctl("call", NAME, OBJECT, MANAGER, "ListJobs", prefix=drop)
    assert done.returncode != 0
    assert "access denied" in done.stderr.lower(), done.stderr


@pytest.mark.needs_root
def test_a_member_of_the_group_may_call(service, private_bus):
    drop = ["setpriv", "--reuid=games", "--regid=games", "--groups=nogroup"]
    done = private_bus.busctl("call", NAME, OBJECT, MANAGER, "ListJobs", prefix=drop)
    assert done.returncode == 0, done.stderr


@pytest.mark.needs_root
def test_root_is_refused_unless_told(make_daemon, ora):
    one = make_daemon(ora)
    done = subprocess.run(
        [str(paths.daemon(one.build)), "--config", str(one.configuration), "--log-target=stderr"],
        env=one.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert "--allow-root" in done.stderr


def test_wrong_options_are_named(make_daemon, ora):
    one = make_daemon(ora)
    done = subprocess.run([*one.command(), "--colour"], env=one.environment(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "--colour" in done.stderr


def test_sigterm_when_idle_is_a_quick_good_end(service):
    os.kill(service.process.pid, signal.SIGTERM)
    assert service.process.wait(timeout=20) == 0
    service.process = None
