"""Whole jobs from a Hub, with a real engine and a fake Hub that the official client takes for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import HaulierError
from core.model import Compare, JobKind, JobState
from tests.fake_hub import FakeHub, File
from tests.fake_hub.xet import upload
from tests.paths.driving import MIB, Haulier, at, connection_of, digests, here, noise, sha256, tree, yes_to
from tests.paths.hubs import (
    FILES,
    NUMBERS,
    commits_asked,
    content,
    nowhere_at_rest,
    repo,
    token_only_at_the_hub,
)
from tests.servers import S3Server

# ---------------------------------------------------------------- what arrives


async def test_to_a_folder(with_hub: Haulier, hub: FakeHub, tmp_path: Path, token_file: Path) -> None:
    """Every file of the repository arrives, and nothing else; all from one commit; the token goes to the Hub
    alone and is written down nowhere; a second run moves nothing."""
    hub.page = 3
    out = tmp_path / "out"
    await with_hub.copied(NUMBERS, here(out))
    assert tree(out) == content(hub)
    assert commits_asked(hub) == {hub.repos["datasets", "acme/numbers"].refs["main"]}
    token_only_at_the_hub(hub)
    hub.log.clear()
    again = await with_hub.copied(NUMBERS, here(out))
    assert again.plan is not None
    assert (again.plan.copy.count, again.plan.overwrite.count) == (0, 0)
    assert not hub.asked("hub", "/resolve/")
    nowhere_at_rest(tmp_path, token_file)


async def test_to_s3(with_hub: Haulier, hub: FakeHub, bucket: str, moto_server: S3Server) -> None:
    """Straight into a bucket, large files part by part."""
    await with_hub.save(connection_of(moto_server))
    await with_hub.copied(NUMBERS, at(moto_server, bucket, "set/"))
    assert digests(moto_server, bucket, "set/") == content(hub)
    token_only_at_the_hub(hub)


async def test_kinds_revisions_and_parts(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """Models, spaces, a tag with a slash, a folder and a single file of a repository."""
    held = hub.add("models", "gpt2", {"config.json": b"old", "w.safetensors": File(b"w" * 1000, lfs=True)})
    held.refs["v1/old"] = held.refs["main"]
    held.commit({"config.json": b"new"})
    hub.add("spaces", "acme/demo", {"app.py": b"print()"})
    await with_hub.copied(repo("gpt2"), here(tmp_path / "model"))
    await with_hub.copied(repo("gpt2", revision="v1/old"), here(tmp_path / "old"))
    await with_hub.copied(repo("spaces/acme/demo"), here(tmp_path / "space"))
    await with_hub.copied(repo("datasets/acme/numbers", "data/"), here(tmp_path / "folder"))
    await with_hub.copied(repo("datasets/acme/numbers", "data/one.csv"), here(tmp_path / "file"))
    assert tree(tmp_path / "model") == content(hub, "models", "gpt2")
    assert tree(tmp_path / "old") == content(hub, "models", "gpt2", "v1/old")
    assert tree(tmp_path / "space") == content(hub, "spaces", "acme/demo")
    whole = content(hub)
    assert tree(tmp_path / "folder") == {
        path.removeprefix("data/"): digest for path, digest in whole.items() if path.startswith("data/")
    }
    assert sha256(tmp_path / "file") == whole["data/one.csv"]


async def test_patterns(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """`README.md` is the one at the top, `*` crosses folders, a pattern with a slash at its end is a folder: as
    with the Hub's own tools."""
    await with_hub.copied(NUMBERS, here(tmp_path / "a"), include=("README.md", "*.csv"), exclude=("data/two*",))
    assert set(tree(tmp_path / "a")) == {"README.md", "data/one.csv"}
    await with_hub.copied(NUMBERS, here(tmp_path / "b"), include=("docs/",))
    assert set(tree(tmp_path / "b")) == {"docs/README.md", "docs/page.html"}


async def test_through_xet(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """A job that asks for Xet: what is there comes that way, the rest over HTTP, all of it proven."""
    data = noise(20 * MIB, seed=5)
    store = tmp_path / "store"
    hub.xet_store = f"local://{store}"
    files: dict[str, File | bytes] = {
        "chunked.bin": File(data, lfs=True, xet=upload(store, data)),
        "hidden.bin": File(noise(MIB, seed=6), lfs=True, xet="*" * 64),
        "small": b"small",
    }
    held = hub.add("models", "acme/xet", files)
    await with_hub.copied(repo("acme/xet"), here(tmp_path / "out"), tool="xet")
    assert tree(tmp_path / "out") == content(hub, "models", "acme/xet")
    chunked = held.commits[held.refs["main"]]["chunked.bin"]
    assert not hub.asked("cdn", chunked.sha256)
    assert hub.asked("cdn")
    with pytest.raises(HaulierError, match="is another"):
        await with_hub.submit(here(tmp_path / "out"), here(tmp_path / "x"), tool="xet")


async def test_killed_while_xet(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """A large file that comes through Xet goes on inside after a kill: its recorded parts stay recorded."""
    data = noise(64 * MIB, seed=7)
    store = tmp_path / "store"
    hub.xet_store = f"local://{store}"
    hub.add("models", "acme/xet", {"big.bin": File(data, lfs=True, xet=upload(store, data))})
    limits: dict[str, Any] = {"tool": "xet", "bandwidth": 16 * MIB, "part_size": 8 * MIB, "connections": 2}
    job = (await with_hub.submit(repo("acme/xet"), here(tmp_path / "out"), **limits)).id
    await with_hub.reaches(job, lambda _: len(with_hub.recorded_parts()) >= 2, "recorded parts")
    await with_hub.kill()
    recorded = with_hub.recorded_parts()
    await with_hub.start()
    assert recorded.items() <= with_hub.recorded_parts().items()
    await with_hub.ends(job)
    assert tree(tmp_path / "out") == content(hub, "models", "acme/xet")
    assert not hub.asked("cdn")


# ---------------------------------------------------------------- what changes


async def test_adopts_what_is_there(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """Files that some other tool put there are taken for what they are by their digests; one that differs at
    the same size is fetched."""
    out = tmp_path / "out"
    held = hub.repos["datasets", "acme/numbers"]
    for path, file in held.commits[held.refs["main"]].items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(file.data)
    (out / "data/one.csv").write_bytes(b"name,value\none,2\n")
    view = await with_hub.copied(NUMBERS, here(out), compare=Compare.CHECKSUM)
    assert tree(out) == content(hub)
    assert view.plan is not None
    assert (view.plan.overwrite.count, view.plan.skip.count) == (1, len(FILES) - 1)
    assert not hub.asked("cdn")


async def test_update(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """After a new commit only what it changed is fetched, also where the size is the same."""
    out = tmp_path / "out"
    await with_hub.copied(NUMBERS, here(out))
    hub.log.clear()
    changed = {**FILES, "data/one.csv": b"name,value\none,2\n", "new": b"new"}
    hub.repos["datasets", "acme/numbers"].commit(changed)
    await with_hub.copied(NUMBERS, here(out))
    assert tree(out) == content(hub)
    assert len(hub.asked("hub", "/resolve/")) == 2
    assert not hub.asked("cdn")


async def test_branch_moves_meanwhile(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """One commit is used to the end, and it is told that the branch has another one now."""
    out = tmp_path / "out"
    held = hub.repos["datasets", "acme/numbers"]
    before = held.refs["main"]
    planned = await with_hub.planned(NUMBERS, here(out), kind=JobKind.COPY)
    held.commit({"other": b"other"})
    await with_hub.confirmed(planned)
    assert tree(out) == content(hub, rev=before)
    assert commits_asked(hub) == {before}
    words = (await with_hub.view(planned.id)).reason
    assert before[:8] in words
    assert held.refs["main"][:8] in words


async def test_revision_vanishes(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """The commit is gone while the job runs: it stops and says so, what has arrived stays."""
    out = tmp_path / "out"
    held = hub.repos["datasets", "acme/numbers"]
    limits: dict[str, Any] = {"workers": 1, "connections": 1, "part_size": 5 * MIB, "bandwidth": 10 * MIB}
    job = (await with_hub.submit(NUMBERS, here(out), **limits)).id
    await with_hub.reaches(job, lambda view: view.counts.files_done > 0, "a file")
    before = content(hub)
    held.commits.clear()
    held.refs.clear()
    hub.expire_urls()
    view = await with_hub.ends(job, JobState.BLOCKED)
    assert "no such branch, tag or commit, although it was listed" in view.reason
    there = {name: digest for name, digest in tree(out).items() if name in before}
    assert there
    assert there.items() <= before.items()


async def test_revision_vanishes_before_the_start(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """Planned one day, started another: the commit is gone, and nothing gets its final name."""
    held = hub.repos["datasets", "acme/numbers"]
    planned = await with_hub.planned(NUMBERS, here(tmp_path / "out"), kind=JobKind.COPY)
    held.commits.clear()
    held.refs.clear()
    await with_hub.call(yes_to(planned))
    view = await with_hub.ends(planned.id, JobState.BLOCKED)
    assert "no such branch, tag or commit" in view.reason
    assert not [name for name in tree(tmp_path / "out") if not name.startswith(".haulier/")]
