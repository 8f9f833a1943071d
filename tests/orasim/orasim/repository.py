"""RMAN's repository: CATALOG, CROSSCHECK, DELETE, CHANGE .. UNCATALOG, RESET DATABASE."""

import contextlib
import os
import sys
import time

from . import controlfile, database, piece, redo
from .errors import OraError
from .rman_errors import RmanError


# catalog ------------------------------------------------------------------------------
def files_below(prefix):
    """START WITH is a prefix of names, not a directory."""
    directory = prefix if prefix.endswith("/") else os.path.dirname(prefix)
    found = []
    for root, directories, names in os.walk(directory):
        directories.sort()
        found += [os.path.join(root, n) for n in sorted(names)
                  if os.path.join(root, n).startswith(prefix)]
    return found


def known_names(content):
    names = {p["handle"] for p in content["backup_pieces"] if p["status"] != "D"}
    names |= {l["name"] for l in content["archived_logs"] if l["status"] != "D"}
    names |= {f["name"] for f in content["datafiles"] + content["tempfiles"]}
    names |= {m for g in content["logs"] for m in g["members"]}
    names |= {c["name"] for c in content["datafile_copies"]}
    return names


def catalog(rman, prefix, prompt):
    """CATALOG START WITH"""
    rman.need("MOUNTED", "OPEN")
    rman.announce()
    rman.repository()
    rman.say(f"searching for all files that match the pattern {prefix}")
    content = rman.inst.read_control()
    known = known_names(content) | set(rman.inst.control_paths())
    unknown = [p for p in files_below(prefix) if p not in known]
    if not unknown:
        rman.say("no files found to be unknown to the database")
        return
    rman.say("", "List of Files Unknown to the Database", "=====================================")
    rman.say(*(f"File Name: {p}" for p in unknown))
    if prompt:
        rman.out.write("\nDo you really want to catalog the above files (enter YES or NO)? ")
        rman.out.flush()
        answer = sys.stdin.readline().strip().lower()
        if answer not in ("y", "yes"):
            rman.say("")
            return
    else:
        rman.say("")
    rman.say("cataloging files...")
    good, bad = [], []
    with rman.inst.control() as content:
        for path in unknown:
            reason = catalog_one(rman, content, path)
            (bad if reason else good).append((path, reason))
    rman.say("cataloging done")
    if good:
        rman.say("", "List of Cataloged Files", "=======================")
        rman.say(*(f"File Name: {p}" for p, _ in good))
    if bad:
        rman.say("", "List of Files Which Were Not Cataloged",
                 "=======================================")
        for path, reason in bad:
            rman.say(f"File Name: {path}", f"  {reason}")
    rman.note("CATALOG")


def catalog_one(rman, content, path):
    """None, or the reason why not."""
    host = rman.host
    if host.refusal(path):
        return "RMAN-07517: Reason: The file header is corrupted"
    with open(path, "rb") as file:
        begin = file.read(8)
    if begin[:4] == b"ORLG":
        return catalog_log(content, path)
    if begin[:4] == b"ODBF" or begin.startswith(b"ORASIM"):
        return "RMAN-07529: Reason: catalog is not supported for this file type"
    try:
        head, directory = piece.read_header(host, path)
    except OraError:
        return "RMAN-07517: Reason: The file header is corrupted"
    if directory["dbid"] != content["dbid"]:
        return (f"RMAN-07518: Reason: Foreign database file DBID: {directory['dbid']}  Database "
                f"Name: {directory['db_name']}")
    bytes_ = head["size"] - (head["block"] if host.knob("bytes") == "payload" else 0)
    catalog_piece(content, path, directory, bytes_)
    return None


def catalog_piece(content, path, directory, size):
    key = {"set_stamp": directory["set_stamp"], "set_count": directory["set_count"]}
    found = next((s for s in content["backup_sets"]
                  if controlfile.set_key(s) == (key["set_stamp"], key["set_count"])), None)
    if found is None:
        # how many pieces there are is known when the last one is seen
        found = controlfile.add(content, "backup_sets", **key, type=directory["type"],
                                level=directory["level"], pieces=1 << 20,
                                block_size=directory["block_size"],
                                controlfile=directory["controlfile"] is not None,
                                made=directory["made"])
    if directory["last"]:
        found["pieces"] = directory["piece"]
        have = any(controlfile.set_key(r) == controlfile.set_key(found)
                   for section in ("backup_datafiles", "backup_redologs", "backup_spfiles")
                   for r in content[section])
        if not have:
            rows = directory["datafiles"] + ([directory["controlfile"]] if directory["controlfile"]
                                             else [])
            for row in rows:
                controlfile.add(content, "backup_datafiles", **key, **row)
            for row in directory["logs"]:
                controlfile.add(content, "backup_redologs", **key, **row)
            if directory["spfile"]:
                controlfile.add(content, "backup_spfiles", **key)
    controlfile.add(content, "backup_pieces", **key, piece=directory["piece"],
                    copy=directory.get("copy", 1), handle=path, bytes=size, tag=directory["tag"],
                    status="A", compressed=directory["compressed"], made=directory["made"])
    learn_incarnations(content, directory["incarnations"])


def catalog_log(content, path):
    header, _ = redo.log_read(path)
    if header is None:
        return "RMAN-07517: Reason: The file header is corrupted"
    if header["dbid"] != content["dbid"]:
        return (f"RMAN-07518: Reason: Foreign database file DBID: {header['dbid']}  Database Name: "
                f"{header['db_name']}")
    if header["next_scn"] == 0:
        return "RMAN-07529: Reason: catalog is not supported for this file type"
    controlfile.add(content, "archived_logs", name=path, thread=header["thread"],
                    seq=header["seq"], resetlogs_scn=header["resetlogs_scn"],
                    resetlogs_time=header["resetlogs_time"],
                    first_scn=header["first_scn"], next_scn=header["next_scn"],
                    blocks=os.path.getsize(path) // 512 - 1, status="A")
    learn_incarnations(content, [{"resetlogs_scn": header["resetlogs_scn"], "prior": header["prior"],
                                  "time": header["resetlogs_time"]}])
    return None


def learn_incarnations(content, listed):
    """A file of an incarnation that the control file does not know brings it in; a newer one becomes
    the current one."""
    known = {(i["resetlogs_scn"], i["time"]) for i in content["incarnations"]}
    for row in sorted(listed, key=lambda i: i["resetlogs_scn"]):
        if (row["resetlogs_scn"], row["time"]) in known:
            continue
        current = controlfile.incarnation(content)
        newer = row["time"] >= current["time"] and row["prior"] in controlfile.branch(content)
        if newer:
            current["status"] = "PARENT"
        content["incarnations"].append({
            "inc": max(i["inc"] for i in content["incarnations"]) + 1,
            "resetlogs_scn": row["resetlogs_scn"], "prior": row["prior"], "time": row["time"],
            "status": "CURRENT" if newer else "ORPHAN"})
        if newer:
            content["resetlogs_scn"] = row["resetlogs_scn"]
            content["resetlogs_time"] = row["time"]


def reset_database(rman, number):
    rman.need("MOUNTED")
    rman.announce()
    rman.repository()
    with rman.inst.control() as content:
        wanted = next((i for i in content["incarnations"] if i["inc"] == number), None)
        if wanted is None:
            raise RmanError("RMAN-20014: incarnation key does not exist")
        ancestors = {i["inc"] for i in controlfile.lineage(content, wanted)}
        for inc in content["incarnations"]:
            inc["status"] = "CURRENT" if inc is wanted else \
                "PARENT" if inc["inc"] in ancestors else "ORPHAN"
        content["resetlogs_scn"] = wanted["resetlogs_scn"]
        content["resetlogs_time"] = wanted["time"]
    rman.say(f"database reset to incarnation {number}")


# crosscheck ------------------------------------------------------------------------------
def piece_there(host, path):
    try:
        piece.read_header(host, path)
    except OraError:
        return False
    return True


def check_pieces(rman, content, rows=None):
    """Sets AVAILABLE or EXPIRED by what is on disk; (row, there) of each."""
    found = []
    for row in content["backup_pieces"] if rows is None else rows:
        if row["status"] in "AX":
            there = piece_there(rman.host, row["handle"])
            row["status"] = "A" if there else "X"
            found.append((row, there))
    return found


def check_logs(rman, content):
    found = []
    for row in content["archived_logs"]:
        if row["status"] in "AX":
            there = not rman.host.refusal(row["name"])
            row["status"] = "A" if there else "X"
            found.append((row, there))
    return found


def implicit_crosscheck(rman):
    """The first command on a freshly mounted restored control file."""
    with rman.inst.control() as content:
        content["implicit_crosscheck"] = False
    rman.say(f"Starting implicit crosscheck backup at {rman.date()}")
    opened = not rman.channels
    if opened:
        rman.announced = True
        rman.allocate("ORA_DISK_1")
    time.sleep(float(rman.host.knob("crosscheck_seconds")))
    with rman.inst.control() as content:
        count = len(check_pieces(rman, content))
        copies = len(content["datafile_copies"])
        rman.say(f"Crosschecked {count} objects",
                 f"Finished implicit crosscheck backup at {rman.date()}", "",
                 f"Starting implicit crosscheck copy at {rman.date()}",
                 f"using channel {rman.channels[0].name}")
        if copies:
            for row in content["datafile_copies"]:
                row["status"] = "A" if os.path.exists(row["name"]) else "X"
            rman.say(f"Crosschecked {copies} objects")
        rman.say(f"Finished implicit crosscheck copy at {rman.date()}", "",
                 "searching for all files in the recovery area", "cataloging files...")
        good = catalog_recovery_area(rman, content)
        if good:
            rman.say("cataloging done", "", "List of Cataloged Files", "=======================")
            rman.say(*(f"File Name: {p}" for p in good))
        else:
            rman.say("no files cataloged")
        rman.say("")


def catalog_recovery_area(rman, content):
    area = database.recovery_dest(rman.inst)
    if not area:
        return []
    known = known_names(content) | set(rman.inst.control_paths())
    good = []
    for kind in ("archivelog", "autobackup", "backupset", "flashback"):
        place = os.path.join(area, content["unique_name"].upper(), kind) + "/"
        for path in files_below(place):
            if path not in known and catalog_one(rman, content, path) is None:
                good.append(path)
    return good


def crosscheck(rman, what):
    rman.need("MOUNTED", "OPEN")
    rman.announce()
    rman.repository()
    rman.automatic_channel()
    with rman.inst.control() as content:
        if what == "backup":
            found = check_pieces(rman, content)
            for row, there in found:
                rman.say("crosschecked backup piece: found to be "
                         f"'{'AVAILABLE' if there else 'EXPIRED'}'",
                         f"backup piece handle={row['handle']} RECID={row['recid']} "
                         f"STAMP={row['stamp']}")
            nothing = ["specification does not match any backup in the repository"]
        else:
            found, nothing = [], []
            if what == "copy":
                found, nothing = crosscheck_copies(rman, content)
            for row, there in check_logs(rman, content):
                rman.say(f"validation {'succeeded' if there else 'failed'} for archived log",
                         f"archived log file name={row['name']} RECID={row['recid']} "
                         f"STAMP={row['stamp']}")
                found.append((row, there))
            nothing.append("specification does not match any archived log in the repository")
            if any("seq" in row for row, _ in found):
                nothing.pop()
    if not found or what == "copy":
        rman.say(*nothing)
    if found:
        rman.say(f"Crosschecked {len(found)} objects", "")
    rman.note("CROSSCHECK")


def crosscheck_copies(rman, content):
    found = []
    for row in content["datafile_copies"]:
        there = os.path.exists(row["name"])
        row["status"] = "A" if there else "X"
        rman.say(f"crosschecked datafile copy: found to be '{'AVAILABLE' if there else 'EXPIRED'}'",
                 f"datafile copy file name={row['name']} RECID={row['recid']} STAMP={row['stamp']}")
        found.append((row, there))
    nothing = [] if found else ["specification does not match any datafile copy in the repository"]
    return found, [*nothing, "specification does not match any control file copy in the repository"]


# delete ------------------------------------------------------------------------------
STATUS = {"A": "AVAILABLE", "X": "EXPIRED", "U": "UNAVAILABLE"}


def delete(rman, force, prompt, expired, tag, what):
    """DELETE as the reference's table has it: record and file must agree, unless FORCE is given."""
    rman.need("MOUNTED", "OPEN")
    rman.announce()
    rman.repository()
    rman.automatic_channel()
    if what == "archivelog":
        delete_archived(rman, expired, force)
        return
    content = rman.inst.read_control()
    rows = [p for p in content["backup_pieces"] if p["status"] != "D"
            and (tag is None or p["tag"] == tag) and (not expired or p["status"] == "X")]
    if not rows:
        rman.say("specification does not match any backup in the repository")
        return
    keys = {controlfile.set_key(s): s["recid"] for s in content["backup_sets"]}
    rman.say("", "List of Backup Pieces",
             "BP Key  BS Key  Pc# Cp# Status      Device Type Piece Name",
             "------- ------- --- --- ----------- ----------- ----------")
    for row in rows:
        rman.say(f"{row['recid']:<7} {keys.get(controlfile.set_key(row), 0):<7} {row['piece']:<3} "
                 f"{row['copy']:<3} {STATUS[row['status']]:<11} DISK        {row['handle']}")
    if prompt:
        rman.out.write("\nDo you really want to delete the above objects (enter YES or NO)? ")
        rman.out.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            rman.say("")
            return
    _delete_rows(rman, {r["recid"] for r in rows}, force, expired)
    rman.note("DELETE")


def _delete_rows(rman, recids, force, expired):
    gone, mismatched = 0, []
    with rman.inst.control() as content:
        for row in content["backup_pieces"]:
            if row["recid"] not in recids:
                continue
            there = os.path.exists(row["handle"])
            agrees = there if row["status"] == "A" else not there if row["status"] == "X" else True
            if not force and not agrees:
                mismatched.append(row)
                continue
            if there:
                try:
                    os.unlink(row["handle"])
                except OSError as error:
                    if not force:
                        raise RmanError(f"ORA-19606: Cannot copy or restore to snapshot control file "
                                        f"({error.strerror})") from error
            row["status"] = "D"
            gone += 1
            rman.say("deleted backup piece",
                     f"backup piece handle={row['handle']} RECID={row['recid']} "
                     f"STAMP={row['stamp']}")
    if gone:
        rman.say(f"Deleted {gone} {'EXPIRED ' if expired else ''}objects", "")
    if mismatched:
        rman.say("", f"RMAN-06207: WARNING: {len(mismatched)} objects could not be deleted for DISK "
                 "channel(s) due",
                 "RMAN-06208:          to mismatched status.  Use CROSSCHECK command to fix status",
                 "RMAN-06210: List of Mismatched objects", "RMAN-06211: ==========================",
                 "RMAN-06212:   Object Type   Filename/Handle",
                 "RMAN-06213: --------------- ---------------------------------------------------")
        rman.say(*(f"RMAN-06214: Backup Piece    {r['handle']}" for r in mismatched), "")


def delete_archived(rman, expired, _force):
    with rman.inst.control() as content:
        count = 0
        for row in content["archived_logs"]:
            if row["status"] == ("X" if expired else "A"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(row["name"])
                row["status"] = "D"
                count += 1
                rman.say("deleted archived log", f"archived log file name={row['name']} "
                         f"RECID={row['recid']} STAMP={row['stamp']}")
    if count:
        rman.say(f"Deleted {count} {'EXPIRED ' if expired else ''}objects", "")
    else:
        rman.say("specification does not match any archived log in the repository")


def uncatalog(rman, handles):
    """CHANGE BACKUPPIECE .. UNCATALOG"""
    rman.need("MOUNTED", "OPEN")
    rman.announce()
    rman.repository()
    with rman.inst.control() as content:
        rows = []
        for handle in handles:
            found = [p for p in content["backup_pieces"]
                     if p["handle"] == handle and p["status"] != "D"]
            if not found:
                raise RmanError("RMAN-20260: backup piece not found in the recovery catalog",
                                f"RMAN-06092: error while looking up backup piece {handle}")
            rows += found
        for row in rows:
            row["status"] = "D"
            rman.say("uncataloged backup piece", f"backup piece handle={row['handle']} "
                     f"RECID={row['recid']} STAMP={row['stamp']}")
    rman.say(f"Uncataloged {len(rows)} objects", "")
