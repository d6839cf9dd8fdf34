"""The crash suite in short; the long form is `python -m tests.crash --points 200`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.__main__ import kill
from tests.crash.flows import ROUNDS, world

POINTS = 12


@pytest.mark.timeout(240)
async def test_killed_at_twelve_points(tmp_path: Path) -> None:
    """The engine killed at twelve random points over every way: nothing wrong under a final name, nothing lost,
    nothing that was recorded moved again, nothing left behind."""
    seed = random.SystemRandom().randrange(1, 1_000_000)
    with world(tmp_path / "world") as servers:
        found = await kill(servers, tmp_path, seed, POINTS, list(ROUNDS))
    bad = "\n".join(str(each) for each in found if not each.good)
    assert not bad, f"python -m tests.crash --points {POINTS} --seed {seed} repeats it:\n{bad}"
