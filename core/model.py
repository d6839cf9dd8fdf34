"""The words of the program as frozen values; everything that crosses a border is made of these.

Sizes and offsets are bytes, rates bytes per second, durations seconds, times UTC seconds since the epoch.
Text taken from outside (keys, messages of servers) is kept as it came; only `safe_text` makes it showable.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from urllib.parse import quote

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all values: frozen, named fields only, unknown fields ignored when decoded."""


# ---------------------------------------------------------------- places and connections


ADHOC_S3 = "s3"  # the connection name that `s3://…` places carry; reserved, described in JobSpec.adhoc
ADHOC_HUB = "hf"  # the same for `hf://…` places
UNSIZED = -1  # an entry's size where nobody knows it before it is read (URLs of a list)
RESERVED_NAMES = frozenset({"s3", "hf", "list", "file", "http", "https", "local"})


class Place(Value, frozen=True, kw_only=True):
    """Where something is. `connection` is empty where none is needed.

    | kind | `bucket` | `path` |
    |---|---|---|
    | local | | absolute; a trailing "/" says folder |
    | s3 | the bucket; empty: the connection's root | a key, or a prefix ending in "/" |
    | hub | the repository: "gpt2", "datasets/org/name", "spaces/org/name" | a file, or a folder with "/" |
    | web | | empty; `url` is the file |
    | list | | the absolute path of a file of URLs or ids; `url` is what ids are put into |
    | disk | | the folder of a disk that carries its own manifest; only as the source of a verify job |
    """

    kind: Literal["local", "s3", "hub", "web", "list", "disk"]
    connection: str = ""
    bucket: str = ""
    path: str = ""
    revision: str = ""  # hub: a branch, a tag or a commit; empty: the default branch
    url: str = ""  # web: the URL; list: a base URL, or a template with {id}; may hold a signature in its query

    def __str__(self) -> str:
        match self.kind:
            case "local":
                return self.path
            case "web":
                return shown_url(self.url)
            case "list" | "disk":
                return f"{self.kind}:{self.path}"
        at = f"@{quote(self.revision, safe='')}" if self.revision else ""
        where = f"{self.bucket}{at}/{self.path}" if self.bucket else ""
        where = where.removesuffix("/") if self.kind == "hub" and not self.path else where
        adhoc = self.connection in (ADHOC_S3, ADHOC_HUB)
        return f"{self.connection}://{where}" if adhoc else f"{self.connection}:{where}"

    @property
    def is_folder(self) -> bool:
        """Whether the writing says folder: a trailing slash, a whole bucket, repository or list, a root."""
        return self.kind != "web" and (
            self.kind in ("list", "disk") or not self.path or self.path.endswith("/")
        )


def shown_url(url: str) -> str:
    """A URL for titles and logs: what stands behind "?" may be a signature, and is left out."""
    return url.partition("?")[0] + ("?…" if "?" in url else "")


class ProfileCredentials(Value, frozen=True, kw_only=True, tag="profile"):
    """A profile of the AWS config files, read when needed; nothing is stored."""

    profile: str


class ChainCredentials(Value, frozen=True, kw_only=True, tag="chain"):
    """The default AWS chain: environment, SSO, instance role, `credential_process`."""


class AnonymousCredentials(Value, frozen=True, kw_only=True, tag="anonymous"):
    """Requests are not signed."""


class KeyringCredentials(Value, frozen=True, kw_only=True, tag="keyring"):
    """Typed keys, in the OS keyring. `ref` is the account name there."""

    ref: str


class FileCredentials(Value, frozen=True, kw_only=True, tag="file"):
    """Typed keys, in the encrypted file of core/secret_file.py. `ref` is the account there."""

    ref: str


class SessionCredentials(Value, frozen=True, kw_only=True, tag="session"):
    """Typed or environment keys, in the engine's memory only, gone when it stops."""

    ref: str


class TokenFileCredentials(Value, frozen=True, kw_only=True, tag="token_file"):
    """The token file that the Hub's own tools keep, read when needed; nothing is stored."""

    path: str  # absolute


Credentials = (
    ProfileCredentials
    | ChainCredentials
    | AnonymousCredentials
    | KeyringCredentials
    | FileCredentials
    | SessionCredentials
    | TokenFileCredentials
)

SecretStore = Literal["keyring", "file", "memory"]
"""Where typed keys can be kept, in the order in which they are tried."""


class Connection(Value, frozen=True, kw_only=True):
    """How to reach an S3 service or a Hub. Holds no secret, only where the secret is.

    A Hub takes a token file, a typed token (keyring, session) or none (anonymous); it has no region and no
    addressing.
    """

    name: str
    kind: Literal["s3", "hub"] = "s3"
    endpoint: str = ""  # empty: AWS itself, or the official Hub
    region: str = ""
    addressing: Literal["auto", "path", "virtual"] = "auto"
    ca_file: str = ""
    verify_tls: bool = True
    credentials: Credentials = ChainCredentials()
    proxy: str = (
        ""  # http://host:port for this connection alone; empty: as the environment says; "none": no proxy
    )
    tested_at: float = 0.0  # 0: never tested successfully


Adhoc = Connection | tuple[Connection, ...] | None
"""What `s3://` and `hf://` mean to the asking face (core/adhoc.py): connections called so, without secrets."""

NO_PROXY = "none"  # as Connection.proxy: whatever the environment says, no proxy
HUB_TOKEN = "hf-token"  # noqa: S105 - what stands as access_key_id of a Hub's token


class SecretKeys(msgspec.Struct, frozen=True, kw_only=True):
    """An access key as typed. Crosses the socket once, never a log: its repr hides everything."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "SecretKeys(…)"

    __str__ = __repr__


class Passphrase(msgspec.Struct, frozen=True, kw_only=True):
    """What opens the encrypted file, as typed. Crosses the socket once, never a log: its repr hides it."""

    text: str

    def __repr__(self) -> str:
        return "Passphrase(…)"

    __str__ = __repr__


class SecretPlace(Value, frozen=True, kw_only=True):
    """One place where typed keys can be kept. `words` name it, or say why it cannot be used now."""

    store: SecretStore
    state: Literal["ready", "locked", "none", "unusable"]  # none: can be made; locked: opened by a passphrase
    words: str


class Check(Value, frozen=True, kw_only=True):
    """One line of a connection test or a system check."""

    name: str  # "reach", "sign", "list", "read", "write"
    ok: bool | None  # None: not tried
    detail: str = ""


class BucketInfo(Value, frozen=True, kw_only=True):
    name: str
    created: float = 0.0
    region: str = ""


RepoKind = Literal["models", "datasets", "spaces"]


class KeptRepo(Value, frozen=True, kw_only=True):
    """A repository of a Hub that somebody wants to find again. `id` is "gpt2" or "org/name"."""

    id: str
    kind: RepoKind = "models"
    connection: str = ADHOC_HUB  # a Hub connection's name
    revision: str = ""  # empty: the default branch
    description: str = ""
    added: float = 0.0

    @property
    def place(self) -> Place:
        """The whole repository."""
        name = self.id if self.kind == "models" else f"{self.kind}/{self.id}"
        return Place(kind="hub", connection=self.connection, bucket=name, revision=self.revision)


class FoundRepo(Value, frozen=True, kw_only=True):
    """A repository as the search of a Hub tells it; -1 where it does not."""

    id: str
    kind: RepoKind
    downloads: int = -1
    likes: int = -1
    modified: float = 0.0
    private: bool = False
    gated: bool = False


class RepoInfo(Value, frozen=True, kw_only=True):
    """A repository at a revision, right now."""

    commit: str  # 40 hex
    private: bool = False
    gated: str = ""  # "auto" or "manual"
    access: str = ""  # why its files cannot be read with this token, and what to do; empty: they can


class Entry(Value, frozen=True, kw_only=True):
    """One object or file as listed. `key` is relative to the place that was listed."""

    key: str
    size: int = 0  # UNSIZED where it is not known before the entry is read
    etag: str = ""  # without quotes; empty when the store has none; of a Hub's file "sha256:…" or "git-sha1:…"
    modified: float = 0.0
    storage_class: str = ""
    is_folder: bool = False  # a common prefix (non-recursive listings), key ends in "/"
    # The complete key at its source where that is not the place's prefix and `key`: the URL, for what a list
    # names. May hold a signature.
    url: str = ""


# ---------------------------------------------------------------- jobs


class JobKind(StrEnum):
    COPY = "copy"  # new and changed files; never deletes
    SYNC = "sync"  # makes the target like the source; deletes only with `delete`
    VERIFY = "verify"  # compares content, moves nothing


class Compare(StrEnum):
    TIME = "time"  # same size, and the target is not older than the source
    SIZE = "size"
    CHECKSUM = "checksum"


class Priority(StrEnum):
    """Which job goes first: one that has bytes on their way holds back those of a lower rank."""

    FIRST = "first"
    NORMAL = "normal"
    LAST = "last"


Links = Literal["skip", "follow", "all"]
"""Symbolic links of a folder: reported, followed where they stay inside the folder, or wherever they lead."""


class Pair(Value, frozen=True, kw_only=True):
    """One source and where it goes. A job has one or more."""

    source: Place
    target: Place


Tool = Literal["native", "aria2c", "wget", "xet", "auto"]
"""Who fetches what comes over HTTP; `xet` is the Hub's own storage protocol, by its library. `auto` is native:
with as many connections no other tool was quicker in anything that was measured."""


MOST_WORKERS = 160  # files at once of a job: given, or found by measuring
MOST_CONNECTIONS = 64  # per file


class JobOptions(Value, frozen=True, kw_only=True):
    """Every choice of copy, sync and plan. Zero means "found by measuring" or "no limit"."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    workers: int = 0  # files at once
    connections: int = 0  # per file
    part_size: int = 0
    bandwidth: int = 0
    compare: Compare = Compare.TIME
    skip_smaller_than: int = 0
    storage_class: str = ""
    on_unfinished: Literal["resume", "clean"] = "resume"
    server_side: bool = True
    delete: bool = False
    retry: str = "patient"
    reserve: int = -1  # bytes kept free on the target file system; -1: the setting's default
    file_seconds: float = 0.0  # a file that takes longer fails; time without network does not count
    timetable: str = ""  # "08:00,10MiB 19:00,off": goes before `bandwidth` (core/timetable.py)
    priority: Priority = Priority.NORMAL
    names: Literal["skip", "escape"] = (
        "skip"  # keys that cannot be files: told, or escaped (engine/escaping.py)
    )
    links: Links = "skip"  # symbolic links at a local source
    csv: str = ""  # absolute paths of the files that the job keeps beside what it moves; empty: none
    progress_csv: str = ""
    failed_log: str = ""
    tool: Tool = "native"
    extract: bool = False  # archives are taken apart into a folder of their name at a local target
    delete_tar: bool = False  # … and removed when that folder is complete and durable


class BatchAsk(Value, frozen=True, kw_only=True):
    """The wish for batches that fit on disks of `space` bytes, of which the share `margin` is filled."""

    space: int
    margin: float = 0.9
    block: int = 4096  # bytes; files take whole blocks
    inodes: int = 0  # of one disk; 0: no limit


class JobSpec(Value, frozen=True, kw_only=True):
    """What a person asked for. Frozen with the job; the plan is made from it."""

    kind: JobKind
    pairs: tuple[Pair, ...]
    options: JobOptions = JobOptions()
    adhoc: Adhoc = None  # what `s3://` and `hf://` mean for this job: the face's environment, without secrets
    broken_of: int = 0  # only what that verify job found broken or missing at the target (core/repair.py)
    extras_ok: bool = False  # verify: what only the target has is no difference
    batches: BatchAsk | None = (
        None  # a campaign: only planned and packed, moved batch by batch by jobs of its own
    )
    batch_of: int = 0  # the campaign whose batch number `batch` this job moves
    batch: int = 0


class Preset(Value, frozen=True, kw_only=True):
    """A job to be made again, under a name; holds no secret (core/presets.py)."""

    name: str
    spec: JobSpec
    description: str = ""
    made: float = 0.0


class JobState(StrEnum):
    PLANNING = "planning"  # listing and comparing; nothing moves until started
    PLANNED = "planned"  # waits for a start with the plan's hash
    RUNNING = "running"
    PAUSED = "paused"  # a person paused it
    BLOCKED = "blocked"  # stopped for a reason that can be mended; `reason` says which
    COMPLETED = "completed"  # everything asked for is done
    PARTIAL = "partial"  # finished, but some items failed or differ
    FAILED = "failed"  # could not be carried out at all (source missing, listing refused)
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = {JobState.COMPLETED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED}


class Action(StrEnum):
    """What the plan does with one item. Skipped entries are counted, not stored as items."""

    COPY = "copy"
    OVERWRITE = "overwrite"
    DELETE = "delete"
    VERIFY = "verify"
    CANNOT = "cannot"  # known in the plan already: name not possible, object archived …


class Status(StrEnum):
    """An item's state, with the words that people's scripts read."""

    PENDING = "pending"
    DOWNLOADING = "downloading"  # a worker has it, whichever the direction
    COMPLETED = "completed"
    FAILED = "failed"


class ItemOrder(StrEnum):
    """The orders in which a job's items can be looked at; ties are in the order of the plan."""

    PLAN = "plan"
    NAME = "name"
    SIZE = "size"  # the largest first
    STATE = "state"  # failed ones first, then those that are not done
    TRIES = "tries"  # most tries first
    ENDED = "ended"  # the newest first


class Tally(Value, frozen=True, kw_only=True):
    count: int = 0
    bytes: int = 0


Method = Literal["download", "upload", "server side", "relay", "local", "verify"]


class PairPlan(Value, frozen=True, kw_only=True):
    """The plan of one source and target: what would happen there."""

    source: Place
    target: Place
    method: Method
    copy: Tally = Tally()
    overwrite: Tally = Tally()
    skip: Tally = Tally()
    delete: Tally = Tally()
    cannot: Tally = Tally()
    target_total: Tally = Tally()  # what the target holds now, for the share of a deletion
    creates_bucket: bool = False
    unsized: int = 0  # of those to move, entries whose size is not known before they are read
    source_count: int = 0  # objects that the source has, of what the filters let in
    target_reach: Tally = Tally()  # of what the target holds, that which the filters let in
    versioning: Literal["", "enabled", "suspended", "off", "unknown"] = ""  # of a bucket that deletions are in


class PlanSummary(Value, frozen=True, kw_only=True):
    """The frozen result of comparing. `hash` covers every planned item; starting names it."""

    pairs: tuple[PairPlan, ...] = ()
    copy: Tally = Tally()
    overwrite: Tally = Tally()
    skip: Tally = Tally()
    delete: Tally = Tally()
    cannot: Tally = Tally()
    unsized: int = 0  # of those to move, entries whose size is not known before they are read
    skip_reasons: tuple[tuple[str, int], ...] = ()  # reason in words, count
    cannot_reasons: tuple[tuple[str, int], ...] = ()
    warnings: tuple[str, ...] = ()
    hash: str = ""  # empty while planning
    needs_confirmation: bool = False  # writes to S3 or deletes: starts only with YES
    delete_word: str = ""  # "DELETE 1234": has to be typed after YES; empty where YES is enough
    delete_why: str = ""  # why: "more than 25 % of the target's objects go"
    delete_hash: str = ""  # covers the deletions alone; looked at again right before the first of them
    undo_file: str = ""  # where the engine writes down what it deletes, before it does


class Drift(Value, frozen=True, kw_only=True):
    """How the source differs at the end from what the plan saw: objects added, changed, gone meanwhile."""

    added: int = 0
    changed: int = 0
    gone: int = 0


class Counts(Value, frozen=True, kw_only=True):
    """Absolute counters of a job. Totals grow while `listing`; then they are final."""

    listing: bool = False
    listed: int = 0  # source entries seen so far
    expected: int = 0  # how many the listing found last time, while it goes on; 0: nobody knows
    files_total: int = 0
    files_done: int = 0
    files_failed: int = 0
    files_skipped: int = 0
    files_unsized: int = 0  # of those to move, whose size nobody knows yet: the bytes are at least bytes_total
    bytes_total: int = 0
    bytes_done: int = 0
    deleted: int = 0
    to_delete: int = 0
    retries: int = 0
    throttled: int = 0
    drift: Drift | None = None  # None: the source was not listed again at the end


class JobView(Value, frozen=True, kw_only=True):
    """A job as faces show it. `reason` explains blocked, failed, paused in one sentence."""

    id: int
    spec: JobSpec
    state: JobState
    title: str  # "prod:logs-app, logs-edge → dr:"
    reason: str = ""
    hint: str = ""
    created: float = 0.0
    started: float = 0.0
    finished: float = 0.0
    active_seconds: float = 0.0  # time spent running, without pauses
    counts: Counts = Counts()
    plan: PlanSummary | None = None
    proofs: tuple[tuple[str, int], ...] = ()  # how items were verified: ("etag-md5", 41022), ("size only", 3)
    results: tuple[PairResult, ...] = ()  # by pair, once nothing moves any more


class ItemView(Value, frozen=True, kw_only=True):
    """One item with the columns that people's scripts read."""

    id: int
    filename: str  # key relative to the source
    url: str  # full source place
    target: str  # full target place
    action: Action
    expected_size: int
    actual_size: int = 0
    status: Status = Status.PENDING
    attempts: int = 0
    created_at: float = 0.0
    completed_at: float = 0.0
    error: str = ""
    proof: str = ""  # "etag-md5", "crc64nvme", "size only", "" while not done


class FolderView(Value, frozen=True, kw_only=True):
    """How far one folder of a job is, with everything below it; a whole pair where `prefix` is empty."""

    pair: int  # position in JobSpec.pairs
    name: str  # the folder's own name with a slash, "" for the files that lie in the asked folder itself
    prefix: str = ""  # relative to the pair's source, for ListFolders; the asked folder's own for its files
    files_total: int = 0
    files_done: int = 0
    files_failed: int = 0
    bytes_total: int = 0
    bytes_done: int = 0


class PairResult(Value, frozen=True, kw_only=True):
    """What came of one source and target."""

    source: Place
    target: Place
    done: Tally = Tally()
    skipped: Tally = Tally()
    failed: Tally = Tally()
    deleted: int = 0


class AttemptView(Value, frozen=True, kw_only=True):
    """One failed try of an item."""

    item: int
    filename: str
    at: float
    error_class: str
    message: str
    retry_in: float = -1.0  # seconds until tried again; -1: not tried again


class Level(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"


class Notice(Value, frozen=True, kw_only=True):
    """A line of the log, for people. `job` 0: about the engine."""

    at: float
    level: Level
    text: str
    job: int = 0


# ---------------------------------------------------------------- more than one disk holds


class BatchState(StrEnum):
    WAITING = "waiting"  # not begun
    MOVING = "moving"  # its job is not finished: running, paused, blocked or partly failed
    CHECKING = "checking"  # all is there; it is read back from the disk
    SAFE = "safe"  # verified and synced, its manifest is on the disk: the disk may be removed


class BatchView(Value, frozen=True, kw_only=True):
    """What goes onto one disk. `space` is what `bytes` of `files` take there, whole blocks and folders."""

    number: int  # from 1
    files: int
    bytes: int
    space: int
    state: BatchState = BatchState.WAITING
    first: str = ""  # names of its first and last file
    last: str = ""
    job: int = 0  # that moves it; 0: none yet
    disk: str = ""  # id of the disk that it is on, or is going to
    target: str = ""  # the folder where that disk was
    done_at: float = 0.0
    trouble: str = ""  # what the last look at it found, in words


class CampaignView(Value, frozen=True, kw_only=True):
    """A job in batches. `oversized` are files that no such disk holds: (name, bytes), the largest first."""

    job: JobView
    ask: BatchAsk
    batches: tuple[BatchView, ...] = ()
    oversized: tuple[tuple[str, int], ...] = ()  # the first 100
    oversized_total: Tally = Tally()
    unplaced: Tally = Tally()  # what its plan could not move at all (see the job's plan)
    would_hold: int = (
        0  # bytes of space a disk needs for the largest of them, margin included; 0: none is too large
    )


class KnownDisk(Value, frozen=True, kw_only=True):
    """A disk of the catalogue: one that carries, or carried, a marker and manifests of ours."""

    id: str  # short, written on the disk: people may write it on a label, too
    label: str = ""
    last_seen: float = 0.0
    last_path: str = ""
    total: int = 0  # bytes
    holds: tuple[tuple[int, int], ...] = ()  # (campaign job, batch)
    files: int = 0
    bytes: int = 0
    verified_at: float = 0.0


class DiskFile(Value, frozen=True, kw_only=True):
    """One file and the disk that holds it; `disk` is empty while its batch is not done."""

    name: str
    size: int
    batch: int
    state: BatchState
    disk: str = ""
    digest: str = ""  # "sha256:…" once the batch is safe
    job: int = 0  # the campaign


class Analysis(Value, frozen=True, kw_only=True):
    """What is at a place, for deciding how to move it."""

    total: Tally = Tally()
    unsized: int = 0  # entries whose size the source does not tell beforehand
    unlistable: int = 0  # that cannot be read at all: refused, or named as no file can be
    unlistable_examples: tuple[tuple[str, str], ...] = ()  # (name, why), the first few
    complete: bool = True  # False: it was given up after the asked time
    histogram: tuple[tuple[int, Tally], ...] = ()  # (upper bound in bytes, exclusive; 0: no bound), ascending
    largest: tuple[Entry, ...] = ()  # the first 20
    folders: tuple[tuple[str, Tally], ...] = ()  # directly below the place, most bytes first, the first 50
    folders_left_out: int = 0


# ---------------------------------------------------------------- progress (lossy)


Phase = Literal["idle", "moving", "hashing", "finishing", "waiting", "copying", "deleting", "extracting"]


class WorkerView(Value, frozen=True, kw_only=True):
    """What one worker does right now."""

    index: int
    job: int = 0
    item: int = 0
    key: str = ""
    phase: Phase = "idle"
    part: int = 0  # 1-based; 0 for an item moved whole
    parts: int = 0
    done: int = 0  # bytes of this part or item
    size: int = 0
    rate: float = 0.0
    attempt: int = 1
    seconds: float = 0.0  # on this part so far
    note: str = ""  # "503 SlowDown, again in 3 s"


class Probe(Value, frozen=True, kw_only=True):
    """What reaching a server took when it was tried beside the transfer. Seconds; -1: not known or not done."""

    host: str
    lookup: float = -1.0
    connect: float = -1.0
    tls: float = -1.0
    error: str = ""


class JobProgress(Value, frozen=True, kw_only=True):
    job: int
    state: JobState
    counts: Counts
    rate: float = 0.0  # smoothed
    eta_low: float = -1.0  # seconds; -1: not known
    eta_high: float = -1.0
    waiting: str = ""  # "network away, trying again in 10 s"
    workers_wanted: int = 0
    connections_wanted: int = 0
    bandwidth: int = 0
    active_seconds: float = 0.0  # as of this sample; the job's own value is of the last change of its state
    shares: tuple[tuple[str, float], ...] = ()  # of the workers' time by phase, the longest first
    bottleneck: str = ""  # what it waits for most, in words; empty where that is not clear
    probes: tuple[Probe, ...] = ()
    hosts: tuple[tuple[str, int], ...] = ()  # bytes by the host that sent them, where several may (Hub, lists)


class DiskView(Value, frozen=True, kw_only=True):
    path: str
    free: int
    total: int


class EngineStatus(Value, frozen=True, kw_only=True):
    pid: int
    version: str
    protocol: int
    started: float
    state_dir: str
    jobs_active: int
    draining: bool = False
    memory: int = 0  # resident bytes of the engine
    bandwidth: int = 0  # the limit of all jobs together now, 0 for none
    timetable: str = ""  # what that limit follows, if anything
