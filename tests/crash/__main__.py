"""`python -m tests.crash --points 200 [--seed N]`: kill the engine (SIGKILL) again and again, over every way.

Each job of some 22 MiB is slowed down and its engine killed one to four times: after a random time, at the n-th
request that a relay before the servers sees, at a moment inside the engine (before or after its n-th fsync,
rename, commit of the journal, part, …; tests/crash/doomed.py), or while it starts again, often within 100 ms.
After each kill:

- every final name holds the whole new content or what was there before,
- what the journal calls completed is there, and stays so called,
- and the next engine asks for nothing again that was recorded (counted at the relay).

At the end everything is there, nothing else, no partial file, no unfinished upload and no row of them in the
journal, and what was moved again is at most the parts in flight at each kill.

A kill leaves the system's cache as it is; what a power cut does is shown by tests/crash/test_power_loss.py.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.flows import ROUNDS, World, world
from tests.crash.rounds import Findings, killed_job

MOST_KILLS = 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description="Kill the engine at random.")
    parser.add_argument("--points", type=int, default=12, help="kills in all (default 12)")
    parser.add_argument("--seed", type=int, default=0, help="repeat the kills of an earlier run")
    parser.add_argument("--flow", choices=tuple(ROUNDS), action="append", help="only this way (repeatable)")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 1_000_000)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="haulier-crash-", dir=options.folder) as name:
        home = Path(name, "home")
        home.mkdir()
        quiet = {
            "HOME": str(home),
            "AWS_EC2_METADATA_DISABLED": "true",
            "XDG_CONFIG_HOME": str(home / ".config"),
        }
        os.environ.update(quiet)
        for variable in [each for each in os.environ if each.lower().endswith("_proxy")]:
            del os.environ[variable]
        with world(Path(name, "world")) as servers:
            found = asyncio.run(kill(servers, Path(name), seed, options.points, options.flow or list(ROUNDS)))
    print(table(found), flush=True)
    bad = [each for each in found if not each.good]
    for each in bad:
        print(each)
    return 1 if bad else 0


async def kill(servers: World, folder: Path, seed: int, points: int, flows: list[str]) -> list[Findings]:
    """Jobs of all ways in turn until so many kills were carried out."""
    found: list[Findings] = []
    began = time.monotonic()
    left = points
    while left > 0:
        number = len(found)
        kills = min(left, random.Random(f"{seed}/{number}").randint(1, MOST_KILLS))
        one = await killed_job(
            servers, flows[number % len(flows)], seed * 1000 + number, kills, folder / f"round-{number}"
        )
        found.append(one)
        left -= len(one.kills)
        took = time.monotonic() - began
        print(f"{points - left}/{points} after {took:.0f} s: {one}", file=sys.stderr, flush=True)
    return found


def table(found: list[Findings]) -> str:
    """One row for each way."""
    rows = [
        "| flow | points | restarts | moved again at most, parts per kill | wrong | lost | repeated | orphans |"
    ]
    rows.append("|---|---|---|---|---|---|---|---|")
    for flow in [*dict.fromkeys(each.flow for each in found), "all"]:
        these = [each for each in found if flow in (each.flow, "all")]
        rows.append(
            f"| {flow} | {sum(len(each.kills) for each in these)} | {sum(each.starts - 1 for each in these)} "
            f"| {max(each.again for each in these):.1f} | {sum(len(each.wrong) for each in these)} "
            f"| {sum(len(each.lost) for each in these)} | {sum(len(each.repeated) for each in these)} "
            f"| {sum(len(each.orphans) for each in these)} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
