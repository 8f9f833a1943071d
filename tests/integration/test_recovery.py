"""docs/recovery.md, done: a lost host is brought back with the commands of that page and without the service."""

import os
import re
import shlex
import subprocess

import pytest
from support import paths

SID = "TESTDB15"
PAGE = paths.TOP / "docs/recovery.md"


def blocks():
    """{name: text} of the page's blocks that are marked to be run."""
    found = {}
    for name, text in re.findall(r"<!-- run: ([\w ]+) -->\n\n((?:(?: {4}.*)?\n)+)", PAGE.read_text()):
        found[name] = "\n".join(line[4:] for line in text.rstrip().splitlines()) + "\n"
    return found


class ByHand:
    """A person on the bare host, with the page, the identity and the store."""

    def __init__(self, folder, place, instance, identity):
        self.folder, self.place = folder, place
        folder.mkdir()
        (folder / "backup-identity.txt").write_bytes(identity.path.read_bytes())
        self.variables = f"CONTAINER={place.top} STORE={shlex.quote(str(place.top))} INSTANCE={instance}\n"
        if place.type == "swift":
            self.variables = f"CONTAINER={place.container} INSTANCE={instance}\n"
        self.blocks = blocks()

    def environment(self):
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        swift = self.place.cluster.environment() if self.place.type == "swift" else {}
        return dict(kept, **swift, HOME=str(self.folder))

    def shell(self, name, backup_id, **variables):
        """A block of shell commands, with what a person would put into them."""
        assignments = self.variables + f"ID={backup_id}\n" + "".join(f"{k}={shlex.quote(str(v))}\n" for k, v in variables.items())
        # The page's own examples of these are values of another site.
        lines = [line for line in self.blocks[name].splitlines(True) if not re.match(r"(export )?(CONTAINER|STORE|ID|ORACLE_SID|DBS_DIR)=", line)]
        return self.run(assignments + "".join(lines))

    def run(self, script, environment=None):
        done = subprocess.run(
            ["bash", "-eu"], input=script, cwd=self.folder, env=environment or self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def oracle(self, name, facts):
        """A block that begins with the program and goes on with what is typed at its prompt."""
        program, *typed = self.blocks[name].splitlines()
        script = "\n".join(re.sub(r"^(SQL|RMAN)> ", "", line) for line in typed) + "\nexit\n"
        script = re.sub(r"\b(DBID|PIECE|BACKUP_DIR|SCN)\b", lambda m: facts[m.group(1)], script)
        home = facts["ORACLE_HOME"]
        environment = {"ORACLE_HOME": home, "ORACLE_SID": facts["SID"], "PATH": f"{home}/bin:/usr/bin:/bin", "LC_ALL": "C"}
        done = subprocess.run(
            shlex.split(f"{home}/bin/{program}"), input=script, env=environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and not re.search(r"^(ORA|RMAN|SP2)-\d", done.stdout, re.MULTILINE), done.stdout[-4000:] + done.stderr

    def facts(self, backup_id):
        """What the page's script prints of a record, as {name: value} for one database."""
        words = self.shell("facts", backup_id).split()
        return {words[i]: words[i + 1] for i in range(0, len(words) - 1) if words[i].isupper() or words[i] in ("level", "parent")}


@pytest.mark.both_drivers
@pytest.mark.needs_root
def test_a_chain_comes_back_by_hand_with_the_commands_of_the_page(make_host, make_daemon, ora, identity, place, tmp_path):
    service = make_daemon(ora).start()
    ids = [service.backup()]
    ora.write_rows(SID, 150)
    ids.append(service.backup(parent="latest"))
    until = service.record(ids[1])["databases"][0]["until_scn"]
    blocks_lost = ora.checksum(SID, until)
    service.stop()
    ora.lose()

    host = make_host("host1")
    hand = ByHand(tmp_path / "hand", place, service.instance, identity)
    kind = place.type
    shown = hand.shell(f"choose {kind}", ids[1])
    if kind == "directory":
        assert f"{ids[0]}/backup.json" in shown
    else:
        assert f"{service.instance}/{ids[0]}/backup.json" in shown
    facts = hand.facts(ids[1])
    assert facts["level"] == "1" and facts["parent"] == ids[0]
    hand.shell(f"choose {kind}", facts["parent"])
    assert hand.facts(ids[0])["level"] == "0"

    for backup_id in ids:
        listed = hand.shell(f"unpack {kind}", backup_id)
        assert "orabackup.json" in listed and "bkp" in listed
    home = {name: facts[name] for name in ("ORACLE_HOME", "DBS_DIR")}
    hand.blocks["oratab"] = hand.blocks["oratab"].replace("/etc/oratab", str(host.oratab))
    hand.shell("oratab", ids[1], ORACLE_SID=SID, **home)
    assert f"{SID}:{facts['ORACLE_HOME']}:N" in host.oratab.read_text()
    hand.shell("directories", ids[1], ORACLE_SID=SID, **home)
    hand.oracle("nomount", facts)
    hand.oracle("restore", facts)
    assert host.status()[SID]["status"] == "OPEN"
    assert host.checksum(SID, until) == blocks_lost


def test_every_command_of_the_page_that_can_be_run_is_marked():
    """A block without a mark is a listing of names, not a command."""
    marked = "".join(blocks().values())
    text = PAGE.read_text()
    for line in re.findall(r"^ {4}(.*)$", text, re.MULTILINE):
        if re.match(r"(swift|age|rman|sqlplus|python3|cp|find|grep|RMAN>|SQL>)", line):
            assert line in marked, line
