"""The two clocks of the screens, in one place so that a picture of a screen can be taken at a fixed moment."""

from __future__ import annotations

import time


def now() -> float:
    """UTC seconds since the epoch, for what people read."""
    return time.time()


def monotonic() -> float:
    """Seconds that only grow, for how long something lasts."""
    return time.monotonic()


def localtime() -> time.struct_time:
    """The moment as a clock on the wall shows it."""
    return time.localtime(now())
