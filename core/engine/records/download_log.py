"""The download log: a CSV row for every item when it ends, in the order of the ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from core.engine.planning.route import Route
from core.engine.records.appended import AppendedCsv
from core.engine.records.csv_text import csv_row, iso_utc
from core.engine.records.ledger import DOWNLOAD_LOG, EndedItem, Intent, Ledger
from core.units import format_bytes

COLUMNS = (
    "timestamp_iso",
    "bucket",
    "key",
    "size_bytes",
    "size_human",
    "etag",
    "last_modified_iso",
    "local_path",
    "status",
)
STATUSES = ("completed", "failed", "deleted")
GROUP = 2000  # rows written at once


class DownloadLog:
    """Takes the ends of items off the ledger and appends them to the file."""

    def __init__(self, path: Path, job: int, ledger: Ledger) -> None:
        self._job, self._ledger = job, ledger
        self._file = AppendedCsv(path, csv_row(COLUMNS), _is_row)
        self._open = False

    def write(self, routes: Sequence[Route]) -> str:
        """Everything that has ended up to now. Returns the name of the backup that was made, or "".

        Raises OSError; nothing is lost, the next call goes on.
        """
        backup = ""
        if not self._open:
            backup = self._file.open(anew=self._ledger.is_new(self._job, DOWNLOAD_LOG))
            self._ledger.opened(self._job, DOWNLOAD_LOG)
            self._open = True
            self._take_up(routes)
        while ended := self._ledger.ended(self._job, GROUP):
            last = ended[-1].seq
            self._file.append(
                [log_row(end, routes[end.route]) for end in ended],
                lambda offset, last=last: self._ledger.intend(self._job, Intent(offset, last)),  # type: ignore[misc]
            )
            self._ledger.written(self._job, last)
        return backup

    def close(self) -> None:
        self._file.close()
        self._open = False

    def _take_up(self, routes: Sequence[Route]) -> None:
        """A kill came between a write and its record: the file tells what of it was written."""
        intent = self._ledger.intent(self._job)
        if intent is None:
            return
        ended = self._ledger.ended(self._job, GROUP, intent.upto)
        count = self._file.standing([log_row(end, routes[end.route]) for end in ended], intent.offset)
        if count:
            self._ledger.written(self._job, ended[count - 1].seq)


def log_row(end: EndedItem, route: Route) -> bytes:
    """`bucket` and `key` are of the S3 side (the source, when both are) or the Hub's, `local_path` is of the
    local one."""
    source, target = route.source, route.target
    bucket, key, local = "", end.name, ""
    if target.kind == "s3":
        bucket, key = target.bucket, route.target_key(end.name, end.path)
    if source.kind in ("s3", "hub"):
        bucket, key = source.bucket, route.source_key(end.name, end.path)
    if source.kind == "local":
        local = route.source_url(end.name, end.path)
    if target.kind == "local":
        local = route.target_url(end.name, end.path)
    status = "deleted" if end.action == "delete" and end.state == "completed" else end.state
    return csv_row(
        (
            iso_utc(end.at),
            bucket,
            key,
            str(end.size),
            format_bytes(end.size),
            end.etag,
            iso_utc(end.modified),
            local,
            status,
        )
    )


def _is_row(text: bytes) -> bool:
    rows = list(csv.reader(io.StringIO(text.decode("utf-8", "replace"), newline="")))
    return len(rows) == 1 and len(rows[0]) == len(COLUMNS) and rows[0][-1] in STATUSES
