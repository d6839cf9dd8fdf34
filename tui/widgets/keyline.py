"""The bottom line: the keys that do something here and now."""

from __future__ import annotations

from textual import events
from textual.binding import ActiveBinding

from tui.actions import ACTIONS
from tui.keys import keys_in_force
from tui.widgets.spans import LineWidget, Span, width_of

_RANK = {action.id: rank for rank, action in enumerate(ACTIONS)}
PINNED = ("restart_engine", "back", "show_help", "leave")  # always in sight, at the end


class KeyLine(LineWidget):
    """Made from the bindings that are active now. What does not fit is in the help; greyed keys stay put."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.redraw())
        self.redraw()

    def lines(self, width: int, height: int) -> list[list[Span]]:
        self._spots: list[tuple[int, int, str]] = []
        line: list[Span] = [(" ", "")]
        used = 1
        for binding in self._fitting(width - 2):
            entry = self._entry(binding)
            size = width_of(entry)
            self._spots.append((used, used + size, binding.binding.action if binding.enabled else ""))
            line += [*entry, ("  ", "")]
            used += size + 2
        return [line]

    def _fitting(self, width: int) -> list[ActiveBinding]:
        """All that is shown, in its order. Short of room, what is greyed goes first; then each takes a
        place as long as there is one."""
        shown = self._shown()
        sizes = [width_of(self._entry(binding)) + 2 for binding in shown]
        room = width + 2 - sum(sizes)
        if room >= 0:
            return shown
        room = width + 2
        kept: set[int] = set()
        ranks = [(binding.binding.action not in PINNED, not binding.enabled) for binding in shown]
        for index in sorted(range(len(shown)), key=lambda index: (ranks[index], index)):
            if sizes[index] <= room:
                kept.add(index)
                room -= sizes[index]
        return [binding for index, binding in enumerate(shown) if index in kept]

    def _shown(self) -> list[ActiveBinding]:
        """One entry for each action that has a place in the footer, in the order of the registry."""
        found: dict[str, ActiveBinding] = {}
        for binding in self.screen.active_bindings.values():
            if binding.binding.show:
                found.setdefault(binding.binding.action, binding)
        pinned = [found.pop(name) for name in PINNED if name in found]
        if keys_in_force().changed:  # Textual puts bindings with other keys last
            return [*sorted(found.values(), key=lambda one: _RANK.get(one.binding.action, -1)), *pinned]
        return [*found.values(), *pinned]

    def _entry(self, active: ActiveBinding) -> list[Span]:
        binding = active.binding
        action = keys_in_force().action(binding.action)
        key = action.shown if action is not None else binding.key_display or binding.key
        label = self._label(active)
        return [
            (key, "key" if active.enabled else "rule"),
            (" ", ""),
            (label, "quiet" if active.enabled else "rule"),
        ]

    def _label(self, active: ActiveBinding) -> str:
        """Screens may say it better than the registry: `p` is "resume" on a paused job."""
        say = getattr(active.node, "label_of", None)
        return (say(active.binding.action) if say is not None else "") or active.binding.description

    async def on_click(self, event: events.Click) -> None:
        for start, end, action in self._spots:
            if start <= event.x < end and action:
                await self.screen.run_action(action)
