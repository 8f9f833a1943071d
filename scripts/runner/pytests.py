"""The pytest suites: a file at a time, twice as many at once as there are cores, since most of their time is waiting; what measures
time or memory comes last, alone."""

import concurrent.futures
import os
import pwd
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree

from suites import SANITIZERS

FILE_TIMEOUT_SECONDS = 2400
BOOTED = "tests/system"
# An account of the system that owns nothing: the simulated Oracle home becomes its own for these tests.
ORDINARY_USERS = ("games", "nobody")
NOTHING_SELECTED = 5


class Runner:
    """Whose tests, in which tree, under which temporary directory."""

    def __init__(self, top, temporary, label="", drop=(), environment=None):
        self.top, self.temporary, self.label, self.drop = top, temporary, label, list(drop)
        self.environment = dict(os.environ, **SANITIZERS, **(environment or {}))

    def command(self, selection, path, name, markers):
        report = os.path.join(self.temporary, f"{name}.xml")
        command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", "--tb=short"]
        command += ["-m", markers, "--basetemp", os.path.join(self.temporary, name), "--junitxml", report]
        command += [f"--only={pattern}" for pattern in selection.patterns]
        return own_processes() + self.drop + command + [path], report

    def run(self, selection, path, markers):
        """(exit status or None when it hung, all it printed, its report)"""
        name = path.replace("/", "-").removesuffix(".py") + ("-measures" if markers == "measures" else "")
        command, report = self.command(selection, path, name, markers)
        process = subprocess.Popen(
            command, cwd=self.top, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        try:
            output, _ = process.communicate(timeout=FILE_TIMEOUT_SECONDS)
            return process.returncode, output, report
        except subprocess.TimeoutExpired:
            process.kill()
            return None, process.communicate()[0], report
        finally:
            shutil.rmtree(os.path.join(self.temporary, name), ignore_errors=True)


def own_processes():
    """A process namespace for a run, where there may be one: a database that another run on this host has started under the same
    name is then not seen. tests/conftest.py looks there for what is left."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    usable = os.getuid() == 0 and subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0
    return unshare if usable else []


def cases(path):
    """(name, good) of each case in a report; a case that was skipped is not good. Nothing of one that was not written whole."""
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except xml.etree.ElementTree.ParseError:
        return
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        yield name, not any(case.find(tag) is not None for tag in ("failure", "error", "skipped"))


def count(status, report, label, totals):
    failed = 0
    if os.path.exists(report):
        for name, good in cases(report):
            if good:
                totals.ok()
            else:
                failed += 1
                totals.fail(f"{label}{name}")
    if status not in (0, NOTHING_SELECTED) and failed == 0:
        totals.fail(f"{label}{report}: {'did not end' if status is None else f'pytest ended with {status}'}")


def weight(path):
    """What a file is likely to take: a real Swift is slower than a directory, and faults are waited for."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return len(text) * (8 if "mark.only_swift" in text else 1)


def run_all(work, selection, totals, workers):
    """work: (runner, path, markers); what takes longest first, so that nobody waits for one file at the end."""
    lock = threading.Lock()

    def run_one(item):
        runner, path, markers = item
        status, output, report = runner.run(selection, path, markers)
        with lock:
            if status != NOTHING_SELECTED:
                print(f"-- {runner.label}{path}\n{output}", flush=True)
            count(status, report, runner.label, totals)

    work = sorted(work, key=lambda item: -weight(os.path.join(item[0].top, item[1])))
    with concurrent.futures.ThreadPoolExecutor(max_workers=workers) as pool:
        list(pool.map(run_one, work))


def test_files(top, below):
    for folder, _, names in os.walk(os.path.join(top, below)):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), top)
            if name.startswith("test_") and name.endswith(".py") and not path.startswith(BOOTED):
                yield path


def has_measures(top, path):
    with open(os.path.join(top, path), encoding="utf-8") as file:
        return "mark.measures" in file.read()


def run_pytests(top, selection, temporary, totals):
    root = os.getuid() == 0
    us = Runner(top, os.path.join(temporary, "pytest"))
    os.mkdir(us.temporary)
    work = [(us, path, "not measures") for path in test_files(top, "tests")]
    ordinary = ordinary_runner(top, temporary, totals) if root else None
    if ordinary is not None:
        work += [(ordinary, path, "not measures") for path in test_files(top, "tests/integration")]
    run_all(work, selection, totals, workers=2 * (os.cpu_count() or 1))
    run_all([(us, path, "measures") for path in test_files(top, "tests") if has_measures(top, path)], selection, totals, workers=1)


def run_booted(top, selection, temporary, totals):
    """Root only: a machine is booted for these, in a container."""
    us = Runner(top, os.path.join(temporary, "booted"))
    os.mkdir(us.temporary)
    work = [(us, os.path.join(BOOTED, name), "not measures") for name in os.listdir(os.path.join(top, BOOTED)) if name.startswith("test_")]
    run_all(work, selection, totals, workers=1)


def ordinary_user():
    for name in ORDINARY_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def ordinary_runner(top, temporary, totals):
    """The clone may lie where only root can go: the user gets a copy of what the tests need."""
    user = ordinary_user()
    if user is None:
        totals.fail(f"as an ordinary user: there is none of {', '.join(ORDINARY_USERS)} here")
        return None
    home = os.path.join(temporary, "ordinary")
    copy = os.path.join(home, "orabackup")
    for name in ("tests", "conf", "units", "scripts", "docs", "man"):
        shutil.copytree(os.path.join(top, name), os.path.join(copy, name), ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(os.path.join(top, "meson.build"), copy)
    shutil.copy(os.path.join(top, "pytest.ini"), copy)
    for build in ("build", "build-asan"):
        shutil.copytree(
            os.path.join(top, build), os.path.join(copy, build), ignore=shutil.ignore_patterns("*.o", "*.a", "*.p", "test-*", "fuzz-*", "meson-*")
        )
    for folder, _, names in os.walk(home):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--no-new-privs", "--inh-caps=-all"]
    environment = {"HOME": home, "TMPDIR": home, "USER": user.pw_name, "LOGNAME": user.pw_name}
    return Runner(copy, home, label=f"as {user.pw_name}: ", drop=drop, environment=environment)
