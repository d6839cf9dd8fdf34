"""This machine's files as a store: one folder, never left, final names only for whole files.

- Partial data lives in `<root>/.haulier/`, under names made of digests of the writer and the key: the same
  item always finds (and overwrites) its own partial file, and two jobs that write one name never share one.
- A file gets its final name by rename, after its bytes are durable: `syncfs` once for a group where the
  kernel reports write errors through it (Linux 5.8+), else `fsync` per file; then the folders are synced.
- Folders are opened component by component with O_NOFOLLOW from the root's descriptor: a symbolic link
  inside the root never leads a write outside. (CVE-2007-4559 is the classic of this kind.)
- Symbolic links, FIFOs, sockets and devices are not read: they are reported, never followed.
"""

from core.stores.local.folder import LocalFolder
from core.stores.local.names import STAGING, name_problem

__all__ = ["STAGING", "LocalFolder", "name_problem"]
