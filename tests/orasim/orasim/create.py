"""Creates a database: files, control files, spfile, password file, network alias, oratab line."""

import hashlib
import os
import random

from . import blocks, controlfile, database, parameters, redo, startup
from .instance import get

LOG_BYTES = 16 << 20

#: tablespace, share of the size, file name, container; of a plain and of a container database
PLAIN = [("SYSTEM", .30, "system01.dbf", 1), ("SYSAUX", .25, "sysaux01.dbf", 1),
         ("UNDOTBS1", .10, "undotbs01.dbf", 1), ("USERS", .35, "users01.dbf", 1)]
CONTAINER = [("SYSTEM", .25, "system01.dbf", 1), ("SYSAUX", .20, "sysaux01.dbf", 1),
             ("UNDOTBS1", .08, "undotbs01.dbf", 1), ("USERS", .05, "users01.dbf", 1),
             ("SYSTEM", .06, "pdbseed/system01.dbf", 2), ("SYSAUX", .06, "pdbseed/sysaux01.dbf", 2),
             ("SYSTEM", .10, "PDB1/system01.dbf", 3), ("SYSAUX", .08, "PDB1/sysaux01.dbf", 3),
             ("USERS", .12, "PDB1/users01.dbf", 3)]


def create_database(host, sid, size, cdb=False, archivelog=True, spfile=True, password="Oracle_1",
                    local_listener=True, redo_bytes=LOG_BYTES, omf=False, dbid=None, pause=None,
                    recovery_area=True, pdb="PDB1"):
    """Makes and opens a database of about `size` bytes. pause(percent): called on the way."""
    if cdb and host.number < (12, 1):
        raise SystemExit("orasim: there are no container databases in 11.2")
    pause = pause or (lambda percent: None)
    data = os.path.join(host.oradata, sid.upper())
    admin = os.path.join(host.base, "admin", sid, "adump")
    for directory in (data, admin, host.fra, host.dbs, host.network,
                      os.path.join(host.fra, sid.upper())):
        os.makedirs(directory, exist_ok=True)
        host.own(directory)
    host.own(os.path.dirname(admin))
    values = _values(host, sid, data, admin, cdb, local_listener)
    if not recovery_area:
        del values["db_recovery_file_dest"], values["db_recovery_file_dest_size"]
    _configuration(host, sid, values, spfile, password, local_listener)
    dbid = dbid or random.randrange(1_000_000_000, 4_294_967_295)
    content = controlfile.new(values["db_name"][0].upper(), sid.upper(), dbid, cdb, archivelog)
    pause(40)
    _files(host, content, data, size, cdb, omf)
    for one in content["pdbs"]:
        one["name"] = pdb if one["name"] == "PDB1" else one["name"]
    _logs(host, content, data, redo_bytes)
    controlfile.write(values["control_files"], content, host.own)
    _oratab(host, sid)
    pause(60)
    inst = get(host, sid)
    startup.startup(inst, "nomount")
    startup.mount(inst)
    startup.open_database(inst, first=True)
    with inst.control() as content:
        database.dictionary_write(inst, content)
        database.log_switch(inst, content)
    pause(100)
    return inst


def _values(host, sid, data, admin, cdb, local_listener):
    values = dict(parameters.DEFAULTS)
    values.update({
        "db_name": [sid[:8]], "db_unique_name": [sid.upper()],
        "control_files": [os.path.join(data, "control01.ctl"),
                          os.path.join(host.fra, sid.upper(), "control02.ctl")],
        "db_recovery_file_dest": [host.fra], "db_recovery_file_dest_size": ["20G"],
        "audit_file_dest": [admin], "diagnostic_dest": [host.base], "db_block_size": ["8192"],
        "db_create_file_dest": [host.oradata], "undo_tablespace": ["UNDOTBS1"],
        "compatible": [".".join(map(str, host.number)) + ".0"]})
    if cdb:
        values["enable_pluggable_database"] = ["TRUE"]
    if local_listener:
        values["local_listener"] = [f"LISTENER_{sid.upper()}"]
    return values


def _configuration(host, sid, values, spfile, password, local_listener):
    if spfile:
        parameters.spfile_write(os.path.join(host.dbs, f"spfile{sid}.ora"), values, host.own)
    else:
        path = os.path.join(host.dbs, f"init{sid}.ora")
        with open(path, "w", encoding="utf-8") as file:
            file.write(parameters.to_text(values))
        host.own(path)
    if password is not None:
        password_file(host, sid, password)
    else:
        values["remote_login_passwordfile"] = ["NONE"]
    names = os.path.join(host.network, "tnsnames.ora")
    with open(names, "a", encoding="utf-8") as file:
        if local_listener:
            file.write(f"LISTENER_{sid.upper()} =\n  (ADDRESS = (PROTOCOL = TCP)(HOST = localhost)"
                       "(PORT = 1521))\n\n")
        file.write(f"{sid.upper()} =\n  (DESCRIPTION =\n    (ADDRESS = (PROTOCOL = TCP)(HOST = "
                   f"localhost)(PORT = 1521))\n    (CONNECT_DATA =\n      (SERVER = DEDICATED)\n"
                   f"      (SERVICE_NAME = {sid.upper()})\n    )\n  )\n\n")
    host.own(names)


def password_file(host, sid, password):
    """orapwd: a binary file that holds no password, only what checks one."""
    path = os.path.join(host.dbs, f"orapw{sid}")
    salt = os.urandom(16)
    body = b"ORACLE Remote Password file".ljust(512, b"\0") + salt + hashlib.pbkdf2_hmac(
        "sha256", password.encode(), salt, 1000)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(fd, "wb") as file:
        file.write(body.ljust(6144, b"\0"))
    host.own(path)


def password_right(host, sid, password):
    """True, False, or None when there is no password file."""
    path = os.path.join(host.dbs, f"orapw{sid}")
    if not host.readable(path):
        return None
    with open(path, "rb") as file:
        body = file.read()
    return hashlib.pbkdf2_hmac("sha256", password.encode(), body[512:528], 1000) == body[528:560]


def _files(host, content, data, size, cdb, omf):
    shares = CONTAINER if cdb else PLAIN
    content["tablespaces"] = []
    numbers = iter([1, 3, 4, 7, 5, 6, 9, 10, 12] if cdb else [1, 2, 3, 4])
    for name, share, path, con in shares:
        ts = {"ts": len(content["tablespaces"]), "name": name, "included": "YES", "con": con}
        content["tablespaces"].append(ts)
        number = next(numbers)
        full = os.path.join(data, path)
        if omf:
            full = os.path.join(data, "datafile",
                                f"o1_mf_{name.lower()}_{database.omf_hash()}_.dbf")
        os.makedirs(os.path.dirname(full), exist_ok=True)
        host.own(os.path.dirname(full))
        n = max(int(size * share) // blocks.BLOCK, 64)
        file = {"file": number, "creation_scn": number + 6, "name": full, "ts": ts["ts"],
                "blocks": n, "status": "SYSTEM" if name == "SYSTEM" and con == 1 else "ONLINE",
                "enabled": "READ ONLY" if con == 2 else "READ WRITE", "checkpoint_scn": 100,
                "unrecoverable": 0, "con": con, "made": controlfile.now()}
        content["datafiles"].append(file)
        blocks.file_create(full, database.header_of(content, file), host.own, used=n - n // 20,
                           scn=50)
    content["datafiles"].sort(key=lambda f: f["file"])
    temp = os.path.join(data, "temp01.dbf")
    content["tempfiles"] = [{"file": 1, "name": temp, "bytes": 1 << 20, "con": 1}]
    startup.make_tempfile(host, temp, 1 << 20)
    content["checkpoint_scn"] = 100
    if cdb:
        content["pdbs"] = [
            {"con": 2, "name": "PDB$SEED", "mode": "READ ONLY", "guid": _guid()},
            {"con": 3, "name": "PDB1", "mode": "READ WRITE", "guid": _guid()}]
    if cdb and host.number >= (12, 1) or host.number >= (12, 2):
        content["autobackup_default"] = "ON"


def _guid():
    return "".join(random.choice("0123456789ABCDEF") for _ in range(32))


def _logs(host, content, data, redo_bytes):
    for group in (1, 2, 3):
        log = {"group": group, "thread": 1, "seq": group if group == 1 else 0, "first_scn": 100,
               "next_scn": 0, "status": "CURRENT" if group == 1 else "UNUSED", "bytes": redo_bytes,
               "used": 0, "members": [os.path.join(data, f"redo{group:02}.log")]}
        content["logs"].append(log)
        for member in log["members"]:
            redo.log_create(member, database.log_header(content, log), host.own)


def _oratab(host, sid):
    with open(host.oratab, "a", encoding="utf-8") as file:
        file.write(f"{sid}:{host.home}:N\n")
    host.own(host.oratab)
