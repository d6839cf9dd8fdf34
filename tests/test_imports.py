"""What each face and the engine load when they start: the same rules as import-linter's, seen at run time.

import-linter reads the source; an import inside a function, by name or through another package escapes it.
"""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import core
import tui

ROOT = Path(__file__).parents[1]
DATA_PLANE = {"boto3", "botocore", "awscrt", "pyreqwest", "sqlite3", "_sqlite3", "keyring", "secretstorage"}
SCREEN = {"tui", "textual"}


def loaded(program: str, *arguments: str) -> set[str]:
    """Names of the top-level packages that a fresh interpreter has loaded after running `program`."""
    tail = (
        "\nimport sys as _sys, json as _json\n"
        "print('\\n' + _json.dumps(sorted({name.partition('.')[0] for name in _sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program + tail, *arguments],
        cwd=ROOT,
        env={**os.environ, "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def started(*words: str) -> str:
    """A program that does what `haulier WORDS` does and goes on when it has ended."""
    return f"from tui.__main__ import main\ntry: main({list(words)!r})\nexcept SystemExit: pass"


def modules_of(package: object) -> list[str]:
    path, name = package.__path__, package.__name__  # type: ignore[attr-defined]
    return [found.name for found in pkgutil.walk_packages(path, f"{name}.")]


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["copy", "--help"], ["config"], ["jobs"]])
def test_the_command_line_loads_no_data_plane(words: list[str], isolated_home: Path) -> None:
    """Commands run to their end in a fresh interpreter, `jobs` with an engine of its own, load neither the
    data plane nor the screen."""
    seen = loaded(started(*words))
    try:
        assert not seen & DATA_PLANE
        assert "textual" not in seen
    finally:
        if words == ["jobs"]:
            loaded(started("engine", "stop"))


def test_the_version_loads_next_to_nothing() -> None:
    """`haulier --version` answers without the parser, msgspec or asyncio."""
    assert not loaded(started("--version")) & {"asyncio", "msgspec", "argparse", "textual"}


def test_the_app_loads_no_data_plane() -> None:
    """The full-screen app."""
    seen = loaded("import tui.app, tui.start")
    assert "textual" in seen
    assert not seen & DATA_PLANE


def test_no_module_of_a_face_loads_the_data_plane() -> None:
    """Every module below tui, screens and commands alike, in one interpreter."""
    modules = [name for name in modules_of(tui) if not name.endswith("__main__")]
    assert len(modules) > 20
    assert not loaded(f"import {', '.join(modules)}") & DATA_PLANE


def test_the_engine_loads_no_screen() -> None:
    """The engine and its process, and then every module of core."""
    assert not loaded("import core.engine.engine, core.daemon") & SCREEN
    modules = modules_of(core)
    assert "core.engine.engine" in modules
    assert not loaded(f"import {', '.join(modules)}") & SCREEN
