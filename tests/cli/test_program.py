"""The program around its commands: start, help, config, engine, and what it does not load."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import _SubParsersAction
from pathlib import Path

import pytest

import core
from tests.cli.program import ROOT, Program, on_terminal
from tests.cli.test_reference import all_commands
from tui.cli.parser import build_parser

HEAVY = {"boto3", "botocore", "awscrt", "pyreqwest", "sqlite3", "textual", "httpx", "keyring"}


def loaded_by(*words: str) -> set[str]:
    """Top-level modules after this command line ran in a process of its own."""
    code = (
        "import sys\nfrom tui.__main__ import main\n"
        f"try:\n    main({list(words)!r})\nexcept SystemExit:\n    pass\n"
        "print('\\n' + ' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_version_is_quick(haulier: Program) -> None:
    """`--version` answers without loading even the parser."""
    assert haulier.ok("--version").out == f"haulier {core.__version__}\n"
    assert not loaded_by("--version") & (HEAVY | {"argparse", "asyncio", "msgspec"})


@pytest.mark.parametrize("words", [["--help"], ["config"], ["copy", "--help"], ["engine", "status"]])
def test_commands_load_no_data_plane_and_no_screen(words: list[str]) -> None:
    """Neither the full-screen toolkit nor what the engine moves bytes with is loaded for a command."""
    assert not loaded_by(*words) & HEAVY


def test_every_command_has_help_and_a_function(haulier: Program) -> None:
    """Each command's help names it, and the function it is carried out by is there; one without stands for the
    commands below it, of which one has to follow."""
    from importlib import import_module

    for name, parser in all_commands(build_parser()):
        assert name in parser.format_help()
        assert parser.description
        carried_out_by = parser.get_default("command")
        if carried_out_by is None:
            assert any(isinstance(each, _SubParsersAction) and each.required for each in parser._actions), name
            continue
        module, _, function = carried_out_by.partition(":")
        assert callable(getattr(import_module(module), function)), name


def test_config_tells_origins(haulier: Program, tmp_path: Path) -> None:
    """Flag, environment, file and default, each told for its setting; no engine is started."""
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "haulier/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('retry = "quick"\n')
    haulier.extra = {"LOGS_DIR": str(tmp_path / "logs"), "HAULIER_RESERVE": ""}
    rows = haulier.ok("config", "--json", "--metadata-dir", str(tmp_path / "meta")).records
    found = {row["name"]: (row["value"], row["origin"]) for row in rows}
    assert found["metadata_dir"] == (str(tmp_path / "meta"), "flag --metadata-dir")
    assert found["logs_dir"] == (str(tmp_path / "logs"), "environment LOGS_DIR")
    assert found["retry"] == ("quick", f"{config}, line 1")
    assert found["reserve"] == ("10.0 GiB", "default")
    assert "metadata_dir" in haulier.ok("config").out
    assert not (tmp_path / "meta").exists()
    config.write_text("retry = \n")
    damaged = haulier("config")
    assert damaged.code == 2
    assert "line 1, column 9" in damaged.err


def test_config_lists_keys(haulier: Program) -> None:
    """Every action with the keys in force; a fault in keys.toml is told with its line, and code 2."""
    file = Path(os.environ["XDG_CONFIG_HOME"]) / "haulier/keys.toml"
    file.parent.mkdir(parents=True)
    file.write_text('show_log = ["w", "f4"]\n')
    found = {row["action"]: row for row in haulier.ok("config", "--keys", "--json").records}
    assert found["show_log"]["keys"] == ["w", "f4"]
    assert found["show_log"]["changed"]
    assert found["leave"]["keys"] == ["q", "ctrl+q", "ctrl+c"]
    assert not found["leave"]["changed"]
    file.write_text('\nshow_log = "ctrl+c"\n')
    refused = haulier("config", "--keys")
    assert refused.code == 2
    assert f"{file}, line 2: show_log: 'ctrl+c' cannot be given away" in refused.err
    assert "show_log              l" in refused.out


def test_engine_life(haulier: Program) -> None:
    """status, start, status, logs, stop; starting twice and stopping twice is no error."""
    assert haulier("engine", "status").code == 3
    assert haulier("engine", "logs").code == 2
    pid = haulier.ok("engine", "start", "--json").last["pid"]
    assert haulier.ok("engine", "start", "--json").last["pid"] == pid
    status = haulier.ok("engine", "status", "--json").last
    assert status["running"] is True
    assert status["memory"] > 0
    assert f"process {pid}" in haulier.ok("engine", "status").out
    assert "the engine listens" in haulier.ok("engine", "logs", "-n", "20").out
    haulier.ok("engine", "stop", "--drain")
    assert haulier("engine", "status", "--json").last == {"type": "engine", "running": False}
    haulier.ok("engine", "stop")


def test_no_screen_without_a_terminal(haulier: Program) -> None:
    """Without a command and without a terminal, or on a dumb one, the commands are named instead."""
    done = haulier()
    assert done.code == 2
    assert "haulier --help" in done.err
    with on_terminal(haulier, TERM="dumb") as terminal:
        assert terminal.finish() == 2
    assert "haulier --help" in terminal.screen
