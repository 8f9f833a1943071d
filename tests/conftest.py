"""--only PATTERN: run only the cases that have it in their name (the file and the test function)."""

import fnmatch


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
