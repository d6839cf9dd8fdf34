"""The first line of every screen: the program, where one is, the engine, and the free disk."""

from __future__ import annotations

from core.safe_text import safe_text
from core.units import format_bytes
from tui import clock
from tui.state import Link, ViewState
from tui.widgets.spans import LineWidget, Span, ends, width_of

DAY = 86400
TOOL_CELLS = 24


def short_age(seconds: float) -> str:
    """How long something has been up, in two letters' precision: "40 s", "3 h", "12 d"."""
    for size, unit in ((DAY, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(0, seconds))} s"


def engine_spans(view: ViewState, *, now: float, wide: bool) -> list[Span]:
    """The engine in a few words. `now` is UTC seconds."""
    match view.link:
        case Link.UP if view.status is not None:
            word, look = ("stopping", "warn") if view.draining else ("", "good")
            spans: list[Span] = [("engine ", "quiet"), ("●", look)]
            spans.append((f" {word}" if word else f" pid {view.status.pid}", "quiet" if not word else look))
            if wide:
                spans.append((f"  up {short_age(now - view.status.started)}", "quiet"))
                if view.status.memory:
                    spans.append((f"  {format_bytes(view.status.memory)}", "quiet"))
            return spans
        case Link.AWAY:
            return [("engine ", "quiet"), ("○ away", "bad")]
        case _:
            return [("engine ", "quiet"), ("◌ starting", "warn")]


class TopLine(LineWidget):
    """Shows `crumb` (what this screen is) at the left, after `tool`: what a launcher calls the program."""

    def __init__(self, crumb: str = "", tool: str = "") -> None:
        super().__init__()
        self._view = ViewState()
        self.crumb = crumb
        self._tool = safe_text(tool, TOOL_CELLS)

    def show(self, view: ViewState) -> None:
        self._view = view
        self.redraw()

    def lines(self, width: int, height: int) -> list[list[Span]]:
        view = self._view
        left: list[Span] = [(" haulier", "lead")]
        if self._tool and width >= 100:
            left.append((f"  {self._tool}", "quiet"))
        elif self._tool:
            left = [(f" {self._tool}", "lead")]
        if self.crumb:
            left += [("  ›  ", "rule"), (safe_text(self.crumb, max(10, width - 50)), "")]
        right = engine_spans(view, now=clock.now(), wide=width >= 100)
        for disk in view.disks[: 1 if width < 120 else 3]:
            low = disk.free < disk.total // 10
            right += [
                (f"   disk {safe_text(disk.path, 24)} ", "quiet"),
                (f"{format_bytes(disk.free)} free", "warn" if low else "quiet"),
            ]
        right.append((" ", ""))
        if width_of(right) > width - 12:
            right = engine_spans(view, now=clock.now(), wide=False)
        return [ends(left, right, width)]
