"""The program inside GNU screen: drawn whole, keys arrive, and it leaves. A real engine, real files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.test_tmux import PATIENCE, ROOT, a_folder

SCREEN = shutil.which("screen")
NAME = "haulier-test"

pytestmark = pytest.mark.skipif(SCREEN is None, reason="GNU screen is not installed")


class Inside:
    """One detached session of 80×24 with the program in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        sockets = home / "sockets"
        sockets.mkdir(mode=0o700)
        self._environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "SCREENDIR": str(sockets),
            "PYTHONPATH": str(ROOT),
            "SHELL": "/bin/sh",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env=self._environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout + done.stderr

    def haulier(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "tui", *arguments)

    def open(self) -> None:
        command = f"{sys.executable} -m tui; echo LEFT; exec sleep 600"
        self.run(str(SCREEN), "-U", "-c", os.devnull, "-dmS", NAME, "sh", "-c", command)

    def press(self, keys: str) -> None:
        self.run(str(SCREEN), "-S", NAME, "-p", "0", "-X", "stuff", keys)

    def text(self) -> str:
        """What stands on the screen; other letters than ASCII are not written as they are."""
        file = self.home / "hardcopy"
        file.unlink(missing_ok=True)
        self.run(str(SCREEN), "-S", NAME, "-p", "0", "-X", "hardcopy", str(file))
        ends = time.monotonic() + 5
        while not file.exists() and time.monotonic() < ends:
            time.sleep(0.02)
        return file.read_text(encoding="ascii", errors="replace") if file.exists() else ""

    def until(self, holds: Callable[[str], bool]) -> str:
        ends = time.monotonic() + PATIENCE
        while not holds(text := self.text()):
            assert time.monotonic() < ends, f"never came true; it showed:\n{text}"
            time.sleep(0.1)
        return text


@pytest.fixture
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    made = Inside(tmp_path_factory.mktemp("s"))
    try:
        yield made
    finally:
        made.run(str(SCREEN), "-S", NAME, "-X", "quit")
        made.haulier("engine", "stop")


def test_a_job_inside_gnu_screen(inside: Inside) -> None:
    """A job is opened and watched, help comes and goes, and leaving says what goes on."""
    a_folder(inside.home / "src", files=4, size=4 << 20)
    inside.haulier("copy", "src/", "dst/", "--bandwidth", "500KiB", "--detach")
    inside.open()
    text = inside.until(lambda text: "running" in text and "pid" in text)
    assert len(text.rstrip("\n").split("\n")) == 24
    inside.press("\r")
    inside.until(lambda text: "Job 1" in text and "file-00" in text)
    inside.press("?")
    inside.until(lambda text: "Keys of this screen" in text)
    inside.press("\x1b")
    inside.until(lambda text: "Keys of this screen" not in text and "Job 1" in text)
    inside.press("q")
    inside.until(lambda text: "LEFT" in text and "The engine keeps working (job 1)" in text)
