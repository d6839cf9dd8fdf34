from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.inprocess import InProcessClient
from core.line_client import LineClient
from core.line_server import LineServer
from core.paths import Paths
from core.socket_client import SocketClient
from tests.line.serving import Served
from tests.line.toy import ToyEngine


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.at(tmp_path / "state", tmp_path / "logs", tmp_path / "config" / "haulier")
    found.config_dir.mkdir(parents=True)
    return found


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """A toy engine behind a real socket, in this process."""
    engine = ToyEngine()
    await engine.open()
    stops: list[bool] = []
    server = LineServer(engine, stops.append)
    path = tmp_path / "s"
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(path))
    await server.listen(bound)
    yield Served(engine=engine, server=server, path=path, stops=stops)
    engine.hub.close()
    await server.close()


@pytest_asyncio.fixture(params=["socket", "in process"])
async def client(request: pytest.FixtureRequest, served: Served) -> AsyncIterator[LineClient]:
    """A line to `served`'s engine, both ways."""
    made: LineClient
    made = await SocketClient.open(served.path) if request.param == "socket" else InProcessClient(served.engine)
    yield made
    await made.close()
