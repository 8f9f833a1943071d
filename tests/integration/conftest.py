"""Fixtures of the tests of the whole daemon. Each daemon and host that a test made is held to account when it ends."""

import os
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest
from loopback import Cluster, Options
from support import bus, daemon, host, paths, store


def pytest_generate_tests(metafunc):
    """both_drivers: once with a directory, once with a real Swift. only_swift: that alone. All else: a directory."""
    if "driver" not in metafunc.fixturenames:
        return
    markers = {marker.name for marker in metafunc.definition.iter_markers()}
    if "only_swift" in markers:
        metafunc.parametrize("driver", ["swift"], indirect=True)
    elif "both_drivers" in markers:
        metafunc.parametrize("driver", ["directory", "swift"], indirect=True)


def is_for_everybody(item):
    """What wants root is not run (nor skipped) where there is no root: the run as root has it. Of what runs on a Swift a few cases do."""
    if item.get_closest_marker("needs_root") is not None:
        return False
    driver = item.callspec.params.get("driver") if hasattr(item, "callspec") else None
    on_swift = driver == "swift" or item.get_closest_marker("only_swift") is not None
    return not on_swift or item.get_closest_marker("smoke") is not None


def pytest_collection_modifyitems(items):
    if os.getuid() != 0:
        items[:] = [item for item in items if is_for_everybody(item)]


@pytest.fixture(autouse=True)
def tidy(tmp_path):
    """Hosts and stores of hundreds of tests would fill a disk: set up first, so that what a test wrote goes last of all."""
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)


def finish_all(made):
    """Each, also when one before it has something to say."""
    errors = []
    for one in made:
        try:
            one.finish()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="session")
def make_cluster():
    """make_cluster(keystone=True, max_manifest_segments=3): a real Swift. The same options give the same one."""
    made = {}

    def make(**options):
        key = repr(sorted(options.items()))
        if key not in made:
            # Not below pytest's folders: the user that Swift steps down to cannot go there.
            folder = Path(tempfile.mkdtemp(prefix="orabackup-swift-"))
            folder.chmod(0o755)
            made[key] = Cluster(folder, Options(**options))
            made[key].start()
        return made[key]

    yield make
    for one in made.values():
        one.stop()
        shutil.rmtree(one.folder)


@pytest.fixture
def make_swift_store(make_cluster):
    """make_swift_store(): containers of their own, in the cluster that most tests share or in one with other options."""
    made = []

    def make(cluster=None, **options):
        made.append(store.SwiftStore(cluster or make_cluster(), f"t{uuid.uuid4().hex[:12]}", **options))
        return made[-1]

    yield make
    finish_all(made)


@pytest.fixture
def driver(request):
    return getattr(request, "param", "directory")


@pytest.fixture
def place(request, driver, tmp_path):
    """The store of this test's daemons."""
    return request.getfixturevalue("make_swift_store")() if driver == "swift" else store.DirectoryStore(tmp_path / "store")


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
def make_daemon(tmp_path, private_bus, identity, build, place):
    """make_daemon(host): an installation on that host, not started."""
    made = []

    def make(on, **options):
        options.setdefault("name", f"daemon-{on.name}-{len(made)}")
        options.setdefault("store", place)
        made.append(daemon.Daemon(tmp_path, options.pop("bus", private_bus), on, identity, build=build, **options))
        return made[-1]

    yield make
    finish_all(made)


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


@pytest.fixture
def second_bus(build):
    """For a second daemon of the same name."""
    with bus.PrivateBus(policies=[bus.policy_for_me(paths.policy(build))]) as private:
        yield private
