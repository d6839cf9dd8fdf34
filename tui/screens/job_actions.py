"""What can be done with a job, the same on every screen that shows one."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from msgspec import structs

from core.messages import (
    CancelJob,
    Command,
    ContinueCampaign,
    ForgetJob,
    GetLimit,
    PauseJob,
    ResumeJob,
    RetryJob,
    SetLimit,
    TuneJob,
)
from core.model import FileCredentials, JobKind, JobOptions, JobSpec, JobState, JobView, Priority
from core.repair import FILTERS, can_repair, repair_spec, verify_spec
from core.safe_text import safe_text
from core.timetable import limit_words, parse_limit
from core.units import format_bytes
from tui import clock
from tui.job_words import is_between_disks
from tui.screens.ask import QuestionScreen, ValueScreen
from tui.screens.folders import FoldersScreen
from tui.screens.frame import HaulierScreen
from tui.screens.passphrase import open_secrets
from tui.soon import soon
from tui.state import Link

R = TypeVar("R")
_GOES_ON = {JobState.PAUSED, JobState.BLOCKED}
_CAN_PAUSE = {JobState.RUNNING}
_CAN_TUNE = {JobState.RUNNING, JobState.PAUSED, JobState.BLOCKED}
_ASKS_ENGINE = {
    "toggle_pause",
    "retry_failed",
    "repair_job",
    "retry_item",
    "tune_bandwidth",
    "tune_everything",
    "next_priority",
    "more_workers",
    "fewer_workers",
    "more_connections",
    "fewer_connections",
    "cancel_job",
    "forget_job",
    "new_job",
    "show_items",
    "show_errors",
    "verify_job",
    "repeat_job",
    "keep_preset",
    "show_presets",
}
_NEEDS_JOB = _ASKS_ENGINE - {"new_job", "tune_everything", "show_presets"} | {
    "open_job",
    "show_details",
    "show_board",
    "show_folders",
}
LIMIT_EXPLAINED = 'Bytes a second, as "50MiB", or by the clock: "08:00,10MiB 19:00,off". Empty: no limit.'
_NEXT_PRIORITY = {
    Priority.NORMAL: Priority.FIRST,
    Priority.FIRST: Priority.LAST,
    Priority.LAST: Priority.NORMAL,
}
_PRIORITY_WORDS = {
    Priority.NORMAL: "goes along with the others",
    Priority.FIRST: "goes first, the others wait for it",
    Priority.LAST: "goes last, it waits for the others",
}


class JobActions(HaulierScreen):
    """A screen with a job in its middle."""

    _had_a_job = False

    @property
    def job(self) -> JobView | None:
        """The job that the keys are about."""
        raise NotImplementedError

    def on_screen_resume(self) -> None:
        """Back on a screen whose job was forgotten meanwhile: there is nothing here any more."""
        if self.job is not None:
            self._had_a_job = True
        elif (
            self._had_a_job
            and self.view.link is Link.UP
            and not isinstance(self.app.screen_stack[0], type(self))
        ):
            self.dismiss()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _ASKS_ENGINE and self.view.link is not Link.UP:
            return None
        job = self.job
        if action == "repair_job" and (job is None or not can_repair(job)):
            return False  # only there where it means something
        if action in _NEEDS_JOB and job is None:
            return None
        if action == "toggle_pause" and job is not None and self._batch_of(job) is not None:
            return True
        if job is not None and not _possible(action, job, self.view.counts(job).files_failed):
            return None
        return super().check_action(action, parameters)

    def label_of(self, action: str) -> str:
        """A better word than the registry's for a key, or an empty string."""
        job = self.job
        if action == "toggle_pause" and job is not None and (self._batch_of(job) or job).state in _GOES_ON:
            return "resume"
        return ""

    def send(self, command: Command[R], said: str) -> None:
        """Ask the engine for something; say what was done when it agreed."""

        async def ask() -> None:
            if await self.haulier.ask(command) is not None and said:
                self.haulier.tell(said)

        soon(self.haulier, ask, "asking")

    # -- the actions

    def _batch_of(self, job: JobView) -> JobView | None:
        """Of a job in batches, the job that moves one of them, or was stopped while it did."""
        if job.spec.batches is None:
            return None
        return next(
            (
                one
                for one in self.view.jobs
                if one.spec.batch_of == job.id and one.state in _GOES_ON | _CAN_PAUSE
            ),
            None,
        )

    def action_toggle_pause(self) -> None:
        if (job := self.job) is None:
            return
        batch = self._batch_of(job)
        if batch is not None and batch.state in _GOES_ON:
            # The disk is looked at first: it may be another one by now.
            self.send(ContinueCampaign(job=job.id, batch=batch.spec.batch), "")
        elif batch is not None:
            self.send(PauseJob(job=job.id), "")
        elif job.state in _GOES_ON:
            soon(self.haulier, partial(self._go_on, job), "asking")
        else:
            self.send(PauseJob(job=job.id), "")

    async def _go_on(self, job: JobView) -> None:
        """Resume a job; the passphrase is asked for first where its keys are locked away."""
        locked_away = job.state is JobState.BLOCKED and self._has_keys_in_file(job)
        if locked_away and not await open_secrets(self.haulier):
            return
        await self.haulier.ask(ResumeJob(job=job.id))

    def _has_keys_in_file(self, job: JobView) -> bool:
        named = {place.connection for pair in job.spec.pairs for place in (pair.source, pair.target)}
        return any(
            connection.name in named and isinstance(connection.credentials, FileCredentials)
            for connection in self.view.connections
        )

    def action_repair_job(self) -> None:
        if (job := self.job) is not None:
            soon(self.haulier, partial(self._plan_spec, repair_spec(job)), "asking")

    def action_verify_job(self) -> None:
        """With the job's own filters, as `haulier verify JOB`; its plan is looked at first."""
        if (job := self.job) is None:
            return
        options = structs.replace(JobOptions(), **{name: getattr(job.spec.options, name) for name in FILTERS})
        soon(self.haulier, partial(self._plan_spec, verify_spec(job.spec, options)), "asking")

    async def _plan_spec(self, spec: JobSpec) -> None:
        from tui.screens.new_job import plan
        from tui.screens.plan import PlanScreen

        if (planning := await plan(self.haulier, spec)) is not None:
            self.app.push_screen(PlanScreen(planning.id, job=planning))

    def action_repeat_job(self) -> None:
        if (job := self.job) is not None:
            self.haulier.make_again(job.spec)

    def action_keep_preset(self) -> None:
        if (job := self.job) is not None:
            self.haulier.keep_preset(job.spec)

    def action_retry_failed(self) -> None:
        if (job := self.job) is not None:
            self.send(RetryJob(job=job.id), f"Job {job.id}: all failed files are tried again.")

    def action_tune_bandwidth(self) -> None:
        if (job := self.job) is None:
            return
        options = job.spec.options

        def set_limit(value: tuple[int, str] | None) -> None:
            if value is not None:
                rate, timetable = value
                said = f"Job {job.id}: {limit_words(rate, timetable, clock.localtime())}."
                self.send(TuneJob(job=job.id, bandwidth=rate, timetable=timetable or None), said)

        self.app.push_screen(
            ValueScreen(
                f"Bandwidth of job {job.id}",
                written_limit(options.bandwidth, options.timetable),
                LIMIT_EXPLAINED,
                read_limit,
            ),
            set_limit,
        )

    def action_tune_everything(self) -> None:
        soon(self.haulier, self._ask_limit, "asking")

    async def _ask_limit(self) -> None:
        found = await self.haulier.ask(GetLimit())
        if found is None:
            return

        def set_limit(value: tuple[int, str] | None) -> None:
            if value is not None:
                rate, timetable = value
                said = f"All jobs together: {limit_words(rate, timetable, clock.localtime())}."
                self.send(SetLimit(bandwidth=rate, timetable=timetable), said)

        self.app.push_screen(
            ValueScreen(
                "Bandwidth of all jobs together",
                written_limit(found.bandwidth, found.timetable),
                LIMIT_EXPLAINED,
                read_limit,
            ),
            set_limit,
        )

    def action_next_priority(self) -> None:
        """Normal, first, last, and round again."""
        if (job := self.job) is not None:
            priority = _NEXT_PRIORITY[job.spec.options.priority]
            self.send(TuneJob(job=job.id, priority=priority), f"Job {job.id}: {_PRIORITY_WORDS[priority]}.")

    def action_cancel_job(self) -> None:
        if (job := self.job) is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.send(CancelJob(job=job.id), f"Job {job.id} is cancelled.")

        self.app.push_screen(
            QuestionScreen(
                f"Cancel job {job.id}, {safe_text(job.title, 60)}?",
                "It cannot go on afterwards. Partial data is removed; files that are complete stay.",
                "cancel the job",
                "keep it",
            ),
            answered,
        )

    def action_forget_job(self) -> None:
        if (job := self.job) is None:
            return

        async def forget() -> None:
            if await self.haulier.ask(ForgetJob(job=job.id)) is not None:
                self.forgotten()

        def answered(yes: bool | None) -> None:
            if yes:
                soon(self.haulier, forget, "asking")

        self.app.push_screen(
            QuestionScreen(
                f"Forget job {job.id}, {safe_text(job.title, 60)}?",
                "Its records are removed from the journal. The data it moved is not touched.",
                "forget it",
                "keep it",
            ),
            answered,
        )

    def forgotten(self) -> None:
        """The job is gone from the journal."""

    def action_show_items(self) -> None:
        if (job := self.job) is not None:
            self.haulier.open_details(job.id, "items")

    def action_show_errors(self) -> None:
        if (job := self.job) is not None:
            self.haulier.open_details(job.id, "errors")

    def action_show_details(self) -> None:
        if (job := self.job) is not None:
            self.haulier.open_details(job.id)

    def action_show_folders(self) -> None:
        if (job := self.job) is not None:
            self.app.push_screen(FoldersScreen(job.id))

    def action_show_board(self) -> None:
        if (job := self.job) is not None:
            self.haulier.open_board(job.id)

    def action_show_log(self) -> None:
        job = self.job
        self.haulier.open_log(job.id if job is not None else 0)


def read_limit(text: str) -> tuple[int, str]:
    """A rate or a timetable; nothing typed is no limit."""
    return parse_limit(text) if text.strip() else (0, "")


def written_limit(bandwidth: int, timetable: str) -> str:
    """A limit as it would be typed."""
    return timetable or (format_bytes(bandwidth).replace(" ", "") if bandwidth else "")


def _possible(action: str, job: JobView, failed: int) -> bool:
    match action:
        case "toggle_pause":
            if is_between_disks(job):
                return False
            return job.state in _GOES_ON or job.state in _CAN_PAUSE
        case "retry_failed":
            return failed > 0
        case "cancel_job":
            return not job.state.is_final
        case "forget_job":
            return job.state.is_final
        case "tune_bandwidth" | "more_workers" | "fewer_workers" | "more_connections" | "fewer_connections":
            return job.state in _CAN_TUNE
        case "next_priority":
            return not job.state.is_final
        case "verify_job":
            return job.state.is_final and job.spec.kind is not JobKind.VERIFY and job.spec.batches is None
        case "repeat_job" | "keep_preset":
            return not (job.spec.broken_of or job.spec.batch_of)
        case "show_board":
            return not job.state.is_final and job.state not in (JobState.PLANNING, JobState.PLANNED)
        case _:
            return True
