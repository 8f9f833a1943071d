"""RMAN's RECOVER: level 1 sets, then archived logs, up to an SCN that is not applied any more."""

import contextlib
import os

from . import blocks, controlfile, database, piece, redo
from .errors import OraError, create_failed, os_lines, text
from .rman_errors import RmanError

END = controlfile.MAX_SCN


def recover(rman, delete, maximum, until, noredo):
    """RECOVER DATABASE [UNTIL SCN n] [DELETE ARCHIVELOG [MAXSIZE n]]"""
    from . import restore
    rman.say(f"Starting recover at {rman.date()}")
    state = rman.need("MOUNTED", "OPEN")
    rman.announce()
    rman.repository()
    rman.automatic_channel()
    if state["status"] == "OPEN":
        raise RmanError("ORA-01124: cannot recover data file 1 - file is in use or recovery",
                        text("ORA-01110", 1, database.datafile(rman.inst.read_control(), 1)["name"]))
    until = until if until is not None else rman.run.get("until")
    content = rman.inst.read_control()
    restore.check_until(content, until)
    headers = read_headers(rman, content, until)
    incrementals(rman, content, headers, until)
    tracking = content["change_tracking"]
    if tracking and not os.path.exists(tracking):
        raise RmanError("ORA-00283: recovery session cancelled due to errors", text("ORA-19755"),
                        text("ORA-19750", tracking), text("ORA-27041"), *os_lines(2))
    rman.say("", "starting media recovery", "")
    if not noredo:
        media_recovery(rman, content, headers, until, delete)
    rman.say(f"Finished recover at {rman.date()}", "")


def read_headers(rman, content, until):
    """The headers of the files that recovery has to do with: file -> header."""
    headers, missing = {}, []
    for file in content["datafiles"]:
        if file["status"] in ("OFFLINE", "RECOVER"):
            continue
        header = None if rman.host.refusal(file["name"]) else blocks.header_read(file["name"])
        if header is None or header["file"] != file["file"] or header["dbid"] != content["dbid"]:
            missing.append(file["file"])
            continue
        headers[file["file"]] = header
        if until is not None and header["checkpoint_scn"] > until and file["enabled"] == "READ WRITE":
            raise RmanError(f"RMAN-06556: datafile {file['file']} must be restored from backup older "
                            f"than SCN {until}")
    if missing:
        raise RmanError(*(f"RMAN-06094: datafile {n} must be restored" for n in sorted(missing)))
    return headers


# level 1 ------------------------------------------------------------------------------
def incrementals(rman, content, headers, until):
    """Applies level 1 sets as long as one continues a file."""
    while True:
        found = {}
        for file in content["datafiles"]:
            row = next_incremental(content, file, headers.get(file["file"]), until)
            if row:
                found.setdefault(controlfile.set_key(row), {})[file["file"]] = row
        if not found:
            return
        key = min(found)
        apply_set(rman, content, headers, found[key])


def next_incremental(content, file, header, until):
    if header is None:
        return None
    usable = controlfile.usable_sets(content)
    rows = [r for r in content["backup_datafiles"]
            if r["file"] == file["file"] and r["creation_scn"] == file["creation_scn"]
            and r["level"] == 1 and controlfile.set_key(r) in usable
            and r["base_scn"] <= header["checkpoint_scn"] < r["checkpoint_scn"]
            and (until is None or r["checkpoint_scn"] < until)]
    return max(rows, key=lambda r: r["checkpoint_scn"], default=None)


def apply_set(rman, content, headers, rows):
    from . import restore
    channel = rman.channels[0]
    rman.say(f"channel {channel.name}: starting incremental datafile backup set restore",
             f"channel {channel.name}: specifying datafile(s) to restore from backup set")
    fds = {}
    try:
        for number in rows:
            path = database.datafile(content, number)["name"]
            rman.say(f"destination for restore of datafile {number:05}: {path}")
            fds[number] = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        for one in restore.first_copies(controlfile.pieces_of(content, next(iter(rows.values())))):
            restore.read_piece(rman, channel, one, fds)
        for number, row in rows.items():
            os.ftruncate(fds[number], row["datafile_blocks"] * blocks.BLOCK)
    finally:
        for fd in fds.values():
            os.close(fd)
    for number, row in rows.items():
        header = headers[number]
        header.update(checkpoint_scn=row["checkpoint_scn"], fuzzy_scn=row["fuzzy_scn"],
                      blocks=row["datafile_blocks"])
        blocks.header_write(database.datafile(content, number)["name"], header)
    rman.say(f"channel {channel.name}: restore complete, elapsed time: 00:00:01", "")


# logs ------------------------------------------------------------------------------
def log_at(content, scn):
    """What is known of the log that holds `scn`: (on disk, in a backup, merely known)."""
    branch = controlfile.branch(content)
    usable = controlfile.usable_sets(content)
    ends = {}
    for inc in content["incarnations"]:
        if inc["resetlogs_scn"] in branch and inc["prior"] in branch:
            ends[inc["prior"]] = inc["resetlogs_scn"]

    def holds(row):
        return (controlfile.of_branch(content, row) and row["first_scn"] <= scn < row["next_scn"]
                and scn < ends.get(row["resetlogs_scn"], END))

    known = [r for r in content["archived_logs"] if holds(r)]
    disk = [r for r in known if r["status"] == "A" and os.path.exists(r["name"])]
    backed = [r for r in content["backup_redologs"] if holds(r)]
    saved = [r for r in backed if controlfile.set_key(r) in usable]
    newest = max(saved, key=controlfile.set_key, default=None)
    return disk[0] if disk else None, newest, (known or backed or [None])[0]


def redo_since(content, scn, until):
    """Whether all redo from `scn` up to `until` is on disk or in backups."""
    if until is None:
        return log_at(content, scn)[:2] != (None, None)
    while scn < until:
        disk, saved, _ = log_at(content, scn)
        found = disk or saved
        if found is None:
            return False
        scn = found["next_scn"]
    return True


def plan_logs(content, scn, until):
    """The logs from `scn` on: ([(row, on disk)], what ended it: None, "end" or "lost", the log)."""
    plan = []
    while until is None or scn < until:
        disk, saved, known = log_at(content, scn)
        if disk is None and saved is None:
            later = known or any(r["first_scn"] > scn for r in content["archived_logs"])
            return plan, ("lost" if later else "end"), (scn, known)
        row = disk or saved
        plan.append((row, disk is not None))
        scn = row["next_scn"]
    return plan, None, None


def media_recovery(rman, content, headers, until, delete):
    files = {f["file"]: f for f in content["datafiles"] if f["enabled"] == "READ WRITE"
             and f["file"] in headers}
    start = min(headers[n]["checkpoint_scn"] for n in files)
    if until is not None and start >= until and all(
            headers[n]["fuzzy_scn"] == 0 for n in files):
        _finish(rman, files, headers, until)
        return
    plan, ended, where = plan_logs(content, start, until)
    for row, on_disk in plan:
        if on_disk:
            rman.say(f"archived log for thread 1 with sequence {row['seq']} is already on disk as "
                     f"file {row['name']}")
    if ended == "lost":
        _lost(rman, content, where, plan)
    applier = redo.Applier({n: (f["name"], headers[n]["checkpoint_scn"]) for n, f in files.items()})
    reached = start
    try:
        for row, on_disk in plan:
            log = row if on_disk else restore_log(rman, content, row)
            rman.check()
            apply_log(rman, applier, log, until)
            reached = row["next_scn"]
            if not on_disk and delete:
                forget_log(rman, log)
    finally:
        applier.close()
    if ended == "end" and not _online(rman, content, applier, reached, until):
        _note_headers(rman, files, headers, reached)
        seq = plan[-1][0]["seq"] + 1 if plan else database.current_log(content)["seq"]
        rman.say("unable to find archived log", f"archived log thread=1 sequence={seq}")
        raise RmanError("RMAN-06054: media recovery requesting unknown archived log for thread 1 with "
                        f"sequence {seq} and starting SCN of {reached}")
    _finish(rman, files, headers, until if until is not None else reached)


def _lost(rman, content, where, plan):
    scn, known = where
    seq = known["seq"] if known else plan[-1][0]["seq"] + 1 if plan else 0
    name = database.datafile(content, 1)["name"]
    rman.say("Oracle Error: ", text("ORA-01547"), text("ORA-01194", 1), text("ORA-01110", 1, name), "")
    raise RmanError("RMAN-06053: unable to perform media recovery because of missing log",
                    f"RMAN-06025: no backup of archived log for thread 1 with sequence {seq} and "
                    f"starting SCN of {known['first_scn'] if known else scn} found to restore")


def _online(rman, content, applier, reached, until):
    """A current control file knows the online logs: complete recovery goes on with them."""
    if content["type"] != "CURRENT" or until is not None:
        return False
    log = database.current_log(content)
    if log["first_scn"] > reached or not all(os.path.exists(m) for m in log["members"]):
        return False
    _, records = redo.log_read(log["members"][0])
    applier.apply(records, END)
    return True


def apply_log(rman, applier, log, until):
    rman.say(f"archived log file name={log['name']} thread=1 sequence={log['seq']}")
    try:
        header, records = redo.log_read(log["name"])
    except OSError as error:
        raise RmanError("ORA-00308: cannot open archived log '" + log["name"] + "'",
                        text("ORA-27037"), *os_lines(error.errno)) from error
    if header is None:
        raise RmanError("ORA-00334: archived log: '" + log["name"] + "'",
                        "ORA-00353: log corruption near block 2 change 0")
    applier.apply(records, until if until is not None else END)


def _note_headers(rman, files, headers, scn):
    for number, file in files.items():
        header = headers[number]
        header["checkpoint_scn"] = max(scn, header["checkpoint_scn"])
        if header["fuzzy_scn"] < scn:
            header["fuzzy_scn"] = 0
        blocks.header_write(file["name"], header)
    with rman.inst.control() as content:
        for file in content["datafiles"]:
            if file["file"] in files:
                file["checkpoint_scn"] = headers[file["file"]]["checkpoint_scn"]
        content["recovered_to"] = scn


def _finish(rman, files, headers, scn):
    fuzzy = [n for n in files if headers[n]["fuzzy_scn"] >= scn]
    _note_headers(rman, files, headers, scn)
    if fuzzy:
        number = fuzzy[0]
        rman.say("Oracle Error: ", text("ORA-01547"), text("ORA-01194", number),
                 text("ORA-01110", number, files[number]["name"]), "")
    rman.say("media recovery complete, elapsed time: 00:00:01")


# logs from pieces ------------------------------------------------------------------------------
def restore_log(rman, content, row):
    """Brings one archived log back from its piece and records it."""
    from . import restore
    channel = rman.channels[0]
    place = rman.run.get("archivelog")
    kind = "user-specified" if place else "default"
    rman.say(f"channel {channel.name}: starting archived log restore to {kind} destination")
    if place:
        rman.say(f"archived log destination={place}")
    rman.say(f"channel {channel.name}: restoring archived log",
             f"archived log thread=1 sequence={row['seq']}")
    pieces = restore.first_copies(controlfile.pieces_of(content, row))
    directory = _directory(rman, pieces[-1])
    position = next(k for k, log in enumerate(directory["logs"]) if log["seq"] == row["seq"]
                    and log["resetlogs_scn"] == row["resetlogs_scn"])
    path = restore.log_target(rman, row, row["resetlogs_time"])
    number = rman.host.can_create(path)
    if number and not place:
        with contextlib.suppress(OSError):
            rman.host.make_directories(os.path.dirname(path))
            number = rman.host.can_create(path)
    if number:
        raise RmanError(text("ORA-19870", pieces[0]["handle"]), *create_failed(path, number).lines)
    _write_log(rman, channel, pieces, position, path)
    rman.say(f"channel {channel.name}: restore complete, elapsed time: 00:00:01")
    with rman.inst.control() as current:
        return controlfile.add(current, "archived_logs", name=path, thread=1, seq=row["seq"],
                               resetlogs_scn=row["resetlogs_scn"],
                               resetlogs_time=row["resetlogs_time"], first_scn=row["first_scn"],
                               next_scn=row["next_scn"], blocks=os.path.getsize(path) // 512 - 1,
                               status="A")


def _directory(rman, row):
    try:
        return piece.read_header(rman.host, row["handle"])[1]
    except OraError as error:
        raise RmanError(text("ORA-19870", row["handle"]), *error.lines) from error


def _write_log(rman, channel, pieces, position, path):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    rman.host.own(path)
    try:
        for one in pieces:
            rman.say(f"channel {channel.name}: reading from backup piece {one['handle']}")
            for reference, at, data in piece.chunks(rman.host, one["handle"]):
                if reference == position:
                    os.pwrite(fd, data, at)
            rman.say(f"channel {channel.name}: piece handle={one['handle']} tag={one['tag']}",
                     f"channel {channel.name}: restored backup piece {one['piece']}")
    except OraError as error:
        raise RmanError(text("ORA-19870", pieces[0]["handle"]), *error.lines) from error
    except OSError as error:
        raise RmanError(text("ORA-19870", pieces[0]["handle"]), text("ORA-19502", path, 1, 512),
                        text("ORA-27072"), *os_lines(error.errno)) from error
    finally:
        os.close(fd)


def forget_log(rman, log):
    """DELETE ARCHIVELOG: a restored log goes as soon as it is applied."""
    rman.say("channel default: deleting archived log(s)",
             f"archived log file name={log['name']} RECID={log['recid']} STAMP={log['stamp']}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(log["name"])
    with rman.inst.control() as content:
        for row in content["archived_logs"]:
            if row["recid"] == log["recid"]:
                row["status"] = "D"


