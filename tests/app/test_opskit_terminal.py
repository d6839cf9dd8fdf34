"""Started by a launcher in a real terminal: its names in the first line, and the terminal given back clean."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.test_tmux import ROOT, TMUX, Terminal

pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed")

# As OpsKit does it: the variables into its own environment, the tool as a child, then its menu again.
LAUNCHER = """
import os, subprocess, sys
os.environ.update(
    OPSKIT_TOOL_TEMP_DIR=sys.argv[1] + "/cache/tools/haulier", OPSKIT_BASE_PATH=sys.argv[1],
    OPSKIT_WORKING_DIR=os.getcwd(), TOOL_NAME="Big Mover", TOOL_VERSION="3.1",
)
os.chdir(sys.argv[1])
code = subprocess.run([sys.executable, "-m", "tui"]).returncode
print("MENU AGAIN", code)
print("chosen:", input("choose> "))
"""


@pytest.fixture
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    home = tmp_path_factory.mktemp("t")
    (home / "opskit").mkdir()
    (home / "launcher.py").write_text(LAUNCHER)
    opened = Terminal(home)
    try:
        yield opened
    finally:
        opened.close()
        opened.haulier("engine", "stop", "--metadata-dir", f"{home}/opskit/cache/tools/haulier/metadata")


def open_launcher(terminal: Terminal) -> None:
    words = [sys.executable, str(terminal.home / "launcher.py"), str(terminal.home / "opskit")]
    terminal._opened += 1
    command = f"cd {shlex.quote(str(terminal.home))}; PYTHONPATH={ROOT} {shlex.join(words)}; exec sh -i"
    terminal._tmux("new-session", "-d", "-x", "80", "-y", "24", command)


def modes(terminal: Terminal) -> str:
    """Alternate screen, cursor shown, any mouse reporting, keypad and bracketed paste as tmux knows them."""
    wanted = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_flag} #{keypad_cursor_flag}"
    return terminal._tmux("display-message", "-p", wanted).strip()


@pytest.mark.parametrize("leave", ["q", "C-c"])
def test_the_launcher_gets_its_terminal_back(terminal: Terminal, leave: str) -> None:
    """The tool's name and version are in the first line. After leaving: no alternate screen, the cursor shown,
    no mouse reports, the menu readable, and what is typed there echoed and taken, in the shell too."""
    open_launcher(terminal)
    text = terminal.until(lambda shown: "engine ●" in shown)
    assert text.splitlines()[0].startswith(" Big Mover 3.1")
    assert modes(terminal).startswith("1 ")
    terminal.press(leave)
    terminal.until(lambda shown: "choose>" in shown)
    assert modes(terminal) == "0 1 0 0 0"
    assert "MENU AGAIN 0" in terminal.text()
    terminal.press("f", "o", "u", "r")
    terminal.until(lambda shown: "choose> four" in shown)  # echoed before it was sent
    terminal.press("Enter")
    terminal.until(lambda shown: "chosen: four" in shown)
    terminal.press(*"stty", "Space", "-a", "Enter")
    text = terminal.until(lambda shown: "icanon" in shown)
    told = text.split()
    assert {"icanon", "echo", "isig", "icrnl", "opost"} <= {word.rstrip(";") for word in told}
    assert Path(terminal.home, "opskit/cache/tools/haulier/metadata/journal.sqlite3").exists()
