"""Listings: in key order, regular files only, the rest told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FileTrouble, NotFound, TransferError
from core.model import Entry
from core.stores.local import LocalFolder, name_problem
from tests.stores.local.using import NEVER, listed


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
        "pipe": "named pipe, not copied",
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
    top = Path(__file__).resolve().parents[3]
    said = subprocess.run(
        [sys.executable, "-c", script, str(root)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(top)},
        check=True,
    ).stdout
    assert said.strip() == "['open/f'] True [('shut/', 'folder cannot be read')]"
