"""Days, for tables."""

from __future__ import annotations

import time


def date_words(at: float) -> str:
    """ "2026-11-28" of seconds UTC; nothing of 0, which means not known."""
    return time.strftime("%Y-%m-%d", time.gmtime(at)) if at else ""
