from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.paths.driving import Haulier


@pytest_asyncio.fixture
async def haulier(tmp_path: Path) -> AsyncIterator[Haulier]:
    """A running engine over a metadata folder of its own."""
    async with Haulier(tmp_path / "haulier") as running:
        yield running
