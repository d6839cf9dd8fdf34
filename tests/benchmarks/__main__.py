"""`python -m tests.benchmarks [ROOM …]`: time, CPU and memory next to other programs, and the goals.

| room | rows |
|---|---|
| s3 | many small objects, one large one, a mix; down and up |
| between | from one S3 server to another through this machine, and on one server by itself |
| keys | listing very many keys, planning a sync of them in which nothing changed |
| list | HTTP lists: many small files, one large one |
| hub | a repository of a Hub: many small files, two large ones |
| start | the version, the first paint, one small object while the engine runs |
| far | S3 over a line with latency |
| sweep | measuring against every fixed setting, near and far; only when named |

All movers of a row talk to the same server on this machine, one after the other within each round; medians
and ratios are printed. Only the ratios carry over to other machines. Every time is that of a whole process,
from its start to its end; haulier's engine, which runs already, is counted with its face. haulier checks every
byte and makes what it moved durable before it ends, the others leave that to the system.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from core import __version__
from tests.benchmarks import far, hub, listing, quick, s3, starting, web
from tests.benchmarks.contest import HEAD, VERDICT_HEAD, Row, compete, find, lines_of, verdicts_of
from tests.benchmarks.ours import Bench, bench

RESULTS = Path(__file__).with_name("RESULTS.md")
ROOMS: dict[str, tuple[Callable[[Bench, argparse.Namespace], Iterator[Row]], tuple[str, ...]]] = {
    "s3": (s3.rows, s3.PEERS),
    "between": (s3.between, s3.PEERS),
    "keys": (listing.rows, listing.PEERS),
    "list": (web.rows, web.PEERS),
    "hub": (hub.rows, hub.PEERS),
    "start": (starting.rows, starting.PEERS),
    "far": (far.rows, far.PEERS),
    "sweep": (far.sweep, ()),
}
VERSION = {"s5cmd": "version", "rclone": "version"}  # what they are asked with, where that is not --version


def main() -> int:
    options = _options()
    if options.quick:
        return quick.main()
    rooms = options.rooms or [room for room in ROOMS if room != "sweep"]
    lines: list[str] = []
    verdicts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="haulier-bench-", dir=options.folder) as name:
        print(f"{_machine(rooms, options.aws)}\n\n{HEAD}", flush=True)
        with bench(Path(name)) as place:
            for room in rooms:
                for _ in _measured(room, place, options, lines, verdicts):
                    if options.write is not None:  # at once: a run that is ended leaves what it has
                        options.write.write_text(_document(rooms, options, lines, verdicts))
    print("\n".join(("", VERDICT_HEAD, *verdicts)))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"of {', '.join(ROOMS)}")
    parser.add_argument("--quick", action="store_true", help=quick.ABOUT)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=10_000, help="files of 16 KiB (default 10000)")
    parser.add_argument("--big", type=int, default=1024, help="size of the large file in MiB (default 1024)")
    parser.add_argument(
        "--mixed", type=int, default=40, help="files of 20 MiB mixed with 5000 of 4 KiB (default 40)"
    )
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys that are listed (default 1000000)")
    parser.add_argument("--hub-files", type=int, default=1000, help="small files on the Hub (default 1000)")
    parser.add_argument("--lfs", type=int, default=256, help="size of each of two files in LFS in MiB")
    parser.add_argument("--far-small", type=int, default=1000, help="files of 16 KiB on the long line")
    parser.add_argument("--far-big", type=int, default=256, help="size of the large file there in MiB")
    parser.add_argument("--latency", type=int, default=100, help="of the long line in ms (default 100)")
    parser.add_argument("--server", choices=("auto", "rclone", "versitygw"), default="auto", help="for S3")
    parser.add_argument("--aws", action="store_true", help="the AWS CLI, too: it takes minutes for small files")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    parser.add_argument(
        "--write",
        nargs="?",
        type=Path,
        const=RESULTS,
        metavar="FILE",
        help="write the tables to this file (default: RESULTS.md beside this program)",
    )
    options = parser.parse_args()
    if unknown := set(options.rooms) - set(ROOMS):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    return options


def _measured(
    room: str, place: Bench, options: argparse.Namespace, lines: list[str], verdicts: list[str]
) -> Iterator[Row]:
    """The rows of a room, measured in a folder that goes with it."""
    folder = place.folder / room
    folder.mkdir()
    for row in ROOMS[room][0](replace(place, folder=folder), options):
        result = compete(row, options.rounds)
        for line in lines_of(row, result):
            print(line, flush=True)
            lines.append(line)
        verdicts += verdicts_of(row, result)
        yield row
    shutil.rmtree(folder)


def _document(rooms: list[str], options: argparse.Namespace, lines: list[str], verdicts: list[str]) -> str:
    words = [word for word in sys.argv[1:] if word not in ("--write", str(options.write))]
    command = f"python -m tests.benchmarks {' '.join(words)}".strip()
    load = f"load of the machine in the last quarter of an hour: {os.getloadavg()[2]:.1f}"
    return "\n".join(
        (
            "# Measured next to other programs",
            "",
            f"By `{command}`, {options.rounds} rounds. {_machine(rooms, options.aws)}; {load}.",
            "",
            (__doc__ or "").rpartition("|\n\n")[2].strip(),
            "",
            "## Against the goals",
            "",
            VERDICT_HEAD,
            *verdicts,
            "",
            "## All that was measured",
            "",
            "Medians; in brackets the quickest and the slowest.",
            "",
            HEAD,
            *lines,
            "",
        )
    )


def _machine(rooms: list[str], with_aws: bool) -> str:
    """The machine, the day, and every program's version."""
    named = (peer for room in rooms for peer in ROOMS[room][1])
    peers = dict.fromkeys(peer for peer in named if find(peer) and (peer != "aws" or with_aws))
    versions = [f"haulier {__version__}", *(_version(peer) for peer in peers)]
    cores = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M}Z, {cores}; {'; '.join(versions)}"


def _version(peer: str) -> str:
    if peer == "hf":
        return f"huggingface_hub {version('huggingface_hub')}"
    said = subprocess.run(
        [find(peer), VERSION.get(peer, "--version")], capture_output=True, text=True, check=True
    )
    words = said.stdout.splitlines()[0].partition(" (")[0].partition(" built")[0].strip()
    return words if peer.rstrip("c") in words.lower() else f"{peer} {words}"


if __name__ == "__main__":
    sys.exit(main())
