"""More at once as long as it brings more: simulated lines, servers and machines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.engine.moving.climbing import FILE, INTERVAL, REST, AtOnce, Climb

MIB = 1 << 20
START = AtOnce(16, 4)
MOST = AtOnce(160, 64)


def simulated(
    rate: Callable[[AtOnce], float], seconds: float, *, is_full: bool = True, may_grow: bool = True
) -> tuple[Climb, list[AtOnce]]:
    """A job whose work a second is `rate` of its level, looked at twice a second."""
    climb, moved, levels = Climb(START, MOST), 0.0, []
    now = 100.0
    while now < 100.0 + seconds:
        moved += rate(climb.level) * 0.5
        now += 0.5
        levels.append(climb.step(now, int(moved), 0, is_full=is_full, may_grow=may_grow))
    return climb, levels


@pytest.mark.parametrize("cap", [10, 20, 40])
def test_each_connection_is_limited(cap: int) -> None:
    """A server gives each connection 1 MiB/s, and `cap` MiB/s at most: nearly all of it is had in half a
    minute."""
    climb, _ = simulated(lambda level: min(level.parts, cap) * MIB, 40)
    assert min(climb.level.parts, cap) >= 0.8 * cap


def test_processors_are_the_limit() -> None:
    """More at once brings less: it stays where it began, but for short trials that become rare."""
    _, levels = simulated(lambda level: 100 * MIB / level.parts, 600)
    higher = sum(level != START for level in levels)
    assert levels[-1] == START
    assert 0 < higher < 0.06 * len(levels)


def test_nothing_is_tried_without_need() -> None:
    """While places are free, or somebody asks for less, the level stays."""
    for asked in ({"is_full": False}, {"may_grow": False}):
        _, levels = simulated(lambda level: level.parts * MIB, 60, **asked)
        assert set(levels) == {START}


def test_never_more_than_allowed() -> None:
    """Whatever it brings."""
    climb, _ = simulated(lambda level: level.parts * MIB, 300)
    assert climb.level == MOST


def test_far_away_servers_get_very_many_requests_soon() -> None:
    """Small files, each a tenth of a second away: more than a hundred are under way in four seconds."""
    _, levels = simulated(lambda level: level.files * 10 * FILE, 4)
    assert levels[-1].files > 100


def test_a_process_that_is_busy_takes_small_steps() -> None:
    """Work that keeps the processors busy makes no double step, whatever it brings, and measures whole
    intervals."""
    climb, moved, now = Climb(START, MOST), 0, 100.0
    levels = [START]
    while len(levels) < 4:
        moved, now = moved + climb.level.files * FILE, now + 0.5
        level = climb.step(now, moved, 0, is_full=True, may_grow=True, waits=False)
        levels += [level] if level != levels[-1] else []
    assert now - 100.0 >= 3 * INTERVAL
    assert levels == [AtOnce(16, 4), AtOnce(24, 6), AtOnce(36, 9), AtOnce(54, 13)]


def test_a_noisy_short_interval_decides_nothing() -> None:
    """Every other half second brings nothing; what twice as many bring is found all the same."""
    ticks = iter(range(10_000))
    climb, _ = simulated(lambda level: 2 * level.files * FILE * (next(ticks) % 2), 120)
    assert climb.level.files > START.files


def test_a_trial_is_taken_back_when_somebody_asks_for_less() -> None:
    """A limit that comes in the middle of a trial ends it; the next one comes after a rest."""
    climb, moved, now = Climb(START, MOST), 0, 100.0
    while climb.level == START:
        moved, now = moved + climb.level.parts * MIB, now + 0.5
        climb.step(now, moved, 0, is_full=True, may_grow=True)
    assert climb.step(now, moved, 0, is_full=True, may_grow=False) == START
    ended = now
    while climb.level == START:
        moved, now = moved + climb.level.parts * MIB, now + 0.5
        climb.step(now, moved, 0, is_full=True, may_grow=True)
    assert now - ended >= REST


def test_far_answers_are_reached_for_at_once() -> None:
    """As many as the distance wants, never fewer than there are, never more than may be, and once."""
    climb = Climb(AtOnce(16, 4), AtOnce(512, 64))
    climb.reach(1.0, 400)
    assert climb.level == AtOnce(400, 4)
    climb.reach(2.0, 500)
    assert climb.level == AtOnce(400, 4)
    near = Climb(AtOnce(16, 4), AtOnce(512, 64))
    near.reach(1.0, 3)
    assert near.level == AtOnce(16, 4)
    farther = Climb(AtOnce(16, 4), AtOnce(512, 64))
    farther.reach(1.0, 4000)
    assert farther.level == AtOnce(512, 4)
