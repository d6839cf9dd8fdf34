"""kill -9 in the middle: the next engine goes on by itself, with the same bytes and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.messages import TuneJob
from core.model import JobState, JobView, Place
from tests.paths.driving import (
    MIB,
    Haulier,
    at,
    connection_of,
    digests,
    fill,
    here,
    noise,
    put_all,
    sha256,
    tree,
    unfinished_uploads,
)
from tests.paths.wiretap import Wiretap, tapped
from tests.servers import S3Server

SIZE = 80 * MIB + 12_345
PART = 5 * MIB
KILLS = 3
BANDWIDTH = 30 * MIB
# Parts that one kill may cost: two in flight, and one that was there but not yet recorded.
LOST_PARTS = 3
MOST_MOVED = SIZE + KILLS * LOST_PARTS * PART + 2 * MIB
LIMITS: dict[str, Any] = {"workers": 1, "connections": 2, "part_size": PART, "bandwidth": BANDWIDTH}


@pytest.fixture(params=["moto", "rclone", "versitygw"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(f"{request.param}_server")
    return found


def more_parts(haulier: Haulier, wanted: int, _view: JobView) -> bool:
    return len(haulier.recorded_parts()) >= wanted


async def killed_on_the_way(haulier: Haulier, job: int) -> JobView:
    """Kill the engine each time more parts are recorded; what was recorded is still known afterwards."""
    before: set[int] = set()
    for turn in range(1, KILLS + 1):
        await haulier.reaches(job, partial(more_parts, haulier, len(before) + 3), f"more parts, turn {turn}")
        await haulier.kill()
        recorded = set(haulier.recorded_parts())
        assert recorded >= before, "a part that was recorded is gone"
        before = recorded
        await haulier.start()
        view = await haulier.view(job)
        assert view.state in (JobState.RUNNING, JobState.PLANNING)
    await haulier.call(TuneJob(job=job, bandwidth=0))
    view = await haulier.ends(job)
    assert view.counts.bytes_done == view.counts.bytes_total == SIZE
    assert view.counts.files_done == 1
    return view


async def run_through_kills(haulier: Haulier, source: Place, target: Place) -> None:
    job = (await haulier.submit(source, target, **LIMITS)).id
    view = await killed_on_the_way(haulier, job)
    assert dict(view.proofs) in ({"etag-md5": 1}, {"crc64nvme": 1}), "it was not verified"


def fits(tap: Wiretap, moved: Callable[[Wiretap], int]) -> None:
    assert moved(tap) <= MOST_MOVED, f"{moved(tap) / MIB:.1f} MiB crossed the wire for {SIZE / MIB:.1f} MiB"


async def test_download(haulier: Haulier, server: S3Server, tmp_path: Path) -> None:
    """A download killed three times has the same bytes and moved again at most the parts in flight."""
    bucket = server.new_bucket()
    put_all(server, bucket, [("deep/big.bin", noise(SIZE))])
    out = tmp_path / "out"
    with tapped(server.endpoint) as tap:
        await haulier.save(connection_of(server, tap.endpoint))
        await run_through_kills(haulier, at(server, bucket), here(out))
        fits(tap, lambda tap: tap.to_client)
    assert tree(out) == {"deep/big.bin": sha256(fill(tmp_path / "same", SIZE))}
    assert [path.name for path in out.iterdir()] == ["deep"]


async def test_upload(haulier: Haulier, server: S3Server, tmp_path: Path) -> None:
    """A multipart upload killed three times: the parts at the server are kept, no upload stays unfinished."""
    bucket = server.new_bucket()
    big = fill(tmp_path / "src/big.bin", SIZE)
    with tapped(server.endpoint) as tap:
        await haulier.save(connection_of(server, tap.endpoint))
        await run_through_kills(haulier, here(big.parent), at(server, bucket, "into/"))
        fits(tap, lambda tap: tap.to_server)
    assert digests(server, bucket) == {"into/big.bin": sha256(big)}
    assert unfinished_uploads(server, bucket) == []
    assert tree(big.parent) == {"big.bin": sha256(big)}


async def test_relay(haulier: Haulier, moto_server: S3Server, rclone_server: S3Server, tmp_path: Path) -> None:
    """From one service to another through memory, killed three times; nothing touches the disk here."""
    source, target = rclone_server.new_bucket(), moto_server.new_bucket()
    put_all(rclone_server, source, [("big.bin", noise(SIZE))])
    with tapped(moto_server.endpoint) as tap:
        await haulier.save(connection_of(rclone_server))
        await haulier.save(connection_of(moto_server, tap.endpoint))
        job = (await haulier.submit(at(rclone_server, source), at(moto_server, target), **LIMITS)).id
        await killed_on_the_way(haulier, job)
        fits(tap, lambda tap: tap.to_server)
    assert digests(moto_server, target) == {"big.bin": sha256(fill(tmp_path / "same", SIZE))}
    assert unfinished_uploads(moto_server, target) == []
