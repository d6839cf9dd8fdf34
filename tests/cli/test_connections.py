"""Connections from the command line: tested before they are saved, secrets never on the command line."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cli.program import Program, on_terminal
from tests.servers import S3Server

SECRET = "rclone-secret"


def add(server: S3Server, *more: str) -> list[str]:
    return [
        *("connections", "add", "minio", "--endpoint", server.endpoint, "--path-style"),
        *("--access-key-id", server.access_key, *more),
    ]


def files_below(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_add_use_forget(haulier: Program, rclone_server: S3Server, tmp_path: Path) -> None:
    """A tested connection is saved, used by name, gone keys block, and its secret is in no file."""
    bucket = rclone_server.new_bucket()
    saved = haulier.ok(*add(rclone_server, "--memory", "--secret-stdin"), stdin=f"{SECRET}\n")
    assert "✓ list" in saved.err
    assert "memory" in saved.err
    (tmp_path / "a.bin").write_bytes(b"abc")
    haulier.ok("copy", "a.bin", f"minio:{bucket}/x/")
    assert "x/" in haulier.ok("ls", f"minio:{bucket}").out
    assert "engine's memory" in haulier.ok("connections", "list").out
    haulier.ok("connections", "test", "minio", "--bucket", bucket, "--write")
    haulier.ok("engine", "stop")
    assert "(locked)" in haulier.ok("connections").out
    assert haulier("copy", f"minio:{bucket}", "out").code == 4
    for path in files_below(tmp_path, Path(os.environ["HOME"])):
        assert SECRET.encode() not in path.read_bytes(), path
    haulier.ok("cancel", "2")
    haulier.ok("connections", "remove", "minio")
    assert haulier("ls", f"minio:{bucket}").code == 2


def test_typed_secret_is_not_shown(haulier: Program, rclone_server: S3Server) -> None:
    """At a terminal the secret is asked for and does not appear."""
    with on_terminal(haulier, *add(rclone_server, "--memory")) as terminal:
        terminal.wait_for("Secret access key (not shown): ")
        terminal.type(f"{SECRET}\n")
        assert terminal.finish() == 0, terminal.screen
    assert SECRET not in terminal.screen
    assert "Saved: minio" in terminal.screen


def test_failed_test_is_not_saved(haulier: Program, rclone_server: S3Server) -> None:
    """A wrong secret fails the test: exit code 4, nothing saved; --untested saves it all the same."""
    done = haulier(*add(rclone_server, "--memory", "--secret-stdin"), stdin="wrong\n")
    assert done.code == 4, done
    assert "✗" in done.err
    assert "--untested" in done.err
    assert haulier.ok("connections", "list", "--json").records[0]["type"] == "secrets"
    haulier.ok(*add(rclone_server, "--memory", "--secret-stdin", "--untested"), stdin="wrong\n")
    assert haulier("connections", "test", "minio").code == 4


def test_edit(haulier: Program, rclone_server: S3Server) -> None:
    """What is given changes, the rest stays; the name too."""
    haulier.ok(*add(rclone_server, "--memory", "--secret-stdin"), stdin=f"{SECRET}\n")
    haulier.ok("connections", "edit", "minio", "--region", "eu-west-1", "--rename", "store")
    (saved,) = (
        each for each in haulier.ok("connections", "list", "--json").records if each["type"] == "connection"
    )
    assert (saved["name"], saved["region"], saved["endpoint"]) == ("store", "eu-west-1", rclone_server.endpoint)
    assert haulier("connections", "edit", "store").code == 2
    assert haulier("connections", "edit", "nothing", "--region", "x").code == 2


def test_import_aws_profiles(haulier: Program) -> None:
    """Every profile becomes a connection once, without its secret."""
    folder = Path(os.environ["HOME"]) / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("[one]\naws_access_key_id = A\naws_secret_access_key = sesame-open\n")
    (folder / "config").write_text("[profile two]\nregion = eu-central-1\n")
    first = haulier.ok("connections", "import", "aws", "--json").records
    assert sorted(each["name"] for each in first) == ["one", "two"]
    assert haulier.ok("connections", "import", "aws", "--json").out == ""
    assert "sesame" not in (Path(os.environ["XDG_CONFIG_HOME"]) / "haulier/connections.json").read_text()


def test_wrong_input(haulier: Program) -> None:
    """No terminal for the secret, an empty secret, a bad endpoint, a reserved name: exit code 2."""
    base = ("connections", "add", "x", "--access-key-id", "A")
    assert "--secret-stdin" in haulier(*base).err
    assert haulier(*base).code == 2
    assert haulier(*base, "--secret-stdin", stdin="\n").code == 2
    assert haulier("connections", "add", "x", "--endpoint", "nonsense", "--anonymous").code == 2
    assert haulier("connections", "add", "s3", "--anonymous").code == 2
    assert haulier("connections", "add", "x", "--secret-stdin", stdin="a\n").code == 2


def test_an_empty_list_says_what_is_here(haulier: Program, isolated_home: Path, tmp_path: Path) -> None:
    """Profiles, a token by its place, OpsKit's file, variables by name; no secret; damage with its place."""
    (isolated_home / ".aws").mkdir()
    (isolated_home / ".aws/credentials").write_text("[prod]\naws_secret_access_key = very-secret\n")
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf/token").write_text("hf_very_secret")
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool/connections.json").write_text("{")
    haulier.extra |= {
        "HF_HOME": str(tmp_path / "hf"), "OPSKIT_TOOL_TEMP_DIR": str(tmp_path / "tool"),
        "METADATA_DIR": str(tmp_path / "metadata"), "LOGS_DIR": str(tmp_path / "logs"),
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret",
    }  # fmt: skip
    said = haulier.ok("connections")
    assert said.out == ""
    for part in ("prod", f"{tmp_path}/hf/token", "import hub", "line 1, column 2", "AWS_SECRET_ACCESS_KEY"):
        assert part in said.err, part
    assert "very" not in said.err
