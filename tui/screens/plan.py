"""The plan of a job: what would happen, before anything does. Enter starts nothing here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from core.errors import Code, HaulierError
from core.messages import CancelJob, ForgetJob, GetJob, ListItems, StartJob
from core.model import Action, Counts, ItemView, JobKind, JobState, JobView, PlanSummary
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui import plan_words
from tui.actions import bindings
from tui.keys import key_of
from tui.plan_examples import EXAMPLES, example_kinds
from tui.screens.confirm import WORD, YesDialog
from tui.screens.frame import HaulierScreen
from tui.screens.plan_items import PlanItemsScreen
from tui.soon import instead
from tui.state import Link, ViewState
from tui.widgets.heading import Heading, Words
from tui.widgets.plan_tables import PairTable, PlanTable
from tui.widgets.rule import Rule
from tui.widgets.spans import Line, Span

if TYPE_CHECKING:
    from tui.screens.new_job import NewJob

NOTES_SHOWN = 5
TALL = 34
VERBS = {"copy": "Copy", "sync": "Sync", "verify": "Verify"}


class PlanScreen(HaulierScreen):
    """Of a job that is planning or planned. With `new_job`, Esc goes back to the options and drops the plan;
    opened from the list of jobs, Esc leaves the plan as it is."""

    NAME = "plan"
    BINDINGS = bindings("plan")
    DEFAULT_CSS = """
    PlanScreen PlanTable { height: 6; }
    PlanScreen PairTable { height: 1fr; }
    PlanScreen #say { margin-bottom: 0; }
    """

    def __init__(self, job_id: int, new_job: NewJob | None = None, job: JobView | None = None) -> None:
        """`job` is the job as it was when it was made; what the engine tells later goes before it."""
        super().__init__()
        self.job_id = job_id
        self._new_job = new_job
        self._asked = job  # until events tell of it
        self._shown: tuple[JobView, Counts, HaulierError | None, int] | None = None
        self._refusal: HaulierError | None = None
        self._busy = False
        self._examples: dict[Action, tuple[ItemView, ...]] = {}
        self._examples_of = (0, "")  # job and hash of the plan whose items they are

    def body(self) -> ComposeResult:
        yield Heading()
        yield Words((), id="listing")
        yield PlanTable(id="total")
        yield Words(id="examples")
        yield Words(id="notes")
        yield Rule("", id="pairs-rule")
        yield PairTable(id="pairs")
        yield Words((), id="say")

    @property
    def job(self) -> JobView | None:
        return self.view.job(self.job_id) or (
            self._asked if self._asked is not None and self._asked.id == self.job_id else None
        )

    @property
    def _is_ready(self) -> bool:
        job = self.job
        return (
            job is not None and job.state is JobState.PLANNED and job.plan is not None and bool(job.plan.hash)
        )

    def on_mount(self) -> None:
        self.say_where("new job  ›  plan" if self._new_job else f"job {self.job_id}  ›  plan")
        if self.job is None:
            self.run_worker(self._fetch(), group="fetch", exit_on_error=False)

    async def _fetch(self) -> None:
        self._asked = await self.haulier.ask(GetJob(job=self.job_id))
        self.view_changed(self.view)

    # ------------------------------------------------------------ showing

    def view_changed(self, view: ViewState) -> None:
        job = self.job
        if job is None:
            return
        now = (job, view.counts(job), self._refusal, self.size.width)
        if now == self._shown:
            return
        self._shown = now
        plan = job.plan
        verb = VERBS[job.spec.kind.value]
        hash_words = f"plan {plan_words.short_hash(plan)}" if plan is not None and plan.hash else ""
        self.query_one(Heading).say(
            [(f"{verb}  ", "lead"), (safe_text(job.title, max(20, self.size.width - 30)), "lead")],
            [(hash_words, "quiet")] if hash_words else [("◌ listing and comparing", "key")]
            if job.state is JobState.PLANNING else [],
        )  # fmt: skip
        self._show_listing(view, job)
        self._show_plan(view, job)
        self.query_one("#say", Words).say((), self._words(job))
        self.refresh_bindings()

    def _show_listing(self, view: ViewState, job: JobView) -> None:
        words = self.query_one("#listing", Words)
        if job.state is not JobState.PLANNING:
            words.say(())
            return
        counts = view.counts(job)
        words.say(
            (),
            _counted("looked at", format_count(counts.listed), "lead", ("   still listing …", "key")),
            _counted(
                "to move",
                f"≥ {format_count(counts.files_total)}",
                "",
                (f"   ≥ {format_bytes(counts.bytes_total)}", ""),
            ),
            _counted("the same", f"≥ {format_count(counts.files_skipped)}", ""),
            *_deletions(job, counts),
            (),
            (("   Nothing moves before you have seen the plan and started it.", "quiet"),),
        )

    def _show_plan(self, view: ViewState, job: JobView) -> None:
        total, pairs = self.query_one("#total", PlanTable), self.query_one("#pairs", PairTable)
        plan = job.plan if job.state is not JobState.PLANNING else None
        several = plan is not None and len(plan.pairs) > 1
        total.display = plan is not None
        pairs.display = several
        self.query_one("#pairs-rule").display = several
        notes = self.query_one("#notes", Words)
        self._show_examples(job, plan, several)
        if plan is None:
            notes.say()
            return
        table_rows = plan_words.rows(
            plan, job.spec.kind, job.spec.options.delete, view.counts(job).files_unsized
        )
        total.styles.height = len(table_rows) + 1
        total.show(table_rows)
        total.refresh()
        if self.focused is None:
            total.focus()
        lines = plan_words.notes(plan, plan_words.earlier_rate(job, view.jobs))
        more = len(lines) - NOTES_SHOWN
        if more > 0:
            lines = [
                *lines[:NOTES_SHOWN],
                ((f"  … and {more} more: the job's details show them all", "quiet"),),
            ]
        notes.say(*([()] if lines else []), *lines)
        if several:
            self.query_one("#pairs-rule", Rule).say(f"{len(plan.pairs)} pairs")
            pairs.show(plan.pairs)

    def _show_examples(self, job: JobView, plan: PlanSummary | None, several: bool) -> None:
        """Names behind the lines of the table, where there is room: what clashes and what is replaced first."""
        words = self.query_one("#examples", Words)
        if plan is None or not plan.hash:
            words.say()
            return
        if self._examples_of != (job.id, plan.hash):
            self._examples_of, self._examples = (job.id, plan.hash), {}
            work = partial(self._fetch_examples, job.id, plan, job.spec.kind)
            instead(self, work, "examples")
        each = EXAMPLES if self.size.height >= TALL else 0 if several else 1
        shown = {action: items[:each] for action, items in self._examples.items()}
        lines = plan_words.example_lines(shown, self.size.width)
        words.say(*([(("  for example", "quiet"),)] if lines else []), *lines)

    async def _fetch_examples(self, job_id: int, plan: PlanSummary, kind: JobKind) -> None:
        found: dict[Action, tuple[ItemView, ...]] = {}
        for action in example_kinds(plan, kind):
            page = await self.haulier.ask(ListItems(job=job_id, action=action, limit=EXAMPLES))
            if page is None:
                self._examples_of = (0, "")  # asked for again with the next state
                return
            found[action] = page.items[:EXAMPLES]
        if self._examples_of == (job_id, plan.hash):
            self._examples, self._shown = found, None
            self.view_changed(self.view)

    def _words(self, job: JobView) -> Line:
        """What the person can do now, in a sentence."""
        if self._refusal is not None:
            words: list[Span] = [
                (f" {safe_text(self._refusal.message)} ", "bad"),
                (safe_text(self._refusal.hint), "quiet"),
            ]
            return (*words, (f"  {key_of('plan_again')}", "key"), (" plans again", ""))
        match job.state:
            case JobState.PLANNED if job.plan is not None and not plan_words.to_do(job.plan):
                return ((" Nothing to do: ", "good"), ("the target has it all already.", ""))
            case JobState.PLANNED if job.plan is not None and job.plan.needs_confirmation:
                look = "bad" if job.plan.delete.count else "warn"
                changed = plan_words.changes(job.plan)
                return (
                    (" This changes ", look),
                    (changed, "lead"),
                    (".  ", ""),
                    (key_of("start_job"), "key"),
                    (f" asks for {WORD}.", ""),
                )
            case JobState.PLANNED:
                return ((" Ready.  ", "good"), (key_of("start_job"), "key"), (" starts it.", ""))
            case JobState.PLANNING:
                return ()
            case JobState.FAILED | JobState.CANCELLED | JobState.BLOCKED:
                why = safe_text(job.reason) or f"The job is {job.state}."
                return (
                    (f" {why} ", "bad"),
                    (safe_text(job.hint), "quiet"),
                    (f"  {key_of('plan_again')}", "key"),
                    (" plans again", ""),
                )
            case _:
                return ((" This job was started already.", "warn"),)

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        job = self.job
        plan = job.plan if job is not None and job.state is not JobState.PLANNING else None
        match action:
            case "start_job":
                can = (
                    self._is_ready and plan is not None and plan_words.to_do(plan) > 0 and self._refusal is None
                )
                return True if can else None
            case "look_at_deletions":
                return plan is not None and plan.delete.count > 0
            case "look_at_row" | "check_system":
                return plan is not None
            case "plan_again":
                if self.view.link is Link.AWAY:
                    return True  # the same key starts the engine again
                return job is not None and (job.state is not JobState.PLANNING or self._refusal is not None)
            case "keep_preset":
                return job is not None and not job.spec.broken_of and self.view.link is Link.UP
            case "keep_plan":
                return self._new_job is not None and job is not None and not job.state.is_final
        return super().check_action(action, parameters)

    def label_of(self, action: str) -> str:
        if action == "back" and self._new_job is not None:
            return "back, drop the plan"
        return ""

    def action_look_at_row(self) -> None:
        row = self.query_one("#total", PlanTable).current
        if row is None:
            return
        if row.action is None or not row.tally.count:
            self.haulier.tell(f"{row.label}: {row.how or 'none'}")
            return
        self.app.push_screen(PlanItemsScreen(self.job_id, row.action, row.tally.count))

    def on_line_table_opened(self) -> None:
        self.action_look_at_row()

    def action_look_at_deletions(self) -> None:
        job = self.job
        if job is not None and job.plan is not None:
            self.app.push_screen(PlanItemsScreen(self.job_id, Action.DELETE, job.plan.delete.count))

    def action_check_system(self) -> None:
        """Before a start: the target with what the plan would bring there, and the source."""
        job = self.job
        if job is None or job.plan is None:
            return
        pair = job.spec.pairs[0]
        moved = job.plan.copy.bytes + job.plan.overwrite.bytes
        self.haulier.check_system((pair.target, pair.source), moved)

    def action_start_job(self) -> None:
        if not self._busy and self._is_ready:
            self.run_worker(self._start(), group="start", exit_on_error=False)

    async def _start(self) -> None:
        """Ask for YES where the plan needs it, then name the plan that was shown to the engine."""
        job = self.job
        if job is None or job.plan is None:
            return
        plan = job.plan
        self._busy = True
        try:
            if plan.needs_confirmation and not await self.app.push_screen_wait(
                YesDialog(
                    ((f"{VERBS[job.spec.kind.value]}  {safe_text(job.title, 60)}", "lead"),),
                    plan_words.yes_facts(plan),
                    plan.delete_word,
                    safe_text(plan.delete_why),
                )
            ):
                return
            confirm, second = (WORD, plan.delete_word) if plan.needs_confirmation else ("", "")
            await self.haulier.call(
                StartJob(job=job.id, plan_hash=plan.hash, confirm=confirm, confirm_delete=second)
            )
        except HaulierError as error:
            self._refused(error)
            return
        finally:
            self._busy = False
        self._leave_for_board(job.id)

    def _refused(self, error: HaulierError) -> None:
        if error.code is Code.REFUSED:
            self._refusal = error
            self.view_changed(self.view)
        elif error.code is Code.UNAVAILABLE:
            self.haulier.complain(HaulierError(error.code, f"Not started. {error.message}", error.hint))
        else:
            self.haulier.complain(error)

    def _leave_for_board(self, job_id: int) -> None:
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        self.haulier.open_board(job_id)

    def action_plan_again(self) -> None:
        if self.view.link is Link.AWAY:
            self.haulier.action_restart_engine()
            return
        self.run_worker(self._plan_again(), group="again", exclusive=True, exit_on_error=False)

    async def _plan_again(self) -> None:
        from tui.screens.new_job import plan

        old = self.job
        if old is None:
            return
        job = await plan(self.haulier, old.spec)
        if job is None:
            return
        self.job_id, self._asked, self._refusal, self._shown = job.id, job, None, None
        self.haulier.run_worker(self._drop(old), exit_on_error=False)
        self.view_changed(self.view)

    async def _drop(self, job: JobView) -> None:
        """A plan that nobody wants leaves nothing behind."""
        client = self.haulier.client
        if client is None:
            return
        try:
            if not job.state.is_final:
                await client.call(CancelJob(job=job.id))
            await client.call(ForgetJob(job=job.id))
        except HaulierError as error:
            self.haulier.complain(error)

    def action_keep_preset(self) -> None:
        if (job := self.job) is not None:
            self.haulier.keep_preset(job.spec)

    def action_keep_plan(self) -> None:
        self.haulier.tell(f"Job {self.job_id} waits in the list of jobs. Enter opens its plan again.")
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def action_back(self) -> None:
        job = self.job
        if self._new_job is not None and job is not None and job.state in _UNSTARTED:
            self.haulier.run_worker(self._drop(job), exit_on_error=False)
        self.dismiss()


def _counted(label: str, number: str, look: str, *more: Span) -> Line:
    return ((f"   {label:<12}", "quiet"), (f"{number:>14}", look), *more)


def _deletions(job: JobView, counts: Counts) -> list[Line]:
    if not job.spec.options.delete:
        return []
    return [_counted("to delete", f"≥ {format_count(counts.to_delete)}", "bad" if counts.to_delete else "")]


_UNSTARTED = {JobState.PLANNING, JobState.PLANNED, JobState.FAILED, JobState.CANCELLED}
