"""The full-screen program: owns the line to the engine, the state, the screens, and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from textual import events
from textual.reactive import reactive
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from core.build import build_name
from core.errors import Code, HaulierError
from core.found_here import Surroundings, look_around
from core.messages import Command
from core.model import ADHOC_HUB, Adhoc, ItemView, JobSpec, JobState, JobView, Place
from core.opskit import Launcher
from core.safe_text import safe_text
from core.units import format_count
from tui import themes
from tui.actions import EVERYWHERE, bindings
from tui.ascii_signs import ascii_only
from tui.goodbye import goodbye
from tui.keys import key_of, use_keys
from tui.line import Connector, EngineLine
from tui.notifying import EndTeller, sentence
from tui.own_hub import OwnHub
from tui.pacing import PacedApp
from tui.palette import Everything
from tui.preferences import Preferences
from tui.screens.board import BoardScreen
from tui.screens.frame import HaulierScreen
from tui.screens.help import HelpScreen
from tui.screens.job import JobScreen
from tui.screens.jobs import JobsScreen
from tui.screens.log import LogScreen
from tui.screens.too_small import TooSmallScreen, is_too_small
from tui.soon import instead, soon
from tui.state import Happening, Link, ViewState, reduce_all, with_older
from tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from core.client import EngineClient

R = TypeVar("R")

MOST_PASTED = 8192  # characters; a key has at most 1 024 bytes, a signed URL a few thousand


class HaulierApp(PacedApp):
    """Returns nothing; what to say on the terminal afterwards is in `farewell`."""

    TITLE = "haulier"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS = {Everything}  # noqa: RUF012 - as Textual types it
    BINDINGS = bindings(EVERYWHERE)
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-middle"), (48, "-tall")]  # noqa: RUF012

    view: reactive[ViewState] = reactive(ViewState(), init=False, repaint=False)

    def __init__(
        self,
        connector: Connector,
        build: str = "",
        environ: Mapping[str, str] | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        """`build` is what an engine must call itself to be of the same build as this screen. `environ` says
        what `hf://` means here, and what terminal this is."""
        super().__init__()
        self.preferences = preferences or Preferences()
        use_keys(self.preferences.keys)
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self.ascii_only = ascii_only(self.preferences.signs, self.environ)
        self.ends = EndTeller(lambda: self.preferences.notify, self.environ)
        self.own_hub = OwnHub(self.environ)
        self.launcher = Launcher.of(self.environ)
        self.wants_demo = False  # said when the program has left the screen
        self.build = build or build_name()
        self.line = EngineLine(connector, self._happened)
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.show_theme()

    # -- what screens use

    @property
    def client(self) -> EngineClient | None:
        """The open line, or None while there is none."""
        return self.line.client

    async def call(self, command: Command[R]) -> R:
        """The engine's reply. Raises HaulierError: its refusal, or that the engine is away."""
        client = self.client
        if client is None:
            raise HaulierError(
                Code.UNAVAILABLE, "The engine is away.", f"{key_of('restart_engine')} starts it again."
            )
        return await client.call(command)

    async def ask(self, command: Command[R]) -> R | None:
        """The engine's reply, or None after the refusal was shown to the person in plain words."""
        try:
            return await self.call(command)
        except HaulierError as error:
            self.complain(error)
            return None

    def adhoc_for(self, place: Place) -> Adhoc:
        """What has to go along with a command about a place, so that the engine knows what `hf://` means."""
        return self.own_hub.connection if place.connection == ADHOC_HUB else None

    def complain(self, error: HaulierError) -> None:
        """Show an error: what happened, and the way out."""
        text = "\n".join(safe_text(part, 300) for part in (error.message, error.hint) if part)
        self.notify(text, severity="error", timeout=8, markup=False)

    def own_defect(self, error: BaseException) -> None:
        """Say that this program itself went wrong; what the engine does is not touched by it."""
        self.log.error(error)
        self.complain(
            HaulierError(
                Code.FAILED,
                f"A defect of this screen: {type(error).__name__}: {error}",
                "The engine keeps working.",
            )
        )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.own_defect(event.worker.error)

    def tell(self, text: str) -> None:
        """Show that something was done. `text` may come from outside."""
        self.notify(safe_text(text, 300), timeout=4, markup=False)

    def open_job(self, job_id: int) -> None:
        """Open what fits the job's state: its plan, its board, or its results."""
        job = self.view.job(job_id)
        state = job.state if job is not None else JobState.COMPLETED
        if job is not None and job.spec.batches is not None:
            self.open_campaign(job_id)
        elif state in (JobState.PLANNING, JobState.PLANNED):
            from tui.screens.plan import PlanScreen

            self.push_screen(PlanScreen(job_id))
        elif state.is_final:
            self.open_details(job_id)
        else:
            self.open_board(job_id)

    def open_campaign(self, job_id: int) -> None:
        """The batches of a job that needs several disks."""
        from tui.screens.campaign import CampaignScreen

        self._go(CampaignScreen(job_id))

    def open_board(self, job_id: int) -> None:
        """Watch a job live."""
        self._go(BoardScreen(job_id))

    def open_details(self, job_id: int, tab: str = "summary") -> None:
        """A job's spec, plan, proofs, items or errors. `tab` is "summary", "items" or "errors"."""
        self._go(JobScreen(job_id, tab))

    def watch_workers_of(self, job_id: int) -> None:
        """Ask the engine for the worker rows of one job only; 0 asks for all."""
        instead(self, partial(self._watch_workers_of, job_id), "workers")

    async def _watch_workers_of(self, job_id: int) -> None:
        try:
            await self.line.watch_workers_of(job_id)
        except HaulierError as error:
            self.complain(error)

    def older_jobs(self, jobs: Sequence[JobView]) -> None:
        """Take finished jobs, older than those the engine told of by itself, into the list."""
        self.view = with_older(self.view, jobs)

    def check_system(self, places: Sequence[Place] = (), size: int = 0) -> None:
        """Whether this machine is fit for moving `size` bytes to the first of the places, and how the others
        are; without any, how it is at home."""
        from tui.screens.check import CheckScreen
        from tui.screens.folder import home

        self.push_screen(CheckScreen(places or (Place(kind="local", path=home()),), size))

    def open_disks(self) -> None:
        """The catalogue of disks."""
        from tui.screens.disks import DisksScreen

        self._go(DisksScreen())

    def start_new_job(self) -> None:
        """Begin the steps of a new job."""
        from tui.screens.new_job import start_new_job

        start_new_job(self)

    async def look_around(self) -> Surroundings:
        """What lies around here that could be used, looked for beside the screen."""
        return await asyncio.to_thread(look_around, self.environ)

    async def read_settings(self) -> None:
        """Look again at what the settings say: a file may have changed. A fault in it is told, and what was
        read before stays in force."""
        if (desk := self.preferences.desk) is None:
            return
        try:
            await asyncio.to_thread(desk.read)
        except HaulierError as error:
            self.complain(error)

    def make_again(self, spec: JobSpec) -> None:
        """Begin a job like one that was made before."""
        from tui.screens.new_job import make_again

        make_again(self, spec)

    def show_presets(self) -> None:
        """The jobs that are kept under a name."""
        from tui.screens.presets import PresetsScreen

        self._go(PresetsScreen())

    def keep_preset(self, spec: JobSpec) -> None:
        """Ask for a name, and keep the job under it."""
        from tui.screens.presets import keep_preset

        soon(self, partial(keep_preset, self, spec), "preset")

    def show_found(self) -> None:
        """What was found here, to be tested and kept."""
        from tui.screens.found import FoundScreen

        self.push_screen(FoundScreen())

    def leave_for_demo(self) -> None:
        """Ask, then leave for the demo; where it cannot run, say how to get it."""
        soon(self, self._leave_for_demo, "demo")

    async def _leave_for_demo(self) -> None:
        from core.demo import find_rclone
        from tui.screens.ask import QuestionScreen

        try:
            await asyncio.to_thread(find_rclone)
        except HaulierError as error:
            self.complain(error)
            return
        if await self.push_screen_wait(
            QuestionScreen(
                "Leave for the demo?",
                "It has an engine, two S3 servers and sample data of its own, and removes them at its end. "
                "This engine keeps working.",
                "go there",
                "stay here",
            )
        ):
            self.wants_demo = True
            self.exit()

    def add_connection(self) -> None:
        """Open the form for a new connection."""
        from tui.screens.connection_edit import add_connection

        instead(self, partial(add_connection, self), "connection")

    def open_log(self, job_id: int = 0, item: ItemView | None = None) -> None:
        """The engine's log, at the newest line, or at what it says about an item of the job."""
        self._go(LogScreen(job_id, item))

    def show_theme(self, wanted: str = "") -> None:
        """Show the theme of this name, as the setting writes it, or that of the settings."""
        self.theme = themes.theme_for(
            self.console.color_system,
            os.environ.get("COLORFGBG", ""),
            wanted or self.preferences.theme,
            no_color="NO_COLOR" in os.environ,
        )

    # -- actions of every screen

    def action_show_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_show_log(self) -> None:
        self.open_log()

    def action_show_connections(self) -> None:
        from tui.screens.connections import ConnectionsScreen

        self._go(ConnectionsScreen())

    def action_show_settings(self) -> None:
        from tui.screens.settings import SettingsScreen

        self._go(SettingsScreen())

    def action_switch_theme(self) -> None:
        wanted = themes.next_theme(self.theme)
        self.show_theme(wanted)
        instead(self, partial(self._keep_theme, wanted), "theme")

    async def _keep_theme(self, wanted: str) -> None:
        if (desk := self.preferences.desk) is None:
            return
        try:
            await asyncio.to_thread(desk.change, "theme", wanted)
        except HaulierError as error:
            self.complain(error)

    def action_restart_engine(self) -> None:
        self.line.start_again()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Starting the engine is only there while none is."""
        if action == "restart_engine":
            return self.view.link is Link.AWAY
        return super().check_action(action, parameters)

    def action_leave(self) -> None:
        """Leave the face. The engine is not asked to stop."""
        self.exit()

    @property
    def farewell(self) -> str:
        return goodbye(self.view)

    # -- inside

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Paste) and not event.is_forwarded and len(event.text) > MOST_PASTED:
            event.stop()
            self._refuse_paste(len(event.text))
            return
        await super().on_event(event)

    async def deliver(self, event: events.Key | events.Paste) -> None:
        if isinstance(event, events.Paste) and not isinstance(self.focused, TextField):
            event.text = safe_text(event.text)  # Textual's own fields draw raw what they hold
        await super().deliver(event)

    def _refuse_paste(self, length: int) -> None:
        """Nothing that a field takes is as long as what is pasted by mistake."""
        most = format_count(MOST_PASTED)
        self.complain(
            HaulierError(
                Code.USAGE,
                f"{format_count(length)} characters were pasted: no field takes more than {most}.",
                "Nothing was changed.",
            )
        )

    def get_default_screen(self) -> Screen[None]:
        return JobsScreen()

    def on_mount(self) -> None:
        self.set_keymap(self.preferences.keys.keymap())
        if (fault := self.preferences.key_fault) is not None:
            self.complain(fault)
        soon(self, self.line.run, "line")
        self.set_interval(1.0, self._show_view)

    def on_resize(self, event: events.Resize) -> None:
        small = is_too_small(*event.size)
        top = self.screen
        if small and not isinstance(top, TooSmallScreen):
            self.push_screen(TooSmallScreen())
        elif not small and isinstance(top, TooSmallScreen):
            top.dismiss()

    def _happened(self, happenings: Sequence[Happening]) -> None:
        before, self.view = self.view, reduce_all(self.view, happenings)
        for job in self.ends.news(before, self.view):
            self._tell_end(job)

    def _tell_end(self, job: JobView) -> None:
        if self.ends.in_app:
            severity: Literal["information", "warning", "error"] = "information"
            if job.state is not JobState.COMPLETED:
                severity = "error" if job.state is JobState.FAILED else "warning"
            text = sentence(job)
            self.notify(text[:1].upper() + text[1:], severity=severity, timeout=8, markup=False)
        if (signals := self.ends.signals(job)) and not self.is_headless and self._driver is not None:
            self._driver.write(signals)  # as App.bell does; between two frames, never within one

    def watch_view(self) -> None:
        self._show_view()
        client = self.client
        if client is None or self.view.link is not Link.UP or not self.own_hub.is_news_to(client):
            return
        if any(_uses_own_hub(job) for job in self.view.active_jobs):
            instead(self, self._introduce_own_hub, "hub")

    async def _introduce_own_hub(self) -> None:
        """A job that means this person's Hub needs the environment's token, also after the engine came back."""
        if (client := self.client) is not None:
            try:
                await self.own_hub.introduce(client)
            except HaulierError as error:
                self.complain(error)

    def _show_view(self) -> None:
        """Give the state to the screens in sight: the top one, and those seen behind dialogs."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, HaulierScreen):
                screen.take_view(self.view)
            elif (take := getattr(screen, "view_changed", None)) is not None and screen.is_mounted:
                take(self.view)
            if not screen.is_modal:
                return

    def _go(self, screen: HaulierScreen) -> None:
        """Show a screen; one of its kind that lies below is gone back to and replaced."""
        stack = self.screen_stack
        below = next((i for i, open_ in enumerate(stack) if type(open_) is type(screen)), None)
        if below is None:
            self.push_screen(screen)
            return
        for open_ in reversed(stack[below + 1 :]):
            open_.dismiss()
        self.switch_screen(screen)


def _uses_own_hub(job: JobView) -> bool:
    return any(pair.source.connection == ADHOC_HUB for pair in job.spec.pairs)
