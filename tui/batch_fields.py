"""The wish for several disks as fields of a form, and back."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from core.model import Analysis, BatchAsk
from core.units import format_count, parse_size, size_text
from tui.widgets.form import Ask

ONE, SEVERAL = "one", "several"
DEFAULT_MARGIN = 0.9
LEAST_MARGIN = 0.1


def asks(now: BatchAsk | None) -> list[Ask]:
    """The fields, filled with this wish."""
    return [
        Ask(
            "disks",
            "disks",
            _DISKS_MEAN[SEVERAL if now else ONE],
            SEVERAL if now else ONE,
            ((ONE, "one"), (SEVERAL, "several, in batches")),
            more="For data larger than the disk: batches that fit, one disk after the other, each proven.",
        ),
        Ask(
            "space",
            "space of a disk",
            "free on each, like 1TB or 900GiB",
            size_text(now.space) if now else "",
            placeholder="1TB",
            more="What is free on each of the disks before anything is written there.",
        ),
        Ask(
            "margin",
            "of that filled",
            "0.9: a tenth stays free",
            str(now.margin) if now else str(DEFAULT_MARGIN),
            placeholder=str(DEFAULT_MARGIN),
            more="The share of that space that a batch may take; file systems need some for themselves.",
        ),
        Ask(
            "inodes",
            "files on a disk",
            "at most; empty: no limit",
            str(now.inodes) if now and now.inodes else "",
            placeholder="no limit",
            more="File systems hold only so many files (df -i). Folders count, too.",
        ),
    ]


_DISKS_MEAN = {ONE: "all goes to the one target", SEVERAL: "packed into batches that fit"}
NAMES = ("disks", "space", "margin", "inodes")


def fields_for(values: Mapping[str, str]) -> tuple[str, ...]:
    """The fields that mean something now."""
    return NAMES if values.get("disks") == SEVERAL else NAMES[:1]


def meaning(name: str, value: str) -> str:
    """What a choice means at its present value; empty when its standing words do."""
    return _DISKS_MEAN[value] if name == "disks" else ""


def read(values: Mapping[str, str], before: BatchAsk | None = None) -> tuple[BatchAsk | None, dict[str, str]]:
    """The wish typed, None for one disk; and by field name what is wrong, in words. What has no field is as it
    was `before`."""
    if values.get("disks") != SEVERAL:
        return None, {}
    wrong: dict[str, str] = {}
    space, margin, inodes = 0, DEFAULT_MARGIN, 0
    try:
        space = parse_size(values.get("space", "").strip())
    except ValueError:
        space = 0
    if space <= 0:
        wrong["space"] = "like 1TB or 900GiB"
    try:
        margin = float(values.get("margin", "").strip() or DEFAULT_MARGIN)
    except ValueError:
        margin = 0.0
    if not LEAST_MARGIN <= margin <= 1:
        wrong["margin"] = f"from {LEAST_MARGIN} to 1"
    text = values.get("inodes", "").strip()
    if text.isdecimal() and text.isascii() and int(text) > 0:
        inodes = int(text)
    elif text:
        wrong["inodes"] = "a number, or empty"
    if wrong:
        return None, wrong
    return structs.replace(before or BatchAsk(space=space), space=space, margin=margin, inodes=inodes), wrong


def guess(found: Analysis, ask: BatchAsk) -> str:
    """How many disks that may take, from the bytes alone: packing tells for certain."""
    room = int(ask.space * ask.margin)
    if not found.total.bytes or room <= 0:
        return ""
    by_bytes = -(-found.total.bytes // room)
    by_files = -(-found.total.count // ask.inodes) if ask.inodes else 0
    count = max(by_bytes, by_files)
    more = "≥ " if not found.complete or found.unsized else "at least "
    return f"{more}{format_count(count)} {'disk' if count == 1 else 'disks'}"
