"""Each tool in turn, where it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from core.tools import Fetcher
from core.tools.aria2 import Aria2
from core.tools.wget import Wget


@pytest.fixture(params=["aria2c", "wget"])
def tool(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    return name


@pytest.fixture
def fetcher(tool: str) -> Iterator[Fetcher]:
    made: Fetcher = Aria2() if tool == "aria2c" else Wget()
    yield made
    made.close()
