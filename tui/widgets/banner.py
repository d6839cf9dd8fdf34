"""The line under the first one that appears only when something about the engine is not as it should be."""

from __future__ import annotations

from core.safe_text import safe_text
from tui import clock
from tui.keys import key_of
from tui.state import Link, ViewState
from tui.widgets.spans import LineWidget, Span

Note = tuple[Span, ...]


def notes_of(view: ViewState, own_build: str, now: float) -> list[Note]:
    """What must be said about the line and the engine. `now` is monotonic. Empty when all is well."""
    match view.link:
        case Link.CONNECTING:
            return []
        case Link.STARTING:
            return [((" ◌ Starting the engine …", "warn"),)]
        case Link.AWAY:
            return _away(view, now)
        case Link.UP:
            return [*_up(view, own_build, now)]


def _away(view: ViewState, now: float) -> list[Note]:
    wait = max(0, round(view.retry_at - now))
    again = f"looking again in {wait} s" if wait else "looking now …"
    gone = " ○ Engine gone." if view.hello is not None else " ○ No engine."
    first: Note = (
        (gone, "bad"),
        (" Jobs are safe in the journal. ", ""),
        (key_of("restart_engine"), "key"),
        (" starts it again.", ""),
    )
    return [first, ((f"   {again} · {safe_text(view.reason)}", "quiet"),)]


def _up(view: ViewState, own_build: str, now: float) -> list[Note]:
    notes: list[Note] = []
    if view.draining:
        notes.append(
            ((" ‖ The engine is stopping: parts in flight are finished, the rest resumes later.", "warn"),)
        )
    if silence := view.silent_for(now):
        notes.append(((f" ◌ No news for {int(silence)} s.", "warn"), (" What you see is from then.", "quiet")))
    if build := view.other_build(own_build):
        both = f"{safe_text(build, 20)}, this screen is {own_build}"
        notes.append(((f" ! The engine is of another build: {both}", "warn"),))
        notes.append((('   "haulier engine stop --drain" ends it; the next start is of this build.', "quiet"),))
    return notes


class Banner(LineWidget):
    """Takes no room while there is nothing to say."""

    def __init__(self, own_build: str) -> None:
        super().__init__()
        self._own_build = own_build
        self._view = ViewState()

    def show(self, view: ViewState) -> None:
        self._view = view
        notes = notes_of(view, self._own_build, clock.monotonic())
        self.styles.height = len(notes)
        self.display = bool(notes)
        self.redraw()

    def lines(self, width: int, height: int) -> list[Note]:
        return notes_of(self._view, self._own_build, clock.monotonic())
