"""A job's items by position: every place of every order, also while the items change."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core.engine.journal import item_lists
from core.engine.journal.journal import Journal
from core.engine.journal.rows import Completion, JobRow
from core.engine.planning.route import Route
from core.messages import ItemWindow, ViewItems
from core.model import Action, Entry, ItemOrder, Place, Status
from tests.engine.asking import spec_of

HERE = Place(kind="local", path="/from")
THERE = Place(kind="local", path="/to")
ROUTE = Route(source=HERE, target=THERE, source_root="/from", target_root="/to")
NAMES = ("b/2", "a/3", "c/1", "a/1", "b/1", "ab/9", "c/2", "a/2")
SIZES = (5, 700, 5, -1, 90, 0, 5, 12)
NOBODY: frozenset[int] = frozenset()


def filled(journal: Journal) -> JobRow:
    """Eight items: 1 and 4 completed, 3 and 6 failed."""
    row, _ = journal.add_job("k", spec_of((HERE, THERE)), "title", moving=True)
    journal.add_items(
        row.id,
        [(0, Action.COPY, Entry(key=name, size=size), "") for name, size in zip(NAMES, SIZES, strict=True)],
        1,
    )
    journal.complete(
        row.id,
        [
            Completion(1, Status.COMPLETED, 1, 5, "etag-md5", "", 50.0),
            Completion(3, Status.FAILED, 5, 0, "", "403", 40.0),
            Completion(4, Status.COMPLETED, 2, 9, "etag-md5", "", 60.0),
            Completion(6, Status.FAILED, 3, 0, "", "404", 45.0),
        ],
    )
    return journal.update_job(row.id, routes=(ROUTE,))


def look(journal: Journal, job: JobRow, active: frozenset[int] = NOBODY, **asked: Any) -> ItemWindow:
    return journal.item_lists.window(job, ViewItems(job=job.id, **asked), active)


def ids(window: ItemWindow) -> list[int]:
    return [item.id for item in window.items]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (ItemOrder.PLAN, [1, 2, 3, 4, 5, 6, 7, 8]),
        (ItemOrder.NAME, [4, 8, 2, 6, 5, 1, 3, 7]),
        (ItemOrder.SIZE, [2, 5, 8, 1, 3, 7, 6, 4]),
        (ItemOrder.STATE, [3, 6, 2, 5, 7, 8, 1, 4]),
        (ItemOrder.TRIES, [3, 6, 4, 1, 2, 5, 7, 8]),
        (ItemOrder.ENDED, [4, 1, 6, 3, 2, 5, 7, 8]),
    ],
)
def test_every_place_of_every_order(journal: Journal, order: ItemOrder, expected: list[int]) -> None:
    """Any window of an order is that slice of it, forwards and backwards, and every item is found in it."""
    job = filled(journal)
    for reverse in (False, True):
        whole = expected[::-1] if reverse else expected
        for first in range(9):
            window = look(journal, job, order=order, reverse=reverse, first=first, limit=3)
            assert ids(window) == whole[first : first + 3]
            assert (window.first, window.total) == (first, 8)
        for position, item in enumerate(whole):
            assert look(journal, job, order=order, reverse=reverse, locate=item).position == position
    assert look(journal, job, order=order, locate=99).position == -1


def test_filters_and_texts(journal: Journal) -> None:
    """State, action and text narrow an order down; what workers hold is moving and no more pending."""
    job = filled(journal)
    moving = frozenset({2, 7})
    assert ids(look(journal, job, status=Status.FAILED)) == [3, 6]
    assert ids(look(journal, job, status=Status.COMPLETED, order=ItemOrder.ENDED)) == [4, 1]
    assert ids(look(journal, job, moving, status=Status.DOWNLOADING)) == [2, 7]
    assert ids(look(journal, job, moving, status=Status.PENDING)) == [5, 8]
    assert ids(look(journal, job, contains="a/")) == [2, 4, 8]
    assert ids(look(journal, job, contains="a/", status=Status.COMPLETED)) == [4]
    assert ids(look(journal, job, action=Action.DELETE)) == []
    assert look(journal, job, contains="no such").total == 0


def test_rows_are_as_now_and_the_order_as_when_it_was_made(journal: Journal) -> None:
    """An item that ends while one looks shows so, and stays in its place until a fresh order is asked for."""
    job = filled(journal)
    before = look(journal, job, status=Status.PENDING)
    journal.complete(job.id, [Completion(5, Status.COMPLETED, 1, 90, "etag-md5", "", 70.0)])
    same = look(journal, job, status=Status.PENDING)
    assert ids(same) == ids(before) == [2, 5, 7, 8]
    assert same.version == before.version
    assert same.items[1].status is Status.COMPLETED


def test_a_fresh_order_when_it_is_due(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made anew once it is old enough for what it cost, not before; the item looked at is found again."""
    job = filled(journal)
    before = look(journal, job, status=Status.PENDING)
    journal.complete(job.id, [Completion(2, Status.COMPLETED, 1, 700, "etag-md5", "", 70.0)])
    monkeypatch.setattr(item_lists, "FRESH", 3600.0)
    assert look(journal, job, status=Status.PENDING, fresh=True).version == before.version
    monkeypatch.setattr(item_lists, "FRESH", 0.0)
    monkeypatch.setattr(item_lists, "TIMES", 0)
    after = look(journal, job, status=Status.PENDING, fresh=True, locate=7)
    assert after.version != before.version
    assert (ids(after), after.position) == ([5, 7, 8], 1)


def test_new_items_come_at_the_end(journal: Journal) -> None:
    """A list in the plan's order grows with the plan; its positions stay what they are."""
    job = filled(journal)
    before = look(journal, job, contains="b/")
    journal.add_items(
        job.id, [(0, Action.COPY, Entry(key=name, size=1), "") for name in ("b/8", "x", "b/9")], 9
    )
    assert look(journal, job, contains="b/").total == 3
    after = look(journal, job, contains="b/", fresh=True)
    assert ids(after) == [1, 5, 6, 9, 11]
    assert after.version == before.version


def test_a_plan_made_anew(journal: Journal) -> None:
    """Items that are gone from the journal are gone from the next window, without a word of a stale list."""
    job = filled(journal)
    look(journal, job)
    look(journal, job, order=ItemOrder.SIZE)
    journal.drop_items_from(job.id, 6)
    assert ids(look(journal, job)) == [1, 2, 3, 4, 5]
    assert ids(look(journal, job, order=ItemOrder.SIZE)) == [2, 5, 1, 3, 4]


def test_a_longer_text_is_looked_for_among_the_matches(journal: Journal) -> None:
    """Typing on narrows down what was found, and finds what a search of everything finds."""
    names = [f"{random.Random(1).getrandbits(40) * n:010x}" for n in range(2000)]
    row, _ = journal.add_job("k", spec_of((HERE, THERE)), "title", moving=True)
    journal.add_items(row.id, [(0, Action.COPY, Entry(key=name, size=1), "") for name in names], 1)
    job = journal.update_job(row.id, routes=(ROUTE,))
    wanted = names[1234]
    for end in (1, 2, 3, 5):
        text = wanted[:end]
        found = look(journal, job, contains=text, limit=1000)
        assert [item.filename for item in found.items] == [name for name in names if text in name][:1000]
        assert found.total == sum(text in name for name in names)


def test_what_comes_to_match_is_found_however_a_text_was_typed(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items that fail after the first letter was typed are among what the second letter finds."""
    monkeypatch.setattr(item_lists, "FRESH", 0.0)
    monkeypatch.setattr(item_lists, "TIMES", 0)
    job = filled(journal)
    assert ids(look(journal, job, status=Status.FAILED, contains="a")) == [6]
    journal.complete(job.id, [Completion(n, Status.FAILED, 5, 0, "", "403", 70.0) for n in (2, 8)])
    assert ids(look(journal, job, status=Status.FAILED, contains="a/", fresh=True)) == [2, 8]


def test_a_list_that_grew_is_another_one_from_its_end(journal: Journal) -> None:
    """Positions from the end move with every new item, and the version tells; from the start they stay."""
    job = filled(journal)
    first = {reverse: look(journal, job, reverse=reverse, limit=3) for reverse in (False, True)}
    journal.add_items(job.id, [(0, Action.COPY, Entry(key="z", size=1), "")], 9)
    for reverse, before in first.items():
        now = look(journal, job, reverse=reverse, limit=3, fresh=True)
        assert now.total == 9
        assert (now.version == before.version) is not reverse


def test_a_hurried_look_never_waits_for_an_order(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an order yet, the first rows come alone, or nothing where they are not found soon; with one, its
    rows come."""
    job = filled(journal)
    first = look(journal, job, hurry=True, limit=2)
    assert (ids(first), first.total) == ([1, 2], -1)
    assert look(journal, job, hurry=True, order=ItemOrder.SIZE).total == -1
    monkeypatch.setattr(item_lists, "HURRY", -1.0)
    monkeypatch.setattr(item_lists, "STEPS", 1)
    assert look(journal, job, hurry=True, contains="9") == ItemWindow(total=-1)
    look(journal, job)
    assert look(journal, job, hurry=True, limit=2).total == 8


def test_few_lists_are_kept_and_their_files_go(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that nobody looks at are dropped, by number and by time, with what they had open."""
    job = filled(journal)
    monkeypatch.setattr(item_lists, "IDLE", -1.0)
    open_after = []
    for _ in range(3):
        for text in "abcdefghijklmnopqrstuvwxyz0123456789":
            look(journal, job, contains=text)
        assert len(journal.item_lists._lists) == item_lists.KEPT
        journal.item_lists.drop_idle()
        assert not journal.item_lists._lists
        open_after.append(len(os.listdir("/proc/self/fd")))
    assert open_after[1] == open_after[2]  # SQLite keeps a few descriptors of the file itself to use again
    look(journal, job)
    journal.forget_job(job.id)
    assert not journal.item_lists._lists


def test_many_faces_at_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces that look, ask for fresh orders and search at the same time each get whole answers."""
    monkeypatch.setattr(item_lists, "FRESH", 0.0)
    monkeypatch.setattr(item_lists, "TIMES", 0)
    monkeypatch.setattr(item_lists, "KEPT", 2)
    job = filled(journal)

    def face(number: int) -> None:
        dice = random.Random(number)
        for _ in range(60):
            order = dice.choice(list(ItemOrder))
            window = look(journal, job, order=order, fresh=dice.random() < 0.5, locate=5)
            assert sorted(ids(window)) == [1, 2, 3, 4, 5, 6, 7, 8]
            assert ids(window)[window.position] == 5

    with ThreadPoolExecutor(6) as faces:
        list(faces.map(face, range(6)))
