"""What the sources may not use: RHEL 9 does not have it, though Debian 12 does, so that no compiler here says so. Libraries that are of
the same version there (OpenSSL's interface, systemd, jansson, cmocka) need no row."""

import ast
import re
from pathlib import Path

# What came after the version that stands first, by the library's own history; "%" is any rest of the name.
NEWER = {
    "libuv 1.42": "uv_ip_name uv_available_parallelism",
    "curl 7.76": "CURLOPT_CAINFO_BLOB CURLOPT_PROXY_CAINFO_BLOB CURLE_SSL_CLIENTCERT CURLU_URLENCODE CURLU_ALLOW_SPACE"
    " CURLOPT_MAXLIFETIME_CONN CURLOPT_PREREQFUNCTION CURLOPT_PREREQDATA curl_url_strerror CURLOPT_MIME_OPTIONS CURLM_ABORTED_BY_CALLBACK"
    " curl_easy_header curl_easy_nextheader CURLE_UNRECOVERABLE_POLL CURLM_UNRECOVERABLE_POLL CURLOPT_SSH_HOSTKEY% CURLINFO_CAPATH"
    " CURLINFO_CAINFO CURLOPT_PROTOCOLS_STR CURLOPT_REDIR_PROTOCOLS_STR CURLOPT_WS_OPTIONS curl_ws_% CURLOPT_CA_CACHE_TIMEOUT"
    " CURLOPT_QUICK_EXIT CURLU_PUNYCODE",
    "SQLite 3.34": "SQLITE_OPEN_EXRESCODE sqlite3_changes64 sqlite3_total_changes64 sqlite3_autovacuum_pages sqlite3_error_offset"
    " sqlite3_vtab_in% sqlite3_db_name RETURNING unixepoch",
    "glibc 2.34": "arc4random% pidfd_% fsopen fsmount fsconfig move_mount open_tree mount_setattr process_madvise epoll_pwait2"
    " posix_spawn_file_actions_addtcsetpgrp_np",
}
# A newer name beside a test of the version, in this file.
CONDITIONAL = {("src/event/http-request.c", "CURLOPT_PROTOCOLS_STR")}

PYTHON = (3, 9)
NEWER_PYTHON = {"tomllib": "module", "bit_count": "method", "pairwise": "function", "TaskGroup": "class", "add_note": "method", "file_digest": "function"}
NEWER_ARGUMENTS = {("dataclass", "slots"), ("dataclass", "kw_only"), ("zip", "strict"), ("Popen", "process_group"), ("run", "process_group")}


def newer_names(since, names):
    words = "|".join(re.escape(name).replace("%", r"\w*") for name in names.split())
    return since, re.compile(rf"\b(?:{words})\b")


PATTERNS = [newer_names(*row) for row in NEWER.items()]


def check_libraries(top):
    """Nothing of a library that is newer than the oldest version that meson.build takes."""
    for path in sorted((Path(top) / "src").rglob("*.[ch]")):
        name = path.relative_to(top).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for since, pattern in PATTERNS:
                found = pattern.search(line)
                if found and (name, found.group(0)) not in CONDITIONAL:
                    yield f"{name}:{number}: {found.group(0)} is newer than {since}"


def python_files(top):
    for folder in ("scripts", "tests"):
        for path in sorted((Path(top) / folder).rglob("*")):
            if not path.is_file() or "__pycache__" in path.parts:
                continue
            if path.suffix == ".py" or (path.suffix == "" and path.read_bytes()[:80].startswith(b"#!") and b"python" in path.read_bytes()[:80]):
                yield path


def newer_python(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in NEWER_PYTHON:
            yield node.lineno, node.attr
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for name in [a.name for a in node.names] + [getattr(node, "module", None)]:
                if name in NEWER_PYTHON:
                    yield node.lineno, name
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            for keyword in node.keywords:
                if (called, keyword.arg) in NEWER_ARGUMENTS:
                    yield node.lineno, f"{called}({keyword.arg}=)"
        elif isinstance(node, (ast.FunctionDef, ast.AnnAssign, ast.arg)):
            # Evaluated when the function is defined: X | Y is newer there.
            for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
                if isinstance(annotation, ast.BinOp):
                    yield annotation.lineno, "X | Y in an annotation"


def check_python(top):
    """The scripts, the simulator and the tests run with the oldest Python."""
    version = ".".join(map(str, PYTHON))
    for path in python_files(top):
        name = path.relative_to(top).as_posix()
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=PYTHON)
        except SyntaxError as error:
            yield f"{name}:{error.lineno}: {error.msg}"
            continue
        for line, what in newer_python(tree):
            yield f"{name}:{line}: {what} is newer than Python {version}"
