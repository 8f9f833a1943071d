"""Oracle's simulated programs run by hand, with the product's own scripts, as a restore would run them.

Every line they print must have a shape of tests/data/rman/shapes.txt."""

import os
import re
import shutil
import subprocess

from . import paths

SHAPES = paths.TOP / "tests/data/rman/shapes.txt"
TAG = "LEVEL0-20261122T061044Z"


def read_shapes():
    """[(group, pattern)]"""
    group, found = "", []
    for line in SHAPES.read_text().splitlines():
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1]
        elif line[:2] in ("V ", "K ") or line in ("V", "K"):
            found.append((group, re.compile(line[2:])))
    return found


def without_shape(lines, shapes, groups):
    patterns = [pattern for group, pattern in shapes if group in groups]
    return [line for line in lines if not any(p.fullmatch(line) for p in patterns)]


RMAN_GROUPS = (
    "banner",
    "connect",
    "backup",
    "restore",
    "recover",
    "catalog",
    "crosscheck",
    "delete",
    "uncatalog",
    "errors",
)


def scripts(*words):
    """A script as the product writes it."""
    tool = next(b / "tests/tools/oracle-scripts" for b in (paths.PLAIN, paths.SANITIZED) if (b / "tests/tools/oracle-scripts").exists())
    done = subprocess.run([str(tool), *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Programs:
    """rman, sqlplus and lsnrctl of a host, for one instance."""

    shapes = read_shapes()

    def __init__(self, host, sid):
        self.host, self.sid = host, sid

    def environment(self):
        """The whole of it, as the product sets it."""
        return {
            "ORACLE_HOME": self.host.home,
            "ORACLE_SID": self.sid,
            "PATH": f"{self.host.home}/bin:/usr/bin:/bin",
            "LD_LIBRARY_PATH": f"{self.host.home}/lib",
            "NLS_LANG": "AMERICAN_AMERICA.AL32UTF8",
            "NLS_DATE_FORMAT": "YYYY-MM-DD HH24:MI:SS",
            "LC_ALL": "C",
        }

    def run(self, program, script, *words, groups=RMAN_GROUPS, environment=None):
        done = subprocess.run(
            [f"{self.host.home}/bin/{program}", *words],
            input=script,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment or self.environment(),
        )
        assert "Traceback" not in done.stderr, done.stderr
        strange = without_shape(done.stdout.splitlines(), self.shapes, groups)
        assert not strange, f"{program} printed what no shape stands for: {strange[:5]}"
        return done.returncode, done.stdout

    def start(self, program, script, *words):
        """The process itself, its script written."""
        process = subprocess.Popen(
            [f"{self.host.home}/bin/{program}", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )
        process.stdin.write(script)
        process.stdin.close()
        return process

    def rman(self, script):
        return self.run("rman", script)

    def sql(self, script):
        return self.run("sqlplus", script, "-S", "-L", "/nolog", groups=("sqlplus",))

    def ask(self, *queries):
        """The rows of some queries, in columns; the last line must be ~OK~."""
        preamble = scripts("mount").split("alter database mount;")[0]
        status, out = self.sql(preamble + "\n".join(q + ";" for q in queries) + "\nselect '~OK~' from dual;\nexit success\n")
        assert status == 0 and out.endswith("~OK~\n"), out
        return [line.split("\x1f")[2:] for line in out.splitlines() if line.startswith("~R~")]


def row(*columns):
    """The select list that gives one row of the product's form."""
    return "select '~R~'||chr(31)||'T'" + "".join(f"||chr(31)||nvl(to_char({c}),'')" for c in columns)


class Kept:
    """What a backup leaves outside of the host: pieces, parameter, password and network files, and the facts of its record."""

    def __init__(self, programs, staging, keep, tag=TAG, blocks=True):
        self.sid, self.staging, self.tag, self.keep = programs.sid, staging, tag, keep
        host = programs.host
        self.folder = host.folder
        (dbid,) = programs.ask(row("dbid") + " from v$database")[0]
        self.dbid = int(dbid)
        files = programs.ask(
            row("bd.checkpoint_change#", "bd.absolute_fuzzy_change#")
            + " from v$backup_datafile bd, v$backup_piece bp where bp.set_stamp = bd.set_stamp and bp.set_count = bd.set_count"
            + f" and bp.tag = '{tag}' and bd.file# > 0"
        )
        self.low = min(int(c) for c, _ in files)
        self.fuzzy = max(max(int(c), int(f or 0)) for c, f in files)
        logs = programs.ask(
            row("max(rl.next_change#)")
            + " from v$backup_redolog rl, v$backup_piece bp where bp.set_stamp = rl.set_stamp and bp.set_count = rl.set_count"
            + f" and bp.tag = '{tag}'"
        )
        self.until = int(logs[0][0])
        self.incarnation = programs.ask(row("incarnation#") + " from v$database_incarnation where status = 'CURRENT'")[0][0]
        self.blocks = host.checksum(self.sid, self.until) if blocks else None
        keep.mkdir()
        self.files = {}
        for directory in ("dbs", "network/admin"):
            for path in (host.folder / host.home / directory).glob("*"):
                if path.name.startswith(("spfile", "orapw", "tnsnames")):
                    shutil.copy2(path, keep)
                    self.files[path.name] = path

    def pieces(self, code="*"):
        return sorted((self.staging / self.sid).rglob(f"o1_mf_{code}_*.bkp"))

    def controlfile(self):
        return max(self.pieces("ncnnf"), key=os.path.getmtime)

    def put_files(self):
        """Parameter, password and network files to their places; directories."""
        for name, path in self.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.keep / name, path)
        for directory in (f"u01/app/oracle/admin/{self.sid}/adump", f"u02/oradata/{self.sid}", f"u03/fra/{self.sid}"):
            (self.folder / directory).mkdir(parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(exist_ok=True)

    def steps(self):
        """[(name, program, script)] of the whole restore."""
        return [
            ("nomount", "sqlplus", scripts("nomount")),
            ("controlfile", "rman", scripts("controlfile", self.dbid, self.controlfile())),
            ("mount", "sqlplus", scripts("mount")),
            ("catalog", "rman", scripts("catalog", 0, self.staging)),
            ("restore", "rman", scripts("restore", self.until, self.folder / "logs")),
            ("open", "sqlplus", scripts("open")),
        ]

    def restore(self, programs, change=lambda steps: steps, before=None):
        """Runs the steps; stops at the first that fails. (status of the last, everything printed)"""
        printed = ""
        for name, program, script in change(self.steps()):
            if before is not None:
                before(name)
            status, out = programs.rman(script) if program == "rman" else programs.sql(script)
            printed += out
            if status != 0 or re.search(r"^(ORA|SP2)-", out, re.MULTILINE) or "RMAN-00569" in out or "failover" in out:
                return status, printed
        return 0, printed


def take_backup(programs, staging, level=0, tag=TAG, change=lambda script: script, piece_size=0, files=()):
    """One run of the product's script; its output."""
    staging.mkdir(exist_ok=True)
    (sequence,) = programs.ask(row("sequence#") + " from v$log where status = 'CURRENT'")[0]
    script = scripts("backup", level, tag, staging, sequence, piece_size, *files)
    return programs.rman(change(script))
