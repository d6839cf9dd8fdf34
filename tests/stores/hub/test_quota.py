"""The Hub's quota headers, and that they are obeyed before the first refusal."""

from __future__ import annotations

import threading
import time

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


def test_used_up() -> None:
    """What the answers allow is taken; then nothing is asked, and the time to wait is told."""
    quotas = Quotas()
    quotas.take("api", "list x")  # nobody knows yet
    quotas.told('"api";r=2;t=100')
    quotas.take("api", "list x")
    quotas.take("api", "list x")
    with pytest.raises(Throttled) as caught:
        quotas.take("api", "list x")
    assert 98 < caught.value.retry_after <= 100
    quotas.take("resolvers", "get x")  # another quota
    quotas.told('"api";r=9;t=100')  # an answer that was overtaken
    assert quotas.left("api") == 0


def test_short_wait() -> None:
    """A quota that is new at once is waited for, and a cancellation ends the wait."""
    quotas = Quotas()
    quotas.told('"api";r=0;t=1')
    began = time.monotonic()
    quotas.take("api", "list x")
    assert 0.8 < time.monotonic() - began < 4
    quotas.told('"api";r=0;t=3')
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        quotas.take("api", "list x", cancelled)
