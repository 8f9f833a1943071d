"""A real OpenStack Swift, with a real Keystone where wanted, on 127.0.0.1 in a directory of its own.

Debian's packages as they are; nothing of theirs is a service of the host. `Cluster` for tests, `tests/swift/cluster` for people."""

from .client import Client, Failed, NotThere  # noqa: F401
from .cluster import Cluster, NotUp, Options  # noqa: F401
