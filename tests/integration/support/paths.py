"""Where things of the project are. ORABACKUP_BUILD names another build directory than the sanitized one."""

import os
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
PLAIN = TOP / "build"
SANITIZED = Path(os.environ.get("ORABACKUP_BUILD", TOP / "build-asan"))
ORASIM = TOP / "tests/orasim"


def daemon(build=SANITIZED):
    return build / "src/daemon/orabackupd"


def policy(build=SANITIZED):
    return build / "conf/org.orabackup1.conf"
