"""What stands where the jobs would be while there are none: what was found here, and the way on."""

from __future__ import annotations

from core.found_here import Surroundings
from core.messages import ConnectionList
from core.safe_text import safe_text
from tui.found import can_be_taken, found_lines
from tui.keys import key_of
from tui.state import Link, ViewState
from tui.widgets.spans import Line, LineWidget, Span

Steps = list[list[Span]]


def steps(view: ViewState, known: ConnectionList | None, around: Surroundings | None) -> Steps:
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
        lines += [list(line) for line in without_connections(known, around, key_of("show_details"))]
        lines.append([(key_of("new_job"), "key"), ("  begin with a folder, hf://, or a URL", ""),
                      (": they need no connection", "quiet")])  # fmt: skip
    lines.append([(key_of("show_help"), "key"), ("  all keys", "")])
    return lines


def without_connections(known: ConnectionList | None, around: Surroundings | None, demo_key: str) -> list[Line]:
    """What an empty list of connections says: nothing is empty without a way on."""
    lines: list[Line] = [(("No connections yet.", ""),)]
    found = found_lines(known, around)
    if found:
        lines += [
            (("Found here; nothing of it is stored:", "quiet"),),
            *((("  ", ""), *line) for line in found),
        ]
    elif known is not None:
        lines.append((("Neither an AWS profile nor a Hub token was found here.", "quiet"),))
    lines.append(())
    if can_be_taken(known, around):
        lines.append((("⏎", "key"), ("  look at what was found", ""),
                      (": test it, then keep what you want", "quiet")))  # fmt: skip
    lines.append(((key_of("add_connection"), "key"), ("  add a connection", ""),
                  (": AWS, MinIO, Ceph, another S3 service, a Hub", "quiet")))  # fmt: skip
    lines.append(((demo_key, "key"), ("  the demo", ""),
                  (": two S3 servers of its own with sample data", "quiet")))  # fmt: skip
    return lines


class FirstSteps(LineWidget):
    def __init__(self) -> None:
        super().__init__()
        self._view = ViewState()
        self.known: ConnectionList | None = None
        self.around: Surroundings | None = None

    def show(self, view: ViewState) -> None:
        self._view = view
        self.redraw()

    def lines(self, width: int, height: int) -> Steps:
        lines = steps(self._view, self.known, self.around)
        above = max(0, (height - len(lines)) // 3)
        left = max(4, (width - 68) // 2)
        return [[] for _ in range(above)] + [[(" " * left, ""), *line] if line else [] for line in lines]
