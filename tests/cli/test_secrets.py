"""The encrypted file of secrets from the command line: made, opened, closed, its passphrase never shown."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cli.program import Program, on_terminal
from tests.cli.test_connections import SECRET, add, files_below
from tests.servers import S3Server

PASSPHRASE = "correct horse battery"
OTHER = "battery horse correct"


def state(haulier: Program) -> str:
    records = haulier.ok("secrets", "status", "--json").records
    return next(str(each["state"]) for each in records if each.get("store") == "file")


def test_keys_in_the_file_from_add_to_restart(
    haulier: Program, rclone_server: S3Server, tmp_path: Path
) -> None:
    """A script makes the file, keeps keys there, finds them locked after a restart, is told how to open them,
    and does; a copy that stopped meanwhile ends. No file below holds secret or passphrase."""
    bucket = rclone_server.new_bucket()
    before = haulier(*add(rclone_server, "--store", "file", "--secret-stdin"), stdin=f"{SECRET}\n")
    assert before.code == 4
    assert "haulier secrets unlock" in before.err
    assert state(haulier) == "none"
    haulier.ok("secrets", "unlock", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")
    assert state(haulier) == "ready"
    saved = haulier.ok(*add(rclone_server, "--secret-stdin"), stdin=f"{SECRET}\n")
    assert saved.err.index("The keys will be kept in: encrypted file") < saved.err.index("Saved")
    assert "encrypted file" in haulier.ok("connections").out
    haulier.ok("engine", "stop")
    listed = haulier.ok("connections")
    assert "encrypted file (locked)" in listed.out
    assert "minio" in haulier.ok("secrets").err
    (tmp_path / "a.bin").write_bytes(b"abc")
    stopped = haulier("copy", "a.bin", f"minio:{bucket}/x/")
    assert stopped.code == 4
    assert "haulier secrets unlock" in stopped.err
    wrong = haulier("secrets", "unlock", "--passphrase-stdin", stdin="wrong horse battery\n")
    assert (wrong.code, "not the passphrase" in wrong.err) == (3, True)
    while haulier("secrets", "unlock", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n").code:
        assert state(haulier) == "locked"
    haulier.ok("watch", "1")
    assert "a.bin" in haulier.ok("ls", f"minio:{bucket}/x/").out
    haulier.ok("secrets", "lock")
    assert state(haulier) == "locked"
    for path in files_below(tmp_path, Path(os.environ["HOME"])):
        assert SECRET.encode() not in path.read_bytes(), path
        assert PASSPHRASE.encode() not in path.read_bytes(), path


def test_typed_at_a_terminal_it_is_not_shown(haulier: Program, rclone_server: S3Server) -> None:
    """`--store file` makes the file on the way, with a passphrase typed twice; then it opens by typing, a wrong
    one first; nothing typed appears."""
    with on_terminal(haulier, *add(rclone_server, "--store", "file")) as terminal:
        terminal.wait_for("Secret access key (not shown): ")
        terminal.type(f"{SECRET}\n")
        terminal.wait_for("New passphrase (not shown): ")
        terminal.type(f"{PASSPHRASE}\n")
        terminal.wait_for("The same again: ")
        terminal.type(f"{PASSPHRASE}\n")
        assert terminal.finish() == 0, terminal.screen
    assert "nobody can bring it back" in terminal.screen
    assert PASSPHRASE not in terminal.screen
    assert SECRET not in terminal.screen
    haulier.ok("secrets", "lock")
    with on_terminal(haulier, "secrets", "unlock") as terminal:
        terminal.wait_for("Passphrase (not shown): ")
        terminal.type("wrong horse battery\n")
        terminal.wait_for("Try again in 1 s")
        assert terminal.screen.count("Passphrase (not shown): ") <= 2
        terminal.process.kill()
    assert "wrong horse" not in terminal.screen
    with on_terminal(haulier, "secrets", "passphrase") as terminal:
        terminal.wait_for("Passphrase as it is (not shown): ")
        terminal.type("x\n")
        terminal.wait_for("New passphrase (not shown): ")
        terminal.type(f"{OTHER}\n")
        terminal.wait_for("The same again: ")
        terminal.type("something else\n")
        assert terminal.finish() == 2, terminal.screen
    assert "differ" in terminal.screen


def test_another_passphrase(haulier: Program) -> None:
    """Two lines on stdin change it; only the new one opens the file; one that is too short is none."""
    assert haulier("secrets", "passphrase", "--passphrase-stdin", stdin="a\nb\n").code == 2
    short = haulier("secrets", "unlock", "--passphrase-stdin", stdin="short\n")
    assert (short.code, "too short" in short.err) == (2, True)
    assert haulier("secrets", "unlock", "--passphrase-stdin").code == 2
    assert "--passphrase-stdin" in haulier("secrets", "unlock").err
    haulier.ok("secrets", "unlock", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")
    haulier.ok("secrets", "passphrase", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n{OTHER}\n")
    haulier.ok("engine", "stop")
    assert haulier.ok("secrets", "lock").err.startswith("No engine is running")
    haulier.ok("secrets", "unlock", "--passphrase-stdin", stdin=f"{OTHER}\n")
    assert "already" in haulier.ok("secrets", "unlock", "--passphrase-stdin", stdin="ignored\n").err


def test_keys_move_between_stores(haulier: Program, rclone_server: S3Server) -> None:
    """`edit --store` moves them without typing them again; where there are none it says so."""
    haulier.ok(*add(rclone_server, "--memory", "--secret-stdin"), stdin=f"{SECRET}\n")
    haulier.ok("secrets", "unlock", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")
    moved = haulier.ok("connections", "edit", "minio", "--store", "file")
    assert "will be kept in: encrypted file" in moved.err
    haulier.ok("engine", "stop")
    haulier.ok("secrets", "unlock", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")
    haulier.ok("connections", "test", "minio")
    haulier.ok("connections", "add", "open", "--endpoint", rclone_server.endpoint, "--anonymous", "--untested")
    refused = haulier("connections", "edit", "open", "--store", "file", "--untested")
    assert (refused.code, "no typed keys" in refused.err) == (2, True)
