"""What came of a finished job, by pair and by proof: counted from its items once, then kept."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import msgspec

from core.engine.journal.database import Database
from core.engine.journal.rows import JobRow
from core.errors import DiskTrouble
from core.model import JobSpec, PairPlan, PairResult, PlanSummary, Tally

LOOKED_AT = 100  # earlier jobs


class Result(NamedTuple):
    """As in JobView."""

    proofs: tuple[tuple[str, int], ...] = ()
    pairs: tuple[PairResult, ...] = ()


class ResultBook:
    """Safe for several threads."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, row: JobRow) -> Result:
        """Of a job in a final state."""
        kept = self._db.rows(
            "SELECT proofs, pairs FROM results WHERE job = ? AND finished = ?", (row.id, row.finished)
        )
        if kept:
            proofs, pairs = kept[0]
            return Result(
                msgspec.json.decode(proofs, type=tuple[tuple[str, int], ...]),
                msgspec.json.decode(pairs, type=tuple[PairResult, ...]),
            )
        found = Result(self._proofs(row.id), self._pairs(row))
        with suppress(DiskTrouble), self._db.write() as db:  # a full disk: counted again when asked again
            db.execute(
                "INSERT OR REPLACE INTO results (job, finished, proofs, pairs) VALUES (?, ?, ?, ?)",
                (row.id, row.finished, msgspec.json.encode(found.proofs), msgspec.json.encode(found.pairs)),
            )
        return found

    def listed_last_time(self, row: JobRow) -> int:
        """How many entries the newest other job found that listed the same sources under the same filters; 0
        when there is none among the last ones."""
        mine = _listing_of(row.spec)
        for blob, plan in self._db.rows(
            "SELECT spec, plan FROM jobs WHERE id < ? AND plan IS NOT NULL ORDER BY id DESC LIMIT ?",
            (row.id, LOOKED_AT),
        ):
            if _listing_of(msgspec.json.decode(blob, type=JobSpec)) == mine:
                found = msgspec.json.decode(plan, type=PlanSummary)
                return sum(each.count for each in (found.copy, found.overwrite, found.skip, found.cannot))
        return 0

    def _proofs(self, job: int) -> tuple[tuple[str, int], ...]:
        rows = self._db.rows(
            "SELECT proof, count(*) FROM items WHERE job = ? AND proof != '' AND action != 'delete' "
            "GROUP BY proof ORDER BY 2 DESC",
            (job,),
        )
        return tuple((proof, count) for proof, count in rows)

    def _pairs(self, row: JobRow) -> tuple[PairResult, ...]:
        sums = {
            (route, deletes, state): (count, size)
            for route, deletes, state, count, size in self._db.rows(
                "SELECT route, action = 'delete' AS deletes, state, count(*), sum(max(size, 0)) FROM items "
                "WHERE job = ? GROUP BY route, deletes, state",
                (row.id,),
            )
        }

        def tally(number: int, state: str) -> Tally:
            count, size = sums.get((number, 0, state), (0, 0))
            return Tally(count=count, bytes=size)

        plans: tuple[PairPlan, ...] = row.plan.pairs if row.plan is not None else ()
        return tuple(
            PairResult(
                source=pair.source,
                target=pair.target,
                done=tally(number, "completed"),
                failed=tally(number, "failed"),
                skipped=plans[number].skip if number < len(plans) else Tally(),
                deleted=sums.get((number, 1, "completed"), (0, 0))[0],
            )
            for number, pair in enumerate(row.spec.pairs)
        )


def _listing_of(spec: JobSpec) -> tuple[object, ...]:
    """What decides how many entries a listing gives."""
    options = spec.options
    which = spec.batch_of, spec.batch  # a batch is a part of what its sources list
    return tuple(pair.source for pair in spec.pairs), options.include, options.exclude, spec.adhoc, which
