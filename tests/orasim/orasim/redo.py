"""Redo: the records of changes, online logs and archived logs.

A log file is a header sector (JSON) and records; an archived log is padded to whole sectors. A
record holds the new bytes and the old ones, as Oracle's redo protects its undo."""

import json
import os
import struct
import zlib

from . import blocks

SECTOR = 512
REC = struct.Struct(">4sQIIHHHQI")  # magic, scn, file, block, offset, new, old, old scn, crc
MAGIC = b"REDO"


def record(scn, file, block, offset, new, old, old_scn):
    head = REC.pack(MAGIC, scn, file, block, offset, len(new), len(old), old_scn,
                    zlib.crc32(new, zlib.crc32(old)))
    return head + new + old


def parse(data):
    """Yields (scn, file, block, offset, new, old, old_scn); stops where the records end."""
    at, end = 0, len(data)
    while at + REC.size <= end:
        magic, scn, file, block, offset, n_new, n_old, old_scn, crc = REC.unpack_from(data, at)
        if magic != MAGIC:
            return
        at += REC.size
        new = bytes(data[at:at + n_new])
        old = bytes(data[at + n_new:at + n_new + n_old])
        if zlib.crc32(new, zlib.crc32(old)) != crc:
            return
        at += n_new + n_old
        yield scn, file, block, offset, new, old, old_scn


def header_pack(header):
    data = json.dumps(header).encode()
    data = b"ORLG" + struct.pack(">II", len(data), zlib.crc32(data)) + data
    if len(data) > 4 * SECTOR:
        raise ValueError("the header of a redo log is too long")
    return data.ljust(4 * SECTOR, b"\0")


def header_parse(data):
    """The header of a log, or None."""
    if data[:4] != b"ORLG":
        return None
    size, crc = struct.unpack_from(">II", data, 4)
    body = data[12:12 + size]
    return json.loads(body) if zlib.crc32(body) == crc else None


def log_create(path, header, own):
    """An empty online log."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with os.fdopen(fd, "wb") as file:
        file.write(header_pack(header))
    own(path)


def log_append(paths, offset, data):
    for path in paths:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(fd, data, 4 * SECTOR + offset)
        finally:
            os.close(fd)


def log_read(path):
    """(header, bytes of the records) of an online or archived log."""
    with open(path, "rb") as file:
        data = file.read()
    return header_parse(data), memoryview(data)[4 * SECTOR:]


def log_archive(source, target, header, own):
    """Copies an online log to its archived log; the size in sectors."""
    with open(source, "rb") as file:
        file.seek(4 * SECTOR)
        body = file.read()
    body += bytes(-len(body) % SECTOR)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with os.fdopen(fd, "wb") as file:
        file.write(header_pack(header) + body)
    own(target)
    return len(body) // SECTOR + 4


class Applier:
    """Applies redo to data files: opens each once."""

    def __init__(self, files):
        self.files = files       # file number -> (path, applied from this SCN on)
        self.fds = {}
        self.cache = {}
        self.newest = 0

    def apply(self, data, until):
        """Applies the records with an SCN below `until`; those below a file's start are in it."""
        for scn, file, block, offset, new, _, _ in parse(data):
            if scn >= until:
                break
            self.newest = max(self.newest, scn)
            if file not in self.files or scn < self.files[file][1]:
                continue
            found = self.block(file, block)
            if blocks.block_scn(found) < scn:
                self.cache[file, block] = blocks.block_change(found, file, block, scn, offset, new)
        self.flush()

    def block(self, file, block):
        if (file, block) not in self.cache:
            if file not in self.fds:
                self.fds[file] = os.open(self.files[file][0], os.O_RDWR | os.O_CLOEXEC)
            self.cache[file, block] = os.pread(self.fds[file], blocks.BLOCK, block * blocks.BLOCK)
        return self.cache[file, block]

    def flush(self):
        for (file, block), data in self.cache.items():
            os.pwrite(self.fds[file], data, block * blocks.BLOCK)
        self.cache.clear()

    def close(self):
        for fd in self.fds.values():
            os.close(fd)
        self.fds.clear()


def undo(records, block_of):
    """Takes changes back, newest first: (file, block) -> block as it was before all of them."""
    state = {}
    for _, file, block, offset, _, old, old_scn in reversed(records):
        key = file, block
        if key not in state:
            state[key] = block_of(file, block)
        if old_scn == 0:
            state[key] = blocks.ZERO
        else:
            state[key] = blocks.block_change(state[key], file, block, old_scn, offset, old)
    return state
