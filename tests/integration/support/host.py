"""A simulated host with an Oracle home: what tests/orasim makes, driven through its command."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

from . import paths, processes

COMMAND_SECONDS = 120


class OraHost:
    def __init__(self, folder, name="host1", version="19c", home="dbhome_1"):
        self.folder = Path(folder)
        self.name = name
        self.kind = ("--version", version, "--name", name, "--home", home)
        self.make()
        self.oratab = self.folder / "etc/oratab"
        self.fra = self.folder / "u03/fra"
        self.oradata = self.folder / "u02/oradata"

    def make(self):
        self.home = self.run("new-host", str(self.folder), *self.kind).strip()

    def command(self, *words):
        return [str(paths.ORASIM / "orasim-cli"), "-H", str(self.folder), *words]

    def run(self, *words):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        assert done.returncode == 0, f"orasim {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def create_database(self, sid, size="24M", *flags, rows=200):
        self.run("create-database", sid, "--size", size, "--redo-size", "4M", *flags)
        if rows:
            self.write_rows(sid, rows)
        return sid

    def write_rows(self, sid, count):
        self.run("write-rows", sid, "--count", str(count))

    def create_table(self, sid, name, rows):
        """Rows that can be asked for again."""
        self.run("table", sid, name, "--rows", str(rows))

    def rows(self, sid):
        """{table: row numbers}, as they lie in the data files."""
        return json.loads(self.run("rows", sid))

    @contextlib.contextmanager
    def writing(self, sid, rate=400):
        """Rows are written all the while."""
        process = subprocess.Popen(self.command("write-rows", sid, "--continuous", "--rate", str(rate)))
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)

    def checksum(self, sid, scn=None):
        """Digests of all blocks, as of an SCN where one is given."""
        words = ["--scn", str(scn)] if scn is not None else []
        return json.loads(self.run("checksum", sid, *words))

    def status(self):
        """{sid: {"status": "OPEN", "pid": N}}"""
        return json.loads(self.run("status"))

    def knob(self, **settings):
        self.run("knob", *[f"{key}={value}" for key, value in settings.items()])

    def hold(self, place):
        self.run("hold", place)

    def release(self, place="all"):
        self.run("release", place)

    def wait_reached(self, place, timeout=60):
        self.run("wait-reached", place, "--timeout", str(timeout))

    def fault(self, at, **how):
        words = ["fault", "--at", at]
        for key, value in how.items():
            words += [f"--{key}", str(value)]
        self.run(*words)

    def clear_faults(self):
        self.run("fault", "--clear")

    def site(self, sid, what, *rest):
        self.run("site", sid, what, *rest)

    def shutdown(self, sid, abort=False):
        self.run("shutdown", sid, *(["--abort"] if abort else []))

    def startup(self, sid, upto="open"):
        self.run("startup", sid, "--upto", upto)

    def finish(self):
        """Ends the instances; nothing of this host may run afterwards."""
        if not self.folder.exists():
            return
        with contextlib.suppress(AssertionError):
            self.release("all")
        for sid in self.status():
            self.shutdown(sid, abort=True)
        left = [p for p in processes.below(self.folder) if p[0] != os.getpid()]
        assert not left, f"of the simulated host are left: {left}"

    def lose(self):
        """The host is gone: its instances and every file."""
        import shutil

        self.finish()
        shutil.rmtree(self.folder)

    def renew(self):
        """The host is lost, and a bare one stands in its place."""
        self.lose()
        self.make()
