"""Stands between the daemon and a Swift (or a Keystone) and does to single requests what networks and clusters do. Standard library only.

    with Proxy(("127.0.0.1", port)) as proxy:
        proxy.add(Rule(method="PUT", path="*/segments/*", count=2, status=503))

Each request is given to the first rule that it fits and that has not been used up; without one it goes through as it is. Answers
that name the upstream's address (the storage URL, Keystone's catalog) name the proxy's, so that all of a client's requests come here.
Every PUT's body is kept as its digest, by name: `contents` shows whether a name ever carried two."""

import contextlib
import dataclasses
import fnmatch
import hashlib
import select
import socket
import threading
import time
import urllib.parse

BLOCK = 65536
HEAD_LIMIT = 1 << 20
HEADS_TO_REWRITE = ("x-storage-url", "location", "content-location")


@dataclasses.dataclass
class Rule:
    """Which requests, and what is done to them."""

    method: str = "*"
    path: str = "*"  # of the decoded path with its query, as in a shell
    first: int = 1  # the first of the requests that fit, counted from 1
    count: int = 1  # and so many from there; None: all
    when: object = None  # a function of the Seen request, where the pattern says too little

    delay: float = 0  # seconds before anything is done
    hold: object = None  # an Event, or a Barrier for requests that meet: waited for before anything is done
    status: int = 0  # answered in the upstream's place, without asking it
    headers: dict = dataclasses.field(default_factory=dict)  # of that answer
    body: bytes = b""  # of that answer
    drain: bool = True  # that answer comes after the body was read; False: at once, and the connection ends
    cut: str = ""  # "before": nothing reaches the upstream; "request": amid the body; "reply": it is stored, no answer comes;
    # "body": amid the answer's body
    cut_after: int = 0  # bytes of the body that still go
    flip_request: int = None  # the byte of the request's body that is changed
    flip_reply: int = None  # ... of the answer's
    trickle_request: float = 0  # seconds between two blocks of the request's body
    trickle_reply: float = 0  # ... of the answer's
    block: int = BLOCK  # bytes of such a block
    drop: tuple = ()  # request headers that the upstream does not get
    set: dict = dataclasses.field(default_factory=dict)  # request headers that it gets instead

    def __post_init__(self):
        self.fitted = self.used = 0

    def takes(self, seen):
        if not fnmatch.fnmatchcase(seen.method, self.method) or not fnmatch.fnmatchcase(seen.target, self.path):
            return False
        if self.when is not None and not self.when(seen):
            return False
        self.fitted += 1
        if self.fitted < self.first or (self.count is not None and self.used >= self.count):
            return False
        self.used += 1
        return True


@dataclasses.dataclass
class Seen:
    """One request as it came; status is what the client was told, 0 where it was told nothing."""

    number: int
    method: str
    target: str
    headers: dict
    at: float
    connection: int
    size: int = 0
    digest: str = ""
    status: int = 0
    done_at: float = 0
    rule: Rule = None
    is_absolute: bool = False  # asked as one asks an HTTP proxy

    @property
    def name(self):
        """container/object of the path."""
        parts = self.target.partition("?")[0].split("/", 3)
        return parts[3] if len(parts) == 4 else ""


class Gone(Exception):
    """This connection is over."""


class Stream:
    """A socket with a buffer in front."""

    def __init__(self, connection):
        self.socket, self.buffer = connection, b""

    def fill(self):
        try:
            more = self.socket.recv(BLOCK)
        except OSError:
            raise Gone from None
        if not more:
            raise Gone
        self.buffer += more

    def head(self):
        """The lines of a request or an answer up to the empty one."""
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > HEAD_LIMIT:
                raise Gone
            self.fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return lines[0], [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def some(self, most):
        if not self.buffer:
            self.fill()
        part, self.buffer = self.buffer[:most], self.buffer[most:]
        return part

    def exactly(self, size):
        while size:
            part = self.some(min(size, BLOCK))
            size -= len(part)
            yield part

    def chunked(self):
        while True:
            size = int(self.line().split(b";")[0], 16)
            if size == 0:
                while self.line():
                    pass
                return
            yield from self.exactly(size)
            self.line()

    def rest(self):
        while True:
            try:
                yield self.some(BLOCK)
            except Gone:
                return

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            raise Gone from None


def header(headers, name):
    return next((value for key, value in headers if key.lower() == name), None)


def head_bytes(first, headers):
    return (first + "\r\n" + "".join(f"{key}: {value}\r\n" for key, value in headers) + "\r\n").encode("latin-1")


def flipped(blocks, at):
    """The same bytes but for one."""
    for block in blocks:
        if at is not None and 0 <= at < len(block):
            block = block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]
            at = None
        elif at is not None:
            at -= len(block)
        yield block


class Proxy:
    """A thread a connection. Rules may be added and removed while it runs."""

    def __init__(self, upstream, listen=("127.0.0.1", 0), tls=None):
        self.upstream, self.tls = upstream, tls
        self.lock, self.listening = threading.Lock(), threading.Lock()
        self.rules, self.seen, self.contents = [], [], {}
        self.connections = {}
        self.listener = socket.create_server(listen, backlog=128)
        self.address = self.listener.getsockname()[:2]
        self.replacing = [(f"{upstream[0]}:{upstream[1]}".encode(), f"{self.address[0]}:{self.address[1]}".encode())]
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://{self.address[0]}:{self.address[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for rule in self.rules:
            if isinstance(rule.hold, threading.Event):
                rule.hold.set()
        self.thread.join()
        if self.listener is not None:
            self.listener.close()
        self.cut_all()

    def replace(self, address, other):
        """Answers name `other` (host, port) where they name `address`: a second proxy's upstream and that proxy, say."""
        self.replacing.append((f"{address[0]}:{address[1]}".encode(), f"{other[0]}:{other[1]}".encode()))

    def add(self, *rules):
        with self.lock:
            self.rules += rules
        return rules[0]

    def remove(self, rule):
        with self.lock:
            self.rules.remove(rule)

    def clear(self):
        with self.lock:
            self.rules = []

    def leave(self):
        """Nobody listens any more; what is open is cut."""
        with self.listening:
            listener, self.listener = self.listener, None
            listener.close()
        self.cut_all()

    def come_back(self):
        with self.listening:
            self.listener = socket.create_server(self.address, backlog=128)

    def cut_all(self):
        with self.lock:
            for one in self.connections.values():
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def requests(self, method="*", path="*", since=0):
        with self.lock:
            return [s for s in self.seen[since:] if fnmatch.fnmatchcase(s.method, method) and fnmatch.fnmatchcase(s.target, path)]

    def wait_for(self, method="*", path="*", count=1, timeout=60, done=False):
        """Until so many such requests came (or were answered)."""
        end = time.monotonic() + timeout
        while True:
            found = [s for s in self.requests(method, path) if not done or s.done_at]
            if len(found) >= count:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"in {timeout} s no {count} {method} {path}, but {[(s.method, s.target) for s in self.requests()][-20:]}")
            time.sleep(0.01)

    def with_two_contents(self):
        """Names that were sent with more than one content."""
        with self.lock:
            return sorted(name for name, digests in self.contents.items() if len(digests) > 1)

    # within -------------------------------------------------------------------------------------
    def _accept(self):
        number = 0
        while not self.stopping.is_set():
            with self.listening:
                is_there = self.listener is not None and select.select([self.listener], [], [], 0.02)[0]
                connection = self.listener.accept()[0] if is_there else None
            if connection is None:
                self.stopping.wait(0.001 if self.listener is not None else 0.02)
                continue
            number += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections[number] = connection
            threading.Thread(target=self._serve, args=(number, connection), daemon=True).start()

    def _serve(self, number, connection):
        exchange = Exchange(self, number, connection)
        try:
            if self.tls:
                exchange.client.socket = self.tls.wrap_socket(connection, server_side=True)
            while not self.stopping.is_set():
                exchange.one()
        except (Gone, ValueError, OSError):
            pass
        finally:
            with self.lock:
                del self.connections[number]
            exchange.close()

    def _take(self, seen):
        """Notes a request, and finds its rule."""
        with self.lock:
            seen.number = len(self.seen) + 1
            self.seen.append(seen)
            seen.rule = next((rule for rule in self.rules if rule.takes(seen)), None)

    def _keep(self, seen):
        with self.lock:
            if seen.method == "PUT":
                self.contents.setdefault(seen.name, set()).add(seen.digest)

    def _rewrite(self, data):
        for old, new in self.replacing:
            data = data.replace(old, new)
        return data.replace(b"http://", b"https://") if self.tls else data


class Exchange:
    """One connection of the client with its own connection to the upstream."""

    def __init__(self, proxy, number, connection):
        self.proxy, self.number, self.client, self.server = proxy, number, Stream(connection), None

    def close(self):
        for stream in (self.client, self.server):
            if stream is not None:
                stream.socket.close()

    def connect(self):
        if self.server is None:
            try:
                connection = socket.create_connection(self.proxy.upstream, timeout=120)
            except OSError:
                raise Gone from None
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.server = Stream(connection)
        return self.server

    def disconnect(self):
        if self.server is not None:
            self.server.socket.close()
            self.server = None

    def one(self):
        """One request and its answer."""
        self.await_request()
        first, headers = self.client.head()
        method, target, version = first.split(" ", 2)
        is_absolute = target.startswith("http://")
        if is_absolute:
            target = "/" + target.split("/", 3)[3]
            first = f"{method} {target} {version}"
        lowered = {key.lower(): value for key, value in headers}
        seen = Seen(0, method, urllib.parse.unquote(target), lowered, time.monotonic(), self.number, is_absolute=is_absolute)
        self.proxy._take(seen)
        rule = seen.rule or Rule()
        try:
            self.prepare(rule)
            if rule.status:
                self.answer_for(seen, rule)
            else:
                self.forward(seen, rule, first, headers)
        finally:
            seen.done_at = time.monotonic()

    def await_request(self):
        """Until there is something of the client's; an upstream that closes meanwhile ends both."""
        if self.server is None or self.client.buffer:
            return
        ready = select.select([self.client.socket, self.server.socket], [], [])[0]
        if self.server.socket in ready:
            raise Gone

    def prepare(self, rule):
        if rule.delay:
            self.proxy.stopping.wait(rule.delay)
        if rule.hold is not None:
            rule.hold.wait()
        if rule.cut == "before":
            raise Gone

    # the request -----------------------------------------------------------------------------------
    def body_of(self, seen, headers):
        """The blocks of the request's body; what they are is kept once they are whole."""
        if "chunked" in (header(headers, "transfer-encoding") or "").lower():
            blocks = self.client.chunked()
        else:
            blocks = self.client.exactly(int(header(headers, "content-length") or 0))
        digest = hashlib.sha256()
        for block in blocks:
            digest.update(block)
            seen.size += len(block)
            yield block
        seen.digest = digest.hexdigest()
        self.proxy._keep(seen)

    def expects(self, headers):
        return "100-continue" in (header(headers, "expect") or "").lower()

    def answer_for(self, seen, rule):
        """An answer in the upstream's place."""
        headers = list(seen.headers.items())
        if rule.drain:
            if self.expects(headers):
                # As Swift does: the final answer comes instead of the 100, and then there is no body.
                self.reply(seen, rule)
                self.skip(headers)
                return
            for _ in self.body_of(seen, headers):
                pass
            self.reply(seen, rule)
            return
        self.reply(seen, rule)
        # Read on till the client is gone: else it would be told by a reset, and perhaps not see the answer.
        self.client.socket.shutdown(socket.SHUT_WR)
        for _ in self.client.rest():
            pass
        raise Gone

    def skip(self, headers):
        """After a final answer instead of a 100, a client either sends its body all the same or the next request."""
        size = int(header(headers, "content-length") or 0)
        if size and select.select([self.client.socket], [], [], 0.2)[0] and not self.client.buffer:
            self.client.fill()
        starts = (b"GET ", b"PUT ", b"HEAD ", b"POST ", b"DELETE ")
        if size and self.client.buffer and not self.client.buffer.startswith(starts):
            for _ in self.client.exactly(size):
                pass

    def reply(self, seen, rule):
        headers = {"Content-Length": str(len(rule.body)), "Content-Type": "text/html", "X-Trans-Id": f"txfault{seen.number}"}
        headers.update(rule.headers)
        if not rule.drain:
            headers["Connection"] = "close"
        seen.status = rule.status
        self.client.send(head_bytes(f"HTTP/1.1 {rule.status} Fault", headers.items()))
        if seen.method != "HEAD":
            self.client.send(rule.body)

    def forward(self, seen, rule, first, headers):
        server = self.connect()
        sent = [(k, v) for k, v in headers if k.lower() not in [d.lower() for d in rule.drop] and k not in rule.set] + list(rule.set.items())
        chunked = "chunked" in (header(headers, "transfer-encoding") or "").lower()
        server.send(head_bytes(first, sent))
        # Some servers know no 100 and wait for the body; then a client sends it after a while by itself.
        if self.expects(headers) and not self.client_goes_on():
            status, found = server.head()
            if " 100" not in status[:13]:
                self.pass_reply(seen, rule, status, found)
                self.skip(headers)
                return
            self.client.send(head_bytes(status, found))
        early = self.send_body(seen, rule, headers, chunked)
        status, found = early or self.final_head()
        if rule.cut == "reply":
            raise Gone
        self.pass_reply(seen, rule, status, found)
        if early:
            raise Gone

    def client_goes_on(self):
        if self.client.buffer:
            return True
        ready = select.select([self.client.socket, self.server.socket], [], [])[0]
        return self.server.socket not in ready

    def final_head(self):
        status, found = self.server.head()
        while " 100" in status[:13]:
            status, found = self.server.head()
        return status, found

    def early_head(self):
        """Of a final answer that is there although the body is not; a 100 may come late as well, that is none."""
        if not self.server.buffer and not select.select([self.server.socket], [], [], 0)[0]:
            return None
        status, found = self.server.head()
        return None if " 100" in status[:13] else (status, found)

    def send_body(self, seen, rule, headers, chunked):
        """The head of an answer that came before the body was whole, or None."""
        size = 0
        for block in flipped(self.body_of(seen, headers), rule.flip_request):
            if rule.cut == "request" and size + len(block) > rule.cut_after:
                self.server.send(block[: rule.cut_after - size])
                raise Gone
            size += len(block)
            try:
                self.send_blocks(self.server, block, chunked, rule.trickle_request, rule.block)
            except Gone:
                # The upstream closed; what it had to say may be there still.
                return self.final_head()
            if size < int(header(headers, "content-length") or 0) and (early := self.early_head()):
                return early
        if rule.cut == "request":
            raise Gone
        if chunked:
            self.server.send(b"0\r\n\r\n")
        return None

    def send_blocks(self, to, block, chunked, trickle, most):
        for part in [block[at : at + most] for at in range(0, len(block), most)] if trickle else [block]:
            if part:
                to.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            if trickle and self.proxy.stopping.wait(trickle):
                raise Gone

    # the answer --------------------------------------------------------------------------------------
    def pass_reply(self, seen, rule, status, headers):
        seen.status = int(status.split(" ")[1])
        headers = [(k, self.proxy._rewrite(v.encode("latin-1")).decode("latin-1")) if k.lower() in HEADS_TO_REWRITE else (k, v) for k, v in headers]
        chunked = "chunked" in (header(headers, "transfer-encoding") or "").lower()
        size = header(headers, "content-length")
        empty = seen.method == "HEAD" or seen.status in (204, 304)
        kind = header(headers, "content-type") or ""
        if not empty and size is not None and "json" in kind and int(size) < HEAD_LIMIT:
            body = self.proxy._rewrite(b"".join(self.server.exactly(int(size))))
            headers = [(k, str(len(body)) if k.lower() == "content-length" else v) for k, v in headers]
            blocks = iter([body] if body else [])
        elif empty:
            blocks = iter(())
        elif chunked:
            blocks = self.server.chunked()
        else:
            blocks = self.server.exactly(int(size)) if size is not None else self.server.rest()
        self.client.send(head_bytes(status, headers))
        self.pass_body(rule, blocks, chunked and not empty)
        if (header(headers, "connection") or "").lower() == "close" or (size is None and not chunked and not empty):
            raise Gone

    def pass_body(self, rule, blocks, chunked):
        sent = 0
        for block in flipped(blocks, rule.flip_reply):
            if rule.cut == "body" and sent + len(block) > rule.cut_after:
                self.send_blocks(self.client, block[: rule.cut_after - sent] or b"", chunked, 0, 0)
                raise Gone
            sent += len(block)
            self.send_blocks(self.client, block, chunked, rule.trickle_reply, rule.block)
        if rule.cut == "body":
            raise Gone
        if chunked:
            self.client.send(b"0\r\n\r\n")
