"""Jobs from outside: detach, watch, pause, resume, cancel, forget, signals, and an engine that dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Program, finish, on_terminal, wait_for_record
from tests.servers import S3Server

SIZE = 4 * 1024**2
COUNT = 6
SLOW = ("--bandwidth", "4MiB/s", "--workers", "1", "--json")  # about six seconds for all


@pytest.fixture
def big(with_s3: S3Server) -> tuple[str, dict[str, bytes]]:
    """A place with some objects of 4 MiB, and their contents by name."""
    bucket = with_s3.new_bucket()
    contents = {f"big-{number}.bin": os.urandom(SIZE) for number in range(COUNT)}
    for key, content in contents.items():
        with_s3.boto3().put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/", contents


def arrived(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("big-*.bin")}


def has_moved(record: dict[str, Any]) -> bool:
    moved: bool = record["type"] == "progress" and record["bytes_done"] > SIZE // 4
    return moved


def state_is(state: str) -> Callable[[dict[str, Any]], bool]:
    return lambda record: record["type"] == "state" and record["state"] == state


def test_detach_and_watch(haulier: Program, big: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    """--detach prints the number only; watch follows that job to its summary."""
    place, contents = big
    detached = haulier.ok("copy", place, "out", "--detach")
    assert detached.out == "1\n"
    assert haulier.ok("watch", "1", "--json").last["type"] == "summary"
    assert arrived(tmp_path / "out") == contents
    assert haulier.ok("show", "1", "--json").last["state"] == "completed"
    assert "completed" in haulier.ok("show", "1", "--files").out
    haulier.ok("forget", "1")
    assert haulier("show", "1").code == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_pauses_an_attached_copy(
    haulier: Program, big: tuple[str, dict[str, bytes]], tmp_path: Path, number: int, code: int
) -> None:
    """Ctrl+C and SIGTERM pause the job, say how to go on, and the rest arrives after `resume`."""
    place, contents = big
    copying = haulier.start("copy", place, "out", *SLOW)
    wait_for_record(copying, has_moved)
    copying.send_signal(number)
    done = finish(copying)
    assert done.code == code, done
    assert "haulier resume 1" in done.err
    assert done.last["type"] == "summary"
    assert haulier.ok("show", "1", "--json").last["state"] == "paused"
    assert len(arrived(tmp_path / "out")) < COUNT
    haulier.ok("resume", "1")
    assert haulier.ok("watch", "1", "--json").last["success"] == COUNT
    assert arrived(tmp_path / "out") == contents


def test_leaving_watch_leaves_the_job(
    haulier: Program, big: tuple[str, dict[str, bytes]], tmp_path: Path
) -> None:
    """Ctrl+C in `watch` stops watching and nothing else."""
    haulier.ok("copy", big[0], "out", *SLOW, "--detach")
    watching = haulier.start("watch", "1", "--json")
    wait_for_record(watching, has_moved)
    watching.send_signal(signal.SIGINT)
    done = finish(watching)
    assert done.code == 130
    assert "goes on" in done.err
    assert haulier.ok("show", "1", "--json").last["state"] == "running"
    haulier.ok("cancel", "1")
    assert haulier.ok("show", "1", "--json").last["state"] == "cancelled"
    assert haulier("resume", "1").code == 3


def test_pause_and_resume_from_outside(
    haulier: Program, big: tuple[str, dict[str, bytes]], tmp_path: Path
) -> None:
    """An attached copy that somebody else pauses waits, and goes on when it is resumed."""
    place, contents = big
    copying = haulier.start("copy", place, "out", *SLOW)
    wait_for_record(copying, has_moved)
    haulier.ok("pause", "1")
    wait_for_record(copying, state_is("paused"))
    haulier.ok("resume", "1")
    done = finish(copying)
    assert done.code == 0, done
    assert arrived(tmp_path / "out") == contents


def test_engine_killed_under_a_copy(
    haulier: Program, big: tuple[str, dict[str, bytes]], tmp_path: Path
) -> None:
    """SIGKILL of the engine: the attached copy starts a new one, lends it the keys again, and ends well."""
    place, contents = big
    copying = haulier.start("copy", place, "out", *SLOW)
    wait_for_record(copying, has_moved)
    os.kill(haulier.engine_pid(), signal.SIGKILL)
    done = finish(copying)
    assert done.code == 0, done
    assert done.last["success"] == COUNT
    assert arrived(tmp_path / "out") == contents


def test_live_lines(haulier: Program, big: tuple[str, dict[str, bytes]]) -> None:
    """On a terminal: worker lines and a total line are redrawn, without colours under NO_COLOR."""
    words = ("copy", big[0], "out", "--bandwidth", "8MiB/s")
    with on_terminal(haulier, *words, NO_COLOR="1") as terminal:
        assert terminal.finish() == 0, terminal.screen
    screen = terminal.screen
    assert "big-" in screen
    assert "job 1 running: " in screen
    assert "\x1b[J" in screen
    assert "\x1b[32m" not in screen
    assert "\x1b[1m" not in screen
    assert "✓ Success 6 / ⊘ Skipped 0 / ✗ Failed 0 / Total 6" in screen.splitlines()[-1]


def test_lines_in_a_pipe(haulier: Program, big: tuple[str, dict[str, bytes]]) -> None:
    """In a pipe there is a plain line now and then, without control characters, and the summary."""
    done = haulier.ok("copy", big[0], "out", "--bandwidth", "3MiB/s")
    lines = done.err.splitlines()
    assert 2 <= len(lines) <= 4, done
    assert lines[0].startswith("job 1 running: ")
    assert "MiB/24.0 MiB" in lines[0]
    assert "\x1b" not in done.err
    assert done.out == ""


def test_ctrl_c_on_a_terminal(haulier: Program, big: tuple[str, dict[str, bytes]]) -> None:
    """Typed Ctrl+C reaches the program, pauses, and the terminal keeps the message."""
    with on_terminal(haulier, "copy", big[0], "out", "--bandwidth", "4MiB/s") as terminal:
        terminal.wait_for("big-")
        terminal.type("\x03")
        assert terminal.finish() == 130
    assert "To go on: haulier resume 1" in terminal.screen.splitlines()[-1]


def test_retry_and_wrong_states(haulier: Program, tmp_path: Path) -> None:
    """`retry` tries a mended file again; commands that do not fit the state are refused with 3."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_bytes(bytes(8 << 20))
    (tmp_path / "source/z").write_bytes(b"abc")
    haulier.ok("copy", "source", "out", "--detach", "-j1", "--bandwidth", "4MiB", "--retry", "0.1x2")
    deadline = time.monotonic() + 20
    while not (tmp_path / "out/.haulier").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (tmp_path / "out/z/in the way").mkdir(parents=True)  # found by the plan, it would be impossible
    assert haulier("watch", "1").code == 1
    (tmp_path / "out/z/in the way").rmdir()
    (tmp_path / "out/z").rmdir()
    haulier.ok("retry", "1")
    assert haulier.ok("watch", "1", "--json").last["failed"] == 0
    assert (tmp_path / "out/z").read_bytes() == b"abc"
    assert haulier("pause", "1").code == 3
