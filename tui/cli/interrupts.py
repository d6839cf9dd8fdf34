"""Ctrl+C and SIGTERM while a command is attached to a job: the first is a wish, the second is an order."""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ended(KeyboardInterrupt):
    """A signal ended the program. A KeyboardInterrupt, because asyncio lets only those out at once."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupts:
    """Counts signals while its block runs; used inside a running event loop."""

    def __init__(self) -> None:
        self._former = {number: signal.getsignal(number) for number in _SIGNALS}
        self._arrived: list[int] = []
        self._changed = asyncio.Event()
        self._heard = 0

    def __enter__(self) -> Interrupts:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._hear, number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, self._former[number])

    async def asked(self) -> int:
        """Wait for a signal that nobody has waited for yet; its number."""
        while self._heard >= len(self._arrived):
            self._changed.clear()
            await self._changed.wait()
        self._heard += 1
        return self._arrived[self._heard - 1]

    def _hear(self, number: int) -> None:
        self._arrived.append(number)
        self._changed.set()


def exit_code(number: int) -> int:
    """130 for Ctrl+C, 143 for SIGTERM."""
    return 128 + number
