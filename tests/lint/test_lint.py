"""The project holds each check, and each check finds what it is there for."""

import shutil
from pathlib import Path

import checks
import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", checks.CHECKS)
def test_the_project_holds(name):
    findings = list(checks.CHECKS[name](TOP))
    assert not findings, "\n" + "\n".join(findings)


def sample(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copy(TOP / ".clang-format", tmp_path)
    return tmp_path


HEADER = "/* A header. */\n#pragma once\n"
LONG_BODY = "int f(void) {\n" + "        g();\n" * 61 + "}\n"

BAD = {
    "layers: up": ("layers", {"src/base/a.c": '#include "job/job.h"\n', "src/job/job.h": HEADER}, "may not include job/job.h"),
    "layers: a sibling": (
        "layers",
        {"src/store/a.c": '#include "oracle/rman.h"\n', "src/oracle/rman.h": HEADER},
        "may not include oracle/rman.h",
    ),
    "layers: a bare name": (
        "layers",
        {"src/base/a.c": '#include "b.h"\n', "src/base/b.h": HEADER},
        "not of the form",
    ),
    "layers: an unknown folder": ("layers", {"src/util/a.c": "\n"}, "no row"),
    "layers: more of exec/ than the protocol": (
        "layers",
        {"src/event/a.c": '#include "exec/run.h"\n', "src/exec/run.h": HEADER},
        "only exec/protocol.h",
    ),
    "homes: uv": ("homes", {"src/job/a.c": "#include <uv.h>\n"}, "lives in event"),
    "homes: curl": ("homes", {"src/store/a.c": "#include <curl/curl.h>\n"}, "lives in event"),
    "homes: openssl": ("homes", {"src/base/a.c": "#include <openssl/evp.h>\n"}, "lives in stream"),
    "homes: archive": ("homes", {"src/job/a.c": "#include <archive.h>\n"}, "lives in stream"),
    "homes: jansson": ("homes", {"src/base/a.c": "#include <jansson.h>\n"}, "src/base/json.c only"),
    "homes: sqlite": ("homes", {"src/job/a.c": "#include <sqlite3.h>\n"}, "lives in ledger"),
    "homes: ini": ("homes", {"src/daemon/a.c": "#include <ini.h>\n"}, "lives in config"),
    "homes: sd-bus": ("homes", {"src/job/a.c": "#include <systemd/sd-bus.h>\n"}, "lives in bus, cli, event"),
    "homes: sd-journal": ("homes", {"src/job/a.c": "#include <systemd/sd-journal.h>\n"}, "lives in base"),
    "homes: sd-daemon": ("homes", {"src/daemon/a.c": "#include <systemd/sd-daemon.h>\n"}, "lives in event"),
    "homes: a stranger": ("homes", {"src/base/a.c": "#include <glib.h>\n"}, "has no home"),
    "public headers: directly": (
        "public-headers",
        {"src/event/loop.h": HEADER + "#include <uv.h>\n", "src/job/a.c": '#include "event/loop.h"\n'},
        "brings in <uv.h>",
    ),
    "public headers: by a private one": (
        "public-headers",
        {
            "src/event/loop.h": HEADER + '#include "event/in.h"\n',
            "src/event/in.h": HEADER + "#include <uv.h>\n",
            "src/job/a.c": '#include "event/loop.h"\n',
        },
        "through event/in.h",
    ),
    "sizes: a long .c": ("sizes", {"src/base/a.c": "\n" * 601}, "601 lines"),
    "sizes: a long .h": ("sizes", {"src/base/a.h": "\n" * 201}, "201 lines"),
    "sizes: a long function": ("sizes", {"tests/unit/a.c": LONG_BODY}, "f has 61 lines"),
    "sizes: many parameters": (
        "sizes",
        {"src/base/a.c": "static int\nf(int a,\n  int (*b)(int, int),\n  int c, int d, int e, int f, int g) {\n}\n"},
        "f has 7 parameters",
    ),
    "sizes: an exemption without a reason": (
        "sizes",
        {"src/base/a.c": "\n" * 601, "tests/lint/exemptions.txt": "src/base/a.c\n"},
        "has no reason",
    ),
    "sizes: an exemption nobody needs": (
        "sizes",
        {"src/base/a.c": "\n", "tests/lint/exemptions.txt": "src/base/a.c  a table\n"},
        "needs no exemption",
    ),
    "words: work left over": ("words", {"src/base/a.c": "/* TO" "DO: later */\n"}, "TO" "DO"),
    "words: a path of a machine": ("words", {"docs/a.md": "see /ho" "me/me/notes\n"}, "/ho" "me/m"),
    "format: an indent": ("format", {"src/base/a.c": "int f(void) {\n  return 1;\n}\n"}, "error:"),
    "headers: no guard": ("headers", {"src/base/a.h": "/* A header. */\n"}, "#pragma once"),
    "libraries: curl": ("libraries", {"src/event/a.c": "x = curl_easy_header(h);\n"}, "newer than curl 7.76"),
    "libraries: a rest of a name": ("libraries", {"src/base/a.c": "arc4random_buf(b, 3);\n"}, "arc4random_buf is newer than glibc 2.34"),
    "libraries: SQL": ("libraries", {"src/ledger/a.c": 'x("INSERT .. RETURNING id");\n'}, "newer than SQLite 3.34"),
    "python: match": ("python", {"tests/a.py": "match x:\n    case 1:\n        pass\n"}, "only supported in Python 3.10"),
    "python: an argument": ("python", {"scripts/a.py": "list(zip(a, b, strict=True))\n"}, "zip(strict=) is newer"),
    "python: an annotation": ("python", {"scripts/a": "#!/usr/bin/python3\ndef f(a: int | None):\n    pass\n"}, "in an annotation"),
    "headers: no comment": ("headers", {"src/base/a.h": "#pragma once\n"}, "what it is for"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_sample_is_found(tmp_path, name):
    check, files, part = BAD[name]
    findings = list(checks.CHECKS[check](sample(tmp_path, files)))
    assert any(part in finding for finding in findings), findings


GOOD = {
    "src/base/json.c": "#include <jansson.h>\n#include <stdio.h>\n",
    "src/base/a.h": HEADER + "int f(int a, int b, int c, int d, int e, int f);\n",
    "src/event/in.h": HEADER + "#include <uv.h>\n",
    "src/event/loop.c": '#include <uv.h>\n\n#include "base/a.h"\n#include "event/in.h"\n',
    "src/repository/record.c": '#include "stream/sign.h"\n',
    "src/stream/sign.h": HEADER,
    "src/base/b.c": "int f(void) {\n" + "        g();\n" * 60 + "}\n",
    "docs/a.md": "read /etc/orabackup/orabackup.conf\n",
}


@pytest.mark.parametrize("name", checks.CHECKS)
def test_a_good_sample_passes(tmp_path, name):
    assert not list(checks.CHECKS[name](sample(tmp_path, GOOD)))
