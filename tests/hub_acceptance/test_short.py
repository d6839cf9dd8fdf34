"""The acceptance run in short; the long form is `python -m tests.hub_acceptance`."""

from __future__ import annotations

from pathlib import Path

from tests.fake_hub import fake_hub
from tests.hub_acceptance.haul import Shape, haul
from tests.paths.driving import MIB


async def test_killed_three_times_under_faults(tmp_path: Path) -> None:
    """Some hundred files through faults of both ports, ending URLs, a quota and three kills: equal digests, one
    commit, the token at the Hub alone, and little sent twice."""
    with fake_hub() as hub:
        found = await haul(hub, Shape(files=250, size=64 * MIB, quota=(200, 1.5)), tmp_path)
    words = "\n".join(found.lines())
    assert found.good, words
    assert len(found.killed_at) == 3, words
    assert sum(count for _, count in found.struck) > 5, words
    assert found.sent < 1.8 * found.bytes, words
