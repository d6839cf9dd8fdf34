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

from collections.abc import Mapping
from typing import Literal

import msgspec

from core.capability_card import CapabilityCard
from core.command import Command as Command
from core.command import Done as Done
from core.errors import Code
from core.listings import (
    CloseListing,
    FindInListing,
    LookAtObject,
    OpenListing,
    RangeOfListing,
    ReadListing,
    SumOfListing,
)
from core.model import (
    ADHOC_HUB,
    Action,
    Adhoc,
    Analysis,
    AttemptView,
    BucketInfo,
    CampaignView,
    Check,
    Connection,
    DiskFile,
    DiskView,
    EngineStatus,
    Entry,
    FolderView,
    FoundRepo,
    ItemOrder,
    ItemView,
    JobProgress,
    JobSpec,
    JobView,
    KeptRepo,
    KnownDisk,
    Level,
    Notice,
    Passphrase,
    Place,
    Preset,
    Priority,
    Probe,
    RepoInfo,
    RepoKind,
    SecretKeys,
    SecretPlace,
    SecretStore,
    Status,
    Tally,
    Value,
    WorkerView,
)

PROTOCOL = 2
MAX_FRAME = 16 * 1024 * 1024


class UploadId(Value, frozen=True, kw_only=True):
    """Names one unfinished upload in a bucket: several may be under one key."""

    key: str  # complete
    token: str


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


class GetLimit(Command["Limit"], frozen=True, kw_only=True, tag="get_limit"):
    """The bandwidth limit of all jobs together."""


class SetLimit(Command["Limit"], frozen=True, kw_only=True, tag="set_limit"):
    """Limit all jobs together, from now on and after a restart of the engine: a rate (0: none) or a timetable.
    `default`: back to what the settings say."""

    bandwidth: int = 0
    timetable: str = ""
    default: bool = False


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
    """Add a connection, or change the one called `replaces`. `keys`, when given, go into `store`, or where that
    is empty into the first one that is ready: the OS keyring, the encrypted file, or memory when
    `keys_in_memory` says that is understood. The reply's credentials say where they went. A `store` without
    `keys` moves those that the connection has. Untested connections need `untested_ok`."""

    connection: Connection
    keys: SecretKeys | None = None
    replaces: str = ""
    untested_ok: bool = False
    keys_in_memory: bool = False
    store: SecretStore | None = None


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


class SecretsState(Command["SecretsView"], frozen=True, kw_only=True, tag="secrets_state"):
    """Where typed keys can be kept, and how each place is."""


class UnlockSecrets(Command["SecretsView"], frozen=True, kw_only=True, tag="unlock_secrets"):
    """Open the encrypted file until the engine stops; with `create` make it, with this passphrase. Jobs that
    wait for keys in it go on. Refused: a wrong passphrase, and for a growing while after one any other."""

    passphrase: Passphrase
    create: bool = False


class LockSecrets(Command["SecretsView"], frozen=True, kw_only=True, tag="lock_secrets"):
    """Close the encrypted file. Jobs that need its keys stop within seconds, and wait."""


class ChangePassphrase(Command["SecretsView"], frozen=True, kw_only=True, tag="change_passphrase"):
    """Close the encrypted file with another passphrase, and leave it open."""

    old: Passphrase
    new: Passphrase


# ---------------------------------------------------------------- looking around


class ListBuckets(Command["BucketList"], frozen=True, kw_only=True, tag="list_buckets"):
    """The buckets of a connection, in the order of their names."""

    connection: str
    adhoc: Adhoc = None  # what `s3://` means to the asking face


class Measure(Command["Measured"], frozen=True, kw_only=True, tag="measure"):
    """Count objects and bytes under a place. Gives up after `seconds` and says that it is incomplete."""

    place: Place
    seconds: float = 10.0
    adhoc: Adhoc = None


class ListEntries(Command["EntryPage"], frozen=True, kw_only=True, tag="list_entries"):
    """One page of what is at a place. `cursor` is from the page before. Not `recursive`: one level, with
    folders as entries."""

    place: Place
    recursive: bool = False
    cursor: str = ""
    limit: int = 1000
    adhoc: Adhoc = None


class ListUploads(Command["UploadPage"], frozen=True, kw_only=True, tag="list_uploads"):
    """One page of the unfinished multipart uploads at a place in a bucket: of that key, or below that folder.

    The first `measure` of the page are looked at more closely for their parts and bytes, a request each.
    `cursor` is from the page before."""

    place: Place
    cursor: str = ""
    limit: int = 1000
    measure: int = 0
    adhoc: Adhoc = None


class CleanUploads(Command["CleanedUploads"], frozen=True, kw_only=True, tag="clean_uploads"):
    """Abort these unfinished uploads, at most 1 000; their parts are gone then. `confirm` must be exactly
    `YES`. One that an unfinished job of this engine works on is never aborted; one that is gone is done."""

    place: Place
    uploads: tuple[UploadId, ...]
    confirm: str = ""
    adhoc: Adhoc = None


# ---------------------------------------------------------------- Hubs and lists


class ListRepos(Command["RepoList"], frozen=True, kw_only=True, tag="list_repos"):
    """The kept repositories, in the order of their names."""


class KeepRepo(Command["RepoList"], frozen=True, kw_only=True, tag="keep_repo"):
    """Keep a repository, or change what is kept of it (same id, kind and connection). It is not asked for: use
    `LookAtRepo` to see whether it is there."""

    repo: KeptRepo


class DropRepo(Command["RepoList"], frozen=True, kw_only=True, tag="drop_repo"):
    """Keep it no longer. Raises not_found. `kind` and `connection` empty: whichever has the id, if only one."""

    id: str
    kind: str = ""
    connection: str = ""


class SearchRepos(Command["FoundRepos"], frozen=True, kw_only=True, tag="search_repos"):
    """What a Hub finds for some words, the most downloaded first."""

    words: str
    kind: RepoKind = "datasets"
    connection: str = ADHOC_HUB
    limit: int = 50
    adhoc: Adhoc = None


class LookAtRepo(Command[RepoInfo], frozen=True, kw_only=True, tag="look_at_repo"):
    """A repository at its place's revision: the commit, and whether its files may be read."""

    place: Place
    adhoc: Adhoc = None


class ReadList(Command["ListPreview"], frozen=True, kw_only=True, tag="read_list"):
    """Read a list of URLs or ids whole and say what it holds. Nothing is asked of a server."""

    place: Place
    limit: int = 20


class Analyse(Command[Analysis], frozen=True, kw_only=True, tag="analyse"):
    """Count what is at a place: sizes, largest files, folders. Gives up after `seconds`. Of lists the servers
    are asked for sizes."""

    place: Place
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    seconds: float = 60.0
    adhoc: Adhoc = None


# ---------------------------------------------------------------- more than one disk holds


class GetCampaign(Command[CampaignView], frozen=True, kw_only=True, tag="get_campaign"):
    """A job in batches (`JobSpec.batches`), by its number or by that of a batch's job."""

    job: int


class ContinueCampaign(Command[JobView], frozen=True, kw_only=True, tag="continue_campaign"):
    """Move a batch to a disk; replies with the job that does it, the same one when it exists already.

    `target` None: where that batch, or else the campaign, was to go. Refused: a disk that holds another batch
    (unless `share_disk`), another disk than the one this batch was begun on (unless `other_disk`), a folder on
    which nothing is mounted where a disk was before, and too little room."""

    job: int
    batch: int
    target: Place | None = None
    share_disk: bool = False
    other_disk: bool = False


class ListBatchFiles(Command["DiskFiles"], frozen=True, kw_only=True, tag="list_batch_files"):
    """The files of a campaign with batch and disk. `batch` 0: all; `cursor` is from the page before."""

    job: int
    batch: int = 0
    contains: str = ""
    cursor: str = ""
    limit: int = 200


class ListDisks(Command["DiskList"], frozen=True, kw_only=True, tag="list_disks"):
    """The catalogue of disks."""


class DropDisk(Command["DiskList"], frozen=True, kw_only=True, tag="drop_disk"):
    """Take a disk out of the catalogue; nothing on the disk is touched. Refused while a campaign that is not
    finished counts on it."""

    disk: str


class FindOnDisks(Command["DiskFiles"], frozen=True, kw_only=True, tag="find_on_disks"):
    """Which disks hold files whose name contains this text."""

    contains: str
    cursor: str = ""
    limit: int = 200


# ---------------------------------------------------------------- jobs


class PlanJob(Command[JobView], frozen=True, kw_only=True, tag="plan_job"):
    """Make a job in state `planning`: list, compare, freeze. Nothing moves. `key` makes it idempotent.
    `start` lets it move while it still lists; refused (code `refused`) when the plan may need YES."""

    spec: JobSpec
    key: str
    start: bool = False


class StartJob(Command[JobView], frozen=True, kw_only=True, tag="start_job"):
    """Carry out a planned job. `plan_hash` must be that of the frozen plan; `confirm` must be exactly
    `YES` when the plan needs confirmation, and `confirm_delete` exactly the plan's `delete_word` when it has
    one. Anything else is refused and changes nothing."""

    job: int
    plan_hash: str
    confirm: str = ""
    confirm_delete: str = ""


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


class CleanUp(Command["Cleaned"], frozen=True, kw_only=True, tag="clean_up"):
    """Forget finished jobs, and remove partial files that belong to no job and were not changed for 48 hours.
    Moved data is not touched.

    Jobs: completed and cancelled ones that ended `older` seconds ago or earlier; with `failed` also those that
    did not do everything. Partial files: under the local targets of all known jobs, and in `places` (folders
    of this machine). With `dry_run` nothing is changed, and the reply says what would be."""

    places: tuple[Place, ...] = ()
    older: float = 0.0
    failed: bool = False
    dry_run: bool = False


class RepairJob(Command["Repaired"], frozen=True, kw_only=True, tag="repair_job"):
    """Bring a job's records in line with what is at its target: completed files that are missing or of another
    size are pending again; pending and failed ones whose file is there with the very content are completed.

    Refused while the job runs, and when the disk under the target is not the one that the job began on, unless
    `other_disk` says that this one is meant. Nothing is moved; a finished job that has something to do again is
    paused."""

    job: int
    other_disk: bool = False


class CheckSystem(Command["SystemReport"], frozen=True, kw_only=True, tag="check_system"):
    """Whether this machine, and the place, are fit for moving `size` more bytes there: a folder (a hidden file
    is written and removed), or servers (asked for, nothing is written). `reserve` -1: the setting's."""

    place: Place
    size: int = 0
    reserve: int = -1
    adhoc: Adhoc = None


class UndeleteJob(Command["UndeleteReport"], frozen=True, kw_only=True, tag="undelete_job"):
    """Take back the deletions of a job where its targets keep versions, by removing the delete markers that it
    made and nothing else; works from the job's undo file, also after the job was forgotten. With `dry_run` only
    say what would come of it."""

    job: int
    dry_run: bool = False


class ListPresets(Command["PresetList"], frozen=True, kw_only=True, tag="list_presets"):
    """The kept presets, in the order of their names."""


class KeepPreset(Command["PresetList"], frozen=True, kw_only=True, tag="keep_preset"):
    """Keep a job's spec under a name. Refused when another preset has the name and it is not to be replaced."""

    name: str
    spec: JobSpec
    description: str = ""
    replace: bool = False


class RenamePreset(Command["PresetList"], frozen=True, kw_only=True, tag="rename_preset"):
    name: str
    new: str


class DropPreset(Command["PresetList"], frozen=True, kw_only=True, tag="drop_preset"):
    """Keep it no longer. Raises not_found."""

    name: str


class TuneJob(Command[JobView], frozen=True, kw_only=True, tag="tune_job"):
    """Change limits of a job while it runs. -1 or None leaves a value as it is, 0 means "by measuring"/"none".
    A `bandwidth` without a `timetable` ends the timetable that there was."""

    job: int
    workers: int = -1
    connections: int = -1
    bandwidth: int = -1
    timetable: str | None = None
    priority: Priority | None = None


class ListJobs(Command["JobList"], frozen=True, kw_only=True, tag="list_jobs"):
    """Jobs, newest first. `before` is a job id to go on from, 0 for the newest."""

    before: int = 0
    limit: int = 200


class GetJob(Command[JobView], frozen=True, kw_only=True, tag="get_job"):
    job: int


class ListItems(Command["ItemPage"], frozen=True, kw_only=True, tag="list_items"):
    """Items of a job in the order of the plan, one page after the other. `action` and `status` filter,
    `contains` matches in the name, `cursor` is from the page before."""

    job: int
    action: Action | None = None
    status: Status | None = None
    contains: str = ""
    cursor: str = ""
    limit: int = 200


class ViewItems(Command["ItemWindow"], frozen=True, kw_only=True, tag="view_items"):
    """Items of a job by their position in an order, for tables in which people jump about.

    The order is written down at the first look and kept for a while: of a million items that takes up to a
    second. `hurry`: where there is none yet, reply at once, with the first rows if they are found soon.
    `fresh`: with an order as it is now; not more often than what making it costs allows. `locate` asks where an
    item is."""

    job: int
    action: Action | None = None
    status: Status | None = None
    contains: str = ""
    order: ItemOrder = ItemOrder.PLAN
    reverse: bool = False
    first: int = 0
    limit: int = 200
    hurry: bool = False
    fresh: bool = False
    locate: int = 0


class GetTiming(Command["Timing"], frozen=True, kw_only=True, tag="get_timing"):
    """Where the time of a running job's workers goes; empty when it does not run."""

    job: int


class ListFolders(Command["FolderPage"], frozen=True, kw_only=True, tag="list_folders"):
    """How far a job is, by folder: one row for each folder directly below `prefix` ("" or ending in "/") of one
    pair, and one for the files that lie in `prefix` itself. `pair` -1: the pairs, when there are several, else
    the only one. `cursor` is from the page before."""

    job: int
    pair: int = -1
    prefix: str = ""
    cursor: str = ""
    limit: int = 200


class ListAttempts(Command["AttemptPage"], frozen=True, kw_only=True, tag="list_attempts"):
    """Failed tries of a job, newest first; `item` 0 means of all items."""

    job: int
    item: int = 0
    before: int = 0
    limit: int = 200


AnyCommand = (
    ListRepos
    | KeepRepo
    | DropRepo
    | SearchRepos
    | LookAtRepo
    | ReadList
    | Analyse
    | ListPresets
    | KeepPreset
    | RenamePreset
    | DropPreset
    | GetCampaign
    | ContinueCampaign
    | ListBatchFiles
    | ListDisks
    | DropDisk
    | FindOnDisks
    | Ping
    | Shutdown
    | Subscribe
    | Unsubscribe
    | ReadLog
    | GetLimit
    | SetLimit
    | ListConnections
    | TestConnection
    | SaveConnection
    | RemoveConnection
    | ImportProfiles
    | ProvideKeys
    | SecretsState
    | UnlockSecrets
    | LockSecrets
    | ChangePassphrase
    | ListBuckets
    | Measure
    | ListEntries
    | OpenListing
    | ReadListing
    | RangeOfListing
    | FindInListing
    | SumOfListing
    | CloseListing
    | LookAtObject
    | ListUploads
    | CleanUploads
    | PlanJob
    | StartJob
    | PauseJob
    | ResumeJob
    | CancelJob
    | RetryJob
    | ForgetJob
    | CleanUp
    | RepairJob
    | CheckSystem
    | UndeleteJob
    | TuneJob
    | ListJobs
    | GetJob
    | ListItems
    | ViewItems
    | ListAttempts
    | GetTiming
    | ListFolders
)


# ---------------------------------------------------------------- replies


class ConnectionList(Value, frozen=True, kw_only=True):
    connections: tuple[Connection, ...] = ()
    profiles: tuple[str, ...] = ()  # AWS profiles found that no connection refers to
    offered: tuple[Connection, ...] = ()  # what `ImportProfiles` would make of them, in their order
    profiles_trouble: str = ""  # why the AWS files could not be read; names file and line
    keeps_secrets_in: str = ""  # "Secret Service (login keyring)", "memory only: no keyring service …"
    can_keep_secrets: bool = False  # False: memory only
    secret_places: tuple[SecretPlace, ...] = ()  # in the order in which they are tried
    locked: tuple[str, ...] = ()  # connections whose keys are gone with a memory, or in the locked file
    cards: Mapping[str, CapabilityCard] = {}  # by the connection's name; absent: never looked at


class SecretsView(Value, frozen=True, kw_only=True):
    places: tuple[SecretPlace, ...]
    waiting: tuple[str, ...] = ()  # connections whose keys are in the encrypted file while that is locked
    file: str = ""  # where the encrypted file is, or would be


class TestReport(Value, frozen=True, kw_only=True):
    checks: tuple[Check, ...]
    ok: bool
    advice: str = ""  # what the error means, in plain words, and what to do
    region: str = ""  # discovered
    buckets: tuple[str, ...] = ()
    card: CapabilityCard | None = None  # what the service can do, as far as it is known now
    skew: float | None = None  # seconds that the server's clock is ahead of this machine's


class Limit(Value, frozen=True, kw_only=True):
    """What all jobs may take together. `now` is what holds at this moment: bytes a second, 0 for no limit."""

    bandwidth: int = 0
    timetable: str = ""
    now: int = 0
    from_settings: bool = True


class UndeleteReport(Value, frozen=True, kw_only=True):
    """What came of taking deletions back, or with a dry run would. Each deleted object is counted once."""

    undo_file: str
    restored: int = 0
    there_already: int = 0  # taken back before, or written again since: left as it is
    lost: int = 0  # the target kept no version: only the source or a backup can bring them back
    unsure: int = 0  # whether this job deleted them is not on record: left as they are
    failed: int = 0
    notes: tuple[str, ...] = ()  # examples of what was not brought back, and why; the first ones


class BucketList(Value, frozen=True, kw_only=True):
    buckets: tuple[BucketInfo, ...]


class Measured(Value, frozen=True, kw_only=True):
    total: Tally
    complete: bool


class UploadView(Value, frozen=True, kw_only=True):
    """An unfinished multipart upload as faces show it."""

    id: UploadId
    begun: float = 0.0
    storage_class: str = ""
    parts: int = -1  # -1: not looked at
    bytes: int = -1
    job: int = 0  # of this engine, 0 when none knows it
    in_use: bool = False  # that job is not finished and goes on with it
    leaving: bool = False  # it is to be removed; the engine keeps trying


class UploadPage(Value, frozen=True, kw_only=True):
    uploads: tuple[UploadView, ...]
    cursor: str = ""  # empty: this was the last page


class CleanedUploads(Value, frozen=True, kw_only=True):
    aborted: int = 0
    kept: int = 0  # in use by now
    failed: tuple[tuple[str, str], ...] = ()  # key, why; at most 100
    failures: int = 0


class EntryPage(Value, frozen=True, kw_only=True):
    entries: tuple[Entry, ...]
    cursor: str = ""  # empty: this was the last page


class RepoList(Value, frozen=True, kw_only=True):
    repos: tuple[KeptRepo, ...]


class PresetList(Value, frozen=True, kw_only=True):
    presets: tuple[Preset, ...]


class FoundRepos(Value, frozen=True, kw_only=True):
    repos: tuple[FoundRepo, ...]


class ListPreview(Value, frozen=True, kw_only=True):
    """What a list holds. `rows` are those that give a URL; examples are the first ones."""

    rows: int
    first: tuple[Entry, ...] = ()  # key: the name it gets; url: where it comes from
    blanks: int = 0
    duplicates: int = 0
    duplicate_examples: tuple[str, ...] = ()
    bad: int = 0
    bad_examples: tuple[tuple[int, str], ...] = ()  # (line from 1, why)


class DiskFiles(Value, frozen=True, kw_only=True):
    files: tuple[DiskFile, ...]
    cursor: str = ""
    matching: int = -1  # in all, -1 when not counted


class DiskList(Value, frozen=True, kw_only=True):
    disks: tuple[KnownDisk, ...]


class StalePart(Value, frozen=True, kw_only=True):
    """A partial file that belongs to nobody. `size` is what it takes of the disk, `age` in seconds."""

    path: str
    size: int
    age: float
    trouble: str = ""  # why it is still there


class Cleaned(Value, frozen=True, kw_only=True):
    """What a clean-up did, or with `dry_run` would do."""

    jobs: tuple[int, ...] = ()  # forgotten
    parts: tuple[StalePart, ...] = ()  # the first 1 000 of the stale ones
    removed: Tally = Tally()
    kept: Tally = Tally()  # partial files that a job needs, or that were changed in the last 48 hours
    folders: tuple[str, ...] = ()  # that were looked into


class Repaired(Value, frozen=True, kw_only=True):
    """What a repair changed in the records of a job."""

    job: JobView
    reopened: Tally = Tally()  # recorded as completed, missing or of another size at the target
    adopted: Tally = Tally()  # not recorded as completed, there with the very content
    checked: int = 0
    examples: tuple[str, ...] = ()  # names that were reopened, the first few
    source_trouble: str = ""  # why nothing (more) could be adopted


class SystemCheckLine(Value, frozen=True, kw_only=True):
    """One line of a system check; `hint` says what to do about a `warn` or a `fail`."""

    name: str
    level: Literal["ok", "warn", "fail"]
    detail: str
    hint: str = ""


class SystemReport(Value, frozen=True, kw_only=True):
    checks: tuple[SystemCheckLine, ...]
    ok: bool  # nothing failed


class JobList(Value, frozen=True, kw_only=True):
    jobs: tuple[JobView, ...]


class ItemPage(Value, frozen=True, kw_only=True):
    items: tuple[ItemView, ...]
    cursor: str = ""
    matching: int = -1  # how many items match in all; counted for the first page, -1 in those that follow


class ItemWindow(Value, frozen=True, kw_only=True):
    """The items at the positions from `first` on. Positions of one `version` are of one order."""

    items: tuple[ItemView, ...] = ()
    first: int = 0
    total: int = 0  # in the whole order; -1: there is none yet, these are the first ones, if any
    version: int = 0
    position: int = -1  # of the item that was to be located, -1 when it is not in the order


class AttemptPage(Value, frozen=True, kw_only=True):
    attempts: tuple[AttemptView, ...]


class WorkerTiming(Value, frozen=True, kw_only=True):
    """Seconds that one worker has spent by phase since the run began, the longest first."""

    index: int
    seconds: tuple[tuple[str, float], ...] = ()


class Timing(Value, frozen=True, kw_only=True):
    """`shares` and `bottleneck` are of the last half minute, as in JobProgress."""

    shares: tuple[tuple[str, float], ...] = ()
    bottleneck: str = ""
    workers: tuple[WorkerTiming, ...] = ()
    probes: tuple[Probe, ...] = ()


class FolderPage(Value, frozen=True, kw_only=True):
    folders: tuple[FolderView, ...]
    pair: int = -1  # whose folders these are; -1: the rows are pairs
    cursor: str = ""


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
