"""Faults that `orasim fault` plants: error stacks by name, signals, hangs."""

import signal

from .errors import text

#: name -> lines of the stack
STACKS = {
    "fra-full": [text("ORA-19809"), text("ORA-19804", 67108864, 4781506560)],
    "disk-full": [text("ORA-19502", "/backup/piece", 3145, 8192), text("ORA-27072"),
                  "Linux-x86_64 Error: 28: No space left on device", "Additional information: 4",
                  "Additional information: 3145", "Additional information: -1"],
    "io-error": [text("ORA-19502", "/backup/piece", 3145, 8192), text("ORA-27072"),
                 "Linux-x86_64 Error: 5: Input/output error", "Additional information: 4"],
    "enqueue": ["ORA-00230: operation disallowed: snapshot control file enqueue unavailable"],
    "corrupt-block": [text("ORA-19566", "/oradata/users01.dbf")],
    "session-killed": [text("ORA-00028")],
    "server-died": ["ORA-03113: end-of-file on communication channel", "Process ID: 4711",
                    "Session ID: 37 Serial number: 11"],
    "wallet": ["ORA-19914: unable to encrypt backup", "ORA-28365: wallet is not open"],
    "not-available": [text("ORA-01034"), text("ORA-27101"),
                      "Linux-x86_64 Error: 2: No such file or directory"],
    "internal": ["ORA-00600: internal error code, arguments: [krbb3crw], [], [], [], [], [], [], []"],
}


def make(args):
    """The fault that the words of the command line describe."""
    fault = {"at": args.at, "times": args.times}
    if args.sid:
        fault["sid"] = args.sid
    if args.stack:
        fault.update(kind="fail", lines=STACKS.get(args.stack) or args.stack.split("|"))
    elif args.signal:
        fault.update(kind="signal", signal=int(getattr(signal.Signals, "SIG" + args.signal)))
    elif args.exit is not None:
        fault.update(kind="exit", status=args.exit)
    elif args.hang:
        fault.update(kind="hang-hard" if args.hang == "hard" else "hang")
    elif args.site:
        fault.update(kind="site", words=args.site.split())
    else:
        raise SystemExit("orasim: what is to happen? --stack, --signal, --exit, --hang or --site")
    return fault
