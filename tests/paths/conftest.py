from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.model import Connection, TokenFileCredentials
from tests.fake_hub import Account, FakeHub, fake_hub
from tests.paths.driving import Haulier
from tests.paths.hubs import FILES, TOKEN
from tests.servers import S3Server


@pytest_asyncio.fixture
async def haulier(tmp_path: Path) -> AsyncIterator[Haulier]:
    """A running engine over a metadata folder of its own."""
    async with Haulier(tmp_path / "haulier") as running:
        yield running


@pytest.fixture
def bucket(moto_server: S3Server) -> str:
    return moto_server.new_bucket()


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A fake Hub with a data set, and an account that sees what others do not."""
    with fake_hub() as running:
        running.accounts[TOKEN] = Account("ada", frozenset({"acme/secret"}), frozenset({"acme/terms"}))
        running.add("datasets", "acme/numbers", FILES)
        yield running


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest_asyncio.fixture
async def with_hub(haulier: Haulier, hub: FakeHub, token_file: Path) -> Haulier:
    """A running engine that knows the fake Hub as "hub"."""
    credentials = TokenFileCredentials(path=str(token_file))
    await haulier.save(Connection(name="hub", kind="hub", endpoint=hub.endpoint, credentials=credentials))
    return haulier
