"""The parent of the servers: keeper.py DIR [--detached]. It starts them, notes which of them ended, and ends them all when it is told
to (SIGTERM), or when whoever started it is gone (the end of its standard input). On standard input: "start NAME".

Four packaged servers started one by one take three seconds, most of it the same imports four times. Here Swift is imported once and
forked; each child then runs the packaged program as it is. Each has a session of its own: with workers, Swift answers SIGTERM by
ending its whole process group."""

import eventlet

# What Swift does itself later and then finds done: early, with few objects alive, it costs a tenth of a second instead of six in each.
eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)

import ctypes  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import runpy  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402
from array import array  # noqa: E402

KINDS = ("account", "container", "object")
PR_SET_PDEATHSIG = 1
END_SECONDS = 5
PRCTL = ctypes.CDLL(None).prctl


def load_swift(folder, ports):
    """Swift's modules and the rings, which a ring builder would make in nine more starts of Python."""
    import swift.common.utils

    swift.common.utils.set_swift_dir(f"{folder}/etc")
    from swift.common.ring import RingData

    for kind in KINDS:
        device = {
            "id": 0,
            "region": 1,
            "zone": 1,
            "ip": "127.0.0.1",
            "port": ports[kind],
            "device": "d1",
            "weight": 1.0,
            "replication_ip": "127.0.0.1",
            "replication_port": ports[kind],
            "meta": "",
        }
        RingData([array("H", [0] * 4)], [device], 30).save(f"{folder}/etc/{kind}.ring.gz")
    import swift.account.server  # noqa: F401
    import swift.common.wsgi  # noqa: F401
    import swift.container.server  # noqa: F401
    import swift.obj.server  # noqa: F401
    import swift.proxy.server  # noqa: F401


class Keeper:
    def __init__(self, folder, ports):
        self.folder, self.ports = folder, ports
        self.pids, self.ending = {}, False

    def run_file(self, name, what):
        return os.path.join(self.folder, "run", f"{name}.{what}")

    def start(self, name):
        for what in ("pid", "ended"):
            if os.path.exists(self.run_file(name, what)):
                os.unlink(self.run_file(name, what))
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                self.become(name, parent)
            except BaseException:
                traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(1)
        self.pids[pid] = name
        with open(self.run_file(name, "pid"), "w") as file:
            file.write(f"{pid}\n")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, signal.SIGTERM})

    def become(self, name, parent):
        PRCTL(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
        os.setsid()
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, signal.SIGTERM})
        log = os.open(f"{self.folder}/log/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for fd, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, fd)
        os.closerange(3, 64)
        self.run(name)

    def run(self, name):
        if name == "memcached":
            os.execvp("memcached", ["memcached", "-l", "127.0.0.1", "-p", str(self.ports[name]), "-U", "0", "-m", "64"])
        if name == "keystone":
            program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "identity.py")
            os.execv(sys.executable, [sys.executable, "-B", program, self.folder])
        sys.argv = [f"/usr/bin/swift-{name}-server", f"{self.folder}/etc/{name}.conf", "-v"]
        runpy.run_path(sys.argv[0], run_name="__main__")

    def reap(self, *_):
        """Whoever ended is noted, with his status, for those who wait for him to come up."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self.pids.pop(pid, None)
            if name is not None:
                os.unlink(self.run_file(name, "pid"))
                with open(self.run_file(name, "ended"), "w") as file:
                    file.write(f"{status}\n")

    def end(self, *_):
        if self.ending:
            return
        self.ending = True
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in list(self.pids):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            until = time.monotonic() + END_SECONDS
            while self.pids and time.monotonic() < until:
                self.reap()
                time.sleep(0.01)
        os.unlink(self.run_file("keeper", "pid"))
        os._exit(0)

    def listen(self):
        """Orders from whoever started this, until he is gone."""
        line = b""
        while True:
            more = os.read(0, 1)
            if not more:
                self.end()
            line += more
            if more == b"\n":
                self.start(line.split()[1].decode())
                line = b""


def main():
    folder, detached = sys.argv[1], "--detached" in sys.argv[2:]
    with open(f"{folder}/etc/ports.json") as file:
        ports = json.load(file)
    keeper = Keeper(folder, ports)
    with open(keeper.run_file("keeper", "pid"), "w") as file:
        file.write(f"{os.getpid()}\n")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, keeper.reap)
    signal.signal(signal.SIGTERM, keeper.end)
    for name in ("keystone", "memcached"):
        if name in ports:
            keeper.start(name)
    load_swift(folder, ports)
    for name in (*KINDS, "proxy"):
        keeper.start(name)
    while detached:
        signal.pause()
    keeper.listen()


main()
