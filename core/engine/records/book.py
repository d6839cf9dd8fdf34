"""Who writes the records: one thread for all jobs, in batches, and once more when a run ends.

What cannot be written (a full disk, a folder that is gone) is told once and tried again, also after the job has
ended and after a restart of the engine: the journal keeps what is missing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256

from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.engine.records.download_log import DownloadLog
from core.engine.records.failed_log import failed_lines
from core.engine.records.folder_progress import folder_rows
from core.engine.records.ledger import DOWNLOAD_LOG, FAILED, FOLDERS
from core.engine.records.options import FLAGS, record_paths
from core.engine.records.snapshot import replace_file
from core.errors import DiskTrouble, HaulierError
from core.model import Level
from core.safe_text import safe_text

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two batches
SHARE = 20  # a file that took t seconds to rewrite is left alone for this many t
TRY_AGAIN = 10.0  # seconds after trouble
NAMES = {DOWNLOAD_LOG: "download log", FOLDERS: "folder CSV", FAILED: "failed log"}

Notify = Callable[[Level, str, int], None]


class JobRecords:
    """The record files of one job. Methods may be called from any thread."""

    def __init__(self, row: JobRow, journal: Journal, notice: Notify) -> None:
        self.job = row.id
        self._row, self._journal, self._ledger, self._notice = row, journal, journal.ledger, notice
        self._paths = record_paths(row.spec.options)
        self._lock = threading.Lock()
        self._mark = sha256(f"{journal.path.resolve()}\0{row.id}".encode()).hexdigest()[:12]
        self._log = DownloadLog(self._paths[DOWNLOAD_LOG], row.id, journal.ledger) if self._logs else None
        self._due: dict[str, float] = {}
        self._trouble: dict[str, str] = {}
        self._failed = -1
        self._forgotten = False
        if self._logs:
            self._ledger.log_ends_of(row.id)
        self.begin()

    def begin(self) -> None:
        """A run begins: the files are not complete from here on."""
        for kind in self._paths:
            self._ledger.begin(self.job, kind)

    @property
    def _logs(self) -> bool:
        return DOWNLOAD_LOG in self._paths

    def batch(self) -> None:
        """What is due. Trouble is told and tried again later."""
        self._write(only_due=True)

    def finish(self) -> bool:
        """Everything, because the run has ended; whether all files are as they should be."""
        with self._lock:
            if self._logs and not self._forgotten and self._row_now().plan is not None:
                self._ledger.note_impossible(self.job)
            self._failed = -1  # others may have failed than before
        self._write(only_due=False)
        with self._lock:
            if self._log is not None:
                self._log.close()
            if not self._trouble and not self._forgotten:
                self._ledger.complete(self.job)
            return not self._trouble

    def forget(self) -> None:
        """The job is gone from the journal."""
        with self._lock:
            self._forgotten = True
            if self._log is not None:
                self._log.close()

    # ------------------------------------------------------------ writing

    def _row_now(self) -> JobRow:
        return self._journal.job(self.job)

    def _write(self, *, only_due: bool) -> None:
        with self._lock:
            if self._forgotten:
                return
            row = self._row_now()
            if not row.routes:
                return  # nothing was found yet
            for kind, path in self._paths.items():
                began = time.monotonic()
                if only_due and began < self._due.get(kind, 0.0):
                    continue
                try:
                    backup = self._write_one(kind, row)
                except OSError as error:
                    self._failed_to_write(kind, str(path), error.strerror or str(error))
                    continue
                took = time.monotonic() - began
                self._due[kind] = began + (EVERY if kind == DOWNLOAD_LOG else max(EVERY, SHARE * took))
                if backup:
                    self._notice(Level.INFO, f"{NAMES[kind]}: the old file is kept as {backup}", self.job)
                if self._trouble.pop(kind, ""):
                    self._notice(Level.INFO, f"{NAMES[kind]} {path}: written again", self.job)

    def _write_one(self, kind: str, row: JobRow) -> str:
        if kind == DOWNLOAD_LOG:
            assert self._log is not None
            return self._log.write(row.routes)
        if kind == FOLDERS:
            rows = folder_rows(self._ledger.folders(self.job), row.routes, listing=row.plan is None)
            return self._replace(kind, rows)
        failed = self._ledger.failed_count(self.job)
        if failed == self._failed and self._paths[kind].exists():
            return ""
        backup = self._replace(kind, failed_lines(self._ledger.failed(self.job), row.routes))
        self._failed = failed
        return backup

    def _replace(self, kind: str, pieces: Iterable[bytes]) -> str:
        first = partial(self._ledger.opened, self.job, kind) if self._ledger.is_new(self.job, kind) else None
        return replace_file(self._paths[kind], pieces, self._mark, first=first)

    def _failed_to_write(self, kind: str, path: str, why: str) -> None:
        self._due[kind] = time.monotonic() + TRY_AGAIN
        text = f"{NAMES[kind]} {path} cannot be written: {safe_text(why)}"
        if self._trouble.get(kind) != text:
            self._notice(Level.WARNING, f"{text}; the transfer goes on, and it is tried again", self.job)
        self._trouble[kind] = text


class RecordBook:
    """All records of the engine. `notice` may be called from any thread."""

    def __init__(self, journal: Journal, notice: Notify) -> None:
        self._journal, self._notice = journal, notice
        self._open: dict[int, JobRecords] = {}
        self._ended: set[int] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)

    def open(self) -> None:
        """Take up what the last engine left incomplete, and write from now on."""
        for job in self._journal.ledger.incomplete():
            try:
                row = self._journal.job(job)
            except HaulierError:
                continue
            self._open[job] = JobRecords(row, self._journal, self._notice)
            self._ended.add(job)
        self._thread.start()

    def close(self) -> None:
        """No more is written; what is missing is for the next engine."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def of(self, row: JobRow) -> JobRecords | None:
        """The records of a job that begins to run; None when it keeps none."""
        if not any(getattr(row.spec.options, kind) for kind in FLAGS):
            return None
        with self._lock:
            records = self._open.get(row.id)
            if records is None:
                records = self._open[row.id] = JobRecords(row, self._journal, self._notice)
            else:
                records.begin()
            self._ended.discard(row.id)
            return records

    def run_ended(self, records: JobRecords) -> None:
        """The job's run has ended: its files are completed now, or as soon as that is possible."""
        with self._lock:
            self._ended.add(records.job)
        self._complete(records)

    def _complete(self, records: JobRecords) -> None:
        try:
            written = records.finish()
        except DiskTrouble as error:
            log.warning("records of job %d: %s", records.job, error.message)
            return
        with self._lock:
            if written and records.job in self._ended:  # else another run of it has begun meanwhile
                self._ended.discard(records.job)
                self._open.pop(records.job, None)

    def forget(self, job: int) -> None:
        with self._lock:
            records = self._open.pop(job, None)
            self._ended.discard(job)
        if records is not None:
            records.forget()

    def _run(self) -> None:
        tried: dict[int, float] = {}
        while not self._closing.wait(EVERY / 2):
            with self._lock:
                waiting = [(records, job in self._ended) for job, records in self._open.items()]
            for records, ended in waiting:
                try:
                    if not ended:
                        records.batch()
                    elif time.monotonic() - tried.get(records.job, 0.0) >= TRY_AGAIN:
                        tried[records.job] = time.monotonic()
                        self._complete(records)
                except (DiskTrouble, HaulierError) as error:
                    log.warning("records of job %d: %s", records.job, error.message)
                except Exception:
                    log.exception("records of job %d", records.job)
