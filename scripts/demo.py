"""What scripts/demo shows, once everything is built. One step after the other; every call on the bus is printed as one types it."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

for folder in ("integration", "swift", "faults"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / folder))

from loopback import Cluster  # noqa: E402
from support import bus, daemon, host, paths, processes, store  # noqa: E402

SIDS = ("TESTDB15", "TESTDB16")
SIZE = "300M"
SEGMENT, CONCURRENCY, THREADS = 8 << 20, 4, 2
MEMORY_BOUND = (CONCURRENCY + THREADS) * SEGMENT + (24 << 20)
STARTED = time.monotonic()


def step(text):
    print(f"\n[{time.monotonic() - STARTED:5.1f} s] {text}", flush=True)


def mib(count):
    return f"{count / (1 << 20):.0f} MiB"


def busctl(private, *words):
    """Calls the manager as a person would, and shows how."""
    shown = ["busctl", "--json=pretty", "call", daemon.NAME, daemon.OBJECT, daemon.MANAGER, *words]
    print("  $ " + shlex.join(shown), flush=True)
    return private.call(daemon.NAME, daemon.OBJECT, daemon.MANAGER, *words)


def follow(service, job):
    """Prints the job whenever it has come further, and returns its outcome."""
    last, outcome = None, None
    while outcome is None:
        received = service.take_signal(120)
        if received.member == "JobRemoved" and received.arguments[1] == job:
            outcome = daemon.Outcome(*received.arguments)
        elif received.path != job:
            continue
        p = service.job(job)
        line = (p["Phase"], p["Database"], p["PiecesStaged"], p["SegmentsStored"])
        if line != last:
            print(
                f"  [{time.monotonic() - STARTED:5.1f} s] {p['Phase'] or '-':9} {p['Database'] or '-':9}"
                f" pieces finished {p['PiecesStaged']:3}  segments stored {p['SegmentsStored']:3}"
                f"  {mib(p['BytesStored'])} of {mib(p['BytesExpected'])}",
                flush=True,
            )
            last = line
    if outcome.result != "done":
        raise SystemExit(f"the job {outcome.result}: {outcome.error_name}: {outcome.error_message}\n{service.log()[-4000:]}")
    return outcome


def make_databases(one):
    threads = [threading.Thread(target=one.run, args=("create-database", sid, "--size", SIZE)) for sid in SIDS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def configure(service):
    service.configure(
        oracle={"compressed": "no", "max_piece_size": "64M", "parallel_databases": 2},
        store={"segment_size": f"{SEGMENT >> 20}M", "concurrency": CONCURRENCY, "threads": THREADS},
    )


def back_up(private, service, one):
    step("CreateBackup, while rows are written to both databases all the time")
    writers = [subprocess.Popen(one.command("write-rows", sid, "--continuous", "--rate", "300")) for sid in SIDS]
    try:
        with processes.Sampler([], watch=service.process.pid) as sampler:
            backup_id, job = busctl(private, "CreateBackup", "a{sv}", "0")
            print(f"  backup {backup_id}, job {job}")
            follow(service, job)
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGTERM)
            writer.wait()
    print(f"  peak anonymous memory of the daemon: {mib(sampler.peak)} (bound: {mib(MEMORY_BOUND)})")
    if sampler.peak > MEMORY_BOUND:
        raise SystemExit("that is more than its bound")
    return backup_id


def show(private, backup_id):
    step("what the store has")
    (rows,) = busctl(private, "ListBackups", "a{sv}", "0")
    for row in rows:
        print(f"  {row['id']}  {row['state']}  level {row['level']}  {mib(row['size'])}  {row['name']}")
    (backup,) = busctl(private, "GetBackup", "s", backup_id)
    for key in ("location", "checksum", "signature", "signer", "recipients", "members"):
        print(f"  {key}: {backup[key]}")
    for row in backup["databases"]:
        print(f"  {row['sid']}: consistent from SCN {row['fuzzy_scn']}, recovered until SCN {row['until_scn']}")


def lose(service, one, backup_id):
    step("the host is lost: instances ended, every file of it removed")
    databases = {d["sid"]: d for d in service.record(backup_id)["databases"]}
    blocks = {sid: one.checksum(sid, databases[sid]["until_scn"]) for sid in SIDS}
    key = service.own_key()
    service.finish()
    one.lose()
    shutil.rmtree(service.state)
    print(f"  kept: the store, the identity, and the key that signed: {key}")
    return key, databases, blocks


def compare(one, databases, blocks):
    step("the restored data files, block by block, against the lost host's as of until_scn")
    for sid in SIDS:
        restored = one.checksum(sid, databases[sid]["until_scn"])
        print(f"  {sid}: {one.status()[sid]['status']}, {'every block is the same' if restored == blocks[sid] else 'DIFFERENT'}")
        if restored != blocks[sid]:
            raise SystemExit(json.dumps({"lost": blocks[sid], "restored": restored}, indent=1)[:4000])


def show_swift(place, instance):
    step("what Swift itself lists")
    for name in place.client.names(place.container, instance + "/"):
        print(f"  {place.container}/{name}")
    segments = place.client.list(place.segment_container, instance + "/")
    print(f"  {place.segment_container}: {len(segments)} segments, {mib(sum(row['bytes'] for row in segments))}")


def unpack(service, identity, backup_id):
    fetch = service.place.fetch(service.object_path(backup_id, "backup.tar.age"))
    step(f"the same backup without this software: {'swift, ' if service.place.type == 'swift' else ''}age and tar")
    print(f"  $ {fetch} | age -d -i identity.txt | tar -tv")
    command = f"{fetch} | age -d -i {shlex.quote(str(identity.path))} | tar -tv"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    for line in done.stdout.splitlines():
        words = line.split(None, 5)
        print(f"  {words[2]:>10}  .../{'/'.join(words[5].split('/')[-2:])}")


def make_place(folder, with_swift, opened):
    """Where the backups go."""
    if not with_swift:
        return store.DirectoryStore(folder / "store")
    step("a real OpenStack Swift on loopback")
    cluster = Cluster(folder / "swift").start()
    opened.append(cluster)
    print(f"  {cluster.auth_url}")
    return store.SwiftStore(cluster, "orabackup", direct=True)


def play(folder, private, with_swift, opened):
    place = make_place(folder, with_swift, opened)
    identity = daemon.Identity(folder / "identity.txt")
    step(f"a host with an Oracle home (simulated) and two databases of {SIZE}: {', '.join(SIDS)}")
    one = host.OraHost(folder / "host1")
    opened.append(one)
    make_databases(one)
    service = daemon.Daemon(folder, private, one, identity, build=paths.PLAIN, name="daemon-1", store=place)
    opened.append(service)
    configure(service)
    service.start()
    backup_id = back_up(private, service, one)
    show(private, backup_id)
    if with_swift:
        show_swift(place, service.instance)
    key, databases, blocks = lose(service, one, backup_id)

    step("a bare host: the Oracle home, the configuration, the trusted key, the store, the identity; nothing else")
    bare = host.OraHost(folder / "host1", name="bare")
    opened.append(bare)
    restorer = daemon.Daemon(folder, private, bare, identity, build=paths.PLAIN, name="daemon-2", store=place)
    opened.append(restorer)
    configure(restorer)
    restorer.trusted_keys.write_text(f"{restorer.instance} {key} the lost host\n")
    restorer.give_identity()
    restorer.start()
    (job,) = busctl(private, "RestoreBackup", "sa{sv}", backup_id, "0")
    follow(restorer, job)
    compare(bare, databases, blocks)
    unpack(restorer, identity, backup_id)
    restorer.finish()
    bare.finish()


def main():
    os.umask(0o022)
    print("Simulated: Oracle (rman, sqlplus and the databases are those of tests/orasim). Real: everything else.")
    folder = Path(tempfile.mkdtemp(prefix="orabackup-demo-"))
    folder.chmod(0o755)  # the Swift runs as a user of its own
    opened = []
    try:
        with bus.PrivateBus([bus.policy_for_me(paths.policy(paths.PLAIN))]) as private:
            try:
                play(folder, private, "--swift" in sys.argv[1:], opened)
            finally:
                for thing in reversed(opened):
                    if isinstance(thing, daemon.Daemon) and thing.process is not None:
                        thing.kill()
                    elif isinstance(thing, host.OraHost):
                        thing.finish()
                    elif isinstance(thing, Cluster):
                        thing.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    step("done: nothing is left of it but build/")


main()
