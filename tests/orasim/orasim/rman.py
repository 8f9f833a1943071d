"""Recovery Manager: reads commands from standard input, runs them, prints what RMAN prints."""

import os
import re
import signal
import sys
import time

from . import access, controlfile
from .errors import OraError, ora, os_lines, text
from .rman_commands import COMMANDS
from .rman_errors import RmanError
from .rman_parse import RmanSyntax, Reader, complete, split_block, tokens
from .sql_engine import date_text

LINE_COMMANDS = re.compile(r"\s*(exit|quit|connect|startup|shutdown|set|spool|host|alter database)\b",
                           re.IGNORECASE)
RULE = "RMAN-00571: ==========================================================="
TITLE = "RMAN-00569: =============== ERROR MESSAGE STACK FOLLOWS ==============="


class Channel:
    def __init__(self, name, sid, destination=None, max_piece=0, form=None):
        self.name, self.sid = name, sid
        self.destination, self.max_piece, self.format = destination, max_piece, form


class Rman:
    def __init__(self, host, sid, out):
        self.host = host
        self.sid = sid
        self.out = out
        self.inst = None
        self.default_session = None
        self.announced = False      # "using target database control file .." was printed
        self.channels = []          # of the run block, or ORA_DISK_n
        self.in_run = False
        self.run = {}               # settings of the run block: until, copies, archivelog, id
        self.dbid = None
        self.command_id = ""
        self.compression = None
        self.failed = False
        self.last_failed = False
        self.pieces = 0             # pieces begun by this process: places of holds and faults
        self.autobackup_due = False
        self.helper = None
        self.interrupted = False
        self.piece_file = None
        signal.signal(signal.SIGINT, self.on_interrupt)
        signal.signal(signal.SIGTERM, self.on_terminate)
        signal.signal(signal.SIGUSR1, lambda *_: None)

    # signals ------------------------------------------------------------------------------------------
    def on_interrupt(self, *_):
        self.interrupted = True

    def on_terminate(self, *_):
        """Dies of the signal; the server cleans up what it was writing."""
        if self.piece_file is not None and not self.host.knob("lingering_session"):
            self.piece_file.abandon()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    def check(self):
        """Called wherever time passes: was the run interrupted, or its session killed?"""
        if self.interrupted:
            self.interrupted = False
            raise RmanError("RMAN-03099: job cancelled at user request")
        if not self.inst:
            return
        sids = [c.sid for c in self.channels] + ([self.default_session] if self.default_session
                                                 else [])
        if any(self.inst.session_killed(sid) for sid in sids):
            raise ora("ORA-00028")
        if sids and self.inst.state() is None:
            raise OraError("ORA-03113: end-of-file on communication channel")

    # printing -----------------------------------------------------------------------------------------
    def say(self, *lines):
        for line in lines:
            self.out.write(line + "\n")
        self.out.flush()

    def date(self):
        """Follows NLS_DATE_FORMAT."""
        return date_text(controlfile.now(), os.environ.get("NLS_DATE_FORMAT") or "DD-MON-RR")

    def announce(self):
        if not self.announced:
            self.announced = True
            self.say("using target database control file instead of recovery catalog")

    def stack(self, lines):
        self.say(RULE, TITLE, RULE, *lines)

    def fail(self, name, error):
        """The frame around a failed command."""
        self.failed = self.last_failed = True
        now = time.strftime("%m/%d/%Y %H:%M:%S")
        if self.in_run:
            self.release_channels()
        top = getattr(error, "top", None)
        name = getattr(error, "name", None) or name
        if top is None:
            top = f"RMAN-03002: failure of {name} command at {now}"
        self.stack([top.replace("{now}", now), *error.lines])

    # connection ---------------------------------------------------------------------------------------
    def need(self, *states):
        """The instance in one of these states, else RMAN's stack for it."""
        if self.inst is None:
            raise RmanError("RMAN-06171: not connected to target database")
        state = self.inst.state()
        if state is None:
            raise RmanError("RMAN-06403: could not obtain a fully authorized session",
                            "RMAN-04005: error from target database: ", text("ORA-01034"),
                            text("ORA-27101"), *os_lines(2), "Additional information: 4376",
                            "Additional information: 964975255")
        if state["status"] not in states:
            raise RmanError(text("ORA-01507") if state["status"] == "STARTED"
                            else "RMAN-06496: must use the TO clause when the database is mounted "
                                 "or open" if states == ("STARTED",) else text("ORA-01109"))
        if self.default_session is None:
            self.log_on()
        return state

    def log_on(self):
        self.default_session = self.inst.log_on(f"rman@{self.host.name} (TNS V1-V3)",
                                                client_info=self.client_info("default"))

    def client_info(self, channel):
        return f"id={self.command_id},rman channel={channel}" if self.command_id \
            else f"rman channel={channel}"

    def set_command_id(self, value):
        self.command_id = value
        for name, sid in [(c.name, c.sid) for c in self.channels] + [("default",
                                                                     self.default_session)]:
            if sid:
                self.inst.session_set(sid, client_info=self.client_info(name))

    # channels -----------------------------------------------------------------------------------------
    def allocate(self, name, destination=None, max_piece=0, form=None):
        pid = None
        if self.host.knob("lingering_session"):
            pid = self.spawn_helper()
        sid = self.inst.log_on(f"rman@{self.host.name} (TNS V1-V3)", pid, self.client_info(name))
        channel = Channel(name, sid, destination, max_piece, form)
        self.channels.append(channel)
        self.say(f"allocated channel: {name}", f"channel {name}: SID={sid} device type=DISK")
        return channel

    def spawn_helper(self):
        """A server process that outlives this one; ends when its session is killed, or at our end."""
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(write_end)
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
            with open("/proc/self/comm", "w", encoding="ascii") as comm:
                comm.write(f"oracle{self.sid}")
            null = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            if os.read(read_end, 1) == b"b":
                os._exit(0)
            while self.inst.state() is not None:
                time.sleep(0.1)
            os._exit(0)
        os.close(read_end)
        self.helper = write_end
        return pid

    def automatic_channel(self):
        """ORA_DISK_1, or those of the run block."""
        if self.channels:
            if not self.in_run:
                self.say(f"using channel {self.channels[0].name}")
            return
        self.allocate("ORA_DISK_1")

    def release_channels(self):
        for channel in self.channels:
            self.inst.log_off(channel.sid)
            self.say(f"released channel: {channel.name}")
        self.channels = []
        self.end_helper()

    def end_helper(self):
        if self.helper is not None:
            os.write(self.helper, b"b")
            os.close(self.helper)
            self.helper = None

    def log_off(self):
        for sid in [c.sid for c in self.channels] + [self.default_session]:
            if self.inst is not None and sid:
                self.inst.log_off(sid)
        self.default_session = None
        self.channels = []
        self.end_helper()

    # what every repository command begins with -----------------------------------------------------------
    def repository(self):
        """The implicit crosscheck after a restored control file was mounted."""
        from . import repository
        self.need("MOUNTED", "OPEN")
        if self.inst.read_control()["implicit_crosscheck"]:
            repository.implicit_crosscheck(self)
        self.repository_check_dbid()

    def repository_check_dbid(self):
        """SET DBID and the mounted database must agree."""
        if self.dbid is not None:
            found = self.inst.read_control()["dbid"]
            if found != self.dbid:
                raise RmanError(f"RMAN-06189: current DBID {self.dbid} does not match target mounted "
                                f"database ({found})")

    def announce_set(self, what):
        self.say(f"executing command: {what}")
        if self.in_run:
            self.say("")

    def note(self, operation, status="COMPLETED", kind=None):
        """A row of V$RMAN_STATUS."""
        if self.inst and self.inst.status() in ("MOUNTED", "OPEN"):
            with self.inst.control() as content:
                controlfile.add(content, "rman_status", operation=operation, status=status,
                                object=kind)

    # commands -----------------------------------------------------------------------------------------
    def execute(self, text_in):
        """One command of the prompt."""
        self.last_failed = False
        try:
            listed = tokens(text_in)
            while listed and listed[-1].value == ";" and listed[-1].kind == "op":
                listed.pop()
            if not listed:
                return True
            if listed[0].value.lower() in ("exit", "quit") and len(listed) == 1:
                return False
            if listed[0].value.lower() == "run":
                self.run_block([self.parse(part, True) for part in split_block(listed)])
            else:
                self.perform(*self.parse(listed, False))
        except RmanSyntax as error:
            self.failed = self.last_failed = True
            self.stack(["RMAN-00558: error encountered while parsing input commands", *error.lines])
        return True

    def parse(self, listed, in_run):
        """(name, where it may stand, function, arguments)"""
        for phrase, name, where, arguments, function in COMMANDS:
            reader = Reader(listed)
            if reader.word(phrase):
                found = arguments(reader)
                reader.end()
                return name, where, function, found
        token = listed[0]
        from .rman_parse import WORDS
        raise RmanSyntax(token.found(), WORDS, token.line, token.column,
                         token.value if token.kind == "word" else None)

    def perform(self, name, where, function, arguments):
        """False when the command failed."""
        try:
            if where == "run" and not self.in_run:
                raise RmanError("RMAN-03031: this option of set command needs to be used inside a "
                                "run block")
            if where == "prompt" and self.in_run:
                raise RmanError("RMAN-03032: this option of set command needs to be used outside of "
                                "a run block" if name == "set" else
                                "RMAN-03033: command not allowed inside a run block")
            self.check()
            if self.autobackup_due and name != "backup":
                self.autobackup()
            self.host.reach(f"rman-{name.replace(' ', '-')}", self.sid, self)
            function(self, **arguments)
            return True
        except (RmanError, OraError) as error:
            self.fail(name, error)
            return False

    def autobackup(self):
        from . import backup
        self.autobackup_due = False
        backup.autobackup(self)

    def run_block(self, commands):
        self.in_run, self.run = True, {}
        kept, self.channels = self.channels, []
        for channel in kept:
            self.inst.log_off(channel.sid)
            self.say(f"released channel: {channel.name}")
        try:
            for command in commands:
                if not self.perform(*command):
                    break
            else:
                if self.autobackup_due:
                    try:
                        self.autobackup()
                    except (RmanError, OraError) as error:
                        self.fail("backup", error)
            self.release_channels()
        finally:
            self.in_run, self.run = False, {}
            self.autobackup_due = False


def banner(host):
    v = host.version
    number = "19.0.0.0.0" if host.number >= (18, 0) else v["release"]
    yield ""
    yield f"Recovery Manager: Release {number} - Production on {time.strftime('%a %b %e %H:%M:%S %Y')}"
    if host.number >= (18, 0):
        yield f"Version {v['full']}"
    yield ""
    yield (f"Copyright (c) 1982, {v['copyright']}, Oracle and/or its affiliates.  All rights "
           "reserved.")
    yield ""


class Recorder:
    """Standard output, and a copy of each line in the simulator's own folder: tests look there
    whether each line is one that RMAN could have printed."""

    def __init__(self, host):
        self.out = sys.stdout
        self.copy = open(host.path("output", f"rman-{os.getpid()}.txt"), "a", encoding="utf-8")

    def write(self, data):
        self.out.write(data)
        self.copy.write(data)

    def flush(self):
        self.copy.flush()
        self.out.flush()


def main(host, argv):
    sid, trouble = access.environment(host, "rman")
    if trouble:
        print("\n".join(trouble))
        return 1
    rman = Rman(host, sid, Recorder(host))
    rman.say(*banner(host))
    if argv and re.fullmatch(r"target=?", argv[0]):
        argv = argv[1:]
        if not rman.perform(*rman.parse(tokens("connect target " + (argv[0] if argv else "/")),
                                        False)):
            return 1
    buffer, number = "", 1
    rman.out.write("RMAN> ")
    rman.out.flush()
    while True:
        line = sys.stdin.readline()
        if line == "":
            rman.say("")
            break
        buffer += line
        if not (complete(buffer) or number == 1 and LINE_COMMANDS.match(line)):
            number += 1
            rman.out.write(f"{number}> ")
            rman.out.flush()
            continue
        rman.say("")
        if not rman.execute(buffer):
            break
        buffer, number = "", 1
        rman.out.write("\nRMAN> ")
        rman.out.flush()
    rman.log_off()
    rman.say("", "", "Recovery Manager complete.")
    failed = rman.failed if host.knob("exit_status") == "any" else rman.last_failed
    return 1 if failed else 0
