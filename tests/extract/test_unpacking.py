"""Archives are taken apart whole or not at all, and nothing is ever written outside their folder."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from core.extract import ArchiveTrouble, Caps, Spot, Unpacked, folder_name, placing, unpack
from core.extract.placing import FEW
from tests.extract.making import BLOCK, END, header, member, pax, usual, written

MIB = 1 << 20
ROOM = Caps(size=64 * MIB)
FILES = {"a.txt": b"one", "b/c.bin": bytes(range(256)) * 100, "b/empty": b"", "b/d/e": b"x" * 513}


def taken(archive: Path, target: Path, caps: Caps = ROOM) -> Unpacked:
    return unpacked(archive, target, caps, threading.Event())


def unpacked(archive: Path, target: Path, caps: Caps, given_up: threading.Event) -> Unpacked:
    passing = target.parent / ".passing"
    shutil.rmtree(passing, ignore_errors=True)
    passing.mkdir()
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with archive.open("rb") as packed:
            spot = Spot(folder, target.name)
            return unpack(packed, spot, caps, passing=Spot(folder, passing.name), given_up=given_up)
    finally:
        os.close(folder)


def found(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_python_wrote(tmp_path: Path, mode: str, form: int) -> None:
    """Every packing and every dialect gives the same files back, times too; the name says nothing."""
    archive = usual(tmp_path / "archive.anything", FILES, mode, form)
    result = taken(archive, tmp_path / "out")
    assert found(tmp_path / "out") == FILES
    assert (result.files, result.size, result.progress) == (4, sum(map(len, FILES.values())), 1.0)
    assert (tmp_path / "out/a.txt").stat().st_mtime == 1_600_000_000
    assert not (tmp_path / ".passing").exists()


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar here")
@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_what_tar_wrote(tmp_path: Path, form: str) -> None:
    """GNU tar's five formats, with folders, long names, unicode and an executable."""
    source = tmp_path / "src"
    files = dict(FILES)
    if form != "v7":
        files |= {"n" * 120 + "/" + "m" * 90: b"long", "größe/日本": "ü".encode()}
    for name, data in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    (source / "a.txt").chmod(0o6777)
    if form == "ustar":
        shutil.rmtree(source / ("n" * 120))
        files = {name: data for name, data in files.items() if not name.startswith("n")}
    subprocess.run(["tar", f"--format={form}", "-cf", tmp_path / "t.tar", "-C", source, "."], check=True)
    taken(tmp_path / "t.tar", tmp_path / "out")
    assert found(tmp_path / "out") == files
    assert (tmp_path / "out/a.txt").stat().st_mode & 0o7777 == 0o755 & ~_umask()


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


HOSTILE: dict[str, tuple[bytes, str]] = {
    "up": (member(b"../x", b"evil"), "leads out"),
    "up inside": (member(b"a/../../x", b"evil"), "leads out"),
    "up by pax": (pax(path="../../x") + member(b"innocent", b"evil"), "leads out"),
    "up by a long name": (member(b"././@LongLink", b"../x\0", b"L") + member(b"x", b"evil"), "leads out"),
    "absolute": (member(b"/tmp/x", b"evil"), "absolute"),
    "drive": (member(b"C:x", b"evil"), "absolute"),
    "backslash": (member(b"..\\x", b"evil"), "absolute"),
    "symbolic link": (member(b"l", flag=b"2", link=b"/etc") + member(b"l/x", b"evil"), "symbolic link"),
    "hard link": (member(b"l", flag=b"1", link=b"/etc/passwd"), "hard link"),
    "device": (member(b"d", flag=b"3"), "device"),
    "block device": (member(b"d", flag=b"4"), "device"),
    "FIFO": (member(b"f", flag=b"6"), "FIFO"),
    "sparse": (member(b"s", flag=b"S"), "sparse"),
    "sparse by pax": (pax(GNU__sparse__realsize=str(1 << 60)) + member(b"s", b"x"), "sparse"),
    "odd kind": (member(b"o", flag=b"Z"), "unknown kind"),
    "same name twice": (member(b"a", b"1") + member(b"a", b"2"), "twice"),
    "file, then a folder": (member(b"a", b"1") + member(b"a/b", b"2"), "file and as a folder"),
    "folder, then a file": (member(b"a/b", b"1") + member(b"a", b"2"), "twice, or as a file"),
    "no name": (member(b"", b"1"), "no name"),
    "only dots": (member(b"./.", b"1"), "no name"),
    "control characters": (member(b"a\x1b[2Jb", b"1"), "control characters"),
    "newline": (pax(path="a\nb") + member(b"x", b"1"), "control characters"),
    "not UTF-8": (member(b"\xff\xfe", b"1"), "not UTF-8"),
    "long name": (pax(path="n" * 256) + member(b"x", b"1"), "too long"),
    "deep": (pax(path="d/" * 70 + "x") + member(b"x", b"1"), "deep"),
    "negative size": (header(b"n", size_field=b"\xff" * 12), "negative"),
    "huge size": (header(b"n", size_field=b"\x80" + b"\x7f" * 11), "beyond any disk"),
    "huge size by pax": (pax(size="9" * 19) + member(b"x"), "no number"),
    "negative size by pax": (pax(size="-512") + member(b"x"), "no number"),
    "size that is no number": (header(b"n", size_field=b"12z45678901\0"), "no number"),
    "more than fits": (header(b"n", 65 * MIB), "has in all"),
    "a name of a GiB": (header(b"././@LongLink", 1 << 30, b"L"), "a name of"),
    "pax that is none": (member(b"p", b"99 path=x\n", b"x") + member(b"x"), "pax header"),
    "pax without equals": (member(b"p", b"8 path\n", b"x") + member(b"x"), "pax header"),
    "damaged header": (member(b"a", b"1") + b"x" * BLOCK, "checksum"),
    "half an end": (member(b"a", b"1") + bytes(BLOCK) + b"y" * BLOCK, "an end that is none"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_leaves_nothing(tmp_path: Path, case: str) -> None:
    """It is refused in words that name the member, and not a byte of it stays, inside or outside."""
    data, why = HOSTILE[case]
    box = tmp_path / "box"
    box.mkdir()
    archive = written(tmp_path / "bad.tar", member(b"good", b"fine"), data)
    with pytest.raises(ArchiveTrouble, match=why):
        taken(archive, box / "out")
    assert list(box.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar", "box"]
    assert archive.exists()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>sign in</html>", "web page"),
        (b"\n  <html><body>404</body>", "web page"),
        (b"PK\x03\x04" + bytes(600), "ZIP"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(600), "7z"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "Zstandard"),
        (b"\x1f\x8b" + bytes(600), "unpacked"),
        (b"BZh9" + bytes(600), "unpacked"),
        (b"\xfd7zXZ\x00" + bytes(600), "unpacked"),
        (random.Random(1).randbytes(2048), "no tar"),
        (bytes(1024), "nothing in it"),
        (member(b"a", b"1"), "cut off"),
        (member(b"a", b"1") + bytes(BLOCK), "cut off"),
        (member(b"a", b"12345" * 400)[:-900], "cut off"),
        (header(b"a", 10)[:300], "cut off"),
        (gzip.compress(member(b"a", bytes(9000)) + END)[:-20], "unpacked|cut off"),
        (gzip.compress(END) + b"garbage", "nothing in it|unpacked"),
    ],
    ids=range(17),
)
def test_what_is_no_whole_archive(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "bad").write_bytes(data)
    with pytest.raises(ArchiveTrouble, match=why):
        taken(tmp_path / "bad", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad"]


def test_cut_anywhere_is_noticed(tmp_path: Path) -> None:
    """No prefix of an archive passes for all of it."""
    whole = usual(tmp_path / "whole", FILES, "w", tarfile.GNU_FORMAT).read_bytes()
    used = whole.rstrip(b"\0")
    end = -(-len(used) // BLOCK) * BLOCK + 2 * BLOCK
    for cut in (*range(BLOCK, end, BLOCK), *random.Random(7).sample(range(1, end), 40)):
        (tmp_path / "cut").write_bytes(whole[:cut])
        with pytest.raises(ArchiveTrouble):
            taken(tmp_path / "cut", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_random_damage_never_leads_out(tmp_path: Path) -> None:
    """Bytes flipped at random: refused or taken, but never outside, and never for ever."""
    dice = random.Random(20)
    whole = bytearray(usual(tmp_path / "whole", FILES).read_bytes())
    box = tmp_path / "box"
    box.mkdir()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 20)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        (tmp_path / "damaged").write_bytes(data)
        try:
            taken(tmp_path / "damaged", box / "out")
        except ArchiveTrouble:
            assert not (box / "out").exists()
        shutil.rmtree(box / "out", ignore_errors=True)
        assert list(box.iterdir()) == []


def test_a_bomb_is_given_up_early(tmp_path: Path) -> None:
    """A GiB of zeros in a MiB: stopped by its ratio long before it is written out."""
    with gzip.open(tmp_path / "bomb", "wb", compresslevel=9) as packed:
        packed.write(header(b"zeros", 1 << 30))
        for _ in range(200):
            packed.write(bytes(MIB))
    with pytest.raises(ArchiveTrouble, match="times its size"):
        taken(tmp_path / "bomb", tmp_path / "out", Caps(size=1 << 40, ratio=100))
    assert not (tmp_path / "out").exists()


def test_too_many_members(tmp_path: Path) -> None:
    archive = usual(tmp_path / "many", {str(n): b"" for n in range(20)})
    with pytest.raises(ArchiveTrouble, match="more than 10"):
        taken(archive, tmp_path / "out", Caps(size=MIB, members=10))


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    """A folder that exists takes the files in: one of the same name is replaced, all others are left."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_bytes(b"old")
    (out / "mine").write_bytes(b"mine")
    taken(usual(tmp_path / "t", FILES), out)
    assert found(out) == {**FILES, "mine": b"mine"}


@pytest.mark.parametrize("what", ["file", "link", "link below", "folder for a file"])
def test_what_stands_in_the_way(tmp_path: Path, what: str) -> None:
    """A target that is a file or a link is not followed and not replaced."""
    out, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    match what:
        case "file":
            out.write_bytes(b"mine")
        case "link":
            out.symlink_to(outside)
        case "link below":
            out.mkdir()
            (out / "b").symlink_to(outside)
        case _:
            (out / "a.txt").mkdir(parents=True)
    before = found(out) if out.is_dir() else {}
    with pytest.raises(ArchiveTrouble, match="is there"):
        taken(usual(tmp_path / "t", FILES), out)
    assert list(outside.iterdir()) == []
    assert (found(out) if out.is_dir() else {}) == before, "some files were moved all the same"
    assert not (tmp_path / ".passing").exists()


def test_given_up_leaves_nothing(tmp_path: Path) -> None:
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(InterruptedError):
        unpacked(usual(tmp_path / "t", FILES), tmp_path / "out", ROOM, given_up)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t"]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("n01440764.tar", "n01440764"),
        ("a/b.tar.gz", "a/b"),
        ("a.tar/b.TGZ", "a.tar/b"),
        ("x.tar.tar", "x.tar"),
        ("...tar", ".."),
        (".tar", ""),
        ("a/.tar.gz", ""),
        ("a.zip", ""),
        ("tar", ""),
        ("a.tar/", ""),
    ],
)
def test_the_folder_of_a_name(name: str, folder: str) -> None:
    """The longest known suffix goes; what has nothing before it is no archive by its name."""
    assert folder_name(name) == folder


@pytest.mark.parametrize("files", [1, FEW, FEW + 1, 50])
def test_durable_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    """Every file is synced, or the whole file system, before the folder is renamed, and the folder above it
    after that."""
    order: list[str] = []
    for owner, name in ((os, "fsync"), (os, "rename"), (placing, "sync_file_system")):
        real = getattr(owner, name)

        def noted(*values: object, real: Any = real, name: str = name, **named: object) -> object:
            order.append(name)
            return real(*values, **named)

        monkeypatch.setattr(owner, name, noted)
    taken(usual(tmp_path / "t", {f"{n}": b"x" for n in range(files)}), tmp_path / "out")
    assert order[-2:] == ["rename", "fsync"]
    before = order[:-2]
    assert before == ["sync_file_system"] if files > FEW else before == ["fsync"] * (files + 1)
