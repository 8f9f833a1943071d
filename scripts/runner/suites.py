"""Unit tests and their coverage, and how what they find is counted."""

import concurrent.futures
import os
import re
import subprocess

UNIT_TIMEOUT_SECONDS = 300
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}

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


def run_coverage(top, selection, totals):
    """The folders that unit tests alone must cover whole."""
    if not selection.has("coverage"):
        return
    done = subprocess.run(["scripts/coverage", "--gates"], cwd=top, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout, end="", flush=True)
    if done.returncode == 0:
        totals.ok()
    else:
        totals.fail("coverage")
