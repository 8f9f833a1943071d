"""What the sources must hold, as plain functions: each takes the top folder and returns findings, one line each."""

import fnmatch
import re
import subprocess
from pathlib import Path

import versions

# A folder of src/ and those it may include; itself goes without saying. Downwards only.
LAYERS = {
    "base": set(),
    "exec": {"base"},
    "event": {"base", "exec"},
    "stream": {"base"},
    "config": {"base"},
    "store": {"base", "event", "stream"},
    "oracle": {"base", "event"},
    "repository": {"base", "stream"},
    "ledger": {"base", "event"},
    "job": {"base", "event", "stream", "store", "oracle", "repository", "ledger", "config"},
    "bus": {"base", "event", "stream", "store", "oracle", "repository", "ledger", "config", "job"},
    "daemon": {"base", "event", "stream", "store", "oracle", "repository", "ledger", "config", "job", "bus"},
    "cli": {"base"},
}

# Of event/, exec/ gives the wire protocol only; of exec/, event/ needs nothing else.
EXEC_HEADERS = {"exec/protocol.h"}

# The homes of the headers of other projects. A header that is in no row may not be included at all.
HOMES = {
    "uv.h": {"event"},
    "curl/*": {"event"},
    "archive.h": {"stream"},
    "archive_entry.h": {"stream"},
    "openssl/*": {"stream"},
    "jansson.h": {"base"},
    "sqlite3.h": {"ledger"},
    "ini.h": {"config"},
    "systemd/sd-bus.h": {"event", "bus", "cli"},
    "systemd/sd-journal.h": {"base"},
    "systemd/sd-daemon.h": {"event"},
    "libsmartcols/*": {"cli"},
}
# Within base/, one file is the home.
ONE_FILE = {"jansson.h": "src/base/json.c"}

SYSTEM_HEADERS = re.compile(
    r"^(assert|ctype|dirent|endian|errno|fcntl|fnmatch|getopt|grp|inttypes|langinfo|libgen|limits|locale|malloc|math|netdb|poll"
    r"|pthread|pwd|sched|search|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio"
    r"|stdio_ext|stdlib|string|strings|syslog|termios|threads|time|unistd|wchar|immintrin"
    r"|sys/[a-z_]+|netinet/[a-z_]+|arpa/[a-z_]+|linux/[a-z_]+)\.h$"
)

LINES_C, LINES_H, LINES_FUNCTION, PARAMETERS = 600, 200, 60, 6

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
FORBIDDEN_WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.$}])/(wo" r"rk|ho" r"me|ro" r"ot)/[\w.]")
TEXT_SUFFIXES = {".c", ".h", ".py", ".md", ".build", ".txt", ".in", ".conf", ".xml", ".sh", ".service", ".socket", ".5", ".8", ""}
SKIPPED_FOLDERS = {".git", "__pycache__", ".pytest_cache"}


def files(top, suffixes, folders=("src", "tests")):
    for folder in folders:
        for path in sorted((Path(top) / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and not SKIPPED_FOLDERS & set(path.parts):
                yield path


def text_files(top):
    for path in sorted(Path(top).rglob("*")):
        relative = path.relative_to(top)
        first = relative.parts[0]
        if SKIPPED_FOLDERS & set(relative.parts) or first == "build" or first.startswith("build-"):
            continue
        # Transcripts of other machines are kept as they are.
        if relative.parts[:2] == ("tests", "data") or relative.parts[:3] == ("tests", "fuzz", "corpus"):
            continue
        if path.suffix in TEXT_SUFFIXES and path.is_file() and not path.is_symlink():
            yield path


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


def includes(path):
    """(line, kind, name) of each #include; kind is '<' or '"'."""
    text = read(path)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def home_of(header):
    for pattern, homes in HOMES.items():
        if fnmatch.fnmatch(header, pattern):
            return homes
    return None


def check_layers(top):
    """Includes go down only, siblings do not include each other."""
    src = Path(top) / "src"
    for path in files(top, {".c", ".h"}, ("src",)):
        folder = path.relative_to(src).parts[0]
        if folder not in LAYERS:
            yield f"{path}: folder {folder} has no row in the layers"
            continue
        for line, kind, name in includes(path):
            if kind != '"':
                continue
            if "/" not in name or not (src / name).is_file():
                yield f'{path}:{line}: include "{name}" is not of the form "folder/file.h" below src/'
                continue
            target = name.split("/")[0]
            if target != folder and target not in LAYERS[folder]:
                yield f"{path}:{line}: {folder}/ may not include {name}"
            if target == "exec" and folder != "exec" and name not in EXEC_HEADERS:
                yield f"{path}:{line}: of exec/ only {', '.join(sorted(EXEC_HEADERS))} may be included"


def check_homes(top):
    """Each header of another project is included in its home only."""
    src = Path(top) / "src"
    for path in files(top, {".c", ".h"}, ("src",)):
        folder = path.relative_to(src).parts[0]
        for line, kind, name in includes(path):
            if kind != "<" or SYSTEM_HEADERS.match(name):
                continue
            homes = home_of(name)
            if homes is None:
                yield f"{path}:{line}: <{name}> has no home in tests/lint/checks.py"
            elif folder not in homes:
                yield f"{path}:{line}: <{name}> lives in {', '.join(sorted(homes))}, not in {folder}/"
            elif name in ONE_FILE and path.relative_to(top).as_posix() != ONE_FILE[name]:
                yield f"{path}:{line}: <{name}> is included in {ONE_FILE[name]} only"


def check_public_headers(top):
    """A header that another folder includes does not bring in a header of another project."""
    src = Path(top) / "src"
    graph, foreign = {}, {}
    for path in files(top, {".c", ".h"}, ("src",)):
        name = path.relative_to(src).as_posix()
        graph[name] = [n for _, kind, n in includes(path) if kind == '"']
        foreign[name] = [n for _, kind, n in includes(path) if kind == "<" and home_of(n)]

    public = {n for name, targets in graph.items() for n in targets if n.split("/")[0] != name.split("/")[0]}
    for name in sorted(public):
        waiting, seen = [name], set()
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            waiting += graph.get(at, [])
            for header in foreign.get(at, []):
                yield f"src/{name}: a public header brings in <{header}> through {at}"


def functions(text):
    """(name, line, lines of the body, parameters) of each function; the formatter puts its ends into column 0."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line or not (line[0].isalpha() or line[0] == "_"):
            at += 1
            continue
        first, signature = at, line
        while not re.search(r"[;{}]\s*(/\*.*\*/\s*)?$", lines[at]) and at + 1 < len(lines):
            at += 1
            signature += " " + lines[at].strip()
        at += 1
        if not signature.rstrip().endswith("{") or "(" not in signature:
            continue
        if "=" in signature.split("(")[0] or re.match(r"(typedef|struct|enum|union)\b[^(]*\{", signature):
            continue
        name = re.search(r"(\w+)\s*\(", signature).group(1)
        end = at
        while end < len(lines) and lines[end] != "}":
            end += 1
        yield name, first + 1, end - at, count_parameters(signature)
        at = end + 1


def count_parameters(signature):
    """Of the last parenthesis before the body."""
    inner = signature[: signature.rindex(")")]
    start = depth = 0
    for i in range(len(inner) - 1, -1, -1):
        if inner[i] == ")":
            depth += 1
        elif inner[i] == "(":
            if depth == 0:
                start = i + 1
                break
            depth -= 1
    inner = inner[start:].strip()
    if inner in ("", "void"):
        return 0
    count, depth = 1, 0
    for c in inner:
        depth += (c == "(") - (c == ")")
        count += c == "," and depth == 0
    return count


def exemptions(top):
    """{path or path:function (with * as in a shell): reason} of tests/lint/exemptions.txt: what, two blanks or more, why."""
    path = Path(top) / "tests/lint/exemptions.txt"
    rows = {}
    for line in read(path).splitlines() if path.exists() else []:
        if line.strip() and not line.startswith("#"):
            what, _, reason = line.partition("  ")
            rows[what.strip()] = reason.strip()
    return rows


def check_sizes(top):
    exempt, used = exemptions(top), set()
    for what, reason in exempt.items():
        if not reason:
            yield f"tests/lint/exemptions.txt: {what} has no reason"

    def allowed(what):
        matching = [row for row in exempt if fnmatch.fnmatchcase(what, row)]
        used.update(matching)
        return bool(matching)

    for path in files(top, {".c", ".h"}):
        name = path.relative_to(top).as_posix()
        text = read(path)
        count, limit = text.count("\n"), LINES_C if path.suffix == ".c" else LINES_H
        if count > limit and not allowed(name):
            yield f"{name}: {count} lines, allowed: {limit}"
        for function, line, lines, parameters in functions(text):
            if lines > LINES_FUNCTION and not allowed(f"{name}:{function}"):
                yield f"{name}:{line}: {function} has {lines} lines, allowed: {LINES_FUNCTION}"
            if parameters > PARAMETERS and not allowed(f"{name}:{function}"):
                yield f"{name}:{line}: {function} has {parameters} parameters, allowed: {PARAMETERS}"
    for what in exempt:
        if what not in used:
            yield f"tests/lint/exemptions.txt: {what} needs no exemption (any more)"


def check_words(top):
    """Nothing is left for later in a comment, and no path of the machine it was written on."""
    for path in text_files(top):
        for number, line in enumerate(read(path).splitlines(), 1):
            for pattern in (FORBIDDEN_WORDS, MACHINE_PATHS):
                found = pattern.search(line)
                if found:
                    yield f"{path}:{number}: '{found.group(0)}'"


def check_format(top):
    paths = [str(p) for p in files(top, {".c", ".h"})]
    if not paths:
        return
    done = subprocess.run(
        ["clang-format", "--dry-run", "-Werror", *paths], cwd=top, capture_output=True, text=True, check=False
    )
    for line in done.stderr.splitlines():
        if "error:" in line:
            yield line
    if done.returncode != 0 and "error:" not in done.stderr:
        yield f"clang-format ended with {done.returncode}: {done.stderr.strip()}"


def check_functions_in_headers(top):
    """Headers begin with a comment and #pragma once."""
    for path in files(top, {".h"}, ("src",)):
        text = read(path)
        if not text.startswith("/*") or "\n#pragma once\n" not in text:
            yield f"{path}: a header begins with what it is for, then #pragma once"


CHECKS = {
    "layers": check_layers,
    "homes": check_homes,
    "public-headers": check_public_headers,
    "sizes": check_sizes,
    "words": check_words,
    "format": check_format,
    "headers": check_functions_in_headers,
    "libraries": versions.check_libraries,
    "python": versions.check_python,
}
