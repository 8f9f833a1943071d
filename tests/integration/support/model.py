"""What must hold of backups, chains and restores of one database, in plain words and sets: the reference that a random walk over
the real service is compared with. It asks nobody: only what was done goes in, and what must have come of it comes out."""

import dataclasses


@dataclasses.dataclass
class Backup:
    id: str
    sequence: int
    level: int
    parent: "Backup | None"
    state: str  # COMPLETED, FAILED, or GONE: deleted
    incarnation: int
    files: frozenset  # (tablespace, its how manieth file) when it was made
    read_only: frozenset  # tablespaces
    until: int = 0  # SCN
    fuzzy: int = 0
    blocks: object = None  # what a restore must give

    def chain(self):
        """From the level 0 to this one."""
        return (self.parent.chain() if self.parent else []) + [self]


class Model:
    OWN = ("SYSTEM", "SYSAUX", "UNDOTBS1", "USERS")  # of every database, never dropped
    EXTRA = ("ALPHA", "BETA", "GAMMA")

    def __init__(self):
        self.backups = []  # in the order of their claims
        self.claims = 0
        self.incarnation = 0
        self.files = {(name, 1) for name in self.OWN}
        self.read_only = set()

    # what there is ----------------------------------------------------------------------------------
    def of_state(self, *states):
        return [b for b in self.backups if b.state in states]

    def children(self, parent):
        return [b for b in self.of_state("COMPLETED") if b.parent is parent]

    def descendants(self, backup):
        """Youngest first."""
        return [b for b in reversed(self.of_state("COMPLETED")) if b is not backup and backup in b.chain()]

    def newest(self):
        """What `latest` names: nothing is based on the newest COMPLETED one."""
        return next(iter(reversed(self.of_state("COMPLETED"))), None)

    def tablespaces(self):
        return {name for name, _ in self.files}

    # the database -------------------------------------------------------------------------------------
    def add_file(self, name):
        self.files.add((name, 1 + sum(1 for n, _ in self.files if n == name)))

    def drop(self, name):
        self.files = {(n, k) for n, k in self.files if n != name}
        self.read_only.discard(name)

    # backups ----------------------------------------------------------------------------------------
    def refusal_of_parent(self, parent):
        """The error of a level 1 on this one (None: "latest" has found nothing), or None."""
        if parent is None:
            return "InvalidParent"
        if parent.state == "GONE":
            return "NoSuchBackup"
        if parent.state == "FAILED":
            return "InvalidParent"
        if self.children(parent):
            return "ParentHasChild"
        if parent.incarnation != self.incarnation:
            return "InvalidParent"
        later = [b for b in self.of_state("COMPLETED") if b.sequence > parent.sequence and b.incarnation == self.incarnation]
        return "ChainBroken" if later else None

    def made(self, backup_id, parent, state):
        """A backup whose claim was stored."""
        self.claims += 1
        level = 0 if parent is None else 1
        of = (self.incarnation, frozenset(self.files), frozenset(self.read_only))
        backup = Backup(backup_id, self.claims, level, parent, state, *of)
        self.backups.append(backup)
        return backup

    # delete ----------------------------------------------------------------------------------------
    def refusal_of_delete(self, backup, recursive):
        if backup.state == "GONE":  # the highest claim stays with its delete.json, and another delete finds it done
            return None if backup is self.backups[-1] else "NoSuchBackup"
        return "HasChildren" if self.descendants(backup) and not recursive else None

    def deleted(self, backup):
        for one in [backup, *self.descendants(backup)]:
            one.state = "GONE"

    # restore ----------------------------------------------------------------------------------------
    def refusal_of_restore(self, backup, overwrite, until=None):
        if backup.state == "GONE":
            return "NoSuchBackup"
        if backup.state == "FAILED":
            return "NotCompleted"
        if until is not None and not backup.fuzzy < until <= backup.until:
            return "NotConsistent"
        return None if overwrite else "DatabaseExists"

    def restored(self, backup):
        """The database is what the backup held; with OPEN RESETLOGS a new incarnation begins."""
        self.incarnation += 1
        self.files, self.read_only = set(backup.files), set(backup.read_only)

    # the store ----------------------------------------------------------------------------------------
    def listed(self):
        """What ListBackups must show, the newest first: [(id, state, level, parent id)]"""
        shown = self.of_state("COMPLETED", "FAILED")
        return [(b.id, b.state, b.level, b.parent.id if b.parent else "") for b in reversed(shown)]

    def objects(self):
        """What must lie below the instance, no more and no less."""
        names = set()
        for backup in self.of_state("COMPLETED", "FAILED"):
            kinds = ["failed.json"] if backup.state == "FAILED" else ["backup.json", "backup.tar.age", "segments"]
            names |= {f"begin/{backup.sequence:010d}.json", *(f"{backup.id}/{kind}" for kind in kinds)}
        # The highest claim stays, with what says that its backup is deleted, until there is a later one.
        if self.backups and self.backups[-1].state == "GONE":
            names |= {f"begin/{self.claims:010d}.json", f"{self.backups[-1].id}/delete.json"}
        return names
