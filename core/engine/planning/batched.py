"""Planning a batch of a job in batches: its files are those that the campaign's plan froze, nothing is listed.

So every batch is of one listing and of one commit, however long ago that was made. What the disk has already
with the right content is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from core.engine.journal.journal import Journal
from core.engine.planning.closer import answered
from core.engine.planning.compare import Decision, Question
from core.engine.planning.judge import Judge
from core.engine.planning.plan_counts import PairCount, Running
from core.engine.planning.route import Route
from core.model import JobKind, JobSpec


def batch_routes(spec: JobSpec, journal: Journal) -> tuple[Route, ...]:
    """The campaign's routes, with the batch's disk as their target. Raises HaulierError when the campaign is
    gone."""
    routes = journal.job(spec.batch_of).routes
    verifies = spec.kind is JobKind.VERIFY
    return tuple(
        msgspec.structs.replace(
            route,
            target=pair.target,
            target_root=pair.target.path.rstrip("/") or "/",
            method="verify" if verifies else route.method,
        )
        for route, pair in zip(routes, spec.pairs, strict=True)
    )


def decide_batch(
    spec: JobSpec,
    number: int,
    judge: Judge,
    answer: Callable[[Judge, Question], Decision],
    journal: Journal,
    counts: PairCount,
    found: Running,
) -> Iterator[Decision]:
    """What to do with the files of the batch that are of route `number`, in the order of their names."""

    def considered() -> Iterator[Decision | Question]:
        for entry in journal.campaigns.entries(spec.batch_of, spec.batch, number):
            counts.source += 1
            found.listed += 1
            yield judge.consider(entry, None)

    return answered(considered(), partial(answer, judge))
