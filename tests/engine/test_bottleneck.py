"""Naming the bottleneck: clear cases get a name, mixed ones get none."""

from __future__ import annotations

import time

import pytest

from core.engine.watching import timing as t
from core.engine.watching.bottleneck import bottleneck
from core.engine.watching.timing import Facts, JobTiming, Stopwatch, named_seconds, named_shares

MIB = 1 << 20


def facts(shares: dict[int, float], **more: float) -> Facts:
    spread = [shares.get(phase, 0.0) for phase in range(len(t.PHASES))]
    spread[t.OTHER] += 1 - sum(spread)
    return Facts(tuple(spread), **{"seconds": 60.0, "wall": 20.0, "cpu": 0.2, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "begins"),
    [
        (
            facts({t.FIRST_BYTE: 0.71, t.BODY: 0.2}),
            "the server: 71 % of the time is waiting for its first byte",
        ),
        (facts({t.ANSWER: 0.9}, answer_size=16 * 1024), "the server: 90 %"),
        (facts({t.ANSWER: 0.9}, answer_size=MIB), ""),  # latency, or a slow line: nobody can tell
        (facts({t.BODY: 0.8}), "the network, or how fast the source sends"),
        (facts({t.DISK: 0.6, t.BODY: 0.3}), "this disk"),
        (facts({t.OTHER: 0.9}, committing=0.97), "this disk: making files durable"),
        (facts({t.LIMIT: 0.9}), "your bandwidth limit (2.0 MiB/s)"),
        (facts({t.LIMIT: 0.6, t.FIRST_BYTE: 0.4}), "your bandwidth limit"),
        (facts({t.HASH: 0.55, t.BODY: 0.3}), "this machine's CPU: hashing"),
        (facts({t.HASH: 0.3, t.FIRST_BYTE: 0.6}, cpu=0.95), "this machine's CPU: hashing"),
        (facts({t.FIRST_BYTE: 0.9}, cpu=0.95), "this machine's CPU"),
        (facts({t.RETRY: 0.7}, throttles=12), "the source's request limit"),
        (facts({t.THROTTLED: 0.5, t.FIRST_BYTE: 0.5}, throttles=3), "the source's request limit"),
        (facts({t.RETRY: 0.7}), "errors"),
        (facts({t.MEMORY: 0.5}), "memory"),
        (facts({t.LISTING: 0.8}), "the listing"),
        (facts({t.FIRST_BYTE: 0.3, t.BODY: 0.3, t.DISK: 0.3}), ""),
        (facts({t.FIRST_BYTE: 1.0}, seconds=0.5), ""),  # too little was seen
        (facts({t.FIRST_BYTE: 1.0}, wall=0.5), ""),
        (facts({}), ""),
    ],
)
def test_a_download(found: Facts, begins: str) -> None:
    words = bottleneck(found, "remote", "local", 2 * MIB)
    assert words.startswith(begins)
    assert bool(words) == bool(begins)


@pytest.mark.parametrize(
    ("found", "begins"),
    [
        (facts({t.SEND: 0.8}, send_size=16 * 1024), "the server: "),
        (facts({t.SEND: 0.8}, send_size=8 * MIB), "the network, or how fast the target takes it"),
        (facts({t.RETRY: 0.8}, throttles=1), "the target's request limit"),
    ],
)
def test_an_upload(found: Facts, begins: str) -> None:
    assert bottleneck(found, "local", "remote", 0).startswith(begins)


def test_between_two_servers_both_are_told_apart_where_that_is_known() -> None:
    assert bottleneck(facts({t.FIRST_BYTE: 0.8}), "remote", "remote", 0).startswith("the source's server")
    assert bottleneck(facts({t.RETRY: 0.8}, throttles=1), "remote", "remote", 0).startswith(
        "a server's request"
    )
    assert bottleneck(facts({t.SERVER_COPY: 0.8}), "remote", "remote", 0).startswith("the service")


def test_a_stopwatch_counts_every_moment_once() -> None:
    """What is read while a phase goes on holds its time so far; the sum is the time that has passed."""
    began = time.monotonic()
    watch = Stopwatch()
    for phase in (t.FIRST_BYTE, t.BODY, t.DISK, t.BODY):
        watch.enter(phase)
    now = time.monotonic() + 5
    spent = watch.read(now)
    assert spent[t.BODY] >= 5
    assert sum(spent) == pytest.approx(now - began, abs=0.01)
    assert dict(named_seconds(spent)).keys() == {"body"}


def test_unused_workers_do_not_water_the_shares_down() -> None:
    """One worker waits for the server, three have nothing to do: the server has all of the time."""
    watches = [Stopwatch() for _ in range(4)]
    timing = JobTiming()
    now = time.monotonic()
    watches[0].enter(t.FIRST_BYTE)
    timing.facts(watches, 0, 0.0, now, listing=False)
    found = timing.facts(watches, 7, 1.0, now + 10, listing=False)
    assert named_shares(found.shares) == (("first byte", 1.0),)
    assert found.seconds == pytest.approx(10, abs=0.1)
    assert found.throttles == 7
    assert found.committing == pytest.approx(0.1, abs=0.01)


def test_a_listing_that_is_over_is_not_held_against_the_job() -> None:
    """Workers that waited for it at the beginning do not outweigh what is waited for now."""
    now = time.monotonic()
    for listing, longest in ((True, "listing"), (False, "body")):
        timing, watch = JobTiming(), Stopwatch()
        timing.facts([watch], 0, 0.0, now, listing=True)
        watch.spent[t.LISTING], watch.spent[t.BODY] = 20.0, 5.0
        found = timing.facts([watch], 0, 0.0, now + 5, listing=listing)
        assert named_shares(found.shares)[0][0] == longest


def test_only_the_last_half_minute_counts() -> None:
    watch, timing = Stopwatch(), JobTiming()
    now = time.monotonic()
    watch.spent[t.RETRY] = 1000.0
    for second in range(60):
        watch.spent[t.BODY if second > 20 else t.RETRY] += 1
        found = timing.facts([watch], 0, 0.0, now + second, listing=True)
    assert named_shares(found.shares)[0][0] == "body"
    assert found.shares[t.RETRY] == 0
