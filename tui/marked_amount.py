"""What is marked in a tree of folders, in words: files by their size, folders as far as they were counted."""

from __future__ import annotations

from collections.abc import Mapping

from core.units import format_count
from tui.counting import Measurement
from tui.level_tree import LevelTree
from tui.widgets.amounts import bytes_words


def folders_to_count(tree: LevelTree) -> list[str]:
    """The marked folders, by their paths below the root."""
    return [
        level.path + name
        for level in tree.marked()
        for name in (level.sum.folder_names if level.sum is not None else ())
    ]


def amount_words(tree: LevelTree, measured: Mapping[str, Measurement]) -> str:
    """ "3 marked: 1 204 files, 2.1 GiB"; without amounts while none are known; empty without marks."""
    marked = list(tree.marked())
    if not marked:
        return ""
    count = format_count(tree.count)
    sums = [level.sum for level in marked if level.sum is not None]
    if len(sums) < len(marked):
        return f"{count} marked"
    folders = folders_to_count(tree)
    known = [measured.get(name) for name in folders]
    whole = (
        all(level.fresh_sum is not None for level in marked)
        and len(folders) == sum(one.folders for one in sums)
        and all(one is not None and one.complete for one in known)
    )
    files = sum(one.files for one in sums) + sum(one.total.count for one in known if one is not None)
    size = sum(one.bytes for one in sums) + sum(one.total.bytes for one in known if one is not None)
    at_least = "" if whole else "≥ "
    files_word = "file" if files == 1 and whole else "files"
    unsized = sum(one.unsized for one in sums)
    return (
        f"{count} marked: {at_least}{format_count(files)} {files_word}, "
        f"{bytes_words(size, unsized, complete=whole)}"
    )
