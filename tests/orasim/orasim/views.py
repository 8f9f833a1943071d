"""The V$ views: columns by version, and their rows from the state of instance and control file."""

import os

from . import blocks, controlfile, database
from .errors import ora
from .host import read_json

V122 = (12, 2)

#: view -> (from which state on, "column:type[@version] ..")
VIEWS = {
    "dual": ("STARTED", "dummy:C"),
    "v$instance": ("STARTED", "instance_number:N instance_name:C host_name:C version:C "
                   "version_full:C@18 startup_time:D status:C parallel:C thread#:N archiver:C "
                   "logins:C shutdown_pending:C database_status:C instance_role:C active_state:C "
                   "con_id:N@12 edition:C@12"),
    "v$version": ("STARTED", "banner:C banner_full:C@18 con_id:N@12"),
    "v$parameter": ("STARTED", "num:N name:C type:N value:C display_value:C isdefault:C "
                    "ismodified:C con_id:N@12"),
    "v$spparameter": ("STARTED", "sid:C name:C type:C value:C display_value:C isspecified:C "
                      "ordinal:N con_id:N@12"),
    "v$session": ("STARTED", "sid:N serial#:N username:C status:C program:C client_info:C type:C "
                  "process:C action:C module:C logon_time:D con_id:N@12"),
    "v$process": ("STARTED", "pid:N spid:C program:C pname:C"),
    "v$database": ("MOUNTED", "dbid:N name:C created:D resetlogs_change#:N resetlogs_time:D "
                   "prior_resetlogs_change#:N log_mode:C checkpoint_change#:N controlfile_type:C "
                   "controlfile_change#:N open_resetlogs:C open_mode:C database_role:C "
                   "force_logging:C flashback_on:C db_unique_name:C current_scn:N cdb:C@12 "
                   "con_id:N@12 platform_name:C"),
    "v$controlfile": ("STARTED", "status:C name:C is_recovery_dest_file:C block_size:N "
                      "file_size_blks:N con_id:N@12"),
    "v$datafile": ("MOUNTED", "file#:N creation_change#:N creation_time:D ts#:N status:C enabled:C "
                   "checkpoint_change#:N checkpoint_time:D unrecoverable_change#:N last_change#:N "
                   "offline_change#:N bytes:N blocks:N create_bytes:N block_size:N name:C con_id:N@12 "
                   "plugin_change#:N"),
    "v$datafile_header": ("MOUNTED", "file#:N status:C error:C recover:C fuzzy:C "
                          "creation_change#:N tablespace_name:C ts#:N resetlogs_change#:N "
                          "checkpoint_change#:N bytes:N blocks:N name:C con_id:N@12"),
    "v$tempfile": ("MOUNTED", "file#:N ts#:N status:C enabled:C bytes:N name:C con_id:N@12"),
    "v$tablespace": ("MOUNTED", "ts#:N name:C included_in_database_backup:C bigfile:C "
                     "flashback_on:C encrypt_in_backup:C con_id:N@12"),
    "v$log": ("MOUNTED", "group#:N thread#:N sequence#:N bytes:N blocksize:N members:N archived:C "
              "status:C first_change#:N next_change#:N con_id:N@12"),
    "v$logfile": ("MOUNTED", "group#:N status:C type:C member:C is_recovery_dest_file:C con_id:N@12"),
    "v$thread": ("MOUNTED", "thread#:N status:C enabled:C groups:N instance:C sequence#:N "
                 "checkpoint_change#:N con_id:N@12"),
    "v$archived_log": ("MOUNTED", "recid:N stamp:N name:C dest_id:N thread#:N sequence#:N "
                       "resetlogs_change#:N first_change#:N next_change#:N blocks:N block_size:N "
                       "archived:C applied:C deleted:C status:C standby_dest:C completion_time:D "
                       "backup_count:N is_recovery_dest_file:C con_id:N@12"),
    "v$archive_dest": ("STARTED", "dest_id:N dest_name:C status:C target:C destination:C error:C "
                       "binding:C con_id:N@12"),
    "v$recovery_file_dest": ("STARTED", "name:C space_limit:N space_used:N space_reclaimable:N "
                             "number_of_files:N con_id:N@12"),
    "v$block_change_tracking": ("MOUNTED", "status:C filename:C bytes:N con_id:N@12"),
    "v$restore_point": ("MOUNTED", "scn:N name:C guarantee_flashback_database:C time:D con_id:N@12"),
    "v$rman_configuration": ("MOUNTED", "conf#:N name:C value:C con_id:N@12"),
    "v$rman_status": ("MOUNTED", "recid:N stamp:N operation:C status:C start_time:D end_time:D "
                      "object_type:C con_id:N@12"),
    "v$encryption_wallet": ("STARTED", "wrl_type:C wrl_parameter:C status:C con_id:N@12"),
    "v$encrypted_tablespaces": ("MOUNTED", "ts#:N encryptionalg:C encryptedts:C con_id:N@12"),
    "v$passwordfile_info": ("STARTED@12.2", "file_name:C format:C is_asm:C con_id:N"),
    "v$pdbs": ("MOUNTED@12.1", "con_id:N dbid:N guid:C name:C open_mode:C restricted:C "
               "open_time:D"),
    "pdb_plug_in_violations": ("OPEN@12.1", "name:C cause:C type:C message:C status:C time:D"),
    "v$backup_piece": ("MOUNTED", "recid:N stamp:N set_stamp:N set_count:N piece#:N copy#:N "
                       "device_type:C handle:C tag:C status:C start_time:D completion_time:D "
                       "bytes:N is_recovery_dest_file:C compressed:C deleted:C con_id:N@12"),
    "v$backup_set": ("MOUNTED", "recid:N stamp:N set_stamp:N set_count:N backup_type:C "
                     "controlfile_included:C incremental_level:N pieces:N start_time:D "
                     "completion_time:D block_size:N keep:C con_id:N@12"),
    "v$backup_datafile": ("MOUNTED", "recid:N stamp:N set_stamp:N set_count:N file#:N "
                          "creation_change#:N resetlogs_change#:N incremental_level:N "
                          "incremental_change#:N checkpoint_change#:N absolute_fuzzy_change#:N "
                          "marked_corrupt:N media_corrupt:N logically_corrupt:N datafile_blocks:N "
                          "blocks:N block_size:N completion_time:D used_change_tracking:C "
                          "con_id:N@12"),
    "v$backup_redolog": ("MOUNTED", "recid:N stamp:N set_stamp:N set_count:N thread#:N sequence#:N "
                         "resetlogs_change#:N first_change#:N next_change#:N blocks:N "
                         "block_size:N con_id:N@12"),
    "v$backup_spfile": ("MOUNTED", "recid:N stamp:N set_stamp:N set_count:N bytes:N "
                        "db_unique_name:C con_id:N@12"),
    "v$backup_archivelog_details": ("MOUNTED", "session_key:N thread#:N sequence#:N "
                                    "resetlogs_change#:N first_change#:N next_change#:N "
                                    "filesize:N con_id:N@12"),
    "v$datafile_copy": ("MOUNTED", "recid:N stamp:N name:C tag:C file#:N creation_change#:N "
                        "resetlogs_change#:N incremental_level:N checkpoint_change#:N status:C "
                        "completion_time:D con_id:N@12"),
    "v$database_block_corruption": ("MOUNTED", "file#:N block#:N blocks:N corruption_change#:N "
                                    "corruption_type:C con_id:N@12"),
    "v$database_incarnation": ("MOUNTED", "incarnation#:N resetlogs_change#:N resetlogs_time:D "
                               "prior_resetlogs_change#:N status:C prior_incarnation#:N "
                               "resetlogs_id:N con_id:N@12"),
    "v$session_longops": ("STARTED", "sid:N opname:C context:N sofar:N totalwork:N "
                          "time_remaining:N con_id:N@12"),
    "v$recovery_log": ("MOUNTED", "thread#:N sequence#:N archive_name:C"),
    "dba_tablespaces": ("OPEN", "tablespace_name:C status:C contents:C"),
}
ORDER = {"STARTED": 0, "MOUNTED": 1, "OPEN": 2}


class Context:
    """What the views of one statement are filled from: read once."""

    def __init__(self, inst):
        self.inst = inst
        self.host = inst.host
        self.state = inst.need("STARTED", "MOUNTED", "OPEN")
        self._control = None

    @property
    def control(self):
        if self._control is None:
            self._control = self.inst.read_control()
        return self._control

    def values(self, name):
        return self.state["values"].get(name, [])


def columns(context, name):
    """{column: type} of a view as this version has it in this state."""
    number = context.host.number
    if name not in VIEWS:
        raise ora("ORA-00942")
    gate, listed = VIEWS[name]
    gate, _, since = gate.partition("@")
    if since and number < tuple(map(int, since.split("."))):
        raise ora("ORA-00942")
    if ORDER[context.state["status"]] < ORDER[gate]:
        raise ora("ORA-01507" if gate == "MOUNTED" else "ORA-01219")
    found = {}
    for column in listed.split():
        column, _, since = column.partition("@")
        if not since or number >= (int(since), 1 if since == "12" else 0):
            name_of, kind = column.split(":")
            found[name_of] = kind
    return found


def fill(base, context, name, listed):
    quoted = ", ".join(f'"{c}"' for c in listed)
    base.execute(f'create table "{name}" ({quoted})')
    rows = shown(context, name, listed, list(ROWS[name](context)))
    marks = ",".join("?" * len(listed))
    base.executemany(f'insert into "{name}" values ({marks})',
                     [[_plain(row.get(c, 0 if c == "con_id" else None)) for c in listed]
                      for row in rows])


def shown(context, name, listed, rows):
    """What `site SID show` planted: other values in the rows of a view, or a row of its own."""
    for planted in read_json(context.host.path("shown.json"), {}).get(context.inst.sid, []):
        if planted["view"] != name:
            continue
        hit = [r for r in rows if all(str(r.get(k)) == v for k, v in planted["where"].items())]
        if not hit and not planted["where"]:
            hit = [{}]
            rows += hit
        for row in hit:
            row.update({k: _value(listed[k], v) for k, v in planted["set"].items()})
    return rows


def _value(kind, text):
    return int(text) if kind == "N" else int(controlfile.now()) if kind == "D" else text


def _plain(value):
    if isinstance(value, bool):
        return "YES" if value else "NO"
    if isinstance(value, int) and value >= 1 << 63:
        return float(value)
    return None if value == "" else value


# rows ------------------------------------------------------------------------------
def v_instance(c):
    version = c.host.version
    log_mode = c.control["log_mode"] if c.state["status"] != "STARTED" else ""
    yield {"instance_number": 1, "instance_name": c.inst.sid, "host_name": c.host.name,
           "version": version["release"], "version_full": version["full"],
           "startup_time": c.state["since"], "status": c.state["status"], "parallel": "NO",
           "thread#": 1, "archiver": "STARTED" if log_mode == "ARCHIVELOG" else "STOPPED",
           "logins": "ALLOWED", "shutdown_pending": "NO", "database_status": "ACTIVE",
           "instance_role": "PRIMARY_INSTANCE", "active_state": "NORMAL", "con_id": 0,
           "edition": "EE" if c.host.knob("edition") == "Enterprise" else "SE"}


def v_version(c):
    v = c.host.version
    edition = c.host.knob("edition")
    major = c.host.number[0]
    name = {11: "11g", 12: "12c", 19: "19c"}[major]
    tail = f"Release {v['release']} - " + ("64bit Production" if major < 19 else "Production")
    yield {"banner": f"Oracle Database {name} {edition} Edition {tail}",
           "banner_full": f"Oracle Database {name} {edition} Edition {tail}\nVersion {v['full']}"}
    if major < 18:
        yield {"banner": f"PL/SQL Release {v['release']} - Production"}
        yield {"banner": f"CORE\t{v['release']}\tProduction"}
        yield {"banner": f"TNS for Linux: Version {v['release']} - Production"}
        yield {"banner": f"NLSRTL Version {v['release']} - Production"}


def v_parameter(c):
    from .parameters import KNOWN
    known = KNOWN if c.host.number >= (18, 0) else KNOWN - {"wallet_root", "tde_configuration"}
    for k, name in enumerate(sorted(known | set(c.state["values"]))):
        value = ", ".join(c.values(name)) or None
        if name == "spfile":
            value = c.state["spfile"] or None
        if name == "local_listener" and value and c.host.number[0] == 11:
            value = value[:512]
        yield {"num": k, "name": name, "type": 2, "value": value[:512] if value else None,
               "display_value": value, "isdefault": "FALSE" if value else "TRUE",
               "ismodified": "FALSE"}


def v_spparameter(c):
    from .parameters import KNOWN, spfile_read
    listed = spfile_read(c.state["spfile"]) if c.state["spfile"] else {}
    for name in sorted(KNOWN | set(listed)):
        for k, value in enumerate(listed.get(name, [None])):
            yield {"sid": "*", "name": name, "type": "string", "value": value,
                   "display_value": value, "isspecified": "TRUE" if name in listed else "FALSE",
                   "ordinal": k + 1 if name in listed else 0}


def v_session(c):
    for sid, row in c.inst.sessions().items():
        yield {"sid": sid, "serial#": row["serial"], "username": "SYS",
               "status": "KILLED" if row["killed"] else "ACTIVE", "program": row["program"],
               "client_info": row["client_info"], "type": "USER", "process": str(row["pid"]),
               "module": row["program"]}
    yield {"sid": 1, "serial#": 1, "status": "ACTIVE", "program": f"oracle@{c.host.name} (PMON)",
           "type": "BACKGROUND"}


def v_database(c):
    k = c.control
    open_mode = c.state["open_mode"]
    current = 0
    if c.state["status"] == "OPEN":
        current = c.inst.next_scn()
    inc = controlfile.incarnation(k)
    yield {"dbid": k["dbid"], "name": k["name"], "created": inc["time"],
           "resetlogs_change#": k["resetlogs_scn"], "resetlogs_time": k["resetlogs_time"],
           "prior_resetlogs_change#": inc["prior"], "log_mode": k["log_mode"],
           "checkpoint_change#": k["checkpoint_scn"], "controlfile_type": k["type"],
           "controlfile_change#": k["checkpoint_scn"],
           "open_resetlogs": "REQUIRED" if k["type"] == "BACKUP" else "NOT ALLOWED",
           "open_mode": open_mode, "database_role": k.get("role", "PRIMARY"),
           "force_logging": k["force_logging"], "flashback_on": k["flashback"],
           "db_unique_name": k["unique_name"], "current_scn": current,
           "cdb": "YES" if k["cdb"] else "NO", "platform_name": "Linux x86 64-bit"}


def v_controlfile(c):
    if c.state["status"] == "STARTED":
        return
    for path in c.values("control_files"):
        yield {"name": path, "is_recovery_dest_file": "NO", "block_size": 16384,
               "file_size_blks": 600}


def v_datafile(c):
    k = c.control
    for f in k["datafiles"]:
        last = None
        if f["enabled"] == "READ ONLY":
            last = f["checkpoint_scn"]
        elif k["type"] == "BACKUP" or c.state["status"] != "OPEN":
            last = None if k["type"] == "BACKUP" else f["checkpoint_scn"]
        yield {"file#": f["file"], "creation_change#": f["creation_scn"],
               "creation_time": f["made"], "ts#": f["ts"], "status": f["status"],
               "enabled": f["enabled"], "checkpoint_change#": f["checkpoint_scn"],
               "checkpoint_time": controlfile.now(), "unrecoverable_change#": f["unrecoverable"],
               "last_change#": last, "offline_change#": 0, "bytes": f["blocks"] * blocks.BLOCK,
               "blocks": f["blocks"], "create_bytes": f["blocks"] * blocks.BLOCK,
               "block_size": blocks.BLOCK, "name": f["name"], "con_id": f["con"]}


def v_datafile_header(c):
    names = {t["ts"]: t["name"] for t in c.control["tablespaces"]}
    for f in c.control["datafiles"]:
        row = {"file#": f["file"], "status": "ONLINE" if f["status"] in ("SYSTEM", "ONLINE")
               else "OFFLINE", "name": f["name"], "con_id": f["con"]}
        header = None
        if not c.host.refusal(f["name"]):
            header = blocks.header_read(f["name"])
        if header is None:
            row["error"] = "FILE NOT FOUND"
            row["recover"] = None
        else:
            fuzzy = header["fuzzy_scn"] > 0 or c.state["status"] == "OPEN" \
                and f["enabled"] == "READ WRITE"
            row.update({"recover": "YES" if header["fuzzy_scn"] else "NO",
                        "fuzzy": "YES" if fuzzy else "NO", "tablespace_name": names.get(f["ts"]),
                        "creation_change#": header["creation_scn"], "ts#": f["ts"],
                        "resetlogs_change#": header["resetlogs_scn"],
                        "checkpoint_change#": header["checkpoint_scn"],
                        "bytes": f["blocks"] * blocks.BLOCK, "blocks": f["blocks"]})
        yield row


def v_tempfile(c):
    for f in c.control["tempfiles"]:
        yield {"file#": f["file"], "ts#": 3, "status": "ONLINE", "enabled": "READ WRITE",
               "bytes": f["bytes"], "name": f["name"], "con_id": f["con"]}


def v_tablespace(c):
    for t in c.control["tablespaces"]:
        yield {"ts#": t["ts"], "name": t["name"], "included_in_database_backup": t["included"],
               "bigfile": "NO", "flashback_on": "YES", "con_id": t["con"]}


def v_log(c):
    newest = 18446744073709551615 if c.host.number >= V122 else controlfile.MAX_SCN
    for g in c.control["logs"]:
        yield {"group#": g["group"], "thread#": 1, "sequence#": g["seq"], "bytes": g["bytes"],
               "blocksize": 512, "members": len(g["members"]),
               "archived": "NO" if g["status"] == "CURRENT" else "YES", "status": g["status"],
               "first_change#": g["first_scn"],
               "next_change#": newest if g["status"] == "CURRENT" else g["next_scn"]}
    for thread in range(2, c.control.get("threads", 1) + 1):  # of the other instances of a cluster
        current = database.current_log(c.control)
        yield {"group#": len(c.control["logs"]) + thread, "thread#": thread, "sequence#": current["seq"],
               "bytes": current["bytes"], "blocksize": 512, "members": 1, "archived": "NO", "status": "CURRENT",
               "first_change#": current["first_scn"], "next_change#": newest}


def v_logfile(c):
    for g in c.control["logs"]:
        for member in g["members"]:
            yield {"group#": g["group"], "type": "ONLINE", "member": member,
                   "is_recovery_dest_file": "NO"}


def v_thread(c):
    log = database.current_log(c.control)
    for n in range(1, c.control.get("threads", 1) + 1):
        yield {"thread#": n, "status": "OPEN" if c.state["status"] == "OPEN" else "CLOSED",
               "enabled": "PUBLIC", "groups": 3, "instance": c.inst.sid, "sequence#": log["seq"],
               "checkpoint_change#": c.control["checkpoint_scn"]}


def v_archived_log(c):
    area = database.recovery_dest(c.inst)
    for r in c.control["archived_logs"]:
        gone = r["status"] == "D"
        yield {"recid": r["recid"], "stamp": r["stamp"], "name": None if gone else r["name"],
               "dest_id": 1, "thread#": r["thread"], "sequence#": r["seq"],
               "resetlogs_change#": r["resetlogs_scn"], "first_change#": r["first_scn"],
               "next_change#": r["next_scn"], "blocks": r["blocks"], "block_size": 512,
               "archived": "YES", "applied": "NO", "deleted": "YES" if gone else "NO",
               "status": r["status"], "standby_dest": "NO", "completion_time": r["made"],
               "backup_count": r.get("backed_up", 0),
               "is_recovery_dest_file": "YES" if database.inside(r["name"], area) else "NO"}
    if c.host.number >= V122 and c.state["status"] == "OPEN" and c.control.get("open_log_record"):
        log = database.current_log(c.control)
        yield {"recid": 0, "stamp": 0, "dest_id": 0, "thread#": 1, "sequence#": log["seq"],
               "resetlogs_change#": c.control["resetlogs_scn"], "first_change#": log["first_scn"],
               "next_change#": 18446744073709551615, "archived": "NO", "deleted": "NO",
               "status": "A", "standby_dest": "NO", "block_size": 512, "blocks": 0}


def v_archive_dest(c):
    for n in range(1, 32):
        place = (c.values(f"log_archive_dest_{n}") or [""])[0]
        state = (c.values(f"log_archive_dest_state_{n}") or ["enable"])[0].lower()
        if n == 1 and not place and database.recovery_dest(c.inst):
            place = "USE_DB_RECOVERY_FILE_DEST"
        standby = place.upper().startswith("SERVICE=")
        destination = place.split("=", 1)[1].split(" ")[0] if "=" in place else place
        status = "INACTIVE" if not place else "DEFERRED" if state == "defer" else "VALID"
        error = None
        full = (c.state["status"] == "OPEN" and destination == "USE_DB_RECOVERY_FILE_DEST"
                and database.recovery_limit(c.inst)
                and database.recovery_used(c.inst, c.control) > database.recovery_limit(c.inst))
        if full:
            status, error = "ERROR", "ORA-19809: limit exceeded for recovery files"
        yield {"dest_id": n, "dest_name": f"LOG_ARCHIVE_DEST_{n}", "status": status,
               "target": "STANDBY" if standby else "PRIMARY", "destination": destination,
               "error": error, "binding": "OPTIONAL"}


def v_recovery_file_dest(c):
    area = database.recovery_dest(c.inst)
    if not area:
        return
    used = database.recovery_used(c.inst, c.control) if c.state["status"] != "STARTED" else 0
    reclaimable = 0
    if c.state["status"] != "STARTED":
        reclaimable = sum(r["blocks"] * 512 for r in c.control["archived_logs"]
                          if r["status"] == "A" and r.get("backed_up"))
    yield {"name": area, "space_limit": database.recovery_limit(c.inst), "space_used": used,
           "space_reclaimable": reclaimable, "number_of_files": 1}


def v_block_change_tracking(c):
    tracking = c.control["change_tracking"]
    yield {"status": "ENABLED" if tracking else "DISABLED", "filename": tracking}


def v_rman_configuration(c):
    for k, (name, value) in enumerate(c.control["config"], 1):
        yield {"conf#": k, "name": name, "value": value}


def v_rman_status(c):
    for r in c.control["rman_status"]:
        yield {"recid": r["recid"], "stamp": r["stamp"], "operation": r["operation"],
               "status": r["status"], "start_time": r["made"], "end_time": r["made"],
               "object_type": r.get("object")}


def v_encryption_wallet(c):
    yield {"wrl_type": "FILE", "wrl_parameter": os.path.join(
        c.host.base, "admin", c.inst.sid, "wallet"), "status": "NOT_AVAILABLE"}


def v_passwordfile_info(c):
    path = os.path.join(c.host.dbs, f"orapw{c.inst.sid}")
    if os.path.exists(path):
        yield {"file_name": path, "format": "12.2", "is_asm": "FALSE"}


def v_pdbs(c):
    for p in c.control["pdbs"]:
        mode = p["mode"] if c.state["status"] == "OPEN" else "MOUNTED"
        yield {"con_id": p["con"], "dbid": c.control["dbid"] + p["con"], "guid": p["guid"],
               "name": p["name"], "open_mode": mode,
               "restricted": None if mode == "MOUNTED" else "NO"}


def v_backup_piece(c):
    area = database.recovery_dest(c.inst)
    for r in c.control["backup_pieces"]:
        yield {"recid": r["recid"], "stamp": r["stamp"], "set_stamp": r["set_stamp"],
               "set_count": r["set_count"], "piece#": r["piece"], "copy#": r["copy"],
               "device_type": "DISK", "handle": r["handle"], "tag": r["tag"],
               "status": r["status"], "start_time": r["made"], "completion_time": r["made"],
               "bytes": r["bytes"], "compressed": r["compressed"],
               "deleted": "YES" if r["status"] == "D" else "NO",
               "is_recovery_dest_file": "YES" if database.inside(r["handle"], area) else "NO"}


def v_backup_set(c):
    for r in c.control["backup_sets"]:
        yield {"recid": r["recid"], "stamp": r["stamp"], "set_stamp": r["set_stamp"],
               "set_count": r["set_count"], "backup_type": r["type"],
               "controlfile_included": "YES" if r["controlfile"] else "NO",
               "incremental_level": r["level"], "pieces": r["pieces"], "start_time": r["made"],
               "completion_time": r["made"], "block_size": r["block_size"], "keep": "NO"}


def v_backup_datafile(c):
    for r in c.control["backup_datafiles"]:
        yield {"recid": r["recid"], "stamp": r["stamp"], "set_stamp": r["set_stamp"],
               "set_count": r["set_count"], "file#": r["file"],
               "creation_change#": r["creation_scn"], "resetlogs_change#": r["resetlogs_scn"],
               "incremental_level": r["level"], "incremental_change#": r["base_scn"],
               "checkpoint_change#": r["checkpoint_scn"],
               "absolute_fuzzy_change#": r["fuzzy_scn"], "marked_corrupt": 0, "media_corrupt": 0,
               "logically_corrupt": 0, "datafile_blocks": r["datafile_blocks"],
               "blocks": r["blocks"], "block_size": r["block_size"], "completion_time": r["made"],
               "used_change_tracking": "NO"}


def v_backup_redolog(c):
    for r in c.control["backup_redologs"]:
        yield {"recid": r["recid"], "stamp": r["stamp"], "set_stamp": r["set_stamp"],
               "set_count": r["set_count"], "thread#": r["thread"], "sequence#": r["seq"],
               "resetlogs_change#": r["resetlogs_scn"], "first_change#": r["first_scn"],
               "next_change#": r["next_scn"], "blocks": r["blocks"], "block_size": 512,
               "session_key": r["recid"], "filesize": r["blocks"] * 512}


def v_backup_spfile(c):
    for r in c.control["backup_spfiles"]:
        yield {"recid": r["recid"], "stamp": r["stamp"], "set_stamp": r["set_stamp"],
               "set_count": r["set_count"], "bytes": 2048,
               "db_unique_name": c.control["unique_name"]}


def v_datafile_copy(c):
    for r in c.control["datafile_copies"]:
        yield {"recid": r["recid"], "stamp": r["stamp"], "name": r["name"], "tag": r["tag"],
               "file#": r["file"], "creation_change#": r["creation_scn"],
               "resetlogs_change#": r["resetlogs_scn"], "incremental_level": r["level"],
               "checkpoint_change#": r["checkpoint_scn"], "status": r["status"],
               "completion_time": r["made"]}


def v_database_incarnation(c):
    by_scn = {i["resetlogs_scn"]: i["inc"] for i in c.control["incarnations"]}
    for i in c.control["incarnations"]:
        yield {"incarnation#": i["inc"], "resetlogs_change#": i["resetlogs_scn"],
               "resetlogs_time": i["time"], "prior_resetlogs_change#": i["prior"],
               "status": i["status"], "prior_incarnation#": by_scn.get(i["prior"], 0),
               "resetlogs_id": i["time"]}


def v_restore_point(c):
    for r in c.control["restore_points"]:
        yield {"scn": r["scn"], "name": r["name"],
               "guarantee_flashback_database": "YES" if r["guarantee"] else "NO",
               "time": r["time"]}


def dba_tablespaces(c):
    for t in c.control["tablespaces"]:
        yield {"tablespace_name": t["name"], "status": "ONLINE", "contents": "PERMANENT"}


def nothing(_context):
    return ()


ROWS = {name: nothing for name in VIEWS}
ROWS.update({
    "dual": lambda c: [{"dummy": "X"}], "v$instance": v_instance, "v$version": v_version,
    "v$parameter": v_parameter, "v$spparameter": v_spparameter, "v$session": v_session,
    "v$database": v_database, "v$controlfile": v_controlfile, "v$datafile": v_datafile,
    "v$datafile_header": v_datafile_header, "v$tempfile": v_tempfile,
    "v$tablespace": v_tablespace, "v$log": v_log, "v$logfile": v_logfile, "v$thread": v_thread,
    "v$archived_log": v_archived_log, "v$archive_dest": v_archive_dest,
    "v$recovery_file_dest": v_recovery_file_dest,
    "v$block_change_tracking": v_block_change_tracking,
    "v$rman_configuration": v_rman_configuration, "v$rman_status": v_rman_status,
    "v$encryption_wallet": v_encryption_wallet, "v$passwordfile_info": v_passwordfile_info,
    "v$pdbs": v_pdbs, "v$backup_piece": v_backup_piece, "v$backup_set": v_backup_set,
    "v$backup_datafile": v_backup_datafile, "v$backup_redolog": v_backup_redolog,
    "v$backup_archivelog_details": v_backup_redolog, "v$backup_spfile": v_backup_spfile,
    "v$datafile_copy": v_datafile_copy, "v$database_incarnation": v_database_incarnation,
    "v$restore_point": v_restore_point, "dba_tablespaces": dba_tablespaces,
})
