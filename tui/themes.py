"""The looks of the program: a calm dark theme, a light one, and the 16 colours of the terminal, dark or light.

Every theme defines the same few variables, and the style sheet uses nothing else for text:
`quiet` (secondary text), `rule` (thin lines), `lead` (what one looks for), `good`, `warn`, `bad`,
`bar` and `bar-rest` (progress), `row` (the cursor's line) and `row-dim` (the same without the focus).
"""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="haulier-dark",
    primary="#7aa2c9",
    secondary="#8fa8a0",
    warning="#d9ae63",
    error="#e28383",
    success="#8fbf8a",
    accent="#7aa2c9",
    foreground="#cdd3da",
    background="#14171b",
    surface="#191d22",
    panel="#20252b",
    dark=True,
    variables={
        "quiet": "#939da8",
        "rule": "#343b44",
        "lead": "#e9edf2",
        "good": "#8fbf8a",
        "warn": "#d9ae63",
        "bad": "#e28383",
        "key": "#8db4da",
        "bar": "#5f8fbd",
        "bar-rest": "#2c333b",
        "row": "#2a3440",
        "row-dim": "#20262d",
        "border": "#4a5561",
        "border-blurred": "#343b44",
        "input-cursor-background": "#cdd3da",
        "input-selection-background": "#3a4c60",
        "block-cursor-background": "#2a3440",
        "block-cursor-foreground": "#e9edf2",
        "block-cursor-text-style": "none",
        "scrollbar": "#343b44",
        "scrollbar-hover": "#4a5561",
        "scrollbar-active": "#5f8fbd",
        "scrollbar-background": "#14171b",
        "scrollbar-background-hover": "#14171b",
        "scrollbar-background-active": "#14171b",
        "scrollbar-corner-color": "#14171b",
    },
)

LIGHT = Theme(
    name="haulier-light",
    primary="#2f6295",
    secondary="#4d6b62",
    warning="#835800",
    error="#a83232",
    success="#2f7030",
    accent="#2f6295",
    foreground="#2b3036",
    background="#f7f7f4",
    surface="#efefeb",
    panel="#e6e6e1",
    dark=False,
    variables={
        "quiet": "#5b636c",
        "rule": "#cfcfc8",
        "lead": "#0d1013",
        "good": "#2f7030",
        "warn": "#835800",
        "bad": "#a83232",
        "key": "#2f6295",
        "bar": "#4a82b8",
        "bar-rest": "#dadad3",
        "row": "#d5e0ea",
        "row-dim": "#e6e9ea",
        "border": "#a9afb5",
        "border-blurred": "#cfcfc8",
        "input-cursor-background": "#2b3036",
        "input-selection-background": "#bcd2e8",
        "block-cursor-background": "#d5e0ea",
        "block-cursor-foreground": "#0d1013",
        "block-cursor-text-style": "none",
        "scrollbar": "#cfcfc8",
        "scrollbar-hover": "#a9afb5",
        "scrollbar-active": "#4a82b8",
        "scrollbar-background": "#f7f7f4",
        "scrollbar-background-hover": "#f7f7f4",
        "scrollbar-background-active": "#f7f7f4",
        "scrollbar-corner-color": "#f7f7f4",
    },
)

_ANSI = BUILTIN_THEMES["ansi-dark"]

SIXTEEN = Theme(
    name="haulier-16",
    primary="ansi_cyan",
    secondary="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    ansi=True,
    variables=_ANSI.variables
    | {
        "quiet": "ansi_default",
        "rule": "ansi_bright_black",
        "lead": "ansi_default",
        "good": "ansi_green",
        "warn": "ansi_yellow",
        "bad": "ansi_red",
        "key": "ansi_cyan",
        "bar": "ansi_cyan",
        "bar-rest": "ansi_bright_black",
        "row": "ansi_blue",
        "row-dim": "ansi_default",
        "border": "ansi_bright_black",
    },
)

# On white, the yellow, green and cyan of most terminals cannot be read.
SIXTEEN_LIGHT = Theme(
    name="haulier-16-light",
    primary="ansi_blue",
    secondary="ansi_blue",
    warning="ansi_magenta",
    error="ansi_red",
    success="ansi_blue",
    accent="ansi_blue",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=False,
    ansi=True,
    variables=BUILTIN_THEMES["ansi-light"].variables
    | {
        "quiet": "ansi_default",
        "rule": "ansi_bright_black",
        "lead": "ansi_default",
        "good": "ansi_blue",
        "warn": "ansi_magenta",
        "bad": "ansi_red",
        "key": "ansi_blue",
        "bar": "ansi_blue",
        "bar-rest": "ansi_bright_black",
        "row": "ansi_white",
        "row-dim": "ansi_default",
        "border": "ansi_bright_black",
    },
)

THEMES = (DARK, LIGHT, SIXTEEN, SIXTEEN_LIGHT)
IN_TURN = ("dark", "light", "ansi")  # as the setting `theme` calls them


def theme_for(color_system: str | None, colorfgbg: str, wanted: str = "auto", *, no_color: bool = False) -> str:
    """The name of the theme to show, by the setting `theme`, or by what is known of the terminal. `colorfgbg`
    is the variable that some terminals set: "15;0", "0;default;15". With NO_COLOR Textual makes greys of a
    theme's colours, and black on black of the terminal's own: then those are not taken."""
    if no_color and (wanted == "ansi" or color_system == "standard"):
        wanted, color_system = ("auto" if wanted == "ansi" else wanted), "256"
    on_light = colorfgbg.rpartition(";")[2] in {"7", "15"}
    if wanted == "ansi" or (wanted == "auto" and color_system == "standard"):
        return SIXTEEN_LIGHT.name if on_light else SIXTEEN.name
    if wanted == "auto":
        return LIGHT.name if on_light else DARK.name
    return LIGHT.name if wanted == "light" else DARK.name


def next_theme(shown: str) -> str:
    """The setting that comes after the theme that is shown."""
    now = {DARK.name: "dark", LIGHT.name: "light"}.get(shown, "ansi")
    return IN_TURN[(IN_TURN.index(now) + 1) % len(IN_TURN)]
