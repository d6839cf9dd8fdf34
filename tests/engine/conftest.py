from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.engine.engine import Engine
from core.engine.journal.journal import Journal
from core.inprocess import InProcessClient
from core.paths import Paths
from core.settings import Settings, load_settings


@pytest.fixture
def settings(isolated_home: Path) -> Settings:
    return load_settings({}, os.environ, isolated_home)


@pytest.fixture
def paths(settings: Settings) -> Paths:
    found = Paths.of(settings)
    found.create()
    return found


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite3")


@pytest_asyncio.fixture
async def client(paths: Paths, settings: Settings) -> AsyncIterator[InProcessClient]:
    """A line to an engine in this process."""
    engine = Engine(paths, settings)
    await engine.open()
    line = InProcessClient(engine)
    yield line
    await line.close()
    await engine.close(drain=False)
