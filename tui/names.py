"""Names of objects and files where there is too little room for them."""

from __future__ import annotations

from core.safe_text import cell_width, safe_text


def short_name(name: str, width: int) -> str:
    """`name`, made safe, in at most `width` cells. The end tells names apart: the last
    part of a path is kept whole where it fits, else it has the larger share."""
    safe = safe_text(name)
    if cell_width(safe) <= width:
        return safe
    if width < 8:
        return safe_text(name, width)
    last = safe[safe.rstrip("/").rfind("/") + 1 :]
    if cell_width(last) + 2 <= width:
        return f"{_cells(safe, width - 2 - cell_width(last))}…/{last}"
    head = _cells(safe, width // 4)
    tail = _cells(safe[::-1], width - 1 - cell_width(head))[::-1]
    return f"{head}…{tail}"


def _cells(text: str, width: int) -> str:
    """The start of `text` that takes at most `width` cells."""
    used = 0
    for position, character in enumerate(text):
        used += cell_width(character)
        if used > width:
            return text[:position]
    return text
