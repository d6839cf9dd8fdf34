"""`python -m tests.hub_acceptance`: a repository of 5 000 files and 2 GiB on the fake Hub goes to a folder.

On the way the engine is killed (SIGKILL) three times, storage and Hub answer with resets, cuts, 429, 500, 503
and wrong bytes, signed URLs end every two seconds, and a request quota has to be kept. At the end every file
has its digest, one commit was read, and no request at the storage port had the token. Prints what was seen.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.fake_hub import fake_hub
from tests.hub_acceptance.haul import Shape, haul
from tests.paths.driving import MIB


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hub_acceptance", description="A Hub, with trouble.")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    options = parser.parse_args()
    shape = Shape(options.files, options.mib * MIB, options.kills, options.seed)
    with tempfile.TemporaryDirectory(prefix="haulier-hub-", dir=options.folder) as name, fake_hub() as hub:
        home = Path(name, "home")
        home.mkdir()
        os.environ.update({"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")})
        for variable in [each for each in os.environ if each.lower().endswith("_proxy")]:
            del os.environ[variable]
        found = asyncio.run(haul(hub, shape, Path(name)))
    print("\n".join(found.lines()))
    return 0 if found.good else 1


if __name__ == "__main__":
    sys.exit(main())
