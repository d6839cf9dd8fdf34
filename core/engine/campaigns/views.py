"""What faces may ask of campaigns and of the catalogue. Everything here reads the journal, and blocks."""

from __future__ import annotations

from core.engine.campaigns.packed import would_hold
from core.engine.journal.campaign_rows import BatchRow
from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.errors import Code, HaulierError
from core.messages import DiskFiles, DiskList, FindOnDisks, ListBatchFiles, ListDisks
from core.model import BatchState, BatchView, CampaignView, JobView, Tally

SHOWN = 100  # oversized files named in one reply
MOST = 2000  # rows of a page


class CampaignViews:
    """Methods raise HaulierError."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._rows = journal, journal.campaigns

    def campaign(self, job: int) -> JobRow:
        """A campaign by its own number or that of one of its jobs."""
        row = self._journal.job(job)
        if row.spec.batch_of:
            row = self._journal.job(row.spec.batch_of)
        if row.spec.batches is None:
            raise HaulierError(
                Code.USAGE, f"job {job} is not in batches", "`haulier batch start SRC DST` makes one that is"
            )
        return row

    def view(self, campaign: JobRow, view: JobView) -> CampaignView:
        ask = campaign.spec.batches
        assert ask is not None
        oversized, total = self._rows.oversized(campaign.id, SHOWN)
        return CampaignView(
            job=view,
            ask=ask,
            batches=tuple(_batch_view(batch) for batch in self._rows.batches(campaign.id)),
            oversized=oversized,
            oversized_total=total,
            unplaced=campaign.plan.cannot if campaign.plan is not None else Tally(),
            would_hold=would_hold(ask, self._rows.largest(campaign.id)),
        )

    def files(self, command: ListBatchFiles) -> DiskFiles:
        job = self.campaign(command.job).id
        limit = max(1, min(command.limit, MOST))
        found, after, matching = self._rows.files(
            job, command.batch, command.contains, _number(command.cursor), limit
        )
        return DiskFiles(files=tuple(found), cursor=str(after) if after else "", matching=matching)

    def disks(self, _command: ListDisks) -> DiskList:
        return DiskList(disks=tuple(self._journal.catalogue.disks()))

    def find(self, command: FindOnDisks) -> DiskFiles:
        start, limit = _number(command.cursor), max(1, min(command.limit, MOST))
        found, matching = self._journal.catalogue.find(command.contains, start, limit)
        after = start + len(found)
        more = bool(found) and after < matching
        return DiskFiles(files=tuple(found), cursor=str(after) if more else "", matching=matching)


def _batch_view(batch: BatchRow) -> BatchView:
    return BatchView(
        number=batch.number,
        files=batch.files,
        bytes=batch.bytes,
        space=batch.space,
        state=batch.state,
        first=batch.first,
        last=batch.last,
        job=batch.checker if batch.state is BatchState.CHECKING else batch.mover,
        disk=batch.disk,
        target=batch.target,
        done_at=batch.done,
        trouble=batch.trouble,
    )


def _number(cursor: str) -> int:
    if not (cursor or "0").isdecimal():
        raise HaulierError(Code.USAGE, f"not a cursor: {cursor[:40]!r}")
    return int(cursor or 0)
