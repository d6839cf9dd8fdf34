"""Whole jobs from lists of URLs and from single URLs, with a real engine and a real web server."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from core.messages import ListItems
from core.model import JobState, Place, Status
from tests.nginx import nginx
from tests.paths.driving import MIB, Haulier, at, connection_of, here, keys, noise, tree, until
from tests.servers import S3Server


def list_of(file: Path, url: str = "") -> Place:
    return Place(kind="list", path=str(file), url=url)


def web(url: str) -> Place:
    return Place(kind="web", url=url)


def filled(root: Path) -> dict[str, bytes]:
    """Files of all the sizes that are moved in different ways, written below `root`."""
    content = {
        "empty": b"",
        "small.txt": b"hello",
        "edge": noise(5 * MIB, seed=1),
        "below": noise(5 * MIB - 1, seed=2),
        "large.bin": noise(40 * MIB + 17, seed=3),
        "a b%c.txt": b"name",
    }
    root.mkdir()
    for name, data in content.items():
        (root / name).write_bytes(data)
        os.utime(root / name, (1_600_000_000, 1_600_000_000))
    return content


def listed(file: Path, base: str, names: list[str]) -> Path:
    from urllib.parse import quote

    file.write_text("".join(f"{base}/{quote(name)}\n" for name in names))
    return file


async def test_a_list_of_urls_to_a_folder(haulier: Haulier, tmp_path: Path) -> None:
    """Every size arrives whole with the server's time; what is missing fails by its status, without further
    tries; a second run moves nothing."""
    content = filled(tmp_path / "served")
    with nginx(tmp_path / "served", tmp_path / "nginx") as base:
        urls = listed(tmp_path / "urls.txt", base, [*content, "missing.tar"])
        out = tmp_path / "out"
        job = (await haulier.submit(list_of(urls), here(out))).id
        view = await haulier.ends(job, JobState.PARTIAL)
        assert {name: (out / name).read_bytes() for name in content} == content
        assert {int((out / name).stat().st_mtime) for name in content} == {1_600_000_000}
        assert view.counts.files_total == 7
        assert view.counts.files_failed == 1
        assert view.counts.files_unsized == 1  # of the missing one nobody knows
        assert view.counts.bytes_total == view.counts.bytes_done == sum(map(len, content.values()))
        [failed] = (await haulier.call(ListItems(job=job, status=Status.FAILED))).items
        assert failed.filename == "missing.tar"
        assert failed.attempts == 1
        assert "404" in failed.error
        again = await haulier.submit(list_of(urls), here(out))
        view = await haulier.ends(again.id, JobState.PARTIAL)
        assert view.counts.files_skipped == 6
        assert view.counts.files_done == 0


async def test_lists_and_urls_to_s3(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Streamed through memory, small and in parts, without a disk in between."""
    content = filled(tmp_path / "served")
    await haulier.save(connection_of(moto_server))
    with nginx(tmp_path / "served", tmp_path / "nginx") as base:
        urls = listed(tmp_path / "urls.txt", base, list(content))
        await haulier.copied(list_of(urls), at(moto_server, bucket, "l/"))
        await haulier.copied(web(f"{base}/large.bin"), at(moto_server, bucket, "one/renamed.bin"))
    assert keys(moto_server, bucket) == sorted([*(f"l/{name}" for name in content), "one/renamed.bin"])
    client = moto_server.boto3()
    for key in ("l/large.bin", "one/renamed.bin"):
        body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        assert hashlib.sha256(body).digest() == hashlib.sha256(content["large.bin"]).digest()


@pytest.mark.parametrize("target", ["renamed", "folder/"])
async def test_one_url_to_a_file(haulier: Haulier, tmp_path: Path, target: str) -> None:
    """Under another name, or into a folder under its own."""
    content = filled(tmp_path / "served")
    (tmp_path / "folder").mkdir()
    with nginx(tmp_path / "served", tmp_path / "nginx") as base:
        await haulier.copied(web(f"{base}/large.bin?x=1"), here(tmp_path / target))
    where = tmp_path / target
    assert (where / "large.bin" if where.is_dir() else where).read_bytes() == content["large.bin"]


async def test_killed_in_the_middle_of_a_list(haulier: Haulier, tmp_path: Path) -> None:
    """What was learnt of sizes and what arrived of a large file is known to the next engine."""
    content = filled(tmp_path / "served")
    with nginx(tmp_path / "served", tmp_path / "nginx", "limit_rate 8m;") as base:
        urls = listed(tmp_path / "urls.txt", base, list(content))
        job = (await haulier.submit(list_of(urls), here(tmp_path / "out"), connections=2)).id
        await haulier.reaches(job, lambda view: view.counts.bytes_done > 24 * MIB, "half of it")
        before = (await haulier.view(job)).counts
        await haulier.restart_after_kill()
        after = (await haulier.view(job)).counts
        assert after.bytes_total <= sum(map(len, content.values()))
        assert before.files_unsized == 0
        await haulier.ends(job)
    assert tree(tmp_path / "out") == tree(tmp_path / "served")
    await until(lambda: not (tmp_path / "out/.haulier").exists(), "a clean target")
