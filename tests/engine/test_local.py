"""The local store where it differs from all others: links, names, descriptors, renames."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FileTrouble, NotFound, SourceChanged, StageLost, TransferError
from core.model import Entry
from core.stores.base import Cancelled, Metadata, PartReceipt, Receipt
from core.stores.local import STAGING, STALE, LocalFolder, name_problem
from tests.paths.tmpfs import small_disk

NEVER = threading.Event()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    return made


def put(store: LocalFolder, key: str, data: bytes, modified: float = 0.0) -> Receipt:
    return store.put(key, data, Metadata(modified=modified))


def stored(store: LocalFolder, key: str, data: bytes) -> None:
    assert store.settle([put(store, key, data)]) == {}


def staged(store: LocalFolder, key: str, data: bytes) -> Receipt:
    token = store.stage(key, len(data), Metadata())
    store.put_part(key, token, 1, 0, data)
    return store.commit(key, token, [PartReceipt(number=1, offset=0, size=len(data))], len(data))


def entry_of(store: LocalFolder, key: str) -> Entry:
    return store.stat(key).entry


def read(
    store: LocalFolder, entry: Entry, meanwhile: Callable[[], object] = int, cancelled: threading.Event = NEVER
) -> bytes:
    """The whole file; `meanwhile` is done after the first chunk."""
    chunks: list[bytes] = []
    with store.read(entry, 0, entry.size, cancelled=cancelled) as body:
        for chunk in body:
            chunks.append(bytes(chunk))
            if len(chunks) == 1:
                meanwhile()
    return b"".join(chunks)


def listed(store: LocalFolder) -> list[str]:
    return [entry.key for page in store.pages("", cancelled=NEVER) for entry in page]


# ---------------------------------------------------------------- names

POSSIBLE = [
    "a",
    "a/b",
    "..a",
    "a..",
    "...",
    ".haulier2",
    "a/.haulier",
    "x" * 255,
    "é" * 127,
    "a b\n\t",
    "-",
    "a/",
]
IMPOSSIBLE = [
    "", "/", "/a", "a//b", "a//", ".", "..", "../a", "a/../b", "a/..", "./a", "a/./b", "a\0b", "x" * 256,
    "é" * 128, ".haulier", ".haulier/", ".haulier/x.part", "/".join(["x" * 200] * 20),
]  # fmt: skip


@pytest.mark.parametrize("key", POSSIBLE)
def test_possible_names(root: Path, key: str) -> None:
    """What is called possible can be stored under exactly that name."""
    assert name_problem(key) == ""
    store = LocalFolder(root)
    stored(store, key, b"")
    assert (root / key).exists()
    store.close()


@pytest.mark.parametrize("key", IMPOSSIBLE)
def test_impossible_names(root: Path, key: str) -> None:
    """What would leave the folder, collide with it or not be kept as it is has a reason in words, and even a
    store that is asked all the same writes nothing anywhere."""
    assert name_problem(key) != ""
    store = LocalFolder(root)
    before = sorted(root.parent.rglob("*"))
    for attempt in (lambda: put(store, key, b"x"), lambda: store.stage(key, 1, Metadata())):
        with pytest.raises(TransferError):
            attempt()
    store.close()
    assert sorted(root.parent.rglob("*")) == before


@given(st.text(alphabet="./a\0é-", max_size=12))
def test_a_possible_name_stays_inside(key: str) -> None:
    """No name without a problem leads out of the folder, however it is written."""
    if name_problem(key):
        return
    top = "/r"
    resolved = os.path.normpath(f"{top}/{key}")
    assert resolved == f"{top}/{key.rstrip('/')}"
    assert resolved.startswith(top + "/")


# ---------------------------------------------------------------- links


def test_a_link_in_the_way_of_a_folder_is_not_followed(root: Path, tmp_path: Path) -> None:
    """`root/in → outside`: writing in/x fails, and outside stays as it was."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "in").symlink_to(outside)
    store = LocalFolder(root)
    failed = store.settle([put(store, "in/x", b"secret"), put(store, "deep/y", b"fine")])
    assert set(failed) == {"in/x"}
    assert isinstance(failed["in/x"], TransferError)
    assert list(outside.iterdir()) == []
    assert (root / "deep/y").read_bytes() == b"fine"
    assert (root / "in").is_symlink()


def test_a_link_in_the_place_of_a_file_is_replaced(root: Path, tmp_path: Path) -> None:
    """`root/x → outside file`: the link gives way to the file, what it led to stays as it was."""
    outside = tmp_path / "file"
    outside.write_text("mine")
    (root / "x").symlink_to(outside)
    store = LocalFolder(root)
    stored(store, "x", b"theirs")
    assert outside.read_text() == "mine"
    assert (root / "x").read_bytes() == b"theirs"
    assert not (root / "x").is_symlink()


@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_in_the_place_of_partial_data_is_not_followed(
    root: Path, tmp_path: Path, dangling: bool
) -> None:
    """Somebody who guesses the partial file's name and puts a link there gets nothing written through it."""
    store = LocalFolder(root)
    name = put(store, "x", b"").token.partition(":")[2]
    outside = tmp_path / "file"
    if not dangling:
        outside.write_text("mine")
    (root / STAGING / name).unlink()
    (root / STAGING / name).symlink_to(outside)
    with pytest.raises(TransferError):
        put(store, "x", b"theirs")
    with pytest.raises(TransferError):
        store.stage("x", 5, Metadata())
    assert outside.exists() != dangling
    assert dangling or outside.read_text() == "mine"


def test_a_link_as_staging_folder_is_not_followed(root: Path, tmp_path: Path) -> None:
    """`.haulier` itself may not be a link either."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / STAGING).symlink_to(outside)
    with pytest.raises(TransferError):
        put(LocalFolder(root), "x", b"x")
    assert list(outside.iterdir()) == []


def test_links_and_pipes_are_reported_not_read(root: Path, tmp_path: Path) -> None:
    """A listing offers regular files only, says what else it met, and reading anything else raises."""
    (tmp_path / "file").write_text("outside")
    (root / "link").symlink_to(tmp_path / "file")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe")
    (root / "file").write_text("x")
    store = LocalFolder(root)
    assert listed(store) == ["file"]
    assert dict(store.take_unlistable()) == {
        "link": "symbolic link, not copied",
        "loop": "symbolic link, not copied",
        "pipe": "not a regular file, not copied",
    }
    for name in ("link", "pipe"):
        with pytest.raises(FileTrouble):
            store.stat(name)
        with pytest.raises(TransferError), store.read(Entry(key=name), 0, 0, cancelled=NEVER):
            pass


def test_names_that_are_not_utf8_are_reported(root: Path) -> None:
    """A name that no key can hold is told, not left out in silence."""
    (root / os.fsdecode(b"bad\xff")).write_text("x")
    store = LocalFolder(root)
    assert listed(store) == []
    ((_, why),) = store.take_unlistable()
    assert why == "name is not UTF-8"


# ---------------------------------------------------------------- order


@given(st.sets(st.text(alphabet="ab-./0é", min_size=1, max_size=8), max_size=12))
def test_listing_is_in_key_order(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    """Files come in the byte order of their whole keys, folders notwithstanding: what the planner builds on."""
    root = tmp_path_factory.mktemp("order")
    made = set()
    for name in names:
        if name_problem(name) or name.endswith("/"):
            continue
        try:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("")
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
        made.add(name)
    assert listed(LocalFolder(root)) == sorted(made, key=str.encode)


# ---------------------------------------------------------------- sources that change


def test_a_changed_file_is_not_read_on(root: Path) -> None:
    """Changed since it was listed, while it was read, or become shorter: SourceChanged, never a mixture."""
    (root / "f").write_bytes(b"1" * (3 << 20))
    store = LocalFolder(root)
    entry = entry_of(store, "f")
    with pytest.raises(SourceChanged):
        read(store, entry, lambda: (root / "f").write_bytes(b"2" * (3 << 20)))
    with pytest.raises(SourceChanged):
        read(store, entry)
    with pytest.raises(SourceChanged, match="shorter"):
        read(store, entry_of(store, "f"), lambda: os.truncate(root / "f", 1 << 20))


def test_reading_stops_when_cancelled(root: Path) -> None:
    """A cancelled read raises between chunks."""
    (root / "f").write_bytes(b"1" * (3 << 20))
    store, cancelled = LocalFolder(root), threading.Event()
    entry = entry_of(store, "f")
    with pytest.raises(Cancelled):
        read(store, entry, cancelled.set, cancelled)


# ---------------------------------------------------------------- final names


@pytest.mark.parametrize("count", [1, 10])
def test_settling_again_after_the_record_was_lost(root: Path, count: int) -> None:
    """Renamed, and killed before that was recorded: settling the same receipts again finds them done."""
    store = LocalFolder(root)
    receipts = [put(store, f"d/f{n}", b"x" * n) for n in range(count)]
    assert store.settle(receipts) == {}
    assert store.settle(receipts) == {}
    assert (root / f"d/f{count - 1}").read_bytes() == b"x" * (count - 1)


@pytest.mark.parametrize("count", [1, 10])
def test_a_lost_partial_file_is_never_called_settled(root: Path, count: int) -> None:
    """The partial file vanished and an older file of the same size has the name: that is not success."""
    store = LocalFolder(root)
    for n in range(count):
        (root / f"f{n}").write_bytes(b"old")
    receipts = [put(store, f"f{n}", b"new") for n in range(count)]
    for path in (root / STAGING).iterdir():
        path.unlink()
    assert set(store.settle(receipts)) == {f"f{n}" for n in range(count)}


def test_a_folder_in_the_way_is_an_error_of_that_file_only(root: Path) -> None:
    """A folder where the file must go, a file where a folder must be: these fail, the others are settled."""
    (root / "folder/x").mkdir(parents=True)
    (root / "file").write_text("x")
    store = LocalFolder(root)
    failed = store.settle([put(store, key, b"1") for key in ("folder", "file/below", "fine")])
    assert set(failed) == {"folder", "file/below"}
    assert (root / "fine").read_bytes() == b"1"
    assert (root / "file").read_text() == "x"


def test_a_folder_that_was_removed_is_made_again(root: Path) -> None:
    """Somebody removes the folder between two files of it: at the latest the second try finds the new one."""
    store = LocalFolder(root)
    stored(store, "d/one", b"1")
    (root / "d/one").unlink()
    (root / "d").rmdir()
    receipt = put(store, "d/two", b"2")
    if store.settle([receipt]):
        assert store.settle([receipt]) == {}
    assert (root / "d/two").read_bytes() == b"2"


def test_across_file_systems(root: Path) -> None:
    """A mount inside the folder: rename cannot reach it, the bytes and times arrive whole all the same."""
    with small_disk(root / "mount", 4 << 20):
        store = LocalFolder(root)
        data = os.urandom(1 << 20)
        receipts = [put(store, "mount/small", b"small", modified=1e9), staged(store, "mount/deep/large", data)]
        assert store.settle(receipts) == {}
        assert (root / "mount/small").read_bytes() == b"small"
        assert (root / "mount/small").stat().st_mtime == 1e9
        assert (root / "mount/deep/large").read_bytes() == data
        assert sorted(p.name for p in (root / "mount").rglob("*")) == ["deep", "large", "small"]
        assert list((root / STAGING).iterdir()) == []
        full = put(store, "mount/full", os.urandom(8 << 20))
        assert set(store.settle([full])) == {"mount/full"}
        assert sorted(p.name for p in (root / "mount").rglob("*")) == ["deep", "large", "small"]
        store.close()


def test_nothing_under_the_final_name_before_settle(root: Path) -> None:
    """Put, staged, half written: the final name holds what was there before."""
    (root / "f").write_bytes(b"before")
    store = LocalFolder(root)
    small = put(store, "f", b"after")
    assert (root / "f").read_bytes() == b"before"
    large = staged(store, "g", b"12345")
    assert not (root / "g").exists()
    assert store.settle([small, large]) == {}
    assert ((root / "f").read_bytes(), (root / "g").read_bytes()) == (b"after", b"12345")


# ---------------------------------------------------------------- partial data


def test_two_writers_never_share_a_partial_file(root: Path) -> None:
    """Two jobs on the same name: each one's content is whole when it takes the name, the last one stays."""
    one, two = LocalFolder(root, "one"), LocalFolder(root, "two")
    first, second = one.stage("f", 4, Metadata()), two.stage("f", 4, Metadata())
    one.put_part("f", first, 1, 0, b"11")
    two.put_part("f", second, 1, 0, b"22")
    one.put_part("f", first, 2, 2, b"11")
    assert one.settle([one.commit("f", first, [], 4)]) == {}
    assert (root / "f").read_bytes() == b"1111"
    two.put_part("f", second, 2, 2, b"22")
    assert (root / "f").read_bytes() == b"1111"
    assert two.settle([two.commit("f", second, [], 4)]) == {}
    assert (root / "f").read_bytes() == b"2222"


def test_clearing_leaves_what_others_need(root: Path) -> None:
    """A job that ends clears its own partial files and stale ones, not those of jobs that still run."""
    mine, theirs = LocalFolder(root, "mine"), LocalFolder(root, "theirs")
    put(mine, "dead", b"1")
    kept = mine.stage("kept", 1, Metadata())
    alive = put(theirs, "alive", b"2", modified=1e9)
    mine.clear_staging({kept})
    names = {path.name for path in (root / STAGING).iterdir()}
    assert names == {kept.partition(":")[2], alive.token.partition(":")[2]}
    assert theirs.settle([alive]) == {}
    mine.clear_staging(set())
    assert list((root / STAGING).iterdir()) == []
    mine.close()
    assert not (root / STAGING).exists()


def test_stale_partial_files_of_nobody_go(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has not changed for two days and is in no journal is cleared by whoever ends next."""
    put(LocalFolder(root, "gone"), "x", b"1")
    monkeypatch.setattr("core.stores.local.time.time", lambda: os.stat(root).st_ctime + STALE + 60)
    LocalFolder(root, "other").clear_staging(set())
    assert list((root / STAGING).iterdir()) == []


def test_a_removed_staging_folder_is_made_again(root: Path) -> None:
    """Another job removed the empty folder for partial files while this one had it open."""
    store, other = LocalFolder(root, "one"), LocalFolder(root, "two")
    stored(store, "a", b"1")
    other.close()
    assert not (root / STAGING).exists()
    stored(store, "b", b"2")
    assert (root / "b").read_bytes() == b"2"


def test_a_lost_stage_says_so(root: Path) -> None:
    """Partial data removed behind our back is StageLost, at every step."""
    store = LocalFolder(root)
    token = store.stage("f", 4, Metadata())
    store.abort("f", token)
    store.abort("f", token)
    for step in (
        lambda: store.open_stage("f", token),
        lambda: store.staged_parts("f", token),
        lambda: store.commit("f", token, [], 4),
    ):
        with pytest.raises(StageLost):
            step()


# ---------------------------------------------------------------- deleting


def test_delete_refuses_what_changed(root: Path) -> None:
    """Another size, another time, no longer a regular file: not deleted. Gone already: no error."""
    store = LocalFolder(root)
    (root / "f").write_text("12")
    entry = entry_of(store, "f")
    (root / "f").write_text("123")
    with pytest.raises(SourceChanged):
        store.delete(entry)
    entry = entry_of(store, "f")
    os.utime(root / "f", (1, 1))
    with pytest.raises(SourceChanged):
        store.delete(entry)
    entry = entry_of(store, "f")
    (root / "f").rename(root / "g")
    (root / "f").symlink_to(root / "g")
    with pytest.raises(SourceChanged):
        store.delete(entry)
    assert (root / "g").read_text() == "123"
    (root / "f").unlink()
    store.delete(entry)
    store.delete(Entry(key="no/such/folder/f"))


def test_delete_does_not_follow_links(root: Path, tmp_path: Path) -> None:
    """A folder that became a link after the plan: what it leads to stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("mine")
    store = LocalFolder(root)
    (root / "d").mkdir()
    (root / "d/f").write_text("mine")
    os.utime(root / "d/f", (5, 5))
    os.utime(outside / "f", (5, 5))
    entry = entry_of(store, "d/f")
    (root / "d").rename(root / "e")
    (root / "d").symlink_to(outside)
    with pytest.raises(TransferError):
        store.delete(entry)
    assert (outside / "f").read_text() == "mine"


def test_emptied_folders_go_the_root_stays(root: Path) -> None:
    """Folders that a deletion left empty go, others and the root stay."""
    store = LocalFolder(root)
    for key in ("a/b/c", "a/d"):
        stored(store, key, b"1")
    store.delete(entry_of(store, "a/b/c"))
    assert not (root / "a/b").exists()
    assert (root / "a/d").exists()
    store.delete(entry_of(store, "a/d"))
    store.close()
    assert list(root.iterdir()) == []


# ---------------------------------------------------------------- small things


def test_descriptors_stay_bounded(root: Path) -> None:
    """Thousands of folders do not keep thousands of descriptors open."""
    store = LocalFolder(root)
    before = len(os.listdir("/proc/self/fd"))
    for first in range(0, 600, 100):
        receipts = [put(store, f"d{n}/e/f", b"") for n in range(first, first + 100)]
        assert store.settle(receipts) == {}
    assert len(os.listdir("/proc/self/fd")) - before < 150
    store.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_new_files_follow_the_umask(root: Path) -> None:
    """Files get the permissions that any program's new files get."""
    store = LocalFolder(root)
    stored(store, "f", b"1")
    before = os.umask(0)
    os.umask(before)
    assert stat.S_IMODE((root / "f").stat().st_mode) == 0o666 & ~before


def test_missing_root(tmp_path: Path) -> None:
    """Listing a folder that is not there says so; a file in its place as well."""
    with pytest.raises(NotFound):
        listed(LocalFolder(tmp_path / "no"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(TransferError):
        LocalFolder(tmp_path / "file/below").ensure_root()


def test_unreadable_folder_makes_the_listing_incomplete(root: Path) -> None:
    """A folder that vanishes is as if never there; one that cannot be read is told and marks the listing."""
    (root / "open").mkdir()
    (root / "open/f").write_text("x")
    script = (
        "import os, sys, threading\n"
        "from pathlib import Path\n"
        "from core.stores.local import LocalFolder\n"
        "from tests.paths.plain_user import give_up_root\n"
        "give_up_root()\n"
        "root = Path(sys.argv[1])\n"
        "(root / 'shut').mkdir(mode=0o000)\n"
        "store = LocalFolder(root)\n"
        "names = [e.key for page in store.pages('', cancelled=threading.Event()) for e in page]\n"
        "print(names, store.listing_incomplete, store.take_unlistable())\n"
        "(root / 'shut').rmdir()\n"
    )
    top = Path(__file__).resolve().parents[2]
    said = subprocess.run(
        [sys.executable, "-c", script, str(root)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(top)},
        check=True,
    ).stdout
    assert said.strip() == "['open/f'] True [('shut/', 'folder cannot be read')]"
