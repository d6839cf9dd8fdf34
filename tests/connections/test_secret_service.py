"""Typed keys in a real Secret Service: gnome-keyring on a session bus that only the test knows."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MISSING = [tool for tool in ("dbus-run-session", "gnome-keyring-daemon") if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (Debian: dbus, gnome-keyring)"
    ),
    pytest.mark.timeout(90),
]


def on_a_bus(scenario: str, folder: Path, secret: str) -> tuple[dict[str, Any], str]:
    """Run a scenario of `session_bus`; returns what it saw and all that it printed."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    dropped = ("DBUS_", "GNOME_", "DISPLAY", "WAYLAND_DISPLAY", "XDG_", "SSH_", "PYTHON_KEYRING", "KEYRING_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    environ |= {"HOME": str(folder), "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}
    command = ["dbus-run-session", "--", sys.executable, "-m", "tests.connections.session_bus"]
    done = subprocess.run(
        [*command, scenario, str(folder)],
        input=secret + "\n",
        capture_output=True,
        text=True,
        env=environ,
        cwd=ROOT,
        timeout=80,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stdout + done.stderr


def test_typed_keys_live_in_the_keyring_and_nowhere_else(tmp_path: Path) -> None:
    """Add, restart, edit, copy and remove keep exactly one entry a connection, and the secret stands in no
    file below HOME (the keyring's own files included), no output, argument, log or repr."""
    secret = secrets.token_hex(20)
    seen, output = on_a_bus("life", tmp_path, secret)
    assert seen["can_keep"]
    assert seen["where"] == "Secret Service (Login keyring)"
    assert seen["after restart"]
    assert seen["in memory"] == "{}"
    assert len(seen["entries"]) == 1
    assert "prod@" in seen["entries"][0]
    assert seen["after edit"]
    assert len(seen["entries after edit"]) == 1
    assert seen["entries after edit"] != seen["entries"]
    assert "type the keys again" in seen["old reference"]
    assert seen["a copy has its own entry"]
    assert seen["entries after removal"] == []

    traces = [output, json.dumps(seen)]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"connections.json", "engine.log", "login.keyring"} <= {path.name for path in files}
    traces += [path.read_bytes().decode("latin-1") for path in files]
    for writing in (secret, secret[::-1], secret.encode().hex()):
        assert not any(writing in trace for trace in traces)


def test_the_program_finds_its_keys_after_a_restart(tmp_path: Path) -> None:
    """Commands and engine as they are used: keys typed once are there for the next engine, which lists and
    reads with them; the secret is in no argument, environment, output or file."""
    seen, output = on_a_bus("program", tmp_path, "unused")
    for step in ("add", "stop", "ls", "test", "remove"):
        assert seen[step][0] == 0, seen[step]
    assert "Secret Service" in seen["add"][2]
    assert "found" in seen["ls"][1]
    assert len(seen["entries"]) == 1
    assert seen["entries after removal"] == []
    traces = [output, json.dumps(seen)]
    traces += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert any("core.daemon" in trace for trace in traces)
    assert not any("rclone-secret" in trace for trace in traces)


def test_a_locked_keyring_is_not_asked(tmp_path: Path) -> None:
    """A locked keyring would prompt where nobody sees it: it is named, and only memory is left."""
    seen, _ = on_a_bus("locked", tmp_path, "the-secret")
    assert seen["where"] == "memory only, until the engine stops: the keyring of the Secret Service is locked"
    assert not seen["can_keep"]
    assert "Unlock it" in seen["keys"]
    assert seen["kept as"] == "SessionCredentials"
    assert seen["seconds"] < 5


def test_a_keyring_that_hangs_is_left_alone(tmp_path: Path) -> None:
    """A stopped daemon costs the limit once, not at every call; when it answers again, its keys are back."""
    seen, _ = on_a_bus("hanging", tmp_path, "the-secret")
    assert seen["where"] == "memory only, until the engine stops: the keyring service did not answer within 1 s"
    assert not seen["can_keep"]
    assert "does not answer" in seen["keys"]
    assert seen["kept as"] == "SessionCredentials"
    assert seen["seconds"] < 3
    assert seen["came back"]
