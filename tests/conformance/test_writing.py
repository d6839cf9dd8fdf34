"""What every target must do."""

from __future__ import annotations

import pytest

from core.errors import NotFound, SourceChanged, StageLost
from core.stores.base import Metadata
from tests.conformance.subject import MIB, Subject, pattern

STEP = 5 * MIB
SIZE = 11 * MIB + 3


@pytest.mark.parametrize("size", [0, 1, 70_000])
def test_put_and_settle_make_the_object(subject: Subject, size: int) -> None:
    """The receipt names key and size; after settling the object is there."""
    data = pattern(size)
    receipt = subject.write("a/b", data)
    assert (receipt.key, receipt.size) == ("a/b", size)
    assert subject.bytes_of(subject.entry("a/b")) == data


def test_put_replaces_a_longer_object(subject: Subject) -> None:
    """No tail of the old content survives."""
    subject.write("object", pattern(100_000))
    subject.write("object", b"short")
    assert subject.bytes_of(subject.entry("object")) == b"short"


def test_put_takes_a_memoryview(subject: Subject) -> None:
    """A view into a larger buffer is stored without its surroundings."""
    buffer = bytearray(pattern(1000))
    receipt = subject.store.put("object", memoryview(buffer)[100:200], Metadata())
    assert subject.store.settle([receipt]) == {}
    assert subject.bytes_of(subject.entry("object")) == bytes(buffer[100:200])


def test_the_modified_time_travels(subject: Subject) -> None:
    """It comes back to the microsecond."""
    subject.write("object", b"x", Metadata(modified=1_700_000_000.123456))
    assert subject.store.stat("object").metadata.modified == pytest.approx(1_700_000_000.123456, abs=1e-6)


def test_parts_in_any_order_make_the_object(subject: Subject) -> None:
    """Staged, sent last part first, one part twice; nothing is visible before the commit."""
    data = pattern(SIZE)
    store = subject.store
    token = store.stage("large", SIZE, Metadata())
    with pytest.raises(NotFound):
        store.stat("large")
    receipts = {}
    order = [1, 2, 3] if subject.name == "rclone" else [3, 1, 2, 1]  # rclone streams and wants the order
    for number in order:
        offset = (number - 1) * STEP
        piece = data[offset : offset + STEP]
        receipts[number] = store.put_part("large", token, number, offset, piece)
        assert (receipts[number].offset, receipts[number].size) == (offset, len(piece))
    receipt = store.commit("large", token, [receipts[n] for n in (1, 2, 3)], SIZE)
    assert store.settle([receipt]) == {}
    assert subject.bytes_of(subject.entry("large")) == data


def test_an_old_object_stays_until_the_commit(subject: Subject) -> None:
    """A staged upload that is given up leaves what was there."""
    subject.write("large", b"old")
    token = subject.store.stage("large", STEP, Metadata())
    subject.store.put_part("large", token, 1, 0, pattern(STEP))
    assert subject.bytes_of(subject.entry("large")) == b"old"
    subject.store.abort("large", token)
    assert subject.bytes_of(subject.entry("large")) == b"old"


def test_a_lost_stage_is_noticed(subject: Subject) -> None:
    """After an abort, asking for the parts says StageLost, and a second abort is no error."""
    token = subject.store.stage("large", STEP, Metadata())
    subject.store.put_part("large", token, 1, 0, pattern(STEP))
    subject.store.abort("large", token)
    subject.store.abort("large", token)
    with pytest.raises(StageLost):
        subject.store.staged_parts("large", token)


def test_delete_removes_what_was_listed(subject: Subject) -> None:
    """Deleting twice is no error."""
    subject.write("object", b"x")
    entry = subject.entry("object")
    subject.store.delete(entry)
    subject.store.delete(entry)
    assert subject.listed() == []


def test_delete_spares_a_changed_object(subject: Subject) -> None:
    """An object that was replaced after it was listed is not deleted."""
    subject.write("object", b"old")
    entry = subject.entry("object")
    subject.write("object", b"newer")
    with pytest.raises(SourceChanged):
        subject.store.delete(entry)
    assert subject.bytes_of(subject.entry("object")) == b"newer"
