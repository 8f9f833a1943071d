"""Statements that change something: ALTER SYSTEM, ALTER DATABASE, CREATE PFILE and the like.

run(inst, text) gives the line SQL*Plus prints with FEEDBACK ON. RMAN's SQL command runs them too."""

import errno
import os
import re
import signal

from . import controlfile, database, parameters, startup
from .errors import OraError, create_failed, ora, os_lines, text as message

STRING = r"'((?:[^']|'')*)'"


def normal(text):
    """One line, single blanks outside of strings."""
    out, inside = "", False
    for char in text.strip():
        if char == "'":
            inside = not inside
        if not inside and char.isspace():
            if not out.endswith(" "):
                out += " "
            continue
        out += char
    return out.strip()


def run(inst, text):
    text = normal(text)
    for pattern, function in TABLE:
        match = re.fullmatch(pattern, text, re.IGNORECASE)
        if match:
            return function(inst, match)
    first = text.split(" ")[0].lower()
    if first in ("alter", "create", "drop", "insert", "update", "delete"):
        if re.match(r"alter system set", text, re.IGNORECASE):
            raise ora("ORA-02065")
        raise OraError("ORA-00940: invalid ALTER command" if first == "alter"
                       else "ORA-00901: invalid CREATE command" if first == "create"
                       else message("ORA-00900"))
    raise ora("ORA-00900")


def unquote(value):
    return value.replace("''", "'")


# ALTER SESSION, ALTER SYSTEM ------------------------------------------------------------------------------
def alter_session(inst, match):
    inst.need("STARTED", "MOUNTED", "OPEN")
    for name in re.findall(r"(\w+) ?= ?(?:'[^']*'|[\w.]+)", match[1]):
        if not name.lower().startswith(("nls_", "time_zone", "container", "tracefile")):
            raise ora("ORA-02248")
    return "Session altered."


def archive_log_current(inst, _match):
    inst.need("OPEN")
    inst.host.reach("archive-log", inst.sid)
    database.archive_current(inst)
    return "System altered."


def switch_logfile(inst, _match):
    inst.need("OPEN")
    with inst.control() as content:
        database.log_switch(inst, content)
    return "System altered."


def system_checkpoint(inst, _match):
    inst.need("OPEN")
    with inst.control() as content:
        database.checkpoint(inst, content)
    return "System altered."


def register(inst, _match):
    inst.need("STARTED", "MOUNTED", "OPEN")
    return "System altered."


def kill_session(inst, match):
    inst.need("STARTED", "MOUNTED", "OPEN")
    sid, serial = int(match[1]), int(match[2])
    row = inst.sessions().get(sid)
    if row is None or row["serial"] != serial:
        raise ora("ORA-00030")
    inst.session_set(sid, killed=True)
    try:
        os.kill(row["pid"], signal.SIGUSR1)
    except ProcessLookupError:
        pass
    return "System altered."


def set_parameter(inst, match):
    state = inst.need("STARTED", "MOUNTED", "OPEN")
    name, value = match[1].lower(), match[2].strip()
    if name not in parameters.KNOWN:
        raise ora("ORA-02065")
    scope = re.search(r"scope ?= ?(\w+)", match[3] or "", re.IGNORECASE)
    scope = scope[1].lower() if scope else "both" if state["spfile"] else "memory"
    if scope in ("spfile", "both") and not state["spfile"]:
        raise OraError("ORA-32001: write to SPFILE requested but no SPFILE is in use")
    if scope in ("memory", "both"):
        if name in ("control_files", "db_name", "compatible", "processes", "audit_file_dest"):
            raise ora("ORA-02095")
        values = state["values"]
        values[name] = parameters.split_values(value)
        if name == "local_listener" and values[name][0]:
            startup.check_parameters(inst.host, {"local_listener": values[name], "db_name": ["x"]})
        inst.set_state(values=values)
    if scope in ("spfile", "both"):
        listed = parameters.spfile_read(state["spfile"])
        listed[name] = parameters.split_values(value)
        parameters.spfile_write(state["spfile"], listed, inst.host.own)
    return "System altered."


def reset_parameter(inst, match):
    state = inst.need("STARTED", "MOUNTED", "OPEN")
    if not state["spfile"]:
        raise OraError("ORA-32001: write to SPFILE requested but no SPFILE is in use")
    listed = parameters.spfile_read(state["spfile"])
    if listed.pop(match[1].lower(), None) is None:
        raise OraError("ORA-32010: cannot find entry to delete in SPFILE")
    parameters.spfile_write(state["spfile"], listed, inst.host.own)
    return "System altered."


# ALTER DATABASE -----------------------------------------------------------------------------------------
def alter_mount(inst, _match):
    inst.host.reach("mount", inst.sid)
    startup.mount(inst)
    return "Database altered."


def alter_open(inst, match):
    inst.host.reach("open", inst.sid)
    option = (match[1] or "").strip().lower()
    startup.open_database(inst, resetlogs=option == "resetlogs", read_only=option == "read only")
    return "Database altered."


def change_tracking(inst, match):
    inst.need("MOUNTED", "OPEN")
    with inst.control() as content:
        if match[1].lower() == "disable":
            if content["change_tracking"] is None:
                raise OraError("ORA-19759: block change tracking is not enabled")
            content["change_tracking"] = None
        else:
            if content["change_tracking"] is not None:
                raise OraError("ORA-19756: block change tracking is already enabled")
            path = unquote(match[2] or os.path.join(inst.parameter("db_create_file_dest"), "bct.f"))
            number = inst.host.can_create(path)
            if number:
                raise ora("ORA-19751", extra=[message("ORA-19750", path), message("ORA-27040"),
                                              *os_lines(number)])
            if os.path.exists(path) and not re.search("reuse", match[0], re.IGNORECASE):
                raise ora("ORA-19751", extra=[message("ORA-19750", path), message("ORA-27040"),
                                              *os_lines(errno.EEXIST)])
            with open(path, "wb") as file:
                file.write(b"ORASIM change tracking".ljust(8192, b"\0"))
            inst.host.own(path)
            content["change_tracking"] = path
    return "Database altered."


def flashback(inst, match):
    with inst.control() as content:
        content["flashback"] = "YES" if match[1].lower() == "on" else "NO"
    return "Database altered."


def log_mode(inst, match):
    state = inst.need("MOUNTED", "OPEN")
    if state["status"] == "OPEN":
        raise ora("ORA-01126")
    with inst.control() as content:
        if not content.get("clean", True):
            raise OraError("ORA-00265: instance recovery required, cannot set ARCHIVELOG mode")
        content["log_mode"] = match[1].upper()
    return "Database altered."


def force_logging(inst, match):
    inst.need("MOUNTED", "OPEN")
    with inst.control() as content:
        content["force_logging"] = "NO" if (match[1] or "").strip() else "YES"
    return "Database altered."


def backup_controlfile(inst, match):
    inst.need("MOUNTED", "OPEN")
    path = unquote(match[1])
    number = inst.host.can_create(path)
    if number or (os.path.exists(path) and not match[2]):
        raise create_failed(path, number or errno.EEXIST)
    content = inst.read_control()
    content["type"] = "BACKUP"
    controlfile.write([path], content, inst.host.own)
    return "Database altered."


def pdb_open(inst, match):
    inst.need("OPEN")
    name = match[1].strip('"') if match[1].startswith('"') else match[1].upper()
    with inst.control() as content:
        found = [p for p in content["pdbs"] if p["name"] == name
                 or name == "ALL" and p["name"] != "PDB$SEED"]
        if not found:
            raise ora("ORA-65011", name)
        for pdb in found:
            if match[2].lower().startswith("close"):
                pdb["mode"] = "MOUNTED"
            elif pdb["mode"] != "MOUNTED" and name != "ALL":
                raise ora("ORA-65019", name)
            else:
                pdb["mode"] = "READ ONLY" if "read only" in match[2].lower() else "READ WRITE"
    return "Pluggable database altered."


def datafile_offline(inst, match):
    with inst.control() as content:
        number = int(match[1])
        for file in content["datafiles"]:
            if file["file"] == number:
                file["status"] = "RECOVER" if match[2].lower() == "offline" else "ONLINE"
    return "Database altered."


def rename_file(inst, match):
    inst.need("MOUNTED", "OPEN")
    with inst.control() as content:
        for file in content["datafiles"] + content["tempfiles"]:
            if file["name"] == unquote(match[1]):
                file["name"] = unquote(match[2])
                return "Database altered."
        for log in content["logs"]:
            if unquote(match[1]) in log["members"]:
                log["members"][log["members"].index(unquote(match[1]))] = unquote(match[2])
                return "Database altered."
    raise OraError("ORA-01511: error in renaming log/data files",
                   f"ORA-01516: nonexistent log file, data file, or temporary file \"{match[1]}\"")


# CREATE, DROP ------------------------------------------------------------------------------
def create_pfile(inst, match):
    source = match[2]
    from_memory = source.lower() == "memory"
    given = re.match(r"spfile ?= ?" + STRING, source, re.IGNORECASE)
    startup.create_pfile(inst, unquote(match[1]) if match[1] is not None else None,
                         unquote(given[1]) if given else None, from_memory)
    return "\nFile created.\n"


def create_spfile(inst, match):
    startup.create_spfile(inst, unquote(match[1]) if match[1] is not None else None,
                          unquote(match[2]) if match[2] is not None else None)
    return "\nFile created.\n"


def tablespace(inst, match):
    inst.need("OPEN")
    database.read_only(inst, match[1].upper(), match[2].lower() == "read only")
    return "Tablespace altered."


def drop_tablespace(inst, match):
    inst.need("OPEN")
    database.drop_tablespace(inst, match[1].upper())
    return "Tablespace dropped."


def create_tablespace(inst, match):
    inst.need("OPEN")
    database.add_datafile(inst, match[1].upper(), database.size_value(match[3].upper()),
                          unquote(match[2]))
    return "Tablespace created."


def create_restore_point(inst, match):
    inst.need("OPEN")
    with inst.control() as content:
        content["restore_points"].append({"name": match[1].upper(), "scn": inst.sga()[0],
                                          "guarantee": bool(match[2]), "time": controlfile.now()})
    return "Restore point created."


def drop_restore_point(inst, match):
    with inst.control() as content:
        content["restore_points"] = [r for r in content["restore_points"]
                                     if r["name"] != match[1].upper()]
    return "Restore point dropped."


TABLE = [
    (r"alter session set (.+)", alter_session),
    (r"alter system archive log current(?: noswitch)?", archive_log_current),
    (r"alter system switch logfile", switch_logfile),
    (r"alter system checkpoint(?: global)?", system_checkpoint),
    (r"alter system register", register),
    (r"alter system kill session '(\d+) ?, ?(\d+)(?:,@\d+)?'(?: immediate)?", kill_session),
    (r"alter system set (\w+) ?= ?((?:'[^']*'|[^\s,]+)(?: ?, ?(?:'[^']*'|[^\s,]+))*)"
     r"((?: (?:scope|sid|comment) ?= ?\S+)*)", set_parameter),
    (r"alter system reset (\w+)(?: (?:scope|sid) ?= ?\S+)*", reset_parameter),
    (r"alter database mount", alter_mount),
    (r"alter database open( resetlogs| noresetlogs| read write| read only)?", alter_open),
    (r"alter database (disable|enable) block change tracking(?: using file " + STRING
     + r")?(?: reuse)?", change_tracking),
    (r"alter database flashback (on|off)", flashback),
    (r"alter database (noarchivelog|archivelog)", log_mode),
    (r"alter database (no )?force logging", force_logging),
    (r"alter database backup controlfile to " + STRING + r"( reuse)?", backup_controlfile),
    (r"alter database datafile (\d+) (offline|online)(?: drop)?", datafile_offline),
    (r"alter database rename file " + STRING + " to " + STRING, rename_file),
    (r"alter pluggable database (\"[^\"]+\"|[\w$#]+) (open(?: read write| read only)?(?: force)?"
     r"|close(?: immediate)?)", pdb_open),
    (r"create pfile(?: ?= ?" + STRING + r")? from (spfile(?: ?= ?" + STRING + r")?|memory)",
     create_pfile),
    (r"create spfile(?: ?= ?" + STRING + r")? from pfile(?: ?= ?" + STRING + r")?", create_spfile),
    (r"alter tablespace ([\w$#]+) (read only|read write)", tablespace),
    (r"drop tablespace ([\w$#]+) including contents and datafiles", drop_tablespace),
    (r"create tablespace ([\w$#]+) datafile " + STRING + r" size (\d+[kKmMgG]?)", create_tablespace),
    (r"create restore point ([\w$#]+)( guarantee flashback database)?", create_restore_point),
    (r"drop restore point ([\w$#]+)", drop_restore_point),
]
