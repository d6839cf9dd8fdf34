"""When painting waits for the terminal, by the clock alone."""

from __future__ import annotations

from tui.pacing import GIVE_UP, LATE, MUCH, Pace


def test_painting_waits_for_an_answer_that_is_late() -> None:
    """A frame just sent holds nothing up; one unanswered for long does, until its answer comes."""
    pace = Pace()
    pace.sent(10.0, 500)
    assert not pace.is_late(10.0 + LATE / 2)
    assert pace.is_late(10.0 + LATE * 2)
    assert not pace.clear.is_set()
    pace.answered()
    assert not pace.is_late(10.0 + LATE * 2)
    assert pace.clear.is_set()


def test_painting_waits_at_once_when_much_is_under_way() -> None:
    """Bytes count as well as time, and an answer takes off those of its own frame only."""
    pace = Pace()
    pace.sent(10.0, MUCH)
    pace.sent(10.0, MUCH)
    assert pace.is_late(10.0)
    pace.answered()
    assert not pace.is_late(10.0)


def test_a_terminal_that_never_answers_is_not_asked_again() -> None:
    """After GIVE_UP painting goes on; a terminal that has answered before is still asked."""
    mute = Pace()
    mute.sent(10.0, 500)
    assert not mute.is_late(10.0 + GIVE_UP + 1)
    assert not mute.asks
    once = Pace()
    once.sent(10.0, 500)
    once.answered()
    once.sent(11.0, 500)
    assert not once.is_late(11.0 + GIVE_UP + 1)
    assert once.asks
    once.answered()  # after all; nobody waits for it
    assert once.clear.is_set()
