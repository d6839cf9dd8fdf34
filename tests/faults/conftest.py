from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.servers import S3Server

pytest.register_assert_rewrite("tests.faults.lab", "tests.faults.cases", "tests.faults.scenarios")

from tests.faults.lab import Lab, laboratory  # noqa: E402 - rewritten only if imported afterwards


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(moto_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """One engine and its servers for all faults: each of them brings a connection and folders of its own."""
    async with laboratory(tmp_path_factory.mktemp("faults"), moto_server) as made:
        yield made
