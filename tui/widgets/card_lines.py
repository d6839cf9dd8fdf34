"""A capability card in a few lines, for the space below a list or a form."""

from __future__ import annotations

from core.capability_card import UNKNOWN, CapabilityCard, age_words, summary
from tui.widgets.heading import wrapped
from tui.widgets.spans import Line


def card_lines(name: str, card: CapabilityCard | None, now: float, width: int) -> list[Line]:
    """What works, what is missing and how that is made up for, what is not known. `name` is safe to show."""
    if card is None:
        return [((f" {name}: what this service can do is {UNKNOWN}", "quiet"),)]
    works, _, unknown = summary(card)
    lines: list[Line] = [((f" {name} can, as far as seen", "lead"), (f"   {age_words(card, now)}", "quiet"))]
    if works:
        lines += _listed("✓", "good", works, width)
    lines += missing_lines(card, width)
    if unknown:
        lines += _listed("–", "quiet", f"{UNKNOWN}: {unknown}", width)
    return lines


def missing_lines(card: CapabilityCard, width: int) -> list[Line]:
    """Only what this service lacks; empty when nothing is known to be missing."""
    _, missing, _ = summary(card)
    return _listed("!", "warn", missing, width) if missing else []


def _listed(sign: str, look: str, words: str, width: int) -> list[Line]:
    first, *rest = wrapped(words, width, "quiet" if look == "quiet" else "", indent="    ")
    ((text, words_look),) = first
    return [((f"  {sign}", look), (text[3:], words_look)), *rest]
