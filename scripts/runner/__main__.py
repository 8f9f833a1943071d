"""Builds the project, runs every test and counts them: what scripts/test and .ci/run are made of.

The last line is "N passed, N failed". A test case is one cmocka function, one pytest case, or one other program that meson knows.
What is skipped, crashes, hangs or leaves something behind counts as failed; the exit status is 0 only when nothing failed."""

import argparse
import os
import shutil
import sys
import tempfile

from analysis import run_analyzer, run_tidy
from builds import Build, BuildFailed
from guard import Guard
from pytests import run_booted, run_pytests
from selection import Selection
from suites import Totals, run_coverage, run_units

# Configured as an installation of the system: it is what the tests on a booted systemd install.
PLAIN = Build(
    "build",
    "the plain build",
    ["-Dtest_hooks=false", "-Dbuildtype=debugoptimized", "-Dwerror=true", "-Dprefix=/usr", "-Dsysconfdir=/etc", "-Dlocalstatedir=/var"],
)
# Without -Werror: instrumented code makes gcc warn of what cannot happen; the plain build and clang's have it.
SANITIZED = Build(
    "build-asan",
    "the build with AddressSanitizer and UndefinedBehaviorSanitizer",
    ["-Dtest_hooks=true", "-Dwerror=false", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dbuildtype=debugoptimized"],
)
CLANG = Build("build-clang", "the build with clang", ["-Dtest_hooks=true", "-Dwerror=true", "-Dbuildtype=debugoptimized"], compiler="clang")
# What has threads of its own, and little enough that it takes a minute.
RACES = Build(
    "build-tsan",
    "the parts with threads of their own, with ThreadSanitizer",
    ["-Dtest_hooks=true", "-Dwerror=false", "-Db_sanitize=thread", "-Db_lundef=false", "-Dbuildtype=debugoptimized"],
    suites=("base/", "event/", "ledger/", "store/"),
    targets=("src/exec/orabackup-exec",),
)


def say(text):
    print(f"\n== {text}", flush=True)


def build(top, one, totals):
    say(f"{one.folder}: {one.what}")
    try:
        one.make(top)
        return True
    except BuildFailed as error:
        print(error)
        totals.fail(f"build {one.folder}")
        return False


def run_everything(top, temporary, selection, ci, totals):
    plain = build(top, PLAIN, totals)
    sanitized = build(top, SANITIZED, totals)
    if sanitized:
        say("unit tests, with sanitizers")
        run_units(top, SANITIZED, selection, temporary, totals)
    if plain and sanitized:
        say("lints, tools, simulator and integration tests; the daemon's also as an ordinary user who owns the Oracle home")
        run_pytests(top, selection, temporary, totals)
        if os.getuid() == 0:
            say("a booted systemd")
            run_booted(top, selection, temporary, totals)
    if not ci:
        return
    if plain:
        say("static analysis by gcc")
        run_analyzer(top, PLAIN, selection, totals)
    if build(top, CLANG, totals):
        say("unit tests, built with clang")
        run_units(top, CLANG, selection, temporary, totals, prefix="clang/")
        say("static analysis by clang")
        run_tidy(top, CLANG, selection, totals)
    if build(top, RACES, totals):
        say("unit tests, with ThreadSanitizer")
        run_units(top, RACES, selection, temporary, totals, prefix="tsan/")
    say("line coverage of what unit tests must cover whole")
    run_coverage(top, selection, totals)


def main():
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN", help="run only what has PATTERN in its name")
    parser.add_argument("--ci", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()

    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    os.chdir(top)
    temporary = tempfile.mkdtemp(prefix="orabackup-tests-")
    os.chmod(temporary, 0o755)
    totals, selection = Totals(), Selection(options.only)
    guard = Guard(top, temporary)
    try:
        run_everything(top, temporary, selection, options.ci, totals)
    finally:
        for finding in guard.processes_left():
            print(f"LEFT BEHIND: {finding}")
            totals.fail("no process is left")
        shutil.rmtree(temporary, ignore_errors=True)
        for finding in guard.files_left():
            print(f"LEFT BEHIND: {finding}")
            totals.fail("nothing is written outside the clone and a temporary directory")

    if selection.patterns and not totals.passed and not totals.failures:
        print(f"nothing has {' or '.join(selection.patterns)} in its name")
        totals.fail("--only")
    if totals.failures:
        say("failed")
        for name in totals.failures:
            print(f"  {name}")
    print(f"{totals.passed} passed, {len(totals.failures)} failed", flush=True)
    return 1 if totals.failures else 0


sys.exit(main())
