"""RMAN's BACKUP command: which sets, what goes into them, what the control file remembers."""

import contextlib
import os
import re
import time

from . import blocks, controlfile, database, redo
from .backup_set import SetWriter
from .errors import OraError, ora, os_lines, text
from .rman_errors import RmanError, channel_error

SETTINGS = (
    (r"CONTROLFILE AUTOBACKUP (ON|OFF)", "CONTROLFILE AUTOBACKUP"),
    (r"BACKUP OPTIMIZATION (ON|OFF)", "BACKUP OPTIMIZATION"),
    (r"DATAFILE BACKUP COPIES FOR DEVICE TYPE (DISK TO \d+)", "DATAFILE BACKUP COPIES FOR DEVICE TYPE"),
    (r"ARCHIVELOG BACKUP COPIES FOR DEVICE TYPE (DISK TO \d+)",
     "ARCHIVELOG BACKUP COPIES FOR DEVICE TYPE"),
    (r"COMPRESSION ALGORITHM ('\w+'.*)", "COMPRESSION ALGORITHM"),
    (r"ENCRYPTION FOR DATABASE (ON|OFF)", "ENCRYPTION FOR DATABASE"),
    (r"DEFAULT DEVICE TYPE TO (.+)", "DEFAULT DEVICE TYPE TO"),
    (r"RETENTION POLICY (.+)", "RETENTION POLICY"),
    (r"ARCHIVELOG DELETION POLICY (.+)", "ARCHIVELOG DELETION POLICY"),
    (r"MAXSETSIZE TO (.+)", "MAXSETSIZE TO"),
    (r"CHANNEL DEVICE TYPE (.+)", "CHANNEL"),
)


def configure(content, words):
    """CONFIGURE: a row of V$RMAN_CONFIGURATION, or a tablespace's flag."""
    excluded = re.fullmatch(r"EXCLUDE FOR TABLESPACE '?([\w$#]+)'?", words, re.IGNORECASE)
    if excluded:
        for ts in content["tablespaces"]:
            if ts["name"] == excluded[1].upper():
                ts["included"] = "NO"
                return
        raise RmanError("RMAN-20202: Tablespace not found in the recovery catalog",
                        "RMAN-06019: could not translate tablespace name \"" + excluded[1] + "\"")
    for pattern, name in SETTINGS:
        match = re.fullmatch(pattern, words, re.IGNORECASE)
        if match:
            content["config"] = [row for row in content["config"] if row[0] != name]
            content["config"].append([name, match[1]])
            return
    raise RmanError("RMAN-06909: this setting is unknown to the simulator: " + words)


def setting(content, name, otherwise):
    return next((value for key, value in content["config"] if key == name), otherwise)


def autobackup_on(content):
    return setting(content, "CONTROLFILE AUTOBACKUP", content.get("autobackup_default", "OFF")) == "ON"


# the command ------------------------------------------------------------------------------
def backup(rman, ask):
    """One BACKUP command."""
    rman.say(f"Starting backup at {rman.date()}")
    try:
        _backup(rman, ask)
    except RmanError:
        rman.note("BACKUP", "FAILED")
        raise


def _backup(rman, ask):
    state = rman.need("MOUNTED", "OPEN")
    if any(w[0] == "archivelog" for w in ask["what"]) or ask["plus"]:
        switch_for_logs(rman, state)
    rman.announce()
    rman.repository()
    rman.automatic_channel()
    tag = ask["tag"] or time.strftime("TAG%Y%m%dT%H%M%S")
    if len(tag) > 30:
        raise RmanError("ORA-19705: tag value exceeds maximum length of 30 characters")
    if ask["plus"]:
        logs(rman, ask, {"first": 0, "last": None, "thread": 1}, tag)
        finish(rman)
    for what in ask["what"]:
        if what[0] in ("database", "datafile", "tablespace"):
            datafiles(rman, ask, what, tag)
        elif what[0] == "archivelog":
            logs(rman, ask, what[1] or {"first": 0, "last": None, "thread": 1}, tag)
        elif what[0] == "controlfile":
            special(rman, ask, tag, controlfile_too=True, spfile_too=False)
        elif what[0] == "spfile":
            special(rman, ask, tag, controlfile_too=False, spfile_too=True)
    rman.note("BACKUP", kind=ask["what"][0][0].upper())
    finish(rman)
    if ask["plus"]:
        rman.say(f"Starting backup at {rman.date()}")
        switch_for_logs(rman, state)
        logs(rman, ask, {"first": 0, "last": None, "thread": 1}, tag)
        finish(rman)
    if autobackup_on(rman.inst.read_control()):
        if rman.in_run:
            rman.autobackup_due = True
        else:
            autobackup(rman)


def finish(rman):
    rman.say(f"Finished backup at {rman.date()}", "")


def switch_for_logs(rman, state):
    if state["status"] == "OPEN" and rman.inst.read_control()["log_mode"] == "ARCHIVELOG":
        try:
            database.archive_current(rman.inst)
        except OraError as error:
            raise RmanError(*error.lines) from error
        rman.say("current log archived")


# data files ------------------------------------------------------------------------------
def datafiles(rman, ask, what, tag):
    content = rman.inst.read_control()
    if content["log_mode"] == "NOARCHIVELOG" and rman.inst.status() == "OPEN":
        if rman.host.number >= (12, 2):
            raise RmanError("RMAN-06149: cannot BACKUP DATABASE in NOARCHIVELOG mode")
        raise channel_error(rman.channels[0], ora("ORA-19602"))
    files = choose_files(rman, content, ask, what)
    groups = {}
    for file in sorted(files, key=lambda f: -f["blocks"]):
        groups.setdefault(file["con"], []).append(file)
    for con in sorted(groups):
        channels = min(len(rman.channels), len(groups[con]))
        for k in range(channels):
            one = groups[con][k::channels]
            datafile_set(rman, ask, tag, rman.channels[k], one, con)
    if any(f["file"] == 1 for f in files) and not autobackup_on(content):
        special(rman, ask, tag, True, bool(rman.inst.state()["spfile"]), level=ask["level"])


def choose_files(rman, content, ask, what):
    if what[0] == "datafile":
        found = [f for f in content["datafiles"] if f["file"] in what[1]]
        missing = sorted(set(what[1]) - {f["file"] for f in found})
        if missing:
            raise RmanError("RMAN-20201: datafile not found in the recovery catalog",
                            f"RMAN-06010: error while looking up datafile: {missing[0]}")
        return found
    if what[0] == "tablespace":
        names = {t["ts"] for t in content["tablespaces"] if t["name"] in what[1]}
        if not names:
            raise RmanError("RMAN-20202: Tablespace not found in the recovery catalog",
                            f"RMAN-06019: could not translate tablespace name \"{what[1][0]}\"")
        return [f for f in content["datafiles"] if f["ts"] in names]
    found = []
    excluded = {t["ts"] for t in content["tablespaces"] if t["included"] == "NO"}
    for file in content["datafiles"]:
        if file["ts"] in excluded and not ask["noexclude"]:
            rman.say(f"file {file['file']} is excluded from whole database backup")
            continue
        if optimized(content, ask, file):
            rman.say(f"skipping datafile {file['file']}; already backed up 1 time(s)")
            continue
        found.append(file)
    if not found:
        rman.say("backup cancelled because there are no files to backup")
    return found


def optimized(content, ask, file):
    """BACKUP OPTIMIZATION leaves out what cannot have changed and is backed up already."""
    if ask["force"] or setting(content, "BACKUP OPTIMIZATION", "OFF") != "ON" \
            or file["enabled"] != "READ ONLY":
        return False
    usable = controlfile.usable_sets(content)
    return any(r["file"] == file["file"] and r["checkpoint_scn"] == file["checkpoint_scn"]
               and controlfile.set_key(r) in usable for r in content["backup_datafiles"])


def base_of(content, file, cumulative=False):
    """The row a level 1 starts from, or None."""
    usable, branch = controlfile.usable_sets(content), controlfile.branch(content)
    rows = [r for r in content["backup_datafiles"]
            if r["file"] == file["file"] and r["creation_scn"] == file["creation_scn"]
            and r["level"] in ((0,) if cumulative else (0, 1)) and r["resetlogs_scn"] in branch
            and controlfile.set_key(r) in usable]
    rows += [c for c in content["datafile_copies"]
             if c["file"] == file["file"] and c["level"] == 0 and c["status"] == "A"
             and c["creation_scn"] == file["creation_scn"]]
    return max(rows, key=lambda r: r["checkpoint_scn"], default=None)


def datafile_set(rman, ask, tag, channel, files, con):
    """One set of data files of one container."""
    content = rman.inst.read_control()
    level = ask["level"]
    plan = []
    for file in files:
        base = base_of(content, file, ask["cumulative"]) if level == 1 else None
        if level == 1 and base is None:
            rman.say(f"no parent backup or copy of datafile {file['file']} found")
        plan.append((file, base))
    kind = "full" if level is None else f"incremental level {level}"
    compressed = "compressed " if ask["compressed"] else ""
    rman.say(f"channel {channel.name}: starting {compressed}{kind} datafile backup set",
             f"channel {channel.name}: specifying datafile(s) in backup set")
    kept = []
    for file, base in plan:
        if base is not None and base["checkpoint_scn"] == file["checkpoint_scn"] \
                and file["enabled"] == "READ ONLY":
            rman.say(f"skipping datafile {file['file']:05} because it has not changed")
            continue
        rman.say(f"input datafile file number={file['file']:05} name={file['name']}")
        kept.append((file, base))
    if not kept:
        rman.say(f"channel {channel.name}: backup cancelled because all files were skipped")
        return
    code = {None: "nnndf", 0: "nnnd0", 1: "nnnd1"}[level]
    guid = next((p["guid"] for p in content["pdbs"] if p["con"] == con), None)
    writer = SetWriter(rman, channel, tag, code, 8192, ask, guid=guid,
                       kind="D" if level in (None, 0) else "I", level=level,
                       expected=sum(f["blocks"] for f, _ in kept) * blocks.BLOCK)
    with writer:
        for file, base in kept:
            writer.datafiles.append(copy_file(rman, writer, file, base, level, content))
        writer.finish()


def copy_file(rman, writer, file, base, level, content):
    """Writes the blocks of a file to the set: all used ones, or those changed since the base."""
    number, start = file["file"], base["checkpoint_scn"] if base else 0
    if rman.host.refusal(file["name"]):
        raise channel_error(writer.channel, OraError(
            f"ORA-19625: error identifying file {file['name']}", text("ORA-27041"),
            *os_lines(rman.host.refusal(file["name"]))))
    checkpoint = file["checkpoint_scn"]
    if rman.inst.status() == "OPEN" and file["enabled"] == "READ WRITE":
        with rman.inst.control() as current:
            checkpoint = database.checkpoint(
                rman.inst, current, [f for f in current["datafiles"] if f["file"] == number])
    writer.place(f"file-{number}")
    newest, written = 0, 0
    fd = os.open(file["name"], os.O_RDONLY | os.O_CLOEXEC)
    try:
        for first, data in blocks.slices(fd, number, file["blocks"]):
            if data is None:
                raise channel_error(writer.channel, ora("ORA-19566", file["name"]))
            scns = blocks.scns(data)
            newest = max(newest, *scns)
            for at, count in blocks.runs(first, [s > 0 and s >= start for s in scns]):
                begin = (at - first) * blocks.BLOCK
                writer.write(number, at, memoryview(data)[begin:begin + count * blocks.BLOCK])
                written += count
    finally:
        os.close(fd)
    recorded = level if level != 1 or base else rman.host.knob("level1_without_parent")
    return {"file": number, "creation_scn": file["creation_scn"],
            "resetlogs_scn": content["resetlogs_scn"], "level": recorded,
            "base_scn": start if level == 1 and base else 0, "checkpoint_scn": checkpoint,
            "fuzzy_scn": newest if newest > checkpoint else 0, "datafile_blocks": file["blocks"],
            "blocks": written + 1, "block_size": blocks.BLOCK, "name": file["name"],
            "ts": file["ts"]}


# control file and spfile ----------------------------------------------------------------------------------
def special(rman, ask, tag, controlfile_too, spfile_too, level=None, announce=True):
    """A set with the control file, the spfile, or both."""
    state = rman.inst.state()
    if spfile_too and not state["spfile"]:
        raise channel_error(rman.channels[0], ora("ORA-19598"))
    channel = rman.channels[0]
    kind = "full" if level is None else f"incremental level {level}"
    if announce:
        compressed = "compressed " if ask["compressed"] else ""
        rman.say(f"channel {channel.name}: starting {compressed}{kind} datafile backup set",
                 f"channel {channel.name}: specifying datafile(s) in backup set")
        if controlfile_too:
            rman.say("including current control file in backup set")
        if spfile_too:
            rman.say("including current SPFILE in backup set")
    letter = {None: "f", 0: "0", 1: "1"}[level]
    code = "n" + ("c" if controlfile_too else "n") + ("s" if spfile_too else "n") + "n" + letter
    writer = SetWriter(rman, channel, tag, code, 16384 if controlfile_too else 8192, ask,
                       kind="D", level=level, expected=1 << 20, quiet=not announce,
                       autobackup=not announce)
    writer.what = "controlfile" if controlfile_too else "spfile"
    with writer:
        if controlfile_too:
            writer.controlfile = write_controlfile(rman, writer, level)
        if spfile_too:
            with open(state["spfile"], "rb") as file:
                writer.write(0xFFFFFFFE, 0, file.read())
            writer.spfile = True
        writer.finish()
    return writer


TIMES = 2000  # moments of SCNs that a backup of the control file takes along


def write_controlfile(rman, writer, level):
    """The control file as it is now, through the snapshot control file in the dbs directory."""
    snapshot = os.path.join(rman.host.dbs, f"snapcf_{rman.inst.sid}.f")
    if rman.host.can_create(snapshot):
        raise channel_error(writer.channel, OraError(
            f"ORA-01580: error creating control backup file {snapshot}", text("ORA-27040"),
            *os_lines(rman.host.can_create(snapshot))))
    content = rman.inst.read_control()
    scn = rman.inst.sga()[0] if rman.inst.status() == "OPEN" else content["checkpoint_scn"]
    content["type"] = "BACKUP"
    content["times"] = rman.inst.times()[-TIMES:]
    controlfile.write([snapshot], content, rman.host.own)
    with open(snapshot, "rb") as file:
        data = file.read()
    step = 1 << 20
    for at in range(0, len(data), step):
        writer.write(0xFFFFFFFF, at, data[at:at + step])
    n = -(-len(data) // 16384)
    return {"file": 0, "creation_scn": 0, "resetlogs_scn": content["resetlogs_scn"],
            "level": level, "base_scn": 0, "checkpoint_scn": scn, "fuzzy_scn": 0,
            "datafile_blocks": n, "blocks": n, "block_size": 16384, "name": "", "ts": -1}


def autobackup(rman):
    """Control file and SPFILE autobackup: to the recovery area, else the dbs directory."""
    rman.say("", f"Starting Control File and SPFILE Autobackup at {rman.date()}")
    tag = time.strftime("TAG%Y%m%dT%H%M%S")
    opened = not rman.channels
    if opened:
        rman.allocate("ORA_DISK_1")
    ask = {"compressed": False, "format": None}
    try:
        special(rman, ask, tag, True, bool(rman.inst.state()["spfile"]), announce=False)
    except RmanError as error:
        raise RmanError(*error.lines, top=error.top.replace(
            "backup command", "Control File and SPFILE Autobackup command") if error.top else None
        ) from error
    rman.say(f"Finished Control File and SPFILE Autobackup at {rman.date()}", "")


# archived logs ------------------------------------------------------------------------------
def logs(rman, ask, wanted, tag):
    """BACKUP ARCHIVELOG takes what the control file knows and has not deleted: without a warning for
    what is missing in between; what it expects and cannot find ends the command."""
    content = rman.inst.read_control()
    rows = [r for r in content["archived_logs"]
            if r["status"] == "A" and r["seq"] >= wanted["first"]
            and (wanted["last"] is None or r["seq"] <= wanted["last"])
            and r["thread"] == wanted["thread"]
            and (wanted["first"] == 0 or controlfile.of_current(content, r))]
    unique = {(*incarnation_of(r), r["seq"]): r for r in rows}
    rows = sorted(unique.values(), key=lambda r: (*incarnation_of(r), r["seq"]))
    if setting(content, "BACKUP OPTIMIZATION", "OFF") == "ON" and not ask["force"]:
        for row in [r for r in rows if r.get("backed_up")]:
            rman.say(f"skipping archived log of thread 1 with sequence {row['seq']}; already backed "
                     "up")
            rows.remove(row)
    if not rows:
        rman.say("specification does not match any archived log in the repository",
                 "backup cancelled because there are no files to backup")
        return
    for row in rows:
        if not os.path.exists(row["name"]):
            raise RmanError("RMAN-06059: expected archived log not found, loss of archived log "
                            "compromises recoverability", text("ORA-19625", row["name"]),
                            text("ORA-27037"), *os_lines(2), "Additional information: 3")
    for incarnation in sorted(set(map(incarnation_of, rows))):
        log_set(rman, ask, tag, [r for r in rows if incarnation_of(r) == incarnation])


def incarnation_of(log):
    return log["resetlogs_scn"], log["resetlogs_time"]


def log_set(rman, ask, tag, rows):
    channel = rman.channels[0]
    compressed = "compressed " if ask["compressed"] else ""
    rman.say(f"channel {channel.name}: starting {compressed}archived log backup set",
             f"channel {channel.name}: specifying archived log(s) in backup set")
    for row in rows:
        rman.say(f"input archived log thread=1 sequence={row['seq']} RECID={row['recid']} "
                 f"STAMP={row['stamp']}")
    writer = SetWriter(rman, channel, tag, "annnn", 512, ask, kind="L", level=None,
                       expected=sum(r["blocks"] * 512 for r in rows) + (1 << 16))
    writer.what = "archivelog"
    with writer:
        for k, row in enumerate(rows):
            try:
                header, _ = redo.log_read(row["name"])
                with open(row["name"], "rb") as file:
                    data = file.read()
            except OSError as error:
                raise channel_error(channel, OraError(text("ORA-19625", row["name"]), text("ORA-27037"),
                                                      *os_lines(error.errno))) from error
            if header is None:
                raise channel_error(channel, OraError(
                    f"ORA-19563: archived log header validation failed for file {row['name']}"))
            for at in range(0, len(data), 1 << 20):
                writer.write(k, at, data[at:at + (1 << 20)])
            writer.logs.append({key: row[key] for key in ("thread", "seq", "resetlogs_scn", "resetlogs_time",
                                                          "first_scn", "next_scn", "blocks")})
            writer.incarnations = content_incarnations(rman)
        writer.finish()
    with rman.inst.control() as content:
        for row in content["archived_logs"]:
            if row["recid"] in {r["recid"] for r in rows}:
                row["backed_up"] = row.get("backed_up", 0) + 1
    if ask["delete"]:
        delete_logs(rman, channel, rows)


def content_incarnations(rman):
    return rman.inst.read_control()["incarnations"]


def delete_logs(rman, channel, rows):
    """DELETE INPUT"""
    rman.say("", f"channel {channel.name}: deleting archived log(s)")
    for row in rows:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(row["name"])
        rman.say(f"archived log file name={row['name']} RECID={row['recid']} STAMP={row['stamp']}")
    with rman.inst.control() as content:
        for row in content["archived_logs"]:
            if row["recid"] in {r["recid"] for r in rows}:
                row["status"] = "D"
