"""Processes as /proc shows them, and a sampler that looks for secrets in it."""

import os
import threading
import time


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def pids():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def alive(pid):
    stat = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return bool(stat) and stat[0] != b"Z"


def command(pid):
    return read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def below(folder, but=()):
    """(pid, command) of processes whose command line, working directory or program lies below folder."""
    folder, found = str(folder), []
    for pid in pids():
        if pid == os.getpid() or not alive(pid):
            continue
        words = command(pid)
        places = [words]
        for name in ("cwd", "exe"):
            try:
                places.append(os.readlink(f"/proc/{pid}/{name}"))
            except OSError:
                pass
        if any(folder in place for place in places) and not any(name in words for name in but):
            found.append((pid, words))
    return found


def anonymous_peak(pid):
    """VmHWM less files: the peak of RssAnon is not kept by the kernel, so callers sample RssAnon."""
    for line in read(f"/proc/{pid}/status").decode().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


class Sampler:
    """Reads cmdline and environ of every process it may read, again and again, until told to stop; says which canaries it saw.
    Also the peak of a process's anonymous memory."""

    def __init__(self, canaries, watch=None):
        self.canaries = [c.encode() if isinstance(c, str) else c for c in canaries]
        self.watch, self.peak, self.seen, self.rounds = watch, 0, set(), 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def _run(self):
        while not self.stopping.is_set():
            self.look()
            self.stopping.wait(0.01)

    def look(self):
        for pid in pids():
            if pid == os.getpid():
                continue
            for name in ("cmdline", "environ"):
                content = read(f"/proc/{pid}/{name}")
                for canary in self.canaries:
                    if canary in content:
                        self.seen.add((canary.decode(errors="replace"), name, command(pid)))
        if self.watch is not None:
            self.peak = max(self.peak, anonymous_peak(self.watch))
        self.rounds += 1

    def wait_rounds(self, count, timeout=30):
        """Until it has looked `count` more times."""
        goal, end = self.rounds + count, time.monotonic() + timeout
        while self.rounds < goal and time.monotonic() < end:
            time.sleep(0.005)
        assert self.rounds >= goal
