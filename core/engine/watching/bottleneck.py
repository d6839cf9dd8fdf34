"""What a job waits for most, in words, where that is clear; silence where it is not.

The order matters. A limit or a request to slow down explains every other wait, so they come first; a processor
that has no time left makes everything look slow, so it comes before whatever seems to be.
"""

from __future__ import annotations

from typing import Literal

from core.engine.watching import timing as t
from core.engine.watching.timing import Facts
from core.units import format_rate

ENOUGH = 2.0  # seconds that must have been seen, and of workers that must have been spent
SMALL = 128 * 1024  # bytes up to which an answer is a matter of latency, not of the line

Side = Literal["local", "remote"]


def bottleneck(facts: Facts, source: Side, target: Side, limit: int) -> str:
    """One sentence that begins with who it is; empty when nothing stands out.

    `limit` is the bandwidth limit in force, bytes a second.
    """
    if facts.seconds < ENOUGH or facts.wall < ENOUGH:
        return ""
    share = facts.shares
    waits = share[t.THROTTLED] + share[t.RETRY]
    if share[t.LIMIT] >= 0.4:
        return f"your bandwidth limit ({format_rate(limit)}): {_of_time(share[t.LIMIT])} waits for it"
    if facts.throttles and waits >= 0.3:
        return f"{_request_limit(source, target)}: {_of_time(waits)} is waiting, because it asked for less"
    if share[t.RETRY] >= 0.5:
        return f"errors: {_of_time(share[t.RETRY])} is waiting to try again"
    if share[t.MEMORY] >= 0.4:
        return f"memory: {_of_time(share[t.MEMORY])} is waiting for room in the buffers"
    return _of_this_machine(facts) or _of_the_other_side(facts, source, target)


def _of_this_machine(facts: Facts) -> str:
    share = facts.shares
    if facts.cpu >= 0.85:
        what = ": hashing" if share[t.HASH] >= 0.25 else ""
        return f"this machine's CPU{what}: {_percent(facts.cpu)} of it is in use by the engine"
    if share[t.HASH] >= 0.5:
        return f"this machine's CPU: hashing: {_of_time(share[t.HASH])}"
    if share[t.DISK] >= 0.5:
        return f"this disk: {_of_time(share[t.DISK])} is reading from it or writing to it"
    if facts.committing >= 0.9:
        return f"this disk: making files durable takes {_percent(facts.committing)} of the time"
    return ""


def _of_the_other_side(facts: Facts, source: Side, target: Side) -> str:
    share = facts.shares
    both = source == target == "remote"
    if share[t.LISTING] >= 0.5:
        return f"the listing: {_of_time(share[t.LISTING])} is waiting for what it finds next"
    latency = share[t.FIRST_BYTE] + (share[t.ANSWER] if facts.answer_size <= SMALL else 0.0)
    if latency >= 0.5:
        who = "the source's server" if both else "the server"
        return f"{who}: {_of_time(latency)} is waiting for its first byte"
    if share[t.SEND] >= 0.6 and 0 < facts.send_size <= SMALL:
        who = "the target's server" if both else "the server"
        return f"{who}: {_of_time(share[t.SEND])} is waiting for its answer to small objects"
    if share[t.BODY] >= 0.6:
        return f"the network, or how fast the source sends: {_of_time(share[t.BODY])} is bytes on their way"
    if share[t.SEND] >= 0.6:
        return f"the network, or how fast the target takes it: {_of_time(share[t.SEND])} is sending"
    if share[t.SERVER_COPY] >= 0.6:
        return f"the service: {_of_time(share[t.SERVER_COPY])} is its own copying"
    return ""


def _request_limit(source: Side, target: Side) -> str:
    if source == target:
        return "a server's request limit"
    return "the source's request limit" if source == "remote" else "the target's request limit"


def _of_time(share: float) -> str:
    return f"{_percent(share)} of the time"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
