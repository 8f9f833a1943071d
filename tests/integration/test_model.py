"""A random walk over the whole service: rows, files, backups, deletes, cancels, crashes and restores in any order, each step held
against the plain model of support/model.py.

Every run takes a new seed and prints it. ORABACKUP_MODEL_SEED=N walks one again, ORABACKUP_MODEL_STEPS=N that far. Seeds that
failed once stand in model-seeds.txt with the steps it took, and are walked each time."""

import collections
import contextlib
import os
import random
import re
import secrets
import signal
import time
from pathlib import Path

import pytest
from support import processes
from support.daemon import ERROR, wait_until
from support.dbus import DBusError
from support.model import Model

SID = "MODELDB"
STEPS = int(os.environ.get("ORABACKUP_MODEL_STEPS", "200"))
NOBODY = "11111111-2222-4333-8444-555555555555"

#: where a backup is broken off -> what is left of it: None: nothing, as if it had never been asked for
HELD = {"sqlplus": None, "rman-backup": "FAILED", "piece-1": "FAILED", "piece-3": "FAILED", "store-put-segment": "FAILED"}
CRASH = {
    "claim-in-ledger": None,
    "claim-stored": "FAILED",
    "upload-seal": "FAILED",
    "commit-manifest-stored": "FAILED",
    "commit-record-in-ledger": "COMPLETED",
    "commit-record-stored": "COMPLETED",
}
WEIGHTS = {
    "write_rows": 34,
    "add_file": 8,
    "drop_tablespace": 5,
    "read_only": 5,
    "level_0": 5,
    "level_1": 15,
    "level_1_on_any": 6,
    "cancel": 4,
    "kill": 3,
    "crash": 4,
    "restart": 2,
    "restore": 3,
    "restore_on_a_bare_host": 2,
    "refused_restore": 4,
    "delete": 10,
}


class Walk:
    """One walk: what is done goes to the service and to the model, and what comes of it is compared."""

    def __init__(self, host, service, seed):
        self.host, self.service, self.random = host, service, random.Random(seed)
        self.model, self.said = Model(), []

    def say(self, text):
        self.said.append(f"{len(self.said) + 1:4}. {text}")

    def name(self, backup):
        """A backup by its number: ids differ from run to run."""
        return "none" if backup is None else f"#{backup.sequence} ({backup.state}, level {backup.level})"

    def pick(self, backups):
        """One of them, rather a young one."""
        return backups[-1 - min(int(self.random.expovariate(0.4)), len(backups) - 1)] if backups else None

    def step(self):
        names = list(WEIGHTS)
        before = len(self.said)
        while len(self.said) == before:  # a step for which there is nothing is no step
            getattr(self, self.random.choices(names, WEIGHTS.values())[0])()
        self.check()

    # the database ----------------------------------------------------------------------------------
    def write_rows(self):
        count = self.random.choice([8, 40, 120])
        self.say(f"write {count} rows")
        self.host.write_rows(SID, count)

    def add_file(self):
        name = self.random.choice(Model.EXTRA)
        if len(self.model.files) < 10 and name not in self.model.read_only:
            self.say(f"add a file to {name}")
            self.host.run("add-datafile", SID, name, "--size", "200K")
            self.model.add_file(name)

    def drop_tablespace(self):
        extra = sorted(self.model.tablespaces() - set(Model.OWN))
        if extra:
            name = self.random.choice(extra)
            self.say(f"drop {name}")
            self.host.run("drop-tablespace", SID, name)
            self.model.drop(name)

    def read_only(self):
        name = self.random.choice(sorted(self.model.tablespaces() - set(Model.OWN[:3])))
        writable = name in self.model.read_only
        self.say(f"make {name} {'writable' if writable else 'read only'}")
        self.host.run("read-only", SID, name, *(["--write"] if writable else []))
        self.model.read_only ^= {name}

    # backups ----------------------------------------------------------------------------------------
    def level_0(self):
        self.say("level 0")
        self.back_up(None, {})

    def level_1(self):
        parent = self.model.newest()
        self.say(f"level 1 on the latest, {self.name(parent)}")
        self.back_up(parent, {"parent": "latest"}, self.model.refusal_of_parent(parent))

    def level_1_on_any(self):
        parent = self.pick(self.model.backups)
        if self.random.random() < 0.1 or parent is None:
            self.say("level 1 on a backup that never was")
            self.back_up(None, {"parent": NOBODY}, "NoSuchBackup")
        else:
            self.say(f"level 1 on {self.name(parent)}")
            self.back_up(parent, {"parent": parent.id}, self.model.refusal_of_parent(parent))

    def back_up(self, parent, options, refusal=None):
        started = self.service.create_backup(**options)
        outcome = self.service.wait(started.job)
        expected = ("failed", ERROR + refusal) if refusal else ("done", "")
        assert (outcome.result, outcome.error_name) == expected, outcome
        if refusal is None:
            self.learn(self.model.made(started.backup_id, parent, "COMPLETED"))

    def learn(self, backup):
        """What a restore of it must give; its own words are compared with the model's."""
        record = self.service.record(backup.id)
        (database,) = record["databases"]
        assert (record["sequence"], record["level"]) == (backup.sequence, backup.level)
        assert (record["parent"] or {}).get("id") == (backup.parent and backup.parent.id)
        named = collections.Counter(re.match("[a-z]+", Path(f["name"]).name)[0] for f in database["datafiles"])
        assert named == collections.Counter(name.rstrip("1").lower() for name, _ in backup.files)
        backup.fuzzy, backup.until = database["fuzzy_scn"], database["until_scn"]
        points = {backup.until, self.random.randint(backup.fuzzy + 1, backup.until)}
        backup.blocks = {scn: self.host.checksum(SID, scn) for scn in sorted(points)}

    def begin_any(self):
        """A backup that is to be broken off: its parent, and itself."""
        parent = self.model.newest()
        if self.model.refusal_of_parent(parent) or self.random.random() < 0.3:
            parent = None
        options = {"parent": parent.id} if parent else {}
        return parent, options

    def ended(self, backup_id, parent, state):
        """The service is at rest again, and of the backup that is left which must be."""
        if state is not None:
            backup = self.model.made(backup_id, parent, state)
            wait_until(lambda: self.state_of(backup_id) == state, 60, f"{backup_id} did not become {state}")
            self.await_objects()
            wait_until(lambda: not self.staged(), 60, "the staging directory was not cleaned")
            if state == "COMPLETED":
                self.learn(backup)

    def held(self, way):
        """A backup at a place where it waits: its id and job."""
        place = self.random.choice(sorted(HELD))
        parent, options = self.begin_any()
        self.say(f"{way} a backup on {self.name(parent)} at {place}")
        if place.startswith("store"):
            self.service.fault(place, "hold")
            started = self.service.create_backup(**options)
            self.service.wait_phase(started.job, "upload")
        else:
            self.host.hold(place)
            started = self.service.create_backup(**options)
            self.host.wait_reached(place)
        return place, parent, started

    def let_go(self, place):
        self.service.clear_fault(place)
        self.host.release("all")

    def cancel(self):
        place, parent, started = self.held("cancel")
        self.service.call("CancelJob", "u", self.service.job(started.job)["Id"])
        self.service.clear_fault(place)
        outcome = self.service.wait(started.job)
        self.let_go(place)
        assert (outcome.result, outcome.error_name) == ("cancelled", ERROR + "Cancelled"), outcome
        self.ended(started.backup_id, parent, HELD[place])

    def kill(self):
        place, parent, started = self.held("kill the service during")
        self.service.kill()
        self.let_go(place)
        wait_until(lambda: not [p for p in processes.below(self.host.folder) if "/bin/rman" in p[1]], 60, "rman lives on")
        self.service.start()
        self.ended(started.backup_id, parent, HELD[place])

    def crash(self):
        point = self.random.choice(sorted(CRASH))
        parent, options = self.begin_any()
        self.say(f"crash in a backup on {self.name(parent)} at {point}")
        self.service.fault(point, "crash")
        started = self.service.create_backup(**options)
        self.service.wait_for_death(-signal.SIGKILL)
        self.service.clear_fault(point)
        wait_until(lambda: not [p for p in processes.below(self.host.folder) if "/bin/rman" in p[1]], 60, "rman lives on")
        self.service.start()
        self.ended(started.backup_id, parent, CRASH[point])

    def restart(self):
        self.say("kill the service at rest")
        self.service.kill()
        self.service.start()

    # deletes ----------------------------------------------------------------------------------------
    def delete(self):
        backup, recursive = self.pick(self.model.backups), self.random.random() < 0.5
        if backup is None:
            return
        self.say(f"delete {self.name(backup)}{' and all on it' if recursive else ''}")
        refusal = self.model.refusal_of_delete(backup, recursive)
        job = self.service.delete_backup(backup.id, recursive=recursive)
        outcome = self.service.wait(job)
        expected = ("failed", ERROR + refusal) if refusal else ("done", "")
        assert (outcome.result, outcome.error_name) == expected, outcome
        if refusal is None:
            self.model.deleted(backup)

    # restores ----------------------------------------------------------------------------------------
    def restore(self):
        self.bring_back(self.pick(self.model.of_state("COMPLETED")), "overwrite", overwrite=True)

    def restore_on_a_bare_host(self):
        self.bring_back(self.pick(self.model.of_state("COMPLETED")), "bare host")

    def bring_back(self, backup, where, **options):
        if backup is None:
            return
        scn = self.random.choice(sorted(backup.blocks))
        self.say(f"restore {self.name(backup)}, {where}, {'its end' if scn == backup.until else 'a point within it'}")
        if not options:
            self.host.renew()
        if scn != backup.until:
            options["until_scn"] = ("t", scn)
        self.service.restore(backup.id, **options)
        self.model.restored(backup)
        assert self.host.checksum(SID, scn) == backup.blocks[scn]

    def refused_restore(self):
        backup = self.pick(self.model.backups)
        if backup is None:
            return
        overwrite = self.random.random() < 0.5
        options, until = {"overwrite": overwrite}, None
        if overwrite and backup.state == "COMPLETED":
            until = self.random.choice([backup.fuzzy, backup.until + 1])
            options["until_scn"] = ("t", until)
        refusal = self.model.refusal_of_restore(backup, overwrite, until)
        self.say(f"restore {self.name(backup)} with {sorted(options)}, which is {refusal}")
        outcome = self.service.wait(self.service.restore_backup(backup.id, **options))
        assert (outcome.result, outcome.error_name) == ("failed", ERROR + refusal), outcome

    # after each step ----------------------------------------------------------------------------------
    def staged(self):
        return [str(p) for p in self.service.staging.rglob("*") if p.is_file()]

    def state_of(self, backup_id):
        try:
            return self.service.get_backup(backup_id)["state"]
        except DBusError as error:
            assert error.name == ERROR + "NoSuchBackup", error
            return None

    def await_objects(self):
        """What a crash left, and a claim that was the highest when its backup was deleted, goes a moment later."""
        end, there, expected = time.monotonic() + 60, None, self.model.objects()
        while there != expected:
            if there is not None:
                assert time.monotonic() < end, f"too much: {sorted(there - expected)}, missing: {sorted(expected - there)}"
                time.sleep(0.02)
            with contextlib.suppress(FileNotFoundError):  # it is being removed
                there = set(self.service.objects())

    def check(self):
        listed = [(b["id"], b["state"], b["level"], b["parent_id"]) for b in self.service.list_backups()]
        assert listed == self.model.listed()
        self.await_objects()
        assert not self.staged()
        backup = self.pick(self.model.of_state("COMPLETED"))
        if backup is not None:
            assert self.service.get_backup(backup.id)["children"] == [b.id for b in self.model.children(backup)]


def kept_seeds():
    """[(seed, steps)]"""
    lines = (Path(__file__).parent / "model-seeds.txt").read_text().splitlines()
    return [tuple(map(int, line.split()[:2])) for line in lines if line and not line.startswith("#")]


def seeds():
    told = os.environ.get("ORABACKUP_MODEL_SEED")
    if told is not None:
        return [pytest.param(int(told), STEPS, id=f"told-{told}")]
    return [pytest.param(*seed, id=f"kept-{seed[0]}") for seed in kept_seeds()] + [pytest.param(None, STEPS, id="new")]


@pytest.mark.parametrize("seed, steps", seeds())
def test_a_random_walk_goes_as_the_model_says(make_host, make_daemon, capsys, seed, steps):
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    with capsys.disabled():
        print(f"\nrandom walk: ORABACKUP_MODEL_SEED={seed} ORABACKUP_MODEL_STEPS={steps}")
    host = make_host()
    host.create_database(SID, "2M", "--redo-size", "1M")
    service = make_daemon(host)
    service.configure(oracle={"retries": 0})
    service.give_identity()
    walk = Walk(host, service.start(), seed)
    try:
        for _ in range(steps):
            walk.step()
    except Exception as error:
        done = "\n".join(walk.said)
        raise AssertionError(
            f"ORABACKUP_MODEL_SEED={seed} ORABACKUP_MODEL_STEPS={len(walk.said)}:\n{done}\n{error}\n{service.log()[-4000:]}"
        ) from error
