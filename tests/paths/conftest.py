from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.paths.driving import Haulier
from tests.servers import S3Server


@pytest_asyncio.fixture
async def haulier(tmp_path: Path) -> AsyncIterator[Haulier]:
    """A running engine over a metadata folder of its own."""
    async with Haulier(tmp_path / "haulier") as running:
        yield running


@pytest.fixture
def bucket(moto_server: S3Server) -> str:
    return moto_server.new_bucket()
