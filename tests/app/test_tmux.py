"""The program as a person has it: a real terminal of 80×24 inside tmux, a real engine, real files."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TMUX = shutil.which("tmux")
PATIENCE = 40.0

pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed")


class Terminal:
    """One tmux server with one window of 80×24, and the program of a fresh home in it."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self._opened = 0  # every window has a server of its own: one that was killed takes a moment to go
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        kept.setdefault("LANG", "C.UTF-8")
        self._environment = kept | {
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "SHELL": "/bin/sh",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._window = environment

    def open(self, *arguments: str, size: tuple[int, int] = (80, 24)) -> None:
        """Start the program in a new window; afterwards the window stays, with what was said last."""
        settings = [part for name, value in self._window.items() for part in ("-e", f"{name}={value}")]
        self._opened += 1
        # tmux has a TERM of its own for its windows, whatever -e says.
        term = ["env", f"TERM={self._window['TERM']}"] if "TERM" in self._window else []
        command = " ".join([*term, sys.executable, "-m", "tui", *arguments])
        columns, rows = (str(number) for number in size)
        self._tmux(
            "new-session", "-d", "-x", columns, "-y", rows, *settings, f"{command}; echo LEFT; exec sleep 600"
        )

    def close(self) -> None:
        subprocess.run(self._command("kill-server"), env=self._environment, capture_output=True, check=False)

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def text(self, *options: str) -> str:
        return self._tmux("capture-pane", "-p", *options)

    def until(self, holds: Callable[[str], bool], seconds: float = PATIENCE) -> str:
        """The screen's text once it is as wanted."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            text = self.text()
            if holds(text):
                return text
            time.sleep(0.05)
        raise AssertionError(f"never came true; the terminal showed:\n{self.text()}")

    def haulier(self, *arguments: str) -> str:
        """The plain command line beside the screen."""
        done = subprocess.run(
            [sys.executable, "-m", "tui", *arguments],
            env=self._environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout + done.stderr

    def _command(self, *arguments: str) -> list[str]:
        return [str(TMUX), "-S", str(self.home / f"tmux-{self._opened}.sock"), "-f", os.devnull, *arguments]

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            self._command(*arguments),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return done.stdout


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("t")


def in_a_terminal(home: Path, **environment: str) -> Iterator[Terminal]:
    terminal = Terminal(home, **environment)
    try:
        yield terminal
    finally:
        terminal.close()
        terminal.haulier("engine", "stop")


@pytest.fixture
def terminal(home: Path) -> Iterator[Terminal]:
    yield from in_a_terminal(home)


def a_folder(folder: Path, files: int, size: int) -> dict[str, bytes]:
    made = {f"file-{number:02}.bin": random.Random(number).randbytes(size) for number in range(files)}
    folder.mkdir()
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return made


def engine_pid(text: str) -> int:
    return int(text.partition("pid ")[2].split()[0])


def test_leave_come_back_and_survive_a_killed_engine(terminal: Terminal) -> None:
    """A job is watched on its board; the screen is left and says what goes on; coming back shows the same
    job; the engine is killed and the screen says so; Enter starts it, and the bytes arrive whole."""
    made = a_folder(terminal.home / "src", files=8, size=4 << 20)
    terminal.haulier("copy", "src/", "dst/", "--bandwidth", "1500KiB", "--detach")
    terminal.open()
    text = terminal.until(lambda text: "▶" in text and "pid" in text)
    pid = engine_pid(text)
    terminal.press("Enter")
    terminal.until(lambda text: "Job 1" in text and "▶ running" in text and "file-" in text)

    terminal.press("q")
    text = terminal.until(lambda text: "LEFT" in text)
    assert "The engine keeps working (job 1). `haulier` brings you back." in text
    terminal.close()

    terminal.open()
    text = terminal.until(lambda text: "pid" in text and "▶" in text)
    assert engine_pid(text) == pid
    os.kill(pid, signal.SIGKILL)
    text = terminal.until(lambda text: "Engine gone. Jobs are safe in the journal." in text)
    assert "▶" not in text
    terminal.press("Enter")
    text = terminal.until(lambda text: "engine ● pid" in text and "Engine gone" not in text)
    assert engine_pid(text) != pid
    terminal.press("c")
    terminal.until(lambda text: "Bandwidth of job 1" in text)
    terminal.press("C-u", "Enter")
    terminal.until(lambda text: "✓" in text and "▶" not in text)
    assert {file.name: file.read_bytes() for file in (terminal.home / "dst").iterdir()} == made


@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "xterm"},
        {"TERM": "xterm-256color", "NO_COLOR": "1"},
        {"TERM": "screen", "SSH_TTY": "/dev/pts/9"},
    ],
    ids=["16 colours", "NO_COLOR", "over ssh"],
)
def test_poor_terminals(home: Path, environment: dict[str, str]) -> None:
    """With 16 colours, without colour and over SSH the same words and signs are there."""
    for terminal in in_a_terminal(home, **environment):
        terminal.open()
        text = terminal.until(lambda text: "No jobs yet." in text)
        assert "engine ● pid" in text
        coloured = terminal.text("-e")
        if environment["TERM"] in ("xterm", "screen"):
            assert "38;2;" not in coloured
            assert "48;2;" not in coloured
        terminal.press("?")
        terminal.until(lambda text: "Keys of this screen" in text)
        terminal.press("Escape")
        terminal.until(lambda text: "No jobs yet." in text and "Keys of this screen" not in text)
        terminal.press("C-c")
        terminal.until(lambda text: "The engine is idle." in text)


def test_a_large_terminal(terminal: Terminal) -> None:
    """200×60 is used: the board shows more of its job and the whole of long names, and it shrinks to 80×24."""
    long = "a-name-that-is-much-longer-than-a-narrow-terminal-could-ever-show-in-a-line-of-its-board.bin"
    folder = terminal.home / "src"
    a_folder(folder, files=4, size=4 << 20)
    (folder / "file-00.bin").rename(folder / long)
    terminal.haulier("copy", "src/", "dst/", "--bandwidth", "500KiB", "--detach")
    terminal.open(size=(200, 60))
    text = terminal.until(lambda text: "running" in text and "pid" in text)
    assert max(len(line) for line in text.split("\n")) > 150
    terminal.press("Enter")
    text = terminal.until(lambda text: "Job 1" in text and long in text)
    assert len(text.rstrip("\n").split("\n")) > 50
    terminal._tmux("resize-window", "-x", "80", "-y", "24")
    text = terminal.until(lambda text: "Job 1" in text and long not in text and long[:20] in text)
    assert max(len(line) for line in text.split("\n")) <= 80


def test_without_a_terminal_the_commands_are_named(home: Path) -> None:
    """Where no full screen can be shown, the program says what to use instead and leaves with code 2."""
    done = subprocess.run(
        [sys.executable, "-m", "tui"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert "haulier --help" in done.stderr


@pytest.mark.parametrize("theme", ["auto", "light", "ansi"])
@pytest.mark.parametrize("term", ["xterm", "xterm-256color"])
def test_no_color_leaves_greys_that_can_be_read(home: Path, term: str, theme: str) -> None:
    """Whatever the theme, NO_COLOR leaves no hue, and no text in the colour of its ground."""
    for terminal in in_a_terminal(home, TERM=term, NO_COLOR="1", HAULIER_THEME=theme):
        terminal.open()
        terminal.until(lambda text: "No jobs yet." in text)
        codes = set(re.findall(r"\x1b\[([0-9;]+)m", terminal.text("-e")))
        texts = {code.removeprefix("38;5;") for code in codes if re.fullmatch(r"38;5;\d+|3[0-7]|9[0-7]", code)}
        grounds = {code.removeprefix("48;5;") for code in codes if code.startswith("48;5;")}
        grounds |= {str(int(code) - 10) for code in codes if re.fullmatch(r"4[0-7]|10[0-7]", code)}
        greys = {str(number) for number in (*range(232, 256), 16, 59, 102, 145, 188, 231)}
        if term == "xterm-256color":
            assert texts | grounds <= greys
            assert len(texts) > 1
        assert not texts & grounds


@pytest.mark.parametrize(
    ("config", "sent", "not_sent"),
    [
        (
            'notify = "bell,osc9"\n',
            (b"\x07\x1b\\\x07", b"\x1bPtmux;\x1b\x1b]9;haulier: job 1 done: "),
            b"]777;",
        ),
        ('notify = "app"\n', (), b"\x07"),
    ],
    ids=["bell and OSC 9", "neither"],
)
def test_the_bytes_of_a_jobs_end(
    terminal: Terminal, config: str, sent: tuple[bytes, ...], not_sent: bytes
) -> None:
    """When a job ends, the terminal gets what the setting wants, in tmux's envelope, and the engine runs the
    command, which knows which job it was."""
    folder = terminal.home / ".config/haulier"
    folder.mkdir(parents=True)
    told, raw = terminal.home / "told", terminal.home / "raw"
    hook = f"on_end = ['sh', '-c', 'echo $HAULIER_JOB $HAULIER_STATE $HAULIER_FILES_DONE >> {told}']\n"
    (folder / "config.toml").write_text(config + hook)
    a_folder(terminal.home / "src", files=4, size=1 << 20)
    terminal.haulier("copy", "src/", "dst/", "--bandwidth", "500KiB", "--detach")
    terminal.open()
    terminal.until(lambda text: "▶" in text and "pid" in text)
    terminal._tmux("pipe-pane", f"cat > {raw}")
    terminal.haulier("tune", "1", "--bandwidth", "off")
    terminal.until(lambda text: "✓" in text and "▶" not in text)
    terminal.until(lambda _: told.exists() and told.read_text() == "1 completed 4\n")
    terminal.until(lambda _: all(piece in raw.read_bytes() for piece in sent))
    assert not_sent not in raw.read_bytes()
