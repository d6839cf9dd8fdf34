"""The line between the terminal and the program: slow, hung up, suspended, resized, of an odd kind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.face.measures import environment, shows
from tests.face.terminal import PATIENCE, PtyTerminal

MODEM = 9600 // 10  # bytes a second of 9 600 baud
FILE = 64 << 10


class Home:
    """One home, its engine, and the terminals that look at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._terminals: list[PtyTerminal] = []

    def open(self, term: str = "xterm-256color", lang: str = "C.UTF-8", **options: Any) -> PtyTerminal:
        words = environment(self.folder) | {"TERM": term, "LANG": lang}
        self._terminals.append(PtyTerminal([sys.executable, "-m", "tui"], words, self.folder, **options))
        return self._terminals[-1]

    def haulier(self, *words: str) -> str:
        """The plain command line."""
        done = subprocess.run(
            [sys.executable, "-m", "tui", *words],
            env=environment(self.folder),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout + done.stderr

    def start_a_job(self, rate: str) -> None:
        source = self.folder / "src"
        source.mkdir()
        for number in range(200):
            (source / f"{number:03}").write_bytes(os.urandom(FILE))
        self.haulier("copy", "src/", "dst/", "--bandwidth", rate, "-j", "50", "--detach")

    def arrived(self) -> int:
        return sum(file.stat().st_size == FILE for file in self.folder.glob("dst/[0-9]*"))

    def close(self) -> None:
        for terminal in self._terminals:
            terminal.close()
        self.haulier("engine", "stop")


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("l"))
    try:
        yield home
    finally:
        home.close()


def wait_until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"no {what} within {seconds:g} s"
        time.sleep(0.05)


@pytest.mark.parametrize("answers", [True, False], ids=["answering", "mute"])
def test_a_slow_line_holds_up_nothing_but_itself(home: Home, answers: bool) -> None:
    """Over 9 600 baud the board of fifty workers is shown, files go on arriving, another client is answered;
    and in a terminal that says how far it is, a key is not answered a minute late."""
    home.start_a_job("256KiB")
    terminal = home.open(rate=MODEM, answers=answers)
    terminal.until(shows("▌▶"))
    terminal.press(b"\r")
    before = home.arrived()
    if answers:
        terminal.until(shows("w object"), 60)
        pressed = terminal.press(b"?")
        assert terminal.until(shows("Keys of this"), 60) - pressed < 30
    asked = time.monotonic()
    assert "running" in home.haulier("jobs")
    assert time.monotonic() - asked < 15
    wait_until(lambda: home.arrived() > before + 8, "more files")


def test_a_hang_up_ends_the_face_and_nothing_else(home: Home) -> None:
    """The SSH connection drops: the face is gone, without a busy loop left behind; the engine goes on, and
    the next face shows the same job."""
    home.start_a_job("256KiB")
    terminal = home.open()
    terminal.until(shows("▌▶"))
    engine = psutil.Process(int(terminal.text().partition("pid ")[2].split()[0]))
    terminal.press(b"\r")
    terminal.until(shows("w object"))
    terminal.hang_up()
    terminal.process.wait(10)
    before = home.arrived()
    wait_until(lambda: home.arrived() > before + 2, "more files")
    again = home.open()
    again.until(shows("▌▶"))
    assert f"pid {engine.pid} " in again.text()


def test_suspended_and_resumed(home: Home) -> None:
    """Stopped by the job control of a shell and continued, the screen is there again and answers keys."""
    terminal = home.open()
    terminal.until(shows("No jobs yet."))
    os.kill(terminal.process.pid, signal.SIGTSTP)
    face = psutil.Process(terminal.process.pid)
    wait_until(lambda: face.status() == psutil.STATUS_STOPPED, "stop")
    os.kill(terminal.process.pid, signal.SIGCONT)
    terminal.until(shows("No jobs yet."))
    terminal.press(b"?")
    terminal.until(shows("Keys of this"))


def test_a_storm_of_resizes(home: Home) -> None:
    """Dragged to and fro between 40 and 200 columns, the screen ends up right for the last size."""
    terminal = home.open()
    terminal.until(shows("No jobs yet."))
    for step in range(60):
        terminal.resize((40 + step * 37 % 160, 12 + step * 13 % 48))
    terminal.resize((200, 60))
    terminal.until(lambda text: "pid" in text.split("\n")[0][150:] and "q leave" in text.split("\n")[59])
    terminal.resize((80, 24))
    terminal.until(lambda text: "q leave" in text.split("\n")[-1])


@pytest.mark.parametrize("term", ["vt100", "linux", "screen", "no-such-terminal"])
def test_odd_terminals(home: Home, term: str) -> None:
    """A name that no database knows and one from 1978 get 16 colours and the same words."""
    terminal = home.open(term)
    terminal.until(shows("No jobs yet."))
    terminal.press(b"q")
    terminal.process.wait(20)
    assert terminal.process.returncode == 0


@pytest.mark.parametrize(("term", "lang"), [("xterm", "de_DE.ISO-8859-1"), ("vt220", "C.UTF-8")])
def test_terminals_that_show_ascii_alone(home: Home, term: str, lang: str) -> None:
    """Lines, bars, marks and borders of the list, the board, the files and a dialog reach the terminal in
    ASCII, as many cells wide as ever."""
    home.start_a_job("64KiB")
    terminal = home.open(term, lang)
    terminal.until(shows("|>"))
    terminal.press(b"\r")
    terminal.until(shows("w object"))
    assert "--------" in terminal.text()
    terminal.press(b"i")
    terminal.until(shows("as planned"))
    terminal.press(b"x")
    terminal.until(lambda text: "Cancel job 1," in text and "+----" in text)
    assert terminal.text().replace("\n", "").isascii()
    terminal.press(b"\x1b")
    terminal.until(lambda text: "Cancel job 1," not in text)
