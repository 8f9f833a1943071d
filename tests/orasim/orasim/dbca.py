"""dbca -silent: creates a database from a response file or from arguments, with the lines and the exit
statuses of each release."""

import os
import re
import sys
import time

from . import create, instance, startup
from .errors import OraError

DONE, WARNINGS, FAILED, BAD_INPUT = 0, 6, 255, 254

#: lines and percentages, in order; what is reached when files are there, and when the database is open
STEPS = {
    "new": ["Prepare for db operation", 10, "Copying database files", 40, "Creating and starting Oracle instance", 42, 46,
            50, 54, 60, "Completing Database Creation", 66, 69, 70, "Executing Post Configuration Actions", 100],
    "cdb": ["Copying database files", 1, 2, 27, "Creating and starting Oracle instance", 29, 32, 33, 34, 38, 42, 43, 45,
            "Completing Database Creation", 48, 51, 53, 62, 70, 72, "Creating Pluggable Databases", 78, 100],
    "old": ["Copying database files", 1, 3, 11, 18, 26, 37, "Creating and starting Oracle instance", 40, 45, 50, 55, 56, 60,
            62, "Completing Database Creation", 66, 70, 73, 85, 96, 100],
}

#: of the response file of 12.2 and later, and of the one before
FLAT = {name.lower(): name for name in (
    "gdbName", "sid", "databaseConfigType", "createAsContainerDatabase", "numberOfPDBs", "pdbName", "pdbAdminPassword",
    "templateName", "sysPassword", "systemPassword", "emConfiguration", "datafileDestination", "recoveryAreaDestination",
    "storageType", "characterSet", "nationalCharacterSet", "memoryPercentage", "totalMemory", "automaticMemoryManagement",
    "databaseType", "initParams", "sampleSchema", "listeners", "variables")}
SINCE_12_1 = {"createascontainerdatabase", "numberofpdbs", "pdbname", "pdbadminpassword"}
SWITCHES = {"silent", "createdatabase"}

WEAK = """[WARNING] [DBT-06208] The '{}' password entered does not conform to the Oracle recommended standards.
   CAUSE: 
a. Oracle recommends that the password entered should be at least 8 characters in length, contain at least 1 uppercase \
character, 1 lower case character and 1 digit [0-9].
b.The password entered is a keyword that Oracle does not recommend to be used as password
   ACTION: Specify a strong password. If required refer Oracle documentation for guidelines."""


class Refused(Exception):
    """What dbca does not accept, before it begins."""


class Dbca:
    def __init__(self, host, argv):
        self.host, self.argv, self.values = host, argv, {}
        self.shown, self.at, self.enable_archive = [], 0, False

    def say(self, *lines):
        for line in lines:
            self.shown.append(line)
            print(line, flush=True)

    # what it is told ----------------------------------------------------------------------------------
    def arguments(self):
        words, given = list(self.argv), {}
        while words:
            word = words.pop(0)
            name = word[1:].lower()
            known = name in SWITCHES or name == "responsefile" or name in FLAT and self.known(name) \
                or name == "enablearchive" and self.host.number >= (12, 2)
            if not word.startswith("-") or not known:
                raise Refused(f'"{word}" is an invalid command line argument.')
            given[name] = True if name in SWITCHES else words.pop(0) if words else None
            if given[name] is None:
                raise Refused(f'No value was given for the command line argument "{word}".')
        if "silent" not in given:
            raise Refused("DISPLAY not set. Set DISPLAY environment variable, then re-run.")
        if given.get("responsefile", "NO_VALUE") != "NO_VALUE":
            self.response_file(given["responsefile"], "createdatabase" in given)
        elif "createdatabase" not in given:
            raise Refused("No operation was given.")
        self.enable_archive = given.pop("enablearchive", "false").lower() == "true"
        self.values.update({k: v for k, v in given.items() if k in FLAT})

    def known(self, name):
        return name not in SINCE_12_1 or self.host.number >= (12, 1)

    def response_file(self, path, named):
        try:
            with open(path, encoding="utf-8") as file:
                lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
        except OSError as error:
            raise Refused(f"Response file {path} cannot be read: {error.strerror}.") from error
        if self.host.number >= (12, 2):
            if not named:
                raise Refused("No operation was given.")
            schema = "rspfmt_dbca_response_schema_v{}.{}.0".format(*self.host.number)
            if not lines or lines[0] != f"responseFileVersion=/oracle/assistants/{schema}":
                raise Refused("[FATAL] The response file is not of the version of this release.")
            self.take(lines[1:], r"(\w+)=(.*)")
            return
        version = "{}.{}.0".format(*self.host.number)
        head = ["[GENERAL]", f'RESPONSEFILE_VERSION = "{version}"', 'OPERATION_TYPE = "createDatabase"', "[CREATEDATABASE]"]
        if lines[:4] != head or named:
            raise Refused("The response file does not say what to do.")
        self.take(lines[4:], r'(\w+) *= *"?([^"]*)"?')

    def take(self, lines, shape):
        flat = self.host.number >= (12, 2)
        for line in lines:
            match = re.fullmatch(shape, line)
            name = match[1].lower() if match else ""
            exact = FLAT.get(name) if flat else name.upper()
            if not match or name not in FLAT or match[1] != exact or not self.known(name):
                raise Refused(f"Invalid entry in the response file: {line.split('=')[0].strip()}")
            self.values[name] = match[2]

    # what it checks -----------------------------------------------------------------------------------
    def check(self):
        name, values, host = self.values.get("sid", ""), self.values, self.host
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_$#]{0,11}", name):
            raise Refused(f"[FATAL] [DBT-10102] The given SID ({name}) is not a valid one.")
        if name in [line.split(":")[0] for line in self.oratab()] or instance.get(host, name).state() \
                or startup.parameter_file(host, name):
            raise Refused(f"[FATAL] [DBT-10317] Specified SID Name ({name}) already exists.\n"
                          "   ACTION: Specify a different SID Name that does not already exist.")
        template = values.get("templatename", "")
        path = template if template.startswith("/") else os.path.join(host.home, "assistants/dbca/templates", template)
        if not template or not host.readable(path):
            raise Refused(f"[FATAL] [DBT-10503] Template file ({template}) doesn't exist." if host.number >= (12, 2)
                          else f"Template {template} does not exist.")
        if not 1 <= int(values.get("memorypercentage") or 40) <= 90:
            raise Refused("[FATAL] [DBT-11202] The memory percentage is out of range.")
        for user in ("sys", "system") + (("pdbadmin",) if self.cdb() else ()):
            self.password(user)
        for key in ("datafiledestination", "recoveryareadestination"):
            if values.get(key) and host.refusal(os.path.dirname(values[key]), 1):
                raise Refused(f"[FATAL] [DBT-06605] Unable to access {values[key]}.")

    def oratab(self):
        with open(self.host.oratab, encoding="utf-8") as file:
            return [line for line in file if ":" in line and not line.startswith("#")]

    def password(self, user):
        key = user + "password"
        if not self.values.get(key):
            self.say(f"Enter {user.upper()} user password:", "")
            self.values[key] = sys.stdin.readline().strip()
        if not self.values[key]:
            raise Refused(f"[FATAL] [DBT-06006] The password of {user.upper()} is empty.")

    def weak(self):
        """The users whose password Oracle does not recommend; before 12.2 dbca says nothing of it."""
        def is_weak(word):
            return len(word) < 8 or not all(re.search(p, word) for p in ("[A-Z]", "[a-z]", "[0-9]"))
        return [u for u in ("SYS", "SYSTEM") if self.host.number >= (12, 2) and is_weak(self.values[u.lower() + "password"])]

    def cdb(self):
        return self.values.get("createascontainerdatabase", "false").lower() == "true"

    # what it does -------------------------------------------------------------------------------------
    def steps(self):
        return STEPS["new" if self.host.number >= (18, 0) else "cdb" if self.cdb() else "old"]

    def advance(self, upto):
        """Prints all up to that percentage; each is a place that can be held and can fail."""
        steps = self.steps()
        while self.at < len(steps):
            one = steps[self.at]
            if isinstance(one, int):
                if one > upto:
                    return
                self.host.reach(f"dbca-{one}", self.values["sid"])
                one = f"{one}% complete"
            elif all(isinstance(s, str) or s > upto for s in steps[self.at:]):
                return
            self.at += 1
            self.say(one)

    def pause(self, percent):
        """create.create_database() is on its way: 40 before the files, 60 after them, 100 open."""
        self.advance({40: 10, 60: 40, 100: 100}[percent])

    def create(self):
        values, host = self.values, self.host
        if values.get("datafiledestination"):
            host.oradata = values["datafiledestination"]
        else:
            host.oradata = os.path.join(host.base, "oradata")
        area = values.get("recoveryareadestination")
        if area:
            host.fra = area
        from .database import size_value
        create.create_database(
            host, values["sid"], size_value(host.knob("dbca_size")), cdb=self.cdb(), archivelog=self.enable_archive,
            password=values["syspassword"], redo_bytes=4 << 20, pause=self.pause, recovery_area=bool(area),
            pdb=values.get("pdbname") or "PDB1")

    def log_path(self):
        return os.path.join(self.host.base, "cfgtoollogs/dbca", self.values["sid"], self.values["sid"] + ".log")

    def write_log(self):
        path = self.log_path()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(f"[ {time.strftime('%Y-%m-%d %H:%M:%S')} ] {line}\n" for line in self.shown))
        return path

    def ending(self):
        name, path = self.values["sid"], self.log_path()
        if self.host.number >= (18, 0):
            self.say("Database creation complete. For details check the logfiles at:", f" {os.path.dirname(path)}.",
                     "Database Information:", f"Global Database Name:{name}", f"System Identifier(SID):{name}")
        self.say(f'Look at the log file "{path}" for further details.')

    def run(self):
        try:
            self.arguments()
            self.check()
        except Refused as refused:
            self.say(*str(refused).split("\n"))
            return BAD_INPUT
        weak = self.weak()
        for user in weak:
            self.say(*WEAK.format(user).split("\n"))
        try:
            self.host.reach("dbca", self.values["sid"])
            self.create()
        except OraError as error:
            self.say(*(f"[FATAL] {line}" if k == 0 and self.host.number >= (12, 2) else line
                       for k, line in enumerate(error.lines)))
            self.write_log()
            self.say(f'Look at the log file "{self.log_path()}" for further details.')
            return FAILED
        self.ending()
        self.write_log()
        return WARNINGS if weak else DONE


def main(host, argv):
    if os.path.realpath(os.environ.get("ORACLE_HOME", "")) != os.path.realpath(host.home):
        print("ORACLE_HOME is not set to this home.")
        return FAILED
    return Dbca(host, argv).run()
