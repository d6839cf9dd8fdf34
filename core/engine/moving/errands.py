"""Small items as errands: what is to be done before, between and after the exchanges with servers.

An errand is a generator that gives a request and is sent the answer, until it returns the receipt and what was
proven of the content. Nothing in it waits for a network, so one thread runs many (pump.py). It raises what the
ordinary way raises, and AskOrdinarily for what only that can do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import NamedTuple

import msgspec

from core.engine.moving.move import Means, collect, keep_small, look_at
from core.engine.proving.proof import same_etag
from core.engine.watching.timing import ANSWER, SEND, SERVER_COPY
from core.model import Entry
from core.stores.base import Receipt, Source
from core.stores.exchange import SMALL, Answer, Ask, AskOrdinarily, QuickSource, QuickTarget, QuickUnsized
from core.stores.local import LocalFolder


class Done(NamedTuple):
    """What came of an errand."""

    receipt: Receipt
    proof: str
    learnt: Entry | None = None  # an entry without a size, with what the answer told; key complete


Errand = Generator[Ask, Answer, Done]
Writing = Callable[[int, int], AbstractContextManager[None]]  # bytes and files that a disk is asked for


def fetching(
    source: QuickSource, entry: Entry, target: LocalFolder, key: str, means: Means, writing: Writing
) -> Errand:
    """An object becomes a file."""
    ask = source.ask_read(entry)
    if ask is None:
        raise AskOrdinarily
    means.slot.watch.enter(ANSWER)
    answer = yield ask
    body = source.take_read(ask, answer, entry)
    _arrived(means, entry.size)
    with writing(entry.size, 1):
        kept = keep_small(source, entry, answer.body, body, target, key, means)  # type: ignore[arg-type]
    return Done(*kept)


def meeting(
    source: QuickUnsized, entry: Entry, target: LocalFolder, key: str, means: Means, writing: Writing
) -> Errand:
    """A file whose size the first answer tells."""
    ask = source.ask_unsized(entry, SMALL)
    if ask is None:
        raise AskOrdinarily
    means.slot.watch.enter(ANSWER)
    answer = yield ask
    body = source.take_unsized(ask, answer, entry, SMALL)
    told = msgspec.structs.replace(body.info.entry, key=entry.key, url=entry.url)
    means.slot.size = told.size
    _arrived(means, told.size)
    means.slot.came_from(body, told.size)
    with writing(told.size, 1):
        kept = keep_small(source, told, answer.body, body, target, key, means)  # type: ignore[arg-type]
    return Done(*kept, told)


def sending(source: Source, entry: Entry, target: QuickTarget, key: str, means: Means) -> Errand:
    """A local file becomes an object."""
    data, body = collect(source, entry, 0, entry.size, means)
    known = look_at(source, entry, data, body, means)
    ask = target.ask_put(key, data, known.metadata, known.md5)
    if ask is None:
        raise AskOrdinarily
    means.slot.watch.enter(SEND)
    answer = yield ask
    receipt = target.take_put(ask, answer, key, entry.size, known.md5)
    _sent(means, entry.size)
    return Done(receipt, known.proof_of(receipt))


def relaying(source: QuickSource, entry: Entry, target: QuickTarget, key: str, means: Means) -> Errand:
    """An object becomes an object of another service, with its tags."""
    watch = means.slot.watch
    ask = source.ask_read(entry)
    if ask is None:
        raise AskOrdinarily
    watch.enter(ANSWER)
    answer = yield ask
    data, body = answer.body, source.take_read(ask, answer, entry)
    tags = source.known_tags(body.info)
    if tags is None:
        question = source.ask_tags(body.info)
        if question is None:
            raise AskOrdinarily
        watch.enter(ANSWER)
        tags = source.take_tags((yield question), body.info)
    known = look_at(source, entry, data, body, means, tags)  # type: ignore[arg-type]
    put = target.ask_put(key, data, known.metadata, known.md5)
    if put is None:
        raise AskOrdinarily
    watch.enter(SEND)
    receipt = target.take_put(put, (yield put), key, entry.size, known.md5)
    _arrived(means, entry.size)
    _sent(means, entry.size)
    return Done(receipt, known.proof_of(receipt))


def copying(source: Source, entry: Entry, target: QuickTarget, key: str, means: Means) -> Errand:
    """An object becomes another of the same service, by the service."""
    means.slot.phase = "copying"
    ask = target.ask_copy(source, entry, key, means.storage_class or entry.storage_class)
    if ask is None:
        raise AskOrdinarily
    means.slot.watch.enter(SERVER_COPY)
    receipt = target.take_copy(ask, (yield ask), entry, key)
    proof = same_etag(receipt.etag, entry.etag)
    if not proof:
        raise AskOrdinarily
    means.slot.done = entry.size
    means.slot.moved += entry.size
    return Done(receipt, proof)


def _arrived(means: Means, count: int) -> None:
    slot = means.slot
    slot.done += count
    slot.moved += count
    slot.watch.answers += 1
    slot.watch.answered += count


def _sent(means: Means, count: int) -> None:
    means.slot.watch.sends += 1
    means.slot.watch.sent += count
