"""The newest lines of the log, as many as there is room for."""

from __future__ import annotations

import time

from core.model import Level, Notice
from core.safe_text import safe_text
from tui.widgets.spans import LineWidget, Span

LEVEL_LOOKS = {Level.WARNING: "warn", Level.INFO: "", Level.DEBUG: "quiet"}


def notice_line(notice: Notice, width: int) -> list[Span]:
    at = time.strftime("%H:%M:%S", time.localtime(notice.at))
    about = f"job {notice.job}" if notice.job else "engine"
    mark = "!" if notice.level is Level.WARNING else " "
    return [
        (f" {at} ", "quiet"),
        (f"{mark} ", "warn"),
        (f"{about:<8}", "quiet"),
        (safe_text(notice.text, max(10, width - 21)), LEVEL_LOOKS[notice.level]),
    ]


class Notices(LineWidget):
    def __init__(self) -> None:
        super().__init__()
        self._notices: tuple[Notice, ...] = ()

    def show(self, notices: tuple[Notice, ...]) -> None:
        self._notices = tuple(notice for notice in notices[-60:] if notice.level is not Level.DEBUG)
        if self.styles.height is None or self.styles.height.value != len(self._notices):
            self.styles.height = len(self._notices)  # the style sheet sets the most
        self.redraw()

    def lines(self, width: int, height: int) -> list[list[Span]]:
        newest = self._notices[-height:] if height else ()
        return [notice_line(notice, width) for notice in newest]
