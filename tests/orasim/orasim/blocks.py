"""Data files: 8 KiB blocks that carry file, number, SCN and checksum; block 0 is the file header."""

import hashlib
import json
import os
import struct
import zlib

BLOCK = 8192
SLICE = 128                      # blocks that are read and written in one go
HEAD = struct.Struct(">4sIIQI")  # magic, file, block, scn, crc of all but the crc
MAGIC = b"OBLK"
PAYLOAD = BLOCK - HEAD.size
CRC_AT = HEAD.size - 4
DICTIONARY_BLOCK = 2             # of file 1: what tablespaces and files the database has

ZERO = bytes(BLOCK)


def block_new(file, number, scn, payload):
    """A whole block from its payload."""
    head = struct.pack(">4sIIQ", MAGIC, file, number, scn)
    payload = payload.ljust(PAYLOAD, b"\0")
    return head + struct.pack(">I", zlib.crc32(payload, zlib.crc32(head))) + payload


def block_sound(block, file, number):
    """Never used (all zero), or with the right address and checksum."""
    magic, found_file, found_number, _, crc = HEAD.unpack_from(block)
    if magic != MAGIC:
        return block == ZERO
    body = memoryview(block)
    return (found_file == file and found_number == number
            and zlib.crc32(body[HEAD.size:], zlib.crc32(body[:CRC_AT])) == crc)


def block_scn(block):
    """0 for a block that was never used."""
    magic, _, _, scn, _ = HEAD.unpack_from(block)
    return scn if magic == MAGIC else 0


def block_change(block, file, number, scn, offset, data):
    """The block with `data` at `offset` of its payload; never used blocks are formatted."""
    payload = bytearray(block[HEAD.size:] if block_scn(block) else PAYLOAD)
    payload[offset:offset + len(data)] = data
    return block_new(file, number, scn, bytes(payload))


def header_write(path, header):
    """header: file, dbid, creation_scn, checkpoint_scn, fuzzy_scn, resetlogs_scn, blocks, name."""
    data = json.dumps(header).encode()
    data = b"ODBF" + struct.pack(">II", len(data), zlib.crc32(data)) + data
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(fd, data.ljust(BLOCK, b"\0"), 0)
    finally:
        os.close(fd)


def header_read(path):
    """The header, or None when this is no data file."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(fd, BLOCK, 0)
    finally:
        os.close(fd)
    if len(data) < BLOCK or data[:4] != b"ODBF":
        return None
    size, crc = struct.unpack_from(">II", data, 4)
    body = data[12:12 + size]
    return json.loads(body) if zlib.crc32(body) == crc else None


def file_create(path, header, own, used=0, scn=0):
    """Makes a data file of header["blocks"] blocks, the first `used` of them with random rows."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        pool = os.urandom(1 << 20) * 2 if used else b""
        for first in range(1, used, SLICE):
            last = min(first + SLICE, used)
            out = []
            for number in range(first, last):
                at = (number * 7919) % ((1 << 20) - 7)
                out.append(block_new(header["file"], number, scn, pool[at:at + PAYLOAD]))
            os.pwrite(fd, b"".join(out), first * BLOCK)
        os.ftruncate(fd, header["blocks"] * BLOCK)
    finally:
        os.close(fd)
    header_write(path, header)
    own(path)


def slices(fd, file, blocks):
    """Yields (first block, bytes) of blocks 1.. in slices, every block sound: a block that another
    process is writing at this moment is read again. A block that stays bad is yielded as None."""
    for first in range(1, blocks, SLICE):
        count = min(SLICE, blocks - first)
        data = os.pread(fd, count * BLOCK, first * BLOCK)
        view = memoryview(data)
        bad = [k for k in range(count) if not block_sound(view[k * BLOCK:(k + 1) * BLOCK], file,
                                                          first + k)]
        if bad:
            data = bytearray(data)
            for k in bad:
                block = _again(fd, file, first + k)
                if block is None:
                    yield first + k, None
                    return
                data[k * BLOCK:(k + 1) * BLOCK] = block
        yield first, data


def _again(fd, file, number):
    for _ in range(200):
        block = os.pread(fd, BLOCK, number * BLOCK)
        if len(block) == BLOCK and block_sound(block, file, number):
            return block
    return None


def scns(data):
    """The SCN of each block of a slice, 0 for the never used."""
    return [block_scn(data[k:k + HEAD.size]) for k in range(0, len(data), BLOCK)]


def runs(first, wanted):
    """(first block, count) of each run of true values in `wanted`."""
    start = None
    for k, yes in enumerate(wanted):
        if yes and start is None:
            start = k
        elif not yes and start is not None:
            yield first + start, k - start
            start = None
    if start is not None:
        yield first + start, len(wanted) - start


def digest(path, blocks, patches=None):
    """SHA-256 over blocks 1.. with some blocks replaced."""
    total = hashlib.sha256()
    patches = patches or {}
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for first in range(1, blocks, SLICE):
            count = min(SLICE, blocks - first)
            data = os.pread(fd, count * BLOCK, first * BLOCK)
            hit = [n for n in range(first, first + count) if n in patches]
            if hit:
                data = bytearray(data)
                for number in hit:
                    at = (number - first) * BLOCK
                    data[at:at + BLOCK] = patches[number]
            total.update(data)
    finally:
        os.close(fd)
    return total.hexdigest()
