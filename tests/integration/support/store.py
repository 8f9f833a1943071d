"""Where the daemon under test puts its backups: a directory, or the containers of a real Swift behind a fault proxy.

Both give the tests the same view: names below the instance, and paths that are read, changed, moved away and put back."""

import json
import os
import re
import urllib.parse
from pathlib import Path

import proxy
from loopback import Client, NotThere

SECRET_OF_TESTER = "testing"


class DirectoryStore:
    """A directory of this host."""

    type = "directory"

    def __init__(self, path):
        self.top = Path(path)

    def prepare(self):
        self.top.mkdir(parents=True, exist_ok=True)
        self.top.chmod(0o750)

    def sections(self):
        return {"store": {"type": "directory", "segment_size": "1M"}, "directory": {"path": self.top}}

    def credentials(self):
        return {}

    @property
    def what_is_away(self):
        """What an error names that says the store is not there."""
        return str(self.top)

    def objects(self, instance):
        """Names of all objects below the instance, sorted; segments as they lie in the directory."""
        top = self.top / instance
        return sorted(str(p.relative_to(top)) for p in top.rglob("*") if p.is_file()) if top.exists() else []

    def leave(self):
        """The store is not to be reached any more."""
        self.top.rename(self.top.with_name(self.top.name + "-away"))

    def come_back(self):
        self.top.with_name(self.top.name + "-away").rename(self.top)

    def fetch(self, path):
        """A command that writes the data of an object to its standard output."""
        return f"cat '{path}'"

    def data_of(self, path):
        """Where the data of backup.tar.age lies, or a part of it."""
        return path

    def finish(self):
        pass


class SwiftPath:
    """An object, or what is below a prefix, of a container; with the methods of pathlib's that tests use.

    What is written to a large object goes into those of its segments that it changes: that is how one is damaged in a Swift."""

    def __init__(self, client, container, name=""):
        self.client, self.container, self.key = client, container, name

    def __truediv__(self, name):
        return SwiftPath(self.client, self.container, f"{self.key}/{name}" if self.key else str(name))

    def __str__(self):
        return f"{self.container}/{self.key}"

    @property
    def name(self):
        return self.key.rpartition("/")[2]

    def with_name(self, name):
        folder, slash, _ = self.key.rpartition("/")
        return SwiftPath(self.client, self.container, folder + slash + name)

    def exists(self):
        return self.client.head(str(self)).status == 200

    def read_bytes(self):
        return self.client.get(str(self))

    def read_text(self):
        return self.read_bytes().decode()

    def manifest(self):
        """The segments of a large object, those of its parts too; None for any other object."""
        reply = self.client.ask("GET", str(self), query="multipart-manifest=get")
        if reply.headers.get("x-static-large-object") is None:
            return None
        found = []
        for row in json.loads(reply.body):
            container, _, key = row["name"].lstrip("/").partition("/")
            part = SwiftPath(self.client, container, key)
            found += part.manifest() if row.get("sub_slo") else [(part, row["bytes"])]
        return found

    def write_bytes(self, data):
        segments = self.manifest() if self.exists() else None
        if segments is None:
            self.client.put(str(self), data)
            return
        at = 0
        for number, (part, size) in enumerate(segments):
            end = len(data) if number == len(segments) - 1 else at + size
            if not data[at:end]:
                part.unlink()
            elif not part.exists() or part.read_bytes() != data[at:end]:
                self.client.put(str(part), data[at:end])
            at = end

    def write_text(self, text):
        self.write_bytes(text.encode())

    def rename(self, target):
        """A large object moves without its segments: both names mean the same ones."""
        destination = {"Destination": urllib.parse.quote(str(target))}
        query = "multipart-manifest=get" if self.manifest() is not None else ""
        self.client.must("COPY", str(self), headers=destination, query=query)
        self.unlink()
        return target

    def unlink(self, missing_ok=False):
        reply = self.client.ask("DELETE", str(self))
        if not (reply.status == 204 or (missing_ok and reply.status == 404)):
            raise FileNotFoundError(str(self))

    def chmod(self, mode):
        """There is no such thing here."""

    def stat(self):
        reply = self.client.head(str(self))
        if reply.status != 200:
            raise FileNotFoundError(str(self))
        return os.stat_result((0o100640, 0, 0, 1, 0, 0, int(reply.headers["content-length"]), 0, 0, 0))


class SwiftStore:
    """Two containers of a cluster, reached by the daemon through a proxy of its own (direct: not so), and by the tests directly."""

    type = "swift"

    def __init__(self, cluster, container, segment_size="1M", direct=False):
        self.cluster, self.container, self.segment_size = cluster, container, segment_size
        self.segment_container = container + "_segments"
        self.client = Client(cluster)
        self.top = SwiftPath(self.client, container)
        self.proxy = self.keystone = None
        if direct:
            return
        self.proxy = proxy.Proxy(("127.0.0.1", cluster.ports["proxy"]))
        self.proxy.__enter__()
        if cluster.options.keystone:
            self.keystone = proxy.Proxy(("127.0.0.1", cluster.ports["keystone"]))
            self.keystone.replace(self.proxy.upstream, self.proxy.address)
            self.keystone.__enter__()

    def prepare(self):
        """The daemon makes its containers itself."""

    def sections(self):
        return {"store": {"type": "swift", "segment_size": self.segment_size}, "swift": self.swift_section()}

    def swift_section(self):
        auth_url = self.cluster.auth_url
        for one in (self.proxy, self.keystone):
            if one is not None:
                auth_url = auth_url.replace(f"http://127.0.0.1:{one.upstream[1]}", one.url)
        who = {"auth_url": auth_url, "auth_version": "1", "username": "test:tester"}
        if self.cluster.options.keystone:
            who = {"auth_url": auth_url, "auth_version": "3", "username": "tester", "project_name": "test"}
        return {**who, "container": self.container}

    def credentials(self):
        return {"swift-password": SECRET_OF_TESTER}

    @property
    def what_is_away(self):
        return self.container

    def segments(self, instance):
        """Names of all that is in the segment container."""
        return self.client.names(self.segment_container, instance + "/")

    def promised_segments(self, instance, names):
        """What the lists and the manifests of the backups that have one say is there."""
        found = []
        for name in names:
            if re.fullmatch(r"[^/]*/segments", name):
                text = (self.top / instance / name).read_text()
                found += [re.split(r"\s+", line, maxsplit=2)[2] for line in text.splitlines()]
            elif re.fullmatch(r"[^/]*/backup\.tar\.age", name):
                rows = json.loads(self.client.get(f"{self.container}/{instance}/{name}", query="multipart-manifest=get"))
                found += [row["name"].removeprefix(f"/{self.segment_container}/") for row in rows]
        return found

    def objects(self, instance):
        """Names of all objects below the instance, sorted; a segment only where it is not as the backups' lists say: one too
        many under its name, one that is missing as such."""
        while True:
            try:
                return self._look(instance)
            except NotThere:  # something was removed meanwhile
                continue

    def _look(self, instance):
        names = [name.removeprefix(instance + "/") for name in self.client.names(self.container, instance + "/")]
        there, promised = set(self.segments(instance)), set(self.promised_segments(instance, names))
        return sorted([*names, *(there - promised), *(f"missing: {name}" for name in promised - there)])

    def leave(self):
        self.proxy.leave()

    def come_back(self):
        self.proxy.come_back()

    def fetch(self, path):
        words = " ".join(f"{key}='{value}'" for key, value in self.cluster.environment().items())
        return f"env {words} swift --retries 0 download '{path.container}' '{path.key}' -o -"

    def data_of(self, path):
        """One of its segments: each is fetched by itself, so that the large object alone may be missing."""
        return path.manifest()[1][0]

    def finish(self):
        """No name of a segment was ever sent with two contents: a nonce never met two plaintexts."""
        if self.proxy is None:
            return
        self.proxy.__exit__()
        if self.keystone is not None:
            self.keystone.__exit__()
        twice = [name for name in self.proxy.with_two_contents() if name.startswith(self.segment_container + "/")]
        assert not twice, f"sent with more than one content: {twice}"
