"""The suites, and how their cases are counted."""

import concurrent.futures
import os
import pwd
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

UNIT_TIMEOUT_SECONDS = 300
PYTEST_TIMEOUT_SECONDS = 3600
BOOTED = "tests/system"
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
# An account of the system that owns nothing: the simulated Oracle home becomes its own for these tests.
ORDINARY_USERS = ("games", "nobody")

CMOCKA_OK = re.compile(r"^\[ {7}OK \] (\S+)", re.MULTILINE)
CMOCKA_RUN = re.compile(r"^\[ RUN {6}\] (\S+)", re.MULTILINE)
CMOCKA_BAD = re.compile(r"^\[  (?:FAILED|SKIPPED|ERROR) +\] ([a-z]\w*)", re.MULTILINE)


class Totals:
    def __init__(self):
        self.passed, self.failures = 0, []

    def ok(self, count=1):
        self.passed += count

    def fail(self, name):
        self.failures.append(name)


def run_units(top, build, selection, temporary, totals, prefix=""):
    tests = [t for t in build.tests(top) if selection.has_program(prefix + t["name"], t["cmd"][0])]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for test, (status, output) in zip(tests, pool.map(lambda t: run_unit(t, os.path.join(top, build.folder), temporary), tests)):
            count_unit(prefix + test["name"], status, output, totals)


def run_unit(test, folder, temporary):
    """(exit status or None when it hung, all it printed)"""
    environment = dict(os.environ, **SANITIZERS, **test["env"], TMPDIR=temporary)
    process = subprocess.Popen(
        test["cmd"],
        cwd=test["workdir"] or folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        output, _ = process.communicate(timeout=max(UNIT_TIMEOUT_SECONDS, test["timeout"] or 0))
        return process.returncode, output
    except subprocess.TimeoutExpired:
        process.kill()
        return None, process.communicate()[0]


def count_unit(name, status, output, totals):
    """Each cmocka function is a case; a program that is none of cmocka's is one case."""
    good, bad = CMOCKA_OK.findall(output), sorted(set(CMOCKA_BAD.findall(output)))
    started = CMOCKA_RUN.findall(output)
    bad += [case for case in started if case not in good and case not in bad]
    if not started and status == 0:
        good = [name]
    totals.ok(len(good))
    for case in bad:
        totals.fail(f"{name}: {case}")
    if status != 0 and not bad:
        totals.fail(f"{name}: {'did not end' if status is None else f'ended with {status}'}")
    if status == 0 and not bad:
        print(f"ok      {name} ({len(good)})")
        return
    print(f"FAILED  {name}\n{output[-12000:]}", flush=True)


def pytest_cases(path):
    """(name, good) of each case in a report; a case that was skipped is not good."""
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        yield name, not any(case.find(tag) is not None for tag in ("failure", "error", "skipped"))


def count_pytest(status, report, what, totals):
    failed = 0
    if os.path.exists(report):
        for name, good in pytest_cases(report):
            if good:
                totals.ok()
            else:
                failed += 1
                totals.fail(f"{what}{name}")
    # 5: nothing selected
    if status not in (0, 5) and failed == 0:
        totals.fail(f"{what}pytest ended with {status}")


def pytest_command(selection, folder, report, basetemp):
    command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", "--tb=short", "--basetemp", basetemp, "--junitxml", report]
    for pattern in selection.patterns:
        command += ["--only", pattern]
    return command + [folder]


def own_processes():
    """A process namespace for a run, where there may be one: a database that another run on this host has started under the same
    name is then not seen. tests/conftest.py looks there for what is left."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    usable = os.getuid() == 0 and subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0
    return unshare if usable else []


def run_pytest(top, selection, temporary, totals):
    run_pytest_in(top, "tests", selection, temporary, totals, f"--ignore={BOOTED}")


def run_pytest_booted(top, selection, temporary, totals):
    """Root only: a machine is booted for these, in a container."""
    run_pytest_in(top, BOOTED, selection, temporary, totals)


def run_pytest_in(top, folder, selection, temporary, totals, *more):
    name = folder.replace("/", "-")
    report = os.path.join(temporary, f"{name}.xml")
    command = own_processes() + pytest_command(selection, folder, report, os.path.join(temporary, name)) + list(more)
    status = subprocess.run(command, cwd=top, timeout=PYTEST_TIMEOUT_SECONDS, env=dict(os.environ, **SANITIZERS), check=False).returncode
    count_pytest(status, report, "", totals)


def ordinary_user():
    for name in ORDINARY_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def run_pytest_as_ordinary_user(top, selection, temporary, totals):
    """The clone may lie where only root can go: the user gets a copy of what the tests need."""
    user = ordinary_user()
    if user is None:
        totals.fail(f"as an ordinary user: there is none of {', '.join(ORDINARY_USERS)} here")
        return
    home = os.path.join(temporary, "ordinary")
    copy = os.path.join(home, "orabackup")
    for name in ("tests", "conf", "units", "scripts"):
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
    report = os.path.join(home, "pytest.xml")
    command = pytest_command(selection, "tests/integration", report, os.path.join(home, "pytest"))
    drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--no-new-privs", "--inh-caps=-all"]
    environment = dict(os.environ, **SANITIZERS, HOME=home, TMPDIR=home, USER=user.pw_name, LOGNAME=user.pw_name)
    status = subprocess.run(own_processes() + drop + command, cwd=copy, env=environment, timeout=PYTEST_TIMEOUT_SECONDS, check=False).returncode
    count_pytest(status, report, f"as {user.pw_name}: ", totals)


def run_tidy(top, build, selection, totals):
    """clang-tidy over every source of src/, as many at a time as there are cores."""
    sources = []
    for folder, _, names in os.walk(os.path.join(top, "src")):
        sources += [os.path.relpath(os.path.join(folder, n), top) for n in names if n.endswith(".c")]
    sources = [s for s in sorted(sources) if selection.has(f"tidy/{s}")]

    def tidy(source):
        command = ["clang-tidy", "--quiet", "-p", build.folder, source]
        return subprocess.run(command, cwd=top, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace", check=False)

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for source, done in zip(sources, pool.map(tidy, sources)):
            if done.returncode == 0:
                totals.ok()
            else:
                totals.fail(f"tidy/{source}")
                print(done.stdout)
