"""STARTUP, mount, open, shutdown: with what Oracle checks on the way."""

import contextlib
import errno
import os
import re
import time

from . import blocks, controlfile, database, parameters, redo
from .errors import OraError, create_failed, open_failed, ora, os_lines, text

UNTIL_END = controlfile.MAX_SCN


# nomount ------------------------------------------------------------------------------
def parameter_file(host, sid):
    """(path, is spfile) in Oracle's order of search, or None."""
    for name, binary in ((f"spfile{sid}.ora", True), ("spfile.ora", True), (f"init{sid}.ora", False)):
        path = os.path.join(host.dbs, name)
        if os.path.lexists(path):
            return path, binary
    return None


def read_parameters(host, sid, pfile=None):
    """(values, path of the spfile or '')"""
    found = (pfile, False) if pfile else parameter_file(host, sid)
    default = os.path.join(host.dbs, f"init{sid}.ora")
    if found is None or not os.path.exists(found[0]):
        raise ora("ORA-01078", extra=[f"LRM-00109: could not open parameter file "
                                      f"'{found[0] if pfile else default}'"])
    path, binary = found
    number = host.refusal(path)
    if number:
        raise ora("ORA-01078", extra=[text("ORA-01565", path), *open_failed(path, number)])
    if binary:
        return parameters.spfile_read(path), path
    values = parameters.pfile_read(path)
    if "spfile" in values:
        path = values["spfile"][0]
        return parameters.spfile_read(path), path
    return values, ""


def check_parameters(host, values):
    """What Oracle refuses to start with."""
    def first(name):
        return values.get(name, [""])[0]

    dump = first("audit_file_dest")
    if dump:
        number = host.refusal(dump, 3)
        if number:
            raise ora("ORA-09925", extra=[*os_lines(number), "Additional information: 9925"])
    if first("diagnostic_dest") and host.refusal(first("diagnostic_dest"), 3):
        raise ora("ORA-48108", extra=[
            text("ORA-48140", first("diagnostic_dest")),
            "ORA-48187: specified directory does not exist", *os_lines(errno.ENOENT),
            "Additional information: 1"])
    for name in ("local_listener", "remote_listener"):
        alias = first(name)
        if alias and not resolves(host, alias):
            raise ora("ORA-00119", name.upper(), extra=[text("ORA-00132", alias)])
    for name in ("db_recovery_file_dest", "db_create_file_dest"):
        if first(name) and not os.path.isdir(first(name)):
            raise ora("ORA-01261", name, extra=[text("ORA-01262"), *os_lines(errno.ENOENT)])
    for name, listed in values.items():
        match = re.match(r"log_archive_dest_\d+$", name)
        place = listed[0]
        if match and place.upper().startswith("LOCATION=") and "USE_DB" not in place.upper():
            if not os.path.isdir(place.split("=", 1)[1].split(" ")[0]):
                raise ora("ORA-16032", name.upper(), extra=[text("ORA-07286"),
                                                            *os_lines(errno.ENOENT)])
    if not first("db_name"):
        raise OraError("ORA-01506: missing or illegal database name")


def resolves(host, alias):
    """An address resolves by itself, a name through tnsnames.ora."""
    if "(" in alias or re.match(r"[\w.-]+:\d+$", alias):
        return True
    path = os.path.join(host.network, "tnsnames.ora")
    if not os.path.exists(path) or not host.readable(path):
        return False
    with open(path, encoding="utf-8") as file:
        return re.search(rf"^\s*{re.escape(alias)}(\.\w+)?\s*=", file.read(),
                         re.MULTILINE | re.IGNORECASE) is not None


def startup(inst, upto="open", pfile=None):
    """Yields nothing; leaves the instance STARTED, MOUNTED or OPEN. Returns what was reached."""
    if inst.state() is not None:
        raise ora("ORA-01081")
    values, spfile = read_parameters(inst.host, inst.sid, pfile)
    check_parameters(inst.host, values)
    if inst.host.knob("startup_seconds"):
        time.sleep(float(inst.host.knob("startup_seconds")))
    inst.begin(values, spfile)


# mount ------------------------------------------------------------------------------
def mount(inst):
    state = inst.state()
    if state is None:
        inst.need("STARTED")
    if state["status"] != "STARTED":
        raise ora("ORA-01100")
    host, values = inst.host, state["values"]
    orapw = os.path.join(host.dbs, f"orapw{inst.sid}")
    if values.get("remote_login_passwordfile", ["NONE"])[0].upper() != "NONE":
        if os.path.lexists(orapw) and host.refusal(orapw):
            number = host.refusal(orapw)
            raise ora("ORA-01990", orapw, extra=open_failed(orapw, number))
    paths = values.get("control_files", [])
    if not paths:
        raise ora("ORA-00205")
    contents = []
    for path in paths:
        if host.refusal(path):
            raise ora("ORA-00205")
        contents.append(controlfile.read(path))
    if any(c != contents[0] for c in contents):
        raise OraError("ORA-00214: control file inconsistent with the other copies")
    content = contents[0]
    if content["name"] != values["db_name"][0].upper():
        raise ora("ORA-01103", content["name"], values["db_name"][0].upper())
    inst.set_state(status="MOUNTED", open_mode="MOUNTED")
    if content["type"] == "BACKUP":
        with inst.control() as content:
            content["implicit_crosscheck"] = True
            for log in content["logs"]:
                log["lost"] = not all(os.path.exists(m) for m in log["members"])


# open ------------------------------------------------------------------------------
def check_files(inst, content):
    """Every file there, ours, and of this incarnation: header by file number."""
    headers = {}
    for file in content["datafiles"]:
        if file["status"] in ("OFFLINE", "RECOVER"):
            continue
        number = inst.host.refusal(file["name"])
        found = None if number else blocks.header_read(file["name"])
        if number or not found or found["dbid"] != content["dbid"] or found["file"] != file["file"]:
            raise ora("ORA-01157", file["file"],
                      extra=[text("ORA-01110", file["file"], file["name"])])
        headers[file["file"]] = found
    return headers


def open_database(inst, resetlogs=False, first=False, read_only=False):
    state = inst.need("MOUNTED", "OPEN")
    if state["status"] == "OPEN":
        raise ora("ORA-01531")
    with inst.control() as content:
        headers = check_files(inst, content)
        if first:
            inst.set_sga(100, 0)
        elif resetlogs:
            _open_resetlogs(inst, content, headers)
        else:
            _open_as_it_is(inst, content, headers)
        content["clean"] = read_only
        inst.note_time(inst.sga()[0])
        for pdb in content["pdbs"]:
            if pdb["name"] != "PDB$SEED" and not first:
                pdb["mode"] = pdb["mode"] if content.get("pdb_saved") else "MOUNTED"
        for temp in content["tempfiles"]:
            if not os.path.exists(temp["name"]):
                with contextlib.suppress(OSError):
                    make_tempfile(inst.host, temp["name"], temp["bytes"])
    inst.set_state(status="OPEN", open_mode="READ ONLY" if read_only else "READ WRITE")


def _open_as_it_is(inst, content, headers):
    """Crash recovery: what the current log holds is applied once more."""
    if content["type"] == "BACKUP" or content["recovered_to"] is not None:
        raise ora("ORA-01589")
    for file in content["datafiles"]:
        header = headers.get(file["file"])
        if header and header["resetlogs_scn"] not in (content["resetlogs_scn"],) \
                and file["enabled"] == "READ WRITE":
            raise ora("ORA-01190", file["file"],
                      extra=[text("ORA-01110", file["file"], file["name"])])
        if header and header["checkpoint_scn"] < file["checkpoint_scn"]:
            raise ora("ORA-01113", file["file"],
                      extra=[text("ORA-01110", file["file"], file["name"])])
    log = database.current_log(content)
    try:
        _, records = redo.log_read(log["members"][0])
    except OSError as error:
        raise OraError(f"ORA-00313: open failed for members of log group {log['group']} of thread 1",
                       text("ORA-00312", log["group"], log["members"][0]),
                       *open_failed(log["members"][0], error.errno)) from error
    applier = redo.Applier({f["file"]: (f["name"], 0) for f in content["datafiles"]})
    applier.apply(records, UNTIL_END)
    applier.close()
    size = sum(redo.REC.size + len(r[4]) + len(r[5]) for r in redo.parse(records))
    inst.set_sga(max(applier.newest, content["checkpoint_scn"], log["first_scn"]) + 1, size)


def _open_resetlogs(inst, content, headers):
    if content["type"] != "BACKUP" and content["recovered_to"] is None:
        raise ora("ORA-01139")
    if content["flashback"] != "NO":
        raise ora("ORA-38760")
    until = content["recovered_to"]
    if until is None and any(f["enabled"] == "READ WRITE" for f in content["datafiles"]):
        name = database.datafile(content, 1)["name"]
        raise ora("ORA-01194", 1, extra=[text("ORA-01110", 1, name)])
    for file in content["datafiles"]:
        header = headers.get(file["file"])
        if header is None or file["enabled"] != "READ WRITE":
            continue
        if header["fuzzy_scn"] >= until or header["checkpoint_scn"] != until:
            raise ora("ORA-01194", file["file"],
                      extra=[text("ORA-01110", file["file"], file["name"])])
    _check_dictionary(inst, content)
    _new_logs(inst, content, until)
    tracking = content["change_tracking"]
    if tracking:
        _make_tracking(inst, tracking)
    inst.set_sga(until + 1, 0)
    database.checkpoint(inst, content)
    for kept in (inst.host.path("journal", inst.sid), inst.host.path("dropped", inst.sid)):
        if os.path.exists(kept):  # of the branch that is left now
            os.rename(kept, f"{kept}.{until}.{content['resetlogs_time']}")


def _check_dictionary(inst, content):
    """Files the dictionary has and the control file lacks become MISSINGnnnnn; others go."""
    listed = database.dictionary_read(database.datafile(content, 1)["name"])
    known = {f["file"]: f for f in content["datafiles"]}
    there = {row[0] for row in listed["files"]}
    content["datafiles"] = [f for f in content["datafiles"] if f["file"] in there]
    for number, creation, ts, _, n in listed["files"]:
        if number not in known:
            content["datafiles"].append({
                "file": number, "creation_scn": creation, "ts": ts, "blocks": n, "status": "RECOVER",
                "name": os.path.join(inst.host.dbs, f"MISSING{number:05}"), "con": 1,
                "enabled": "READ WRITE", "checkpoint_scn": 0, "unrecoverable": 0, "made": 0})
    content["datafiles"].sort(key=lambda f: f["file"])
    have = {t["ts"] for t in content["tablespaces"]}
    for ts, name, con in listed["tablespaces"]:
        if ts not in have:
            content["tablespaces"].append({"ts": ts, "name": name, "included": "YES", "con": con})


def _new_logs(inst, content, until):
    """A new incarnation begins after `until`."""
    for log in content["logs"]:
        for member in log["members"]:
            number = inst.host.can_create(member)
            if number:
                raise ora("ORA-00344", member, extra=[text("ORA-27040"), *os_lines(number)])
    old = controlfile.incarnation(content)
    old["status"] = "PARENT"
    moment = controlfile.now()
    content["incarnations"].append({
        "inc": max(i["inc"] for i in content["incarnations"]) + 1, "resetlogs_scn": until + 1,
        "prior": old["resetlogs_scn"], "time": moment, "status": "CURRENT"})
    content.update(resetlogs_scn=until + 1, resetlogs_time=moment, type="CURRENT",
                   recovered_to=None, implicit_crosscheck=False)
    for k, log in enumerate(content["logs"]):
        log.update(seq=1 if k == 0 else 0, status="CURRENT" if k == 0 else "UNUSED",
                   first_scn=until + 1, next_scn=0, used=0)
        log.pop("lost", None)
        for member in log["members"]:
            redo.log_create(member, database.log_header(content, log), inst.host.own)


def _make_tracking(inst, path):
    number = inst.host.can_create(path)
    if number:
        raise ora("ORA-19751", extra=[text("ORA-19750", path), text("ORA-27040"),
                                      *os_lines(number)])
    with open(path, "wb") as file:
        file.write(b"ORASIM change tracking".ljust(blocks.BLOCK, b"\0"))
    inst.host.own(path)


def make_tempfile(host, path, size):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with os.fdopen(fd, "wb") as file:
        file.truncate(size)
    host.own(path)


# shutdown ------------------------------------------------------------------------------
def shutdown(inst, how="immediate"):
    """The lines SQL*Plus prints; an error (database not mounted) does not keep it from ending."""
    state = inst.state()
    if state is None:
        raise ora("ORA-01034", extra=[text("ORA-27101"), *os_lines(errno.ENOENT)])
    lines = []
    if how != "abort":
        if state["status"] == "OPEN":
            with inst.control() as content:
                database.checkpoint(inst, content)
                content["clean"] = True
            lines.append("Database closed.")
        else:
            lines.append(text("ORA-01109" if state["status"] == "MOUNTED" else "ORA-01507"))
            lines += ["", ""]
        if state["status"] != "STARTED":
            lines.append("Database dismounted.")
    with inst.lock():
        inst.end()
    lines.append("ORACLE instance shut down.")
    return lines


# parameter files ----------------------------------------------------------------------------------------
def create_pfile(inst, target, source, from_memory=False):
    """CREATE PFILE [='..'] FROM SPFILE [='..']; works on an idle instance."""
    host = inst.host
    target = target or os.path.join(host.dbs, f"init{inst.sid}.ora")
    if from_memory:
        values = inst.need("STARTED", "MOUNTED", "OPEN")["values"]
    else:
        running = inst.state()
        source = source or (running or {}).get("spfile") or os.path.join(
            host.dbs, f"spfile{inst.sid}.ora")
        number = host.refusal(source)
        if number:
            raise ora("ORA-01565", source, extra=open_failed(source, number))
        values = parameters.spfile_read(source)
    _write_text(host, target, parameters.to_text(values))


def create_spfile(inst, target, source):
    """CREATE SPFILE [='..'] FROM PFILE [='..']"""
    host = inst.host
    source = source or os.path.join(host.dbs, f"init{inst.sid}.ora")
    target = target or os.path.join(host.dbs, f"spfile{inst.sid}.ora")
    running = inst.state()
    if running and running["spfile"] == target:
        raise OraError("ORA-32002: cannot create SPFILE already being used by the instance")
    number = host.refusal(source)
    if number:
        raise ora("ORA-01078", extra=[f"LRM-00109: could not open parameter file '{source}'"])
    values = parameters.pfile_read(source)
    number = host.can_create(target)
    if number:
        raise create_failed(target, number)
    parameters.spfile_write(target, values, host.own)


def _write_text(host, path, body):
    number = host.can_create(path)
    if not number and os.path.exists(path):
        number = host.refusal(path, 2)
    if number:
        raise create_failed(path, number)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(body)
    host.own(path)
