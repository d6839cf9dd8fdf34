"""Counting buckets: few at once, wanted ones first."""

from __future__ import annotations

from core.errors import Code, HaulierError
from core.messages import Measure, Measured
from core.model import Place, Tally
from tui.counting import AT_ONCE, QUICK, THOROUGH, Counter, short_trouble


def a_bucket(name: str, seconds: float) -> Measure:
    return Measure(place=Place(kind="s3", connection="prod", bucket=name), seconds=seconds)


async def test_two_at_a_time_marked_ones_first_and_each_once() -> None:
    """Never more than two are under way; marked buckets come before visible ones; known ones are left alone."""
    counter = Counter[Measure, Measured](a_bucket)
    assert [counter.next_up(["c"], ["a", "b", "c"]) for _ in range(3)] == ["c", "a", None]
    assert len(counter.running) == AT_ONCE

    async def answer(ask: Measure) -> Measured:
        return Measured(total=Tally(count=1, bytes=2), complete=True)

    await counter.count("c", answer)
    await counter.count("a", answer)
    assert counter.next_up(["c"], ["a", "b", "c"]) == "b"
    assert counter.measured["c"].complete


async def test_a_lower_bound_of_a_marked_bucket_is_counted_once_more_with_patience() -> None:
    """The first look is short; only for marked buckets a long one follows, and only one."""
    counter = Counter[Measure, Measured](a_bucket)
    asked: list[float] = []

    async def answer(ask: Measure) -> Measured:
        asked.append(ask.seconds)
        return Measured(total=Tally(count=1, bytes=2), complete=False)

    for _ in range(4):
        name = counter.next_up(["big"], ["big"])
        if name is not None:
            await counter.count(name, answer)
    assert asked == [QUICK, THOROUGH]


async def test_trouble_is_an_answer_too() -> None:
    """A refused count is shown with the server's code and not tried again and again."""
    counter = Counter[Measure, Measured](a_bucket)

    async def refuse(ask: Measure) -> Measured:
        raise HaulierError(Code.BLOCKED, "ListObjectsV2 on secret: 403 AccessDenied")

    assert counter.next_up([], ["secret"]) == "secret"
    await counter.count("secret", refuse)
    assert counter.measured["secret"].trouble
    assert counter.next_up(["secret"], ["secret"]) is None


def test_the_code_is_found_in_a_servers_sentence() -> None:
    """A column has room for a word."""
    assert short_trouble("403 (AccessDenied): you may not") == "AccessDenied"
    assert short_trouble("no answer in 20 seconds") == "no answer in"
