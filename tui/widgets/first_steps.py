"""What stands where the jobs would be while there are none: the way on."""

from __future__ import annotations

from core.messages import ConnectionList
from core.safe_text import safe_text
from tui.keys import key_of
from tui.state import Link, ViewState
from tui.widgets.spans import LineWidget, Span

Steps = list[list[Span]]


def steps(view: ViewState, known: ConnectionList | None) -> Steps:
    """The lines, without indentation."""
    if view.link is not Link.UP:
        return []
    lines: Steps = [[("No jobs yet.", "lead")], []]
    if view.connections:
        names = ", ".join(safe_text(connection.name, 24) for connection in view.connections[:6])
        lines.append([(f"Connections: {names}", "quiet")])
        lines.append([])
        lines.append([(key_of("new_job"), "key"), ("  start a copy or a sync", "")])
        lines.append([(key_of("show_connections"), "key"), ("  look at the connections", "")])
    else:
        profiles = known.profiles if known is not None else ()
        lines.append([("No connections yet.", "")])
        if profiles:
            names = ", ".join(safe_text(name, 24) for name in profiles[:6])
            more = f" and {len(profiles) - 6} more" if len(profiles) > 6 else ""
            lines.append([("Found here: AWS profiles ", "quiet"), (names + more, ""), (".", "quiet")])
        lines.append([])
        if profiles:
            lines.append([("⏎", "key"), ("  use them (only references are kept, no secret is copied)", "")])
        lines.append([(key_of("add_connection"), "key"), ("  add a connection", "")])
    lines.append([(key_of("show_help"), "key"), ("  all keys", "")])
    if not view.connections:
        lines.append([])
        lines.append([("To try it without any account, leave and run ", "quiet"), ("haulier demo", "")])
    return lines


class FirstSteps(LineWidget):
    def __init__(self) -> None:
        super().__init__()
        self._view = ViewState()
        self.known: ConnectionList | None = None

    def show(self, view: ViewState) -> None:
        self._view = view
        self.redraw()

    def lines(self, width: int, height: int) -> Steps:
        lines = steps(self._view, self.known)
        above = max(0, (height - len(lines)) // 3)
        left = max(4, (width - 64) // 2)
        return [[] for _ in range(above)] + [[(" " * left, ""), *line] if line else [] for line in lines]
