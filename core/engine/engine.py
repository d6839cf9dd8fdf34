"""The engine: commands in, events out. Decisions are made on its event loop; work is done in threads."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import psutil

from core import __version__
from core.connection_desk import ConnectionDesk
from core.connections import ConnectionRegistry
from core.engine.analysing import Analysing
from core.engine.browsing.listings import Listings
from core.engine.browsing.object_details import look_at_object
from core.engine.campaigns.desk import Campaigns
from core.engine.campaigns.views import CampaignViews
from core.engine.jobs import Jobs
from core.engine.journal.journal import Journal
from core.engine.looking import Looking, as_refusal, open_place
from core.engine.moving.limit_desk import LimitDesk
from core.engine.moving.limits import Bandwidth, MemoryBudget, Pace, Shared
from core.engine.moving.pacing import Pacing
from core.engine.network.mending import CredentialWatch
from core.engine.network.network import Network
from core.engine.planning.deletions import WordLimits
from core.engine.repositories import Repositories
from core.engine.storebook import StoreBook
from core.engine.upkeep.end_hook import EndHook, command_in
from core.engine.upkeep.housekeeping import Housekeeping
from core.engine.upkeep.leftovers import Leftovers
from core.engine.upkeep.undelete import Undelete
from core.engine.upkeep.uploads import Uploads
from core.engine.watching.ticker import Ticker
from core.errors import Code, HaulierError, TransferError
from core.events import EventHub
from core.listings import (
    CloseListing,
    FindInListing,
    LookAtObject,
    OpenListing,
    RangeOfListing,
    ReadListing,
    SumOfListing,
)
from core.messages import (
    PROTOCOL,
    Analyse,
    CancelJob,
    ChangePassphrase,
    CheckSystem,
    CleanUp,
    CleanUploads,
    Command,
    ConnectionsChanged,
    ContinueCampaign,
    DropDisk,
    DropPreset,
    DropRepo,
    FindOnDisks,
    ForgetJob,
    GetCampaign,
    GetJob,
    GetLimit,
    GetTiming,
    ImportProfiles,
    JobChanged,
    JobForgotten,
    KeepPreset,
    KeepRepo,
    Limit,
    ListAttempts,
    ListBatchFiles,
    ListBuckets,
    ListConnections,
    ListDisks,
    ListEntries,
    ListFolders,
    ListItems,
    ListJobs,
    ListPresets,
    ListRepos,
    ListUploads,
    LockSecrets,
    LogPage,
    LookAtRepo,
    Measure,
    Noticed,
    PauseJob,
    Ping,
    PlanJob,
    ProvideKeys,
    ReadList,
    ReadLog,
    RemoveConnection,
    RenamePreset,
    RepairJob,
    ResumeJob,
    RetryJob,
    SaveConnection,
    SearchRepos,
    SecretsState,
    SecretsView,
    SetLimit,
    Snapshot,
    StartJob,
    TestConnection,
    TuneJob,
    UndeleteJob,
    UnlockSecrets,
    ViewItems,
)
from core.model import EngineStatus, FileCredentials, JobView, Level, Notice
from core.paths import Paths
from core.preset_desk import PresetDesk
from core.presets import PresetRegistry
from core.proxies import keep_passwords_out_of_logs
from core.repos import RepoRegistry
from core.safe_text import safe_text
from core.secret_desk import SecretDesk
from core.secret_file import SecretFile
from core.secrets import SecretVault
from core.settings import Settings
from core.timetable import limit_words

log = logging.getLogger(__name__)
R = TypeVar("R")

BUFFERS = 96 * 1024 * 1024  # bytes that all workers may hold at once
SHOWN_NOTICES = 200
LEFTOVERS = 30.0  # seconds between looks at what is still to be removed


class Engine:
    """Implements `core.engine.interface.EngineCore` over one state folder."""

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self._paths, self._settings = paths, settings
        keep_passwords_out_of_logs()
        self._hub = EventHub()
        self._boot_id = secrets.token_hex(8)
        self._started = time.time()
        self._vault = SecretVault(file=SecretFile(paths.secrets))
        self._registry = ConnectionRegistry(paths.connections)
        self._desk = ConnectionDesk(self._registry, self._vault)
        self._secrets = SecretDesk(self._registry, self._vault)
        self._stores = StoreBook(
            self._registry.get, self._vault.keys, settings.stall_timeout, self._told_from_a_thread
        )
        self._network = Network(self._told_from_a_thread)
        self._stores.cards = self._desk.cards
        self._looking = Looking(self._stores)
        self._listings = Listings(
            paths.metadata_dir / "listings", lambda place, adhoc: open_place(self._stores, place, adhoc)
        )
        self._notices: list[Notice] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = psutil.Process()

    @property
    def hub(self) -> EventHub:
        return self._hub

    @property
    def boot_id(self) -> str:
        return self._boot_id

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._journal = await asyncio.to_thread(Journal, self._paths.journal)
        await asyncio.to_thread(self._listings.begin)
        self._notices, _ = self._journal.notices(0, SHOWN_NOTICES, (Level.INFO, Level.WARNING), 0)
        everything = Bandwidth()
        self._limit = LimitDesk(self._journal, Pace(everything), self._settings.bandwidth)
        self._jobs = Jobs(
            self._journal,
            self._stores,
            Shared(
                MemoryBudget(BUFFERS),
                everything,
                self._settings.reserve,
                WordLimits(self._settings.delete_word_count, self._settings.delete_word_share),
                self._settings.drift_check,
                network=self._network,
            ),
            publish=lambda view: self._hub.publish(lambda seq: JobChanged(seq=seq, job=view)),
            forgotten=lambda job: self._hub.publish(lambda seq: JobForgotten(seq=seq, job=job)),
            notice=self.notice,
        )
        self._housekeeping = Housekeeping(
            self._journal, self._stores, self._jobs, self._desk, self._settings.reserve
        )
        self._campaigns = Campaigns(self._journal, self._jobs, self.notice, self._settings.reserve)
        self._end_hook = EndHook(command_in(self._settings), self.notice)
        self._jobs.when_ended = self._job_ended
        self._handlers = self._make_handlers()
        await self._jobs.open()
        self._spawn(self._campaigns.open())
        ticker = Ticker(self._jobs.runs, self._jobs.view, self._hub.offer, lambda: self._hub.wanted_rate)
        self._spawn(ticker.run())
        self._spawn(self._jobs.look_after())
        self._spawn(self._end_hook.run())
        jobs = self._jobs
        watch = CredentialWatch(
            self._stores, jobs.waiting_for_keys, lambda job: jobs.resume(ResumeJob(job=job)), self.notice
        )
        self._spawn(watch.run())
        self._leftovers = Leftovers(self._journal.uploads, self._stores, self._notice_from_a_thread)
        self._spawn(self._remove_leftovers())
        self._spawn(Pacing(self._jobs.runs, self._limit.pace).run())

    async def close(self, *, drain: bool) -> None:
        if self._closed:
            return
        self._closed = True
        self._housekeeping.close()
        await self._jobs.close(drain=drain)
        await self._campaigns.close()
        await self._end_hook.close(drain=drain)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._network.close()
        await asyncio.to_thread(self._listings.close_all)
        self._hub.close()
        await asyncio.to_thread(self._journal.close)

    async def _job_ended(self, job: JobView) -> None:
        self._end_hook.job_ended(job)
        await self._campaigns.job_ended(job)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task of the engine ended by a defect", exc_info=task.exception())

    # ------------------------------------------------------------ what faces see

    def snapshot(self) -> Snapshot:
        return Snapshot(
            seq=self._hub.seq,
            status=self.status(),
            jobs=self._jobs.views,
            connections=tuple(self._connections()),
            notices=tuple(self._notices[-SHOWN_NOTICES:]),
        )

    def status(self) -> EngineStatus:
        limit = self._limit.get()
        return EngineStatus(
            pid=os.getpid(),
            version=__version__,
            protocol=PROTOCOL,
            started=self._started,
            state_dir=str(self._paths.metadata_dir),
            jobs_active=len(self._jobs.runs),
            draining=self._closed,
            memory=self._process.memory_info().rss,
            bandwidth=limit.now,
            timetable=limit.timetable,
        )

    def _connections(self) -> list[Any]:
        try:
            return list(self._registry.list())
        except HaulierError as error:
            log.warning("%s", error.message)
            return []  # ListConnections says why; the jobs are shown all the same

    def notice(self, level: Level, text: str, job: int = 0) -> None:
        """A line of the log for people; kept in the journal, sent to faces, written to the log file."""
        text = safe_text(text)  # it may quote keys and servers
        notice = Notice(at=time.time(), level=level, text=text, job=job)
        self._notices = [*self._notices[-SHOWN_NOTICES:], notice]
        log.log(getattr(logging, level.value), "%s%s", f"job {job}: " if job else "", text)
        self._hub.publish(lambda seq: Noticed(seq=seq, notice=notice))
        self._spawn(asyncio.to_thread(self._journal.add_notice, notice))

    def _told_from_a_thread(self, text: str) -> None:
        """A warning about a server, from whichever thread."""
        self._notice_from_a_thread(Level.WARNING, text)

    def _notice_from_a_thread(self, level: Level, text: str) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.notice, level, text)

    # ------------------------------------------------------------ commands

    async def handle(self, command: Command[R]) -> R:
        handler = self._handlers.get(type(command))
        if handler is None:
            raise HaulierError(Code.UNAVAILABLE, f"this engine does not know {type(command).__name__}")
        try:
            return cast(R, await handler(command))
        except TransferError as error:
            raise as_refusal(error) from error

    def _make_handlers(self) -> dict[type, Callable[[Any], Awaitable[Any]]]:
        jobs, desk, looking, listings = self._jobs, self._desk, self._looking, self._listings
        uploads = Uploads(self._journal.uploads, self._stores)
        campaigns = CampaignViews(self._journal)
        repositories = Repositories(RepoRegistry(self._paths.repos), self._stores)
        presets = PresetDesk(PresetRegistry(self._paths.presets))
        return {
            Ping: self._ping,
            ReadLog: self._read_log,
            GetLimit: self._in_thread(lambda _: self._limit.get()),
            SetLimit: self._set_limit,
            ListConnections: self._in_thread(desk.list),
            TestConnection: self._test_connection,
            SaveConnection: self._save_connection,
            RemoveConnection: self._remove_connection,
            ImportProfiles: self._import_profiles,
            ProvideKeys: self._provide_keys,
            SecretsState: self._in_thread(self._secrets.state),
            UnlockSecrets: self._unlock_secrets,
            LockSecrets: self._lock_secrets,
            ChangePassphrase: self._change_passphrase,
            ListBuckets: self._in_thread(looking.buckets),
            ListRepos: self._in_thread(repositories.list),
            KeepRepo: self._in_thread(repositories.keep),
            DropRepo: self._in_thread(repositories.drop),
            SearchRepos: self._in_thread(repositories.search),
            LookAtRepo: self._in_thread(repositories.look),
            ListPresets: self._in_thread(presets.list),
            KeepPreset: self._in_thread(presets.keep),
            RenamePreset: self._in_thread(presets.rename),
            DropPreset: self._in_thread(presets.drop),
            ListEntries: self._in_thread(looking.entries),
            OpenListing: self._in_thread(listings.open),
            ReadListing: self._in_thread(listings.read),
            RangeOfListing: self._in_thread(listings.range),
            FindInListing: self._in_thread(listings.find),
            SumOfListing: self._in_thread(listings.sum),
            CloseListing: self._in_thread(listings.close),
            LookAtObject: self._in_thread(lambda command: look_at_object(self._stores, command)),
            ListUploads: self._in_thread(uploads.list),
            CleanUploads: self._in_thread(uploads.clean),
            Measure: self._in_thread(looking.measure),
            ReadList: self._in_thread(looking.read_list),
            Analyse: self._in_thread(Analysing(self._stores).analyse),
            PlanJob: jobs.plan,
            StartJob: jobs.start,
            PauseJob: self._campaigns.pause,
            ResumeJob: jobs.resume,
            CancelJob: jobs.cancel,
            RetryJob: jobs.retry,
            ForgetJob: jobs.forget,
            CleanUp: self._housekeeping.clean,
            RepairJob: self._housekeeping.repair,
            CheckSystem: self._housekeeping.check,
            UndeleteJob: self._in_thread(Undelete(self._paths.journal, self._stores)),
            TuneJob: jobs.tune,
            GetCampaign: self._campaigns.get,
            ContinueCampaign: self._campaigns.continue_batch,
            ListBatchFiles: self._in_thread(campaigns.files),
            ListDisks: self._in_thread(campaigns.disks),
            FindOnDisks: self._in_thread(campaigns.find),
            DropDisk: self._in_thread(self._campaigns.drop_disk),
            ListJobs: jobs.list,
            GetJob: jobs.get,
            ListItems: jobs.items,
            ViewItems: jobs.view_items,
            ListAttempts: jobs.attempts,
            ListFolders: jobs.folders,
            GetTiming: jobs.timing,
        }

    @staticmethod
    def _in_thread(work: Callable[[Any], Any]) -> Callable[[Any], Awaitable[Any]]:
        async def handler(command: Any) -> Any:
            return await asyncio.to_thread(work, command)

        return handler

    async def _ping(self, _command: Ping) -> EngineStatus:
        return self.status()

    async def _read_log(self, command: ReadLog) -> LogPage:
        order = (Level.DEBUG, Level.INFO, Level.WARNING)
        levels = order[order.index(command.level) :]
        notices, last = await asyncio.to_thread(
            self._journal.notices, command.after, min(command.limit, 2000), levels, command.job
        )
        return LogPage(notices=tuple(notices), last=last)

    async def _set_limit(self, command: SetLimit) -> Limit:
        limit = await asyncio.to_thread(self._limit.set, command)
        words = limit_words(limit.bandwidth, limit.timetable, time.localtime())
        self.notice(Level.INFO, f"bandwidth of all jobs together: {words}")
        return limit

    async def _test_connection(self, command: TestConnection) -> Any:
        report = await asyncio.to_thread(self._desk.test, command)
        self._connections_changed()  # a saved one that passed is noted as tested
        return report

    async def _save_connection(self, command: SaveConnection) -> Any:
        saved = await asyncio.to_thread(
            self._desk.save, command, self._jobs.using(command.replaces or command.connection.name)
        )
        self._connections_changed()
        await self._jobs.go_on_with_keys(lambda connection: connection.name == saved.name)
        return saved

    async def _remove_connection(self, command: RemoveConnection) -> Any:
        try:
            return await asyncio.to_thread(self._desk.remove, command, self._jobs.using(command.name))
        finally:  # also when the connection went and its keys could not be removed
            self._connections_changed()

    async def _import_profiles(self, command: ImportProfiles) -> Any:
        listed = await asyncio.to_thread(self._desk.import_profiles, command)
        self._connections_changed()
        return listed

    async def _provide_keys(self, command: ProvideKeys) -> Any:
        done = await asyncio.to_thread(self._desk.provide, command)
        self._stores.forget_services()
        await self._jobs.go_on_with_keys(
            lambda connection: getattr(connection.credentials, "ref", "") == command.ref
        )
        self._spawn(asyncio.to_thread(self._leftovers.try_all))
        return done

    async def _unlock_secrets(self, command: UnlockSecrets) -> SecretsView:
        view = await asyncio.to_thread(self._secrets.unlock, command)
        self.notice(Level.INFO, "the encrypted file of secrets is open until the engine stops")
        await self._go_on_with_file()
        return view

    async def _lock_secrets(self, command: LockSecrets) -> SecretsView:
        view = await asyncio.to_thread(self._secrets.lock, command)
        self._stores.forget_keys()
        self.notice(Level.INFO, "the encrypted file of secrets is locked")
        self._connections_changed()
        return view

    async def _change_passphrase(self, command: ChangePassphrase) -> SecretsView:
        view = await asyncio.to_thread(self._secrets.change, command)
        self.notice(Level.INFO, "the encrypted file of secrets has another passphrase")
        await self._go_on_with_file()
        return view

    async def _go_on_with_file(self) -> None:
        self._connections_changed()
        await self._jobs.go_on_with_keys(lambda connection: isinstance(connection.credentials, FileCredentials))
        self._spawn(asyncio.to_thread(self._leftovers.try_all))

    async def _remove_leftovers(self) -> None:
        """Uploads that could not be removed: all of them now, then each when it is due."""
        await asyncio.to_thread(self._leftovers.try_all)
        while True:
            await asyncio.sleep(LEFTOVERS)
            await asyncio.to_thread(self._leftovers.try_due)

    def _connections_changed(self) -> None:
        self._stores.forget_services()
        connections = tuple(self._connections())
        self._hub.publish(lambda seq: ConnectionsChanged(seq=seq, connections=connections))
