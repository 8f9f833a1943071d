"""A chain of backups: its links, the blocks each must give back, and the bare host it comes back on."""

import base64
import collections
import json
import subprocess

from .daemon import ERROR
from .judge import assert_no_such_backup, assert_staging_is_empty
from .oracle import Programs, row

SID = "TESTDB15"
Piece = collections.namedtuple("Piece", "tag handle")


class Link:
    """A backup and the blocks that a restore of it must give."""

    def __init__(self, host, service, backup_id):
        self.id, self.record = backup_id, service.record(backup_id)
        self.databases = {d["sid"]: d for d in self.record["databases"]}
        self.blocks = {sid: host.checksum(sid, d["until_scn"]) for sid, d in self.databases.items()}

    def assert_same_blocks(self, host):
        for sid, database in self.databases.items():
            assert host.status()[sid]["status"] == "OPEN"
            assert host.checksum(sid, database["until_scn"]) == self.blocks[sid]


def add_link(host, service, parent="latest", rows=150):
    for sid in host.status():
        host.write_rows(sid, rows)
    options = {"parent": parent} if parent else {}
    return Link(host, service, service.backup(**options))


def chain(host, service, length):
    """A level 0 and level 1 backups on it."""
    return [add_link(host, service, parent=None if i == 0 else "latest") for i in range(length)]


def fail(service, error, *things, kind="failed", **options):
    """A backup that must fail so, before anything of it exists anywhere."""
    before = service.objects()
    started = service.create_backup(**options)
    outcome = service.wait(started.job)
    assert (outcome.result, outcome.error_name) == (kind, ERROR + error), f"{outcome}\n{service.log()[-6000:]}"
    for thing in things:
        assert thing in outcome.error_message, f"'{outcome.error_message}' does not name {thing}"
    assert_no_such_backup(service, started.backup_id)
    assert service.objects() == before
    assert_staging_is_empty(service)
    return outcome


def bare(make_host, make_daemon, host, service, name="bare", home="dbhome_1", **environment):
    """The host is lost; a bare one at the same place, ready to restore."""
    key = service.own_key()
    service.stop()
    host.lose()
    again = make_host(host.folder.name, home=home)
    one = make_daemon(again, name=name)
    one.trusted_keys.write_text(f"{service.instance} {key} the lost host\n")
    one.give_identity()
    return again, one.start(**environment)


def refused(one, link, error, *things, **options):
    """A restore that is refused before anything is changed."""
    outcome = one.wait(one.restore_backup(link.id, **options))
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + error), f"{outcome}\n{one.log()[-6000:]}"
    for thing in things:
        assert thing in outcome.error_message, f"'{outcome.error_message}' does not name {thing}"
    assert one.host.status() == {}
    assert not [p for p in one.staging.rglob("*") if p.is_file()]


def control_file_pieces(host, sid=SID):
    """The pieces that the control file knows and that are not the site's own autobackups."""
    rows = Programs(host, sid).ask(row("tag", "handle") + " from v$backup_piece where status <> 'D'")
    return [piece for piece in map(Piece._make, rows) if not piece.tag.startswith("TAG")]


def sign_record(service, record):
    """backup.json with this payload, signed with the service's own key by OpenSSL."""
    (key,) = (service.state / "signing").glob("*.pem")
    kind = "application/vnd.orabackup.record.v1+json"
    payload = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    message = service.folder / "message"
    message.write_bytes(signed)
    command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(key), "-in", str(message)]
    signature = subprocess.run(command, capture_output=True, check=True).stdout
    envelope = json.loads(service.object_path(record["id"], "backup.json").read_text())
    envelope["payload"] = base64.b64encode(payload).decode()
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    return json.dumps(envelope).encode()
