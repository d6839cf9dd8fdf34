"""A name that stops resolving in the middle of a job, as when a laptop leaves its network."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from core.messages import ListAttempts, ReadLog, TuneJob
from core.model import AttemptView, Notice
from tests.paths.driving import Haulier, at, connection_of, digests, here, many, tree
from tests.paths.wiretap import Wiretap, tapped
from tests.servers import S3Server

NAME = "store.faults.test"
TRY = "import pathlib, sys; from tests.faults.own_names import lie_over; lie_over(pathlib.Path(sys.argv[1]))"


async def test_a_name_that_stops_resolving(
    rclone_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job says that the server is away, burns no tries (it has two), and goes on soon after the name is
    back."""
    hosts = tmp_path / "hosts"
    known = f"127.0.0.1 localhost {NAME}\n"
    hosts.write_text(known)
    probe = subprocess.run([sys.executable, "-c", TRY, str(hosts)], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"no mount namespace here: {probe.stderr.strip().splitlines()[-1:]}")
    monkeypatch.setenv("FAULTS_HOSTS", str(hosts))
    source = many(tmp_path / "src", 200, size=3000)
    bucket = rclone_server.new_bucket()
    with tapped(rclone_server.endpoint) as tap:
        async with Haulier(tmp_path / "haulier", module="tests.faults.own_names") as haulier:
            await _loses_its_name(haulier, rclone_server, tap, hosts, bucket, source)
    assert digests(rclone_server, bucket) == tree(source)


async def _loses_its_name(
    haulier: Haulier, server: S3Server, tap: Wiretap, hosts: Path, bucket: str, source: Path
) -> None:
    known = hosts.read_text()
    endpoint = tap.endpoint.replace("127.0.0.1", NAME)
    await haulier.save(msgspec.structs.replace(connection_of(server), endpoint=endpoint))
    job = (await haulier.submit(here(source), at(server, bucket), retry="0.1x2", bandwidth=200_000)).id
    await haulier.reaches(job, lambda view: view.counts.files_done > 5, "files")
    hosts.write_text("127.0.0.1 localhost\n")
    tap.cut()  # connections that are open need no name
    tap.mend()
    await _says(haulier, f"network away: {NAME}")
    done = (await haulier.view(job)).counts.files_done
    await asyncio.sleep(1.0)
    hosts.write_text(known)
    back = time.monotonic()
    await _says(haulier, f"network back: {NAME}")
    await haulier.call(TuneJob(job=job, bandwidth=0))
    view = await haulier.reaches(job, lambda view: view.counts.files_done > done, "progress")
    assert time.monotonic() - back < 10
    view = await haulier.ends(job)
    assert view.counts.files_failed == 0
    attempts = (await haulier.call(ListAttempts(job=job))).attempts
    assert attempts
    assert all(attempt.error_class == "network" for attempt in attempts)
    notices = (await haulier.call(ReadLog())).notices
    assert any("dns" in text or "lookup" in text or "resolution" in text for text in _texts(attempts, notices))


def _texts(attempts: tuple[AttemptView, ...], notices: tuple[Notice, ...]) -> list[str]:
    return [attempt.message.lower() for attempt in attempts] + [notice.text.lower() for notice in notices]


async def _says(haulier: Haulier, what: str) -> None:
    deadline = time.monotonic() + 40
    while not any(notice.text.startswith(what) for notice in (await haulier.call(ReadLog())).notices):
        assert time.monotonic() < deadline, f"never said {what!r}"
        await asyncio.sleep(0.05)
