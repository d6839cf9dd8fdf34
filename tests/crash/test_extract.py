"""An engine killed at chosen moments while it extracts.

Nothing half is under a folder's name, nothing is called completed before its folder is there, nothing that was
recorded is fetched again, nothing is left behind.
"""

from __future__ import annotations

import contextlib
import io
import random
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.crash.tap import Tap, tapping
from tests.paths.driving import MIB, Haulier, at, connection_of, here, put_all, tree, until
from tests.servers import S3Server

FILES = 12  # in each archive
ARCHIVES = {"a.tar": 2_000, "b/b.tar": 40_000, "large.tar": MIB}  # → bytes of each file; one comes in parts


def content(name: str) -> dict[str, bytes]:
    chance = random.Random(name)
    return {f"{n % 3}/{n}": chance.randbytes(ARCHIVES[name]) for n in range(FILES)}


def packed(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in content(name).items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def folder_is_right(out: Path, name: str) -> bool:
    folder = out / name.removesuffix(".tar")
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return found == content(name)


def items(haulier: Haulier) -> dict[str, tuple[str, str]]:
    """Name → (state, fetched), as the journal has it."""
    with contextlib.closing(sqlite3.connect(f"file:{haulier.paths.journal}?mode=ro", uri=True)) as db:
        return {name: (state, fetched) for name, state, fetched in db.execute(
            "SELECT name, state, fetched FROM items")}  # fmt: skip


def fetched_again(tap: Tap, before: dict[str, tuple[str, str]]) -> list[str]:
    asked = {
        request.key.partition("/")[2] for request in tap.requests if request.method == "GET" and request.moves
    }
    return [
        name for name, (state, fetched) in before.items() if name in asked and (state != "pending" or fetched)
    ]


async def is_dead(pid: int) -> None:
    await until(lambda: not Path(f"/proc/{pid}").exists(), "the engine's death")


MOMENTS = [
    ("before", "fetched-recorded", 1),
    ("after", "fetched-recorded", 1),
    ("before", "member", 1),
    ("after", "member", 7),
    ("after", "member", 20),
    ("before", "tree-durable", 1),
    ("after", "tree-durable", 2),
    ("before", "tree-named", 1),
    ("after", "tree-named", 1),
    ("after", "tree-named", 3),
    ("before", "items-recorded", 1),
    ("after", "items-recorded", 1),
]
OF_DELETION = [
    ("before", "extracted-recorded", 1),
    ("after", "extracted-recorded", 1),
    ("before", "archive-deleted", 2),
    ("after", "archive-deleted", 1),
    ("after", "archive-deleted", 3),
]


@pytest.mark.parametrize(
    ("when", "moment", "count", "deletes"),
    [(*each, False) for each in MOMENTS[::2]] + [(*each, True) for each in MOMENTS[1::2] + OF_DELETION],
)
async def test_killed_at(
    moto_server: S3Server, bucket: str, tmp_path: Path, when: str, moment: str, count: int, deletes: bool
) -> None:
    """The job goes on by itself and ends with the right folders; see above for what holds in between."""
    put_all(moto_server, bucket, [(name, packed(name)) for name in ARCHIVES])
    out = tmp_path / "out"
    options: dict[str, Any] = {"extract": True, "delete_tar": deletes, "workers": 2}
    with tapping(moto_server.endpoint) as tap:
        async with Haulier(tmp_path / "haulier", "tests.crash.doomed") as haulier:
            await haulier.save(connection_of(moto_server, tap.endpoint))
            await haulier.stop()
            (haulier.paths.config_dir / "doom").write_text(f"{when} {moment} {count}")
            await haulier.start()
            pid = haulier.client.hello.pid
            with contextlib.suppress(Exception):  # the answer may not come any more
                await haulier.submit(at(moto_server, bucket), here(out), key="once", **options)
            await is_dead(pid)
            await haulier.hang_up()
            for name in ARCHIVES:
                folder = out / name.removesuffix(".tar")
                assert not folder.exists() or folder_is_right(out, name), "a half folder has its name"
            before = items(haulier)
            for name, (state, _) in before.items():
                assert state != "completed" or folder_is_right(out, name), f"{name} is no completed item"
                assert deletes or state != "completed" or (out / name).exists()
            tap.forget()
            await haulier.start()
            view = await haulier.ends(1)
            assert fetched_again(tap, before) == []
            assert view.counts.files_done == len(ARCHIVES)
            assert view.counts.bytes_done == view.counts.bytes_total
    assert all(folder_is_right(out, name) for name in ARCHIVES)
    left = {name for name in tree(out) if name.endswith(".tar")}
    assert left == (set() if deletes else set(ARCHIVES))
    assert not (out / ".haulier").exists()


async def test_what_somebody_else_took_away(moto_server: S3Server, bucket: str, tmp_path: Path) -> None:
    """Killed when the archive was recorded as fetched, or when its folder was: an archive that is gone then is
    fetched again, and so is one whose folder is gone with it."""
    put_all(moto_server, bucket, [("a.tar", packed("a.tar"))])
    connection = connection_of(moto_server)
    for moment, gone in (("after fetched-recorded 1", "a.tar"), ("after archive-deleted 1", "a")):
        out = tmp_path / moment.replace(" ", "-")
        async with Haulier(tmp_path / f"h-{gone}", "tests.crash.doomed") as haulier:
            await haulier.save(connection)
            await haulier.stop()
            (haulier.paths.config_dir / "doom").write_text(moment)
            await haulier.start()
            pid = haulier.client.hello.pid
            with contextlib.suppress(Exception):
                await haulier.submit(
                    at(moto_server, bucket), here(out), key="once", extract=True, delete_tar=True
                )
            await is_dead(pid)
            await haulier.hang_up()
            assert items(haulier)["a.tar"][0] == "pending"
            (out / gone).rename(tmp_path / f"taken-{gone}")
            await haulier.start()
            await haulier.ends(1)
        assert folder_is_right(out, "a.tar")
        assert not (out / "a.tar").exists()
