"""orasim: makes hosts and databases, writes rows, compares blocks, holds and breaks what runs."""

import argparse
import json
import os
import sys
import time

from .host import Host, read_json, touch, write_json


def host_of(args):
    if not args.host:
        raise SystemExit("orasim: which host? -H DIR or ORASIM_HOST")
    return Host(args.host)


def instance_of(args):
    from .instance import get
    return get(host_of(args), args.sid)


def new_host(args):
    from .newhost import new_host as make
    host = make(args.directory, args.version, args.owner, args.group, args.name,
                args.read_only_home, args.home)
    print(host.home)


def create_database(args):
    from .create import create_database as make
    from .database import size_value
    make(host_of(args), args.sid, size_value(args.size), args.cdb, not args.noarchivelog,
         not args.pfile, None if args.no_password_file else args.password,
         not args.no_local_listener, size_value(args.redo_size), args.omf, args.dbid,
         recovery_area=not args.no_recovery_area)


def start(args):
    from . import startup
    inst = instance_of(args)
    if inst.state() is None:
        startup.startup(inst, "nomount")
    if args.upto != "nomount" and inst.status() == "STARTED":
        startup.mount(inst)
    if args.upto == "open" and inst.status() == "MOUNTED":
        startup.open_database(inst)


def stop(args):
    from . import startup
    startup.shutdown(instance_of(args), "abort" if args.abort else "immediate")


def status(args):
    from . import access
    print(json.dumps({i.sid: {"status": i.status(), "pid": i.state()["pid"]}
                      for i in access.running(host_of(args))}))


def write_rows(args):
    from .writer import write
    write(instance_of(args), args.count, args.rate, args.until_file, args.continuous)


def table(args):
    from .table import create
    create(instance_of(args), args.name, args.rows)


def rows(args):
    from .table import rows as find
    print(json.dumps(find(instance_of(args))))


def add_datafile(args):
    from . import database
    print(database.add_datafile(instance_of(args), args.tablespace.upper(),
                                database.size_value(args.size), args.path))


def drop_tablespace(args):
    from . import database
    database.drop_tablespace(instance_of(args), args.tablespace.upper())


def read_only(args):
    from . import database
    database.read_only(instance_of(args), args.tablespace.upper(), not args.write)


def switch_log(args):
    from . import database
    inst = instance_of(args)
    with inst.control() as content:
        for _ in range(args.times):
            database.log_switch(inst, content)


def checksum(args):
    from .checksum import checksums
    print(json.dumps(checksums(instance_of(args), args.scn), indent=1))


def scn(args):
    print(instance_of(args).sga()[0])


def site(args):
    from . import site as module
    getattr(module, args.what.replace("-", "_"))(instance_of(args), *args.rest)


def knob(args):
    host = host_of(args)
    host.set_knobs(dict(pair.split("=", 1) for pair in args.settings))


def hold(args):
    touch(host_of(args).path("holds", args.place))


def release(args):
    host = host_of(args)
    for name in os.listdir(host.path("holds")) if args.place == "all" else [args.place]:
        for directory in ("reached", "holds"):
            try:
                os.unlink(host.path(directory, name))
            except FileNotFoundError:
                pass


def wait_reached(args):
    path = host_of(args).path("reached", args.place)
    deadline = time.monotonic() + args.timeout
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise SystemExit(f"orasim: nothing reached {args.place} within {args.timeout} s")
        time.sleep(0.01)


def fault(args):
    from .faults import make
    host = host_of(args)
    path = host.path("faults.json")
    faults = [] if args.clear else read_json(path, [])
    if args.at:
        faults.append(make(args))
    write_json(path, faults)


def making(command):
    one = command("new-host", new_host, "make a bare host", "directory")
    one.add_argument("--version", default="19c")
    one.add_argument("--owner", type=int)
    one.add_argument("--group", type=int)
    one.add_argument("--name", default="host1")
    one.add_argument("--home", default="dbhome_1")
    one.add_argument("--read-only-home", action="store_true")
    one = command("create-database", create_database, "make and open a database", "sid")
    one.add_argument("--size", default="100M")
    one.add_argument("--redo-size", default="16M")
    one.add_argument("--password", default="Oracle_1")
    one.add_argument("--dbid", type=int)
    for flag in ("--cdb", "--noarchivelog", "--pfile", "--no-password-file", "--no-local-listener",
                 "--omf", "--no-recovery-area"):
        one.add_argument(flag, action="store_true")


def breaking(command):
    command("hold", hold, "make runs wait at a place", "place")
    command("release", release, "let them go on (or: all)", "place")
    one = command("wait-reached", wait_reached, "wait until a run waits there", "place")
    one.add_argument("--timeout", type=float, default=60)
    one = command("fault", fault, "break a run at a place")
    one.add_argument("--at")
    one.add_argument("--sid")
    one.add_argument("--clear", action="store_true")
    one.add_argument("--times", type=int, default=1)
    one.add_argument("--stack", help="end with this error: a name of README.md or lines parted by |")
    one.add_argument("--signal", help="die by this signal")
    one.add_argument("--exit", type=int, help="exit with this status, silently")
    one.add_argument("--hang", choices=("soft", "hard"), help="hang; hard: deaf to INT and TERM")
    one.add_argument("--site", help="let the site do something: words of `orasim site`")


def parser():
    top = argparse.ArgumentParser(prog="orasim", description=__doc__)
    top.add_argument("-H", "--host", default=os.environ.get("ORASIM_HOST"))
    sub = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, help_text, *words):
        one = sub.add_parser(name, help=help_text)
        one.set_defaults(function=function)
        for word in words:
            one.add_argument(word)
        return one

    making(command)
    one = command("startup", start, "start an instance", "sid")
    one.add_argument("--upto", choices=("nomount", "mount", "open"), default="open")
    one = command("shutdown", stop, "stop an instance", "sid")
    one.add_argument("--abort", action="store_true")
    command("status", status, "which instances run")
    one = command("write-rows", write_rows, "change blocks, with redo", "sid")
    one.add_argument("--count", type=int, default=1000)
    one.add_argument("--rate", type=int, default=0, help="rows a second; 0: as fast as it goes")
    one.add_argument("--until-file", help="write until this file is there")
    one.add_argument("--continuous", action="store_true", help="write until SIGTERM")
    one = command("table", table, "a table with rows NAME-000001 and on", "sid", "name")
    one.add_argument("--rows", type=int, default=100)
    command("rows", rows, "the rows of all tables, from the data files", "sid")
    one = command("add-datafile", add_datafile, "a new tablespace, or a file for one", "sid",
                  "tablespace")
    one.add_argument("--size", default="4M")
    one.add_argument("--path")
    command("drop-tablespace", drop_tablespace, "with contents and data files", "sid", "tablespace")
    one = command("read-only", read_only, "make a tablespace read only", "sid", "tablespace")
    one.add_argument("--write", action="store_true", help="and back")
    one = command("switch-log", switch_log, "switch and archive the current log", "sid")
    one.add_argument("--times", type=int, default=1)
    one = command("checksum", checksum, "digests of all blocks, as of an SCN", "sid")
    one.add_argument("--scn", type=int)
    command("scn", scn, "the current SCN", "sid")
    one = command("site", site, "what the site does: see README.md", "sid", "what")
    one.add_argument("rest", nargs="*")
    one = command("knob", knob, "NAME=VALUE ..")
    one.add_argument("settings", nargs="+")
    breaking(command)
    return top


def main(argv=None):
    from .errors import OraError
    os.umask(0o027)
    args = parser().parse_args(argv)
    try:
        args.function(args)
    except OraError as error:
        print("\n".join(error.lines), file=sys.stderr)
        return 1
    return 0
