"""The same content wanted twice crosses the network once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model import AnonymousCredentials, Connection, Place
from tests.fake_hub import FakeHub, File, fake_hub
from tests.paths.driving import MIB, Haulier, here, noise

LARGE, SMALL = noise(20 * MIB, seed=5), noise(2 * MIB, seed=6)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub() as running:
        files = {
            "a/large.bin": File(LARGE, lfs=True),
            "b/large-again.bin": File(LARGE, lfs=True),
            "c/small.bin": File(SMALL, lfs=True),
            "d/small-again.bin": File(SMALL, lfs=True),
        }
        running.add("models", "acme/twins", files)
        yield running


SOURCE = Place(kind="hub", connection="hub", bucket="acme/twins")


async def ready(haulier: Haulier, hub: FakeHub) -> None:
    await haulier.save(
        Connection(name="hub", kind="hub", endpoint=hub.endpoint, credentials=AnonymousCredentials())
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.bin"))}


WANTED = {
    "a/large.bin": LARGE,
    "b/large-again.bin": LARGE,
    "c/small.bin": SMALL,
    "d/small-again.bin": SMALL,
}


def fetched(hub: FakeHub) -> list[str]:
    """Ranges that the storage was asked for, as (content, range)."""
    return sorted(f"{r.path.partition('?')[0]} {r.headers['range']}" for r in hub.asked("cdn"))


async def test_within_one_job(haulier: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """No range of a content is asked for twice; all files are whole and proven."""
    await ready(haulier, hub)
    view = await haulier.copied(SOURCE, here(tmp_path / "out"))
    assert contents(tmp_path / "out") == WANTED
    assert len(fetched(hub)) == len(set(fetched(hub)))
    assert dict(view.proofs) == {"sha256": 4}


async def test_of_an_earlier_job(haulier: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """Another folder is filled from the first, and from the network where a file there is damaged or gone."""
    await ready(haulier, hub)
    first, second = tmp_path / "first", tmp_path / "second"
    await haulier.copied(SOURCE, here(first))
    hub.log.clear()
    await haulier.copied(SOURCE, here(second))
    assert contents(second) == WANTED
    assert not fetched(hub)
    for folder in (first, second):
        for name in ("a/large.bin", "b/large-again.bin"):
            (folder / name).write_bytes(bytes(len(LARGE)))
        for name in ("c/small.bin", "d/small-again.bin"):
            (folder / name).unlink()
    await haulier.copied(SOURCE, here(tmp_path / "third"))
    assert contents(tmp_path / "third") == WANTED
    assert len({each.partition(" ")[0] for each in fetched(hub)}) == 2
    assert len(fetched(hub)) == len(set(fetched(hub)))
