"""A small D-Bus client: method calls with their error names, signals in the order they come, and handles.

busctl cannot pass file descriptors and hides error names; the tests need both, and Debian has no D-Bus module that is
always there. Only what org.orabackup1 uses is spoken: little endian, types y b n q i u x t d s o g a v ( ) { } h."""

import array
import collections
import os
import re
import select
import socket
import struct
import time

CALL, REPLY, ERROR, SIGNAL = 1, 2, 3, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE, UNIX_FDS = range(1, 10)
NUMBERS = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I", "b": "I"}
ALIGNMENT = {"y": 1, "n": 2, "q": 2, "i": 4, "u": 4, "b": 4, "s": 4, "o": 4, "a": 4, "h": 4, "x": 8, "t": 8, "d": 8, "(": 8, "{": 8, "g": 1, "v": 1}
MESSAGE_LIMIT = 128 * 1024 * 1024

Signal = collections.namedtuple("Signal", "path interface member arguments")
Variant = collections.namedtuple("Variant", "signature value")
Message = collections.namedtuple("Message", "type flags serial fields body")


class DBusError(Exception):
    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name, self.message = name, message


class Timeout(Exception):
    pass


def split_signature(signature):
    """'sa{sv}(uo)' -> ['s', 'a{sv}', '(uo)']"""
    parts, at = [], 0
    while at < len(signature):
        start = at
        while signature[at] == "a":
            at += 1
        if signature[at] in "({":
            depth = 0
            while True:
                depth += (signature[at] in "({") - (signature[at] in ")}")
                if depth == 0:
                    break
                at += 1
        at += 1
        parts.append(signature[start:at])
    return parts


class Writer:
    def __init__(self):
        self.bytes, self.fds = bytearray(), []

    def pad(self, alignment):
        self.bytes += b"\0" * (-len(self.bytes) % alignment)

    def put(self, signature, value):
        kind = signature[0]
        self.pad(ALIGNMENT[kind])
        if kind == "h":
            self.fds.append(value)
            value = len(self.fds) - 1
        if kind in NUMBERS:
            self.bytes += struct.pack("<" + NUMBERS[kind], value)
        elif kind in "so":
            data = value.encode()
            self.bytes += struct.pack("<I", len(data)) + data + b"\0"
        elif kind == "g":
            data = value.encode()
            self.bytes += bytes([len(data)]) + data + b"\0"
        elif kind == "v":
            self.put("g", value.signature)
            self.put(value.signature, value.value)
        elif kind == "a":
            self.put_array(signature[1:], value)
        else:
            for part, item in zip(split_signature(signature[1:-1]), value):
                self.put(part, item)

    def put_array(self, element, value):
        at = len(self.bytes)
        self.bytes += b"\0\0\0\0"
        self.pad(ALIGNMENT[element[0]])
        start = len(self.bytes)
        for item in value.items() if isinstance(value, dict) else value:
            self.put(element, item)
        struct.pack_into("<I", self.bytes, at, len(self.bytes) - start)


class Reader:
    def __init__(self, data, order="<"):
        self.data, self.at, self.order = data, 0, order

    def get(self, signature):
        kind = signature[0]
        self.at += -self.at % ALIGNMENT[kind]
        if kind in NUMBERS:
            value = self.number(NUMBERS[kind])
            return bool(value) if kind == "b" else value
        if kind in "so":
            return self.text(self.number("I"))
        if kind == "g":
            return self.text(self.number("B"))
        if kind == "v":
            return self.get(self.get("g"))
        if kind == "a":
            return self.array(signature[1:])
        return tuple(self.get(part) for part in split_signature(signature[1:-1]))

    def number(self, letter):
        (value,) = struct.unpack_from(self.order + letter, self.data, self.at)
        self.at += struct.calcsize(letter)
        return value

    def text(self, size):
        value = bytes(self.data[self.at : self.at + size]).decode()
        self.at += size + 1
        return value

    def array(self, element):
        size = self.number("I")
        self.at += -self.at % ALIGNMENT[element[0]]
        end, items = self.at + size, []
        while self.at < end:
            items.append(self.get(element))
        return dict(items) if element[0] == "{" else items


class Connection:
    """One connection to the bus at `address` (unix:path=..)."""

    def __init__(self, address, timeout=30):
        path = re.search(r"unix:path=([^,;]+)", address).group(1)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.buffer, self.signals, self.serial, self.timeout = bytearray(), collections.deque(), 0, timeout
        self._authenticate()
        self.name = self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")[0]

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _authenticate(self):
        uid = str(os.getuid()).encode().hex()
        self.socket.sendall(b"\0AUTH EXTERNAL " + uid.encode() + b"\r\n")
        self._expect(b"OK ")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        self._expect(b"AGREE_UNIX_FD")
        self.socket.sendall(b"BEGIN\r\n")

    def _expect(self, start):
        line = b""
        while not line.endswith(b"\r\n"):
            part = self.socket.recv(1)
            if not part:
                raise ConnectionError("the bus closed the connection")
            line += part
        if not line.startswith(start):
            raise ConnectionError(f"the bus said {line!r}")

    def call(self, destination, path, interface, member, signature="", *arguments, timeout=None):
        """The values of the reply as a list. Raises DBusError."""
        serial = self._send(destination, path, interface, member, signature, arguments)
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            message = self._receive(end)
            if message.fields.get(REPLY_SERIAL) != serial:
                self._keep(message)
            elif message.type == ERROR:
                raise DBusError(message.fields[ERROR_NAME], message.body[0] if message.body else "")
            else:
                return message.body

    def match(self, rule):
        self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", rule)

    def next_signal(self, timeout=None):
        end = time.monotonic() + (timeout or self.timeout)
        while not self.signals:
            self._keep(self._receive(end))
        return self.signals.popleft()

    def _keep(self, message):
        if message.type == SIGNAL:
            self.signals.append(Signal(message.fields[PATH], message.fields[INTERFACE], message.fields[MEMBER], message.body))

    def _send(self, destination, path, interface, member, signature, arguments):
        self.serial += 1
        body = Writer()
        for part, value in zip(split_signature(signature), arguments):
            body.put(part, value)
        fields = [
            (PATH, Variant("o", path)),
            (DESTINATION, Variant("s", destination)),
            (INTERFACE, Variant("s", interface)),
            (MEMBER, Variant("s", member)),
        ]
        if signature:
            fields.append((SIGNATURE, Variant("g", signature)))
        if body.fds:
            fields.append((UNIX_FDS, Variant("u", len(body.fds))))
        head = Writer()
        head.bytes += struct.pack("<cBBBII", b"l", CALL, 0, 1, len(body.bytes), self.serial)
        head.put("a(yv)", fields)
        head.pad(8)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", body.fds))] if body.fds else []
        data = bytes(head.bytes + body.bytes)
        sent = self.socket.sendmsg([data], ancillary)
        self.socket.sendall(data[sent:])
        return self.serial

    def _receive(self, end):
        while True:
            message = self._parse()
            if message is not None:
                return message
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise Timeout("no message from the bus in time")
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionError("the bus closed the connection")
            self.buffer += data

    def _parse(self):
        if len(self.buffer) < 16:
            return None
        order = "<" if self.buffer[0:1] == b"l" else ">"
        kind, flags = self.buffer[1], self.buffer[2]
        body_size, serial, fields_size = struct.unpack_from(order + "III", self.buffer, 4)
        start = (16 + fields_size + 7) & ~7
        if start + body_size > MESSAGE_LIMIT:
            raise ConnectionError("too large a message")
        if len(self.buffer) < start + body_size:
            return None
        head = Reader(self.buffer, order)
        head.at = 12
        fields = dict(head.get("a(yv)"))
        body = Reader(bytes(self.buffer[start : start + body_size]), order)
        values = [body.get(part) for part in split_signature(fields.get(SIGNATURE, ""))]
        del self.buffer[: start + body_size]
        return Message(kind, flags, serial, fields, values)


def options(**values):
    """a{sv} from plain values: text s, truth b, whole numbers t, lists as, ('h', fd) and the like as they stand."""
    result = {}
    for key, value in values.items():
        if isinstance(value, tuple):
            result[key] = Variant(*value)
        elif isinstance(value, bool):
            result[key] = Variant("b", value)
        elif isinstance(value, int):
            result[key] = Variant("t", value)
        elif isinstance(value, list):
            result[key] = Variant("as", value)
        else:
            result[key] = Variant("s", value)
    return result
