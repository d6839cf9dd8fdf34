"""What a connection test has found so far, whichever kind of service it tries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from core.model import Check

_SKEW_SAID = 60  # seconds of difference between two clocks that are worth a line
CLOCK = "clock"  # the one step that is told only when something is wrong


class Findings:
    """Filled by the test's own thread; read once by whoever waits for it, also when that thread did not come
    back: what it finds later is dropped."""

    def __init__(self, steps: Sequence[str]) -> None:
        """`steps` in the order in which they are shown and tried."""
        self._steps = list(steps)
        self._lock = threading.Lock()
        self._closed = False
        self._checks: dict[str, Check] = {}
        self._advice: list[str] = []

    def say(self, name: str, ok: bool | None, detail: str, advice: str = "") -> None:
        """The outcome of a step. One that was not asked for is not told."""
        with self._lock:
            if self._closed or (name not in self._steps and name != CLOCK):
                return
            self._checks[name] = Check(name=name, ok=ok, detail=detail)
            if advice:
                self._advice.append(advice)

    def advise(self, advice: str) -> None:
        """A way out that belongs to no single step."""
        with self._lock:
            if not self._closed:
                self._advice.append(advice)

    def say_clock(self, skew: float, refused: float, advice: str) -> None:
        """Seconds that the server's clock is ahead of ours; from `refused` on nothing works."""
        if abs(skew) > _SKEW_SAID:
            against = f"{abs(skew) / 60:.0f} min {'behind' if skew > 0 else 'ahead of'} the server's"
            self.say(CLOCK, abs(skew) < refused, f"this machine's clock is {against}", advice)

    def has(self, name: str) -> bool:
        return name in self._checks

    def while_open(self, change: Callable[[], None]) -> None:
        """Carry out `change` unless the findings have been read already."""
        with self._lock:
            if not self._closed:
                change()

    def close(self, *, finished: bool, limit: float, too_slow: str) -> tuple[tuple[Check, ...], str]:
        """The checks as they stand and the advice; a test that is not `finished` failed at its next step."""
        with self._lock:
            self._closed = True
            checks, advice = dict(self._checks), list(self._advice)
        if not finished and len(checks.keys() - {CLOCK}) < len(self._steps):
            step = next((name for name in self._steps if name not in checks), self._steps[-1])
            checks[step] = Check(name=step, ok=False, detail=f"not finished within {limit:g} s")
            advice.append(too_slow)
        for name in self._steps:
            checks.setdefault(name, Check(name=name, ok=None, detail="not tried"))
        order = [self._steps[0], CLOCK, *self._steps[1:]]
        return tuple(checks[name] for name in order if name in checks), " ".join(dict.fromkeys(advice))
