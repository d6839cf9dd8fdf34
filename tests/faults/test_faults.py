"""Every fault of the table, one by one, against real servers behind a proxy."""

from __future__ import annotations

import pytest

from core.model import JobState
from tests.faults.cases import CASES, Case, run
from tests.faults.lab import Lab
from tests.faults.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.way}: {case.name}")
async def test_fault(lab: Lab, case: Case) -> None:
    """The failed tries are of the right class and tried again when they should be, the job ends as it should,
    everything that is called done has the right bytes, and nothing is left over."""
    row = await run(lab, case)
    assert row.hits, "no request met the fault"
    assert row.state is case.state, row.texts
    assert row.classes == case.classes, row.texts
    if case.way != "list":
        assert len(row.delays) == len(case.delays)
        for delay, (least, most) in zip(row.delays, case.delays, strict=True):
            assert least <= delay <= most, row.texts
    assert case.says in row.texts
    assert row.equal
    if row.state is JobState.COMPLETED and not case.left_over:
        assert row.left == ()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_scenario(lab: Lab, scenario: Scenario) -> None:
    """What takes more than one request to go wrong; each says itself what it proves."""
    await scenario(lab)
