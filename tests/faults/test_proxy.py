"""The fault proxy does what a rule says, and nothing where no rule fits."""

import hashlib
import http.client
import http.server
import subprocess
import threading
import time

import pytest
from proxy import Proxy, Rule


class Store(http.server.BaseHTTPRequestHandler):
    """Keeps what is PUT."""

    protocol_version = "HTTP/1.1"
    kept, log = {}, []

    def log_message(self, *_):
        pass

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            return body if len(body) == size else None
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self):
        body = self.read_body()
        if body is None:
            self.close_connection = True
            return
        self.kept[self.path] = body
        self.answer(201)

    def do_GET(self):
        if self.path == "/closes":
            self.answer(200, b"without a word of it")
            self.close_connection = True
        elif self.path == "/auth":
            self.answer(200, X_Storage_Url=f"http://127.0.0.1:{self.server.server_port}/v1/x")
        elif self.path in self.kept:
            self.answer(200, self.kept[self.path])
        else:
            self.answer(404)

    do_HEAD = do_GET

    def handle_expect_100(self):
        """As a server that knows nothing of it, for one path."""
        if self.path == "/late":
            threading.Timer(1.5, super().handle_expect_100).start()
        return True if self.path in ("/silent", "/late") else super().handle_expect_100()


@pytest.fixture
def upstream():
    Store.kept = {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy(upstream):
    with Proxy(upstream.server_address) as one:
        yield one


@pytest.fixture
def client(proxy):
    connection = http.client.HTTPConnection(*proxy.address, timeout=20)
    yield connection
    connection.close()


def ask(client, method, path, body=None, **headers):
    client.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    reply = client.getresponse()
    return reply.status, reply.read()


def curl(proxy, *words):
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


GONE = (http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionResetError, BrokenPipeError)


def test_without_a_rule_nothing_is_changed(client, proxy):
    assert ask(client, "PUT", "/v1/a/c/one", b"x" * 300000)[0] == 201
    assert ask(client, "GET", "/v1/a/c/one") == (200, b"x" * 300000)
    assert ask(client, "HEAD", "/v1/a/c/one") == (200, b"")
    assert ask(client, "GET", "/v1/a/c/none")[0] == 404
    assert [(s.method, s.status, s.connection) for s in proxy.requests()] == [("PUT", 201, 1), ("GET", 200, 1), ("HEAD", 200, 1), ("GET", 404, 1)]
    assert proxy.contents == {"c/one": {hashlib.sha256(b"x" * 300000).hexdigest()}}


def test_a_chunked_body_goes_through(client, upstream):
    client.request("PUT", "/chunked", body=iter([b"a" * 10, b"b" * 70000]), encode_chunked=True)
    assert client.getresponse().read() == b""
    assert Store.kept["/chunked"] == b"a" * 10 + b"b" * 70000


def test_a_100_is_passed_on_and_a_final_answer_instead_of_it(proxy, tmp_path):
    (tmp_path / "file").write_bytes(b"y" * 2_000_000)
    words = ["-T", str(tmp_path / "file"), "-H", "Expect: 100-continue", f"{proxy.url}/v1/a/c/big"]
    assert curl(proxy, *words).stdout == "201"
    proxy.add(Rule(method="PUT", status=507))
    assert curl(proxy, *words).stdout == "507"
    assert proxy.requests("PUT")[-1].size == 0


def test_a_server_that_knows_no_100_gets_the_body_all_the_same(proxy, tmp_path):
    (tmp_path / "file").write_bytes(b"y" * 1000)
    assert curl(proxy, "-T", str(tmp_path / "file"), "-H", "Expect: 100-continue", f"{proxy.url}/silent").stdout == "201"
    assert Store.kept["/silent"] == b"y" * 1000


def test_a_100_that_comes_when_the_body_is_on_its_way_is_no_answer(proxy, tmp_path):
    (tmp_path / "file").write_bytes(b"y" * 1_000_000)
    proxy.add(Rule(method="PUT", trickle_request=0.1))
    assert curl(proxy, "-T", str(tmp_path / "file"), "-H", "Expect: 100-continue", f"{proxy.url}/late").stdout == "201"
    assert Store.kept["/late"] == b"y" * 1_000_000


def test_the_second_and_third_of_a_name_are_answered(client, proxy):
    proxy.add(Rule(method="GET", path="*/c/one*", first=2, count=2, status=503, headers={"Retry-After": "7"}, body=b"no"))
    ask(client, "PUT", "/v1/a/c/one", b"x")
    assert [ask(client, "GET", "/v1/a/c/one")[0] for _ in range(4)] == [200, 503, 503, 200]
    client.request("GET", "/v1/a/c/two")
    assert client.getresponse().read() == b""


def test_the_body_is_read_before_an_answer_and_the_connection_stays(client, proxy):
    proxy.add(Rule(method="PUT", status=503))
    assert ask(client, "PUT", "/v1/a/c/one", b"x" * 500000)[0] == 503
    assert ask(client, "PUT", "/v1/a/c/one", b"y" * 500000)[0] == 201
    assert {s.connection for s in proxy.requests()} == {1}
    assert proxy.with_two_contents() == ["c/one"]


def test_an_answer_before_the_body_ends_the_connection(proxy, tmp_path):
    (tmp_path / "file").write_bytes(b"y" * 2_000_000)
    proxy.add(Rule(method="PUT", status=503, drain=False))
    assert curl(proxy, "-T", str(tmp_path / "file"), "-H", "Expect:", f"{proxy.url}/v1/a/c/big").stdout == "503"


@pytest.mark.parametrize("cut, stored", [("before", None), ("request", None), ("reply", b"x" * 200000)])
def test_a_put_is_cut(client, proxy, cut, stored):
    proxy.add(Rule(method="PUT", cut=cut, cut_after=100000))
    with pytest.raises(GONE):
        ask(client, "PUT", "/v1/a/c/one", b"x" * 200000)
    assert Store.kept.get("/v1/a/c/one") == stored
    client.close()
    assert ask(client, "PUT", "/v1/a/c/one", b"x" * 200000)[0] == 201


def test_an_answer_is_cut_in_its_body(client, proxy):
    ask(client, "PUT", "/v1/a/c/one", b"x" * 200000)
    proxy.add(Rule(method="GET", cut="body", cut_after=70000))
    client.request("GET", "/v1/a/c/one")
    with pytest.raises(http.client.IncompleteRead) as cut:
        client.getresponse().read()
    assert len(cut.value.partial) == 70000


def test_one_byte_is_changed(client, proxy):
    proxy.add(Rule(method="PUT", flip_request=70000))
    ask(client, "PUT", "/v1/a/c/one", b"x" * 100000)
    stored = Store.kept["/v1/a/c/one"]
    assert [at for at in range(100000) if stored[at] != ord("x")] == [70000]
    proxy.add(Rule(method="GET", flip_reply=3))
    assert [at for at, byte in enumerate(ask(client, "GET", "/v1/a/c/one")[1]) if byte != ord("x")] == [3, 70000]


def test_a_delay_a_hold_and_a_trickle(client, proxy):
    gate = threading.Event()
    proxy.add(
        Rule(method="PUT", path="*/slow", delay=0.3),
        Rule(method="PUT", path="*/held", hold=gate),
        Rule(path="*/thin", trickle_request=0.02, trickle_reply=0.02, block=1000, count=None),
    )
    started = time.monotonic()
    ask(client, "PUT", "/v1/a/c/slow")
    assert time.monotonic() - started >= 0.3
    threading.Timer(0.2, gate.set).start()
    ask(client, "PUT", "/v1/a/c/held")
    assert gate.is_set()
    started = time.monotonic()
    ask(client, "PUT", "/v1/a/c/thin", b"z" * 10000)
    assert ask(client, "GET", "/v1/a/c/thin") == (200, b"z" * 10000)
    assert time.monotonic() - started >= 0.4


def test_an_upstream_that_closes_without_saying_so_is_seen_to(proxy):
    url = f"{proxy.url}/closes"
    assert curl(proxy, url, "-o", "/dev/null", url, "-o", "/dev/null", url).stdout == "200200200"


def test_the_upstream_goes_by_the_proxys_name(client, proxy):
    client.request("GET", "/auth")
    reply = client.getresponse()
    reply.read()
    assert reply.headers["X-Storage-Url"] == f"{proxy.url}/v1/x"


def test_it_serves_as_an_http_proxy(proxy, upstream):
    url = f"http://127.0.0.1:{upstream.server_port}/v1/a/c/none"
    done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-x", proxy.url, "--noproxy", "", url], capture_output=True, text=True, check=False)
    assert done.stdout == "404" and proxy.requests()[0].is_absolute


def test_what_is_away_refuses_and_comes_back(client, proxy):
    ask(client, "GET", "/v1/a/c/one")
    proxy.leave()
    with pytest.raises(GONE):
        ask(client, "GET", "/v1/a/c/one")
    client.close()
    with pytest.raises(ConnectionRefusedError):
        ask(client, "GET", "/v1/a/c/one")
    client.close()
    proxy.come_back()
    assert ask(client, "GET", "/v1/a/c/one")[0] == 404
