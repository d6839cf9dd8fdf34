"""Where keys go in a folder: nothing is overwritten by another key, nothing leaves the folder, all are told."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.planning.escaping import original
from core.engine.planning.target_names import (
    FILE_THERE,
    FOLDER_THERE,
    LINK_THERE,
    OTHER_THERE,
    TWINS,
    TWO_AT_ONCE,
    TargetNames,
)
from core.stores.base import Metadata
from core.stores.local import LocalFolder
from core.stores.local.rules import FolderRules
from tests.hostile_names import HOSTILE, ORDER
from tests.hostile_names import TWINS as TWIN_NAMES

FOLDING = FolderRules(folds_case=True, folds_form=True)
FAT = FolderRules(folds_case=True, folds_form=True, refused='"*:<>?\\|', trimmed=". ", time_step=2.0)
SEGMENTS = ["a", "A", "b", "", ".", "..", "e\u0301", "é"]
KEYS = st.sets(
    st.one_of(
        st.text(alphabet="aA/.%é:", min_size=1, max_size=6),
        st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map("/".join),
    ).filter(bool),
    max_size=14,
)


def placed(names: TargetNames, keys: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Paths and problems by key, asked in the order of a plan. Keys that end in a slash have no bytes."""
    paths, problems = {}, {}
    for key in sorted(keys):
        found = names.place(key, 0 if key.endswith("/") else 1, listed=False)
        if found.problem:
            problems[key] = found.problem
        else:
            paths[key] = found.path
    return paths, problems


def carried_out(root: Path, paths: dict[str, str]) -> dict[str, bytes]:
    """What is in the folder after each key was written to its path."""
    store = LocalFolder(root)
    receipts = [
        store.put(path, b"" if path.endswith("/") else key.encode(), Metadata()) for key, path in paths.items()
    ]
    assert store.settle(receipts) == {}
    store.close()
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KEYS, st.sampled_from([FolderRules(), FOLDING, FAT]), st.booleans(), st.booleans())
def test_every_key_has_a_path_of_its_own(
    tmp_path: Path, keys: set[str], rules: FolderRules, escapes: bool, in_order: bool
) -> None:
    """Whatever keys meet, in order or not: paths that can be written all at once, none of them the same for the
    file system, each the name of its key or, escaped, reading back as it. With the escape no key is left
    out."""
    root = tmp_path / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    names = TargetNames(root, rules, escapes=escapes)
    if not in_order:
        names.out_of_order()
    paths, problems = placed(names, keys)
    names.close()
    assert set(paths) | set(problems) == keys
    assert not (escapes and problems), problems
    assert all(rules.problem(path) == "" for path in paths.values())
    folded = [rules.folded(path) for key, path in paths.items() if not key.endswith("/")]
    assert len(folded) == len(set(folded))
    for key, path in paths.items():
        assert path == key or (escapes and original(path) == key)
    files = carried_out(root, paths)
    assert sorted(files.values()) == sorted(key.encode() for key in paths if not key.endswith("/"))
    assert set(os.listdir(tmp_path)) == {"root"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KEYS, st.sampled_from([FolderRules(), FOLDING, FAT]))
def test_the_next_plan_finds_what_this_one_wrote(tmp_path: Path, keys: set[str], rules: FolderRules) -> None:
    """Asked again over the folder that the first plan filled, each key has the same path, and is found
    there."""
    root = tmp_path / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    first = TargetNames(root, rules, escapes=True)
    paths, _ = placed(first, keys)
    first.close()
    carried_out(root, paths)
    again = TargetNames(root, rules, escapes=True)
    listed = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    for key in sorted(keys):
        marker = key.endswith("/")
        found = again.place(key, 0 if marker else len(key.encode()), listed=key in listed)
        assert (found.path, found.problem) == (paths[key], "")
        assert marker or found.path in listed
        assert found.folder_is_there == marker
    assert {name for name in listed if again.is_used(name)} >= {
        paths[key] for key in keys if paths[key] in listed
    } - keys
    again.close()


def test_hostile_names_escaped(tmp_path: Path) -> None:
    """The whole table at once, with twins and names around the slash, on a file system that takes little."""
    for rules in (FolderRules(), FAT):
        root = tmp_path / f"root{rules.time_step}"
        root.mkdir()
        names = TargetNames(root, rules, escapes=True)
        keys = {*HOSTILE.values(), *TWIN_NAMES, *ORDER}
        paths, problems = placed(names, keys)
        assert problems == {}
        assert len(carried_out(root, paths)) == len({key for key in keys if not key.endswith("/")})
        names.close()


CASES = {
    "a folder where the file belongs": ("name", "folder", FOLDER_THERE),
    "a file where a folder is needed": ("name/x", "file", FILE_THERE),
    "a link where the file belongs": ("name", "link", LINK_THERE),
    "a link where a folder is needed": ("name/x", "link", LINK_THERE),
    "a link to a folder on the way": ("deep/name/x", "link", LINK_THERE),
    "a pipe where the file belongs": ("name", "pipe", OTHER_THERE),
    "a pipe where a folder is needed": ("name/x", "pipe", OTHER_THERE),
    "a file where a folder marker belongs": ("name/", "file", FILE_THERE),
}


@pytest.mark.parametrize(("key", "there", "problem"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("rules", [FolderRules(), FOLDING], ids=["exact", "folding"])
def test_what_is_on_the_disk_already(
    tmp_path: Path, rules: FolderRules, key: str, there: str, problem: str
) -> None:
    """It is told, with its name, and nothing goes through it; escaped, the key goes beside it."""
    root = tmp_path / "root"
    way = root / key.rpartition("name")[0] / "name"
    way.parent.mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    match there:
        case "folder":
            way.mkdir()
        case "file":
            way.write_text("mine")
        case "link":
            way.symlink_to(tmp_path / "outside")
        case _:
            os.mkfifo(way)
    size = 0 if key.endswith("/") else 1
    told = TargetNames(root, rules, escapes=False).place(key, size, listed=False)
    assert (told.problem, told.blocker) == (problem, str(way.relative_to(root)))
    beside = TargetNames(root, rules, escapes=True).place(key, size, listed=False)
    assert beside.problem == ""
    assert original(beside.path) == key
    carried_out_beside = carried_out(root, {key: beside.path}) if there != "pipe" else {}
    assert not carried_out_beside or beside.path.endswith("/") or beside.path in carried_out_beside
    assert os.listdir(tmp_path / "outside") == []


def test_twins_where_the_file_system_tells_them_apart(tmp_path: Path) -> None:
    """On an ordinary Linux file system letter case and Unicode form make different files: both arrive."""
    names = TargetNames(tmp_path, FolderRules(), escapes=False)
    paths, problems = placed(names, set(TWIN_NAMES))
    assert problems == {}
    assert paths == {name: name for name in TWIN_NAMES}


def test_twins_where_it_does_not(tmp_path: Path) -> None:
    """The first has its name, the second is told; also twins of a folder, and of what is on the disk
    already."""
    (tmp_path / "There").mkdir()
    (tmp_path / "There/File").write_text("x")
    names = TargetNames(tmp_path, FOLDING, escapes=False)
    keys = {
        "README",
        "readme",
        "Dir/a",
        "dir/b",
        "caf\u00e9",
        "cafe\u0301",
        "There/File",
        "There/file",
        "there/c",
    }
    paths, problems = placed(names, keys)
    assert problems == dict.fromkeys(["readme", "dir/b", "caf\u00e9", "There/file", "there/c"], TWINS)
    assert set(paths) == keys - set(problems)


def test_a_file_and_a_folder_at_once(tmp_path: Path) -> None:
    """Of the source itself, where other names lie between the two."""
    names = TargetNames(tmp_path, FolderRules(), escapes=False)
    _, problems = placed(names, {"a", "a!", "a-b", "a.", "a/", "a/b", "a/b/c", "a0"})
    assert problems == dict.fromkeys(["a/", "a/b", "a/b/c"], TWO_AT_ONCE)


def test_the_limits_of_the_folder_itself(tmp_path: Path) -> None:
    """Names as long as this file system takes them, paths as long as the kernel takes them below this
    folder."""
    rules = FolderRules(name_max=100, path_max=400)
    told = TargetNames(tmp_path, rules, escapes=False)
    assert told.place("n" * 100, 1, listed=False).problem == ""
    assert "name longer than 100 bytes" in told.place("n" * 101, 1, listed=False).problem
    assert "path too long" in told.place("/".join(["n" * 99] * 5), 1, listed=False).problem
    escaped = TargetNames(tmp_path, rules, escapes=True)
    assert escaped.place("n" * 101, 1, listed=False).problem == ""
    assert "path too long" in escaped.place("n" * 500, 1, listed=False).problem


def test_long_names_alike_at_the_beginning(tmp_path: Path) -> None:
    """Names that only differ in their last byte have partial files of their own."""
    store = LocalFolder(tmp_path, "writer")
    names = ["n" * 254 + last for last in "ab"]
    receipts = [store.put(name, name.encode(), Metadata()) for name in names]
    assert store.settle(receipts) == {}
    listed = [entry.key for page in store.pages("", cancelled=threading.Event()) for entry in page]
    assert listed == names
    assert [(tmp_path / name).read_text() for name in names] == names
