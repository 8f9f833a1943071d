"""The table of RMAN's commands: words, where they may stand, arguments, what they do."""

import calendar
import re
import time

from . import access, backup, repository, restore, startup, statements
from .errors import OraError
from .rman_errors import RmanError
from .rman_parse import backup_clause, log_range


def none(_reader):
    return {}


# connection and instance ------------------------------------------------------------------------------------
def connect_arguments(reader):
    if reader.word("/"):
        return {"string": "/"}
    token = reader.peek()
    if token.kind == "str":
        return {"string": reader.string()}
    string = ""
    while not reader.done():
        token = reader.list[reader.at]
        string += f'"{token.value}"' if token.kind == "str" else token.value
        reader.at += 1
    return {"string": string}


def connect(rman, string):
    try:
        if string.strip() == "/":
            rman.inst = access.local(rman.host, rman.sid)
        else:
            user, password, service, _ = access.parse_connect(string)
            rman.inst = access.remote(rman.host, user, password, service, rman.sid)
    except OraError as error:
        rman.inst = None
        lines = list(error.lines)
        raise RmanError(f"RMAN-04005: error from target database: {lines[0]}", *lines[1:],
                        top="RMAN-00554: initialization of internal recovery manager package failed"
                        ) from error
    state = rman.inst.state()
    if state is None:
        rman.say("connected to target database (not started)")
        return
    name = state["values"]["db_name"][0].upper()
    if state["status"] == "STARTED":
        rman.say(f"connected to target database: {name} (not mounted)")
    else:
        content = rman.inst.read_control()
        more = "" if state["status"] == "OPEN" else ", not open"
        rman.say(f"connected to target database: {content['name']} (DBID={content['dbid']}{more})")
    rman.log_on()


def startup_arguments(reader):
    return {"upto": reader.word("nomount", "mount") or "open"}


def start(rman, upto):
    if rman.inst is None:
        raise RmanError("RMAN-06171: not connected to target database")
    if rman.inst.state() is not None:
        rman.say("database is already started")
    else:
        try:
            startup.startup(rman.inst, upto)
        except OraError as error:
            if not error.lines[0].startswith("ORA-01078") or upto != "nomount":
                raise RmanError(f"RMAN-04014: startup failed: {error.lines[0]}",
                                *error.lines[1:]) from error
            # RMAN, unlike SQL*Plus, then starts an instance without a parameter file
            rman.say(f"startup failed: {error.lines[0]}", *error.lines[1:], "",
                     "starting Oracle instance without parameter file for retrieval of spfile")
            rman.inst.begin({"db_name": ["DUMMY"], "control_files": []}, "")
        rman.say("Oracle instance started")
    if upto != "nomount" and rman.inst.status() == "STARTED":
        startup.mount(rman.inst)
        rman.say("database mounted")
    if upto == "open" and rman.inst.status() == "MOUNTED":
        startup.open_database(rman.inst)
        rman.say("database opened")
    rman.say("", "Total System Global Area    1610609432 bytes", "",
             "Fixed Size                     8897304 bytes",
             "Variable Size                385875968 bytes",
             "Database Buffers            1207959552 bytes",
             "Redo Buffers                   7876608 bytes")


def shutdown_arguments(reader):
    return {"how": reader.word("immediate", "abort", "normal", "transactional") or "normal"}


def shut(rman, how):
    rman.need("STARTED", "MOUNTED", "OPEN")
    status = rman.inst.status()
    startup.shutdown(rman.inst, how)
    rman.default_session, rman.announced, rman.channels = None, False, []
    if how != "abort" and status == "OPEN":
        rman.say("database closed")
    if how != "abort" and status != "STARTED":
        rman.say("database dismounted")
    rman.say("Oracle instance shut down")


def alter_mount(rman):
    rman.need("STARTED", "MOUNTED", "OPEN")
    startup.mount(rman.inst)
    old = rman.host.number < (12, 1)
    if old:
        rman.say("database mounted")
    for channel in rman.channels:
        rman.say(f"released channel: {channel.name}")
    rman.channels = []
    if not old:
        rman.say("Statement processed")
    rman.repository_check_dbid()


def alter_open_arguments(reader):
    return {"resetlogs": bool(reader.word("resetlogs"))}


def alter_open(rman, resetlogs):
    rman.need("MOUNTED", "OPEN", "STARTED")
    startup.open_database(rman.inst, resetlogs=resetlogs)
    rman.say("database opened" if rman.host.number < (12, 1) else "Statement processed")


# SET ------------------------------------------------------------------------------
def set_echo_arguments(reader):
    return {"on": reader.need("on", "off") == "on"}


def set_echo(rman, on):
    if on:
        rman.say("echo set on")


def set_compression(rman, algorithm):
    if rman.host.number < (11, 2) or algorithm.upper() not in ("BASIC", "LOW", "MEDIUM", "HIGH"):
        raise RmanError(f"RMAN-06770: backup compression algorithm '{algorithm}' is not supported")
    rman.compression = algorithm.upper()
    rman.announce_set("SET COMPRESSION ALGORITHM")


def set_dbid(rman, dbid):
    rman.dbid = dbid
    rman.announce_set("SET DBID")
    if rman.inst is not None and rman.inst.status() in ("MOUNTED", "OPEN"):
        rman.repository_check_dbid()


def set_command_id(rman, value):
    rman.announce_set("SET COMMAND ID")
    rman.set_command_id(value)


def set_copies(rman, number):
    rman.run["copies"] = number
    rman.announce_set("SET BACKUP COPIES")


def set_until(rman, scn):
    rman.run["until"] = scn
    rman.announce_set("SET until clause")


def set_until_time(rman, text):
    """SET UNTIL TIME "to_date('2026-11-22 06:10:44','YYYY-MM-DD HH24:MI:SS')": what the control file
    knows of SCNs and times decides. Oracle writes its local times down as they are on the clock, without
    an offset, and the zone of the host that recovers does not count."""
    match = re.fullmatch(r"to_date\('(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)', ?'YYYY-MM-DD HH24:MI:SS'\)",
                         text, re.IGNORECASE)
    if not match:
        raise RmanError("RMAN-20207: UNTIL TIME or RECOVERY WINDOW is before RESETLOGS time")
    moment = calendar.timegm(time.strptime(match[1], "%Y-%m-%d %H:%M:%S"))
    times = rman.inst.read_control().get("times", [])
    later = [scn for scn, noted in times if noted >= moment]
    rman.run["until"] = min(later) + 1 if later else max(scn for scn, _ in times) + 1
    rman.announce_set("SET until clause")


def set_archivelog(rman, path):
    rman.run["archivelog"] = path
    rman.announce_set("SET ARCHIVELOG DESTINATION")


def one(name, take):
    """Arguments of `SET X [=] value`."""
    def arguments(reader):
        reader.equals()
        return {name: getattr(reader, take)()}
    return arguments


# channels, SQL ------------------------------------------------------------------------------
def allocate_arguments(reader):
    found = {"name": reader.text(), "destination": None, "max_piece": 0, "form": None}
    if not reader.word("device type disk"):
        reader.need("type disk", "device type disk")
    while not reader.done():
        if reader.word("to destination"):
            found["destination"] = reader.string()
        elif reader.word("maxpiecesize"):
            reader.equals()
            found["max_piece"] = reader.size()
        elif reader.word("format"):
            reader.equals()
            found["form"] = reader.string()
        else:
            reader.fail("format, maxpiecesize, to, ;")
    return found


def allocate(rman, name, destination, max_piece, form):
    rman.need("STARTED", "MOUNTED", "OPEN")
    if destination and form:
        raise RmanError("RMAN-06760: TO DESTINATION and FORMAT cannot be used together")
    if max_piece and not 1 << 10 <= max_piece <= 2048 << 30:
        raise RmanError("RMAN-06192: maximum value for MAXPIECESIZE or MAXSETSIZE must be between 1 "
                        "KB and 2048 GB")
    rman.announce()
    rman.allocate(name, destination, max_piece, form)
    rman.say("")


def maintenance_channel(rman):
    rman.need("STARTED", "MOUNTED", "OPEN")
    rman.announce()
    for channel in rman.channels:
        rman.say(f"released channel: {channel.name}")
        rman.inst.log_off(channel.sid)
    rman.channels = []
    rman.allocate("ORA_MAINT_DISK_1")


def release(rman, name):
    for channel in rman.channels:
        if channel.name == name:
            rman.channels.remove(channel)
            rman.inst.log_off(channel.sid)
            rman.say(f"released channel: {name}")
            return
    raise RmanError(f"RMAN-06012: channel: {name} not allocated")


def sql(rman, statement):
    state = rman.inst.state() if rman.inst else None
    if state is None:
        rman.need("STARTED", "MOUNTED", "OPEN")
    rman.say(f"sql statement: {statement.replace(chr(39), chr(39) * 2)}")
    try:
        statements.run(rman.inst, statement.replace("''", "'"))
    except OraError as error:
        raise RmanError(f"RMAN-11003: failure during parse/execution of SQL statement: {statement}",
                        *error.lines,
                        top="RMAN-03009: failure of sql command on default channel at {now}"
                        ) from error


# CONFIGURE, SHOW ------------------------------------------------------------------------------
def configure_arguments(reader):
    words = []
    while not reader.done():
        token = reader.list[reader.at]
        words.append(f"'{token.value}'" if token.kind == "str" else token.value.upper())
        reader.at += 1
    return {"words": " ".join(words)}


def configure(rman, words):
    rman.need("MOUNTED", "OPEN")
    with rman.inst.control() as content:
        backup.configure(content, words)
    rman.say("new RMAN configuration parameters:", f"CONFIGURE {words};",
             "new RMAN configuration parameters are successfully stored")


# the table ------------------------------------------------------------------------------
def backup_arguments(reader):
    return {"ask": backup_clause(reader)}


def restore_database_arguments(reader):
    return {"force": bool(reader.word("force"))}


def recover_arguments(reader):
    found = {"delete": False, "maximum": None, "until": None, "noredo": False}
    while not reader.done():
        if reader.word("delete archivelog"):
            found["delete"] = True
            if reader.word("maxsize"):
                found["maximum"] = reader.size()
        elif reader.word("until scn"):
            reader.equals()
            found["until"] = reader.number()
        elif reader.word("noredo"):
            found["noredo"] = True
        else:
            reader.fail("delete, noredo, until, ;")
    return found


def catalog_arguments(reader):
    reader.need("start with")
    return {"prefix": reader.string(), "prompt": not reader.word("noprompt")}


def crosscheck_arguments(reader):
    found = reader.need("backup", "copy", "archivelog all")
    reader.word("device type disk")
    return {"what": found}


def delete_arguments(reader):
    found = {"force": False, "prompt": True, "expired": False, "tag": None, "what": "backup"}
    while not reader.done():
        if reader.word("force"):
            found["force"] = True
        elif reader.word("noprompt"):
            found["prompt"] = False
        elif reader.word("expired"):
            found["expired"] = True
        elif reader.word("backup"):
            found["what"] = "backup"
        elif reader.word("archivelog all"):
            found["what"] = "archivelog"
        elif reader.word("tag"):
            reader.equals()
            found["tag"] = reader.text().upper()
        elif not reader.word("device type disk"):
            reader.fail("archivelog, backup, device, expired, force, noprompt, tag, ;")
    return found


def change_arguments(reader):
    handles = [reader.string()]
    while reader.word(","):
        handles.append(reader.string())
    reader.need("uncatalog")
    return {"handles": handles}


def restore_log_arguments(reader):
    return {"wanted": log_range(reader)}


#: words, name in errors, where it may stand, arguments, function
COMMANDS = [
    ("connect target", "connect", "prompt", connect_arguments, connect),
    ("startup", "startup", "both", startup_arguments, start),
    ("shutdown", "shutdown", "both", shutdown_arguments, shut),
    ("alter database mount", "alter db", "both", none, alter_mount),
    ("alter database open", "alter db", "both", alter_open_arguments, alter_open),
    ("set echo", "set", "both", set_echo_arguments, set_echo),
    ("set compression algorithm", "set", "prompt", one("algorithm", "string"), set_compression),
    ("set dbid", "set", "prompt", one("dbid", "number"), set_dbid),
    ("set command id to", "set", "both", one("value", "string"), set_command_id),
    ("set backup copies", "set", "run", one("number", "number"), set_copies),
    ("set until scn", "set", "run", one("scn", "number"), set_until),
    ("set until time", "set", "run", one("text", "string"), set_until_time),
    ("set archivelog destination to", "set", "run", one("path", "string"), set_archivelog),
    ("allocate channel for maintenance device type disk", "allocate", "prompt", none,
     maintenance_channel),
    ("allocate channel", "allocate", "run", allocate_arguments, allocate),
    ("release channel", "release", "both", one("name", "text"), release),
    ("sql", "sql", "both", one("statement", "string"), sql),
    ("configure", "configure", "prompt", configure_arguments, configure),
    ("backup", "backup", "both", backup_arguments, backup.backup),
    ("restore controlfile from autobackup", "restore", "both", none,
     restore.controlfile_from_autobackup),
    ("restore controlfile from", "restore", "both", one("path", "string"), restore.controlfile_from),
    ("restore spfile from", "restore", "both", one("path", "string"), restore.spfile_from),
    ("restore database", "restore", "both", restore_database_arguments, restore.database_files),
    ("restore archivelog from sequence", "restore", "both", restore_log_arguments,
     restore.archived_logs),
    ("recover database", "recover", "both", recover_arguments, restore.recover),
    ("reset database to incarnation", "reset database", "prompt", one("number", "number"),
     repository.reset_database),
    ("catalog", "catalog", "prompt", catalog_arguments, repository.catalog),
    ("crosscheck", "crosscheck", "prompt", crosscheck_arguments, repository.crosscheck),
    ("delete", "delete", "prompt", delete_arguments, repository.delete),
    ("change backuppiece", "change", "prompt", change_arguments, repository.uncatalog),
]

