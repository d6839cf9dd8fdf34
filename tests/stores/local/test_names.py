"""Which keys are paths: what is possible is stored as it is, what is not leads nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import TransferError
from core.stores.base import Metadata
from core.stores.local import LocalFolder, name_problem
from tests.stores.local.using import put, stored

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
