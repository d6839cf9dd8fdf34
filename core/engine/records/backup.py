"""The file that was there before is kept: under a name that nothing has yet."""

from __future__ import annotations

import itertools
import os
from pathlib import Path


def kept_as(path: Path) -> Path:
    """Give the file a second name, FILE.bak, FILE.bak2, … (the first that is free), and return it.

    `link` never replaces what is there, so two writers at once cannot lose each other's backup. A file system
    without hard links gets a rename. Raises OSError.
    """
    for number in itertools.count(1):
        name = path.with_name(f"{path.name}.bak{number if number > 1 else ''}")
        try:
            os.link(path, name)
        except FileExistsError:
            continue
        except OSError:
            if name.exists():
                continue
            path.rename(name)
        return name
    raise AssertionError("unreachable")
