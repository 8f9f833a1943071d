"""Proves at the end that no process and no file of ours is left.

This process is the reaper of all orphans below it, so whatever a test started and lost is its child at the end."""

import ctypes
import os
import re
import signal
import time

PR_SET_CHILD_SUBREAPER = 36

# Where something of ours would be if it were written outside the clone and the temporary directory.
PLACES = ["/etc", "/opt", "/run", "/srv", "/tmp", "/usr/local", "/var/lib", "/var/opt", "/var/tmp", "/dev/shm", "/dev/mqueue", "/u01"]
OURS = re.compile(r"orabackup|orasim|oratab|oradata|ora_pmon|pytest-of-|/test-[a-z-]+-[A-Za-z0-9]{6}$", re.IGNORECASE)
GRACE_SECONDS = 3


class Guard:
    def __init__(self, top, temporary):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        os.environ["TMPDIR"] = temporary
        os.environ["HOME"] = temporary  # what a tool would put into a home goes with the temporary directory
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        self.ignored = [os.path.realpath(top), os.path.realpath(temporary)]
        self.before = set(self._ours())

    def processes_left(self):
        """Names what still runs below this process after a moment of grace, and ends it, youngest first, one by one."""
        end = time.monotonic() + GRACE_SECONDS
        while self._descendants() and time.monotonic() < end:
            time.sleep(0.05)
        for pid, command in sorted(self._descendants(), reverse=True):
            yield f"process {pid}: {command}"
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def files_left(self):
        left = set(self._ours()) - self.before
        end = time.monotonic() + GRACE_SECONDS
        while left and time.monotonic() < end:  # another program's may just be on its way out
            time.sleep(0.2)
            left &= set(self._ours())
        return sorted(left)

    def _descendants(self):
        self._reap()
        children = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
                with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                    command = file.read().replace("\0", " ").strip()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append((int(entry), command or f"[{entry}]"))
        found, waiting = [], [os.getpid()]
        while waiting:
            for pid, command in children.get(waiting.pop(), []):
                found.append((pid, command))
                waiting.append(pid)
        return found

    @staticmethod
    def _reap():
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            pass

    def _ours(self):
        for place in PLACES:
            device = os.stat(place).st_dev if os.path.isdir(place) else None
            for folder, folders, names in os.walk(place):
                folders[:] = [f for f in folders if self._is_looked_into(os.path.join(folder, f), device)]
                for name in folders + names:
                    path = os.path.join(folder, name)
                    if OURS.search(path) and not self._is_ignored(path):
                        yield path
                folders[:] = [f for f in folders if not OURS.search(os.path.join(folder, f))]

    def _is_looked_into(self, path, device):
        try:
            return not os.path.islink(path) and os.lstat(path).st_dev == device and not self._is_ignored(path)
        except OSError:
            return False

    def _is_ignored(self, path):
        real = os.path.realpath(path)
        return any(real == i or real.startswith(i + "/") or i.startswith(real + "/") for i in self.ignored)
