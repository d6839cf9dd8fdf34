"""What a file system makes of names: found out by trying, and nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.stores.local import LocalFolder
from core.stores.local.rules import FolderRules, probe_folder
from tests.folding_disks import KINDS, folding_disk


def test_an_ordinary_file_system(tmp_path: Path) -> None:
    """Tells all names apart, refuses none, keeps times finely; the folder is as it was."""
    rules = probe_folder(tmp_path)
    assert (rules.folds, rules.rewrites, rules.refused, rules.trimmed) == (False, False, "", "")
    assert rules.name_max == 255
    assert rules.time_step <= 1.0
    assert rules.max_file > 1 << 32
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """Its nearest folder above answers, and nothing is made."""
    assert probe_folder(tmp_path / "not/made/yet").name_max == 255
    assert os.listdir(tmp_path) == []


def test_paths_are_as_long_as_the_kernel_takes_them(tmp_path: Path) -> None:
    """Below a deep folder there is less room: 4 096 bytes in all."""
    deep = tmp_path / "/".join(["d" * 250] * 14)
    rules = probe_folder(deep)
    assert rules.path_max == 4094 - len(str(deep))
    fits = "/".join(["n" * 100] * 2)
    assert rules.problem(fits) == ""
    assert rules.problem("/".join([fits] * 9)) == "path too long"


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """It is looked at instead; the limits are told all the same."""
    assert probe_folder(Path("/proc/self")).name_max <= 255


@pytest.mark.parametrize(
    ("rules", "key", "word"),
    [
        (FolderRules(refused=":?"), "a:b", '":"'),
        (FolderRules(refused="\x01"), "a\x01b", "control"),
        (FolderRules(trimmed=". "), "a./b", "dot or space"),
        (FolderRules(folds_case=True), ".Haulier/x", "partial files"),
        (FolderRules(name_max=10), "n" * 11, "10 bytes"),
        (FolderRules(), "a/../b", '".."'),
    ],
)
def test_problems_are_told_in_words(rules: FolderRules, key: str, word: str) -> None:
    """Which rule a name breaks is said."""
    assert word in rules.problem(key)


# ---------------------------------------------------------------- where case does not count


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_system_that_folds(tmp_path: Path, kind: str) -> None:
    """Letter case is found not to count, and the probe is gone."""
    with folding_disk(kind, tmp_path) as folder:
        rules = probe_folder(folder)
        assert rules.folds_case
        assert os.listdir(folder) == []
        if kind == "vfat":
            assert "?" in rules.refused
            assert (rules.trimmed, rules.time_step) == (". ", 2.0)
            assert rules.max_file == (1 << 32) - 1


# ---------------------------------------------------------------- making way


def test_a_folder_of_folders_makes_way_and_no_other(root: Path) -> None:
    """Empty folders go; one with a file or a link in it stays whole."""
    store = LocalFolder(root)
    (root / "hollow/a/b").mkdir(parents=True)
    (root / "hollow/c").mkdir()
    (root / "full/a/b").mkdir(parents=True)
    (root / "full/a/file").write_text("x")
    (root / "linked/a").mkdir(parents=True)
    (root / "linked/link").symlink_to("a")
    for name in ("hollow", "full", "linked", "not/there"):
        store.make_way(name)
    left = {str(path.relative_to(root)) for path in root.rglob("*")}
    assert left == {"full", "full/a", "full/a/b", "full/a/file", "linked", "linked/a", "linked/link"}
