"""Plans of generated listings against what comparing two dictionaries says: order, disorder, pages, filters."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.journal.journal import Journal
from core.engine.planning.planner import Planner
from core.engine.planning.route import Route
from core.errors import NotFound
from core.model import Action, Adhoc, Compare, Connection, Entry, JobKind, JobOptions, JobSpec, Pair, Place
from core.stores.base import Body, CancelFlag, ObjectInfo, PartLimits
from tests.engine.test_planner import Book
from tests.hostile_names import HOSTILE, ORDER, TWINS

NAMES = st.one_of(
    st.sampled_from([*ORDER, *TWINS, *HOSTILE.values()]),
    st.text(alphabet="ab-./0é\U0001f40b%+ ", min_size=1, max_size=5),
)
OBJECTS = st.dictionaries(
    NAMES,
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([10.0, 50.0]),
        st.sampled_from(["", "a" * 32, "b" * 32]),
        st.sampled_from([1.0, 5.0]),
    ),
    max_size=8,
)
Object = tuple[int, float, str, float]
"""Size, the time that a listing shows, ETag, and the time of its own."""
Objects = dict[str, Object]


class Keys:
    """A store of keys alone, listing them in any order, some twice, by pages of any size."""

    limits = PartLimits()
    listing_incomplete = False

    def __init__(self, objects: Objects, order: list[str], page: int) -> None:
        self.objects, self.order, self.page = objects, order, page

    def pages(self, prefix: str, *, start_after: str = "", cancelled: CancelFlag) -> Iterator[list[Entry]]:
        assert not start_after
        entries = [self._entry(key) for key in self.order]
        for begin in range(0, len(entries), self.page):
            yield entries[begin : begin + self.page]

    def take_unlistable(self) -> list[tuple[str, str]]:
        return []

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        raise NotImplementedError

    def stat(self, key: str) -> ObjectInfo:
        if key not in self.objects:
            raise NotFound(key)
        return ObjectInfo(entry=self._entry(key))

    @contextmanager
    def read(self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag) -> Iterator[Body]:
        raise NotImplementedError

    def _entry(self, key: str) -> Entry:
        size, modified, etag, _ = self.objects[key]
        return Entry(key=key, size=size, modified=modified, etag=etag)


class KeysWithTimes(Keys):
    """A look at an object tells its own time."""

    def kept_time(self, key: str) -> float:
        return self.objects[key][3]


class Stores(Book):
    """Knows a connection of any name."""

    def connection(self, name: str, adhoc: Adhoc) -> Connection:
        return Connection(name=name)


def listings(data: st.DataObject, objects: Objects) -> tuple[list[str], int]:
    order = sorted(objects)
    if data.draw(st.integers(0, 3)) == 0:
        order = data.draw(st.permutations(order))
        order = [*order, *order[: data.draw(st.integers(0, 2))]]
    return order, data.draw(st.integers(1, 4))


@pytest.fixture(scope="module")
def one_journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return Journal(tmp_path_factory.mktemp("oracle") / "journal.sqlite3")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.data(),
    OBJECTS,
    OBJECTS,
    st.sampled_from([JobKind.COPY, JobKind.SYNC, JobKind.VERIFY]),
    st.booleans(),
    st.sampled_from([Compare.TIME, Compare.SIZE]),
    st.booleans(),
    st.booleans(),
)
def test_a_plan_is_what_comparing_dictionaries_says(
    one_journal: Journal,
    data: st.DataObject,
    mine: Objects,
    theirs: Objects,
    kind: JobKind,
    deletes: bool,
    how: Compare,
    keeps_times: bool,
    moving: bool,
) -> None:
    """Every name is decided once and rightly, whatever the order and the pages; counts and sums agree with the
    items; only listings in order delete. A job that moves while it lists may have begun with what a target in
    disorder showed too late."""
    source_order, source_page = listings(data, mine)
    target_order, target_page = listings(data, theirs)
    kind_of_store = KeysWithTimes if keeps_times else Keys
    spec = JobSpec(
        kind=kind,
        pairs=(Pair(source=bucket("one"), target=bucket("two")),),
        options=JobOptions(compare=how, delete=deletes and kind is JobKind.SYNC),
    )
    source, target = (
        kind_of_store(mine, source_order, source_page),
        kind_of_store(theirs, target_order, target_page),
    )
    job = one_journal.add_job(uuid.uuid4().hex, spec, "t", moving=False)[0].id
    planner = Planner(job, spec, one_journal, Stores(source, target), threading.Event(), print, print)
    planner.routes = (Route(source=spec.pairs[0].source, target=spec.pairs[0].target),)
    if moving:
        planner.continue_from_journal()
    summary = planner.run()
    page, _ = one_journal.item_views(
        one_journal.update_job(job, routes=planner.routes),
        action=None, status=None, contains="", after=0, limit=99, active=frozenset(),
    )  # fmt: skip
    found = {action: {item.filename for item in page if item.action is action} for action in Action}
    assert len(page) == sum(map(len, found.values())), "an item was written twice"
    in_order = source_order == sorted(mine) and target_order == sorted(theirs)

    both = {name for name in mine if name in theirs}
    long = {name for name in mine if len(name.encode()) > 1024}
    alike = {name for name in both if mine[name][0] == theirs[name][0]}
    extra = set(theirs) - set(mine)
    assert not long
    if kind is JobKind.VERIFY:
        assert found[Action.VERIFY] == alike
        missing = (set(mine) - both) | (both - alike)
        assert found[Action.CANNOT] - extra == missing
        assert (found[Action.CANNOT] & extra) == (extra if in_order else set())
        assert summary.copy.count == len(alike)
        return
    same = {name for name in alike if how is Compare.SIZE or is_same(mine[name], theirs[name], keeps_times)}
    decided = summary.copy.count + summary.overwrite.count + summary.skip.count + summary.cannot.count
    assert (decided, planner.found.listed >= decided) == (len(mine), True)
    if moving and target_order != sorted(theirs):
        assert found[Action.COPY] >= set(mine) - both
        assert found[Action.COPY] | found[Action.OVERWRITE] >= set(mine) - same
        assert found[Action.DELETE] == set()
        return
    assert found[Action.COPY] == set(mine) - both
    assert found[Action.OVERWRITE] == both - same
    assert found[Action.DELETE] == (extra if spec.options.delete and in_order else set())
    assert found[Action.CANNOT] == set()
    assert summary.skip.count == len(same)
    assert summary.skip.bytes == sum(mine[name][0] for name in same)
    assert summary.copy.bytes == sum(mine[name][0] for name in found[Action.COPY])
    assert summary.overwrite.count == len(both - same)
    assert summary.pairs[0].source_count == len(mine)
    assert summary.pairs[0].target_total.count == len(target_order)
    assert any("not in order" in warning for warning in summary.warnings) == (not in_order)


def is_same(mine: Object, theirs: Object, keeps_times: bool) -> bool:
    """By time: the target not older, or one digest, or one time of their own."""
    not_older = theirs[1] >= mine[1]
    return not_older or (bool(mine[2]) and mine[2] == theirs[2]) or (keeps_times and mine[3] == theirs[3])


def bucket(name: str) -> Place:
    return Place(kind="s3", connection="x", bucket=name)
