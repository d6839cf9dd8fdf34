"""The fake Hub in a process of its own, until its input ends. Prints its endpoint as JSON.

Words: how many small files, their bytes, how many files in LFS, their bytes, and the origin that serves those.
"""

from __future__ import annotations

import json
import random
import sys

from tests.benchmarks.hub import LARGE, SMALL
from tests.fake_hub import File, Made, fake_hub


def main() -> None:
    small, size, large, large_size = map(int, sys.argv[1:5])
    noise = random.Random(1)
    with fake_hub() as hub:
        files = {f"data/{n % 50:02d}/{n:06d}.bin": File(noise.randbytes(size)) for n in range(small)}
        hub.add("datasets", SMALL, files)
        stored = {f"model-{n}.bin": File(Made(large_size, n), lfs=True) for n in range(large)}
        hub.add("datasets", LARGE, stored)
        hub.storage = sys.argv[5]
        print(json.dumps({"endpoint": hub.endpoint}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
