"""Checks the list of line shapes: that every line of it can be read, that every group is there, and
that what the samples hold is in it: whole samples from 30 on, and of the transcripts (which are
shortened here and there) every line that begins like a message of RMAN.

usage: shapes.py DATA-DIRECTORY"""

import pathlib
import re
import sys

GROUPS = [
    "banner", "connect", "backup", "restore", "recover", "catalog", "crosscheck", "delete", "uncatalog", "errors",
    "sqlplus", "lsnrctl", "dbca",
]
MESSAGE = re.compile(
    r"channel [A-Za-z0-9_]+: |piece handle=|Starting |Finished |(RMAN|ORA)-\d|input datafile|input archived log|skipping "
    r"|including |output file|crosschecked |deleted |executing command|allocated channel|using channel|released channel"
)


def read_shapes(path):
    groups, shapes, bad = [], [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith("["):
            groups.append(line.strip("[]"))
        elif line.startswith(("V ", "K ")):
            shapes.append(re.compile(line[2:]))
        elif line and not line.startswith("#"):
            bad.append(f"{path.name}:{number}: neither a mark, a group nor a remark: {line}")
    if groups != GROUPS:
        bad.append(f"{path.name}: groups {groups}, expected {GROUPS}")
    return shapes, bad


def main():
    directory = pathlib.Path(sys.argv[1])
    shapes, bad = read_shapes(directory / "shapes.txt")
    for sample in sorted(directory.glob("[0-9]*.txt")):
        whole = sample.name >= "30"
        for number, line in enumerate(sample.read_text(encoding="utf-8").splitlines(), 1):
            if not whole and (not MESSAGE.match(line) or "[" in line or "..." in line):
                continue
            if not any(shape.fullmatch(line) for shape in shapes):
                bad.append(f"{sample.name}:{number}: no shape: {line}")
    print("\n".join(bad))
    sys.exit(1 if bad or len(shapes) < 100 else 0)


main()
