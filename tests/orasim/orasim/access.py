"""Who may connect: the environment of a program, OS authentication, user/password@service."""

import os
import re

from .create import password_right
from .errors import OraError, ora
from .instance import get


def environment(host, program):
    """ORACLE_SID; or the lines a program prints when its environment cannot work."""
    home = os.environ.get("ORACLE_HOME", "")
    if not home or os.path.realpath(home) != os.path.realpath(host.home):
        if program == "rman":
            return None, ["Message file RMAN<lang>.msb not found",
                          "Verify that ORACLE_HOME is set properly"]
        return None, ["Error 6 initializing SQL*Plus",
                      "SP2-0667: Message file sp1<lang>.msb not found",
                      "SP2-0750: You may need to set ORACLE_HOME to your Oracle software directory"]
    return os.environ.get("ORACLE_SID", ""), []


def local(host, sid):
    """connect / as sysdba"""
    if os.environ.get("TWO_TASK") or os.environ.get("ORACLE_PDB_SID"):
        raise ora("ORA-12154")
    if not sid:
        raise ora("ORA-12162")
    if host.knob("os_auth") == "refuse" or os.geteuid() not in (0, host.owner):
        raise ora("ORA-01031")
    return get(host, sid)


def remote(host, user, password, service, sid):
    """connect user/password[@service] as sysdba; without a service: the local instance."""
    if service:
        sid = service_instance(host, service)
    elif not sid:
        raise ora("ORA-12162")
    inst = get(host, sid)
    if not service and inst.state() is None and os.geteuid() in (0, host.owner):
        return inst
    right = password_right(host, inst.sid, password)
    if right is None:
        raise ora("ORA-01031" if service else "ORA-01017")
    if not right or user.upper() not in ("SYS", "SYSBACKUP"):
        raise ora("ORA-01017")
    return inst


def service_instance(host, service):
    """The SID behind a net service: an alias of tnsnames.ora or host[:port]/service."""
    easy = re.fullmatch(r"(?://)?[\w.-]+(?::\d+)?/([\w.$#]+)", service)
    name = easy[1] if easy else None
    if name is None:
        path = os.path.join(host.network, "tnsnames.ora")
        body = ""
        if host.readable(path):
            with open(path, encoding="utf-8") as file:
                body = file.read()
        found = re.search(rf"^{re.escape(service)}\s*=(.*?)(?:^\S|\Z)", body,
                          re.MULTILINE | re.DOTALL | re.IGNORECASE)
        named = re.search(r"SERVICE_NAME\s*=\s*([\w.$#]+)", found[1]) if found else None
        if not named:
            raise ora("ORA-12154")
        name = named[1]
    if host.knob("listener") == "down":
        raise ora("ORA-12541")
    for inst in running(host):
        if inst.parameter("db_unique_name").upper() == name.upper():
            if inst.status() == "STARTED":
                raise OraError("ORA-12528: TNS:listener: all appropriate instances are blocking new "
                               "connections")
            return inst.sid
    raise ora("ORA-12514")


def running(host):
    """The instances of this host that run."""
    place = host.path("instances")
    sids = sorted(n[:-5] for n in os.listdir(place) if n.endswith(".json")) \
        if os.path.isdir(place) else []
    return [inst for inst in (get(host, sid) for sid in sids) if inst.state() is not None]


def parse_connect(text):
    """(user, password, service, as what) of `user/"password"@service as sysdba`."""
    match = re.fullmatch(r'\s*"?([^/\s"]*)/("(?:[^"]*)"|[^@\s"]*)(?:@("[^"]*"|[^\s"]+))?"?'
                         r'(?:\s+as\s+(\w+))?\s*', text, re.IGNORECASE)
    if not match:
        raise OraError("ORA-01017: invalid username/password; logon denied")
    service = (match[3] or "").strip('"')
    return match[1], match[2].strip('"'), service, (match[4] or "").lower()
