"""Digests of the blocks of a database, now or as they were below an SCN."""

import json
import os

from . import blocks, controlfile, redo, startup


def checksums(inst, scn=None):
    """{"scn": .., "files": {file number: {"name", "blocks", "digest"}}}; scn: what a recovery UNTIL
    SCN gives, all changes below it. Works on an idle instance, too."""
    with inst.lock():
        state = inst.state()
        values = state["values"] if state else startup.read_parameters(inst.host, inst.sid)[0]
        content = controlfile.read(values["control_files"][0])
        files = {f["file"]: dict(f) for f in content["datafiles"]}
        if scn is not None:
            files = files_at(inst, files, scn)
        patches = patches_at(inst, files, scn) if scn is not None else {}
        found = {}
        for number, file in sorted(files.items()):
            path = file.get("kept", file["name"])
            own = {block: data for (f, block), data in patches.items() if f == number}
            found[str(number)] = {"name": file["name"], "blocks": file["blocks"],
                                  "digest": blocks.digest(path, file["blocks"], own)}
        return {"scn": scn, "files": found}


def files_at(inst, files, scn):
    """The files there were at an SCN: without those made later, with those dropped later."""
    files = {n: f for n, f in files.items() if f["creation_scn"] < scn}
    path = inst.host.path("dropped", inst.sid)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as listed:
            for line in listed:
                file = json.loads(line)
                if file["creation_scn"] < scn <= file["dropped_scn"]:
                    files[file["file"]] = file
    return files


def patches_at(inst, files, scn):
    """(file, block) -> the block before all changes from `scn` on."""
    path = inst.host.path("journal", inst.sid)
    if not os.path.exists(path):
        return {}
    with open(path, "rb") as file:
        data = file.read()
    later = [r for r in redo.parse(memoryview(data)) if r[0] >= scn and r[1] in files]
    fds = {}

    def block_of(number, block):
        if number not in fds:
            file = files[number]
            fds[number] = os.open(file.get("kept", file["name"]), os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(fds[number], blocks.BLOCK, block * blocks.BLOCK)

    try:
        return redo.undo(later, block_of)
    finally:
        for fd in fds.values():
            os.close(fd)
