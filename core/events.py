"""From the engine to its listeners: numbered events that are never lost unnoticed, and progress that may be.

1. The engine publishes lossless events on its event loop; `EventHub` numbers them, rising by one.
2. Every `Subscription` has a bounded buffer for them. A listener too slow for it is cut off with a reason:
   it must take a new snapshot, because what it missed is gone.
3. `Progress` has one slot per subscription. A newer one replaces one not yet taken, and it is handed out at
   most `rate` times a second, so a slow listener gets fewer messages and never a backlog.

All methods are for the thread of the event loop, except `EventHub.publish_threadsafe`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from core.messages import AnyEvent, JobChanged, JobForgotten, LosslessEvent, Progress

SLOWEST_RATE = 1.0  # Hz
FASTEST_RATE = 10.0
BUFFERED_EVENTS = 2048  # lossless events that may wait for one listener
REMEMBERED_EVENTS = 1024


class EventQueue:
    """A bounded buffer of lossless events and one slot for `Progress`; an async iterator for one consumer.

    Lossless events are handed out first, in order. Iteration ends after `close`, once the rest is taken, or
    at once when events were lost; then `lost` says why.
    """

    def __init__(self, limit: int = BUFFERED_EVENTS) -> None:
        self.lost = ""
        self._limit = limit
        self._events: deque[LosslessEvent] = deque()
        self._progress: Progress | None = None
        self._closed = False
        self._wake = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self._closed

    def put(self, event: LosslessEvent) -> None:
        """Take in a lossless event. A full buffer breaks the queue."""
        if self._closed:
            return
        if len(self._events) >= self._limit:
            self.break_off(f"{self._limit} events were waiting and nobody took them")
            return
        self._forget_progress_older_than(event)
        self._events.append(event)
        self._wake.set()

    def put_progress(self, progress: Progress) -> None:
        """Take in a sample; it replaces the one that nobody has taken yet."""
        if self._closed:
            return
        self._progress = progress
        self._wake.set()

    def clear(self) -> None:
        """Drop everything that waits."""
        self._events.clear()
        self._progress = None

    def break_off(self, lost: str) -> None:
        """Events were lost, `lost` says how: drop what waits and take nothing more in."""
        self.lost = lost
        self.clear()
        self.close()

    def close(self) -> None:
        """Take nothing more in. What waits is still handed out. May be called twice."""
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> EventQueue:
        return self

    async def __anext__(self) -> AnyEvent:
        while True:
            event = self._take()
            if event is not None:
                return event
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._woken()

    async def _woken(self) -> None:
        await self._wake.wait()

    def _take(self) -> AnyEvent | None:
        if self._events:
            return self._events.popleft()
        progress, self._progress = self._progress, None
        return progress

    def _forget_progress_older_than(self, event: LosslessEvent) -> None:
        """A waiting sample was taken before `event`; handed out after it, it would turn a job's state back."""
        if self._progress is None:
            return
        if isinstance(event, JobChanged):
            job = event.job.id
        elif isinstance(event, JobForgotten):
            job = event.job
        else:
            return
        rest = tuple(row for row in self._progress.jobs if row.job != job)
        if len(rest) != len(self._progress.jobs):
            self._progress = msgspec.structs.replace(self._progress, jobs=rest)


class Subscription(EventQueue):
    """One listener's view of the hub: `Progress` at most `rate` times a second, worker rows of one job or all.

    Made by `EventHub.subscribe`; must be closed by whoever asked for it. `when_lost` is called when the
    buffer overflows, for a listener that is stuck elsewhere and would not notice.
    """

    when_lost: Callable[[], None] | None = None

    def __init__(
        self, rate: float, workers_of: int, leave: Callable[[Subscription], None], limit: int = BUFFERED_EVENTS
    ) -> None:
        super().__init__(limit)
        self._leave = leave
        self._due = 0.0  # loop time before which no Progress is handed out
        self.rate = SLOWEST_RATE
        self.workers_of = 0
        self.retune(rate, workers_of)

    def retune(self, rate: float, workers_of: int) -> None:
        """Change what `Subscribe` chose. `rate` in Hz, brought into 1–10; `workers_of` 0 means all jobs."""
        self.rate = min(max(rate, SLOWEST_RATE), FASTEST_RATE)
        self.workers_of = workers_of
        self._wake.set()

    def put_progress(self, progress: Progress) -> None:
        if self.workers_of:
            rows = tuple(row for row in progress.workers if row.job == self.workers_of)
            progress = msgspec.structs.replace(progress, workers=rows)
        super().put_progress(progress)

    def break_off(self, lost: str) -> None:
        super().break_off(lost)
        if self.when_lost is not None:
            self.when_lost()

    def close(self) -> None:
        super().close()
        self._leave(self)

    def _take(self) -> AnyEvent | None:
        if self._events or self._progress is None:
            return super()._take()
        now = asyncio.get_running_loop().time()
        if now < self._due and not self._closed:
            return None
        self._due = now + 1.0 / self.rate
        return super()._take()

    async def _woken(self) -> None:
        if self._progress is None:
            await self._wake.wait()
            return
        alarm = asyncio.get_running_loop().call_at(self._due, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()


class EventHub:
    """Where the engine tells what happens. One per engine; `seq` starts at 0 with every engine's start."""

    def __init__(self, remembered: int = REMEMBERED_EVENTS) -> None:
        self._seq = 0
        self._ring: deque[LosslessEvent] = deque(maxlen=remembered)
        self._subscriptions: list[Subscription] = []

    @property
    def seq(self) -> int:
        """Number of the newest lossless event, 0 when there was none."""
        return self._seq

    @property
    def wanted_rate(self) -> float:
        """The fastest rate in Hz that anybody wants `Progress` at, 0 when nobody listens."""
        return max((subscription.rate for subscription in self._subscriptions), default=0.0)

    def publish(self, make: Callable[[int], LosslessEvent]) -> None:
        """Number an event and hand it to everybody. `make` gets the number and returns the event:
        `hub.publish(lambda seq: JobChanged(seq=seq, job=view))`."""
        event = make(self._seq + 1)
        self._seq += 1
        self._ring.append(event)
        for subscription in tuple(self._subscriptions):
            subscription.put(event)

    def publish_threadsafe(self, loop: asyncio.AbstractEventLoop, make: Callable[[int], LosslessEvent]) -> None:
        """`publish` from a worker thread; `make` runs on the loop. RuntimeError when the loop is closed."""
        loop.call_soon_threadsafe(self.publish, make)

    def offer(self, progress: Progress) -> None:
        """Offer this tick's sample to everybody."""
        for subscription in tuple(self._subscriptions):
            subscription.put_progress(progress)

    def since(self, seq: int) -> tuple[LosslessEvent, ...] | None:
        """The events after number `seq`, or None when they are not all remembered any more."""
        if self._ring and self._ring[0].seq > seq + 1:
            return None
        return tuple(event for event in self._ring if event.seq > seq)

    def subscribe(self, rate: float, workers_of: int, *, limit: int = BUFFERED_EVENTS) -> Subscription:
        """Everything published from now on. A snapshot taken before the next `await` fits exactly."""
        subscription = Subscription(rate, workers_of, self._left, limit)
        self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """End every subscription; what waits in them is still handed out."""
        for subscription in tuple(self._subscriptions):
            subscription.close()

    def _left(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
