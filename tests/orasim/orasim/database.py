"""What an open database does: changes with redo, log switches, archiving, new and dropped files."""

import contextlib
import os
import random
import time

from . import blocks, controlfile, redo
from .errors import OraError, ora, os_lines, text

PAYLOAD = blocks.PAYLOAD
_BASE32 = "0123456789abcdfghjklmnpqrstvwxyz"


def omf_hash():
    return "".join(random.choice(_BASE32) for _ in range(8))


def date_directory():
    return time.strftime("%Y_%m_%d")


def current_log(content):
    return next(log for log in content["logs"] if log["status"] == "CURRENT")


def datafile(content, number):
    return next(f for f in content["datafiles"] if f["file"] == number)


def header_of(content, file, **changes):
    """The header block of a data file as the control file knows it."""
    header = {"file": file["file"], "dbid": content["dbid"], "db_name": content["name"],
              "creation_scn": file["creation_scn"], "checkpoint_scn": file["checkpoint_scn"],
              "fuzzy_scn": 0, "resetlogs_scn": content["resetlogs_scn"], "blocks": file["blocks"],
              "name": file["name"], "ts": file["ts"]}
    header.update(changes)
    return header


# changes ------------------------------------------------------------------------------
def change(inst, items, content=None):
    """Applies changes (file, path, block, offset, bytes) with redo, each with its own SCN; the last
    SCN. Under the instance's lock. `content`: the control file, when the caller has it open."""
    scn, offset = inst.sga()
    if content is None:
        content = controlfile.read(inst.control_paths()[0])
    log = current_log(content)
    out, writes, fds = [], [], {}
    try:
        for file, path, number, at, data in items:
            if file not in fds:
                fds[file] = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            old = os.pread(fds[file], blocks.BLOCK, number * blocks.BLOCK)
            for place, past in reversed(writes):
                if place == (file, number):
                    old = past
                    break
            old_scn = blocks.block_scn(old)
            scn += 1
            before = old[blocks.HEAD.size + at:blocks.HEAD.size + at + len(data)]
            out.append(redo.record(scn, file, number, at, data, before, old_scn))
            writes.append(((file, number), blocks.block_change(old, file, number, scn, at, data)))
        data = b"".join(out)
        redo.log_append(log["members"], offset, data)
        with open(inst.host.path("journal", inst.sid), "ab") as journal:
            journal.write(data)
        for (file, number), block in writes:
            os.pwrite(fds[file], block, number * blocks.BLOCK)
        inst.set_sga(scn, offset + len(data))
    finally:
        for fd in fds.values():
            os.close(fd)
    return scn


def log_full(inst, content):
    return inst.sga()[1] > current_log(content)["bytes"]


def dictionary_write(inst, content):
    """The dictionary in file 1 lists what there is; a change like any other."""
    listed = {"files": [[f["file"], f["creation_scn"], f["ts"], f["name"], f["blocks"]]
                        for f in content["datafiles"]],
              "tablespaces": [[t["ts"], t["name"], t["con"]] for t in content["tablespaces"]]}
    data = controlfile.json.dumps(listed, separators=(",", ":")).encode()
    if len(data) > PAYLOAD:
        raise OraError("ORA-01653: unable to extend table SYS.FILE$ in tablespace SYSTEM")
    change(inst, [(1, datafile(content, 1)["name"], blocks.DICTIONARY_BLOCK, 0,
                   data.ljust(PAYLOAD, b"\0"))], content)


def dictionary_read(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        block = os.pread(fd, blocks.BLOCK, blocks.DICTIONARY_BLOCK * blocks.BLOCK)
    finally:
        os.close(fd)
    return controlfile.json.loads(block[blocks.HEAD.size:].rstrip(b"\0"))


# checkpoints and logs -----------------------------------------------------------------------------------
def checkpoint(inst, content, files=None):
    """Every read-write file (or those given) is complete up to a new SCN, which it returns."""
    scn, offset = inst.sga()
    scn += 1
    inst.set_sga(scn, offset)
    for file in content["datafiles"] if files is None else files:
        if file["enabled"] == "READ WRITE" and file["status"] in ("SYSTEM", "ONLINE"):
            file["checkpoint_scn"] = scn
            with contextlib.suppress(OSError):
                blocks.header_write(file["name"], header_of(content, file))
    content["checkpoint_scn"] = scn
    inst.note_time(scn)
    return scn


def log_switch(inst, content):
    """The current log is closed and archived, the next one begins. Under the control file."""
    log = current_log(content)
    scn, offset = inst.sga()
    scn += 1
    log.update(status="INACTIVE", next_scn=scn, used=offset)
    following = next((g for g in content["logs"] if g["group"] == log["group"] % len(
        content["logs"]) + 1))
    if content["log_mode"] == "ARCHIVELOG":
        archive(inst, content, log)
    following.update(status="CURRENT", seq=log["seq"] + 1, first_scn=scn, next_scn=0, used=0)
    for member in following["members"]:
        redo.log_create(member, log_header(content, following), inst.host.own)
    inst.set_sga(scn, 0)
    checkpoint(inst, content)


def log_header(content, log):
    inc = controlfile.incarnation(content)
    return {"dbid": content["dbid"], "db_name": content["name"], "thread": 1, "seq": log["seq"],
            "first_scn": log["first_scn"], "next_scn": log.get("next_scn", 0),
            "resetlogs_scn": content["resetlogs_scn"], "resetlogs_time": content["resetlogs_time"],
            "prior": inc["prior"]}


def archive(inst, content, log):
    """Copies the log to the archive destination and records it."""
    path = archived_name(inst, content, log)
    host = inst.host
    size = os.path.getsize(log["members"][0])
    limit = recovery_limit(inst)
    if inside(path, recovery_dest(inst)) and limit and recovery_used(inst, content) + size > limit:
        if host.knob("fra_full") == "hang":
            _wait_for_space(inst, content, size)
        raise OraError(text("ORA-16038", log["group"], log["seq"]), text("ORA-19809"),
                       text("ORA-00312", log["group"], log["members"][0]))
    try:
        host.make_directories(os.path.dirname(path))
        sectors = redo.log_archive(log["members"][0], path, log_header(content, log), host.own)
    except OSError as error:
        raise OraError(text("ORA-16038", log["group"], log["seq"]), text("ORA-19504", path),
                       text("ORA-27040"), *os_lines(error.errno),
                       text("ORA-00312", log["group"], log["members"][0])) from error
    controlfile.add(content, "archived_logs", name=path, thread=1, seq=log["seq"],
                    resetlogs_scn=content["resetlogs_scn"],
                    resetlogs_time=content["resetlogs_time"], first_scn=log["first_scn"],
                    next_scn=log["next_scn"], blocks=sectors - 1, status="A")


def _wait_for_space(inst, content, size):
    while recovery_used(inst, content) + size > recovery_limit(inst):
        if not os.path.isdir(inst.host.sim) or inst.state() is None:
            raise SystemExit(1)
        inst.host._knobs = None
        time.sleep(0.05)


def archived_name(inst, content, log):
    """Where an archived log goes: LOG_ARCHIVE_DEST_1, else the recovery area."""
    dest = inst.parameter("log_archive_dest_1")
    if dest.upper().startswith("LOCATION=") and "USE_DB_RECOVERY" not in dest.upper():
        directory = dest.split("=", 1)[1].split(" ")[0]
        return os.path.join(directory, f"1_{log['seq']}_{content['resetlogs_time']}.dbf")
    area = recovery_dest(inst)
    if not area:
        return os.path.join(inst.host.dbs, f"arch1_{log['seq']}_{content['resetlogs_time']}.dbf")
    return os.path.join(area, content["unique_name"].upper(), "archivelog", date_directory(),
                        f"o1_mf_1_{log['seq']}_{omf_hash()}_.arc")


def recovery_dest(inst):
    return inst.parameter("db_recovery_file_dest")


def size_value(value):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    return int(value[:-1]) * units[value[-1].upper()] if value[-1:].upper() in units else int(value)


def recovery_limit(inst):
    return size_value(inst.parameter("db_recovery_file_dest_size", "0"))


def inside(path, directory):
    return bool(directory) and path.startswith(directory.rstrip("/") + "/")


def recovery_used(inst, content):
    """Oracle counts from its records, not from the disk."""
    area = recovery_dest(inst)
    logs = sum(l["blocks"] * 512 for l in content["archived_logs"]
               if l["status"] == "A" and inside(l["name"], area))
    pieces = sum(p["bytes"] for p in content["backup_pieces"]
                 if p["status"] in "AX" and inside(p["handle"], area))
    return logs + pieces + inst.host.knob("fra_used")


# structure ------------------------------------------------------------------------------
def add_datafile(inst, name, size, path=None, con=1):
    """CREATE TABLESPACE, or another file for one that is there; the file's number."""
    with inst.control() as content:
        scn, offset = inst.sga()
        inst.set_sga(scn + 1, offset)
        ts = next((t for t in content["tablespaces"] if t["name"] == name), None)
        if ts is None:
            ts = {"ts": max((t["ts"] for t in content["tablespaces"]), default=-1) + 1,
                  "name": name, "included": "YES", "con": con}
            content["tablespaces"].append(ts)
        number = max((f["file"] for f in content["datafiles"]), default=0) + 1
        path = path or os.path.join(os.path.dirname(datafile(content, 1)["name"]),
                                    f"{name.lower()}{number:02}.dbf")
        file = {"file": number, "creation_scn": scn + 1, "name": path, "ts": ts["ts"],
                "blocks": max(size // blocks.BLOCK, 16), "status": "ONLINE",
                "enabled": "READ WRITE", "checkpoint_scn": scn + 1, "unrecoverable": 0, "con": con,
                "made": controlfile.now()}
        blocks.file_create(path, header_of(content, file), inst.host.own)
        content["datafiles"].append(file)
        dictionary_write(inst, content)
        change(inst, [(number, path, k, 0, os.urandom(PAYLOAD)) for k in range(1, 9)], content)
    return number


def drop_tablespace(inst, name):
    """DROP TABLESPACE .. INCLUDING CONTENTS AND DATAFILES; the simulator keeps the files aside, so
    that the state before the drop can still be computed."""
    with inst.control() as content:
        ts = next((t for t in content["tablespaces"] if t["name"] == name), None)
        if ts is None:
            raise OraError(f"ORA-00959: tablespace '{name}' does not exist")
        gone = [f for f in content["datafiles"] if f["ts"] == ts["ts"]]
        content["datafiles"] = [f for f in content["datafiles"] if f["ts"] != ts["ts"]]
        content["tablespaces"].remove(ts)
        dictionary_write(inst, content)
        scn = inst.sga()[0]
        for file in gone:
            kept = inst.host.path("dropped", f"{inst.sid}-{file['file']}-{file['creation_scn']}.dbf")
            with contextlib.suppress(OSError):
                os.rename(file["name"], kept)
            record = dict(file, kept=kept, dropped_scn=scn)
            with open(inst.host.path("dropped", inst.sid), "a", encoding="utf-8") as listed:
                listed.write(controlfile.json.dumps(record) + "\n")


def read_only(inst, name, yes=True):
    """ALTER TABLESPACE .. READ ONLY | READ WRITE"""
    with inst.control() as content:
        ts = next((t for t in content["tablespaces"] if t["name"] == name), None)
        if ts is None:
            raise OraError(f"ORA-00959: tablespace '{name}' does not exist")
        files = [f for f in content["datafiles"] if f["ts"] == ts["ts"]]
        for file in files:
            file["enabled"] = "READ WRITE"
        checkpoint(inst, content, files)
        for file in files:
            file["enabled"] = "READ ONLY" if yes else "READ WRITE"


def archive_current(inst):
    """ALTER SYSTEM ARCHIVE LOG CURRENT"""
    with inst.control() as content:
        if content["log_mode"] != "ARCHIVELOG":
            raise ora("ORA-00258")
        log_switch(inst, content)
