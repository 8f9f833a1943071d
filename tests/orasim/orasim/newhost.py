"""Makes a host: directories, the Oracle home with its programs, an empty oratab."""

import json
import os

from .host import VERSIONS, Host, home_of, write_json

PROGRAM = """#!/usr/bin/python3 -SE
# One of Oracle's programs, simulated.
import os, sys
sys.dont_write_bytecode = False
sys.pycache_prefix = {cache!r}
sys.path.insert(0, {package!r})
from orasim.programs import start
start({name!r}, {directory!r})
"""


def new_host(directory, version="19c", owner=None, group=None, name="host1", read_only_home=False,
             home_name="dbhome_1"):
    """A bare host in `directory`, which may exist."""
    if version not in VERSIONS:
        raise SystemExit(f"orasim: version {version}: there are {', '.join(VERSIONS)}")
    directory = os.path.abspath(directory)
    owner = os.geteuid() if owner is None else owner
    group = (os.getegid() if owner == os.geteuid() else owner) if group is None else group
    sim = os.path.join(directory, "sim")
    if os.path.exists(os.path.join(sim, "host.json")):
        raise SystemExit(f"orasim: {directory} is a host already")
    for part in ("holds", "reached", "instances", "dropped", "journal", "cache", "output"):
        os.makedirs(os.path.join(sim, part), exist_ok=True)
        os.chmod(os.path.join(sim, part), 0o777)
    os.chmod(sim, 0o777)
    with open(os.path.join(sim, "host.json"), "w", encoding="utf-8") as file:
        json.dump({"version": version, "owner": owner, "group": group, "name": name,
                   "home": home_name}, file)
    write_json(os.path.join(sim, "knobs.json"), {})
    home = home_of(directory, version, home_name)
    for part in (os.path.join(home, "bin"), os.path.join(home, "dbs"), os.path.join(home, "lib"),
                 os.path.join(home, "network/admin"), os.path.join(home, "rdbms/admin"),
                 os.path.join(directory, "u01/app/oracle/admin"),
                 os.path.join(directory, "u01/app/oracle/diag"),
                 os.path.join(directory, "u02/oradata"), os.path.join(directory, "u03/fra"),
                 os.path.join(directory, "etc")):
        os.makedirs(part, exist_ok=True)
    host = Host(directory)
    programs = ["rman", "sqlplus", "lsnrctl", "dbca"]
    if VERSIONS[version]["number"] >= (18, 0):
        programs += ["orabaseconfig", "orabasehome"]
    for program in programs:
        write_program(host, program)
    templates = os.path.join(home, "assistants/dbca/templates")
    os.makedirs(templates)
    with open(os.path.join(templates, "General_Purpose.dbc"), "w", encoding="utf-8") as file:
        file.write('<DatabaseTemplate name="General Purpose" description="" version="0"/>\n')
    if read_only_home:
        make_read_only_home(host)
    if not os.path.exists(host.oratab):
        with open(host.oratab, "w", encoding="utf-8") as file:
            file.write("# Entries are of the form SID:ORACLE_HOME:<N|Y>\n")
    if owner != os.geteuid():
        for root, directories, files in os.walk(directory):
            for entry in directories + files:
                if not root.startswith(os.path.join(sim, "cache")):
                    os.chown(os.path.join(root, entry), owner, group, follow_symlinks=False)
        os.chown(directory, owner, group)
    return host


def write_program(host, program):
    path = os.path.join(host.home, "bin", program)
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(path, "w", encoding="utf-8") as file:
        file.write(PROGRAM.format(cache=host.path("cache"), package=package, name=program,
                                  directory=host.directory))
    os.chmod(path, 0o755)


def make_read_only_home(host):
    """orabasetab says Y: dbs and network/admin lie below the Oracle base."""
    os.makedirs(os.path.join(host.base, "dbs"), exist_ok=True)
    os.makedirs(os.path.join(host.base, "homes/OraDB19Home1/network/admin"), exist_ok=True)
    with open(host.path("host.json"), encoding="utf-8") as file:
        settings = json.load(file)
    settings["read_only_home"] = True
    write_json(host.path("host.json"), settings)
