"""Every theme can be read: contrast by the numbers of WCAG 2.2, and which theme a terminal gets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.color import Color
from textual.theme import Theme

from tui.themes import DARK, IN_TURN, LIGHT, SIXTEEN, SIXTEEN_LIGHT, next_theme, theme_for

TEXT = ("quiet", "lead", "good", "warn", "bad", "key")
ENOUGH = 4.5  # 1.4.3, text
SIGNS = 3.0  # 1.4.11, what is no text: bars
GROUNDS = ("background", "surface", "panel")

# The colours of xterm, the plainest palette in use (XTerm-col.ad).
XTERM = {
    "black": "#000000", "red": "#cd0000", "green": "#00cd00", "yellow": "#cdcd00",
    "blue": "#0000ee", "magenta": "#cd00cd", "cyan": "#00cdcd", "white": "#e5e5e5",
    "bright_black": "#7f7f7f", "bright_red": "#ff0000", "bright_green": "#00ff00", "bright_yellow": "#ffff00",
    "bright_blue": "#5c5cff", "bright_magenta": "#ff00ff", "bright_cyan": "#00ffff", "bright_white": "#ffffff",
}  # fmt: skip


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
             for part in Color.parse(colour).normalized]  # fmt: skip
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def grounds(theme: Theme) -> Iterator[tuple[str, str]]:
    """What text stands on: name and colour."""
    for name in GROUNDS:
        yield name, str(getattr(theme, name))
    for name in ("row", "row-dim"):
        yield name, theme.variables[name]


def test_the_measure() -> None:
    """Black on white is 21, and a colour on itself 1: the ends that the standard names."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("look", ["foreground", *TEXT])
def test_contrast(theme: Theme, look: str) -> None:
    """Text in every look can be read on everything it stands on, the cursor's line too."""
    colour = str(theme.foreground) if look == "foreground" else theme.variables[look]
    for name, ground in grounds(theme):
        assert contrast(colour, ground) >= ENOUGH, f"{look} on {name}: {contrast(colour, ground):.2f}"


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_bars_stand_out(theme: Theme) -> None:
    """What is done stands out against what is left."""
    assert contrast(theme.variables["bar"], str(theme.background)) >= SIGNS
    assert contrast(theme.variables["bar"], theme.variables["bar-rest"]) >= 2


@pytest.mark.parametrize(("theme", "ground"), [(SIXTEEN, "#000000"), (SIXTEEN_LIGHT, "#ffffff")])
@pytest.mark.parametrize("look", TEXT)
def test_contrast_of_sixteen(theme: Theme, ground: str, look: str) -> None:
    """With xterm's own colours, each look can be read on the ground it is made for. Red on black is the one
    that no choice of ours mends: 3.6."""
    name = theme.variables[look].removeprefix("ansi_")
    colour = {"#000000": "#e5e5e5", "#ffffff": "#000000"}[ground] if name == "default" else XTERM[name]
    assert contrast(colour, ground) >= (3.5 if look == "bad" and theme is SIXTEEN else ENOUGH)


@pytest.mark.parametrize("theme", [SIXTEEN, SIXTEEN_LIGHT], ids=lambda theme: theme.name)
def test_sixteen_uses_no_other_colour(theme: Theme) -> None:
    """The terminal's own colours and nothing besides: no look is a number."""
    for name in (*TEXT, "rule", "bar", "bar-rest", "row", "row-dim", "border"):
        assert theme.variables[name].startswith("ansi_"), name


@pytest.mark.parametrize(
    ("system", "colorfgbg", "wanted", "name"),
    [
        ("truecolor", "", "auto", DARK.name),
        ("truecolor", "0;15", "auto", LIGHT.name),
        ("256", "15;default;0", "auto", DARK.name),
        ("standard", "", "auto", SIXTEEN.name),
        ("standard", "0;15", "auto", SIXTEEN_LIGHT.name),
        ("truecolor", "", "ansi", SIXTEEN.name),
        ("truecolor", "0;15", "ansi", SIXTEEN_LIGHT.name),
        ("truecolor", "0;15", "dark", DARK.name),
        ("standard", "", "light", LIGHT.name),
        (None, "", "auto", DARK.name),
    ],
)
def test_which_theme(system: str | None, colorfgbg: str, wanted: str, name: str) -> None:
    """The setting first, then what the terminal says of itself."""
    assert theme_for(system, colorfgbg, wanted) == name


@pytest.mark.parametrize("system", ["truecolor", "256", "standard", None])
@pytest.mark.parametrize("wanted", ["auto", *IN_TURN])
def test_no_color_never_gets_the_terminals_own(system: str | None, wanted: str) -> None:
    """NO_COLOR makes greys; of the terminal's own colours it would make black on black."""
    assert theme_for(system, "", wanted, no_color=True) in (DARK.name, LIGHT.name)


def test_the_turn() -> None:
    """Every theme comes in its turn, from whichever is shown."""
    shown, seen = DARK.name, []
    for _ in IN_TURN:
        seen.append(next_theme(shown))
        shown = theme_for("truecolor", "", seen[-1])
    assert sorted(seen) == sorted(IN_TURN)
    assert next_theme(SIXTEEN_LIGHT.name) == "dark"
