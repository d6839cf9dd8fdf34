"""`python -m tests.faults`: every fault and what the engine makes of it, as a table. Words select some."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from tests import servers
from tests.faults.cases import CASES, run
from tests.faults.lab import laboratory
from tests.faults.scenarios import SCENARIOS, Line

TITLES = ("fault", "way", "class of each failed try", "tried again after", "end", "bytes")


async def lines(words: list[str]) -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, servers.moto() as moto:
        os.environ["HOME"] = folder
        async with laboratory(Path(folder), moto) as lab:
            found = [
                (await run(lab, case)).cells()
                for case in CASES
                if all(word in f"{case.way} {case.name}" for word in words)
            ]
            return found + [
                await scenario(lab)
                for scenario in SCENARIOS
                if all(word in scenario.__name__ for word in words)
            ]


def table(found: list[Line]) -> str:
    everything = [TITLES, *found]
    widths = [max(len(line[at]) for line in everything) for at in range(len(TITLES))]
    rule = tuple("-" * width for width in widths)
    shown = [TITLES, rule, *found]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in shown
    )


if __name__ == "__main__":
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    began = time.monotonic()
    found = asyncio.run(lines(sys.argv[1:]))
    print(table(found))
    print(f"{len(found)} faults in {time.monotonic() - began:.0f} s")
