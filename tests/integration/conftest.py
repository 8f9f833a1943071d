"""Fixtures of the tests of the whole daemon. Each daemon and host that a test made is held to account when it ends."""

import os

import pytest
from support import bus, daemon, host, paths


def pytest_collection_modifyitems(items):
    """What wants root is not run (nor skipped) where there is no root: the run as root has it."""
    if os.getuid() == 0:
        return
    items[:] = [item for item in items if item.get_closest_marker("needs_root") is None]


@pytest.fixture
def build(request):
    """The sanitized build, or the plain one for what measures."""
    return paths.PLAIN if request.node.get_closest_marker("measures") else paths.SANITIZED


@pytest.fixture
def private_bus(build):
    with bus.PrivateBus(policies=[bus.policy_for_me(paths.policy(build))]) as private:
        yield private


@pytest.fixture
def make_host(tmp_path):
    """make_host("host1"): a bare simulated host."""
    made = []

    def make(name="host1", **options):
        made.append(host.OraHost(tmp_path / name, name=name, **options))
        return made[-1]

    yield make
    for one in made:
        one.finish()


@pytest.fixture
def identity(tmp_path):
    return daemon.Identity(tmp_path / "identity.txt")


@pytest.fixture
def make_daemon(tmp_path, private_bus, identity, build):
    """make_daemon(host): an installation on that host, not started."""
    made = []

    def make(on, **options):
        options.setdefault("name", f"daemon-{on.name}-{len(made)}")
        options.setdefault("store", tmp_path / "store")
        made.append(daemon.Daemon(tmp_path, private_bus, on, identity, build=build, **options))
        return made[-1]

    yield make
    errors = []
    for one in made:
        try:
            one.finish()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)


@pytest.fixture
def ora(make_host):
    """A host with one small open database TESTDB15."""
    one = make_host()
    one.create_database("TESTDB15")
    return one


@pytest.fixture
def service(make_daemon, ora):
    """The daemon, running on `ora`."""
    return make_daemon(ora).start()
