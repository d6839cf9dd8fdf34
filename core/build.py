"""Which build of the program this is: the version and a sum over the source files.

Two programs of one version may still differ while it is being worked on; a face that is attached to an
engine of another build says so.
"""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path

from core import __version__


@cache
def build_name() -> str:
    """For example "0.1.0+5f3a91c2". The sum covers names and contents of the modules of `core` as they are
    on disk at the first call, so a long-lived process asks early."""
    root = Path(__file__).parent
    total = 0
    for path in sorted(root.rglob("*.py")):
        total = zlib.crc32(path.relative_to(root).as_posix().encode(), total)
        total = zlib.crc32(path.read_bytes(), total)
    return f"{__version__}+{total:08x}"
