"""The log: bounded, private, without secrets, and nothing in it moves a terminal's cursor."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.log import CleanFormatter, LogFile, NoticeRing, Redactor, clean, register_secret, start_log
from core.model import Level, Notice

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY="


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root, core = logging.getLogger(), logging.getLogger("core")
    handlers, levels = root.handlers, (root.level, core.level)
    path = tmp_path / "engine.log"
    file = start_log(path)
    yield path
    file.close()
    root.handlers = handlers
    root.setLevel(levels[0])
    core.setLevel(levels[1])
    logging.captureWarnings(capture=False)


def test_registered_secrets_never_appear(log_file: Path) -> None:
    """Whether in a message, an argument, an exception, a URL or a repr: the file does not have it."""
    register_secret(SECRET)
    log = logging.getLogger("core.x")
    log.info("key %s", SECRET)
    log.info("url https://h/?t=%s&u=1", quote(SECRET, safe=""))
    try:
        raise ValueError(f"server said {SECRET!r}")
    except ValueError:
        log.exception("failed with %s", SECRET)
    text = log_file.read_text()
    assert SECRET not in text
    assert quote(SECRET, safe="") not in text
    assert "ValueError: server said '…'" in text
    assert "&u=1" in text


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIAHIDDEN/20260101/eu/s3, Signature=HIDDEN",
        "{'authorization': 'Bearer HIDDEN', 'x': 'shown'}",
        "{b'Authorization': b'AWS4-HMAC-SHA256 Credential=HIDDEN', 'x': 'shown'}",
        "GET /k?X-Amz-Signature=HIDDEN&shown=1",
        "GET /k?X-Amz-Security-Token=HIDDEN%2B%3D&shown=1",
        "GET /k?x-amz-credential=AKIAHIDDEN%2F2026&shown=1",
        "x-amz-security-token: HIDDEN",
        "'X-Amz-Security-Token': 'HIDDEN', 'x': 'shown'",
        "proxy http://user:HIDDEN@host:3128 shown",
        "aws_secret_access_key = HIDDEN",
    ],
)
def test_places_of_secrets_are_blanked(line: str) -> None:
    """Headers and query values that carry credentials are cut out even when nobody registered them."""
    result = clean(line)
    assert "HIDDEN" not in result
    assert "…" in result
    assert ("shown" in line) == ("shown" in result)


def test_ordinary_text_is_left_alone() -> None:
    """Names and addresses without credentials come through as they are."""
    for line in ("s3://b/authorization/list.txt", "https://host:9000/a@b", "user@host:/x", "signature differs"):
        assert clean(line) == line


def test_a_huge_line_costs_little_time() -> None:
    """A message of megabytes without a blank is looked through in a moment, and its address still loses the
    password, however long the scheme."""
    began = time.process_time()
    shown = clean("x" * 2_000_000 + "://user:geheim@host")
    assert time.process_time() - began < 5
    assert shown.endswith("://user:…@host")


def test_remove_and_short_secrets() -> None:
    """A secret that two places registered stays hidden until both let go; very short ones hide nothing."""
    redactor = Redactor()
    redactor.add("swordfish")
    redactor.add("swordfish")
    redactor.remove("swordfish")
    assert redactor.redact("a swordfish b") == "a … b"
    redactor.remove("swordfish")
    redactor.add("a")
    assert redactor.redact("a swordfish b") == "a swordfish b"


@given(st.lists(st.text(min_size=6, max_size=20), min_size=1, max_size=4), st.text(max_size=30))
def test_no_secret_survives_whatever_it_is(secrets: list[str], around: str) -> None:
    """For arbitrary secrets, also when one is part of another: none of them is in the result."""
    redactor = Redactor()
    for secret in secrets:
        redactor.add(secret)
    result = redactor.redact(around + around.join(secrets) + around)
    for secret in secrets:
        assert secret not in result or secret in "…" * 40


def test_hostile_text_stays_on_its_line(log_file: Path) -> None:
    """Line breaks and escapes in a message cannot forge a record or move a cursor."""
    log = logging.getLogger("core.x")
    log.warning("key %s", "a\n2026-01-01 00:00:00Z INFO core: forged\x1b[2J\u202e")
    try:
        raise OSError("two\nlines \x1b]0;title\x07")
    except OSError:
        log.exception("no")
    lines = log_file.read_text().splitlines()
    assert sum(" core.x: " in line for line in lines) == 2
    assert all(line.startswith(("20", "  | ")) for line in lines)
    assert not any(line.startswith("2026-01-01 00:00:00Z") for line in lines)
    assert "\x1b" not in log_file.read_text()
    assert "\u202e" not in log_file.read_text()


def test_wrong_arguments_do_not_cost_the_record() -> None:
    """A format string that does not fit its arguments is still logged."""
    record = logging.LogRecord("core.x", logging.INFO, "", 0, "%d files", ("many",), None)
    assert "%d files" in CleanFormatter().format(record)


def test_levels(log_file: Path) -> None:
    """Our modules log from INFO on, libraries from WARNING on."""
    logging.getLogger("core.x").info("ours")
    logging.getLogger("botocore.x").info("theirs")
    logging.getLogger("botocore.x").warning("grave")
    text = log_file.read_text()
    assert ("ours" in text, "theirs" in text, "grave" in text) == (True, False, True)


def test_files_are_private_and_bounded(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask and whatever was there; never more than the allowed files and bytes."""
    path = tmp_path / "engine.log"
    path.touch(mode=0o666)
    path.chmod(0o666)
    file = LogFile(path, limit=1000, files=2)
    log = logging.Logger("core.bounded")
    log.addHandler(file)
    for number in range(200):
        log.info("line number %d", number)
    file.close()
    files = sorted(tmp_path.iterdir())
    assert [found.name for found in files] == ["engine.log", "engine.log.1", "engine.log.2"]
    assert all(stat.S_IMODE(found.stat().st_mode) == 0o600 for found in files)
    assert all(found.stat().st_size <= 1000 for found in files)
    assert "line number 199" in path.read_text()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A log that leads elsewhere is refused."""
    (tmp_path / "target").touch()
    (tmp_path / "engine.log").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic links"):
        LogFile(tmp_path / "engine.log")


def test_stdio_follows_rotation(tmp_path: Path) -> None:
    """What is printed below Python goes to the current file, also after it was rotated."""
    path = tmp_path / "engine.log"
    kept = os.dup(1), os.dup(2)
    try:
        file = LogFile(path, limit=300, files=1)
        file.take_stdio()
        log = logging.Logger("core.rotating")
        log.addHandler(file)
        for number in range(10):
            log.info("line number %d", number)
        os.write(2, b"from below\n")
        file.close()
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        os.close(kept[0])
        os.close(kept[1])
    assert "from below" in path.read_text()


def notice(number: int, level: Level = Level.INFO, job: int = 0) -> Notice:
    return Notice(at=0.0, level=level, text=str(number), job=job)


def test_notice_ring_pages() -> None:
    """Notices are read page by page after a number; old ones fall out; numbers go on."""
    ring = NoticeRing(limit=5)
    assert ring.after(0, 10) == ((), 0)
    for number in range(1, 9):
        assert ring.append(notice(number)) == number
    assert ring.last == 8
    first, last = ring.after(0, 2)
    assert ([found.text for found in first], last) == (["4", "5"], 5)
    rest, last = ring.after(last, 100)
    assert ([found.text for found in rest], last) == (["6", "7", "8"], 8)
    assert ring.after(8, 10) == ((), 8)
    assert [found.text for found in ring.newest(2)] == ["7", "8"]
    assert ring.newest(0) == ()


def test_notice_ring_filters() -> None:
    """By gravity and by job; the number to go on from passes over what did not match."""
    ring = NoticeRing()
    for number, (level, job) in enumerate(
        [(Level.DEBUG, 1), (Level.INFO, 2), (Level.WARNING, 1), (Level.WARNING, 2), (Level.DEBUG, 0)], 1
    ):
        ring.append(notice(number, level, job))
    grave, last = ring.after(0, 10, Level.WARNING)
    assert ([found.text for found in grave], last) == (["3", "4"], 5)
    mine, _ = ring.after(0, 10, Level.INFO, job=2)
    assert [found.text for found in mine] == ["2", "4"]
