"""How one line of a system check is made."""

from __future__ import annotations

from typing import Literal

from core.messages import SystemCheckLine

Level = Literal["ok", "warn", "fail"]


def line(name: str, level: Level, detail: str, hint: str = "") -> SystemCheckLine:
    """`detail` and `hint` are safe to show."""
    return SystemCheckLine(name=name, level=level, detail=detail, hint=hint)
