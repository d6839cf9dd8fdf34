"""A line to type or paste into that draws nothing raw: what it holds may come from outside."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Input

_CONTROLS = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_OTHERS = "\N{REPLACEMENT CHARACTER}"


def shown(text: str) -> str:
    """`text` with a visible stand-in of one cell for each character that does not print. Character for
    character, so that the cursor stands where it edits."""
    if text.isprintable():
        return text
    pictures = text.translate(_CONTROLS)
    return "".join(char if char.isprintable() else _OTHERS for char in pictures)


class TextField(Input):
    """The value is what was typed or pasted; only the picture of it is made safe."""

    @property
    def _value(self) -> Text:
        if self.password:
            return super()._value
        text = Text(shown(self.value), no_wrap=True, overflow="ignore", end="")
        return self.highlighter(text) if self.highlighter is not None else text

    def _position_to_cell(self, position: int) -> int:
        return cell_len(shown(self.value[:position]))
