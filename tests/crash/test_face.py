"""The face is killed, not the engine: the job goes on without it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.paths.driving import digests, noise, put_all, tree
from tests.servers import S3Server

COUNT, SIZE = 60, 60_000
MOMENTS = 4


@pytest.fixture
def haulier(tmp_path: Path, isolated_home: Path) -> Iterator[Program]:
    program = Program(tmp_path)
    yield program
    program("engine", "stop")


def states(haulier: Program) -> list[str]:
    done = haulier("jobs", "--json")
    return [record["state"] for line in done.out.splitlines() if (record := json.loads(line))["type"] == "job"]


def test_a_killed_face_leaves_its_job_running(haulier: Program, moto_server: S3Server, tmp_path: Path) -> None:
    """`haulier copy` killed (SIGKILL) at random moments between its start and its end: whatever job it had
    handed in ends by itself, whole; what it had not handed in can be asked for again."""
    bucket = moto_server.new_bucket()
    objects = {f"d/{number:03}": noise(SIZE, number) for number in range(COUNT)}
    put_all(moto_server, bucket, objects.items())
    haulier.use_s3(moto_server)
    haulier.ok("engine", "start")
    seed = random.SystemRandom().randrange(1_000_000)
    chance = random.Random(seed)
    for number in range(MOMENTS):
        face = haulier.start(
            "copy", f"s3://{bucket}/", f"out-{number}", "--json", "--bandwidth", "3MiB/s", "--workers", "2"
        )
        time.sleep(chance.uniform(0.3, 1.8))
        face.kill()
        face.communicate()
    deadline = time.monotonic() + 60
    while any(state in ("planning", "running") for state in states(haulier)):
        assert time.monotonic() < deadline, f"seed {seed}: {states(haulier)}"
    ended = states(haulier)
    assert set(ended) <= {"completed"}, f"seed {seed}: {ended}"
    whole = [number for number in range(MOMENTS) if tree(tmp_path / f"out-{number}")]
    assert len(whole) == len(ended)
    for number in whole:
        assert tree(tmp_path / f"out-{number}") == digests(moto_server, bucket), f"seed {seed}"
