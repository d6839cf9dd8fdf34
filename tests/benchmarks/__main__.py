"""`python -m tests.benchmarks [s3] [list] [hub]`: time, CPU and memory next to other programs.

All movers of a row talk to the same server on this machine, one after the other within each round; medians
and ratios are printed. Only the ratios carry over to other machines. Every time is that of a whole process,
from its start to its end; haulier's engine, which runs already, is counted with its face. haulier makes what
it moved durable before it ends, the others leave that to the system.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from core import __version__
from tests.benchmarks import hub, s3, web
from tests.benchmarks.contest import HEAD, Row, compete, find, lines_of
from tests.benchmarks.ours import Bench, bench

ROOMS: dict[str, tuple[Callable[[Bench, argparse.Namespace], Iterator[Row]], tuple[str, ...]]] = {
    "s3": (s3.rows, s3.PEERS),
    "list": (web.rows, web.PEERS),
    "hub": (hub.rows, hub.PEERS),
}
VERSION = {"s5cmd": "version", "rclone": "version"}  # what they are asked with, where that is not --version


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rooms", nargs="*", help=f"of {', '.join(ROOMS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=5000, help="files of 16 KiB (default 5000)")
    parser.add_argument("--big", type=int, default=1024, help="size of the large file in MiB (default 1024)")
    parser.add_argument("--hub-files", type=int, default=1000, help="small files on the Hub (default 1000)")
    parser.add_argument("--lfs", type=int, default=256, help="size of each of two files in LFS in MiB")
    parser.add_argument("--server", choices=("rclone", "versitygw"), default="rclone", help="for s3")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="append the table to this file, too")
    options = parser.parse_args()
    if unknown := set(options.rooms) - set(ROOMS):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    with (
        tempfile.TemporaryDirectory(prefix="haulier-bench-", dir=options.folder) as name,
        _table(options) as say,
    ):
        rooms = options.rooms or list(ROOMS)
        say(_machine(rooms))
        say(HEAD)
        with bench(Path(name)) as place:
            for room in rooms:
                for row in ROOMS[room][0](place, options):
                    for line in lines_of(row, compete(row, options.rounds)):
                        say(line)


class _table:
    """Lines go to the screen and, where it is wanted, into a file."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._path: Path | None = options.write
        self._file: TextIO | None = None

    def __enter__(self) -> Callable[[str], None]:
        if self._path is not None:
            self._file = self._path.open("a")
        return self._say

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _say(self, line: str) -> None:
        print(line, flush=True)
        if self._file is not None:
            self._file.write(f"{line}\n")
            self._file.flush()


def _machine(rooms: list[str]) -> str:
    """The machine, the day, and every program's version."""
    peers = [peer for room in rooms for peer in ROOMS[room][1] if find(peer)]
    versions = [f"haulier {__version__}", *(_version(peer) for peer in peers)]
    cores = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    return f"\n{datetime.now(UTC):%Y-%m-%d %H:%M}Z, {cores}; {'; '.join(versions)}\n"


def _version(peer: str) -> str:
    if peer == "hf":
        return f"huggingface_hub {version('huggingface_hub')}"
    said = subprocess.run(
        [find(peer), VERSION.get(peer, "--version")], capture_output=True, text=True, check=True
    )
    return said.stdout.splitlines()[0].partition(" (")[0].partition(" built")[0].strip()


if __name__ == "__main__":
    main()
