"""Whether a server is away or one request is in trouble, against a real server behind a proxy."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest

from core.engine.network.network import Gate, Network
from core.errors import NetworkTrouble
from core.stores.base import Cancelled
from core.stores.s3 import S3Bucket, S3Service
from tests.faults import faults
from tests.faults.proxy import Proxy, Rule, proxied
from tests.servers import S3Server

PATIENCE = 10.0


class Place(NamedTuple):
    proxy: Proxy
    bucket: S3Bucket
    network: Network
    said: list[str]
    changes: list[frozenset[int]]
    gate: Gate

    def trouble(self) -> NetworkTrouble:
        return NetworkTrouble("get s3://b/k: connection reset", host=self.bucket.host)


@pytest.fixture
def place(moto_server: S3Server) -> Iterator[Place]:
    """A job of two routes; the second needs the server behind the proxy."""
    with proxied(moto_server.endpoint) as proxy:
        connection = msgspec.structs.replace(moto_server.connection(), endpoint=proxy.endpoint)
        service = S3Service(connection, moto_server.keys_for)
        bucket = service.bucket(moto_server.new_bucket())
        bucket.level("", cursor="", limit=1)  # now its name is known, and that it answers
        said: list[str] = []
        changes: list[frozenset[int]] = []
        network = Network(said.append)
        gate = Gate(network, lambda: [(), (bucket,)], changes.append)
        gate.open()
        yield Place(proxy, bucket, network, said, changes, gate)
        gate.close()
        network.close()
        service.close()


def until_open(place: Place) -> None:
    deadline = time.monotonic() + PATIENCE
    while place.gate.closed:
        assert time.monotonic() < deadline, "it was never found to be back"
        time.sleep(0.01)


def test_one_request_in_trouble(place: Place) -> None:
    """The server answers a knock: it is not away, whatever it answers; nobody is told."""
    assert place.gate.lost(place.trouble()) is False
    place.proxy.add(Rule(faults.Say(faults.http(503)), times=-1))
    time.sleep(1.1)  # the last answer counts for a second
    assert place.gate.lost(place.trouble()) is False
    assert (place.said, place.changes) == ([], [])
    assert place.bucket.heard > 0


def test_trouble_of_somebody_else(place: Place) -> None:
    """An error that names no server, or one that this job does not need, closes nothing."""
    place.proxy.refuse()
    assert place.gate.lost(NetworkTrouble("500")) is False
    assert place.gate.lost(NetworkTrouble("reset", host="elsewhere:9000")) is False


def test_away_and_back(place: Place) -> None:
    """Its routes are closed and no others, the clock of the job stands still, one knocks for all, and the first
    answer opens them again. Both are told once."""
    before = place.gate.now()
    place.proxy.refuse()
    callers = [threading.Thread(target=place.gate.lost, args=(place.trouble(),)) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE)
    assert place.gate.closed == frozenset({1})
    words = place.gate.words()
    assert words.startswith(f"network away: {place.bucket.host} does not answer for")
    assert "(connection reset), trying again in" in words
    stood = place.gate.now()
    assert stood - before < 5
    time.sleep(0.3)
    assert place.gate.now() == stood
    place.proxy.clear()
    place.proxy.come_back()
    until_open(place)
    assert place.proxy.count("HEAD") == 1
    assert place.gate.now() - stood < 1
    assert place.gate.words() == ""
    assert place.changes == [frozenset({1}), frozenset()]
    assert [text.partition(":")[0] for text in place.said] == ["network away", "network back"]


def test_a_login_page_is_no_answer(place: Place) -> None:
    """What a network says that wants a login first does not come from the server: it is away."""
    page = faults.http(200, b"<html>log in</html>", Content_Type="text/html")
    place.proxy.add(Rule(faults.Say(page), times=-1))
    assert place.gate.lost(place.trouble()) is True
    place.proxy.clear()
    until_open(place)


def test_waiting_out(place: Place) -> None:
    """Who waits goes on when the server is back; who is told to stop leaves; a stranger is not waited for."""
    never, stop = threading.Event(), threading.Event()
    assert place.gate.wait_out(place.trouble(), never) is False
    place.proxy.refuse()
    time.sleep(1.1)
    stop.set()
    with pytest.raises(Cancelled):
        place.gate.wait_out(place.trouble(), stop)
    threading.Timer(0.3, place.proxy.come_back).start()
    assert place.gate.wait_out(place.trouble(), never) is True
    stranger = NetworkTrouble("refused", host="never.example:9000")
    assert place.gate.wait_out(stranger, never, strangers=False) is False
