"""The real engine ten days from now, by its own clock: `python -m tests.crash.later …`."""

from __future__ import annotations

import time

import core.daemon

DAYS = 10 * 86_400.0

if __name__ == "__main__":
    now = time.time
    time.time = lambda: now() + DAYS
    core.daemon.main()
