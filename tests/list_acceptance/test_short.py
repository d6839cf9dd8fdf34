"""The acceptance of lists in small. The long form: `python -m tests.list_acceptance`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.list_acceptance.acceptance import accept
from tests.list_acceptance.classes import BAD, REFUSED, STUMBLES


@pytest.fixture
def haulier(tmp_path: Path, isolated_home: Path) -> Iterator[Program]:
    program = Program(tmp_path)
    yield program
    program("engine", "stop")


def test_sixty_classes(haulier: Program, tmp_path: Path) -> None:
    """Resets, 5xx, 429, truncations, a slow drip and login pages are got over; 404, 401 and bad archives fail
    alone; summary, failed log and folders are exact; the failed log fed back finishes the list."""
    report = accept(60, tmp_path, haulier)
    assert {*STUMBLES, *REFUSED, *BAD} <= set(report.kinds)
