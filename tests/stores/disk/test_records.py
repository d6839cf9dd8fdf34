"""A disk's own records: found again, told when damaged, and never in the way of data."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import HaulierError, IntegrityTrouble, NotFound, TargetRefused
from core.stores.base import NeverChanges, Source
from core.stores.disk import DiskSource, Held, Marker, read_marker, write_marker
from core.stores.disk.manifest import HEADER, From, Header, Line, Manifest, manifest_name, write_manifest
from core.stores.disk.marker import new_id
from core.stores.local import LocalFolder

NEVER = threading.Event()
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


def line(name: str, size: int = 1) -> Line:
    return Line(
        name=name, size=size, sha256=hashlib.sha256(name.encode()).hexdigest(), etag="e", proof="sha256"
    )


def header(campaign: str = "c", batch: int = 1, made: float = 1.0) -> Header:
    return Header(
        campaign=campaign, batch=batch, batches=2, disk="K7QD", made=made, sources=(From(place="s3://b/"),)
    )


def test_the_marker_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Written twice, the second is there and nothing beside it; a batch is said once, with its newest words."""
    marker = Marker(id=new_id(), label="l", created=1.5)
    write_marker(tmp_path, marker)
    begun = marker.holding(Held(campaign="c", batch=1))
    safe = begun.holding(Held(campaign="c", batch=1, manifest="m")).holding(Held(campaign="c", batch=2))
    write_marker(tmp_path, safe)
    assert read_marker(tmp_path) == safe
    assert [(one.batch, one.manifest) for one in safe.holds] == [(1, "m"), (2, "")]
    assert [path.name for path in tmp_path.iterdir()] == [".haulier-disk.json"]
    assert read_marker(tmp_path / "nowhere") is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"id": 4}', b'{"id": "../x"}', b"\xff\xfe", b"[1]"])
def test_a_damaged_marker_is_told(tmp_path: Path, content: bytes) -> None:
    """A disk whose marker cannot be read is no new disk: it is refused, with the way out."""
    (tmp_path / ".haulier-disk.json").write_bytes(content)
    with pytest.raises(HaulierError) as refused:
        read_marker(tmp_path)
    assert "move it away" in refused.value.hint


def test_a_marker_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """What a link leads to is on no disk of ours."""
    write_marker(tmp_path, Marker(id="K7QD"))
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / ".haulier-disk.json", tmp_path / "disk/.haulier-disk.json")
    with pytest.raises(Exception, match="haulier-disk"):
        read_marker(tmp_path / "disk")


def test_a_folder_that_is_gone_takes_no_marker(tmp_path: Path) -> None:
    """The error names the folder."""
    with pytest.raises(TargetRefused, match="gone"):
        write_marker(tmp_path / "gone", Marker(id="K7QD"))


@settings(max_examples=60, deadline=None)
@given(names=st.sets(NAMES, max_size=60), asked=NAMES)
def test_lines_are_found_by_name(tmp_path_factory: pytest.TempPathFactory, names: set[str], asked: str) -> None:
    """Every name is found, and no other; a listing goes on behind any name; the sums are those of the lines."""
    root = tmp_path_factory.mktemp("disk")
    ordered = sorted(names, key=str.encode)
    written = write_manifest(root, header(), map(line, ordered))
    assert (written.files, written.bytes) == (len(names), len(names))
    manifest = Manifest(root / manifest_name("c", 1))
    try:
        manifest.check()
        assert manifest.header == written
        assert [one.name for one in manifest.lines()] == ordered
        for name in ordered:
            assert manifest.find(name) == line(name)
        assert (manifest.find(asked) is not None) == (asked in names)
        behind = [one.name for one in manifest.lines(start_after=asked)]
        assert behind == [name for name in ordered if name.encode() > asked.encode()]
    finally:
        manifest.close()


def test_common_tools_can_check_it(tmp_path: Path) -> None:
    """The header is the first line and as long as it says; behind it `sha256sum` gives what it names."""
    write_manifest(tmp_path, header(), map(line, ("a", "b")))
    content = (tmp_path / manifest_name("c", 1)).read_bytes()
    assert content.index(b"\n") == HEADER - 1
    digest = hashlib.sha256(content.partition(b"\n")[2]).hexdigest()
    assert f'"lines":"sha256:{digest}"'.encode() in content


def test_a_long_title_does_not_break_the_header(tmp_path: Path) -> None:
    """The header has a fixed length whatever a campaign is called and wherever it came from."""
    sources = tuple(From(place="s3://" + "é" * 900) for _ in range(20))
    long = Header(campaign="c", batch=1, batches=1, disk="K7QD", title="ü" * 5000, sources=sources)
    write_manifest(tmp_path, long, [line("a")])
    manifest = Manifest(tmp_path / manifest_name("c", 1))
    manifest.check()
    assert [one.name for one in manifest.lines()] == ["a"]
    manifest.close()


@pytest.mark.parametrize("at", [HEADER + 5, HEADER + 40, -3])
def test_a_flipped_bit_is_found(tmp_path: Path, at: int) -> None:
    """In any line."""
    write_manifest(tmp_path, header(), map(line, ("a", "b", "c")))
    path = tmp_path / manifest_name("c", 1)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityTrouble, match="damaged"):
        next(iter(DiskSource(tmp_path).pages("", cancelled=NEVER)))


def test_a_header_that_is_cut_off_is_told(tmp_path: Path) -> None:
    """As by a disk that lost the rest."""
    (tmp_path / manifest_name("c", 1)).write_bytes(b'{"campaign":"c","ba')
    with pytest.raises(IntegrityTrouble, match="damaged"):
        next(iter(DiskSource(tmp_path).pages("", cancelled=NEVER)))


def test_the_newest_manifest_of_a_name_counts(tmp_path: Path) -> None:
    """Two manifests that name a file: the source lists it once, as the later one has it, in order, by
    prefix, by level and by name; it holds no content."""
    write_manifest(tmp_path, header("old", made=1), [line("a/1", 10), line("b", 10)])
    write_manifest(tmp_path, header("new", made=2), [line("a/1", 20), line("a/2", 20), line("a0", 5)])
    source: Source = DiskSource(tmp_path)
    assert isinstance(source, NeverChanges)
    [page] = source.pages("", cancelled=NEVER)
    assert [(entry.key, entry.size) for entry in page] == [("a/1", 20), ("a/2", 20), ("a0", 5), ("b", 10)]
    assert page[0].etag == f"sha256:{hashlib.sha256(b'a/1').hexdigest()}"
    assert [e.key for p in source.pages("a/", cancelled=NEVER) for e in p] == ["a/1", "a/2"]
    assert [e.key for p in source.pages("", start_after="a/2", cancelled=NEVER) for e in p] == ["a0", "b"]
    first, cursor = source.level("", cursor="", limit=2)
    rest, end = source.level("", cursor=cursor, limit=2)
    assert ([e.key for e in first], [e.key for e in rest], end) == (["a/", "a0"], ["b"], "")
    assert [e.key for e in source.level("a/", cursor="", limit=9)[0]] == ["a/1", "a/2"]
    assert source.stat("a/1").entry == page[0]
    with pytest.raises(NotFound):
        source.stat("a/3")
    with pytest.raises(Exception, match="does not hold it"):
        source.read(page[0], 0, 20, cancelled=NEVER)


def test_a_folder_without_manifests(tmp_path: Path) -> None:
    """It is told that there is nothing to hold the disk against."""
    with pytest.raises(HaulierError, match="carries no manifest"):
        next(iter(DiskSource(tmp_path).pages("", cancelled=NEVER)))


def test_records_are_no_data(tmp_path: Path) -> None:
    """A listing of the disk shows none of them, also not what a kill left of one; below the root the names are
    anybody's. Nothing can be written under them."""
    write_marker(tmp_path, Marker(id="K7QD"))
    write_manifest(tmp_path, header(), [line("a")])
    (tmp_path / ".haulier-disk.json.1234.part").write_text("")
    (tmp_path / f"{manifest_name('c', 2)}.part").write_text("")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/.haulier-disk.json").write_text("data")
    folder = LocalFolder(tmp_path)
    assert [e.key for p in folder.pages("", cancelled=NEVER) for e in p] == ["deep/.haulier-disk.json"]
    for name in (".haulier-disk.json", manifest_name("c", 1)):
        with pytest.raises(Exception, match="record of this program"):
            folder.put(name, b"", None)  # type: ignore[arg-type]
    folder.close()
