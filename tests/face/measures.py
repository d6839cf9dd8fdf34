"""What is measured of the full screen: how soon it is there, how soon a key is answered, what looking on costs.

A key's time ends when the bytes have come that make the terminal show what the key does. CPU is that of the
face's process alone, whatever else the machine does.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.face.terminal import PtyTerminal

ROOT = Path(__file__).parents[2]
GOAL_KEY_MS = 50
GOAL_START_MS = 400
STARTS = 5
OPENINGS = 6
PAUSE = (0.03, 0.2)  # seconds between two keys, at random, so that no tick is met in step
SETTLING = 6.0  # seconds from an opened screen to the first look at its cost; toasts are gone then
ECHO = "import os, tty; tty.setraw(0); [os.write(1, os.read(0, 99)) for _ in iter(int, 1)]"

Row = tuple[str, ...]
Holds = Callable[[str], bool]
Key = tuple[bytes, Holds]  # what is pressed, and how one sees that it was


class Face:
    """The program of one home in a terminal, as often as it is opened."""

    def __init__(self, home: Path, size: tuple[int, int] = (80, 24)) -> None:
        self._home = home
        self._size = size
        self._random = random.Random(1)

    def open(self) -> PtyTerminal:
        return self._terminal("-m", "tui")

    def echo(self) -> PtyTerminal:
        """A program that does nothing but answer: what the machine itself adds to every key."""
        return self._terminal("-c", ECHO)

    def _terminal(self, *words: str) -> PtyTerminal:
        return PtyTerminal([sys.executable, *words], environment(self._home), self._home, size=self._size)

    def pause(self) -> None:
        time.sleep(self._random.uniform(*PAUSE))

    def keys(self, name: str, terminal: PtyTerminal, pairs: int, there: Key, back: Key) -> Row:
        """A key and the one that undoes it, in turn."""
        taken: list[float] = []
        cpu = terminal.cpu_seconds()
        for _ in range(pairs):
            for key, holds in (there, back):
                self.pause()
                pressed = terminal.press(key)
                taken.append(terminal.until(holds) - pressed)
        return spread(name, taken, GOAL_KEY_MS, (terminal.cpu_seconds() - cpu) / len(taken))

    def opening(self, name: str, terminal: PtyTerminal, there: Key, back: Key) -> Row:
        """A key that opens a screen. The way back is not timed: Escape alone waits 100 ms for more to come."""
        taken: list[float] = []
        cpu = 0.0
        for _ in range(OPENINGS):
            self.pause()
            before = terminal.cpu_seconds()
            pressed = terminal.press(there[0])
            taken.append(terminal.until(there[1]) - pressed)
            cpu += terminal.cpu_seconds() - before
            terminal.press(back[0])
            terminal.until(back[1])
        return spread(name, taken, 0, cpu / OPENINGS)


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


def cursor_on(line: int) -> Holds:
    return lambda text: cursor_line(text) == line


def cursor_line(text: str) -> int:
    """The line of the screen that the cursor of a table is on; -1 while there is none."""
    return next((at for at, line in enumerate(text.split("\n")) if line.startswith("▌")), -1)


# ---------------------------------------------------------------- what is measured


def starts(face: Face) -> Iterator[Row]:
    """From the command to the first paint, and to the jobs being listed, while an engine runs."""
    first: list[float] = []
    whole: list[float] = []
    used: list[float] = []
    for _ in range(STARTS + 1):  # the first one compiles
        terminal = face.open()
        try:
            first.append(terminal.until(shows("haulier")) - terminal.started)
            whole.append(terminal.until(shows("▌")) - terminal.started)
            used.append(terminal.cpu_seconds())
            terminal.press(b"q")
            terminal.process.wait(20)
        finally:
            terminal.close()
    yield spread("start to first paint", first[1:], GOAL_START_MS)
    yield spread("start to jobs listed", whole[1:], 0, statistics.median(used[1:]))


def answers(face: Face, pairs: int) -> Iterator[Row]:
    """Keys on the main screens, while the newest job in the list moves files of `part=…/`."""
    terminal = face.echo()
    try:
        time.sleep(1)
        yield face.keys(
            "a program that only echoes",
            terminal,
            pairs,
            (b"\x1b[Hx", shows("x")),
            (b"\x1b[H ", shows_no("x")),
        )
    finally:
        terminal.close()

    def timed(name: str, there: Key, back: Key) -> Row:
        return face.keys(name, terminal, pairs, there, back)

    def cursor(name: str) -> Row:
        line = cursor_line(terminal.text())
        return timed(name, (b"j", cursor_on(line + 1)), (b"k", cursor_on(line)))

    def help_of(name: str) -> Row:
        return timed(name, (b"?", shows("Keys of this")), (b"?", shows_no("Keys of this")))

    at_home, on_board = shows("▌▶"), shows("w object")
    terminal = face.open()
    try:
        terminal.until(at_home)
        yield cursor("jobs: cursor")
        yield help_of("jobs: help")
        yield face.opening("open the board", terminal, (b"\r", on_board), (b"\x1b", at_home))
        terminal.press(b"\r")
        terminal.until(on_board)
        yield help_of("board: help")
        terminal.press(b"i")
        terminal.until(lambda text: cursor_line(text) >= 0 and "part=00/" in text)
        yield cursor("files: cursor")
        yield timed("files: tab", (b"s", shows("asked for")), (b"i", shows("part=00/")))
        terminal.press(b"l")
        terminal.until(shows("following"))
        yield timed("log: level", (b"v", shows("level DEBUG")), (b"vv", shows("level INFO")))
    finally:
        terminal.close()


def looking_on(face: Face, name: str, seconds: float, *ways: Key) -> Row:
    """What it costs not to touch a key, on the screen that these keys lead to."""
    terminal = face.open()
    try:
        terminal.until(shows("▌"))
        for key, holds in ways:
            terminal.press(key)
            terminal.until(holds)
        time.sleep(SETTLING)
        cpu, taken = terminal.cpu_seconds(), terminal.taken
        time.sleep(seconds)
        used = (terminal.cpu_seconds() - cpu) / seconds
        return (name, f"{used:.1%}", f"{(terminal.taken - taken) / seconds:.0f} B/s")
    finally:
        terminal.close()


def spread(name: str, seconds: Sequence[float], goal_ms: float = 0, cpu: float = 0) -> Row:
    """Median, 95th percentile and maximum in ms, whether the goal was met, and the CPU time each took."""
    ranked = sorted(1000 * each for each in seconds)
    high = ranked[min(len(ranked) - 1, int(len(ranked) * 0.95))]
    verdict = "" if not goal_ms else f"{'met' if high <= goal_ms else 'missed'} ({goal_ms:g})"
    numbers = (statistics.median(ranked), high, ranked[-1])
    return (name, *(f"{number:.0f}" for number in numbers), verdict, f"{1000 * cpu:.0f}" if cpu else "")
