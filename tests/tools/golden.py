"""Compares what rman-events prints for each sample in tests/data/rman with the events beside it
(<sample>.<phase>.events), and checks its exit status and its usage message.

usage: golden.py RMAN-EVENTS DATA-DIRECTORY"""

import json
import pathlib
import subprocess
import sys


def run(program, phase, data):
    return subprocess.run([program, "--phase", phase], input=data, stdout=subprocess.PIPE, check=False)


def compare(program, expected_file):
    sample, phase, _ = expected_file.name.rsplit(".", 2)
    text = expected_file.with_name(sample + ".txt").read_bytes()
    expected = expected_file.read_text(encoding="utf-8").splitlines()
    result = run(program, phase, text)
    found = result.stdout.decode("utf-8").splitlines()
    bad = []
    for number, (a, b) in enumerate(zip(expected, found), 1):
        if json.loads(a) != json.loads(b):
            bad.append(f"{expected_file.name}:{number}: expected {a}, found {b}")
    if len(expected) != len(found):
        bad.append(f"{expected_file.name}: expected {len(expected)} lines, found {len(found)}")
    if result.returncode != (0 if json.loads(expected[-1])["ok"] else 1):
        bad.append(f"{expected_file.name}: exit status {result.returncode}")
    return bad


def odd_bytes(program):
    """Whatever comes in, what goes out is JSON."""
    data = b"piece handle=/a\x01\xff\xfe\xc3\xa9\xed\xa0\x80\x00b tag=T\xff comment=NONE\nRMAN-06207: \x1b[1m\xf5\n\r\n"
    lines = run(program, "backup", data).stdout.decode("utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    bad = []
    if [e["event"] for e in events] != ["piece", "error", "verdict"]:
        bad.append(f"odd bytes: {lines}")
    elif "\u00e9" not in events[0]["handle"] or "\x01" in events[0]["handle"]:
        bad.append(f"odd bytes: {events[0]}")
    return bad


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    bad = odd_bytes(program)
    samples = sorted(directory.glob("[0-9]*.txt"))
    for sample in samples:
        if not list(directory.glob(sample.stem + ".*.events")):
            bad.append(f"{sample.name}: no events beside it")
    for expected in sorted(directory.glob("*.events")):
        bad += compare(program, expected)
    for arguments in ([], ["--phase"], ["--phase", "nothing"], ["--phase", "backup", "more"]):
        result = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if result.returncode != 2 or b"usage:" not in result.stderr:
            bad.append(f"arguments {arguments}: exit status {result.returncode}")
    with open("/dev/full", "wb") as full, open(directory / "30-19c-level1-standard-input.txt", "rb") as text:
        result = subprocess.run([program, "--phase", "backup"], stdin=text, stdout=full, stderr=subprocess.PIPE, check=False)
        if result.returncode != 1 or b"stdout" not in result.stderr:
            bad.append(f"nowhere to write to: exit status {result.returncode}")
    print("\n".join(bad))
    sys.exit(1 if bad or not samples else 0)


main()
