"""Backup pieces. A piece is written preallocated, its header block last, and cut to its size when it
is closed: who reads it too early finds no piece.

Layout: header block (JSON, says where the directory is) - chunks - directory (JSON) - padding.
A chunk: magic, what it belongs to, where it goes, length, checksum, bytes."""

import contextlib
import errno
import json
import os
import struct
import time
import zlib

from .errors import OraError, create_failed, open_failed, ora, os_lines, text

HEAD = struct.Struct(">8sII")
MAGIC = b"ORAPIECE"
CHUNK = struct.Struct(">4sIQII")  # magic, reference, position, length, crc
CHUNK_MAGIC = b"CHNK"
RESERVE = 1 << 16                 # room for the directory at the end of a piece of limited size


class PieceFile:
    """One piece that is being written."""

    def __init__(self, host, path, block_size, expected):
        self.host = host
        self.path = path
        self.block_size = block_size
        number = host.can_create(path)
        if number:
            raise create_failed(path, number)
        try:
            self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise create_failed(path, error.errno) from error
        host.own(path)
        self.at = block_size
        with contextlib.suppress(OSError):
            os.ftruncate(self.fd, block_size + expected + (1 << 20))

    def write(self, reference, position, data):
        head = CHUNK.pack(CHUNK_MAGIC, reference, position, len(data), zlib.crc32(data))
        self._put([head, data])

    def _put(self, parts):
        size = sum(map(len, parts))
        try:
            done = os.pwritev(self.fd, parts, self.at)
            if done != size:
                raise OSError(errno.ENOSPC, "short write")
        except OSError as error:
            block = self.at // self.block_size
            raise OraError(text("ORA-19502", self.path, block, self.block_size), text("ORA-27072"),
                           *os_lines(error.errno), "Additional information: 4",
                           f"Additional information: {block}", "Additional information: -1") \
                from error
        self.at += size

    def close(self, directory):
        """Directory, padding, the real size, and at last the header; the file's size."""
        body = json.dumps(directory, separators=(",", ":")).encode()
        where = self.at
        self._put([body, bytes(-(self.at + len(body)) % self.block_size)])
        os.ftruncate(self.fd, self.at)
        head = json.dumps({"at": where, "len": len(body), "crc": zlib.crc32(body),
                           "size": self.at, "block": self.block_size}).encode()
        data = HEAD.pack(MAGIC, len(head), zlib.crc32(head)) + head
        os.pwrite(self.fd, data.ljust(self.block_size, b"\0"), 0)
        os.close(self.fd)
        return self.at

    def abandon(self):
        os.close(self.fd)
        with contextlib.suppress(OSError):
            os.unlink(self.path)


def read_header(host, path):
    """(head, directory) of a piece; the lines of an error otherwise, as OraError without ORA-19870."""
    number = host.refusal(path)
    if number:
        raise ora("ORA-19505", path, extra=open_failed(path, number))
    with open(path, "rb") as file:
        data = file.read(512)
        try:
            magic, size, crc = HEAD.unpack_from(data)
            body = data[HEAD.size:HEAD.size + size]
            if magic != MAGIC or zlib.crc32(body) != crc:
                raise ValueError
            head = json.loads(body)
            if os.fstat(file.fileno()).st_size != head["size"]:
                raise ValueError
            file.seek(head["at"])
            body = file.read(head["len"])
            if zlib.crc32(body) != head["crc"]:
                raise ValueError
            return head, json.loads(body)
        except (ValueError, struct.error) as error:
            raise ora("ORA-19587", 8192, 1, extra=[text("ORA-27048"),
                                                   "Additional information: 2"]) from error


def chunks(host, path):
    """Yields (reference, position, bytes); checks each."""
    head, _ = read_header(host, path)
    with open(path, "rb") as file:
        at = head["block"]
        while at < head["at"]:
            file.seek(at)
            raw = file.read(CHUNK.size)
            magic, reference, position, length, crc = CHUNK.unpack(raw)
            data = file.read(length)
            if magic != CHUNK_MAGIC or len(data) != length or zlib.crc32(data) != crc:
                raise ora("ORA-19599", at // head["block"] + 1, path)
            yield reference, position, data
            at += CHUNK.size + length


class Throttle:
    """Keeps to the speed of the knob."""

    def __init__(self, speed):
        self.speed = speed
        self.begun = time.monotonic()
        self.done = 0

    def spend(self, size, check):
        self.done += size
        while self.speed and self.done / self.speed > time.monotonic() - self.begun:
            check()
            time.sleep(min(0.05, max(self.done / self.speed - (time.monotonic() - self.begun), 0)))
