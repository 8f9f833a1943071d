"""The project's age against Debian's: what one seals the other opens, and what is malformed both refuse.

ORABACKUP_BUILD names the build folder (default: build/ at the top)."""

import base64
import hashlib
import hmac
import os
import pty
import random
import select
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ORABACKUP_BUILD", TOP / "build"))
OURS = BUILD / "tests/tools/age"
THEIRS = shutil.which("age")
CHUNK, SEALED = 65536, 65552
SEGMENT = 16 * CHUNK  # what the tool seals at once
OK, HEADER, NO_MATCH, MAC, PAYLOAD = 0, 1, 2, 3, 4
SIZES = [0, 1, 15, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, SEGMENT - 1, SEGMENT, SEGMENT + 1, SEGMENT + CHUNK, 2 * SEGMENT]

pytestmark = pytest.mark.skipif(THEIRS is None or shutil.which("age-keygen") is None, reason="age is not installed")


class Identity:
    def __init__(self, folder, number):
        self.file = folder / f"key-{number}.txt"
        subprocess.run(["age-keygen", "-o", self.file], check=True, capture_output=True)
        self.recipient = subprocess.run(["age-keygen", "-y", self.file], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return [Identity(folder, i) for i in range(4)]


def data(size):
    return random.Random(size).randbytes(size)


def run(program, arguments, stdin):
    return subprocess.run([program, *map(str, arguments)], input=stdin, capture_output=True, timeout=60)


def seal(program, plaintext, *recipients):
    to = [argument for recipient in recipients for argument in ("-r", recipient)]
    done = run(program, ["-e", *to] if program == OURS else to, plaintext)
    assert done.returncode == 0, done.stderr
    return done.stdout


def open_(program, identity, sealed):
    return run(program, ["-d", "-i", identity.file], sealed)


def opens_to(identity, sealed, status, plaintext=b""):
    """Ours gives exactly this status and nothing but the beginning of the plaintext; theirs agrees on success."""
    done = open_(OURS, identity, sealed)
    assert done.returncode == status, done.stderr
    assert (done.stdout == plaintext) if status == OK else plaintext.startswith(done.stdout)
    assert (open_(THEIRS, identity, sealed).returncode == 0) == (status == OK)
    return done


def split(sealed):
    """Header up to the MAC line with its end, nonce, chunks."""
    end = sealed.index(b"\n", sealed.index(b"\n--- ") + 1) + 1
    payload = sealed[end + 16 :]
    return sealed[:end], sealed[end : end + 16], [payload[i : i + SEALED] for i in range(0, len(payload), SEALED)]


@pytest.mark.parametrize("size", SIZES)
def test_ours_is_opened_by_theirs(identities, size):
    done = open_(THEIRS, identities[0], seal(OURS, data(size), identities[0].recipient))
    assert (done.returncode, done.stdout) == (0, data(size))


@pytest.mark.parametrize("size", SIZES)
def test_theirs_is_opened_by_ours(identities, size):
    opens_to(identities[0], seal(THEIRS, data(size), identities[0].recipient), OK, data(size))


@pytest.mark.parametrize("program", [OURS, THEIRS], ids=["ours", "theirs"])
def test_each_of_three_recipients_opens_and_a_fourth_does_not(identities, program):
    sealed = seal(program, b"three", *(i.recipient for i in identities[:3]))
    for identity in identities[:3]:
        opens_to(identity, sealed, OK, b"three")
    opens_to(identities[3], sealed, NO_MATCH)


def test_both_lay_out_the_same_sizes(identities):
    for recipients in ([identities[0].recipient], [i.recipient for i in identities[:3]]):
        ours, theirs = (split(seal(p, data(CHUNK + 1), *recipients)) for p in (OURS, THEIRS))
        assert len(ours[0]) == len(theirs[0]) == 70 + 98 * len(recipients)
        assert list(map(len, ours[2])) == list(map(len, theirs[2]))


def test_upper_case_recipients_are_the_same_key(identities):
    opens_to(identities[0], seal(OURS, b"x", identities[0].recipient.upper()), OK, b"x")


def theirs_with_passphrase(arguments, passphrase):
    """age reads passphrases from a terminal only: its standard streams are files, its terminal is ours."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(THEIRS, [THEIRS, *map(str, arguments)])
    seen = b""
    while True:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, f"no prompt: {seen!r}"
        try:
            more = os.read(terminal, 4096)
        except OSError:  # the terminal's other end is closed
            break
        if not more:
            break
        seen += more
        if b"passphrase" in more and more.rstrip(b" \x1b[KmJ").endswith(b":"):
            os.write(terminal, passphrase + b"\n")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, seen


@pytest.fixture
def passphrase(tmp_path):
    path = tmp_path / "passphrase"
    path.write_bytes(b"correct horse battery staple\n")
    return path


def test_a_passphrase_of_ours_opens_in_theirs(tmp_path, passphrase):
    sealed = run(OURS, ["-e", "-p", passphrase], data(CHUNK + 1))
    assert sealed.returncode == 0, sealed.stderr
    (tmp_path / "sealed").write_bytes(sealed.stdout)
    theirs_with_passphrase(["-d", "-o", tmp_path / "out", tmp_path / "sealed"], b"correct horse battery staple")
    assert (tmp_path / "out").read_bytes() == data(CHUNK + 1)


def test_a_passphrase_of_theirs_opens_in_ours_and_a_wrong_one_does_not(tmp_path, passphrase):
    (tmp_path / "in").write_bytes(b"secret")
    theirs_with_passphrase(["-p", "-o", tmp_path / "sealed", tmp_path / "in"], b"correct horse battery staple")
    sealed = (tmp_path / "sealed").read_bytes()
    done = run(OURS, ["-d", "-p", passphrase], sealed)
    assert (done.returncode, done.stdout) == (0, b"secret")
    passphrase.write_bytes(b"another")
    done = run(OURS, ["-d", "-p", passphrase], sealed)
    assert (done.returncode, done.stdout) == (NO_MATCH, b"")


def test_a_passphrase_does_not_open_what_is_for_recipients(identities, passphrase):
    sealed = seal(THEIRS, b"x", identities[0].recipient)
    assert run(OURS, ["-d", "-p", passphrase], sealed).returncode == NO_MATCH


# Headers with any stanzas and a MAC that holds: written here, with the file key unwrapped from nothing but a known one.


def b64(raw):
    return base64.b64encode(raw).rstrip(b"=")


def hkdf(key, info):
    return hmac.new(hmac.new(b"\0" * 32, key, hashlib.sha256).digest(), info + b"\1", hashlib.sha256).digest()


def known_file(identity, plaintext=b"known"):
    """A sealed file and its parts."""
    sealed = seal(THEIRS, plaintext, identity.recipient)
    header, nonce, chunks = split(sealed)
    first, stanza, body, mac, _ = header.split(b"\n")
    return sealed, [first, stanza, body, mac], nonce + b"".join(chunks)


REJECTED = {
    "version": lambda f, s, b, m: [b"age-encryption.org/v2", s, b, m],
    "leading blank": lambda f, s, b, m: [b" " + f, s, b, m],
    "carriage return": lambda f, s, b, m: [f + b"\r", s, b, m],
    "carriage return in a stanza": lambda f, s, b, m: [f, s + b"\r", b, m],
    "carriage return in a body": lambda f, s, b, m: [f, s, b + b"\r", m],
    "no stanza": lambda f, s, b, m: [f, m],
    "no body": lambda f, s, b, m: [f, s, m],
    "empty body": lambda f, s, b, m: [f, s, b"", m],
    "double blank": lambda f, s, b, m: [f, s.replace(b"X25519 ", b"X25519  "), b, m],
    "trailing blank": lambda f, s, b, m: [f, s + b" ", b, m],
    "extra argument": lambda f, s, b, m: [f, s + b" x", b, m],
    "missing argument": lambda f, s, b, m: [f, b"-> X25519", b, m],
    "no type": lambda f, s, b, m: [f, b"-> ", b, m],
    "padded share": lambda f, s, b, m: [f, s + b"=", b, m],
    "short share": lambda f, s, b, m: [f, s[:-4], b, m],
    "padded body": lambda f, s, b, m: [f, s, b + b"=", m],
    "long body": lambda f, s, b, m: [f, s, b64(base64.b64decode(b + b"=") + b"x"), m],
    "short body": lambda f, s, b, m: [f, s, b64(base64.b64decode(b + b"=")[:-1]), m],
    "spare bits": lambda f, s, b, m: [f, s, b[:-1] + next_digit(b[-1:]), m],
    "body line too long": lambda f, s, b, m: [f, b"-> x", b"A" * 68, s, b, m],
    "whole body line without a short one": lambda f, s, b, m: [f, b"-> x", b"A" * 64, s, b, m],
    "zero share": lambda f, s, b, m: [f, b"-> X25519 " + b"A" * 43, b, m],
    "bad mac": lambda f, s, b, m: [f, s, b, b"--- AAAA"],
    "padded mac": lambda f, s, b, m: [f, s, b, m + b"="],
    "no mac": lambda f, s, b, m: [f, s, b, b"---"],
    "passphrase beside recipients": lambda f, s, b, m: [f, s, b, b"-> scrypt " + b64(bytes(16)) + b" 18", b, m],
    "work factor 23": lambda f, s, b, m: [f, b"-> scrypt " + b64(bytes(16)) + b" 23", b, m],
    "work factor 018": lambda f, s, b, m: [f, b"-> scrypt " + b64(bytes(16)) + b" 018", b, m],
    "stanza behind the mac": lambda f, s, b, m: [f, m, s, b],
    "non-ascii argument": lambda f, s, b, m: [f, "-> ä".encode(), b"", s, b, m],
    "too many stanzas": lambda f, s, b, m: [f, *[b"-> x", b""] * 256, s, b, m],
}


def next_digit(digit):
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return bytes([digits[digits.index(digit) ^ 1]])


@pytest.mark.parametrize("name", REJECTED)
def test_a_malformed_header_is_refused(identities, name):
    _, lines, payload = known_file(identities[0])
    sealed = b"\n".join(REJECTED[name](*lines)) + b"\n" + payload
    done = open_(OURS, identities[0], sealed)
    assert (done.returncode, done.stdout) == (HEADER, b""), done.stderr
    if name != "too many stanzas":  # a limit of ours; theirs fails at the MAC
        assert open_(THEIRS, identities[0], sealed).returncode != 0


@pytest.mark.parametrize(
    "grease",
    [[b"-> grease", b""], [b"-> x-grease ! ~ a b c", b"AAAA"], [b"-> g", b"A" * 64, b""], [b"-> g", b"A" * 64, b"A" * 64, b"AAAA"]],
    ids=["empty", "arguments", "whole line", "lines"],
)
def test_unknown_stanzas_parse_and_only_the_mac_is_wrong(identities, grease):
    """Without the file key the MAC cannot be made right: that it is asked for at all shows that the stanzas were taken."""
    _, (first, stanza, body, mac), payload = known_file(identities[0])
    for lines in ([first, *grease, stanza, body, mac], [first, stanza, body, *grease, mac]):
        opens_to(identities[0], b"\n".join(lines) + b"\n" + payload, MAC)


def test_unknown_stanzas_of_another_writer_are_passed_over(identities, tmp_path):
    """A file with grease stanzas whose MAC holds, by a plugin that gives the file key away."""
    plugin = tmp_path / "age-plugin-leak"
    plugin.write_text(LEAKING_PLUGIN)
    plugin.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "LEAK": str(tmp_path / "key")}
    leak = bech32("age1leak", [])
    done = subprocess.run(
        [THEIRS, "-r", leak, "-r", identities[0].recipient], input=b"greased", capture_output=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert b"-> leak-grease" in done.stdout
    opens_to(identities[0], done.stdout, OK, b"greased")
    header, nonce, chunks = split(done.stdout)
    file_key = base64.b64decode((tmp_path / "key").read_bytes() + b"==")
    span = header[: header.index(b"\n--- ") + 1]
    more = span + b"-> grease-after a b\n" + b"A" * 64 + b"\n\n---"
    mac = b64(hmac.new(hkdf(file_key, b"header"), more, hashlib.sha256).digest())
    opens_to(identities[0], more + b" " + mac + b"\n" + nonce + b"".join(chunks), OK, b"greased")


LEAKING_PLUGIN = r"""#!/usr/bin/python3
import os, sys

def read():
    line = sys.stdin.readline().rstrip("\n")
    body = []
    while True:
        part = sys.stdin.readline().rstrip("\n")
        body.append(part)
        if len(part) < 64:
            return line, "".join(body)

def write(line, body=""):
    sys.stdout.write(f"-> {line}\n{body}\n")
    sys.stdout.flush()

while True:
    line, body = read()
    if line.startswith("-> wrap-file-key"):
        with open(os.environ["LEAK"], "w") as f:
            f.write(body)
    if line.startswith("-> done"):
        break
write("recipient-stanza 0 leak-grease some arguments", "A" * 64 + "\n" + "AAAA")
read()
write("done")
"""


def bech32(prefix, digits):
    def polymod(values):
        check = 1
        for value in values:
            top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
            for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                check ^= g if top >> i & 1 else 0
        return check

    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(expanded + digits + [0] * 6) ^ 1
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    return prefix + "1" + "".join(charset[d] for d in digits + [check >> 5 * (5 - i) & 31 for i in range(6)])


def test_a_wrong_mac_is_told_apart(identities):
    _, (first, stanza, body, mac), payload = known_file(identities[0])
    wrong = mac[:4] + next_digit(mac[4:5]) + mac[5:]
    opens_to(identities[0], b"\n".join([first, stanza, body, wrong]) + b"\n" + payload, MAC)


def test_a_truncated_file_never_opens(identities):
    plaintext = data(2 * CHUNK + 100)
    sealed = seal(OURS, plaintext, identities[0].recipient)
    header = len(split(sealed)[0])
    for length in [0, 1, 21, 22, 100, header - 1, header, header + 15]:
        opens_to(identities[0], sealed[:length], HEADER)
    for length in [0, 15, 16, 17, SEALED - 1, SEALED, SEALED + 15, SEALED + 16, 2 * SEALED, 2 * SEALED + 16, 2 * SEALED + 115]:
        opens_to(identities[0], sealed[: header + 16 + length], PAYLOAD, plaintext)


def test_a_byte_flipped_anywhere_never_opens(identities):
    plaintext = data(2 * CHUNK + 100)
    sealed = seal(THEIRS, plaintext, identities[0].recipient)
    payload = len(split(sealed)[0]) + 16
    places = list(range(0, payload, 5)) + [payload + at for at in (0, CHUNK, SEALED - 1, SEALED, 2 * SEALED - 1, 2 * SEALED, 2 * SEALED + 115)]
    for at in places:
        changed = bytearray(sealed)
        changed[at] ^= 1
        done = open_(OURS, identities[0], bytes(changed))
        assert done.returncode in ((HEADER, NO_MATCH, MAC) if at < payload - 16 else (PAYLOAD,)), (at, done.stderr)
        assert plaintext.startswith(done.stdout)
        assert at >= payload or done.stdout == b""


def test_chunks_in_another_order_or_number_never_open(identities):
    plaintext = data(3 * CHUNK + 1)
    header, nonce, (a, b, c, d) = split(seal(THEIRS, plaintext, identities[0].recipient))
    for chunks in ([b, a, c, d], [a, c, b, d], [a, b, d], [a, b, c, c, d], [d], [a, b, c, d, d], [a, b, c], [a, b, c, d, b"x"], [d, a, b, c]):
        opens_to(identities[0], header + nonce + b"".join(chunks), PAYLOAD, plaintext)


def test_a_payload_of_another_file_never_opens(identities):
    one, two = (split(seal(OURS, data(100), identities[0].recipient)) for _ in range(2))
    opens_to(identities[0], one[0] + two[1] + b"".join(two[2]), PAYLOAD)
    opens_to(identities[0], one[0] + one[1] + b"".join(two[2]), PAYLOAD)


def test_damage_in_a_later_segment_releases_what_was_authentic(identities):
    plaintext = data(2 * SEGMENT + 10)
    sealed = bytearray(seal(OURS, plaintext, identities[0].recipient))
    sealed[-1] ^= 1
    assert opens_to(identities[0], bytes(sealed), PAYLOAD, plaintext).stdout == plaintext[: 2 * SEGMENT]


@pytest.mark.parametrize(
    "arguments",
    [[], ["-e"], ["-d"], ["-e", "-i", "x"], ["-d", "-r", "age1x"], ["-e", "-r", "age1x"], ["-e", "-r", "age1x", "-p", "x"], ["-d", "-i", "/nowhere"]],
    ids=" ".join,
)
def test_wrong_usage_or_keys_say_so(arguments):
    done = run(OURS, arguments, b"")
    assert (done.returncode, done.stdout) == (64, b"")
    assert done.stderr


def test_a_recipient_is_no_identity(identities, tmp_path):
    path = tmp_path / "recipient"
    path.write_text(identities[0].recipient + "\n")
    done = run(OURS, ["-d", "-i", path], seal(OURS, b"x", identities[0].recipient))
    assert done.returncode == 64 and b"line 1" in done.stderr and b"public key" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    ["", "-e", "-d", "-x -d -i KEY", "-d -i KEY -x", "-e -d -i KEY", "-e -r RECIPIENT -p KEY", "-d -i KEY -p KEY", "-d -r RECIPIENT", "-d -i KEY more"],
)
def test_wrong_usage_is_refused_before_anything_is_read(identities, arguments):
    words = {"KEY": identities[0].file, "RECIPIENT": identities[0].recipient}
    done = run(OURS, [words.get(word, word) for word in arguments.split()], seal(OURS, b"text", identities[0].recipient))
    assert (done.returncode, done.stdout) == (64, b"")
    assert b"usage: age -e" in done.stderr
