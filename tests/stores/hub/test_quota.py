"""The Hub's quota headers, and that they are obeyed before the first refusal."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from core.errors import Throttled
from core.stores.base import Cancelled
from core.stores.hub.quota import Quotas, read_limits, seconds_until_new


def test_reading() -> None:
    """The documented form, several items, and nonsense."""
    assert read_limits('"resolvers";r=0;t=55') == [("resolvers", 0, 55.0)]
    assert read_limits('"api" ; t=3 ; r=7, "pages";r=1;t=2') == [("api", 7, 3.0), ("pages", 1, 2.0)]
    for nonsense in ("", "r=0;t=1", '"api"', '"api";r=-1;t=5', '"api";r=x;t=5', '"api";r=1', ";" * 5000):
        assert read_limits(nonsense) == []
    assert seconds_until_new('"api";r=5;t=9') == 0
    assert seconds_until_new('"api";r=0;t=999999') == 3600


def take(quotas: Quotas, name: str, told: str = "", cancelled: threading.Event | None = None) -> None:
    """One request and its answer."""
    with quotas.charged(name, f"{name} x", cancelled) as charge:
        charge.told(told)


def test_used_up() -> None:
    """What the answers allow is taken; then nothing is asked, and the time to wait is told."""
    quotas = Quotas()
    take(quotas, "api", '"api";r=2;t=100')  # nobody knew before
    take(quotas, "api")
    take(quotas, "api")
    with pytest.raises(Throttled) as caught:
        take(quotas, "api")
    assert 98 < caught.value.retry_after <= 100
    take(quotas, "resolvers")  # another quota
    quotas.told('"api";r=9;t=100')  # an answer that was overtaken
    assert quotas.left("api") == 0


def test_requests_on_their_way_count() -> None:
    """An answer that does not know of them leaves fewer than it says; one that failed is on its way no more."""
    quotas = Quotas()
    with ExitStack() as others:
        for _ in range(3):
            others.enter_context(quotas.charged("api", "list x"))
        take(quotas, "api", '"api";r=4;t=100')
        assert quotas.left("api") == 1
        take(quotas, "api", '"api";r=3;t=100')
        assert quotas.left("api") == 0
    with pytest.raises(ZeroDivisionError), quotas.charged("resolvers", "get x"):
        raise ZeroDivisionError
    take(quotas, "resolvers", '"resolvers";r=4;t=100')
    assert quotas.left("resolvers") == 4


def test_short_wait() -> None:
    """A quota that is new at once is waited for, and a cancellation ends the wait."""
    quotas = Quotas()
    quotas.told('"api";r=0;t=1')
    began = time.monotonic()
    take(quotas, "api")
    assert 0.8 < time.monotonic() - began < 4
    quotas.told('"api";r=0;t=3')
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        take(quotas, "api", cancelled=cancelled)
