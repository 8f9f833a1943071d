"""SQL*Plus: its own commands, statements on standard input, rows on standard output."""

import os
import re
import sys

from . import access, startup, statements
from .errors import OraError
from .sql_engine import Engine, date_text, number_text

SETTINGS = {
    "echo": "off", "feedback": "6", "heading": "on", "pagesize": "14", "verify": "on",
    "define": "&", "tab": "on", "trimspool": "off", "trimout": "on", "linesize": "80",
    "numwidth": "10", "long": "80", "longchunksize": "80", "sqlblanklines": "off",
    "colsep": " ", "serveroutput": "off", "termout": "on", "wrap": "on", "time": "off",
    "timing": "off", "null": "", "sqlprompt": "SQL> ", "newpage": "1", "underline": "-",
    "autocommit": "off", "escape": "off", "recsep": "wrap", "sqlterminator": ";",
    "exitcommit": "on", "arraysize": "15", "flush": "on", "headsep": "|", "markup": "",
}
SHORT = {"feed": "feedback", "head": "heading", "pages": "pagesize", "ver": "verify",
         "def": "define", "trims": "trimspool", "trim": "trimout", "lines": "linesize",
         "num": "numwidth", "longc": "longchunksize", "sqlbl": "sqlblanklines", "lin": "linesize",
         "numw": "numwidth", "hea": "heading", "term": "termout"}
SQL_WORDS = ("select", "alter", "create", "drop", "insert", "update", "delete", "with", "grant",
             "revoke", "begin", "declare", "merge", "analyze", "truncate", "comment", "rollback",
             "commit")
SIGNED_ON = {11: "Oracle Database 11g", 12: "Oracle Database 12c", 19: "Oracle Database 19c"}


class Leave(Exception):
    def __init__(self, status):
        super().__init__(status)
        self.status = status


class SqlPlus:
    def __init__(self, host, sid, lines, out, silent):
        self.host = host
        self.sid = sid
        self.lines = lines
        self.out = out
        self.silent = silent
        self.inst = None
        self.settings = dict(SETTINGS)
        self.date_mask = os.environ.get("NLS_DATE_FORMAT") or "DD-MON-RR"
        self.on_sqlerror = None
        self.on_oserror = None

    def say(self, *lines):
        for line in lines:
            self.out.write(line + "\n")
        self.out.flush()

    # reading ------------------------------------------------------------------------------------------
    def run(self):
        try:
            while True:
                line = next(self.lines, None)
                if line is None:
                    return 0
                self.command(line)
        except Leave as leave:
            return leave.status

    def command(self, line):
        text = line.strip()
        if not text or text.startswith("--") or re.match(r"rem(ark)?\b", text, re.IGNORECASE):
            return
        word = re.match(r"[A-Za-z@!/]*", text)[0].lower()
        if word in SQL_WORDS:
            self.statement(line)
            return
        text = text.rstrip(";").rstrip()
        rest = text[len(word):].strip()
        for names, function in (
                (("set",), self.set), (("whenever",), self.whenever), (("conn", "connect"), self.connect),
                (("exit", "quit"), self.leave), (("startup",), self.startup),
                (("shutdown",), self.shutdown), (("prompt", "pro"), self.prompt),
                (("disconnect", "disc"), self.disconnect), (("show", "sho"), self.show), (("archive",), self.archive),
                (("column", "col", "define", "spool", "clear", "/"), lambda rest: None)):
            if word in names:
                function(rest)
                return
        shown = text if len(text) <= 10 else text[:10] + "..."
        self.say(f'SP2-0734: unknown command beginning "{shown}" - rest of line ignored.')

    def statement(self, line):
        """Up to `;` at the end of a line, or a `/` alone; an empty line ends the buffer."""
        text = []
        while True:
            bare = line.rstrip()
            if bare.strip() == "/" and text:
                break
            if bare.endswith(";"):
                text.append(bare[:-1])
                break
            if not bare.strip() and self.settings["sqlblanklines"] == "off":
                return  # the buffer stays, nothing runs
            text.append(bare)
            line = next(self.lines, None)
            if line is None:
                return
        self.execute("\n".join(text))

    # SQL*Plus commands --------------------------------------------------------------------------------
    def set(self, rest):
        words = re.findall(r"'[^']*'|\S+", rest)
        if not words:
            self.say("SP2-0281: set missing set option")
            return
        k = 0
        while k < len(words):
            name = words[k].lower()
            name = SHORT.get(name, name)
            if name not in self.settings:
                self.say(f'SP2-0158: unknown SET option "{words[k]}"')
                return
            if k + 1 >= len(words):
                self.say(f"SP2-0265: {name} must be set ON or OFF")
                return
            value = words[k + 1].strip("'")
            if name in ("pagesize", "linesize", "numwidth", "long", "longchunksize"):
                if not self.number_setting(name, value):
                    return
            self.settings[name] = value if value.lower() not in ("on", "off") else value.lower()
            k += 2

    def number_setting(self, name, value):
        limits = {"pagesize": (0, 50000), "linesize": (1, 32767), "numwidth": (2, 50),
                  "long": (1, 2_000_000_000), "longchunksize": (1, 2_000_000_000)}
        low, high = limits[name]
        if not value.isdigit() or not low <= int(value) <= high:
            code = {"linesize": "SP2-0267", "numwidth": "SP2-0267"}.get(name, "SP2-0267")
            self.say(f"{code}: {name} option {value} out of range ({low} through {high})")
            return False
        return True

    def whenever(self, rest):
        match = re.fullmatch(r"(sqlerror|oserror)\s+(exit|continue)(?:\s+(success|failure|warning|\d+"
                             r"|sql\.sqlcode))?(?:\s+(commit|rollback|none))?", rest, re.IGNORECASE)
        if not match:
            self.say('SP2-0739: Must specify EXIT or CONTINUE for WHENEVER command')
            return
        status = None
        if match[2].lower() == "exit":
            status = (match[3] or "success").lower()
        if match[1].lower() == "sqlerror":
            self.on_sqlerror = status
        else:
            self.on_oserror = status

    def leave(self, rest):
        word = (rest.split() or ["success"])[0].lower()
        raise Leave(exit_status(word, 0))

    def prompt(self, rest):
        self.say(rest)

    def show(self, rest):
        name = rest.lower().split(" ")[0]
        if name == "user":
            self.say('USER is "SYS"' if self.inst else 'USER is ""')
        elif name in self.settings:
            self.say(f"{name} {self.settings[name]}")
        else:
            self.say(f'SP2-0158: unknown SHOW option "{rest}"')

    def archive(self, rest):
        """ARCHIVE LOG LIST"""
        if rest.lower() != "log list":
            self.say("SP2-0718: illegal ARCHIVE LOG option")
            return
        if self.need_connection():
            return
        try:
            content = self.inst.read_control()
        except OraError as error:
            self.say(*error.lines)
            return
        on = content["log_mode"] == "ARCHIVELOG"
        used = [log["seq"] for log in content["logs"] if log["seq"]]
        area = self.inst.parameter("db_recovery_file_dest")
        place = self.inst.parameter("log_archive_dest_1").partition("=")[2] or (
            "USE_DB_RECOVERY_FILE_DEST" if area else os.path.join(self.host.dbs, "arch"))
        self.say(f"Database log mode              {'' if on else 'No '}Archive Mode",
                 f"Automatic archival             {'Enabled' if on else 'Disabled'}",
                 f"Archive destination            {place}",
                 f"Oldest online log sequence     {min(used)}")
        if on:
            self.say(f"Next log sequence to archive   {max(used)}")
        self.say(f"Current log sequence           {max(used)}")

    def disconnect(self, _rest):
        self.inst = None

    def connect(self, rest):
        self.inst = None
        try:
            if re.fullmatch(r"/\s+as\s+(sysdba|sysbackup|sysoper)", rest, re.IGNORECASE):
                self.inst = access.local(self.host, self.sid)
            else:
                user, password, service, role = access.parse_connect(rest)
                if role not in ("sysdba", "sysbackup"):
                    raise OraError("ORA-28009: connection as SYS should be as SYSDBA or SYSOPER"
                                   if user.upper() == "SYS" else
                                   "ORA-01017: invalid username/password; logon denied")
                self.inst = access.remote(self.host, user, password, service, self.sid)
        except OraError as error:
            self.say("ERROR:", *error.lines, "", "")
            return
        if self.inst.state() is None:
            self.say("Connected to an idle instance.")
        else:
            self.say("Connected.")

    def startup(self, rest):
        if self.need_connection():
            return
        match = re.fullmatch(r"(?:(force)\s*)?(?:(nomount|mount|open)\s*)?(?:pfile\s*=\s*('[^']+'|\S+)"
                             r"\s*)?(?:(nomount|mount|open)\s*)?", rest, re.IGNORECASE)
        if not match:
            self.say("SP2-0714: invalid combination of STARTUP options")
            return
        upto = (match[2] or match[4] or "open").lower()
        pfile = match[3].strip("'") if match[3] else None
        try:
            if match[1] and self.inst.state():
                startup.shutdown(self.inst, "abort")
            self.host.reach("startup", self.inst.sid)
            startup.startup(self.inst, upto, pfile)
            self.say("ORACLE instance started.", "")
            self.say(*self.memory(), )
            if upto in ("mount", "open"):
                startup.mount(self.inst)
                self.say("Database mounted.")
            if upto == "open":
                startup.open_database(self.inst)
                self.say("Database opened.")
        except OraError as error:
            self.say(*error.lines)

    def memory(self):
        for name, size in (("Total System Global Area", 1610609432), ("Fixed Size", 8897304),
                           ("Variable Size", 385875968), ("Database Buffers", 1207959552),
                           ("Redo Buffers", 7876608)):
            width = int(self.settings["numwidth"])
            yield f"{name:<24} {number_column(size, max(width, 10)):>10} bytes"

    def shutdown(self, rest):
        if self.need_connection():
            return
        how = rest.lower() or "normal"
        if how not in ("normal", "immediate", "transactional", "abort"):
            self.say("SP2-0717: illegal SHUTDOWN option")
            return
        try:
            self.host.reach("shutdown", self.inst.sid)
            self.say(*startup.shutdown(self.inst, how))
        except OraError as error:
            self.say(*error.lines)

    def need_connection(self):
        if self.inst is None:
            self.say("SP2-0640: Not connected")
            return True
        return False

    # statements ---------------------------------------------------------------------------------------
    def execute(self, text):
        if self.need_connection():
            return
        try:
            if text.split()[0].lower() in ("select", "with"):
                rows, columns = Engine(self.inst, self.date_mask).select(text)
                self.print_rows(rows, columns)
            elif text.split()[0].lower() in ("commit", "rollback"):
                self.inst.need("OPEN")
            else:
                done = statements.run(self.inst, text)
                found = re.search(r"nls_date_format\s*=\s*'([^']*)'", text, re.IGNORECASE)
                if found:
                    self.date_mask = found[1]
                if self.settings["feedback"] != "off":
                    self.say("", done, "")
        except OraError as error:
            self.fail(text, error)

    def fail(self, text, error):
        first = text.split("\n")[0]
        self.say(first, "*", "ERROR at line 1:", *error.lines, "", "")
        if self.on_sqlerror is not None:
            code = re.match(r"ORA-(\d+)", error.lines[0])
            raise Leave(exit_status(self.on_sqlerror, int(code[1]) if code else 1))

    # rows ---------------------------------------------------------------------------------------------
    def print_rows(self, rows, columns):
        width = int(self.settings["numwidth"])
        shown = [[self.cell(value, kind, width) for value, (_, kind) in zip(row, columns)]
                 for row in rows]
        widths = []
        for k, (name, kind) in enumerate(columns):
            longest = max((len(line) for row in shown for line in [row[k]]), default=0)
            widths.append(width if kind == "N" else max(longest, len(name) if self.heads() else 0, 1))
        page = int(self.settings["pagesize"])
        for count, row in enumerate(shown):
            if self.heads() and page and count % max(page - 3, 1) == 0:
                self.headings(columns, widths)
            cells = [cell.rjust(widths[k]) if columns[k][1] == "N" else cell.ljust(widths[k])
                     for k, cell in enumerate(row)]
            self.print_line(self.settings["colsep"].join(cells))
        feedback = self.settings["feedback"]
        if feedback != "off":
            if not rows:
                self.say("", "no rows selected", "")
            elif feedback == "on" or len(rows) >= int(feedback):
                self.say("", f"{len(rows)} row{'s' if len(rows) != 1 else ''} selected.", "")

    def heads(self):
        return self.settings["heading"] == "on" and self.settings["pagesize"] != "0"

    def headings(self, columns, widths):
        names = [n.upper() for n, _ in columns]
        self.say("")
        self.print_line(" ".join(n[:w].rjust(w) if columns[k][1] == "N" else n[:w].ljust(w)
                                 for k, (n, w) in enumerate(zip(names, widths))))
        self.print_line(" ".join("-" * w for w in widths))

    def cell(self, value, kind, width):
        if value is None:
            return "" if self.settings["null"] in ("", "off") else self.settings["null"]
        if kind == "N":
            return number_column(value, width)
        if kind in "DT" and not isinstance(value, str):
            return date_text(value, self.date_mask)
        return value if isinstance(value, str) else number_text(value)

    def print_line(self, line):
        """Longer than LINESIZE: goes on in the next line."""
        if self.settings["trimout"] == "on":
            line = line.rstrip(" ")
        size = int(self.settings["linesize"])
        while len(line) > size:
            self.say(line[:size])
            line = line[size:]
        self.say(line)


def number_column(value, width):
    """A number in NUMWIDTH places: rounded, then in exponent form, as SQL*Plus shows it."""
    text = number_text(value)
    if len(text) <= width:
        return text
    number = float(value)
    if "." in text and len(text.split(".")[0]) <= width:
        places = max(width - len(text.split(".")[0]) - 1, 0)
        return f"{number:.{places}f}"
    digits = width - 6 - (number < 0)
    if digits < 1:
        return "#" * width
    mantissa = f"{number:.{digits - 0}E}"
    head, exponent = mantissa.split("E")
    text = f"{head}E{int(exponent):+03d}"
    return text if len(text) <= width else f"{number:.{max(digits - 1, 0)}E}"


def exit_status(word, code):
    if word == "success":
        return 0
    if word == "failure":
        return 1
    if word == "warning":
        return 2
    if word == "sql.sqlcode":
        return code & 0xFF
    return int(word) & 0xFF


def main(host, argv):
    sid, trouble = access.environment(host, "sqlplus")
    if trouble:
        print("\n".join(trouble))
        return 1
    silent, log_on = False, None
    for word in argv:
        if word in ("-S", "-s", "-SILENT", "-silent"):
            silent = True
        elif word in ("-L", "-l", "-LOGON"):
            pass
        elif word.startswith("-") and word.upper() not in ("-V",):
            print(f"SQL*Plus: Release {host.version['release']} - Production\n\n"
                  "Usage 1: sqlplus -H | -V")
            return 1
        else:
            log_on = word if log_on is None else log_on + " " + word
    if "-V" in argv or "-v" in argv:
        print(f"\nSQL*Plus: Release {host.version['release']} - Production\n")
        return 0
    if not silent:
        print(f"\nSQL*Plus: Release {host.version['release']} - Production\n\nCopyright (c) 1982, "
              f"{host.version['copyright']}, Oracle.  All rights reserved.\n")
    plus = SqlPlus(host, sid, (line.rstrip("\n") for line in sys.stdin), sys.stdout, silent)
    host.reach("sqlplus", sid)
    if log_on and log_on.lower() != "/nolog":
        plus.connect(log_on)
        if plus.inst is None:
            plus.say("SP2-0751: Unable to connect to Oracle.  Exiting SQL*Plus")
            return 1
    status = plus.run()
    if plus.inst is not None and not silent and plus.inst.state():
        print(f"Disconnected from {SIGNED_ON[host.number[0]]} {host.knob('edition')} Edition "
              f"Release {host.version['release']} - Production")
    return status
