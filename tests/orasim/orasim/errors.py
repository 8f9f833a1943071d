"""Oracle's errors: one exception for everything that ends in an ORA-, LRM- or SP2- line."""

import errno as _errno

OS_TEXT = {
    _errno.ENOENT: "No such file or directory",
    _errno.EACCES: "Permission denied",
    _errno.ENOSPC: "No space left on device",
    _errno.EEXIST: "File exists",
    _errno.EISDIR: "Is a directory",
    _errno.ENOTDIR: "Not a directory",
    _errno.EROFS: "Read-only file system",
    _errno.EIO: "Input/output error",
}

MESSAGES = {
    "ORA-00028": "your session has been killed",
    "ORA-00030": "User session ID does not exist.",
    "ORA-00119": "invalid specification for system parameter {0}",
    "ORA-00132": "syntax error or unresolved network name '{0}'",
    "ORA-00205": "error in identifying control file, check alert log for more info",
    "ORA-00210": "cannot open the specified control file",
    "ORA-00258": "manual archiving in NOARCHIVELOG mode must identify log",
    "ORA-00312": "online log {0} thread 1: '{1}'",
    "ORA-00344": "unable to re-create online log '{0}'",
    "ORA-00439": "feature not enabled: {0}",
    "ORA-00900": "invalid SQL statement",
    "ORA-00904": "{0}: invalid identifier",
    "ORA-00907": "missing right parenthesis",
    "ORA-00911": "invalid character",
    "ORA-00918": "column ambiguously defined",
    "ORA-00923": "FROM keyword not found where expected",
    "ORA-00933": "SQL command not properly ended",
    "ORA-00936": "missing expression",
    "ORA-00942": "table or view does not exist",
    "ORA-01017": "invalid username/password; logon denied",
    "ORA-01031": "insufficient privileges",
    "ORA-01034": "ORACLE not available",
    "ORA-01078": "failure in processing system parameters",
    "ORA-01081": "cannot start already-running ORACLE - shut it down first",
    "ORA-01100": "database already mounted",
    "ORA-01103": "database name '{0}' in control file is not '{1}'",
    "ORA-01109": "database not open",
    "ORA-01110": "data file {0}: '{1}'",
    "ORA-01113": "file {0} needs media recovery",
    "ORA-01126": "database must be mounted in this instance and not open in any instance",
    "ORA-01139": "RESETLOGS option only valid after an incomplete database recovery",
    "ORA-01157": "cannot identify/lock data file {0} - see DBWR trace file",
    "ORA-01190": "control file or data file {0} is from before the last RESETLOGS",
    "ORA-01194": "file {0} needs more recovery to be consistent",
    "ORA-01219": "database or pluggable database not open: queries allowed on fixed tables or views only",
    "ORA-01261": "Parameter {0} destination string cannot be translated",
    "ORA-01262": "Stat failed on a file destination directory",
    "ORA-01507": "database not mounted",
    "ORA-01531": "a database already open by the instance",
    "ORA-01547": "warning: RECOVER succeeded but OPEN RESETLOGS would get error below",
    "ORA-01565": "error in identifying file '{0}'",
    "ORA-01589": "must use RESETLOGS or NORESETLOGS option for database open",
    "ORA-01722": "invalid number",
    "ORA-01990": "error opening password file '{0}'",
    "ORA-02065": "illegal option for ALTER SYSTEM",
    "ORA-02095": "specified initialization parameter cannot be modified",
    "ORA-02248": "invalid option for ALTER SESSION",
    "ORA-07286": "sksagdi: cannot obtain device information.",
    "ORA-08181": "specified number is not a valid system change number",
    "ORA-09925": "Unable to create audit trail file",
    "ORA-12154": "TNS:could not resolve the connect identifier specified",
    "ORA-12162": "TNS:net service name is incorrectly specified",
    "ORA-12514": "TNS:listener does not currently know of service requested in connect descriptor",
    "ORA-12541": "TNS:no listener",
    "ORA-16032": "parameter {0} destination string cannot be translated",
    "ORA-16038": "log {0} sequence# {1} cannot be archived",
    "ORA-19502": "write error on file \"{0}\", block number {1} (block size={2})",
    "ORA-19504": "failed to create file \"{0}\"",
    "ORA-19505": "failed to identify file \"{0}\"",
    "ORA-19566": "exceeded limit of 0 corrupt blocks for file {0}",
    "ORA-19587": "error occurred reading {0} bytes at block number {1}",
    "ORA-19598": "can not backup SPFILE because the instance was not started with SPFILE",
    "ORA-19599": "block number {0} is corrupt in backup piece {1}",
    "ORA-19602": "cannot backup or copy active file in NOARCHIVELOG mode",
    "ORA-19607": "{0} is an active control file",
    "ORA-19625": "error identifying file {0}",
    "ORA-19750": "change tracking file: '{0}'",
    "ORA-19751": "could not create the change tracking file",
    "ORA-19755": "could not open change tracking file",
    "ORA-19804": "cannot reclaim {0} bytes disk space from {1} bytes limit",
    "ORA-19809": "limit exceeded for recovery files",
    "ORA-19870": "error while restoring backup piece {0}",
    "ORA-27027": "sbtremove2 returned error",
    "ORA-27037": "unable to obtain file status",
    "ORA-27040": "file create error, unable to create file",
    "ORA-27041": "unable to open file",
    "ORA-27048": "skgfifi: file header information is invalid",
    "ORA-27072": "File I/O error",
    "ORA-27101": "shared memory realm does not exist",
    "ORA-38760": "This database instance failed to turn on flashback database",
    "ORA-48108": "invalid value given for the diagnostic_dest init.ora parameter",
    "ORA-48140": "the specified ADR Base directory does not exist [{0}]",
    "ORA-65011": "Pluggable database {0} does not exist.",
    "ORA-65019": "pluggable database {0} already open",
    "ORA-65086": "cannot open/close the pluggable database",
}


def text(code, *args):
    """One line of an error stack."""
    return f"{code}: {MESSAGES[code].format(*args)}"


def os_lines(number):
    """The lines that follow an ORA-27xxx line."""
    return [f"Linux-x86_64 Error: {number}: {OS_TEXT.get(number, 'Unknown error')}"]


class OraError(Exception):
    """A failed server call: the lines of its stack, outermost first."""

    def __init__(self, *lines):
        super().__init__(lines[0])
        self.lines = list(lines)

    @property
    def code(self):
        return self.lines[0].split(":")[0]


def ora(code, *args, extra=()):
    """Builds the error of one code; `extra` are further lines below it."""
    return OraError(text(code, *args), *extra)


def not_available():
    return ora("ORA-01034", extra=["Process ID: 0", "Session ID: 0 Serial number: 0"])


def create_failed(path, number):
    return ora("ORA-19504", path, extra=[text("ORA-27040"), *os_lines(number)])


def open_failed(path, number):
    """A file that is there but cannot be opened, or is not there."""
    inner = "ORA-27037" if number == _errno.ENOENT else "ORA-27041"
    return [text(inner), *os_lines(number), "Additional information: 3"]
