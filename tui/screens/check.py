"""The system check: whether this machine and some places are fit for moving so many bytes."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from core.errors import HaulierError
from core.messages import CheckSystem, SystemCheckLine, SystemReport
from core.model import Place
from core.safe_text import safe_text
from core.units import format_bytes
from tui.actions import bindings
from tui.draft import place_words
from tui.screens.frame import HaulierScreen
from tui.widgets.heading import Heading, wrapped
from tui.widgets.lines_list import LinesList
from tui.widgets.spans import Line, Span

SIGNS: dict[str, Span] = {"ok": ("✓", "good"), "warn": ("!", "warn"), "fail": ("✗", "bad")}
NAME_WIDTH = 14

Answer = SystemReport | HaulierError | None  # None: not answered yet


class CheckScreen(HaulierScreen):
    """Each place has its own lines; what was said of the machine itself is said once."""

    NAME = "check"
    CRUMB = "system check"
    BINDINGS = bindings("check")

    def __init__(self, places: Sequence[Place], size: int = 0) -> None:
        """`size` bytes are still to be moved to the first of the places; the others are only looked at."""
        super().__init__()
        self._places = tuple(places)
        self._wanted = size
        self._answers: dict[Place, Answer] = {}

    def body(self) -> ComposeResult:
        yield Heading()
        yield LinesList()

    def on_mount(self) -> None:
        self.query_one(LinesList).focus()
        self._run()

    # ------------------------------------------------------------ asking

    def _run(self) -> None:
        self._answers = dict.fromkeys(self._places)
        self._show()
        self.run_worker(self._ask(), group="check", exclusive=True, exit_on_error=False)

    async def _ask(self) -> None:
        for position, place in enumerate(self._places):
            size = self._wanted if not position else 0
            try:
                ask = CheckSystem(place=place, size=size, adhoc=self.haulier.adhoc_for(place))
                report = await self.haulier.call(ask)
                self._answers[place] = report
            except HaulierError as error:
                self._answers[place] = error
            self._show()

    def engine_is_back(self) -> None:
        if any(isinstance(answer, HaulierError) for answer in self._answers.values()):
            self._run()

    # ------------------------------------------------------------ showing

    def _show(self) -> None:
        if not self.is_mounted:
            return
        title: list[Span] = [("System check", "lead")]
        if self._wanted:
            title.append((f"  for {format_bytes(self._wanted)} more", "quiet"))
        self.query_one(Heading).say(title, [self._verdict()])
        lines: list[Line] = []
        said: set[SystemCheckLine] = set()
        for place in self._places:
            shown = safe_text(place_words(place), self.size.width - 8)
            lines += [(), ((" ", ""), (shown, "lead"))]
            lines += self._lines_of(self._answers.get(place), said)
        table = self.query_one(LinesList)
        table.show(tuple(lines))
        table.refresh()

    def _lines_of(self, answer: Answer, said: set[SystemCheckLine]) -> list[Line]:
        width = self.size.width
        if answer is None:
            return [((" …  looking", "key"),)]
        if isinstance(answer, HaulierError):
            return [
                *wrapped(safe_text(answer.message), width, "bad", " ✗  "),
                *wrapped(safe_text(answer.hint), width, "quiet", "    "),
            ]
        lines: list[Line] = []
        for check in answer.checks:
            if check in said:
                continue
            said.add(check)
            name = safe_text(check.name, NAME_WIDTH)
            words = wrapped(
                safe_text(check.detail), width - NAME_WIDTH - 8, "" if check.level != "ok" else "quiet", ""
            )
            first: Line = words[0] if words else ()
            lines.append(((" ", ""), SIGNS[check.level], (f"  {name:<{NAME_WIDTH}} ", ""), *first))
            lines += [((" " * (NAME_WIDTH + 5), ""), *line) for line in words[1:]]
            if check.hint:
                indent = " " * (NAME_WIDTH + 5)
                lines += wrapped(safe_text(check.hint), width, SIGNS[check.level][1], indent)
        return lines

    def _verdict(self) -> Span:
        answers = list(self._answers.values())
        if any(answer is None for answer in answers):
            return ("looking …", "key")
        reports = [answer for answer in answers if isinstance(answer, SystemReport)]
        if len(reports) < len(answers) or not all(report.ok for report in reports):
            return ("✗ not fit: see below", "bad")
        warned = sum(check.level == "warn" for report in reports for check in report.checks)
        if warned:
            return (f"! fit, with {warned} {'warning' if warned == 1 else 'warnings'}", "warn")
        return ("✓ fit", "good")

    # ------------------------------------------------------------ keys

    def action_check_again(self) -> None:
        self._run()

    def action_reload(self) -> None:
        self._run()

    def action_change_check(self) -> None:
        from tui.screens.check_ask import Asked, CheckAskScreen

        def asked(answer: Asked | None) -> None:
            if answer is not None:
                self._places, self._wanted = (answer.place,), answer.size
                self._run()

        place = self._places[0] if self._places else None
        self.app.push_screen(CheckAskScreen(place, self._wanted, self._known()), asked)

    def _known(self) -> dict[str, str]:
        return {one.name: one.kind for one in self.view.connections}
