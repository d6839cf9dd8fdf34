"""The bottom line: the keys that do something here and now."""

from __future__ import annotations

from textual import events
from textual.screen import ActiveBinding

from tui.actions import BY_ID
from tui.widgets.spans import LineWidget, Span, width_of

PINNED = ("show_help", "leave")  # always in sight, at the end


class KeyLine(LineWidget):
    """Made from the bindings that are active now. What does not fit is in the help; greyed keys stay put."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.redraw())
        self.redraw()

    def lines(self, width: int, height: int) -> list[list[Span]]:
        self._spots: list[tuple[int, int, str]] = []
        line: list[Span] = [(" ", "")]
        used = 1
        for binding in self._fitting(width - 1):
            entry = self._entry(binding)
            size = width_of(entry)
            self._spots.append((used, used + size, binding.binding.action if binding.enabled else ""))
            line += [*entry, ("  ", "")]
            used += size + 2
        return [line]

    def _fitting(self, width: int) -> list[ActiveBinding]:
        """All that is shown, in its order; short of room, first the greyed and then the last are left out."""
        shown = self._shown()
        sizes = {binding.binding.action: width_of(self._entry(binding)) + 2 for binding in shown}
        droppable = [binding for binding in shown if binding.binding.action not in PINNED]
        spare = width + 2 - sum(sizes.values())
        for binding in sorted(droppable[::-1], key=lambda binding: binding.enabled):
            if spare >= 0:
                break
            spare += sizes[binding.binding.action]
            shown.remove(binding)
        return shown

    def _shown(self) -> list[ActiveBinding]:
        """One entry for each action that has a place in the footer, in the order of the registry."""
        found: dict[str, ActiveBinding] = {}
        for binding in self.screen.active_bindings.values():
            if binding.binding.show:
                found.setdefault(binding.binding.action, binding)
        pinned = [found.pop(name) for name in PINNED if name in found]
        return [*found.values(), *pinned]

    def _entry(self, active: ActiveBinding) -> list[Span]:
        binding = active.binding
        action = BY_ID.get(binding.action)
        key = action.shown if action is not None else binding.key_display or binding.key
        label = self._label(active)
        return [(key, "key" if active.enabled else "rule"), (" ", ""), (label, "quiet" if active.enabled else "rule")]

    def _label(self, active: ActiveBinding) -> str:
        """Screens may say it better than the registry: `p` is "resume" on a paused job."""
        say = getattr(active.node, "label_of", None)
        return (say(active.binding.action) if say is not None else "") or active.binding.description

    async def on_click(self, event: events.Click) -> None:
        for start, end, action in self._spots:
            if start <= event.x < end and action:
                await self.screen.run_action(action)
