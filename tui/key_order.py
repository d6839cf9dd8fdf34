"""Keys one after the other, however many come at once.

On a slow line several keys arrive in one packet. Textual gives each to the widget that has the focus at once,
while what a key is bound to runs only when the key has bubbled up to the app: letters typed behind a Backspace
would be typed before it, and keys behind the one that opens a filter would go to the list. So the next key
waits until a message sent behind the one before has come the same way up, which is after all that the key did;
and some more behind that one, which are after what that led to: a line that is taken says so, its bar closes,
and the list gets the focus.
"""

from __future__ import annotations

import asyncio
from collections import deque

from textual import events
from textual.app import App
from textual.dom import NoScreen
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

ROUNDS = 3
PATIENCE = 0.5  # seconds; a widget that went away meanwhile lets nothing through


class _Passed(Message, bubble=True):
    """Follows a key."""

    def __init__(self, number: int, round: int = 1) -> None:
        super().__init__()
        self.number, self.round = number, round


class OrderedKeysApp(App[None]):
    """An app that takes its keys in order."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: deque[events.Key | events.Paste] = deque()
        self._number = 0  # of the key that is under way
        self._is_under_way = False
        self._giving_up: asyncio.TimerHandle | None = None

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._keys.append(event)
            await self._next_key()
        else:
            await super().on_event(event)

    async def deliver(self, event: events.Key | events.Paste) -> None:
        """Give a key or a paste, whose turn it is, to what has the focus now."""
        await super().on_event(event)

    async def _next_key(self) -> None:
        while self._keys and not self._is_under_way:
            event = self._keys.popleft()
            target = self.focused or self.screen
            if isinstance(event, events.Key) and event.is_printable and isinstance(target, Input):
                await self.deliver(event)  # a letter stays in its field: the next one is behind it anyhow
                continue
            self._number += 1
            self._is_under_way = True
            await self.deliver(event)
            if not self._is_in_sight(target):  # the key closed its dialog
                target = self.focused or self.screen
            if not target.post_message(_Passed(self._number)):
                self._is_under_way = False
                continue
            loop = asyncio.get_running_loop()
            self._giving_up = loop.call_later(PATIENCE, self._passed, self._number)

    def _is_in_sight(self, target: Widget) -> bool:
        try:
            return target.screen in self.screen_stack
        except NoScreen:
            return False

    def on__passed(self, passed: _Passed) -> None:
        if passed.round < ROUNDS and passed.number == self._number:
            target = self.focused or self.screen
            if target.post_message(_Passed(passed.number, passed.round + 1)):
                return
        self._passed(passed.number)

    def _passed(self, number: int) -> None:
        """Behind whatever the key left to be done by the app, as setting the focus."""
        if number != self._number or not self._is_under_way:
            return
        self._is_under_way = False
        if self._giving_up is not None:
            self._giving_up.cancel()
        if self._keys:
            self.call_later(self._next_key)
