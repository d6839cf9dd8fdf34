"""When and how an engine is killed. Everything is drawn from one seed: the same seed makes the same plan."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

How = Literal["time", "request", "moment", "start"]

# Moments inside the engine (tests/crash/doomed.py) and up to which occurrence of them a kill is aimed.
_MOMENTS: dict[str, tuple[tuple[str, int], ...]] = {
    "common": (
        ("commit", 14),
        ("parts-recorded", 4),
        ("items-recorded", 3),
        ("begin-recorded", 2),
        ("items-planned", 1),
        ("job-recorded", 4),
        ("look", 1),
        ("migration", 1),
    ),
    "local": (("fsync", 12), ("rename", 20), ("write", 120), ("stage", 1), ("settle", 3), ("finish", 1)),
    "s3": (("stage", 1), ("part", 4), ("put", 20), ("finish", 1)),
    "deletes": (("removal", 30), ("items-recorded", 6), ("unlink", 30)),
}
_REQUESTS = 60
_SECONDS = 2.6
_START_SECONDS = 1.3


@dataclass(frozen=True)
class Kill:
    """`when` and `count` of a moment or a request; `seconds` after the start, or of "start" after the spawn."""

    how: How
    seconds: float = 0.0
    moment: str = ""
    when: str = ""
    count: int = 0

    def __str__(self) -> str:
        match self.how:
            case "time":
                return f"{self.seconds:.2f} s after the start"
            case "start":
                return f"{self.seconds * 1000:.0f} ms after the engine was spawned"
            case "request":
                return f"at request {self.count}"
            case _:
                return f"{self.when} {self.moment} {self.count}"


def draw(chance: random.Random, flow: str, first: bool) -> Kill:
    """The next kill of a job. One that is not the first may come while the engine starts again."""
    how: How = chance.choice(
        ("time", "request", "moment", "moment", "moment")
        if first
        else ("time", "request", "moment", "moment", "start", "start")
    )
    match how:
        case "time":
            return Kill("time", seconds=chance.uniform(0.0, _SECONDS))
        case "start":
            soon = chance.random() < 0.4
            return Kill("start", seconds=chance.uniform(0.0, 0.1 if soon else _START_SECONDS))
        case "request":
            return Kill("request", count=chance.randint(1, _REQUESTS))
        case _:
            groups = ["common", "local" if flow in ("download", "sync down") else "s3"]
            if flow.startswith("sync"):
                groups.append("deletes")
            moment, most = chance.choice([each for group in groups for each in _MOMENTS[group]])
            return Kill("moment", moment=moment, when=chance.choice(("before", "after")),
                        count=chance.randint(1, most))  # fmt: skip
