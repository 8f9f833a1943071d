"""A private "system" bus with the project's own policy, and calls on it through busctl."""

import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/socket</listen>
  <auth>EXTERNAL</auth>
  <!-- As the system bus of a distribution: nobody owns a name or calls a method unless a policy says so. -->
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Properties"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
  </policy>
  <includedir>{folder}/system.d</includedir>
</busconfig>
"""


class CallError(Exception):
    """A method's error: its D-Bus name where busctl shows it, and its message."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name, self.message = name, message


def policy_for_me(path):
    """The text of the project's policy with this user where the build says oracle; loaded by a real dbus-daemon."""
    me = pwd.getpwuid(os.getuid()).pw_name
    text = Path(path).read_text()
    changed = re.sub(r'policy user="[^"]*"', f'policy user="{me}"', text)
    assert me in changed
    return changed


class PrivateBus:
    def __init__(self, policies):
        # Not below pytest's folders: those are closed to the other users that some tests call as.
        self.folder = Path(tempfile.mkdtemp(prefix="orabackup-bus-"))
        self.folder.chmod(0o755)
        (self.folder / "system.d").mkdir()
        for number, policy in enumerate(policies):
            text = policy if isinstance(policy, str) else Path(policy).read_text()
            (self.folder / "system.d" / f"{number}.conf").write_text(text)
        self.address = None
        self.process = None

    def __enter__(self):
        configuration = self.folder / "bus.conf"
        configuration.write_text(CONFIGURATION.format(folder=self.folder))
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile", "--print-address=1"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            self.process.wait()
            raise RuntimeError(f"dbus-daemon did not start: {self.log()}")
        os.chmod(self.folder / "socket", 0o666)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()
        shutil.rmtree(self.folder)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def environment(self):
        return dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.address)

    def busctl(self, *arguments, timeout=60, prefix=()):
        return subprocess.run(
            [*prefix, "busctl", "--json=short", "--timeout=50", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def call(self, *arguments, **options):
        """destination, path, interface, method, signature, values.. -> the reply's values as plain Python."""
        done = self.busctl("call", *arguments, **options)
        if done.returncode != 0:
            raise CallError("", done.stderr.strip())
        return plain(json.loads(done.stdout)["data"]) if done.stdout.strip() else []


def plain(value):
    """busctl's {"type":.., "data":..} of variants, taken off."""
    if isinstance(value, dict):
        if set(value) == {"type", "data"}:
            return plain(value["data"])
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
