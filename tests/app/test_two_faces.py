"""Two people, or one in two terminals, at the same engine and the same job."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.app.test_lines import Home
from tests.face.measures import shows
from tests.face.terminal import PATIENCE, PtyTerminal


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("2"))
    try:
        yield home
    finally:
        home.close()


def on_the_board(home: Home) -> PtyTerminal:
    terminal = home.open()
    terminal.until(shows("▌▶"))
    terminal.press(b"\r")
    terminal.until(shows("w object"))
    return terminal


def say_yes(face: PtyTerminal, question: str, then: str) -> None:
    """A key that comes in the moment in which the question is drawn does not count yet."""
    face.until(shows(question))
    ends = time.monotonic() + PATIENCE
    while then not in face.text():
        assert time.monotonic() < ends, face.text()
        if question in face.text():
            face.press(b"y")
        time.sleep(0.3)


def test_what_one_does_the_other_sees(home: Home) -> None:
    """Pause, resume, workers: each face shows what the other did, and neither undoes it by being late."""
    home.start_a_job("128KiB")
    one, other = on_the_board(home), on_the_board(home)
    one.press(b"p")
    for face in (one, other):
        face.until(shows("‖ paused"))
    other.press(b"p")
    for face in (one, other):
        face.until(shows("▶ running"))
    one.press(b"-")
    other.until(shows("workers 49"))
    other.press(b"-")
    for face in (one, other):
        face.until(shows("workers 48"))


def test_both_at_once(home: Home) -> None:
    """Both pause in the same moment and both cancel: the job is paused once and cancelled once, the second
    question is answered by what is so already, and both faces go on."""
    home.start_a_job("128KiB")
    one, other = on_the_board(home), on_the_board(home)
    for face in (one, other):
        face.press(b"x")
        face.until(shows("Cancel job 1,"))
    time.sleep(0.5)
    for face in (one, other):
        face.press(b"y")
    for face in (one, other):
        face.until(lambda text: "– cancelled" in text and "Cancel job 1," not in text)
        face.press(b"?")
        face.until(shows("Keys of this"))
    assert home.haulier("jobs").count("cancelled") == 1


def test_one_forgets_what_the_other_looks_at(home: Home) -> None:
    """A finished job is forgotten in one face while the other has it open, with its files on the screen: that
    one says so, and Esc leads out."""
    home.start_a_job("128KiB")
    one, other = on_the_board(home), on_the_board(home)
    other.press(b"i")
    other.until(shows("as planned"))
    one.press(b"x")
    say_yes(one, "Cancel job 1,", "– cancelled")
    other.until(shows("– cancelled"))
    one.press(b"d")
    one.until(shows("summary"))
    one.press(b"X")
    say_yes(one, "Forget job 1,", "is not in the journal")
    other.until(shows("is not in the journal"))
    other.press(b"t")
    other.press(b"\x1b")
    one.press(b"\x1b")
    for face in (one, other):
        face.until(shows("No jobs yet."))
