"""Old connections of OpsKit brought in by the command line: said, moved, scrubbed."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from tests.cli.program import Program, on_terminal
from tests.cli.test_connections import SECRET, files_below
from tests.servers import S3Server

PASSPHRASE = "correct horse battery"
CODED = base64.b64encode(SECRET.encode()).decode()


@pytest.fixture
def old_file(tmp_path: Path, rclone_server: S3Server) -> Path:
    """As OpsKit's own tool leaves it behind, for a server that is really there."""
    path = tmp_path / "opskit/cache/tools/s3-sync/connections.json"
    path.parent.mkdir(parents=True)
    entry = {
        "name": "old one", "aws_access_key": rclone_server.access_key, "aws_secret_key": CODED,
        "aws_region": "us-east-1", "s3_endpoint": rclone_server.endpoint,
    }  # fmt: skip
    default = {**entry, "name": "default", "aws_access_key": "", "aws_secret_key": "", "colour": "red"}
    path.write_text(json.dumps({"old one": entry, "default": default}, indent=2))
    return path


def test_from_opskit_to_the_encrypted_file(haulier: Program, old_file: Path, tmp_path: Path) -> None:
    """Found where OpsKit keeps it; the dry run changes nothing; then moved, scrubbed, and working. Afterwards
    the secret is in no file, neither plain nor base64. Importing again says that nothing is new."""
    haulier.extra["OPSKIT_BASE_PATH"] = str(tmp_path / "opskit")
    before = old_file.read_bytes()
    dry = haulier.ok("connections", "import", "opskit", "--dry-run")
    assert "typed keys, base64" in dry.out
    assert "default, line 9: not understood and left out: colour" in dry.err
    assert old_file.read_bytes() == before
    assert "No connections yet" in haulier.ok("connections").err
    haulier.ok("secrets", "unlock", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")
    kept = haulier.ok("connections", "import", "opskit")
    assert kept.err.index("will be kept in: encrypted file") < kept.err.index("Made: old-one (untested")
    assert "--scrub" in kept.err
    assert old_file.read_bytes() == before
    done = haulier.ok("connections", "import", "opskit", "--scrub", "--json")
    made = {each["name"]: each["new"] for each in done.records if each["type"] == "connection"}
    assert made == {"old-one": False, "default": False}
    assert done.last["type"] == "scrubbed"
    haulier.ok("connections", "test", "old-one")
    for path in files_below(tmp_path, Path(os.environ["HOME"])):
        data = path.read_bytes()
        assert SECRET.encode() not in data, path
        assert CODED.rstrip("=").encode() not in data, path
    again = haulier("connections", "import", "opskit")
    assert (again.code, "taken out before" in again.err) == (1, True)


def test_asked_at_a_terminal(haulier: Program, old_file: Path) -> None:
    """Anything but yes leaves the old file; yes scrubs it. In memory only it is never scrubbed, not even on
    wish: that would lose the keys with the engine."""
    words = ("connections", "import", "opskit", str(old_file))
    refused = haulier(*words, "--store", "memory", "--scrub")
    assert (refused.code, "only in memory" in refused.err) == (3, True)
    assert CODED in old_file.read_text()
    haulier.ok("secrets", "unlock", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")
    for answer, scrubbed in (("n", False), ("y", True)):
        with on_terminal(haulier, *words, "--store", "file") as terminal:
            terminal.wait_for("[y/N] ")
            terminal.type(f"{answer}\n")
            assert terminal.finish() == 0, terminal.screen
        assert SECRET not in terminal.screen
        assert (CODED not in old_file.read_text()) is scrubbed
    (saved,) = (each for each in haulier.ok("connections", "--json").records if each.get("name") == "old-one")
    assert saved["keys"] == "encrypted file"  # moved there from memory, not made a second time


def test_bad_files_and_words(haulier: Program, tmp_path: Path) -> None:
    """A corrupt file names the place; a missing one and words for other imports say what to write."""
    broken = tmp_path / "connections.json"
    broken.write_text('{\n "a": {"aws_secret_key": "c2VjcmV0c2VjcmV0"\n')
    done = haulier("connections", "import", "opskit", str(broken))
    assert (done.code, f"{broken}, line 3, column 1" in done.err) == (2, True)
    assert "c2VjcmV0" not in done.err
    assert haulier("connections", "import", "opskit").code == 2
    assert haulier("connections", "import", "opskit", "nothing.json").code == 2
    assert haulier("connections", "import", "aws", "--scrub").code == 2
