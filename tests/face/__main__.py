"""`python -m tests.face`: how quick the full screen is, and what it costs, while fifty workers move data.

The program runs in a pseudo-terminal and the engine is a real one. The goals are for a machine that has
nothing else to do; the row of the program that only echoes says what this one adds by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import psutil

from core import __version__
from tests.face.items import ItemKeys, write_job
from tests.face.load import Load, load
from tests.face.looking import LookingKeys, make_files
from tests.face.measures import Face, Row, answers, looking_on, shows, starts

TIMES = ("median", "95 %", "max", "goal", "CPU")
COSTS = ("CPU", "to the line")


async def measure(home: Path, chosen: argparse.Namespace) -> None:
    face = Face(home, chosen.size)
    on_board = (b"\r", shows("w object"))
    async with load(home) as work:
        await work.finish_some_jobs()
        await show("ms, without load", TIMES, starts(face))
        await show("looking on", COSTS, [])
        await show("", (), (looking_on(face, "idle, list of jobs", chosen.seconds) for _ in range(1)))
        await work.start()
        busy = Busy(work)
        await busy.begin()
        watched = (("watching, list of jobs", ()), ("watching, board", (on_board,)))
        await show("", (), (looking_on(face, name, chosen.seconds, *ways) for name, ways in watched))
        await show("ms from key to paint, fifty workers", TIMES, answers(face, chosen.pairs))
        print(f"\nmeanwhile: {await busy.words()}; load average {os.getloadavg()[0]:.1f}")


async def measure_items(home: Path, chosen: argparse.Namespace) -> None:
    """The item table of a job of many files, with nothing else to do and beside fifty workers."""
    face = Face(home, chosen.size)
    await asyncio.to_thread(write_job, home / "state" / "journal.sqlite3", chosen.items)
    async with load(home) as work:
        engine = psutil.Process(work.haulier.client.hello.pid)

        async def through(title: str, down: int) -> None:
            keys = await asyncio.to_thread(ItemKeys, face, chosen.items, down)
            memory = f"face {keys.memory() >> 20} MiB, engine {engine.memory_info().rss >> 20} MiB"
            try:
                await show(title, TIMES, keys.opened())
                await show("", (), keys.moves())
                await show("", (), keys.filters_and_orders("", chosen.pairs // 5))
                await show("", (), keys.searches())
                now = f"face {keys.memory() >> 20} MiB, engine {engine.memory_info().rss >> 20} MiB"
                print(f"memory before: {memory}; after: {now}")
            finally:
                keys.close()

        await through(f"ms from key to paint, {chosen.items} items", 0)
        await work.start()
        busy = Busy(work)
        await busy.begin()
        await through("the same beside fifty workers", 1)
        print(f"\nmeanwhile: {await busy.words()}; load average {os.getloadavg()[0]:.1f}")


async def measure_looking(home: Path, chosen: argparse.Namespace) -> None:
    """A folder of many files, looked into with nothing else to do and beside fifty workers."""
    face = Face(home, chosen.size)
    folder = home / "lake"
    await asyncio.to_thread(make_files, folder, chosen.look)
    async with load(home) as work:
        engine = psutil.Process(work.haulier.client.hello.pid)

        async def through(title: str) -> None:
            before = engine.memory_info().rss
            keys = await asyncio.to_thread(LookingKeys, face, folder, chosen.look)
            memory = f"face {keys.memory() >> 20} MiB, engine {before >> 20} MiB"
            try:
                await show(title, TIMES, keys.opened())
                for rows in (keys.moves, keys.marks, keys.searches):
                    await show("", (), rows())
                now = f"face {keys.memory() >> 20} MiB, engine {engine.memory_info().rss >> 20} MiB"
                print(f"memory before: {memory}; after: {now}")
            finally:
                keys.close()

        await through(f"ms from key to paint, a folder of {chosen.look} files")
        await work.start()
        busy = Busy(work)
        await busy.begin()
        await through("the same beside fifty workers")
        print(f"\nmeanwhile: {await busy.words()}; load average {os.getloadavg()[0]:.1f}")


class Busy:
    """How busy the engine was meanwhile."""

    def __init__(self, work: Load) -> None:
        self._work = work

    async def begin(self) -> None:
        self._files = await self._work.files_done()
        self._cpu = self._work.engine_cpu()
        self._at = time.monotonic()

    async def words(self) -> str:
        seconds = time.monotonic() - self._at
        files = (await self._work.files_done() - self._files) / seconds
        cpu = (self._work.engine_cpu() - self._cpu) / seconds
        return f"engine {cpu:.0%} of a core, {files:.0f} files/s"


async def show(title: str, heads: Row, rows: Iterable[Row]) -> None:
    """Each row as soon as it is known."""
    if title:
        print(f"\n{_cells((title, *heads))}", flush=True)

    def print_all() -> None:
        for row in rows:
            print(_cells(row), flush=True)

    await asyncio.to_thread(print_all)


def _cells(row: Row) -> str:
    name, *numbers = row
    return (f"{name:<40}" + "".join(f"{number:>14}" for number in numbers)).rstrip()


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"haulier {__version__}, Textual {version('textual')}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"load average before {os.getloadavg()[0]:.1f}"
    )


def size(words: str) -> tuple[int, int]:
    width, _, height = words.partition("x")
    return int(width), int(height)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.face", description=__doc__)
    parser.add_argument("--size", type=size, default=(80, 24), help="of the terminal (default: 80x24)")
    parser.add_argument("--pairs", type=int, default=30, help="key presses there and back on each screen")
    parser.add_argument(
        "--items", type=int, default=0, help="measure instead the item table of a job of so many files"
    )
    parser.add_argument(
        "--look", type=int, default=0, help="measure instead looking into a folder of so many files"
    )
    parser.add_argument("--seconds", type=float, default=10, help="of looking on")
    chosen = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    print(machine())
    with tempfile.TemporaryDirectory(prefix="face-") as folder:
        os.environ["HOME"] = folder
        work = measure_items if chosen.items else measure_looking if chosen.look else measure
        asyncio.run(work(Path(folder), chosen))


if __name__ == "__main__":
    main()
