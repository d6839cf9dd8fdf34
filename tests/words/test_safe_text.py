"""Nothing from outside reaches a terminal raw."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.safe_text import cell_width, safe_text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain name.bin", "plain name.bin"),
        ("\x1b[2Jx", "␛[2Jx"),
        ("a\nb\tc\r\0", "a␊b␉c␍␀"),
        ("\x7f", "␡"),
        ("\x9b31m", "⟨U+009B⟩31m"),
        ("photo\u202egnp.exe", "photo⟨U+202E⟩gnp.exe"),
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("a\u2028b\u2029", "a⟨U+2028⟩b⟨U+2029⟩"),
        ("a\u00a0b\u3000c", "a⟨U+00A0⟩b⟨U+3000⟩c"),
        ("x\udcff", "x⟨U+DCFF⟩"),
        ("x\U000e0041", "x⟨U+E0041⟩"),
        ("a\u3164", "a⟨U+3164⟩"),
        ("\u0301a", "⟨U+0301⟩a"),
        ("e\u0301", "e\u0301"),
        ("ключ 鍵 🔑", "ключ 鍵 🔑"),
        ("k[@click=app.boom]z", "k[@click=app.boom]z"),
    ],
)
def test_stand_ins(raw: str, shown: str) -> None:
    """Controls, bidi, invisible characters and lone surrogates become visible; letters stay."""
    assert safe_text(raw) == shown


@given(st.text(alphabet=st.characters()))
def test_result_prints(raw: str) -> None:
    """Whatever comes in, the result encodes, has one line and no control, format or surrogate character."""
    shown = safe_text(raw)
    shown.encode()
    assert shown.splitlines() in ([shown], [])
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert safe_text(shown) == shown


@given(st.text(alphabet=st.characters()), st.integers(1, 40))
def test_limit_holds(raw: str, limit: int) -> None:
    """The result is never wider than asked for, and what fits is not cut."""
    whole, cut = safe_text(raw), safe_text(raw, limit)
    assert cell_width(cut) <= limit
    if cell_width(whole) <= limit:
        assert cut == whole
    else:
        assert "…" in cut


def test_middle_is_cut() -> None:
    """Both ends of a long name stay readable."""
    assert safe_text("abcdefghijklmnop", 7) == "abc…nop"
    assert safe_text("鍵鍵鍵鍵鍵", 6) == "鍵…鍵"


def test_piled_up_marks_are_stopped() -> None:
    """Dozens of combining marks on one letter cannot paint over other lines."""
    assert sum(1 for char in safe_text("a" + "\u0301" * 50) if char == "\u0301") == 4
