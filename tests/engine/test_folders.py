"""Progress by folder, and what came of each pair: asked of a real journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.engine.journal.journal import Journal
from core.engine.journal.rows import Completion, JobRow, PlannedItem
from core.errors import HaulierError
from core.messages import ListFolders
from core.model import Action, Entry, JobState, PairPlan, Place, PlanSummary, Status, Tally
from tests.engine.asking import spec_of

NAMES = ("a/x/1", "a/x/2", "a/y", "b/1", "b/2", "top", "a0", "ü/1")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "j")
    yield journal
    journal.close()


def filled(journal: Journal, pairs: int = 1) -> JobRow:
    """Items of 10 bytes; all in a/x are done, b/2 failed, and one deletion is none of them."""
    here = Place(kind="local", path="/s")
    spec = spec_of(*((here, Place(kind="local", path=f"/t{n}")) for n in range(pairs)))
    row, _ = journal.add_job("k", spec, "t", moving=True)
    items = [
        PlannedItem(route, Action.COPY, Entry(key=name, size=10)) for route in range(pairs) for name in NAMES
    ]
    items.append(PlannedItem(0, Action.DELETE, Entry(key="a/x/old", size=10)))
    journal.add_items(row.id, items, 1)
    journal.complete(row.id, [Completion(n, Status.COMPLETED, 1, 10, "etag-md5", "", 1.0) for n in (1, 2)])
    journal.complete(row.id, [Completion(5, Status.FAILED, 1, 0, "", "no", 1.0)])
    return journal.job(row.id)


def test_one_level_at_a_time(journal: Journal) -> None:
    """A folder counts everything below it; files of the level itself are one row; names are not mixed up
    with those that merely begin alike."""
    row = filled(journal)
    top = journal.folders.page(row, ListFolders(job=row.id)).folders
    assert [(each.name, each.files_total, each.files_done, each.files_failed) for each in top] == [
        ("", 2, 0, 0),  # top, a0
        ("a/", 3, 2, 0),
        ("b/", 2, 0, 1),
        ("ü/", 1, 0, 0),
    ]
    below = journal.folders.page(row, ListFolders(job=row.id, prefix="a/"))
    assert [(each.name, each.prefix, each.bytes_done, each.bytes_total) for each in below.folders] == [
        ("", "a/", 0, 10),
        ("x/", "a/x/", 20, 20),
    ]
    assert below.cursor == ""


def test_pages(journal: Journal) -> None:
    """Every folder comes once, in order, whatever the size of the pages."""
    row = filled(journal)
    names, cursor = [], ""
    while True:
        page = journal.folders.page(row, ListFolders(job=row.id, cursor=cursor, limit=3))
        names += [each.name for each in page.folders]
        cursor = page.cursor
        if not cursor:
            break
    assert names == ["", "a/", "b/", "ü/"]


def test_several_pairs_are_the_first_level(journal: Journal) -> None:
    row = filled(journal, pairs=2)
    page = journal.folders.page(row, ListFolders(job=row.id))
    assert page.pair == -1
    assert [(each.pair, each.files_total, each.files_done) for each in page.folders] == [(0, 8, 2), (1, 8, 0)]
    assert journal.folders.page(row, ListFolders(job=row.id, pair=1)).folders[1].files_done == 0


@pytest.mark.parametrize("asked", [{"pair": 9}, {"prefix": "a"}, {"cursor": "x"}])
def test_what_cannot_be_is_refused(journal: Journal, asked: dict[str, object]) -> None:
    row = filled(journal)
    with pytest.raises(HaulierError):
        journal.folders.page(row, ListFolders(job=row.id, **asked))  # type: ignore[arg-type]


def test_results_are_counted_once_per_end(journal: Journal) -> None:
    """By pair and by proof; what was counted is kept until the job ends anew."""
    row = filled(journal, pairs=2)
    plan = PlanSummary(
        pairs=tuple(
            PairPlan(source=pair.source, target=pair.target, method="local", skip=Tally(count=n, bytes=n))
            for n, pair in enumerate(row.spec.pairs)
        )
    )
    row = journal.update_job(row.id, plan=plan, state=JobState.PARTIAL, finished=5.0)
    result = journal.results.of(row)
    assert result.proofs == (("etag-md5", 2),)
    first, second = result.pairs
    assert (first.done, first.failed, first.skipped) == (
        Tally(count=2, bytes=20),
        Tally(count=1, bytes=10),
        Tally(),
    )
    assert (second.done.count, second.skipped.count) == (0, 1)
    journal.complete(row.id, [Completion(3, Status.COMPLETED, 1, 10, "etag-md5", "", 1.0)])
    assert journal.results.of(row) == result
    again = journal.update_job(row.id, finished=6.0)
    assert journal.results.of(again).proofs == (("etag-md5", 3),)


def test_what_the_last_listing_found_is_what_this_one_may_find(journal: Journal) -> None:
    """Of the same sources under the same filters; any other says nothing."""
    row = filled(journal)
    plan = PlanSummary(copy=Tally(count=7), skip=Tally(count=5))
    journal.update_job(row.id, plan=plan)
    same, _ = journal.add_job("same", row.spec, "t", moving=True)
    assert journal.results.listed_last_time(same) == 12
    other = spec_of((row.spec.pairs[0].source, row.spec.pairs[0].target), include=("*.json",))
    assert journal.results.listed_last_time(journal.add_job("other", other, "t", moving=True)[0]) == 0
