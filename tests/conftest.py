"""--only PATTERN: run only the cases that have it in their name (the file and the test function). And a look at what is left."""

import fnmatch
import os
import time

import pytest


def pytest_addoption(parser):
    parser.addoption("--only", action="append", default=[], metavar="PATTERN")


def matches(pattern, name):
    if any(c in pattern for c in "*?["):
        return fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name, f"*{pattern}*")
    return pattern in name


def pytest_collection_modifyitems(config, items):
    patterns = config.getoption("--only")
    if not patterns:
        return
    kept = [item for item in items if any(matches(p, item.nodeid) for p in patterns)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


GRACE_SECONDS = 3


def others():
    """Processes of this process namespace but this one, which is its first."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    state = file.read().rpartition(")")[2].split()[0]
                with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                    command = file.read().replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state != "Z":
                yield f"{entry}: {command}"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """After the last fixture, also when a failure ended the run. In a process namespace of its own nothing may be left when all tests are over."""
    if os.getpid() != 1:
        return
    end = time.monotonic() + GRACE_SECONDS
    while list(others()) and time.monotonic() < end:
        time.sleep(0.05)
    left = list(others())
    if left:
        print("\nLEFT BEHIND:", *left, sep="\n  ")
        session.exitstatus = 1
