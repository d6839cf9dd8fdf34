"""An engine that looks names up in a file of the test's own.

`connect(paths, module="tests.faults.own_names")` starts it. In a mount namespace of its own
(mount_namespaces(7)) the file that FAULTS_HOSTS names lies over /etc/hosts, and an empty resolver configuration
over /etc/resolv.conf: a name that is taken out of the file does not resolve any more, for this process alone.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
NOBODY_ANSWERS = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"


def lie_over(hosts: Path) -> None:
    """OSError when the system does not allow it."""
    libc: Any = ctypes.CDLL(None, use_errno=True)

    def check(result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    user, group = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWNS | (0 if user == 0 else CLONE_NEWUSER)))
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    resolver = hosts.with_name("resolv.conf")
    resolver.write_text(NOBODY_ANSWERS)
    for file, over in ((hosts, b"/etc/hosts"), (resolver, b"/etc/resolv.conf")):
        check(libc.mount(os.fsencode(file), over, None, MS_BIND, None))


if __name__ == "__main__":
    from core.daemon import main

    lie_over(Path(os.environ["FAULTS_HOSTS"]))
    main()
