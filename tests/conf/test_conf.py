"""Units, D-Bus files, sysusers, tmpfiles and the example configuration, as the build makes them and as their readers take them."""

import os
import pwd
import re
import shutil
import subprocess
import xml.etree.ElementTree

import pytest
from support import bus, paths

UNITS = ["orabackupd.service", "orabackup-exec.socket", "orabackup-exec@.service"]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)


@pytest.fixture
def units(tmp_path):
    """The configured units, with programs and users that exist here, so that only their own words are judged."""
    me = pwd.getpwuid(os.getuid()).pw_name
    for name in UNITS:
        text = (paths.SANITIZED / "units" / name).read_text()
        text = re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        text = re.sub(r"^(User|SocketUser)=.*", rf"\1={me}", text, flags=re.MULTILINE)
        text = re.sub(r"^(Group|SocketGroup)=.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(text)
    return tmp_path


def verify(folder, *names):
    done = run("systemd-analyze", "verify", "--man=no", *[str(folder / n) for n in names])
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "orabackup" in line]
    return done.returncode, ours


def test_systemd_has_nothing_to_say_about_the_units(units):
    status, lines = verify(units, *UNITS)
    assert (status, lines) == (0, [])


def test_an_unknown_key_in_a_unit_is_seen(units):
    service = units / "orabackupd.service"
    service.write_text(service.read_text().replace("KillMode=", "KillMood="))
    assert any("KillMood" in line for line in verify(units, "orabackupd.service")[1])


def values(name, key):
    text = (paths.SANITIZED / "units" / name).read_text()
    return re.findall(rf"^{key}=(.*)$", text, flags=re.MULTILINE)


def test_the_daemon_runs_as_user_and_group_of_the_build():
    options = run("meson", "introspect", "--buildoptions", str(paths.SANITIZED)).stdout
    assert '"user"' in options
    for name in ("orabackupd.service", "orabackup-exec@.service"):
        assert values(name, "User") == ["oracle"]
        assert values(name, "Group") == ["dba"]


def test_the_service_keeps_what_formats_and_crashes_need():
    name = "orabackupd.service"
    assert values(name, "Type") == ["notify"]
    assert values(name, "KillMode") == ["mixed"]
    assert values(name, "StateDirectory") == values(name, "RuntimeDirectory") == ["orabackup"]
    assert values(name, "RuntimeDirectoryPreserve") == ["yes"]
    assert int(values(name, "WatchdogSec")[0]) >= 10


def test_the_child_runner_has_no_sandbox_and_the_limits_of_an_instance():
    name = "orabackup-exec@.service"
    assert values(name, "KillMode") == ["process"]
    limits = {key: values(name, key) for key in ("LimitNOFILE", "LimitNPROC", "LimitMEMLOCK", "LimitSTACK", "TasksMax")}
    assert limits == {
        "LimitNOFILE": ["65536"],
        "LimitNPROC": ["16384"],
        "LimitMEMLOCK": ["infinity"],
        "LimitSTACK": ["10M"],
        "TasksMax": ["infinity"],
    }
    text = (paths.SANITIZED / "units" / name).read_text()
    assert not re.search(r"^(NoNewPrivileges|Protect\w+|Private\w+|Restrict\w+|SystemCall\w+)=", text, flags=re.MULTILINE)
    assert values("orabackup-exec.socket", "SocketMode") == ["0600"]
    assert values("orabackup-exec.socket", "Accept") == ["yes"]
    assert values("orabackup-exec.socket", "ListenSequentialPacket") == ["/run/orabackup-exec.sock"]
    assert values(name, "StandardInput") == ["socket"]


def test_the_hardening_is_worth_its_name(units):
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=60", str(units / "orabackupd.service"))
    assert done.returncode == 0, done.stdout[-400:]


def test_the_bus_takes_the_policy_and_the_user_gets_the_name():
    with bus.PrivateBus(policies=[bus.policy_for_me(paths.policy())]) as private:
        owner = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName", "su", "org.orabackup1", "4")
        assert private.call(*owner) == [1]
        assert not re.search(r"policy|element|parse", private.log())


def test_a_policy_of_another_user_keeps_the_name_from_us(tmp_path):
    text = paths.policy().read_text()
    policy = tmp_path / "other.conf"
    other = next(name for name in ("games", "daemon", "nobody") if pwd.getpwnam(name).pw_uid != os.getuid())
    policy.write_text(re.sub(r'policy user="[^"]*"', f'policy user="{other}"', text))
    with bus.PrivateBus(policies=[policy]) as private:
        with pytest.raises(bus.CallError) as refused:
            private.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName", "su", "org.orabackup1", "4")
    assert "own" in str(refused.value) or "denied" in str(refused.value).lower()


def test_the_interface_is_valid_and_documented():
    root = xml.etree.ElementTree.parse(paths.TOP / "conf/org.orabackup1.xml").getroot()
    assert [i.get("name") for i in root.findall("interface")] == ["org.orabackup1.Manager", "org.orabackup1.Job"]


def test_activation_names_the_unit():
    text = (paths.SANITIZED / "conf/org.orabackup1.service").read_text()
    assert "Name=org.orabackup1\n" in text and "SystemdService=orabackupd.service\n" in text


def test_sysusers_and_tmpfiles_are_taken(tmp_path):
    for folder in ("sysusers", "tmpfiles"):
        shutil.copy(paths.SANITIZED / "conf" / folder / "orabackup.conf", tmp_path / f"{folder}.conf")
    done = run("systemd-sysusers", "--dry-run", "--root", str(tmp_path), str(tmp_path / "sysusers.conf"))
    assert done.returncode == 0 and not re.search(r"sysusers.conf:\d+", done.stderr), done.stderr
    root = tmp_path / "root"
    root.mkdir()
    text = (tmp_path / "tmpfiles.conf").read_text().replace(" root root ", f" {os.getuid()} {os.getgid()} ")
    (root / "orabackup.conf").write_text(re.sub(r"^d \S*/orabackup", "d /etc/orabackup", text, flags=re.MULTILINE))
    done = run("systemd-tmpfiles", "--root", str(root), "--create", str(root / "orabackup.conf"))
    assert done.returncode == 0, done.stderr
    assert (root / "etc/orabackup/credentials").stat().st_mode & 0o7777 == 0o700


def test_each_message_id_has_its_entry_in_the_catalog(tmp_path):
    ids = dict(re.findall(r'#define (MESSAGE_ID_\w+) "([0-9a-f]{32})"', (paths.TOP / "src/base/message-ids.h").read_text()))
    assert len(set(ids.values())) == len(ids) > 10
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(paths.TOP / "conf/orabackup.catalog", folder)
    done = run("journalctl", "--root", str(tmp_path), "--update-catalog")
    assert done.returncode == 0 and not done.stderr, done.stderr
    listed = run("journalctl", "--root", str(tmp_path), "--list-catalog").stdout
    assert {line.split()[0] for line in listed.splitlines()} == set(ids.values())


def test_an_installation_has_every_file(tmp_path):
    done = run("meson", "install", "--no-rebuild", "--destdir", str(tmp_path), "-C", str(paths.PLAIN))
    assert done.returncode == 0, done.stdout + done.stderr
    there = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    for end in (
        "sbin/orabackupd",
        "libexec/orabackup/orabackup-exec",
        "etc/orabackup/orabackup.conf",
        "dbus-1/system.d/org.orabackup1.conf",
        "dbus-1/system-services/org.orabackup1.service",
        "dbus-1/interfaces/org.orabackup1.xml",
        "systemd/system/orabackupd.service",
        "systemd/system/orabackup-exec.socket",
        "systemd/system/orabackup-exec@.service",
        "sysusers.d/orabackup.conf",
        "tmpfiles.d/orabackup.conf",
        "systemd/catalog/orabackup.catalog",
        "man/man8/orabackupd.8",
        "man/man5/orabackup.conf.5",
    ):
        assert any(name.endswith(end) for name in there), f"{end} is not installed: {sorted(there)}"
