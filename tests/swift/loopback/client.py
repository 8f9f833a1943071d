"""A plain client of a Swift for what tests look at and spoil: no retries, no cleverness, each answer as it is."""

import collections
import contextlib
import http.client
import json
import urllib.parse

Reply = collections.namedtuple("Reply", "status headers body")


def request(url, method="GET", headers=None, body=None, timeout=60):
    """One request on one connection; header names in lower case."""
    parts = urllib.parse.urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)) as connection:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body=body, headers=headers or {})
        reply = connection.getresponse()
        return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())


class Failed(Exception):
    pass


class NotThere(Failed):
    """404"""


class Client:
    """An account of a cluster, asked as one of its users."""

    def __init__(self, cluster, user="tester", key="testing", account="test"):
        self.cluster, self.user, self.key, self.account = cluster, user, key, account
        self.token = self.url = None

    def authenticate(self):
        if self.cluster.options.keystone:
            self._authenticate_v3()
        else:
            headers = {"X-Auth-User": f"{self.account}:{self.user}", "X-Auth-Key": self.key}
            reply = request(self.cluster.auth_url, headers=headers)
            if reply.status != 200:
                raise Failed(f"{reply.status} {reply.body[:200]!r}")
            self.token, self.url = reply.headers["x-auth-token"], reply.headers["x-storage-url"]
        return self

    def _authenticate_v3(self):
        domain = {"id": "default"}
        user = {"name": self.user, "domain": domain, "password": self.key}
        identity = {"methods": ["password"], "password": {"user": user}}
        wanted = {"auth": {"identity": identity, "scope": {"project": {"name": self.account, "domain": domain}}}}
        reply = request(f"{self.cluster.auth_url}/auth/tokens", "POST", {"Content-Type": "application/json"}, json.dumps(wanted))
        if reply.status != 201:
            raise Failed(f"{reply.status} {reply.body[:200]!r}")
        token = json.loads(reply.body)["token"]
        (service,) = [s for s in token["catalog"] if s["type"] == "object-store"]
        self.token, self.url, self.user_id = reply.headers["x-subject-token"], service["endpoints"][0]["url"], token["user"]["id"]

    def application_credential(self, name):
        """(id, secret) of a new one, Keystone's own."""
        body = json.dumps({"application_credential": {"name": name}})
        headers = {"Content-Type": "application/json", "X-Auth-Token": self.token}
        reply = request(f"{self.cluster.auth_url}/users/{self.user_id}/application_credentials", "POST", headers, body)
        if reply.status != 201:
            raise Failed(f"{reply.status} {reply.body[:200]!r}")
        made = json.loads(reply.body)["application_credential"]
        return made["id"], made["secret"]

    def ask(self, method, path="", headers=None, body=None, query=""):
        """path: container or container/object; "" is the account."""
        for again in (False, True):
            if self.token is None:
                self.authenticate()
            url = self.url + ("/" + urllib.parse.quote(path) if path else "") + (f"?{query}" if query else "")
            reply = request(url, method, dict(headers or {}, **{"X-Auth-Token": self.token}), body)
            if reply.status != 401 or again:
                return reply
            self.token = None
        raise AssertionError("not reached")

    def must(self, *arguments, **options):
        reply = self.ask(*arguments, **options)
        if not 200 <= reply.status < 300:
            raise (NotThere if reply.status == 404 else Failed)(f"{arguments[:2]}: {reply.status} {reply.body[:200]!r}")
        return reply

    def get(self, path, query=""):
        return self.must("GET", path, query=query).body

    def put(self, path, body=b"", headers=None, query=""):
        return self.must("PUT", path, body=body, headers=headers, query=query)

    def head(self, path):
        return self.ask("HEAD", path)

    def post(self, path, headers):
        return self.must("POST", path, headers=headers)

    def delete(self, path):
        return self.must("DELETE", path)

    def list(self, container, prefix=""):
        """Every entry of a container as Swift itself lists it; [] when there is no such container."""
        found, marker = [], ""
        while True:
            query = urllib.parse.urlencode({"format": "json", "prefix": prefix, "marker": marker})
            reply = self.ask("GET", container, query=query)
            if reply.status == 404:
                return []
            if reply.status != 200:
                raise Failed(f"list {container}: {reply.status} {reply.body[:200]!r}")
            page = json.loads(reply.body)
            if not page:
                return found
            found += page
            marker = page[-1]["name"]

    def names(self, container, prefix=""):
        return [entry["name"] for entry in self.list(container, prefix)]

    def containers(self):
        query = urllib.parse.urlencode({"format": "json"})
        return [entry["name"] for entry in json.loads(self.must("GET", query=query).body or b"[]")]

    def info(self):
        return json.loads(request(f"{self.cluster.url}/info").body)

    def empty(self, container):
        """Removes a container with all that is in it."""
        for name in self.names(container):
            self.ask("DELETE", f"{container}/{name}")
        self.ask("DELETE", container)
