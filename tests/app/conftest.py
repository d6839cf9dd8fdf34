"""A fixed moment for pictures, and the app over a recorded engine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.app.recorded import NOW
from tui import clock


@pytest.fixture
def fixed_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Screens show times of one moment in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(clock, "monotonic", lambda: 1000.0)
    yield
    monkeypatch.undo()
    time.tzset()
