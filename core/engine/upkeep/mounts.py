"""What is mounted where: which disk is under a folder, by a name that outlives a remount and a restart."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

_MOUNTINFO = Path("/proc/self/mountinfo")
_BY_UUID = Path("/dev/disk/by-uuid")
_ESCAPED = re.compile(r"\\([0-7]{3})")
# Whose statvfs id is made of a passing number: the source that was mounted names them better.
_NETWORK = ("nfs", "cifs", "smb", "fuse.", "lustre", "ceph", "glusterfs", "9p", "afs", "beegfs", "gpfs")


class Mount(NamedTuple):
    """A line of mountinfo (proc_pid_mountinfo(5))."""

    device: int
    folder: str
    kind: str
    source: str


def mounts() -> list[Mount]:
    """All mounts that this process sees, in the order in which they were made; none where nobody tells."""
    try:
        lines = _MOUNTINFO.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        words, _, rest = line.partition(" - ")
        fields, more = words.split(" "), rest.split(" ")
        if len(fields) < 5 or len(more) < 2:
            continue
        major, _, minor = fields[2].partition(":")
        found.append(Mount(os.makedev(int(major), int(minor)), _plain(fields[4]), more[0], _plain(more[1])))
    return found


def mount_of(device: int) -> Mount | None:
    return next((mount for mount in reversed(mounts()) if mount.device == device), None)


def mounted_below(folder: str) -> list[str]:
    """Folders under `folder` on which something else is mounted."""
    start = os.path.realpath(folder).rstrip("/") + "/"
    return sorted({mount.folder for mount in mounts() if mount.folder.startswith(start)})


def disk_identity(folder: str) -> str:
    """The name of the disk under a folder that is there; empty when nothing can be found out."""
    try:
        device = Path(folder).stat().st_dev
        fsid = os.statvfs(folder).f_fsid
    except OSError:
        return ""
    if uuid := _uuid(device):
        return f"uuid {uuid}"
    mount = mount_of(device)
    if mount is not None and mount.kind.startswith(_NETWORK):
        return f"{mount.kind} {mount.source}"
    return f"fsid {fsid:x}" if fsid else f"device {device}"


def _uuid(device: int) -> str:
    try:
        with os.scandir(_BY_UUID) as entries:
            for entry in entries:
                if Path(entry.path).stat().st_rdev == device:
                    return entry.name
    except OSError:
        return ""  # no udev here
    return ""


def _plain(text: str) -> str:
    r"""Without the octal escapes \040 and the like."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
