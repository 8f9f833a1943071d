"""RMAN's RESTORE: control file, spfile, data files, archived logs - from pieces and nothing else."""

import contextlib
import os

from . import blocks, controlfile, database, parameters, piece, recover as recovery
from .errors import OraError, create_failed, ora, os_lines, text
from .rman_errors import RmanError

recover = recovery.recover


# control file and spfile ----------------------------------------------------------------------------------
def controlfile_from(rman, path):
    """RESTORE CONTROLFILE FROM '<piece>'"""
    rman.say(f"Starting restore at {rman.date()}")
    rman.need("STARTED")
    rman.announce()
    rman.automatic_channel()
    name = rman.channels[0].name
    rman.say("", f"channel {name}: restoring control file")
    try:
        _, directory = piece.read_header(rman.host, path)
        if directory["controlfile"] is None:
            raise ora("ORA-19870", path)
        content = controlfile.unpack(_content(rman.host, path, 0xFFFFFFFF))
    except OraError as error:
        raise RmanError("RMAN-06172: no AUTOBACKUP found or specified handle is not a valid copy or "
                        "piece") from error
    if rman.dbid is not None and content["dbid"] != rman.dbid:
        raise RmanError(f"RMAN-06189: current DBID {rman.dbid} does not match target mounted database "
                        f"({content['dbid']})")
    write_controlfiles(rman, content, path)
    rman.say(f"channel {name}: restore complete, elapsed time: 00:00:01")
    rman.say(*(f"output file name={p}" for p in rman.inst.control_paths()))
    rman.say(f"Finished restore at {rman.date()}")


def write_controlfiles(rman, content, path):
    for target in rman.inst.control_paths():
        number = rman.host.can_create(target)
        if number:
            raise RmanError(text("ORA-19870", path), *create_failed(target, number).lines)
    content["type"] = "BACKUP"
    controlfile.write(rman.inst.control_paths(), content, rman.host.own)


def _content(host, path, reference):
    return b"".join(data for where, _, data in piece.chunks(host, path) if where == reference)


def controlfile_from_autobackup(rman):
    rman.say(f"Starting restore at {rman.date()}")
    rman.need("STARTED")
    rman.announce()
    rman.automatic_channel()
    name = rman.channels[0].name
    area = database.recovery_dest(rman.inst)
    unique = rman.inst.parameter("db_unique_name") or rman.inst.parameter("db_name")
    place = os.path.join(area, unique.upper(), "autobackup")
    found = []
    for root, _, names in os.walk(place):
        found += [os.path.join(root, n) for n in names]
    rman.say("", f"recovery area destination: {area}",
             f"database name (or database unique name) used for search: {unique.upper()}")
    if not found:
        rman.say(f"channel {name}: no AUTOBACKUPS found in the recovery area")
        if rman.dbid is None:
            rman.say('AUTOBACKUP search with format "%F" not attempted because DBID was not set')
        raise RmanError("RMAN-06172: no AUTOBACKUP found or specified handle is not a valid copy or "
                        "piece")
    path = max(found, key=os.path.getmtime)
    rman.say(f"channel {name}: AUTOBACKUP {path} found in the recovery area",
             f"channel {name}: restoring control file from AUTOBACKUP {path}")
    write_controlfiles(rman, controlfile.unpack(_content(rman.host, path, 0xFFFFFFFF)), path)
    rman.say(f"channel {name}: control file restore from AUTOBACKUP complete")
    rman.say(*(f"output file name={p}" for p in rman.inst.control_paths()))
    rman.say(f"Finished restore at {rman.date()}")


def spfile_from(rman, path):
    rman.say(f"Starting restore at {rman.date()}")
    rman.need("STARTED")
    rman.announce()
    rman.automatic_channel()
    name = rman.channels[0].name
    rman.say("", f"channel {name}: restoring spfile from AUTOBACKUP {path}")
    try:
        data = _content(rman.host, path, 0xFFFFFFFE)
        parameters.spfile_parse(data, path)
    except OraError as error:
        raise RmanError("RMAN-06172: no AUTOBACKUP found or specified handle is not a valid copy or "
                        "piece") from error
    target = os.path.join(rman.host.dbs, f"spfile{rman.inst.sid}.ora")
    with open(target, "wb") as file:
        file.write(data)
    rman.host.own(target)
    rman.say(f"channel {name}: SPFILE restore from AUTOBACKUP complete",
             f"Finished restore at {rman.date()}")


# data files ------------------------------------------------------------------------------
def database_files(rman, force):
    """RESTORE DATABASE [FORCE]"""
    rman.say(f"Starting restore at {rman.date()}")
    state = rman.need("MOUNTED", "OPEN")
    rman.announce()
    rman.repository()
    rman.automatic_channel()
    if state["status"] == "OPEN":
        raise RmanError("ORA-19573: cannot obtain exclusive enqueue for datafile 1")
    content = rman.inst.read_control()
    until = rman.run.get("until")
    check_until(content, until)
    rman.say("")
    files = {f["file"]: f for f in content["datafiles"] if f["status"] not in ("OFFLINE",)}
    wanted, tried = {}, {}
    for number, file in files.items():
        tried[number] = set()
        wanted[number] = best_backup(content, file, until, tried[number])
    if not force:
        for number in list(wanted):
            if in_place(rman, content, files[number], wanted[number]):
                rman.say(f"skipping datafile {number}; already restored to file "
                         f"{files[number]['name']}")
                del wanted[number]
    check_found(rman, content, files, wanted, until)
    failed = restore_round(rman, content, files, wanted)
    while failed:
        rman.say("failover to previous backup", "")
        for number, row in failed.items():
            tried[number].add(controlfile.set_key(row))
        wanted = {n: best_backup(content, files[n], until, tried[n]) for n in failed}
        check_found(rman, content, files, wanted, until)
        failed = restore_round(rman, content, files, wanted)
    rman.say(f"Finished restore at {rman.date()}", "")


def check_until(content, until):
    if until is not None and until < content["resetlogs_scn"]:
        raise RmanError("RMAN-20208: UNTIL CHANGE is before RESETLOGS change")


def best_backup(content, file, until, without):
    """The newest full or level 0 row of a file below `until`, or None."""
    usable, branch = controlfile.usable_sets(content), controlfile.branch(content)
    rows = [r for r in content["backup_datafiles"]
            if r["file"] == file["file"] and r["creation_scn"] == file["creation_scn"]
            and r["level"] in (None, 0) and controlfile.set_key(r) in usable
            and controlfile.set_key(r) not in without and r["resetlogs_scn"] in branch
            and (until is None or r["checkpoint_scn"] < until)]
    return max(rows, key=lambda r: r["checkpoint_scn"], default=None)


def in_place(rman, content, file, row):
    """A file in the right place with the expected header is not restored again (without FORCE)."""
    if row is None or not os.path.exists(file["name"]):
        return False
    header = blocks.header_read(file["name"])
    return (header is not None and header["dbid"] == content["dbid"]
            and header["file"] == file["file"] and header["creation_scn"] == file["creation_scn"]
            and header["checkpoint_scn"] == row["checkpoint_scn"])


def check_found(rman, content, files, wanted, until):
    """Files without a backup: created empty when all redo since their creation is there, else the
    command ends."""
    missing = sorted((n for n, row in wanted.items() if row is None), reverse=True)
    lost = [n for n in missing if n == 1 or not recovery.redo_since(
        content, files[n]["creation_scn"], until)]
    if lost:
        raise RmanError("RMAN-06026: some targets not found - aborting restore",
                        *(f"RMAN-06023: no backup or copy of datafile {n} found to restore"
                          for n in lost))
    for number in sorted(missing):
        file = files[number]
        rman.say(f"creating datafile file number={number} name={file['name']}")
        refused = rman.host.can_create(file["name"])
        if refused:
            raise RmanError(f"ORA-01119: error in creating database file '{file['name']}'",
                            text("ORA-27040"), *os_lines(refused))
        header = database.header_of(content, file, checkpoint_scn=file["creation_scn"])
        blocks.file_create(file["name"], header, rman.host.own)
        del wanted[number]


def restore_round(rman, content, files, wanted):
    """Restores set by set; the files (with their rows) that could not be."""
    sets, failed = {}, {}
    for number, row in sorted(wanted.items()):
        sets.setdefault(controlfile.set_key(row), {})[number] = row
    for k, (_, rows) in enumerate(sorted(sets.items())):
        channel = rman.channels[k % len(rman.channels)]
        rman.say(f"channel {channel.name}: starting datafile backup set restore",
                 f"channel {channel.name}: specifying datafile(s) to restore from backup set")
        for number in rows:
            rman.say(f"channel {channel.name}: restoring datafile {number:05} to "
                     f"{files[number]['name']}")
        try:
            restore_set(rman, channel, content, files, rows)
            rman.say(f"channel {channel.name}: restore complete, elapsed time: 00:00:01")
        except OraError as error:
            rman.say(f"channel {channel.name}: {error.lines[0]}", *error.lines[1:], "")
            failed.update(rows)
    return failed


def restore_set(rman, channel, content, files, rows):
    """Writes the files of one set: whole files, from its pieces in order."""
    fds, names = {}, {}
    row = next(iter(rows.values()))
    pieces = controlfile.pieces_of(content, row)
    first = pieces[0]["handle"]
    try:
        for number in rows:
            path = target_name(rman, content, files[number])
            refused = rman.host.can_create(path)
            if refused and "o1_mf_" not in path:
                raise OraError(text("ORA-19870", first), *create_failed(path, refused).lines)
            if refused:
                rman.host.make_directories(os.path.dirname(path))
            names[number] = path
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            fds[number] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            rman.host.own(path)
        for one in first_copies(pieces):
            read_piece(rman, channel, one, fds)
        for number, fd in fds.items():
            os.ftruncate(fd, rows[number]["datafile_blocks"] * blocks.BLOCK)
    except OSError as error:
        path = names.get(number, first)
        raise OraError(text("ORA-19870", first), text("ORA-19502", path, 1, blocks.BLOCK),
                       text("ORA-27072"), *os_lines(error.errno), "Additional information: 4") \
            from error
    finally:
        for fd in fds.values():
            os.close(fd)
    for number, found in rows.items():
        blocks.header_write(names[number], database.header_of(
            content, files[number], checkpoint_scn=found["checkpoint_scn"], name=names[number],
            fuzzy_scn=found["fuzzy_scn"], resetlogs_scn=found["resetlogs_scn"],
            blocks=found["datafile_blocks"]))
        if names[number] != files[number]["name"]:
            rename(rman, number, names[number])


def target_name(rman, content, file):
    """Oracle managed files may come back under a new name (a knob)."""
    leaf = os.path.basename(file["name"])
    if rman.host.knob("omf_rename") and leaf.startswith("o1_mf_"):
        return os.path.join(os.path.dirname(file["name"]),
                            leaf.rsplit("_", 2)[0] + f"_{database.omf_hash()}_.dbf")
    return file["name"]


def rename(rman, number, path):
    with rman.inst.control() as content:
        database.datafile(content, number)["name"] = path


def first_copies(pieces):
    found = {}
    for one in pieces:
        found.setdefault(one["piece"], one)
    return [found[n] for n in sorted(found)]


def read_piece(rman, channel, row, fds):
    """One piece into the files; ORA-19870 when it cannot be read."""
    path = row["handle"]
    rman.say(f"channel {channel.name}: reading from backup piece {path}")
    rman.host.reach("restore-piece", rman.sid, rman)
    throttle = piece.Throttle(int(rman.host.knob("speed")))
    try:
        for reference, position, data in piece.chunks(rman.host, path):
            if reference in fds:
                os.pwrite(fds[reference], data, position * blocks.BLOCK)
            rman.check()
            throttle.spend(len(data), rman.check)
    except OraError as error:
        if error.lines[0].startswith(("ORA-19505", "ORA-19587", "ORA-19599")):
            raise OraError(text("ORA-19870", path), *error.lines) from error
        raise
    rman.say(f"channel {channel.name}: piece handle={path} tag={row['tag']}",
             f"channel {channel.name}: restored backup piece {row['piece']}")


# archived logs ------------------------------------------------------------------------------
def archived_logs(rman, wanted):
    """RESTORE ARCHIVELOG FROM SEQUENCE a UNTIL SEQUENCE b THREAD t"""
    rman.say(f"Starting restore at {rman.date()}")
    rman.need("MOUNTED", "OPEN")
    rman.announce()
    rman.repository()
    rman.automatic_channel()
    rman.say("")
    content = rman.inst.read_control()
    missing = []
    for seq in range(wanted["first"], (wanted["last"] or wanted["first"]) + 1):
        there = [r for r in content["archived_logs"] if r["seq"] == seq and r["status"] == "A"
                 and controlfile.of_current(content, r) and os.path.exists(r["name"])]
        if there:
            rman.say(f"archived log for thread 1 with sequence {seq} is already on disk as file "
                     f"{there[0]['name']}")
            continue
        missing.append(seq)
    usable = controlfile.usable_sets(content)
    rows, lost = {}, []
    for seq in missing:
        found = [r for r in content["backup_redologs"] if r["seq"] == seq
                 and controlfile.of_current(content, r)
                 and controlfile.set_key(r) in usable]
        if found:
            rows[seq] = max(found, key=controlfile.set_key)
        else:
            known = next((r for r in content["archived_logs"] if r["seq"] == seq), None)
            lost.append((seq, known["first_scn"] if known else 0))
    if lost:
        raise RmanError("RMAN-06026: some targets not found - aborting restore",
                        *(f"RMAN-06025: no backup of archived log for thread 1 with sequence {seq} "
                          f"and starting SCN of {scn} found to restore" for seq, scn in lost))
    for seq in sorted(rows):
        recovery.restore_log(rman, content, rows[seq])
    if not missing:
        rman.say("restore not done; all files read only, offline, excluded, or already restored")
    rman.say(f"Finished restore at {rman.date()}", "")


def log_target(rman, row, time_of):
    """Where a restored log goes."""
    place = rman.run.get("archivelog")
    if place:
        return os.path.join(place, f"1_{row['seq']}_{time_of}.dbf")
    inst = rman.inst
    return database.archived_name(inst, inst.read_control(), {"seq": row["seq"]})

