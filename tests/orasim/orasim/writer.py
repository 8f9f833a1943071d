"""Rows: random changes in the blocks of an open database, each with its redo."""

import os
import random
import signal
import time

from . import controlfile, database

BATCH = 40
_noted = {}  # when a process wrote down the time of an instance's SCN


def write(inst, count=1000, rate=0, until_file=None, continuous=False):
    """Writes `count` rows, or until the file is there, or until SIGTERM; stops when the instance
    does."""
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    signal.signal(signal.SIGINT, lambda *_: ended.append(1))
    endless = continuous or until_file is not None
    done, begun = 0, time.monotonic()
    while not ended and (endless or done < count):
        if until_file is not None and os.path.exists(until_file):
            break
        state = inst.state()
        if state is None or state["status"] != "OPEN":
            break
        done += batch(inst, BATCH if endless else min(BATCH, count - done))
        pause = 0.001
        if rate:
            pause = max(begun + done / rate - time.monotonic(), 0.001)
        time.sleep(min(pause, 0.5))
    return done


def _note_time(inst):
    """Twice a second, what came before the next change."""
    if time.monotonic() >= _noted.get(inst.sid, 0) + 0.5:
        _noted[inst.sid] = time.monotonic()
        inst.note_time(inst.sga()[0])


def batch(inst, rows):
    """Some changes under one lock; switches the log when it is full."""
    with inst.lock():
        content = controlfile.read(inst.control_paths()[0])
        if database.log_full(inst, content):
            with inst.control() as content:
                database.log_switch(inst, content)
        files = [f for f in content["datafiles"] if f["enabled"] == "READ WRITE"
                 and f["status"] in ("SYSTEM", "ONLINE")]
        items = []
        for _ in range(rows):
            file = random.choice(files)
            number = random.randrange(4, file["blocks"])
            size = random.randrange(20, 200)
            at = random.randrange(0, database.PAYLOAD - size)
            items.append((file["file"], file["name"], number, at, os.urandom(size)))
        _note_time(inst)
        database.change(inst, items, content)
    return len(items)
