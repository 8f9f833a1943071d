"""RMAN's commands: cut from standard input, then into words; syntax errors as RMAN words them."""

import re

WORDS = ("advise, allocate, alter, backup, @, catalog, change, configure, connect, convert, copy, "
         "create, crosscheck, delete, drop, duplicate, exit, flashback, grant, host, import, list, "
         "mount, open, print, quit, recover, register, release, repair, replace, report, reset, "
         "restore, resync, revoke, run, send, set, show, shutdown, spool, sql, startup, switch, "
         "transport, unregister, upgrade, validate, {, ")
TOKEN = re.compile(r"""\s+|\#[^\n]*|(?P<str>'(?:[^']|'')*'|"[^"]*")|(?P<word>[A-Za-z0-9_$.%:+-]+)"""
                   r"""|(?P<op>[{}();=,*/@&])""", re.DOTALL)
UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class RmanSyntax(Exception):
    """lines below RMAN-00558"""

    def __init__(self, found, expecting=";", line=1, column=1, bad=None):
        lines = [f'RMAN-01009: syntax error: found "{found}": expecting one of: "{expecting}"']
        if bad:
            lines.append(f"RMAN-01008: the bad identifier was: {bad}")
        lines.append(f"RMAN-01007: at line {line} column {column} file: standard input")
        super().__init__(lines[0])
        self.lines = lines


def complete(text):
    """Whether the text holds a whole command: `;` or the closing brace of a block."""
    depth, inside, comment, any_word = 0, "", False, False
    for char in text:
        if comment:
            comment = char != "\n"
            continue
        if inside:
            if char == inside:
                inside = ""
            continue
        if char in "'\"":
            inside = char
        elif char == "#":
            comment = True
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth <= 0:
                return True
        elif char == ";" and depth == 0:
            return True
        any_word = any_word or not char.isspace()
    return not any_word


class Token:
    def __init__(self, kind, value, line, column):
        self.kind, self.value, self.line, self.column = kind, value, line, column

    def found(self):
        """How RMAN calls it in an error."""
        if self.kind == "str":
            return "single-quoted-string"
        if self.kind == "word" and self.value[0].isdigit():
            return "integer"
        return self.value if self.kind == "op" else "identifier"


def tokens(text):
    found, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        if not match:
            raise RmanSyntax("invalid character", line=line, column=column)
        if match.lastgroup == "str":
            raw = match[0]
            value = raw[1:-1].replace("''", "'") if raw[0] == "'" else raw[1:-1]
            found.append(Token("str", value, line, column))
        elif match.lastgroup:
            found.append(Token(match.lastgroup, match[0], line, column))
        at = match.end()
    return found


class Reader:
    """The tokens of one command."""

    def __init__(self, listed):
        self.list = listed
        self.at = 0

    def peek(self):
        return self.list[self.at] if self.at < len(self.list) else Token("op", ";", 1, 1)

    def done(self):
        return self.at >= len(self.list)

    def word(self, *phrases):
        """Takes the words of the first phrase that fits."""
        for phrase in phrases:
            words = phrase.split()
            part = self.list[self.at:self.at + len(words)]
            if len(part) == len(words) and all(
                    t.kind in ("word", "op") and t.value.lower() == w for t, w in zip(part, words)):
                self.at += len(words)
                return phrase
        return None

    def need(self, *phrases):
        found = self.word(*phrases)
        if not found:
            self.fail(", ".join(phrases))
        return found

    def equals(self):
        self.word("=")

    def string(self):
        token = self.peek()
        if token.kind != "str":
            self.fail("single-quoted-string")
        self.at += 1
        return token.value

    def text(self):
        """A string, or a bare word (tags may stand without quotes)."""
        token = self.peek()
        if token.kind not in ("str", "word") or self.done():
            self.fail("identifier, single-quoted-string")
        self.at += 1
        return token.value

    def number(self):
        token = self.peek()
        if token.kind != "word" or not token.value.isdigit():
            self.fail("integer")
        self.at += 1
        return int(token.value)

    def size(self):
        token = self.peek()
        match = re.fullmatch(r"(\d+)([kKmMgG]?)", token.value) if token.kind == "word" else None
        if not match:
            self.fail("integer")
        self.at += 1
        return int(match[1]) * UNITS.get(match[2].lower(), 1)

    def end(self):
        if not self.done():
            self.fail(";")

    def fail(self, expecting):
        token = self.peek()
        bad = token.value if token.found() == "identifier" and not self.done() else None
        raise RmanSyntax(token.found(), expecting, token.line, token.column, bad)


def split_block(listed):
    """The commands of run { .. }."""
    if not listed or listed[0].value.lower() != "run":
        raise RmanSyntax("identifier")
    if len(listed) < 3 or listed[1].value != "{" or listed[-1].value != "}":
        raise RmanSyntax(listed[1].found() if len(listed) > 1 else ";", "{")
    commands, current = [], []
    for token in listed[2:-1]:
        if token.kind == "op" and token.value == ";":
            if current:
                commands.append(current)
            current = []
        else:
            current.append(token)
    if current:
        last = listed[-1]
        raise RmanSyntax("}", ";", last.line, last.column)
    return commands


def backup_clause(reader):
    """BACKUP .. -> what it asks for."""
    ask = {"compressed": False, "copy": False, "level": None, "cumulative": False, "what": [],
           "force": False, "noexclude": False, "tag": None, "format": None, "delete": None,
           "plus": False, "filesperset": 64}
    if reader.word("as"):
        if reader.word("compressed backupset"):
            ask["compressed"] = True
        elif not reader.word("backupset"):
            reader.need("compressed backupset", "backupset")
    while not reader.done():
        if reader.word("incremental level"):
            reader.equals()
            ask["level"] = reader.number()
            if ask["level"] not in (0, 1):
                reader.at -= 1
                reader.fail("0, 1")
            ask["cumulative"] = bool(reader.word("cumulative"))
        elif reader.word("full"):
            pass
        elif reader.word("database"):
            ask["what"].append(("database",))
        elif reader.word("datafile"):
            files = [reader.number()]
            while reader.word(","):
                files.append(reader.number())
            ask["what"].append(("datafile", files))
        elif reader.word("tablespace"):
            ask["what"].append(("tablespace", [reader.text().upper()]))
        elif reader.word("plus archivelog"):
            ask["plus"] = True
        elif reader.word("archivelog all"):
            ask["what"].append(("archivelog", None))
        elif reader.word("archivelog from sequence", "archivelog sequence"):
            ask["what"].append(("archivelog", log_range(reader)))
        elif reader.word("current controlfile"):
            ask["what"].append(("controlfile",))
        elif reader.word("spfile"):
            ask["what"].append(("spfile",))
        else:
            backup_option(reader, ask)
    if not ask["what"]:
        reader.fail("archivelog, backupset, controlfilecopy, current, database, datafile, spfile")
    return ask


def log_range(reader):
    reader.equals()
    wanted = {"first": reader.number(), "last": None, "thread": 1}
    if reader.word("until sequence"):
        reader.equals()
        wanted["last"] = reader.number()
    if reader.word("thread"):
        reader.equals()
        wanted["thread"] = reader.number()
    return wanted


def backup_option(reader, ask):
    if reader.word("force"):
        ask["force"] = True
    elif reader.word("noexclude"):
        ask["noexclude"] = True
    elif reader.word("tag"):
        reader.equals()
        ask["tag"] = reader.text().upper()
    elif reader.word("format"):
        reader.equals()
        ask["format"] = reader.string()
    elif reader.word("filesperset"):
        reader.equals()
        ask["filesperset"] = reader.number()
    elif reader.word("delete all input", "delete input"):
        ask["delete"] = True
    else:
        reader.fail("archivelog, database, datafile, delete, filesperset, force, format, noexclude, "
                    "plus, spfile, tag, ;")
