"""What the benchmark's tables say of goals, from costs that are given."""

from __future__ import annotations

import pytest

from tests.benchmarks.contest import OURS, Goals, Mover, Result, Row, verdicts_of
from tests.benchmarks.measure import Cost
from tests.benchmarks.quick import ratio_of

MIB = 1024**2


def _row(goals: Goals, *names: str) -> Row:
    movers = [Mover(name, lambda _: (), {}, is_peer=name != "cp") for name in (OURS, *names)]
    return Row("work", movers, str, goals=goals)


def _result(**walls: list[float]) -> Result:
    """CPU is half of the wall, the engine's memory 100 MiB."""
    costs = {
        name: [Cost(wall, wall / 2, 120 * MIB, 100 * MIB if name == OURS else 0) for wall in found]
        for name, found in walls.items()
    }
    return Result(costs, {name: [0.0] for name in walls})


def test_the_best_peer_is_the_one_with_the_lowest_median() -> None:
    row = _row(Goals(wall=0.5, cpu=1), "s5cmd", "rclone")
    result = _result(haulier=[1.0, 1.2, 9.0], s5cmd=[2.0, 3.0, 4.0], rclone=[1.0, 3.5, 3.6])
    assert verdicts_of(row, result) == [
        "| work | wall ≤ 0.5 × the best peer's (s5cmd) | 0.40 | met |",
        "| work | CPU ≤ 1 × the best peer's (s5cmd) | 0.40 | met |",
        "| work | engine ≤ 256 MiB | 100 | met |",
    ]


def test_what_is_missed_is_said() -> None:
    row = _row(Goals(wall=0.7, of={"cp": 1.5, "wget": 1.0}, memory=64), "s5cmd", "cp")
    result = _result(haulier=[2.0], s5cmd=[2.0], cp=[1.0])
    assert verdicts_of(row, result) == [
        "| work | wall ≤ 0.7 × the best peer's (s5cmd) | 1.00 | **missed** |",
        "| work | wall ≤ 1.5 × cp | 2.00 | **missed** |",
        "| work | engine ≤ 64 MiB | 100 | **missed** |",
    ]


def test_a_time_of_its_own_needs_no_peer() -> None:
    row = _row(Goals(wall=0.5, seconds=0.25, memory=0))
    assert verdicts_of(row, _result(haulier=[0.2])) == ["| work | ≤ 250 ms | 200 | met |"]


@pytest.mark.parametrize(
    ("ours", "theirs", "ratio"),
    [
        ([2.0, 3.0, 4.0], [4.0, 4.0, 4.0], 0.5),  # the quickest
        ([3.0, 3.0, 3.0], [1.0, 4.0, 4.0], 0.75),  # the medians
        ([3.0, 3.0, 3.0], [2.0, 2.0, 2.0], 1.5),
    ],
)
def test_noise_does_not_make_the_quick_check_fail(ours: list[float], theirs: list[float], ratio: float) -> None:
    assert ratio_of(_result(haulier=ours, s5cmd=theirs)) == ratio
