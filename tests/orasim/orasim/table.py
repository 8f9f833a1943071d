"""Tables of a very plain kind: rows of text in blocks of their own, so that a test can ask for exactly these rows again.

The rows of a table are NAME-000001, NAME-000002, ..; they lie in the USERS tablespace from its end, one table after the other.
Rows that `write-rows` changes may hit them: a test has the one kind or the other."""

import re

from . import blocks, database
from .errors import OraError

BATCH = 100  # blocks a transaction


def row_text(name, number):
    return b"%s-%06d;" % (name.encode(), number)


def packed(name, count):
    """The rows as payloads of blocks."""
    a_block = database.PAYLOAD // len(row_text(name, count))
    for first in range(1, count + 1, a_block):
        yield b"".join(row_text(name, n) for n in range(first, min(first + a_block, count + 1)))


def users_file(content):
    ts = next(t["ts"] for t in content["tablespaces"] if t["name"] == "USERS")
    return next(f for f in content["datafiles"] if f["ts"] == ts and f["enabled"] == "READ WRITE")


def first_used(file):
    """The lowest block of those at the end of the file that hold rows."""
    number = file["blocks"]
    with open(file["name"], "rb") as data:
        while number > 4:
            data.seek((number - 1) * blocks.BLOCK)
            if not re.match(rb"[A-Z]\w*-\d{6};", data.read(blocks.BLOCK)[blocks.HEAD.size:]):
                break
            number -= 1
    return number


def create(inst, name, count):
    """CREATE TABLE name, with rows 1 to count."""
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,29}", name):
        raise OraError("ORA-00903: invalid table name")
    with inst.lock():
        file = users_file(inst.read_control())
        payloads = list(packed(name, count))
        first = first_used(file) - len(payloads)
        if first < 4:
            raise OraError("ORA-01653: unable to extend table in tablespace USERS")
    for at in range(0, len(payloads), BATCH):
        with inst.lock():
            content = inst.read_control()
            if database.log_full(inst, content):
                with inst.control() as content:
                    database.log_switch(inst, content)
            items = [(file["file"], file["name"], first + at + k, 0, payload.ljust(database.PAYLOAD, b"\0"))
                     for k, payload in enumerate(payloads[at:at + BATCH])]
            database.change(inst, items, content)


def rows(inst):
    """{table: sorted row numbers}, from the blocks of the data files alone."""
    found = {}
    for file in inst.read_control()["datafiles"]:
        with open(file["name"], "rb") as data:
            while block := data.read(blocks.BLOCK):
                for name, number in re.findall(rb"([A-Z]\w*)-(\d{6});", block[blocks.HEAD.size:]):
                    found.setdefault(name.decode(), []).append(int(number))
    return {name: sorted(numbers) for name, numbers in found.items()}
