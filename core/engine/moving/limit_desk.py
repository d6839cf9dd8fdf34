"""The bandwidth limit of all jobs together: what the settings say, until somebody sets another one."""

from __future__ import annotations

import msgspec

from core.engine.journal.journal import Journal
from core.engine.moving.limits import Pace
from core.errors import Code, HaulierError
from core.messages import Limit, SetLimit
from core.timetable import parse_limit, parse_timetable

_NAME = "limit"


class LimitDesk:
    """`pace` is what all jobs share. Set limits are kept in the journal. Blocking; one call at a time."""

    def __init__(self, journal: Journal, pace: Pace, setting: str) -> None:
        """`setting` is the limit as the settings write it. Raises HaulierError when it is none."""
        self._journal, self.pace = journal, pace
        try:
            rate, timetable = parse_limit(setting)
        except ValueError as error:
            raise HaulierError(Code.USAGE, f"bandwidth: {error}") from error
        self._default = Limit(bandwidth=rate, timetable=timetable)
        kept = journal.kept(_NAME)
        self._limit = msgspec.json.decode(kept, type=Limit) if kept else self._default
        self.pace.set(self._limit.bandwidth, self._limit.timetable)

    def get(self) -> Limit:
        """The limit, and what of it holds now."""
        return msgspec.structs.replace(self._limit, now=self.pace.rate)

    def set(self, command: SetLimit) -> Limit:
        """Raises HaulierError (usage) for a timetable that is none."""
        if command.default:
            self._journal.keep(_NAME, b"")
            self._limit = self._default
        else:
            if command.bandwidth < 0:
                raise HaulierError(Code.USAGE, "a limit is a number of bytes a second, or 0 for none")
            limit = Limit(
                bandwidth=0 if command.timetable else command.bandwidth,
                timetable=check_timetable(command.timetable),
                from_settings=False,
            )
            self._journal.keep(_NAME, msgspec.json.encode(limit))
            self._limit = limit
        self.pace.set(self._limit.bandwidth, self._limit.timetable)
        return self.get()


def check_timetable(text: str) -> str:
    """The timetable as it is written, "" for none. Raises HaulierError (usage)."""
    if not text:
        return ""
    try:
        return parse_timetable(text).text
    except ValueError as error:
        raise HaulierError(Code.USAGE, f"timetable: {error}", "write it like 08:00,10MiB 19:00,off") from error
