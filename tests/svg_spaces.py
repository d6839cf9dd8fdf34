"""Makes exported pictures read the same everywhere.

Textual writes leading and trailing blanks into the text elements of its SVG; some renderers drop them and
stretch what is left. Here each text element is moved and shortened to the characters that can be seen.
"""

from __future__ import annotations

import re

_TEXT = re.compile(
    r'<text (?P<before>class="[^"]*") x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="(?P<length>[\d.]+)"'
    r"(?P<after>[^>]*)>(?P<text>[^<]*)</text>"
)
_BLANK = "&#160;"
_CHARACTER = re.compile(r"&[#\w]+;|.", re.DOTALL)


def with_tight_text(svg: str) -> str:
    """The same picture; blanks at the ends of text elements are left out."""
    return _TEXT.sub(_tightened, svg)


def _tightened(match: re.Match[str]) -> str:
    characters = _CHARACTER.findall(match["text"])
    lead = next((i for i, character in enumerate(characters) if character != _BLANK), len(characters))
    trail = next((i for i, character in enumerate(reversed(characters)) if character != _BLANK), 0)
    seen = characters[lead : len(characters) - trail]
    if not seen:
        return ""
    cell = float(match["length"]) / len(characters)
    x = float(match["x"]) + lead * cell
    length = len(seen) * cell
    return (
        f'<text {match["before"]} x="{x:g}" y="{match["y"]}" textLength="{length:g}"{match["after"]}>'
        f"{''.join(seen)}</text>"
    )
