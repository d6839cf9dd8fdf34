"""The one gate for text from outside: keys, headers, messages of servers, before a screen, a terminal or a log.

An object's name may hold ESC sequences, line breaks, right-to-left overrides or invisible characters; printed
raw they move the cursor, forge lines or hide what a name really is. Everything of that kind is replaced by a
visible stand-in. The result has one line and prints as it reads. It is still plain text, not markup: widgets
must take it as text.
"""

from __future__ import annotations

from unicodedata import category, combining, east_asian_width

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
# Letters and marks that show nothing although their category says otherwise: combining grapheme joiner,
# Hangul fillers, Khmer inherent vowels, Mongolian and other variation selectors but U+FE0E/U+FE0F.
_INVISIBLE = (
    frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u180b\u180c\u180d\u180f")
    | {chr(code) for code in range(0xFE00, 0xFE0E)}
    | {chr(code) for code in range(0xE0100, 0xE01F0)}
)
_ELLIPSIS = "…"
_MOST_MARKS = 4  # combining marks on one character; more only climb over other lines


def safe_text(text: str, limit: int = 0) -> str:
    """`text` with everything that does not print replaced by something that does.

    C0 controls become their pictures (␛, ␊), all others `⟨U+202E⟩`. With `limit`, the result is at most that
    many terminal cells wide; what is too long loses its middle to "…".
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(_visible(text))
    if not limit or cell_width(text) <= limit:
        return text
    return _cut_middle(text, limit)


def cell_width(text: str) -> int:
    """Terminal cells that `text` takes, never less than a terminal uses (ambiguous cases count high)."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _visible(text: str) -> list[str]:
    shown: list[str] = []
    marks = 0
    for position, char in enumerate(text):
        kind = category(char)
        if kind in _HIDDEN or char in _INVISIBLE:
            shown.append(_stand_in(char))
            marks = 0
        elif combining(char) or kind in ("Mn", "Me"):
            marks += 1
            # A mark with nothing before it would sit on whatever the screen shows there.
            shown.append(_stand_in(char) if position == 0 or marks > _MOST_MARKS else char)
        elif kind == "Zs" and char != " ":
            shown.append(_stand_in(char))
            marks = 0
        else:
            shown.append(char)
            marks = 0
    return shown


def _stand_in(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"⟨U+{code:04X}⟩"


def _width(char: str) -> int:
    if char == "\ufe0f":  # asks for the emoji form, which is a cell wider than the text form
        return 1
    if category(char) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def _cut_middle(text: str, limit: int) -> str:
    room = limit - 1
    if room <= 0:
        return _ELLIPSIS[:limit]
    head_room = room - room // 2
    head, used = 0, 0
    while used + _width(text[head]) <= head_room:
        used += _width(text[head])
        head += 1
    tail, left = len(text), room - used
    while tail > head and (width := _width(text[tail - 1])) <= left:
        left -= width
        tail -= 1
    while tail < len(text) and _width(text[tail]) == 0:  # never begin with a mark: it would sit on the …
        tail += 1
    return text[:head] + _ELLIPSIS + text[tail:]
