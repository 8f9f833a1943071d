"""The control file: a dictionary in JSON behind a header with checksum, in several copies."""

import hashlib
import json
import os
import time

from .errors import ora

BLOCK = 16384
MAGIC = b"ORASIM CONTROL FILE\n"
MAX_SCN = 281474976710655

#: sections of records that age out, and how many each holds
SECTIONS = {"archived_logs": 4000, "backup_sets": 4000, "backup_pieces": 4000,
            "backup_datafiles": 12000, "backup_redologs": 8000, "backup_spfiles": 1000,
            "datafile_copies": 1000, "rman_status": 1000}


def pack(content):
    data = json.dumps(content, separators=(",", ":")).encode()
    head = MAGIC + hashlib.sha256(data).hexdigest().encode() + b" %d\n" % len(data)
    out = head.ljust(512, b"\0") + data
    return out + bytes(-len(out) % BLOCK)


def unpack(data):
    """The content, or None when this is no sound control file."""
    if not data.startswith(MAGIC):
        return None
    digest, size = bytes(data[len(MAGIC):512]).split(b"\n")[0].split(b" ")
    body = bytes(data[512:512 + int(size)])
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    return json.loads(body)


def read(path):
    """The content of one copy; ORA-00205 when it cannot be used."""
    try:
        with open(path, "rb") as file:
            content = unpack(file.read())
    except OSError as error:
        raise ora("ORA-00205") from error
    if content is None:
        raise ora("ORA-00205")
    return content


def write(paths, content, own):
    data = pack(content)
    for path in paths:
        new = not os.path.exists(path)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.truncate()
        if new:
            own(path)


def new(name, unique_name, dbid, cdb, archivelog):
    """The control file of a database that has nothing yet."""
    moment = now()  # once: its logs are of the incarnation that has their time
    content = {
        "dbid": dbid, "name": name, "unique_name": unique_name, "type": "CURRENT", "cdb": cdb,
        "log_mode": "ARCHIVELOG" if archivelog else "NOARCHIVELOG", "force_logging": "NO",
        "flashback": "NO", "resetlogs_scn": 1, "resetlogs_time": moment, "checkpoint_scn": 1,
        "recovered_to": None, "implicit_crosscheck": False,
        "incarnations": [{"inc": 1, "resetlogs_scn": 1, "prior": 0, "time": moment,
                          "status": "CURRENT"}],
        "tablespaces": [], "datafiles": [], "tempfiles": [], "logs": [], "pdbs": [],
        "change_tracking": None, "restore_points": [], "config": [], "recid": {}, "wallet": None,
        "set_count": 0,
    }
    for section in SECTIONS:
        content[section] = []
    return content


def local(moment):
    """Seconds of the local clock: Oracle's dates have no zone, and read the same on any other host."""
    return int(moment) + time.localtime(moment).tm_gmtoff


def now():
    return local(time.time())


def stamp(moment):
    """Oracle's stamp: seconds that count 31 days in every month since 1988."""
    t = time.gmtime(moment)
    days = (t.tm_year - 1988) * 12 + t.tm_mon - 1
    return ((days * 31 + t.tm_mday - 1) * 24 + t.tm_hour) * 3600 + t.tm_min * 60 + t.tm_sec


def add(content, section, **values):
    """Appends a record; when the section is full the oldest one older than keep time goes."""
    recid = content["recid"].get(section, 0) + 1
    content["recid"][section] = recid
    values.setdefault("stamp", stamp(now()))
    values.setdefault("made", now())
    values["recid"] = recid
    rows = content[section]
    if len(rows) >= SECTIONS[section]:
        keep = content.get("keep_days", 7) * 86400
        if rows[0]["made"] < now() - keep:
            del rows[0]
    rows.append(values)
    return values


def set_key(row):
    return row["set_stamp"], row["set_count"]


def incarnation(content):
    """The current incarnation."""
    return next(i for i in content["incarnations"] if i["status"] == "CURRENT")


def lineage(content, inc):
    """An incarnation and its ancestors. Two restores to one SCN make two incarnations that begin at it: of
    those the one that the control file knew first counts as the ancestor."""
    found, by_scn = [], {}
    for one in content["incarnations"]:
        by_scn.setdefault(one["resetlogs_scn"], one)
    while inc is not None and inc not in found:
        found.append(inc)
        inc = by_scn.get(inc["prior"])
    return found


def branch(content):
    """The RESETLOGS SCNs of the current incarnation and its ancestors."""
    return [i["resetlogs_scn"] for i in lineage(content, incarnation(content))]


def of_branch(content, row):
    """Whether a log is of the current incarnation or an ancestor: SCN and time tell incarnations apart."""
    return (row["resetlogs_scn"], row["resetlogs_time"]) in {
        (i["resetlogs_scn"], i["time"]) for i in lineage(content, incarnation(content))}


def of_current(content, row):
    return (row["resetlogs_scn"], row["resetlogs_time"]) == (content["resetlogs_scn"], content["resetlogs_time"])


def pieces_of(content, row, status="A"):
    """The pieces of a set (first copies), in order."""
    return sorted((p for p in content["backup_pieces"]
                   if set_key(p) == set_key(row) and p["status"] in status),
                  key=lambda p: (p["piece"], p["copy"]))


def usable_sets(content):
    """The sets of which every piece is AVAILABLE: key -> set."""
    have = {}
    for piece in content["backup_pieces"]:
        if piece["status"] == "A":
            have.setdefault(set_key(piece), set()).add(piece["piece"])
    return {set_key(s): s for s in content["backup_sets"]
            if set(range(1, s["pieces"] + 1)) <= have.get(set_key(s), set())}
