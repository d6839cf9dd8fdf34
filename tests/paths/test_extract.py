"""Archives that a job extracts: complete only when their folder is, whatever happens on the way."""

from __future__ import annotations

import contextlib
import hashlib
import io
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

import pytest

from core.errors import HaulierError
from core.messages import ListAttempts, RetryJob
from core.model import Action, ItemView, JobKind, JobState, Status
from tests.extract.making import END, header, member
from tests.paths.disks import tmpfs
from tests.paths.driving import (
    MIB,
    Haulier,
    at,
    connection_of,
    fill,
    here,
    noise,
    put_all,
    sha256,
    tree,
    yes_to,
)
from tests.paths.wiretap import tapped
from tests.servers import S3Server

EXTRACT: dict[str, Any] = {"extract": True}
DELETE_TAR: dict[str, Any] = {"extract": True, "delete_tar": True}


def archive(files: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_600_000_000
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def content(number: int, files: int = 3, size: int = 1000) -> dict[str, bytes]:
    return {f"{number}_{at_}.JPEG": noise(size, seed=100 * number + at_) for at_ in range(files)}


def below(folder: str, files: dict[str, bytes]) -> dict[str, str]:
    return {f"{folder}/{name}": hashlib.sha256(data).hexdigest() for name, data in files.items()}


def recorded(haulier: Haulier) -> list[tuple[str, str, str]]:
    with contextlib.closing(sqlite3.connect(f"file:{haulier.paths.journal}?mode=ro", uri=True)) as db:
        return db.execute("SELECT name, state, fetched FROM items ORDER BY name").fetchall()


async def by_name(haulier: Haulier, job: int) -> dict[str, ItemView]:
    return {item.filename: item for item in await haulier.items(job)}


async def test_small_and_large_archives_and_other_files(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Archives of every packing, small ones and one that is moved in parts, beside files that are none: each
    archive stays, has its folder, and is completed with the proof of its bytes; the next plan has nothing."""
    contents = {n: content(n) for n in range(4)} | {9: content(9, files=7, size=2 * MIB)}
    packed = {
        "n0.tar": archive(contents[0]),
        "sub/n1.tar.gz": archive(contents[1], "w:gz"),
        "sub/n2.tbz2": archive(contents[2], "w:bz2"),
        "n3.tar.xz": archive(contents[3], "w:xz"),
        "big/n9.tar": archive(contents[9]),
    }
    others = {"list.csv": b"wnid\n", "n0.zip": b"PK"}
    put_all(moto_server, bucket, [*packed.items(), *others.items()])
    await haulier.save(connection_of(moto_server))
    out = tmp_path / "out"
    view = await haulier.copied(at(moto_server, bucket), here(out), **EXTRACT)
    wanted = {name: hashlib.sha256(data).hexdigest() for name, data in (packed | others).items()}
    for folder, number in (("n0", 0), ("sub/n1", 1), ("sub/n2", 2), ("n3", 3), ("big/n9", 9)):
        wanted |= below(folder, contents[number])
    assert tree(out) == wanted
    assert view.counts.files_done == 7
    assert view.counts.bytes_done == view.counts.bytes_total == sum(map(len, (packed | others).values()))
    assert dict(view.proofs) == {"etag-md5": 7}
    assert not (out / ".haulier").exists()
    again = await haulier.copied(at(moto_server, bucket), here(out), **EXTRACT)
    assert again.plan is not None
    assert (again.plan.copy.count, again.plan.skip.count) == (0, 7)


async def test_the_archive_goes_when_its_folder_is_there(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """With delete_tar nothing but the folders stays, and the next plan says why it has nothing to do; a folder
    that was removed, or is empty, is made again."""
    contents = {n: content(n) for n in range(5)}
    put_all(moto_server, bucket, [(f"a/n{n}.tar", archive(files)) for n, files in contents.items()])
    await haulier.save(connection_of(moto_server))
    out = tmp_path / "out"
    view = await haulier.copied(at(moto_server, bucket), here(out), **DELETE_TAR)
    wanted = {name: digest for n in contents for name, digest in below(f"a/n{n}", contents[n]).items()}
    assert tree(out) == wanted
    assert dict(view.proofs) == {"etag-md5": 5}
    for path in (out / "a/n1").iterdir():
        path.unlink()
    again = await haulier.copied(at(moto_server, bucket), here(out), **DELETE_TAR)
    assert again.plan is not None
    assert (again.plan.copy.count, again.plan.skip_reasons) == (1, (("already extracted", 4),))
    assert tree(out) == wanted


async def test_an_archive_that_is_there_is_only_extracted(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Archives of an earlier copy without extraction: nothing is asked for again, folders are made of them."""
    contents = {n: content(n, size=200_000) for n in range(3)}
    put_all(moto_server, bucket, [(f"n{n}.tar", archive(files)) for n, files in contents.items()])
    out = tmp_path / "out"
    with tapped(moto_server.endpoint) as tap:
        await haulier.save(connection_of(moto_server, tap.endpoint))
        await haulier.copied(at(moto_server, bucket), here(out))
        before = tap.to_client
        view = await haulier.copied(at(moto_server, bucket), here(out), **DELETE_TAR)
        assert tap.to_client - before < 100_000
    assert view.counts.files_done == 3
    assert tree(out) == {name: d for n in contents for name, d in below(f"n{n}", contents[n]).items()}


BAD = {
    "html.tar": (b"<!DOCTYPE html><html>sign in</html>", "web page"),
    "cut.tar": (archive(content(1))[:1500], "cut off"),
    "link.tar": (member(b"ok", b"1") + header(b"l", 0, b"2", b"/etc/passwd") + END, "symbolic link"),
    "device.tar": (header(b"d", 0, b"3") + END, "device"),
    "absolute.tar": (member(b"/tmp/x", b"1") + END, "absolute"),
    "out.tar": (member(b"../x", b"1") + END, "leads out"),
    "zip.tar": (b"PK\x03\x04" + bytes(600), "ZIP"),
    "huge.tar": (header(b"h", size_field=b"\x80" + (1 << 60).to_bytes(11, "big")) + bytes(1024), "disk has"),
    "empty.tar": (b"", "empty"),
    "...tar": (archive(content(1)), "segment"),
    ".haulier.tar": (archive(content(1)), "partial files"),
}


async def test_bad_archives_fail_and_the_rest_goes_on(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Each kind of bad archive fails once, in plain words, and is kept; nothing of it is written anywhere, and
    the good ones are extracted. Tried again, they are fetched again: one that is mended at the source ends."""
    good = {f"good{n}.tar": archive(content(n)) for n in range(20)}
    put_all(moto_server, bucket, [*good.items(), *((name, data) for name, (data, _) in BAD.items())])
    await haulier.save(connection_of(moto_server))
    out = tmp_path / "out"
    job = (await haulier.submit(at(moto_server, bucket), here(out), **DELETE_TAR)).id
    view = await haulier.ends(job, JobState.PARTIAL)
    items = await by_name(haulier, job)
    for name, (data, words) in BAD.items():
        assert items[name].status is Status.FAILED, name
        assert words in items[name].error, f"{name}: {items[name].error}"
        if items[name].action is Action.COPY:
            assert "the archive is kept" in items[name].error
            assert sha256(out / name) == hashlib.sha256(data).hexdigest()
    assert view.counts.files_done == 20
    assert {item.attempts for item in items.values() if item.action is Action.COPY} == {1}
    tried = (await haulier.call(ListAttempts(job=job))).attempts
    assert all(attempt.retry_in == -1 for attempt in tried)
    kept = {name for name in BAD if items[name].action is Action.COPY}
    wanted = {name: d for n in range(20) for name, d in below(f"good{n}", content(n)).items()}
    found = tree(out)
    assert {name for name in found if "/" not in name} == kept
    assert {name: d for name, d in found.items() if "/" in name} == wanted
    assert sorted(p.name for p in tmp_path.iterdir()) == ["haulier", "out"]
    put_all(moto_server, bucket, [("html.tar", archive(content(50)))])
    await haulier.call(RetryJob(job=job))
    await haulier.reaches(job, lambda v: v.counts.files_done == 21, "the mended one")
    await haulier.ends(job, JobState.PARTIAL)
    assert below("html", content(50)).items() <= tree(out).items()


async def test_names_that_meet(haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path) -> None:
    """What would share a folder with the content of an archive is told in the plan, and nothing is merged."""
    one = archive(content(1))
    clashes = {
        "a.tar": "",
        "a.tar.gz": "same folder",
        "a/x": "an archive is extracted into",
        "b": "",
        "b.tar": "name of another file",
        "c.tgz": "",
        "c/d/e.tar": "an archive is extracted into",
        "f.tar": "",
        "f.tar.tar": "name of another file",
    }
    put_all(moto_server, bucket, [(key, one) for key in clashes])
    await haulier.save(connection_of(moto_server))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/f").write_bytes(b"mine")
    clashes["f.tar"] = "a file stands at the target"
    clashes["f.tar.tar"] = ""
    view = await haulier.planned(at(moto_server, bucket), here(tmp_path / "out"), JobKind.COPY, **EXTRACT)
    items = await by_name(haulier, view.id)
    for key, words in clashes.items():
        impossible = items[key].action is Action.CANNOT
        assert impossible == bool(words), f"{key}: {items[key].error}"
        assert words in items[key].error
    await haulier.call(yes_to(view))
    await haulier.ends(view.id, JobState.PARTIAL)
    assert below("a", content(1)).items() <= tree(tmp_path / "out").items()
    assert (tmp_path / "out/f").read_bytes() == b"mine"


async def test_a_folder_marker_is_no_clash(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Objects that only say that a folder exists do not keep an archive from being extracted there."""
    put_all(moto_server, bucket, [("n.tar", archive(content(1))), ("n/", b"")])
    await haulier.save(connection_of(moto_server))
    view = await haulier.copied(at(moto_server, bucket), here(tmp_path / "out"), **DELETE_TAR)
    assert view.counts.files_done == 2
    assert tree(tmp_path / "out") == below("n", content(1))


@pytest.mark.parametrize(
    ("kind", "options", "to_s3", "words"),
    [
        (JobKind.COPY, {"delete_tar": True}, False, "--delete-tar"),
        (JobKind.COPY, EXTRACT, True, "folders of this machine"),
        (JobKind.VERIFY, EXTRACT, False, "verify"),
        (JobKind.SYNC, {"extract": True, "delete": True}, False, "would delete it"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path,
    kind: JobKind, options: dict[str, Any], to_s3: bool, words: str,
) -> None:  # fmt: skip
    """Before anything is looked at, in words that name what to leave out."""
    await haulier.save(connection_of(moto_server))
    target = at(moto_server, bucket, "there/") if to_s3 else here(tmp_path / "out")
    with pytest.raises(HaulierError) as refused:
        await haulier.submit(at(moto_server, bucket, "here/"), target, kind, start=False, **options)
    assert words in refused.value.message + refused.value.hint


async def test_a_disk_that_fills_up(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """There is room for the archive and not for its content: the job waits like for any other file, nothing is
    left of the try, the reserve stays, and it goes on by itself, without fetching the archive again."""
    files = {f"f{n}": bytes([n]) * MIB for n in range(40)}
    put_all(moto_server, bucket, [("n.tar.gz", archive(files, "w:gz"))])
    with tapped(moto_server.endpoint) as tap, tmpfs(tmp_path / "disk", size=48 * MIB) as disk:
        await haulier.save(connection_of(moto_server, tap.endpoint))
        for reserve in (4 * MIB, 0):
            ballast, out = fill(disk / "ballast", 20 * MIB), disk / f"out{reserve}"
            job = (await haulier.submit(at(moto_server, bucket), here(out), reserve=reserve, **DELETE_TAR)).id
            view = await haulier.ends(job, JobState.BLOCKED)
            assert "No space left" in view.reason
            assert str(out) in view.reason
            assert [path.name for path in out.iterdir() if path.name != ".haulier"] == ["n.tar.gz"]
            assert not list((out / ".haulier").glob("*.tree")) if (out / ".haulier").exists() else True
            before = tap.to_client
            ballast.unlink()
            await haulier.ends(job)
            assert tap.to_client - before < 20_000
            assert tree(out) == below("n", files)
            for path in (out / "n").iterdir():
                path.unlink()
