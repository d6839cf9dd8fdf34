"""Progress by folder as a CSV file: one row for every folder that holds files of the job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from core.engine.planning.route import Route
from core.engine.records.csv_text import csv_row, iso_utc
from core.engine.records.ledger import FolderSum
from core.units import format_bytes

COLUMNS = (
    "folder_path",
    "total_files",
    "total_size_bytes",
    "total_size_human",
    "downloaded_files",
    "downloaded_size_bytes",
    "downloaded_size_human",
    "progress",
    "last_update",
)


def folder_rows(folders: Iterable[FolderSum], routes: Sequence[Route], *, listing: bool) -> Iterator[bytes]:
    """The file's rows. While the source is still being listed the totals grow, and `progress` stays empty."""
    yield csv_row(COLUMNS)
    for each in folders:
        yield csv_row(
            (
                routes[each.route].source_url(each.folder),
                str(each.files),
                str(each.bytes),
                format_bytes(each.bytes),
                str(each.files_done),
                str(each.bytes_done),
                format_bytes(each.bytes_done),
                "" if listing else percent(each),
                iso_utc(each.last_end),
            )
        )


def percent(folder: FolderSum) -> str:
    """ "57.1%" of the bytes (of the files where all are empty), rounded down: 100 only when all is done."""
    done, total = folder.bytes_done, folder.bytes
    if not total:
        done, total = folder.files_done, folder.files
    thousandths = 1000 if folder.files_done == folder.files else min(999, done * 1000 // max(1, total))
    return f"{thousandths // 10}.{thousandths % 10}%"
