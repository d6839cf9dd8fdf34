"""Batches of repositories and of lists: one commit for all disks, and proof by what the source says."""

from __future__ import annotations

from pathlib import Path

from core.model import BatchAsk, BatchState, JobState
from tests.fake_hub import FakeHub, File
from tests.nginx import nginx
from tests.paths.campaigns import batch_of, begin, campaign, data, data_names, moved, rests, rot, verified_alone
from tests.paths.driving import MIB, Haulier, noise, sha256
from tests.paths.hubs import NUMBERS, commits_asked, content, token_only_at_the_hub
from tests.paths.test_lists import filled, list_of, listed


async def test_a_repository_of_one_commit(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """Somebody commits between two disks: the second batch is still of the commit that was planned. A damaged
    file is fetched from it, too, and a batch that is read again asks the Hub for no file."""
    planned = content(hub)
    view = await campaign(with_hub, NUMBERS, tmp_path / "one", BatchAsk(space=46 * MIB))
    job, held = view.job.id, hub.repos["datasets", "acme/numbers"]
    first = held.refs["main"]
    assert len(view.batches) == 2
    await moved(with_hub, job, 1, tmp_path / "one")
    held.commit({"README.md": b"changed", "data/edge.bin": File(noise(5 * MIB, seed=99), lfs=True)})
    await moved(with_hub, job, 2, tmp_path / "two")
    assert (await with_hub.view(job)).state is JobState.COMPLETED
    assert commits_asked(hub) == {first}
    there = {
        name: sha256(disk / name) for disk in (tmp_path / "one", tmp_path / "two") for name in data_names(disk)
    }
    assert there == planned
    token_only_at_the_hub(hub)
    hub.log.clear()
    await begin(with_hub, job, 1, tmp_path / "one")
    assert (await rests(with_hub, job, 1)).state is BatchState.SAFE
    assert not hub.asked("hub", "/resolve/")
    name = next(name for name in data_names(tmp_path / "one") if (tmp_path / "one" / name).stat().st_size)
    rot(tmp_path / "one" / name)
    assert (await verified_alone(with_hub, tmp_path / "one")).state is JobState.PARTIAL
    await begin(with_hub, job, 1, tmp_path / "one")
    assert name in (await rests(with_hub, job, 1)).trouble
    await begin(with_hub, job, 1, tmp_path / "one")
    assert (await rests(with_hub, job, 1)).state is BatchState.SAFE
    assert sha256(tmp_path / "one" / name) == planned[name]
    assert commits_asked(hub) <= {first}
    assert hub.asked("hub", "/resolve/")


async def test_a_list_of_urls(haulier: Haulier, tmp_path: Path) -> None:
    """The servers are asked for sizes before anything is packed; what is not there is in no batch and named."""
    served = filled(tmp_path / "served")
    with nginx(tmp_path / "served", tmp_path / "nginx") as base:
        urls = listed(tmp_path / "urls.txt", base, [*served, "missing.tar"])
        view = await campaign(haulier, list_of(urls), tmp_path / "one", BatchAsk(space=46 * MIB))
        job = view.job.id
        assert len(view.batches) == 2
        assert sum(batch.bytes for batch in view.batches) == sum(map(len, served.values()))
        await moved(haulier, job, 1, tmp_path / "one")
        await moved(haulier, job, 2, tmp_path / "two")
    assert data(tmp_path / "one") | data(tmp_path / "two") == served
    assert not set(data(tmp_path / "one")) & set(data(tmp_path / "two"))
    done = await haulier.view(job)
    assert (done.state, done.counts.files_failed) == (JobState.PARTIAL, 1)
    for number, disk in ((1, tmp_path / "one"), (2, tmp_path / "two")):
        checked = await verified_alone(haulier, disk)
        assert checked.state is JobState.COMPLETED
        assert checked.counts.files_done == (await batch_of(haulier, job, number)).files
