"""The screen in ASCII: nothing else gets through, and nothing moves."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from tui.ascii_signs import ascii_only, in_ascii

TUI = Path(__file__).parents[2] / "tui"


def test_every_sign_of_the_program_has_another() -> None:
    """Signs that the program itself draws become something that reads; "?" is left to names."""
    used = {char for file in TUI.rglob("*.py") for char in file.read_text() if not char.isascii()}
    without = {char for char in used if in_ascii(char) == "?"}
    assert without <= set("ä\N{REPLACEMENT CHARACTER}␛"), without


@pytest.mark.parametrize(
    "text", ["plain", "─━┈ ▁▂▃▄▅▆▇█", "漢字テキスト.bin", "a\u0301b", "✓ ‖ ⏎ → …", "\x1b[31m●\x1b[0m"]
)
def test_as_wide_as_before(text: str) -> None:
    """Cell for cell, or what stands behind would move."""
    plain = in_ascii(text)
    assert plain.isascii()
    assert cell_len(plain) == cell_len(text)


@pytest.mark.parametrize(
    ("wanted", "environ", "ascii_"),
    [
        ("auto", {}, False),
        ("auto", {"LANG": "C.UTF-8"}, False),
        ("auto", {"LANG": "de_DE.utf8@euro"}, False),
        ("auto", {"LANG": "C"}, False),
        ("auto", {"LANG": "de_DE.ISO-8859-1"}, True),
        ("auto", {"LANG": "de_DE.ISO-8859-15@euro", "LC_CTYPE": "C.UTF-8"}, True),
        ("auto", {"LANG": "de_DE.ISO-8859-1", "LC_ALL": "en_US.UTF-8"}, False),
        ("auto", {"LANG": "en_US.UTF-8", "LC_CTYPE": "ja_JP.eucJP"}, True),
        ("auto", {"LANG": "C.UTF-8", "TERM": "vt100"}, True),
        ("unicode", {"LANG": "de_DE.ISO-8859-1"}, False),
        ("ascii", {"LANG": "C.UTF-8"}, True),
    ],
)
def test_when(wanted: str, environ: dict[str, str], ascii_: bool) -> None:
    """The setting decides; "auto" asks the locale and the kind of terminal."""
    assert ascii_only(wanted, environ) is ascii_
