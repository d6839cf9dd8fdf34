"""What is known of the content of a place, as cells of a table and as a word of a heading."""

from __future__ import annotations

from core.safe_text import safe_text
from core.units import format_bytes, format_count, short_count
from tui.counting import Measurement
from tui.widgets.spans import Line

BYTES_WIDTH = 10
COUNT_WIDTH = 10


def amount_cells(measured: Measurement | None, counting: bool) -> dict[str, Line]:
    """The cells `bytes` and `count`: numbers, a lower bound, "counting…", or why it could not be counted."""
    if measured is not None and measured.trouble:
        return {"bytes": ((safe_text(measured.trouble, BYTES_WIDTH), "warn"),)}
    if measured is None or not measured.known:
        return {"bytes": (("counting…" if counting else "·", "quiet"),)}
    more = "" if measured.complete else "≥ "
    return {
        "bytes": ((more + format_bytes(measured.total.bytes), ""),),
        "count": ((_fitting(more, measured.total.count), "quiet"),),
    }


def bytes_words(known: int, unsized: int, *, complete: bool = True) -> str:
    """ "2.1 GiB", or "≥ 2.1 GiB, 300 files of unknown size" where somebody does not tell."""
    more = "" if complete and not unsized else "≥ "
    tail = f", {format_count(unsized)} {'file' if unsized == 1 else 'files'} of unknown size" if unsized else ""
    return f"{more}{format_bytes(known)}{tail}"


def _fitting(more: str, count: int) -> str:
    whole = more + format_count(count)
    return whole if len(whole) <= COUNT_WIDTH else more + short_count(count)
