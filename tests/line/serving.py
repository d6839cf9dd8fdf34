"""What the tests of the line share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.line_server import LineServer
from tests.line.toy import ToyEngine


@dataclass(frozen=True)
class Served:
    engine: ToyEngine
    server: LineServer
    path: Path
    stops: list[bool]


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return as soon as `holds()`; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)
