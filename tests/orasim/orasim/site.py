"""What the site does beside the backup: other tools' jobs, and things set up long ago."""

import os
import shutil
import time

from . import backup, controlfile, database, piece
from .backup_set import SetWriter
from .host import read_json, write_json


def perform(inst, words):
    """One of the functions below, by its name with dashes."""
    globals()[words[0].replace("-", "_")](inst, *words[1:])


class Quiet:
    """The site's own RMAN, as far as a backup set needs one: it prints nothing."""

    def __init__(self, inst):
        self.inst, self.host, self.sid = inst, inst.host, inst.sid
        self.run, self.channels, self.pieces, self.piece_file = {}, [], 0, None
        self.in_run = True
        self.channels = [type("Channel", (), {"name": "SITE", "destination": None, "max_piece": 0,
                                              "format": None, "sid": 0})]

    def say(self, *_lines):
        pass

    def date(self):
        return time.strftime("%d-%b-%y").upper()

    def check(self):
        pass


class QuietSet(SetWriter):
    def place(self, name):
        pass


def log_job(inst, what="keep"):
    """BACKUP ARCHIVELOG ALL DELETE INPUT to the recovery area; what: keep its piece, or gone (lose)."""
    database.archive_current(inst)
    rman = Quiet(inst)
    ask = {"compressed": False, "format": None, "force": True, "delete": True}
    rows = [r for r in inst.read_control()["archived_logs"] if r["status"] == "A"
            and os.path.exists(r["name"])]
    tag = time.strftime("SITE_LOGS_%H%M%S")
    writer = QuietSet(rman, rman.channels[0], tag, "annnn", 512, ask, kind="L", level=None,
                      expected=1 << 20)
    with writer:
        for k, row in enumerate(rows):
            with open(row["name"], "rb") as file:
                data = file.read()
            for at in range(0, len(data), 1 << 20):
                writer.write(k, at, data[at:at + (1 << 20)])
            writer.logs.append({key: row[key] for key in ("thread", "seq", "resetlogs_scn", "resetlogs_time",
                                                          "first_scn", "next_scn", "blocks")})
        writer.finish()
    backup.delete_logs(rman, rman.channels[0], rows)
    if what in ("gone", "lose"):
        for listed in writer.pieces:
            for one in listed:
                os.unlink(one["handle"])
        with inst.control() as content:
            for row in content["backup_pieces"]:
                if row["tag"] == tag:
                    row["status"] = "D"


def full_backup(inst, level=None):
    """The site's own BACKUP [INCREMENTAL LEVEL n] DATABASE, to the recovery area."""
    rman = Quiet(inst)
    level = int(level) if level is not None else None
    ask = {"compressed": False, "format": None, "force": True, "level": level, "cumulative": False,
           "noexclude": True}
    tag = time.strftime("SITE_FULL_%H%M%S")
    content = inst.read_control()
    writer = QuietSet(rman, rman.channels[0], tag, "nnndf", 8192, ask,
                      kind="D" if level in (None, 0) else "I", level=level, expected=1 << 20)
    with writer:
        for file in content["datafiles"]:
            base = backup.base_of(content, file) if level == 1 else None
            writer.datafiles.append(backup.copy_file(rman, writer, file, base, level, content))
        writer.finish()


def image_copy(inst):
    """BACKUP AS COPY INCREMENTAL LEVEL 0 DATABASE, as for incrementally updated backups."""
    tag = time.strftime("SITE_COPY_%H%M%S")
    area = database.recovery_dest(inst) or inst.host.dbs
    with inst.control() as content:
        database.checkpoint(inst, content)
        for file in content["datafiles"]:
            path = os.path.join(area, f"copy_{file['file']}_{tag}.dbf")
            shutil.copyfile(file["name"], path)
            inst.host.own(path)
            controlfile.add(content, "datafile_copies", name=path, tag=tag, file=file["file"],
                            level=0, creation_scn=file["creation_scn"], status="A",
                            resetlogs_scn=content["resetlogs_scn"],
                            checkpoint_scn=file["checkpoint_scn"])


def old_records(inst, count="1000"):
    """A control file that has seen much: records of pieces and logs that are long gone."""
    with inst.control() as content:
        past = controlfile.now() - 20 * 86400
        for n in range(int(count)):
            key = {"set_stamp": controlfile.stamp(past + n), "set_count": 100000 + n}
            area = database.recovery_dest(inst) or inst.host.dbs
            controlfile.add(content, "backup_sets", **key, type="L", level=None, pieces=1,
                            block_size=512, controlfile=False, made=past + n)
            controlfile.add(content, "backup_pieces", **key, piece=1, copy=1, bytes=1 << 20,
                            handle=f"{area}/OLD/backupset/o1_mf_annnn_OLD_{n:08}_.bkp",
                            tag=f"OLD{n}", status="D" if n % 2 else "X", compressed="NO",
                            made=past + n)
            controlfile.add(content, "archived_logs", name=f"{area}/OLD/archivelog/o1_mf_1_{n}_.arc",
                            thread=1, seq=n + 1, resetlogs_scn=0, resetlogs_time=0, first_scn=n + 1,
                            next_scn=n + 2, blocks=100, status="D", made=past + n)
            controlfile.add(content, "rman_status", operation="BACKUP", status="COMPLETED",
                            object="ARCHIVELOG", made=past + n)


def configure(inst, *words):
    """CONFIGURE .."""
    with inst.control() as content:
        backup.configure(content, " ".join(words).upper())


def autobackup(inst, value="on"):
    configure(inst, "controlfile autobackup", value)


def backup_copies(inst, number="2"):
    configure(inst, f"datafile backup copies for device type disk to {number}")
    configure(inst, f"archivelog backup copies for device type disk to {number}")


def exclude(inst, tablespace="users"):
    configure(inst, f"exclude for tablespace {tablespace}")


def compression(inst, algorithm="medium"):
    configure(inst, f"compression algorithm '{algorithm}'")


def optimization(inst, value="on"):
    configure(inst, "backup optimization", value)


def add_datafile(inst, tablespace, size="4M"):
    database.add_datafile(inst, tablespace.upper(), database.size_value(size))


def drop_tablespace(inst, tablespace):
    database.drop_tablespace(inst, tablespace.upper())


def crosscheck(inst, *words):
    """The nightly `crosscheck backup; delete noprompt expired backup;` of many sites."""
    with inst.control() as content:
        for row in content["backup_pieces"]:
            if row["status"] in "AX":
                try:
                    piece.read_header(inst.host, row["handle"])
                    row["status"] = "A"
                except Exception:  # whatever is wrong with it, the site's record goes
                    row["status"] = "D" if "delete" in words else "X"
        controlfile.add(content, "rman_status", operation="CROSSCHECK", status="COMPLETED")
        if "delete" in words:
            controlfile.add(content, "rman_status", operation="DELETE", status="COMPLETED")


def role(inst, value):
    """PRIMARY, or PHYSICAL STANDBY (in one word: STANDBY)"""
    with inst.control() as content:
        content["role"] = "PHYSICAL STANDBY" if value.upper() == "STANDBY" else value.upper()


def threads(inst, number):
    """More than one enabled thread: a cluster database."""
    with inst.control() as content:
        content["threads"] = int(number)


def change_tracking(inst, path):
    with inst.control() as content:
        content["change_tracking"] = path if path != "off" else None
    if path != "off":
        with open(path, "wb") as file:
            file.write(bytes(8192))
        inst.host.own(path)


def open_log_record(inst):
    """From 12.2 on V$ARCHIVED_LOG may show the log that is still written, its end as 2^64 - 1."""
    with inst.control() as content:
        content["open_log_record"] = True


def flashback(inst, value):
    with inst.control() as content:
        content["flashback"] = "YES" if value == "on" else "NO"


def show(inst, *words):
    """VIEW COLUMN=VALUE .. [where COLUMN=VALUE ..]: rows of a view show that; nothing: no more of it."""
    path = inst.host.path("shown.json")
    planted = read_json(path, {})
    if not words:
        planted.pop(inst.sid, None)
    else:
        at = words.index("where") if "where" in words else len(words)
        planted.setdefault(inst.sid, []).append({
            "view": words[0].lower(),
            "set": dict(word.split("=", 1) for word in words[1:at]),
            "where": dict(word.split("=", 1) for word in words[at + 1:])})
    write_json(path, planted)


def write_rows(inst, count="1000"):
    from .writer import batch
    done = 0
    while done < int(count):
        done += batch(inst, 40)
