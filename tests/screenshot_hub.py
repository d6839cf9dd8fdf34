"""A Hub with a repository, and a campaign over disks made of it, for the pictures of `tests.screenshots`."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from pathlib import Path

from core.client import EngineClient
from core.messages import ContinueCampaign, GetCampaign, GetJob, KeepRepo, PlanJob
from core.model import (
    AnonymousCredentials,
    BatchAsk,
    BatchState,
    Connection,
    JobKind,
    JobOptions,
    JobSpec,
    JobState,
    KeptRepo,
    Pair,
    Place,
)
from tests.fake_hub import FakeHub, File

MIB = 1024**2
PATIENCE = 120.0


def fill(hub: FakeHub) -> None:
    """Repositories of several kinds, with folders, small files and large ones."""
    files: dict[str, File | bytes] = {"README.md": b"# Corpus\n", "dataset_infos.json": b"{}" * 400}
    for year in range(2021, 2026):
        for part in range(9):
            seed = f"{year}/{part}".encode()
            block = hashlib.sha256(seed).digest() * 32
            files[f"data/{year}/part-{part:05}.parquet"] = File(block * (512 + 97 * part), lfs=True)
        files[f"docs/{year}.md"] = b"notes\n" * year
    hub.add("datasets", "acme/corpus", files)
    weights = File(hashlib.sha256(b"w").digest() * 32 * 2048, lfs=True)
    hub.add("models", "acme/reader", {"config.json": b"{}", "model.safetensors": weights})
    hub.add("spaces", "acme/demo", {"app.py": b"print('hello')\n"})
    hub.add("models", "acme/terms", {"model.safetensors": weights}, gated=True)


class HubPictures:
    """Real jobs from that Hub."""

    def __init__(self, client: EngineClient, hub: FakeHub, disks: Path) -> None:
        self._client, self._hub, self._disks = client, hub, disks

    async def make(self) -> int:
        """Kept repositories and a campaign of which one batch is safe and one is moving; the campaign's job."""
        for repo in (
            KeptRepo(id="acme/corpus", kind="datasets", description="the spring run"),
            KeptRepo(id="acme/reader", description="reads what the corpus teaches"),
            KeptRepo(id="acme/demo", kind="spaces"),
            KeptRepo(id="acme/terms", description="terms to be accepted first"),
        ):
            await self._client.call(KeepRepo(repo=repo))
        adhoc = Connection(
            name="hf", kind="hub", endpoint=self._hub.endpoint, credentials=AnonymousCredentials()
        )
        source = Place(kind="hub", connection="hf", bucket="datasets/acme/corpus")
        disk = self._disks / "disk-1"
        disk.mkdir(parents=True)
        spec = JobSpec(
            kind=JobKind.COPY,
            pairs=(Pair(source=source, target=Place(kind="local", path=f"{disk}/")),),
            options=JobOptions(reserve=0, bandwidth=4 * MIB),
            adhoc=adhoc,
            batches=BatchAsk(space=13 * MIB),
        )
        job = (await self._client.call(PlanJob(spec=spec, key=uuid.uuid4().hex))).id
        async with asyncio.timeout(PATIENCE):
            while (await self._client.call(GetJob(job=job))).state is not JobState.PLANNED:
                await asyncio.sleep(0.05)
            await self._client.call(ContinueCampaign(job=job, batch=1))
            while await self._state(job, 1) is not BatchState.SAFE:
                await asyncio.sleep(0.1)
        return job

    async def go_on(self, job: int) -> None:
        """The second batch begins, on a disk of its own."""
        disk = self._disks / "disk-2"
        disk.mkdir()
        await self._client.call(ContinueCampaign(job=job, batch=2, target=Place(kind="local", path=f"{disk}/")))

    async def _state(self, job: int, batch: int) -> BatchState:
        return (await self._client.call(GetCampaign(job=job))).batches[batch - 1].state
