"""All jobs together: the curve of the last minutes and what holds it back."""

from __future__ import annotations

from core.units import format_bytes, format_count, format_rate
from tui.state import Link, ViewState
from tui.widgets.curve import curve
from tui.widgets.spans import LineWidget, Span, fitted, width_of


class Totals(LineWidget):
    def __init__(self) -> None:
        super().__init__()
        self._view = ViewState()

    def show(self, view: ViewState) -> None:
        self._view = view
        self.redraw()

    def lines(self, width: int, height: int) -> list[list[Span]]:
        view = self._view
        live = view.link is Link.UP
        right: list[Span] = [("  ", "")]
        running = [job for job in view.running_jobs if live]
        right.append((format_rate(view.rate) if running else "–", "lead" if running else "quiet"))
        right += [("  peak ", "quiet"), (format_rate(max(view.rates, default=0.0)), "")]
        right += unusual(view, [job.id for job in running])
        right.append((" ", ""))
        room = max(8, min(width - width_of(right) - 8, 300))
        drawn = curve(view.rates, room, height)
        lines: list[list[Span]] = []
        for row, text in enumerate(drawn):
            last = row == len(drawn) - 1
            left: list[Span] = [(" total " if last else "       ", "quiet"), (text, "bar")]
            lines.append(fitted([*left, *(right if last else [])], width))
        return lines


def unusual(view: ViewState, running: list[int]) -> list[Span]:
    """A limit, throttling, retries: only what there is."""
    spans: list[Span] = []
    limit = sum(view.progress[job].bandwidth for job in running if job in view.progress)
    if limit:
        spans += [("  limit ", "quiet"), (f"{format_bytes(limit)}/s", "")]
    counts = [view.counts(job) for job in view.active_jobs]
    for word, number in (
        ("throttled", sum(count.throttled for count in counts)),
        ("retries", sum(count.retries for count in counts)),
    ):
        if number:
            spans += [(f"  {word} ", "quiet"), (format_count(number), "warn")]
    return spans
