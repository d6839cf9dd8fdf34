"""A bandwidth limit by the clock: "08:00,10MiB 19:00,off", or with days "Mon-08:00,1MiB Sat-00:00,off".

Each entry holds from its time until the next one; before the first of a week the last of the week before holds.
An entry without a day holds on every day. Times are those of the engine's machine. The form is rclone's
(https://rclone.org/docs/, `--bwlimit`), so that nobody has to learn another.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from core.units import format_rate, parse_rate

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_ENTRY = re.compile(r"(?:([A-Za-z]{3})-)?(\d{1,2}):(\d{2}),(\S+)", re.ASCII)


@dataclass(frozen=True)
class Timetable:
    """`changes` are (minute of the week from Monday 00:00, bytes a second or 0 for no limit), ascending."""

    text: str
    changes: tuple[tuple[int, int], ...]

    def rate_at(self, moment: time.struct_time) -> int:
        """Bytes a second at this local time; 0 is no limit."""
        return self.changes[self._index(moment)][1]

    def next_change(self, moment: time.struct_time) -> tuple[str, int]:
        """When the rate is next another one, as "HH:MM" or "Mon-HH:MM", and that rate; ("", rate) for never."""
        at, now = self._index(moment), self.rate_at(moment)
        today = moment.tm_wday
        for step in range(1, len(self.changes) + 1):
            minute, rate = self.changes[(at + step) % len(self.changes)]
            if rate != now:
                day, left = divmod(minute, _DAY_MINUTES)
                clock = f"{left // 60:02}:{left % 60:02}"
                soon = (minute - self._minute(moment)) % _WEEK_MINUTES < _DAY_MINUTES
                return (clock if soon or day == today else f"{DAYS[day]}-{clock}"), rate
        return "", now

    def _index(self, moment: time.struct_time) -> int:
        return bisect_right(self.changes, (self._minute(moment), 1 << 62)) - 1  # -1: the last one of the week

    @staticmethod
    def _minute(moment: time.struct_time) -> int:
        return moment.tm_wday * _DAY_MINUTES + moment.tm_hour * 60 + moment.tm_min


def parse_timetable(text: str) -> Timetable:
    """Read a timetable. Raises ValueError that names the entry at fault."""
    changes: dict[int, int] = {}
    daily: dict[int, int] = {}
    entries = text.split()
    if not entries:
        raise ValueError("a timetable needs at least one entry, like 08:00,10MiB")
    for entry in entries:
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(f"{entry!r} is not HH:MM,RATE: write it like 08:00,10MiB 19:00,off")
        day, hour, minute, rate = match[1], int(match[2]), int(match[3]), parse_rate(match[4])
        if hour > 23 or minute > 59:
            raise ValueError(f"{entry!r}: there is no {match[2]}:{match[3]} on a clock")
        if day is not None and day.capitalize() not in DAYS:
            raise ValueError(f"{entry!r}: {day!r} is no day; the days are {', '.join(DAYS)}")
        at = hour * 60 + minute
        known: Mapping[int, int] = daily
        if day is not None:
            at += DAYS.index(day.capitalize()) * _DAY_MINUTES
            known = changes
        if at in known:
            raise ValueError(f"{entry!r}: this time is named twice")
        (daily if day is None else changes)[at] = rate
    for at, rate in daily.items():
        for day_number in range(7):
            changes.setdefault(day_number * _DAY_MINUTES + at, rate)  # an entry with a day goes before
    return Timetable(" ".join(entries), tuple(sorted(changes.items())))


def parse_limit(text: str) -> tuple[int, str]:
    """A rate ("10MiB", "off") as (bytes a second, ""), a timetable as (0, its text). Raises ValueError."""
    if "," in text or ":" in text:
        return 0, parse_timetable(text).text
    return parse_rate(text), ""


def limit_words(bandwidth: int, timetable: str, moment: time.struct_time) -> str:
    """A limit for people: "10 MiB/s", "no limit", "1.0 MiB/s until 19:00, then no limit"."""
    if not timetable:
        return _rate_words(bandwidth)
    table = parse_timetable(timetable)
    now, (when, then) = table.rate_at(moment), table.next_change(moment)
    return f"{_rate_words(now)} until {when}, then {_rate_words(then)}" if when else _rate_words(now)


def _rate_words(rate: int) -> str:
    return format_rate(rate) if rate else "no limit"
