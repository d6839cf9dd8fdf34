"""What an error means for its item: try again when, begin anew, go another way, give it up, or stop the job."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from core.engine.journal.journal import Journal
from core.engine.journal.rows import ItemRow
from core.engine.moving.committer import Committer, Outcome
from core.engine.moving.large import LargeItem
from core.engine.moving.whole import WholeDownload, WholeRelay
from core.engine.moving.workqueue import ItemTask, PartTask, Task, WorkQueue
from core.engine.network.network import Gate
from core.engine.network.retry import RetryPolicy, Tries, next_delay
from core.engine.planning.detours import Detours
from core.errors import (
    BadCredentials,
    ErrorClass,
    FatalTrouble,
    FileTrouble,
    HaulierError,
    NetworkTrouble,
    NotFound,
    SourceChanged,
    StageLost,
    Throttled,
    TimeUp,
    TransferError,
)
from core.model import Action, AttemptView, Entry, Level
from core.safe_text import safe_text
from core.stores.s3 import ClockLearnt, CopyUnsupported, RangesUnsupported
from core.units import format_eta

log = logging.getLogger(__name__)

# One quick try before the policy's delays: a single 500, or an idle connection that was just closed by the
# other side (RFC 9112, 9.3.1), is no outage, and 5 s for it would be felt in every run.
STUMBLE = 0.25  # seconds
# Refused credentials may only have expired: the store looks for them again, and if it finds new ones nobody
# need know. Refused again within this time they are wrong, and the job stops.
RENEWED = 60.0  # seconds


class Remedies:
    """`block` stops the job, `look_again` gives an item's source entry as it is now. `gate` knows whether a
    server is away, and the time that counts. `file_seconds` limits the time for one file, 0: not at all. Called
    from workers and from the committer."""

    def __init__(
        self,
        job: int,
        policy: RetryPolicy,
        journal: Journal,
        committer: Committer,
        block: Callable[[TransferError], None],
        notice: Callable[[Level, str], None],
        look_again: Callable[[ItemRow], Entry],
        detours: Detours,
        gate: Gate,
        file_seconds: float = 0.0,
    ) -> None:
        self.gate = gate
        self._file_seconds = file_seconds
        self._job, self._policy, self._journal, self._committer = job, policy, journal, committer
        self._block, self._notice, self._look_again = block, notice, look_again
        self._queue: WorkQueue | None = None
        self._retired: list[LargeItem] = []
        self.larges: dict[int, LargeItem] = {}  # large items that have begun and are not complete
        self.detours = detours
        self.relayed: set[int] = set()  # routes that the service does not copy by itself after all
        self.retries = 0
        self.throttles = 0

    def employ(self, queue: WorkQueue) -> None:
        """Work with this queue from now on."""
        self._queue = queue

    @property
    def queue(self) -> WorkQueue:
        assert self._queue is not None, "a queue is given before anything can fail"
        return self._queue

    def close(self) -> None:
        for large in [*self.larges.values(), *self._retired]:
            large.close()

    # ------------------------------------------------------------ judging

    def met(self, task: Task, error: Exception) -> None:
        """What a worker's error means for its task. Trouble on the way there stops the job: a worker that died
        of it would leave the job waiting for its task for ever."""
        try:
            if isinstance(error, CopyUnsupported):
                self._relay_instead(task, error)
            elif isinstance(error, RangesUnsupported) and self._read_whole_instead(task, error):
                pass
            elif isinstance(error, TransferError):
                self.failed(task, error)
            elif isinstance(error, HaulierError):
                self._block(FatalTrouble(error.message))
            else:
                log.error("a worker met a defect", exc_info=error)
                self._give_up(task, f"internal error: {error}")
        except TransferError as worse:
            self._block(worse)
        except Exception as worse:
            log.exception("a worker met a defect")
            self._block(FatalTrouble(f"internal error: {worse}"))

    def unsettled(self, outcome: Outcome, error: TransferError) -> None:
        """The target refused the last step of an item: as if its worker had failed."""
        self.queue.reopen_file()
        before = Tries(outcome.attempts - 1)
        self.failed(ItemTask(outcome.row, outcome.attempts, self.gate.now(), tries=before), error)

    def failed(self, task: Task, error: TransferError) -> None:
        """A try failed: stop the job, begin the item anew, try again later, or give it up."""
        if isinstance(task, PartTask) and task.large.failed:
            return
        row = task.item
        if isinstance(task, PartTask) and task.large.from_twin and isinstance(error, FileTrouble):
            error = SourceChanged(error.message)  # the twin on this machine is gone: it is fetched after all
        now = self.gate.now()
        if isinstance(error, BadCredentials) and now - task.renewed > RENEWED:
            task.renewed = now
            self._try_again(task, error, STUMBLE)
            return
        if error.error_class is ErrorClass.FATAL:
            self._note_attempt(row, error, -1.0)
            self._block(error)
            return
        if error.final:
            self._note_attempt(row, error, -1.0)
            self._give_up(task, error.message)
            return
        if isinstance(error, SourceChanged | StageLost):
            self._start_again(task, error)
            return
        if isinstance(error, ClockLearnt):
            self._try_again(task, error, 0.0)
            return
        if self.gate.lost(error):  # no try of this item's: it stays where it is until the server is back
            self._note_attempt(row, error, 0.0)
            self.queue.delay(task, 0.0, "network away")
            return
        if isinstance(task, PartTask):
            task.large.first_failed = first = task.large.first_failed or now
        else:
            first = task.first_tried or now
        if isinstance(error, Throttled):
            self.throttles += 1
            self.queue.throttled(task)
        delay: float | None
        if isinstance(error, NetworkTrouble) and not task.stumbles:
            delay, task.stumbles = STUMBLE, 1
        else:
            delay = next_delay(self._policy, error, task.tries.add(error.error_class), now - first)
        if delay is None:
            self._note_attempt(row, error, -1.0)
            self._give_up(task, error.message)
        elif self._file_seconds and now - task.began + delay > self._file_seconds:
            self._note_attempt(row, error, -1.0)
            self._give_up(task, f"{self.time_up().message}; the last trouble was {error.message}")
        else:
            self._try_again(task, error, delay)

    def time_up(self) -> TimeUp:
        """What is said of an item that took longer than the job allows."""
        return TimeUp(f"not done within {format_eta(self._file_seconds)}, the limit for one file")

    def _try_again(self, task: Task, error: TransferError, delay: float) -> None:
        self._note_attempt(task.item, error, delay)
        self.retries += 1
        task.attempt += 1
        self.queue.delay(task, delay, safe_text(error.message, 60))

    # ------------------------------------------------------------ ways out

    def _start_again(self, task: Task, error: TransferError) -> None:
        """The source is not what it was (or the partial data is gone): the item begins again, never mixed."""
        if isinstance(task, PartTask):
            large = task.large
            if not self._retire(large):
                return
            self.abort(large)
            task = ItemTask(large.row, large.attempt, large.began, tries=large.tries)
        row = task.row
        self._journal.drop_transfer(self._job, row.id)
        delay = next_delay(self._policy, error, task.tries.add(error.error_class), 0.0)
        self._note_attempt(row, error, -1.0 if delay is None else delay)
        if delay is None or row.action is Action.DELETE:
            self._give_up(task, error.message)
            return
        try:
            fresh = self._look_again(row)
        except NotFound:
            self._give_up(task, "vanished from the source while the job ran")
            return
        except FileTrouble as trouble:
            self._give_up(task, trouble.message)
            return
        except TransferError as trouble:  # of the line, the credentials: what is there now is to be seen later
            self.failed(task, trouble)
            return
        entry = msgspec.structs.replace(
            fresh, key=row.name, storage_class=row.entry.storage_class, url=row.entry.url
        )
        if entry != row.entry:
            self._journal.renew_item(self._job, row.id, entry)
            self._notice(Level.WARNING, f"{safe_text(row.name)}: changed at the source, started again")
        task.row = ItemRow(row.id, row.route, row.action, row.name, entry, row.attempts, row.path)
        task.attempt += 1
        self.retries += 1
        self.queue.delay(task, min(delay, 1.0), "source changed")

    def _relay_instead(self, task: Task, error: CopyUnsupported) -> None:
        """The service cannot copy this by itself: from here on the route's bytes go through this machine."""
        row = task.item
        parts_only = isinstance(task, PartTask)
        known = self.detours.partless if parts_only else self.relayed
        if row.route not in known:
            known.add(row.route)
            self.detours.no_copy(row.route, of_parts=parts_only)
            self._notice(Level.WARNING, f"{safe_text(error.message)}: copied through this machine instead")
        if isinstance(task, PartTask):
            large = task.large
            if not self._retire(large):
                return
            self.abort(large)
            task = ItemTask(row, large.attempt, large.began, tries=large.tries)
            self._journal.drop_transfer(self._job, row.id)
        self.queue.delay(task, 0.0, "copied through this machine")

    def _read_whole_instead(self, task: Task, error: RangesUnsupported) -> bool:
        """The source ignores ranges: the item begins again, in one stream. False when that is done already."""
        row = task.item
        if not self.detours.no_ranges(row, error) and not isinstance(task, PartTask):
            return False
        if isinstance(task, PartTask):
            large = task.large
            if isinstance(large, WholeDownload | WholeRelay):
                return False
            if not self._retire(large):
                return True
            self.abort(large)
            task = ItemTask(row, large.attempt, large.began, tries=large.tries)
            self._journal.drop_transfer(self._job, row.id)
        self.queue.delay(task, 0.0, "read whole instead")
        return True

    def abort(self, large: LargeItem) -> None:
        """Remove what is staged of a large item; what cannot be removed now is told."""
        try:
            large.target.abort(large.key, large.token)
        except TransferError as error:
            row = large.row
            self.detours.left_behind(row.route, row.name, large.key, large.token, error.message)

    def _retire(self, large: LargeItem) -> bool:
        """Take a large item off the way; False when another worker did it already."""
        with large.lock:
            if large.failed:
                return False
            large.failed = True
        self.queue.give_up_parts(large)
        self.larges.pop(large.row.id, None)
        self._retired.append(large)  # its descriptors are closed when no worker can hold them any more
        return True

    def _give_up(self, task: Task, message: str) -> None:
        if isinstance(task, PartTask) and not self._retire(task.large):
            return
        text = safe_text(message)
        self._notice(Level.WARNING, f"{safe_text(task.item.name, 80)}: {text}, not tried again")
        self.queue.file_ended()
        self._committer.add(Outcome(task.item, task.attempt, error=text or "failed"))

    def _note_attempt(self, row: ItemRow, error: TransferError, retry_in: float) -> None:
        self._committer.add_attempt(
            AttemptView(
                item=row.id,
                filename=row.name,
                at=time.time(),
                error_class=error.error_class.value,
                message=safe_text(error.message),
                retry_in=retry_in,
            )
        )
