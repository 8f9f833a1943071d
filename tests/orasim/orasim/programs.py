"""Where $ORACLE_HOME/bin/<program> begins."""

import os
import signal
import sys


def start(name, directory):
    """Runs a program and ends the process; imports only what it needs."""
    from .host import Host
    os.umask(0o027)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    host = Host(directory)
    argv = sys.argv[1:]
    if name == "orabaseconfig":
        print(host.base_config)
        status = 0
    elif name == "orabasehome":
        print(host.base_home)
        status = 0
    elif name == "sqlplus":
        from .sqlplus import main
        status = main(host, argv)
    elif name == "lsnrctl":
        from .lsnrctl import main
        status = main(host, argv)
    elif name == "dbca":
        from .dbca import main
        status = main(host, argv)
    else:
        from .rman import main
        status = main(host, argv)
    sys.stdout.flush()
    os._exit(status)
