"""The same screen in ASCII, for terminals that show nothing else: each sign by one that takes as many cells.

Everything passes here on its way to the terminal: borders, bars, curves, scrollbars, and names too. What of a
name is not ASCII becomes "?".
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import get_character_cell_size

_SIGNS = {
    **dict.fromkeys("─━┈╌╴╶╸╺╼╾—–−‒―‾▁▔", "-"),
    **dict.fromkeys("│┃║╎▏▎▍▌▐▕‖❘¦", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝┏┓┗┛┠┨", "+"),
    **dict.fromkeys("▂", "."),
    **dict.fromkeys("▃", ":"),
    **dict.fromkeys("▄", "-"),
    **dict.fromkeys("▅", "="),
    **dict.fromkeys("▆", "+"),
    **dict.fromkeys("▇", "*"),
    **dict.fromkeys("█▊▉▋▀■", "#"),
    **dict.fromkeys("░▒▓", ":"),
    **dict.fromkeys("✓✔", "v"),
    **dict.fromkeys("✗✘×", "x"),
    **dict.fromkeys("●◉•◍", "*"),
    **dict.fromkeys("○◌◦", "o"),
    **dict.fromkeys("·", "."),
    **dict.fromkeys("…⋯", "~"),
    **dict.fromkeys("→▶►▸›≥»", ">"),
    **dict.fromkeys("←◀◄◂‹≤«", "<"),
    **dict.fromkeys("↑⇧▲", "^"),
    **dict.fromkeys("↓▼", "v"),
    **dict.fromkeys("“”„‟″", '"'),
    **dict.fromkeys("‘’‚′", "'"),
    "⊘": "x",
    "▤": "#",
    "⏎": "<",
    "⌫": "<",
    "⟳": "r",
    "≠": "!",
    "±": "~",
    "≈": "~",
    "␛": "?",
    "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ",
    "\N{THIN SPACE}": " ",
}
_TABLE = {ord(sign): plain for sign, plain in _SIGNS.items()}
_PYTHONS_OWN = ("LC_CTYPE", "C.UTF-8")  # set by Python itself where it does not know the locale (PEP 538)


def in_ascii(text: str) -> str:
    """`text` in ASCII, as many cells wide."""
    if text.isascii():
        return text
    known = text.translate(_TABLE)
    if known.isascii():
        return known
    return "".join(char if char.isascii() else "?" * get_character_cell_size(char) for char in known)


def ascii_only(wanted: str, environ: Mapping[str, str]) -> bool:
    """Whether the screen is drawn in ASCII. `wanted` is the setting; with "auto" it is so in a terminal from
    the time of the VT100, and where the locale names another character set than UTF-8. "C" names none."""
    if wanted != "auto":
        return wanted == "ascii"
    if environ.get("TERM", "").startswith("vt"):
        return True
    # The first one that is set counts (POSIX, 8.2 Internationalization Variables).
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        locale = environ.get(name, "")
        if locale and (name, locale) != _PYTHONS_OWN:
            characters = locale.partition("@")[0].partition(".")[2].lower()
            return characters not in ("", "utf8", "utf-8")
    return False
