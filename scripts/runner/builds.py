"""One meson build directory."""

import json
import os
import re
import subprocess

PROGRESS = re.compile(r"^\[\d+/\d+\] |^(Compiler for|Dependency|Program|Configuring) ")


class BuildFailed(Exception):
    pass


class Build:
    def __init__(self, folder, what, options, compiler="gcc", suites=(), targets=()):
        """suites: only these ("event/", ..), and what is in targets; none: everything."""
        self.folder, self.what, self.options, self.compiler = folder, what, options, compiler
        self.suites, self.targets = suites, targets

    def make(self, top):
        """Sets the directory up, or brings its options back to ours, and builds."""
        environment = dict(os.environ, CC=self.compiler)
        for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "DESTDIR"):
            environment.pop(name, None)
        if os.path.exists(os.path.join(top, self.folder, "build.ninja")):
            self._run(top, ["meson", "configure", self.folder, *self.options], environment)
        else:
            self._run(top, ["meson", "setup", self.folder, *self.options], environment)
        self._run(top, ["ninja", "-k", "0", "-C", self.folder, *self._chosen_targets(top)], environment)

    def _chosen_targets(self, top):
        if not self.suites:
            return []
        folder = os.path.join(top, self.folder)
        return [*self.targets, *sorted({os.path.relpath(test["cmd"][0], folder) for test in self.tests(top)})]

    def _run(self, top, command, environment):
        done = subprocess.run(command, cwd=top, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode != 0:
            told = "\n".join(line for line in done.stdout.splitlines() if not PROGRESS.match(line))
            raise BuildFailed(f"{' '.join(command)} ended with {done.returncode}:\n{told[-20000:]}")

    def tests(self, top):
        """What meson knows as tests of the suites: name, suite, command, environment, timeout, working directory."""
        output = subprocess.run(
            ["meson", "introspect", "--tests", self.folder], cwd=top, check=True, capture_output=True, text=True
        ).stdout
        return [test for test in json.loads(output) if not self.suites or test["name"].startswith(self.suites)]
