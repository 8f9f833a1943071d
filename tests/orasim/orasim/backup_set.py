"""A backup set that is being written: its pieces, their lines, and its records."""

import os
import re
import time

from . import controlfile, database
from .errors import OraError, create_failed, text
from .piece import PieceFile, RESERVE, Throttle
from .rman_errors import channel_error


class SetWriter:
    """Use as a context: leaving it with an error removes the unfinished piece."""

    def __init__(self, rman, channel, tag, code, block_size, ask, kind, level, expected, guid=None,
                 quiet=False, autobackup=False):
        self.rman, self.channel, self.tag, self.code = rman, channel, tag, code
        self.block_size, self.ask, self.kind, self.level = block_size, ask, kind, level
        self.expected, self.guid, self.quiet, self.auto = expected, guid, quiet, autobackup
        self.what = "datafile"
        self.datafiles, self.logs, self.incarnations = [], [], []
        self.controlfile, self.spfile = None, False
        self.begun = time.monotonic()
        self.pieces, self.files = [], []
        self.throttle = Throttle(int(rman.host.knob("speed")))
        self.half = False
        with rman.inst.control() as content:
            content["set_count"] += 1
            self.set_count = content["set_count"]
            self.dbid, self.name = content["dbid"], content["name"]
            self.unique_name = content["unique_name"]
            self.copies = self.copies_of(content)
        self.set_stamp = controlfile.stamp(controlfile.now())

    def copies_of(self, content):
        if self.auto:
            return 1
        if "copies" in self.rman.run:
            return self.rman.run["copies"]
        from .backup import setting
        name = "ARCHIVELOG" if self.kind == "L" else "DATAFILE"
        value = setting(content, f"{name} BACKUP COPIES FOR DEVICE TYPE", "DISK TO 1")
        return int(value.split(" ")[-1])

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, kind, error, trace):
        if error is None:
            return False
        for file in self.files:
            file.abandon()
        self.rman.piece_file = None
        if isinstance(error, OraError):
            raise channel_error(self.channel, error) from error
        return False

    # pieces -------------------------------------------------------------------------------------------
    def open(self):
        rman, number = self.rman, len(self.pieces) + 1
        if not self.auto:
            rman.pieces += 1
            self.place(f"piece-{rman.pieces}")
            self.place(f"{self.what}-piece")
        if not self.quiet:
            rman.say(f"channel {self.channel.name}: starting piece {number} at {rman.date()}")
        self.check_recovery_area()
        paths = [self.path(number, copy + 1) for copy in range(self.copies)]
        self.files = []
        limit = self.channel.max_piece
        expected = min(self.expected, limit) if limit else self.expected
        for path in paths:
            self.files.append(PieceFile(rman.host, path, self.block_size, expected))
        rman.piece_file = self.files[0]
        self.half = False

    def place(self, name):
        """Holds and faults; the site may do something at this moment, too."""
        fault = self.rman.host.reach(name, self.rman.sid, self.rman)
        if fault is not None and fault["kind"] == "site":
            from . import site
            site.perform(self.rman.inst, fault["words"])

    def write(self, reference, position, data):
        limit = self.channel.max_piece
        size = len(data)
        if limit and self.files[0].at + size + 64 + RESERVE > max(limit, RESERVE + 4096 * 4) \
                and self.files[0].at > self.block_size:
            self.close(last=False)
            self.open()
        for file in self.files:
            file.write(reference, position, data)
        if not self.half and not self.auto:
            self.half = True
            self.place(f"in-piece-{self.rman.pieces}")
        self.rman.check()
        self.throttle.spend(size, self.rman.check)

    def close(self, last):
        rman, number = self.rman, len(self.pieces) + 1
        directory = {
            "dbid": self.dbid, "db_name": self.name, "set_stamp": self.set_stamp,
            "set_count": self.set_count, "piece": number, "last": last, "tag": self.tag,
            "type": self.kind, "level": self.level, "block_size": self.block_size,
            "datafiles": self.datafiles, "logs": self.logs, "controlfile": self.controlfile,
            "spfile": self.spfile, "compressed": "YES" if self.ask["compressed"] else "NO",
            "incarnations": self.incarnations, "made": controlfile.now()}
        for copy, file in enumerate(self.files, 1):
            size = file.close(dict(directory, copy=copy))
            if rman.host.knob("bytes") == "payload":
                size -= self.block_size
            self.add_piece(number, copy, file.path, size)
        rman.piece_file = None
        if self.auto:
            rman.say(f"piece handle={self.files[0].path} comment=NONE")
        elif self.copies > 1:
            rman.say(f"channel {self.channel.name}: finished piece {number} at {rman.date()} with "
                     f"{self.copies} copies and tag {self.tag}")
            for file in self.files:
                rman.say(f"piece handle={file.path} comment=NONE")
        else:
            rman.say(f"channel {self.channel.name}: finished piece {number} at {rman.date()}",
                     f"piece handle={self.files[0].path} tag={self.tag} comment=NONE")
        self.files = []
        if not self.auto:
            self.place(f"after-piece-{rman.pieces}")

    def add_piece(self, number, copy, path, size):
        if len(self.pieces) < number:
            self.pieces.append([])
        self.pieces[number - 1].append({"handle": path, "bytes": size, "copy": copy})

    def check_recovery_area(self):
        """A piece for the recovery area needs room there: 64 MB at a time."""
        if self.channel.destination and not self.auto or self.ask.get("format"):
            return
        inst = self.rman.inst
        limit = database.recovery_limit(inst)
        area = database.recovery_dest(inst)
        content = inst.read_control()
        if area and limit and database.recovery_used(inst, content) + self.expected > limit:
            raise channel_error(self.channel, OraError(
                text("ORA-19809"), text("ORA-19804", 67108864, limit)))

    def path(self, number, copy):
        """Where the piece goes: FORMAT, TO DESTINATION, the recovery area, or the dbs directory."""
        host, channel = self.rman.host, self.channel
        form = self.ask.get("format") or (channel.format if not self.auto else None)
        area = database.recovery_dest(self.rman.inst)
        if form:
            return self.formatted(form, number, copy)
        destination = channel.destination if channel.destination and not self.auto else area
        if not destination:
            if self.auto:
                day = time.strftime("%Y%m%d")
                return os.path.join(host.dbs, f"c-{self.dbid}-{day}-{self.set_count:02x}")
            return self.formatted(os.path.join(host.dbs, "%U"), number, copy)
        if not os.path.isdir(destination):
            raise channel_error(channel, create_failed(os.path.join(destination, "x"), 2))
        name = self.unique_name.upper()
        parts = [destination, name] + ([self.guid] if self.guid else [])
        day = database.date_directory()
        if self.auto:
            directory = os.path.join(destination, name, "autobackup", day)
            leaf = f"o1_mf_s_{self.set_stamp}_{database.omf_hash()}_.bkp"
        else:
            directory = os.path.join(*parts, "backupset", day)
            tag = re.sub(r"[^A-Z0-9]", "_", self.tag[:20])
            leaf = f"o1_mf_{self.code}_{tag}_{database.omf_hash()}_.bkp"
        try:
            host.make_directories(directory)
        except OSError as error:
            raise channel_error(channel, create_failed(os.path.join(directory, leaf), error.errno)) \
                from error
        return os.path.join(directory, leaf)

    def formatted(self, form, number, copy):
        unique = f"{self.set_count:02x}{self.set_stamp:08x}"[-8:]
        path = form.replace("%U", f"{unique}_{number}_{copy}").replace("%T", time.strftime("%Y%m%d"))
        path = path.replace("%d", self.name).replace("%s", str(self.set_count))
        path = path.replace("%p", str(number)).replace("%t", str(self.set_stamp))
        if os.path.exists(path):
            raise channel_error(self.channel, create_failed(path, 17))
        return path

    # the end ------------------------------------------------------------------------------------------
    def finish(self):
        """The last piece is closed, the control file gets the set."""
        self.close(last=True)
        with self.rman.inst.control() as content:
            self.record(content)
        if not self.quiet:
            took = int(time.monotonic() - self.begun)
            clock = f"{took // 3600:02}:{took % 3600 // 60:02}:{took % 60:02}"
            self.rman.say(f"channel {self.channel.name}: backup set complete, elapsed time: {clock}")

    def record(self, content):
        key = {"set_stamp": self.set_stamp, "set_count": self.set_count}
        controlfile.add(content, "backup_sets", **key, type=self.kind, level=self.level,
                        pieces=len(self.pieces), block_size=self.block_size,
                        controlfile=self.controlfile is not None)
        for number, listed in enumerate(self.pieces, 1):
            for piece in listed:
                controlfile.add(content, "backup_pieces", **key, piece=number, copy=piece["copy"],
                                handle=piece["handle"], bytes=piece["bytes"], tag=self.tag,
                                status="A", compressed="YES" if self.ask["compressed"] else "NO")
        rows = self.datafiles + ([self.controlfile] if self.controlfile else [])
        for row in rows:
            controlfile.add(content, "backup_datafiles", **key, **row)
        for row in self.logs:
            controlfile.add(content, "backup_redologs", **key, **row)
        if self.spfile:
            controlfile.add(content, "backup_spfiles", **key)
