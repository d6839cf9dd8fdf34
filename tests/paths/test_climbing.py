"""How much at once is found while a job runs, against a server that limits each connection."""

from __future__ import annotations

import time
from pathlib import Path

from core.model import Place
from tests.nginx import nginx
from tests.paths.driving import MIB, Haulier, fill, here, sha256


async def timed(haulier: Haulier, url: str, out: Path, **options: int) -> float:
    began = time.monotonic()
    await haulier.copied(Place(kind="web", url=url), here(out), **options)
    return time.monotonic() - began


async def test_many_connections_where_each_is_slow(haulier: Haulier, tmp_path: Path) -> None:
    """A large file from a server that gives each connection 1 MiB/s comes in clearly less time than over the
    four connections that a job begins with."""
    large = fill(tmp_path / "served" / "large.bin", 48 * MIB)
    with nginx(tmp_path / "served", tmp_path / "nginx", "limit_rate 1m;") as base:
        found = await timed(haulier, f"{base}/large.bin", tmp_path / "found.bin")
        fixed = await timed(haulier, f"{base}/large.bin", tmp_path / "fixed.bin", workers=1, connections=4)
    assert sha256(tmp_path / "found.bin") == sha256(large)
    assert found < 0.8 * fixed
