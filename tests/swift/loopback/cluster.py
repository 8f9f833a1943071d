"""Start and stop of a Swift, as one object."""

import contextlib
import dataclasses
import getpass
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import configuration

PYTHON = "/usr/bin/python3"  # Debian's: another one does not see Debian's modules
KEEPER = Path(__file__).with_name("keeper.py")
SERVERS = ("proxy", "account", "container", "object", "memcached")
# Below the ports that the kernel gives to connections, so that none of those is in the way.
PORTS = range(12000, 32000)
START_SECONDS, TRIES = 60, 4
RUNS_AS = "swift"
USERS = (
    ("test", "tester", "testing", ".admin"),
    ("test", "limited", "limited", ""),
    ("other", "other", "otherpass", ".admin"),
    ("admin", "admin", "admin", ".admin .reseller_admin"),
)


class NotUp(Exception):
    """A Swift that did not start, with the end of the log of whoever is to blame."""


class PortTaken(NotUp):
    pass


@dataclasses.dataclass
class Options:
    keystone: bool = False
    token_life: int = 86400  # seconds; Keystone's not below 40
    max_manifest_segments: int = 1000
    bulk: bool = True
    quotas: bool = True
    slo_brake: bool = False  # one small segment a second in a GET of a large object, as Swift has it by default
    client_timeout: int = 60
    recheck: int = 60  # seconds that what the proxy knows of a container, its quota too, may be old
    workers: int = 0  # 0: one process a server
    users: tuple = USERS
    constraints: dict = dataclasses.field(default_factory=dict)  # max_file_size, container_listing_limit ...


def is_free(port):
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count):
    found = []
    for port in random.sample(PORTS, len(PORTS)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise NotUp("no free ports")


def answers(port):
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


def get(url):
    """Status of a GET, None when there was none."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=5) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


class Cluster:
    """with Cluster(folder, Options(..)) as cluster: ... . The folder must be one that Swift's user can reach; what is in it stays when
    the cluster ends, and is there again after another start()."""

    def __init__(self, folder, options=None, detached=False):
        self.folder, self.options, self.detached = Path(folder).absolute(), options or Options(), detached
        self.keeper, self.ports = None, {}

    # where it is ----------------------------------------------------------------------------------
    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['proxy']}"

    @property
    def auth_url(self):
        if self.options.keystone:
            return f"http://127.0.0.1:{self.ports['keystone']}/v3"
        return f"{self.url}/auth/v1.0"

    def environment(self):
        """What the swift program wants to know, for the user tester."""
        if not self.options.keystone:
            return {"ST_AUTH_VERSION": "1.0", "ST_AUTH": self.auth_url, "ST_USER": "test:tester", "ST_KEY": "testing"}
        return {
            "OS_IDENTITY_API_VERSION": "3",
            "OS_AUTH_URL": self.auth_url,
            "OS_REGION_NAME": "RegionOne",
            "OS_USERNAME": "tester",
            "OS_PASSWORD": "testing",
            "OS_PROJECT_NAME": "test",
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
        }

    # start and stop -------------------------------------------------------------------------------
    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        if self.pid("keeper") is not None:
            raise NotUp(f"{self.folder} has a Swift that runs")
        for attempt in range(TRIES):
            try:
                self._prepare()
                self._start_keeper()
                self._wait()
                return self
            except PortTaken:
                self.stop()
                if attempt == TRIES - 1:
                    raise
            except BaseException:
                self.stop()
                raise
        raise AssertionError("not reached")

    def stop(self):
        """Ends every server, by its process id. The files stay."""
        keeper, self.keeper = self.keeper, None
        if keeper is not None:
            with contextlib.suppress(BrokenPipeError):
                keeper.stdin.close()
            keeper.wait(timeout=30)
            return
        pid = self.pid("keeper")
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 30
        while self.pid("keeper") is not None:
            if time.monotonic() > end:
                raise NotUp(f"the servers of {self.folder} do not end")
            time.sleep(0.02)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self, name):
        """A server dies."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        self._wait_for(lambda: not self._run_file(name, "pid").exists(), f"{name} does not end")

    def revive(self, name):
        """... and is there again."""
        self._run_file(name, "ended").unlink(missing_ok=True)
        self.keeper.stdin.write(f"start {name}\n".encode())
        self.keeper.stdin.flush()
        self._wait_for(lambda: self._is_up(name), f"{name} does not come back", [name])

    def forget_tokens(self):
        """Each token that was given is a 401 from now on; what the proxy knew of quotas and containers is forgotten too."""
        with socket.create_connection(("127.0.0.1", self.ports["memcached"]), timeout=10) as one:
            one.sendall(b"flush_all\r\n")
            assert one.recv(100) == b"OK\r\n"

    def once(self, daemon, kind):
        """One round of a daemon of Swift's, such as once("container-updater", "container")."""
        command = [*self._step_down(), PYTHON, f"/usr/bin/swift-{daemon}", str(self.folder / f"etc/{kind}.conf"), "once"]
        subprocess.run(command, cwd="/", env=self._server_environment(), check=True, capture_output=True, timeout=60)

    def log(self, name="proxy"):
        path = self.folder / "log" / name
        return path.read_text(errors="replace") if path.exists() else ""

    def pid(self, name):
        """Of a server that runs."""
        try:
            pid = int(self._run_file(name, "pid").read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if words and (str(self.folder).encode() in words or name == "memcached") else None

    # within -------------------------------------------------------------------------------------
    def _run_file(self, name, what):
        return self.folder / "run" / f"{name}.{what}"

    def _user(self):
        return RUNS_AS if os.getuid() == 0 else getpass.getuser() if "USER" in os.environ else pwd.getpwuid(os.getuid()).pw_name

    def _step_down(self):
        if os.getuid() != 0:
            return []
        return ["setpriv", f"--reuid={RUNS_AS}", f"--regid={RUNS_AS}", "--clear-groups"]

    def _server_environment(self):
        keep = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        return dict(keep, HOME=str(self.folder), PYTHONDONTWRITEBYTECODE="1")

    def _names(self):
        return [*SERVERS, "keystone"] if self.options.keystone else list(SERVERS)

    def _prepare(self):
        self.ports = dict(zip(self._names(), free_ports(len(self._names()))))
        self.folder.mkdir(parents=True, exist_ok=True)
        folders = [self.folder / name for name in ("etc", "srv", "srv/d1", "run", "log", "cache")]
        if self.options.keystone:
            folders += [self.folder / name for name in ("keystone", "keystone/fernet", "keystone/credential")]
        for folder in folders:
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700 if "keystone/" in str(folder) else 0o755)
        for name, text in configuration.files(self.folder, self.ports, self.options, self._user()).items():
            (self.folder / "etc" / name).write_text(text)
        (self.folder / "etc/ports.json").write_text(json.dumps(self.ports))
        for path in self.folder.glob("run/*"):
            path.unlink()
        if os.getuid() == 0:
            user = pwd.getpwnam(RUNS_AS)
            for path in [self.folder, *folders, *(self.folder / "etc").iterdir()]:
                os.chown(path, user.pw_uid, user.pw_gid)
        reached = subprocess.run([*self._step_down(), "test", "-w", str(self.folder / "srv/d1")], check=False).returncode == 0
        if not reached:
            raise NotUp(f"the user {self._user()} cannot reach {self.folder}")

    def _start_keeper(self):
        command = [*self._step_down(), PYTHON, "-B", str(KEEPER), str(self.folder), *(["--detached"] if self.detached else [])]
        with open(self.folder / "log/keeper", "wb") as log:
            process = subprocess.Popen(
                command,
                cwd="/",
                env=self._server_environment(),
                stdin=subprocess.DEVNULL if self.detached else subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.process = process
        if not self.detached:
            self.keeper = process

    def _is_up(self, name):
        """Who answers on its port may be another's server."""
        return self.pid(name) is not None and answers(self.ports[name])

    def _wait(self):
        names = self._names()
        for name in names:
            self._wait_for(lambda name=name: self._is_up(name), f"{name} does not answer", names)
        self._wait_for(lambda: get(f"{self.url}/healthcheck") == 200, "the proxy is ill", names)
        if self.options.keystone:
            self._wait_for(lambda: get(self.auth_url) == 200, "Keystone is ill", names)

    def _wait_for(self, condition, message, names=()):
        """Until condition(); that one of `names` ended is the end of the wait."""
        end = time.monotonic() + START_SECONDS
        while not condition():
            for name in names:
                if self._run_file(name, "ended").exists():
                    self._fail(name)
            if self.process.poll() is not None:
                self._fail("keeper")
            if time.monotonic() > end:
                raise NotUp(f"{message}\n{self.log('keeper')[-2000:]}{self.log()[-2000:]}")
            time.sleep(0.02)

    def _fail(self, name):
        log = self.log(name)[-2000:]
        if any(words in log for words in ("already in use", "Could not bind", "failed to listen")):
            raise PortTaken(f"{name} did not start, its port is taken\n{log}")
        raise NotUp(f"{name} ended at start; the end of its log:\n{log}")


def main(arguments):
    """cluster up DIR [--keystone] [--set NAME=VALUE].. | cluster down DIR"""
    import argparse

    parser = argparse.ArgumentParser(prog="tests/swift/cluster", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    parser.add_argument("folder")
    parser.add_argument("--keystone", action="store_true", help="Keystone says who may; else Swift's own tempauth")
    names = [f.name for f in dataclasses.fields(Options) if f.type in (int, bool)]
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one of " + ", ".join(names) + ", or a constraint")
    options = parser.parse_args(arguments)
    if options.what == "down":
        Cluster(options.folder).stop()
        return 0
    chosen = Options(keystone=options.keystone)
    for word in options.set:
        name, _, value = word.partition("=")
        if name in names:
            setattr(chosen, name, int(value))
        else:
            chosen.constraints[name] = value
    cluster = Cluster(options.folder, chosen, detached=True)
    try:
        cluster.start()
    except NotUp as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    for name, value in cluster.environment().items():
        print(f"export {name}={value}")
    return 0
