"""`python -m tests.face`: how quick the full screen is, and what it costs, while fifty workers move data.

The program runs in a pseudo-terminal. A key's time ends when the bytes have come that make the terminal show
what the key does. CPU is that of the face's process alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil

from core import __version__
from tests.face.load import Load, load
from tests.face.terminal import PtyTerminal

ROOT = Path(__file__).parents[2]
STARTS = 5
PAUSE = (0.03, 0.2)  # seconds between two keys, at random, so that no tick is met in step
ECHO = "import os, tty; tty.setraw(0); [os.write(1, os.read(0, 99)) for _ in iter(int, 1)]"
GOAL_KEY_MS = 50
GOAL_START_MS = 400

Row = tuple[str, ...]
Holds = Callable[[str], bool]


class Face:
    """The program of one home in a terminal, as often as it is opened."""

    def __init__(self, home: Path, size: tuple[int, int]) -> None:
        self._home = home
        self._size = size
        self._random = random.Random(1)

    def open(self) -> PtyTerminal:
        return PtyTerminal([sys.executable, "-m", "tui"], environment(self._home), self._home, size=self._size)

    def echo(self) -> PtyTerminal:
        """A program that does nothing but answer: what the machine itself adds to every key."""
        return PtyTerminal([sys.executable, "-c", ECHO], environment(self._home), self._home, size=self._size)

    def keys(
        self,
        name: str,
        terminal: PtyTerminal,
        pairs: int,
        there: tuple[bytes, Holds],
        back: tuple[bytes, Holds],
    ) -> Row:
        """Milliseconds from key to paint, of a key and of the one that undoes it, in turn."""
        taken: list[float] = []
        cpu = terminal.cpu_seconds()
        for _ in range(pairs):
            for key, holds in (there, back):
                time.sleep(self._random.uniform(*PAUSE))
                pressed = terminal.press(key)
                taken.append((terminal.until(holds) - pressed) * 1000)
        each = (terminal.cpu_seconds() - cpu) / (2 * pairs) * 1000
        return (*spread(name, taken, GOAL_KEY_MS), f"{each:.0f}")


def environment(home: Path) -> dict[str, str]:
    """As of a person's shell; the bytecode of this very program is kept, as that of an installed one is."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(home / "bytecode"),
        "METADATA_DIR": str(home / "state"),
        "LOGS_DIR": str(home / "logs"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


# ---------------------------------------------------------------- what is on the screen


def shows(words: str) -> Holds:
    return lambda text: words in text


def shows_no(words: str) -> Holds:
    return lambda text: words not in text


def cursor_below(line: int, by: int) -> Holds:
    """The cursor of a table is `by` lines below `line`."""
    return lambda text: cursor_line(text) == line + by


def cursor_line(text: str) -> int:
    return next((at for at, line in enumerate(text.split("\n")) if line.startswith("▌")), -1)


# ---------------------------------------------------------------- what is measured


def starts(face: Face) -> Iterator[Row]:
    """From the command to the first paint, and to the jobs being listed."""
    first: list[float] = []
    whole: list[float] = []
    used: list[float] = []
    for _ in range(STARTS + 1):  # the first one compiles
        terminal = face.open()
        first.append((terminal.until(shows("haulier")) - terminal.started) * 1000)
        whole.append((terminal.until(shows("engine ● pid")) - terminal.started) * 1000)
        used.append(terminal.cpu_seconds() * 1000)
        terminal.press(b"q")
        terminal.process.wait(20)
        terminal.close()
    yield spread("start to first paint", first[1:], GOAL_START_MS)
    yield spread("start to jobs listed", whole[1:])
    yield spread("  of it CPU", used[1:])


def rest(name: str, terminal: PtyTerminal, seconds: float) -> Row:
    """What it costs to look on without touching a key."""
    cpu, taken = terminal.cpu_seconds(), terminal.taken
    time.sleep(seconds)
    used = (terminal.cpu_seconds() - cpu) / seconds
    return (name, f"{used:.1%} of a core", f"{(terminal.taken - taken) / seconds:.0f} B/s", "", "")


def keys_on_screens(face: Face, pairs: int) -> Iterator[Row]:
    """Each screen with a key that it answers by itself, and `?`, which opens a dialog over it."""

    def timed(name: str, there: tuple[bytes, Holds], back: tuple[bytes, Holds]) -> Row:
        return face.keys(name, terminal, pairs, there, back)

    def cursor(name: str) -> Row:
        line = cursor_line(terminal.text())
        return timed(name, (b"j", cursor_below(line, 1)), (b"k", cursor_below(line, 0)))

    def help_of(name: str) -> Row:
        return timed(name, (b"?", shows("Keys of this")), (b"?", shows_no("Keys of this")))

    terminal = face.echo()
    try:
        time.sleep(1)
        yield timed("a program that only echoes", (b"\x1b[Hx", shows("x")), (b"\x1b[H ", shows_no("x")))
    finally:
        terminal.close()
    terminal = face.open()
    try:
        terminal.until(shows("▌▶"))
        yield cursor("jobs: cursor")
        yield help_of("jobs: help")
        terminal.press(b"\r")
        terminal.until(shows("w object"))
        yield help_of("board: help")
        terminal.press(b"i")
        terminal.until(lambda text: cursor_line(text) >= 0 and "part=00/" in text)
        yield cursor("files: cursor")
        yield timed("files: tab", (b"s", shows("asked for")), (b"i", shows("part=00/")))
        terminal.press(b"l")
        terminal.until(shows("following"))
        yield timed("log: level", (b"v", shows("level debug")), (b"vv", shows("level info")))
    finally:
        terminal.close()


def spread(name: str, taken: Sequence[float], goal: float = 0) -> Row:
    """Median, 95th percentile and maximum, and whether the goal was met."""
    ranked = sorted(taken)
    high = ranked[min(len(ranked) - 1, int(len(ranked) * 0.95))]
    verdict = "" if not goal else f"{'met' if high <= goal else 'MISSED'}: 95 % ≤ {goal:g}"
    return (name, f"{statistics.median(ranked):.0f}", f"{high:.0f}", f"{ranked[-1]:.0f}", verdict)


# ---------------------------------------------------------------- the run


async def measure(home: Path, chosen: argparse.Namespace) -> None:
    face = Face(home, chosen.size)
    async with load(home) as work:
        await work.finish_some_jobs()
        print_rows("ms", ("", "median", "95 %", "max", "goal"), await in_thread(starts, face))
        terminal = face.open()
        await asyncio.to_thread(terminal.until, shows("engine ● pid"))
        await asyncio.sleep(2)
        idle = await asyncio.to_thread(rest, "idle, list of jobs", terminal, chosen.seconds)
        await asyncio.to_thread(terminal.close)
        job = await work.start()
        rows = [idle]
        async with Busy(work) as busy:
            print_rows(
                "ms, fifty workers",
                ("", "median", "95 %", "max", "goal"),
                await in_thread(keys_on_screens, face, chosen.pairs),
            )
        for name, keys in (("watching, list of jobs", b""), ("watching, board", b"\r")):
            terminal = face.open()
            await asyncio.to_thread(terminal.until, shows("▶"))
            if keys:
                terminal.press(keys)
                await asyncio.to_thread(terminal.until, shows(f"Job {job}"))
            await asyncio.sleep(2)
            rows.append(await asyncio.to_thread(rest, name, terminal, chosen.seconds))
            await asyncio.to_thread(terminal.close)
        await work.files_done()
        print_rows("cost", ("", "CPU", "to the terminal", "", ""), rows)
        print(f"\nload: {busy.said}; load average {os.getloadavg()[0]:.1f}")


class Busy:
    """How busy the engine was meanwhile."""

    said = ""

    def __init__(self, work: Load) -> None:
        self._work = work

    async def __aenter__(self) -> Busy:
        self._at, self._cpu, self._files = (
            time.monotonic(),
            self._work.engine_cpu(),
            await self._work.files_done(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        seconds = time.monotonic() - self._at
        files = (await self._work.files_done() - self._files) / seconds
        cpu = (self._work.engine_cpu() - self._cpu) / seconds
        self.said = f"engine {cpu:.0%} of a core, {files:.0f} files/s"


async def in_thread(rows: Callable[..., Iterator[Row]], *arguments: object) -> list[Row]:
    return await asyncio.to_thread(lambda: list(rows(*arguments)))


def print_rows(title: str, heads: Row, rows: Sequence[Row]) -> None:
    print(f"\n{title}")
    everything = [heads, *rows]
    widths = [max(len(row[at]) for row in everything) for at in range(len(heads))]
    for row in everything:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True
        )


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
    parser.add_argument("--seconds", type=float, default=10, help="of looking on")
    chosen = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    print(machine())
    with tempfile.TemporaryDirectory(prefix="face-") as folder:
        os.environ["HOME"] = folder
        asyncio.run(measure(Path(folder), chosen))


if __name__ == "__main__":
    main()
