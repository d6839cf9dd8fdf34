"""What is at a place, in lines: sizes as bars, folders, the largest files. Pure."""

from __future__ import annotations

from core.model import UNSIZED, Analysis, BatchAsk, Entry, Tally
from core.safe_text import safe_text
from core.units import format_bytes, format_count, short_count
from tui.names import short_name
from tui.widgets.curve import bar
from tui.widgets.spans import Line, Span, fitted

SIDE_BY_SIDE = 110  # cells from which sizes and folders stand beside each other


def lines_of(found: Analysis, width: int, ask: BatchAsk | None = None) -> list[Line]:
    """All of it, for a list `width` cells wide. With `ask`, files that no such disk holds are marked."""
    width -= 2  # the cursor's column and the scrollbar
    half = (width - 5) // 2
    if width >= SIDE_BY_SIDE:
        lines = _beside(sizes(found, half), folders(found, half), half)
    else:
        lines = [*sizes(found, width - 2), (), *folders(found, width - 2)]
    return [*lines, (), *largest(found, width - 2, ask), *_cannot(found, width)]


def sizes(found: Analysis, width: int) -> list[Line]:
    """The histogram: one line for each range of sizes that holds anything, bars by bytes."""
    lines: list[Line] = [((f"{'size of files':<17}{'files':>9}{'bytes':>11}   share of the bytes", "head"),)]
    most = max((tally.bytes for _, tally in found.histogram), default=0)
    below = 0
    for bound, tally in found.histogram:
        if tally.count:
            filled, rest = bar(tally.bytes, most, max(4, width - 48))
            share = f"{100 * tally.bytes / found.total.bytes:>5.1f} %" if found.total.bytes else ""
            lines.append(
                (
                    (f"{_range(below, bound):<17}", ""),
                    *_numbers(tally),
                    ("   ", ""),
                    (filled, "bar"),
                    (rest, "rest"),
                    (f" {share}", "quiet"),
                )
            )
        below = bound
    if found.unsized:
        lines.append(
            (
                (f"{'unknown':<17}", "warn"),
                (f"{format_count(found.unsized):>9}", ""),
                ("  not told beforehand", "quiet"),
            )
        )
    return lines


def folders(found: Analysis, width: int) -> list[Line]:
    """The folders directly below, most bytes first."""
    lines: list[Line] = [((f"{'by folder':<{max(10, width - 20)}}{'files':>9}{'bytes':>11}", "head"),)]
    for name, tally in found.folders:
        shown = short_name(name, max(9, width - 21)) or "(files here)"
        lines.append((*fitted([(shown, "")], max(10, width - 20)), *_numbers(tally)))
    if found.folders_left_out:
        lines.append(((f"and {format_count(found.folders_left_out)} more", "quiet"),))
    return lines


def largest(found: Analysis, width: int, ask: BatchAsk | None) -> list[Line]:
    """The largest files; those that no disk of `ask` holds in red."""
    lines: list[Line] = [((f"{'largest files':<{max(10, width - 11)}}{'bytes':>11}", "head"),)]
    return lines + [_file(entry, width, ask) for entry in found.largest]


def _file(entry: Entry, width: int, ask: BatchAsk | None) -> Line:
    too_large = ask is not None and entry.size > ask.space * ask.margin
    size = "unknown" if entry.size == UNSIZED else format_bytes(entry.size)
    note = "  on no such disk" if too_large else ""
    name = fitted(
        [(short_name(entry.key, max(9, width - 12 - len(note))), ""), (note, "bad")], max(10, width - 11)
    )
    return (*name, (f"{size:>11}", "bad" if too_large else ""))


def _cannot(found: Analysis, width: int) -> list[Line]:
    if not found.unlistable:
        return []
    lines: list[Line] = [(), ((f"{format_count(found.unlistable)} cannot be read", "warn"),)]
    for name, why in found.unlistable_examples:
        lines.append(((f"  {short_name(name, width // 2)}  ", ""), (safe_text(why, width // 2 - 4), "quiet")))
    return lines


def _range(below: int, bound: int) -> str:
    if not below:
        return f"below {format_bytes(bound)}" if bound else "all"
    if not bound:
        return f"from {format_bytes(below)}"
    return f"{_short(below)} – {_short(bound)}"


def _short(size: int) -> str:
    return format_bytes(size).replace(".0 ", " ")


def _numbers(tally: Tally) -> list[Span]:
    count = format_count(tally.count)
    return [
        (f"{count if len(count) <= 9 else short_count(tally.count):>9}", "quiet"),
        (f"{format_bytes(tally.bytes):>11}", ""),
    ]


def _beside(left: list[Line], right: list[Line], half: int) -> list[Line]:
    rows = max(len(left), len(right))
    left += [()] * (rows - len(left))
    right += [()] * (rows - len(right))
    return [(*fitted(one, half), ("    ", ""), *other) for one, other in zip(left, right, strict=True)]
