"""Server parameter files (binary head, text body) and parameter files (text)."""

import os
import re

from .errors import ora

SECTOR = 512
MAGIC = b"C\"\0\0\x01\0\0\0ORASIM SPFILE"

DEFAULTS = {
    "compatible": ["19.0.0"],
    "control_file_record_keep_time": ["7"],
    "remote_login_passwordfile": ["EXCLUSIVE"],
    "cluster_database": ["FALSE"],
    "memory_target": ["0"],
    "dg_broker_start": ["FALSE"],
    "job_queue_processes": ["40"],
}

#: parameters that V$PARAMETER knows besides those that are set
KNOWN = {
    "spfile", "control_files", "compatible", "control_file_record_keep_time", "db_name",
    "db_unique_name", "db_recovery_file_dest", "db_recovery_file_dest_size", "local_listener",
    "remote_listener", "audit_file_dest", "diagnostic_dest", "db_create_file_dest",
    "remote_login_passwordfile", "wallet_root", "cluster_database", "memory_target", "sga_target",
    "dispatchers", "dg_broker_start", "job_queue_processes", "fal_server", "log_archive_format",
    "log_archive_config", "processes", "open_cursors", "undo_tablespace", "db_block_size",
    "db_domain", "instance_name", "service_names", "enable_pluggable_database", "nls_language",
    "nls_territory", "pga_aggregate_target", "background_dump_dest", "user_dump_dest",
    "core_dump_dest", "db_file_name_convert", "log_file_name_convert", "standby_file_management",
    "tde_configuration", "encryption_wallet_location", "log_archive_trace", "undo_management",
    "audit_trail", "sga_max_size", "memory_max_target", "aq_tm_processes",
} | {f"log_archive_dest_{n}" for n in range(1, 32)} \
  | {f"log_archive_dest_state_{n}" for n in range(1, 32)} \
  | {f"db_create_online_log_dest_{n}" for n in range(1, 6)}


def quote(name, value):
    if name in ("control_files",) or re.search(r"[^A-Za-z0-9_.]", value):
        return "'" + value.replace("'", "''") + "'"
    return value


def to_text(values, instance="*"):
    """The lines of a parameter file."""
    return "".join(f"{instance}.{name}={','.join(quote(name, v) for v in listed)}\n"
                   for name, listed in sorted(values.items()))


def from_text(body, path):
    """name -> list of values; includes are followed one level, as Oracle does."""
    values = {}
    for number, line in enumerate(body.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = re.match(r"(?:[\w*$#]+\.)?(\w+)\s*=\s*(.*)$", line)
        if not match:
            raise ora("ORA-01078", extra=[f"LRM-00110: syntax error at '{line[:20]}'"])
        name = match[1].lower()
        if name == "ifile":
            with open(match[2].strip("'\""), encoding="utf-8") as file:
                values.update(from_text(file.read(), path))
            continue
        values[name] = split_values(match[2])
        if not name.startswith("_") and name not in KNOWN and name not in values:
            raise ora("ORA-01078", extra=[f"LRM-00101: unknown parameter name '{name}'"])
    return values


def split_values(text):
    """'a','b' or a,b or (a,b); quotes doubled inside. Unquoted commas part, quoted ones do not."""
    found, word, inside, k = [], "", "", 0
    bare = text.strip()
    if bare.startswith("(") and bare.endswith(")") and "=" not in bare:
        bare = bare[1:-1]
    while k < len(bare):
        char = bare[k]
        if inside:
            if char == inside and bare[k + 1:k + 2] == inside:
                word += char
                k += 1
            elif char == inside:
                inside = ""
            else:
                word += char
        elif char in "'\"":
            inside = char
        elif char == "#":
            break
        elif char == "," and "(" not in word:
            found.append(word.strip())
            word = ""
        else:
            word += char
        k += 1
    found.append(word.strip())
    return found


def spfile_write(path, values, own):
    body = to_text(values).encode()
    data = MAGIC.ljust(SECTOR, b"\0") + body
    data += bytes(-len(data) % SECTOR)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    own(path)


def spfile_read(path):
    with open(path, "rb") as file:
        return spfile_parse(file.read(), path)


def spfile_parse(data, path):
    if not data.startswith(MAGIC):
        raise ora("ORA-01078", extra=[f"ORA-01565: error in identifying file '{path}'",
                                      "ORA-27046: file size is not a multiple of logical block size"])
    return from_text(data[SECTOR:].rstrip(b"\0").decode(), path)


def pfile_read(path):
    with open(path, "rb") as file:
        data = file.read()
    if b"\0" in data:
        raise ora("ORA-01078", extra=["LRM-00123: invalid character 0 found in the input file"])
    return from_text(data.decode(), path)
