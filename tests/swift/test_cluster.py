"""The Swift that the other tests run against: it starts, is a real one, ends, and says why where it does not start."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from loopback import Client, Cluster, Failed, NotUp, Options, cluster
from support import paths, processes

PROGRAM = paths.TOP / "tests/swift/cluster"


@pytest.fixture
def folder():
    """Not below pytest's own: the user that Swift steps down to cannot go there."""
    made = Path(tempfile.mkdtemp(prefix="orabackup-swift-"))
    made.chmod(0o755)
    yield made
    assert not processes.below(made)
    shutil.rmtree(made)


@pytest.fixture
def swift(folder):
    with Cluster(folder) as one:
        yield one


def md5(body):
    return hashlib.md5(body).hexdigest()


def put_large(client, name, segments):
    manifest = []
    for number, body in enumerate(segments):
        client.put(f"segments/{name}/{number:08}", body)
        manifest.append({"path": f"segments/{name}/{number:08}", "etag": md5(body), "size_bytes": len(body)})
    return client.ask("PUT", f"c/{name}", body=json.dumps(manifest), query="multipart-manifest=put")


def test_objects_and_large_objects_are_stored(swift):
    client = Client(swift)
    client.put("c")
    client.put("segments")
    client.put("c/one", b"first")
    assert client.get("c/one") == b"first" and client.names("c") == ["one"]
    assert put_large(client, "large", [b"a" * 1000, b"b" * 10]).status == 201
    assert client.get("c/large") == b"a" * 1000 + b"b" * 10
    assert client.ask("GET", "c/none").status == 404
    assert client.ask("PUT", "c/one", headers={"If-None-Match": "*"}, body=b"second").status == 412
    client.empty("c")
    assert client.containers() == ["segments"]


def test_what_was_stored_is_there_after_a_stop(swift):
    Client(swift).put("c")
    Client(swift).put("c/kept", b"kept")
    ended = swift.pid("proxy")
    swift.stop()
    assert not processes.alive(ended) and swift.pid("proxy") is None
    swift.start()
    assert Client(swift).get("c/kept") == b"kept"


def test_limits_are_lowered(folder):
    options = Options(max_manifest_segments=2, bulk=False, constraints={"max_file_size": 4096, "container_listing_limit": 3})
    with Cluster(folder, options) as one:
        client = Client(one)
        client.put("c")
        client.put("segments")
        info = client.info()
        assert info["slo"]["max_manifest_segments"] == 2 and info["swift"]["max_file_size"] == 4096
        assert "bulk_delete" not in info
        assert client.ask("PUT", "c/big", body=b"x" * 4097).status == 413
        assert put_large(client, "large", [b"a", b"b", b"c"]).status == 413
        for number in range(5):
            client.put(f"c/{number}")
        assert client.ask("GET", "c", query="format=json").body.count(b'"name"') == 3
        assert len(client.list("c")) == 5


def test_a_token_ends_with_its_life(folder):
    with Cluster(folder, Options(token_life=1)) as one:
        client = Client(one).authenticate()
        token, end = client.token, time.monotonic() + 20
        while client.token == token:
            assert time.monotonic() < end
            client.ask("HEAD")
        assert client.token != token


def test_forgotten_tokens_are_401(swift):
    client = Client(swift).authenticate()
    token = client.token
    swift.forget_tokens()
    client.must("HEAD")
    assert client.token != token


def test_a_quota_is_kept(swift):
    client = Client(swift)
    client.put("c", headers={"X-Container-Meta-Quota-Bytes": "10"})
    reply = client.ask("PUT", "c/big", body=b"x" * 11)
    assert reply.status == 413 and b"quota" in reply.body


def test_a_user_of_no_rights_is_refused(swift):
    with pytest.raises(Failed, match="401"):
        Client(swift, key="wrong").authenticate()
    assert Client(swift, user="limited", key="limited").ask("PUT", "c").status == 403


def test_an_object_server_dies_and_comes_back(swift):
    client = Client(swift)
    client.put("c")
    client.put("c/kept", b"kept")
    swift.kill("object")
    assert client.ask("GET", "c/kept").status == 503
    swift.revive("object")
    assert client.get("c/kept") == b"kept"


def test_a_server_that_dies_at_start_is_an_error_with_its_log(folder, monkeypatch):
    def broken(*arguments):
        return dict(files(*arguments), **{"object.conf": "[DEFAULT]\nbind_port = 1\n[pipeline:main]\npipeline = nothing\n"})

    files = cluster.configuration.files
    monkeypatch.setattr(cluster.configuration, "files", broken)
    one = Cluster(folder)
    with pytest.raises(NotUp, match=r"(?s)object ended at start.*object-server"):
        one.start()
    assert one.pid("keeper") is None and one.pid("proxy") is None


def test_a_port_that_was_taken_meanwhile_is_not_the_end(folder, monkeypatch):
    free_ports = cluster.free_ports
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = [taken.getsockname()[1]]
        monkeypatch.setattr(cluster, "free_ports", lambda count: [*(first.pop() for _ in first[:1]), *free_ports(count)][:count])
        with Cluster(folder) as one:
            assert not first and one.ports["proxy"] != taken.getsockname()[1]
            Client(one).put("c")


def test_when_its_starter_is_gone_the_servers_are(folder):
    code = "import os, sys; from loopback import Cluster; c = Cluster(sys.argv[1]).start(); print(c.pid('proxy'), flush=True); os._exit(1)"
    environment = dict(os.environ, PYTHONPATH=str(PROGRAM.parent))
    done = subprocess.run(["/usr/bin/python3", "-B", "-c", code, str(folder)], env=environment, capture_output=True, text=True, check=False)
    pid, end = int(done.stdout), time.monotonic() + 30
    while processes.alive(pid) or processes.below(folder):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_person_starts_and_ends_it(folder):
    done = subprocess.run([str(PROGRAM), "up", str(folder), "--set", "max_manifest_segments=7"], capture_output=True, text=True, check=True)
    environment = dict(line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines())
    try:
        shown = subprocess.run(["swift", "capabilities", "--json"], env=dict(os.environ, **environment), capture_output=True, text=True, check=True)
        assert json.loads(shown.stdout)["slo"]["max_manifest_segments"] == 7
        again = subprocess.run([str(PROGRAM), "up", str(folder)], capture_output=True, text=True, check=False)
        assert again.returncode == 1 and "runs" in again.stderr
    finally:
        subprocess.run([str(PROGRAM), "down", str(folder)], check=True)


@pytest.mark.needs_root
def test_an_ordinary_user_has_it_too(folder):
    drop = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    copy = folder / "copy"
    shutil.copytree(PROGRAM.parent, copy)
    work = folder / "work"
    work.mkdir()
    shutil.chown(work, "nobody", "nogroup")
    subprocess.run([*drop, str(copy / "cluster"), "up", str(work)], check=True, capture_output=True)
    try:
        owner = Path(f"/proc/{Cluster(work).pid('object')}").owner()
        assert owner == "nobody"
    finally:
        subprocess.run([*drop, str(copy / "cluster"), "down", str(work)], check=True)


def test_keystone_says_who_may(folder):
    with Cluster(folder, Options(keystone=True)) as one:
        client = Client(one)
        client.put("c")
        client.put("c/one", b"1")
        assert client.get("c/one") == b"1"
        with pytest.raises(Failed, match="401"):
            Client(one, key="wrong").authenticate()
        identity, secret = client.application_credential("backups")
        assert identity and secret
