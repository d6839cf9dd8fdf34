"""What is found around a person who starts: names and places, no secret, and nothing that trips over a file."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.found_here import Surroundings, look_around
from core.model import TokenFileCredentials

SECRET = "hf_THISISSECRET0123456789"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf")}


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_nothing_is_here(environ: dict[str, str]) -> None:
    """An empty home: nothing is found, and nothing goes wrong."""
    assert look_around(environ) == Surroundings()


def test_a_token_file_is_named_and_referred_to(environ: dict[str, str], tmp_path: Path) -> None:
    """Where it lies, never what it says."""
    path = write(tmp_path / "hf" / "token", SECRET)
    found = look_around(environ)
    assert found.hub_at == str(path)
    assert found.hub is not None
    assert found.hub.credentials == TokenFileCredentials(path=str(path))
    assert SECRET not in repr(found)


def test_a_token_in_the_environment_goes_first_and_is_not_offered(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """It cannot be referred to from another process: it is named, and no connection is offered."""
    write(tmp_path / "hf" / "token", SECRET)
    found = look_around(environ | {"HF_TOKEN": SECRET})
    assert found.hub_at == "HF_TOKEN"
    assert found.hub is None
    assert SECRET not in repr(found)


@pytest.mark.parametrize("kind", ["empty", "folder"])
def test_a_token_file_that_is_none(environ: dict[str, str], tmp_path: Path, kind: str) -> None:
    """An empty file and a folder hold no token."""
    if kind == "empty":
        write(tmp_path / "hf" / "token", "")
    else:
        (tmp_path / "hf" / "token").mkdir(parents=True)
    assert look_around(environ) == Surroundings()


def test_variables_are_named_without_their_values(environ: dict[str, str]) -> None:
    """Those that are set, in a fixed order; empty ones and others are not."""
    values = {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_PROFILE": "prod", "AWS_REGION": "", "AWS_PAGER": "less"}
    found = look_around(environ | values)
    assert found.variables == ("AWS_PROFILE", "AWS_SECRET_ACCESS_KEY")
    assert SECRET not in repr(found)


def old(secret: str = "plain-secret") -> str:
    packed = base64.b64encode(secret.encode()).decode()
    return json.dumps({"prod": {"name": "prod", "aws_access_key": "AKIAEXAMPLE", "aws_secret_key": packed}})


def test_connections_of_a_launcher(environ: dict[str, str], tmp_path: Path) -> None:
    """The file that OpsKit names goes before the one where OpsKit installs itself; names alone come out."""
    fallback = write(tmp_path / ".opskit/cache/tools/s3-sync/connections.json", old())
    found = look_around(environ)
    assert found.old is not None
    assert (found.old.path, found.old.names, found.old.trouble) == (str(fallback), ("prod",), "")
    assert "plain-secret" not in repr(found)
    named = write(tmp_path / "tool" / "connections.json", old())
    found = look_around(environ | {"OPSKIT_TOOL_TEMP_DIR": str(tmp_path / "tool")})
    assert found.old is not None
    assert found.old.path == str(named)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1, 2", b"null"])
def test_a_damaged_file_says_where(environ: dict[str, str], tmp_path: Path, content: bytes) -> None:
    """Its trouble names file, line and column, and stops nothing else from being found."""
    path = write(tmp_path / ".opskit/cache/tools/s3-sync/connections.json", content)
    found = look_around(environ | {"AWS_PROFILE": "prod"})
    assert found.old is not None
    assert f"{path}, line 1, column" in found.old.trouble
    assert found.variables == ("AWS_PROFILE",)


def test_no_store_is_loaded_for_it(tmp_path: Path) -> None:
    """Neither boto3 nor the data plane: the first screen is there at once."""
    write(tmp_path / ".opskit/cache/tools/s3-sync/connections.json", old())
    script = (
        "import sys; from core.found_here import look_around; "
        f"assert look_around({{'HOME': {str(tmp_path)!r}}}).old; "
        "bad = {'boto3', 'botocore', 'awscrt', 'pyreqwest', 'httpx', 'sqlite3'} & set(sys.modules); "
        "sys.exit(f'loaded: {bad}' if bad else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
