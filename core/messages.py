"""What a face may ask of the engine, and what the engine tells: one closed set of typed messages.

1. The server speaks first: `Hello`. A client of another protocol may still send `Ping` and `Shutdown`.
2. The client sends `Request{id, command}`; the server answers each with one `Reply` or `Failure` of that id.
3. After `Subscribe` the server also sends events. Lossless events carry `seq`, rising by one; a gap, or a new
   `boot_id` in `Hello`, means: ask for a `Snapshot` again. `Progress` is lossy: at most one per tick and
   subscriber, always absolute values, never a backlog.
4. A frame is a 4-byte big-endian length and that many bytes of JSON, at most `MAX_FRAME`.

Commands are idempotent where a lost reply could make a client ask twice: jobs are submitted under a `key`
that the client chooses; asking for a state that already holds is answered with the job as it is.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from core.errors import Code
from core.model import (
    Action,
    AttemptView,
    BucketInfo,
    Check,
    Connection,
    DiskView,
    EngineStatus,
    Entry,
    ItemView,
    JobProgress,
    JobSpec,
    JobView,
    Level,
    Notice,
    Place,
    SecretKeys,
    Status,
    Tally,
    Value,
    WorkerView,
)

PROTOCOL = 1
MAX_FRAME = 16 * 1024 * 1024

R = TypeVar("R")


class Command(msgspec.Struct, Generic[R], frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of every command; `R` is the type of its reply."""


class Done(Value, frozen=True, kw_only=True):
    """The reply of commands that have nothing more to say."""


# ---------------------------------------------------------------- the engine itself


class Ping(Command[EngineStatus], frozen=True, kw_only=True, tag="ping"):
    """Is the engine there, and how is it. Understood by every version."""


class Shutdown(Command[Done], frozen=True, kw_only=True, tag="shutdown"):
    """Stop the engine. With `drain`, parts in flight are finished first; else they are dropped and redone
    later. Everything is resumable either way. Understood by every version."""

    drain: bool = True


class Subscribe(Command["Snapshot"], frozen=True, kw_only=True, tag="subscribe"):
    """Send events from now on. The reply is the state at `Snapshot.seq`; events follow from there.

    `rate` is the wished number of `Progress` messages a second (1–10). `workers_of` limits the worker rows
    to one job; 0 sends all. May be sent again to change either."""

    rate: float = 2.0
    workers_of: int = 0


class Unsubscribe(Command[Done], frozen=True, kw_only=True, tag="unsubscribe"):
    """Send no more events."""


class ReadLog(Command["LogPage"], frozen=True, kw_only=True, tag="read_log"):
    """Notices after number `after` (0: the oldest kept), at most `limit`, of `level` or graver."""

    after: int = 0
    limit: int = 200
    level: Level = Level.INFO
    job: int = 0  # 0: all


# ---------------------------------------------------------------- connections and secrets


class ListConnections(Command["ConnectionList"], frozen=True, kw_only=True, tag="list_connections"):
    """All connections, the AWS profiles found here, and where a typed secret would be kept."""


class TestConnection(Command["TestReport"], frozen=True, kw_only=True, tag="test_connection"):
    """Try a connection, saved or not. `keys` are used for the test only and not stored. When `keys` is
    absent and the connection refers to stored keys, those are used. `write` also writes and deletes one
    small object in `bucket`."""

    connection: Connection
    keys: SecretKeys | None = None
    bucket: str = ""
    write: bool = False


class SaveConnection(Command[Connection], frozen=True, kw_only=True, tag="save_connection"):
    """Add a connection, or change the one called `replaces`. `keys`, when given, go into the secret store
    (the OS keyring, or memory when there is none and `keys_in_memory` says that is understood), and the
    reply's credentials say where they went. Untested connections need `untested_ok`."""

    connection: Connection
    keys: SecretKeys | None = None
    replaces: str = ""
    untested_ok: bool = False
    keys_in_memory: bool = False


class RemoveConnection(Command[Done], frozen=True, kw_only=True, tag="remove_connection"):
    """Remove a connection and its stored secret. Refused while an unfinished job uses it."""

    name: str


class ImportProfiles(Command["ConnectionList"], frozen=True, kw_only=True, tag="import_profiles"):
    """Make a connection of every AWS profile that has none yet; nothing secret is copied. `names` limits."""

    names: tuple[str, ...] = ()


class ProvideKeys(Command[Done], frozen=True, kw_only=True, tag="provide_keys"):
    """Give the engine keys for a session reference (typed again after a restart, or from the face's
    environment). Kept in memory only."""

    ref: str
    keys: SecretKeys


# ---------------------------------------------------------------- looking around


class ListBuckets(Command["BucketList"], frozen=True, kw_only=True, tag="list_buckets"):
    """The buckets of a connection, in the order of their names."""

    connection: str
    adhoc: Connection | None = None  # what `s3://` means to the asking face


class Measure(Command["Measured"], frozen=True, kw_only=True, tag="measure"):
    """Count objects and bytes under a place. Gives up after `seconds` and says that it is incomplete."""

    place: Place
    seconds: float = 10.0
    adhoc: Connection | None = None


class ListEntries(Command["EntryPage"], frozen=True, kw_only=True, tag="list_entries"):
    """One page of what is at a place. `cursor` is from the page before. Not `recursive`: one level, with
    folders as entries."""

    place: Place
    recursive: bool = False
    cursor: str = ""
    limit: int = 1000
    adhoc: Connection | None = None


# ---------------------------------------------------------------- jobs


class PlanJob(Command[JobView], frozen=True, kw_only=True, tag="plan_job"):
    """Make a job in state `planning`: list, compare, freeze. Nothing moves. `key` makes it idempotent.
    `start` lets it move while it still lists; refused (code `refused`) when the plan may need YES."""

    spec: JobSpec
    key: str
    start: bool = False


class StartJob(Command[JobView], frozen=True, kw_only=True, tag="start_job"):
    """Carry out a planned job. `plan_hash` must be that of the frozen plan; `confirm` must be exactly
    `YES` when the plan needs confirmation. Anything else is refused and changes nothing."""

    job: int
    plan_hash: str
    confirm: str = ""


class PauseJob(Command[JobView], frozen=True, kw_only=True, tag="pause_job"):
    """Finish nothing new, keep everything. Parts in flight are finished."""

    job: int


class ResumeJob(Command[JobView], frozen=True, kw_only=True, tag="resume_job"):
    """Go on with a paused or blocked job."""

    job: int


class CancelJob(Command[JobView], frozen=True, kw_only=True, tag="cancel_job"):
    """Stop for good. Partial data is removed; what is complete stays."""

    job: int


class RetryJob(Command[JobView], frozen=True, kw_only=True, tag="retry_job"):
    """Try failed items again: all, or those named."""

    job: int
    items: tuple[int, ...] = ()


class ForgetJob(Command[Done], frozen=True, kw_only=True, tag="forget_job"):
    """Remove a finished job from the journal. Moved data is not touched."""

    job: int


class TuneJob(Command[JobView], frozen=True, kw_only=True, tag="tune_job"):
    """Change limits of a job while it runs. -1 leaves a value as it is, 0 means "by measuring"/"none"."""

    job: int
    workers: int = -1
    connections: int = -1
    bandwidth: int = -1


class ListJobs(Command["JobList"], frozen=True, kw_only=True, tag="list_jobs"):
    """Jobs, newest first. `before` is a job id to go on from, 0 for the newest."""

    before: int = 0
    limit: int = 200


class GetJob(Command[JobView], frozen=True, kw_only=True, tag="get_job"):
    job: int


class ListItems(Command["ItemPage"], frozen=True, kw_only=True, tag="list_items"):
    """Items of a job. `action` and `status` filter, `contains` matches in the name,
    `cursor` is from the page before."""

    job: int
    action: Action | None = None
    status: Status | None = None
    contains: str = ""
    cursor: str = ""
    limit: int = 200


class ListAttempts(Command["AttemptPage"], frozen=True, kw_only=True, tag="list_attempts"):
    """Failed tries of a job, newest first; `item` 0 means of all items."""

    job: int
    item: int = 0
    before: int = 0
    limit: int = 200


AnyCommand = (
    Ping
    | Shutdown
    | Subscribe
    | Unsubscribe
    | ReadLog
    | ListConnections
    | TestConnection
    | SaveConnection
    | RemoveConnection
    | ImportProfiles
    | ProvideKeys
    | ListBuckets
    | Measure
    | ListEntries
    | PlanJob
    | StartJob
    | PauseJob
    | ResumeJob
    | CancelJob
    | RetryJob
    | ForgetJob
    | TuneJob
    | ListJobs
    | GetJob
    | ListItems
    | ListAttempts
)


# ---------------------------------------------------------------- replies


class ConnectionList(Value, frozen=True, kw_only=True):
    connections: tuple[Connection, ...] = ()
    profiles: tuple[str, ...] = ()  # AWS profiles found that no connection refers to
    profiles_trouble: str = ""  # why the AWS files could not be read; names file and line
    keeps_secrets_in: str = ""  # "Secret Service (login keyring)", "memory only: no keyring service …"
    can_keep_secrets: bool = False  # False: memory only
    locked: tuple[str, ...] = ()  # connections whose session keys are not known to this engine


class TestReport(Value, frozen=True, kw_only=True):
    checks: tuple[Check, ...]
    ok: bool
    advice: str = ""  # what the error means, in plain words, and what to do
    region: str = ""  # discovered
    buckets: tuple[str, ...] = ()


class BucketList(Value, frozen=True, kw_only=True):
    buckets: tuple[BucketInfo, ...]


class Measured(Value, frozen=True, kw_only=True):
    total: Tally
    complete: bool


class EntryPage(Value, frozen=True, kw_only=True):
    entries: tuple[Entry, ...]
    cursor: str = ""  # empty: this was the last page


class JobList(Value, frozen=True, kw_only=True):
    jobs: tuple[JobView, ...]


class ItemPage(Value, frozen=True, kw_only=True):
    items: tuple[ItemView, ...]
    cursor: str = ""
    matching: int = -1  # how many items match in all, -1 when not counted


class AttemptPage(Value, frozen=True, kw_only=True):
    attempts: tuple[AttemptView, ...]


class LogPage(Value, frozen=True, kw_only=True):
    notices: tuple[Notice, ...]
    last: int  # number of the newest notice here, for `after`


class Snapshot(Value, frozen=True, kw_only=True):
    seq: int
    status: EngineStatus
    jobs: tuple[JobView, ...]  # unfinished ones and the newest finished, newest first
    connections: tuple[Connection, ...]
    notices: tuple[Notice, ...] = ()  # the newest, oldest first


# ---------------------------------------------------------------- events


class Event(Value, frozen=True, kw_only=True, tag_field="type"):
    """Base of what the engine tells unasked."""


class JobChanged(Event, frozen=True, kw_only=True, tag="job_changed"):
    """A job is new or its state, plan or limits changed. Lossless."""

    seq: int
    job: JobView


class JobForgotten(Event, frozen=True, kw_only=True, tag="job_forgotten"):
    seq: int
    job: int


class Noticed(Event, frozen=True, kw_only=True, tag="noticed"):
    """A line for the log and the screen's last errors. Lossless."""

    seq: int
    notice: Notice


class ConnectionsChanged(Event, frozen=True, kw_only=True, tag="connections_changed"):
    seq: int
    connections: tuple[Connection, ...]


class Draining(Event, frozen=True, kw_only=True, tag="draining"):
    """The engine is about to stop. Lossless."""

    seq: int


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    """Merged samples of everything that moves. Lossy."""

    at: float
    jobs: tuple[JobProgress, ...] = ()
    workers: tuple[WorkerView, ...] = ()
    rate: float = 0.0
    disks: tuple[DiskView, ...] = ()


LosslessEvent = JobChanged | JobForgotten | Noticed | ConnectionsChanged | Draining
AnyEvent = LosslessEvent | Progress


# ---------------------------------------------------------------- frames


class Hello(Value, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The server's first frame."""

    protocol: int
    build: str
    pid: int
    boot_id: str
    draining: bool = False  # the engine was asked to stop and will soon be gone


class Request(Value, frozen=True, kw_only=True):
    """The client's frames. `command` is decoded in a second step, so that a bad one gets a `Failure`."""

    id: int
    command: msgspec.Raw
    build: str = ""  # the client's, when it is not the engine's: named when the command is not known here


class Reply(Value, frozen=True, kw_only=True, tag_field="type", tag="reply"):
    id: int
    result: msgspec.Raw


class Failure(Value, frozen=True, kw_only=True, tag_field="type", tag="failure"):
    id: int
    code: Code
    message: str
    hint: str = ""


ServerFrame = (
    Hello | Reply | Failure | JobChanged | JobForgotten | Noticed | ConnectionsChanged | Draining | Progress
)
