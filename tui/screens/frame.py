"""The frame all full screens stand in: the first line, the banner, a body, the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from tui.state import Link, ViewState
from tui.widgets.banner import Banner
from tui.widgets.keyline import KeyLine
from tui.widgets.spans import Line
from tui.widgets.topline import TopLine

if TYPE_CHECKING:
    from tui.app import HaulierApp


class HaulierScreen(Screen[None]):
    """A full screen. `NAME` is its name in the registry of actions; a subclass sets
    `BINDINGS = bindings(NAME)`, composes its `body` and shows the state in `view_changed`."""

    NAME: ClassVar[str] = ""
    CRUMB: ClassVar[str] = ""
    _whole = False
    _was_away = False

    @property
    def haulier(self) -> HaulierApp:
        return cast("HaulierApp", self.app)

    @property
    def view(self) -> ViewState:
        return self.haulier.view

    def compose(self) -> ComposeResult:
        yield TopLine(self.CRUMB, self.haulier.launcher.title)
        yield Banner(self.haulier.build)
        with Vertical(id="body"):
            yield from self.body()
        yield KeyLine()

    def body(self) -> ComposeResult:
        """The widgets between the banner and the keys."""
        raise NotImplementedError

    def say_where(self, crumb: str) -> None:
        """Change what the first line says about this screen."""
        line = self.query_one(TopLine)
        if line.crumb != crumb:
            line.crumb = crumb
            line.redraw()

    def on_mount(self) -> None:
        self._begin()

    def _begin(self) -> None:
        """Show the state for the first time, as soon as all that was composed is there."""
        if self._is_whole():
            self.take_view(self.view)
        elif self.app.is_running:
            self.set_timer(0.01, self._begin)

    def on_screen_resume(self) -> None:
        self.take_view(self.view)

    def take_view(self, view: ViewState) -> None:
        """Called by the app whenever the state changed and once a second, while the screen is in sight."""
        if not self.app.is_running or not self._is_whole():
            return  # on the way out, or on the way in: then `_begin` comes back
        self.query_one(TopLine).show(view)
        self.query_one(Banner).show(view)
        self.view_changed(view)
        if self._was_away and view.link is Link.UP:
            self.engine_is_back()
        self._was_away = view.link is not Link.UP
        self.query_one(KeyLine).redraw()

    def _is_whole(self) -> bool:
        """Whether the widgets within widgets are there too: they come one after the other."""
        if not self._whole:
            widgets = list(self.walk_children(Widget))
            self._whole = bool(widgets) and all(widget.is_mounted for widget in widgets)
        return self._whole

    def view_changed(self, view: ViewState) -> None:
        """Show the state. May be called often with the same one."""

    def waiting_words(self) -> tuple[Line, ...]:
        """What a table without rows says while nothing has been answered yet."""
        words = "Looking …" if self.haulier.client is not None else "The engine is away."
        return ((), ((f"  {words}", "quiet"),))

    def engine_is_back(self) -> None:
        """Ask again for what could not be had while the engine was away."""

    def action_back(self) -> None:
        self.dismiss()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that failed is a defect of this program: it is said, not swallowed."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.haulier.own_defect(event.worker.error)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done now: see `tui.actions`."""
        return True
