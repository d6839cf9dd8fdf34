"""Presets: jobs kept under a name. One of them is used, renamed or removed here."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from core.errors import Code, HaulierError
from core.messages import DropPreset, KeepPreset, ListPresets, PresetList, RenamePreset
from core.model import JobSpec, Preset
from core.presets import check_preset_name
from core.safe_text import safe_text
from core.units import format_bytes
from tui.actions import bindings
from tui.draft import place_words, summary, targets
from tui.keys import key_of
from tui.option_words import option_words
from tui.screens.ask import QuestionScreen
from tui.screens.filtered import Filtered
from tui.screens.name import NameScreen
from tui.state import Link, ViewState
from tui.widgets.dates import date_words
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.rule import Rule
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable

if TYPE_CHECKING:
    from tui.app import HaulierApp

NEEDS_ROW = frozenset({"use_preset", "rename_preset", "remove_preset"})
PAIRS_SHOWN = 3


class PresetTable(LineTable[Preset]):
    COLUMNS = (
        Column("name", "name", 16, grow=2),
        Column("kind", "what", 6),
        Column("from", "from", 14, grow=3),
        Column("to", "to", 14, grow=3),
        Column("made", "made", 10, from_width=70),
    )

    def key_of(self, row: Preset) -> Hashable:
        return row.name

    def cells(self, row: Preset, widths: Mapping[str, int]) -> Mapping[str, Line]:
        spec = row.spec
        target = targets(pair.target for pair in spec.pairs)
        return {
            "name": ((safe_text(row.name, widths["name"]), "lead"),),
            "kind": ((spec.kind.value, "bad" if spec.options.delete else ""),),
            "from": ((safe_text(summary(pair.source for pair in spec.pairs), widths["from"]), ""),),
            "to": ((safe_text(target, widths["to"]), ""),),
            "made": ((date_words(row.made), "quiet"),),
        }


class PresetsScreen(Filtered):
    """The list, with what the preset under the cursor does below it."""

    NAME = "presets"
    CRUMB = "presets"
    BINDINGS = bindings("presets")
    DEFAULT_CSS = """
    PresetsScreen #about { max-height: 7; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._presets: tuple[Preset, ...] = ()
        self._loaded = False
        self._empty: Sequence[Line] = ()  # what the empty list says

    def body(self) -> ComposeResult:
        yield Heading(("Presets", "lead"), ("  jobs to be made again", "quiet"))
        yield PresetTable()
        yield FilterBar()
        yield Rule("what it does")
        yield Words(id="about")

    @property
    def table(self) -> PresetTable:
        return self.query_one(PresetTable)

    @property
    def current(self) -> Preset | None:
        return self.table.current if self.is_mounted else None

    def on_mount(self) -> None:
        self.table.focus()

    def view_changed(self, view: ViewState) -> None:
        if not self._loaded and view.link is Link.UP:
            self._loaded = True
            self.action_reload()

    def action_reload(self) -> None:
        self.run_worker(self._load(), group="load", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        client = self.haulier.client
        if client is None:
            self._loaded = False
            return
        try:
            self._take(await client.call(ListPresets()))
        except HaulierError as error:
            self._say_nothing(error)

    def _take(self, known: PresetList) -> None:
        self._presets = known.presets
        self._empty = (
            (),
            (("  No preset is kept yet.", "lead"),),
            (),
            (
                ("  On a job or its plan, ", "quiet"),
                (key_of("keep_preset"), "key"),
                (" keeps it under a name.", ""),
            ),
        )
        self.show_rows()

    def _say_nothing(self, error: HaulierError) -> None:
        self._presets = ()
        self._empty = (
            (),
            (("  The presets cannot be read.", "bad"),),
            *wrapped(safe_text(error.message), self.size.width),
            *wrapped(safe_text(error.hint), self.size.width, "quiet"),
        )
        self.show_rows()

    def show_rows(self) -> None:
        wanted = self.wanted
        self.table.message = nothing_fits() if wanted and self._presets else self._empty
        self.table.show(
            tuple(one for one in self._presets if wanted in f"{one.name} {one.description}".casefold())
        )
        self.table.refresh()
        self._say_about()
        self.refresh_bindings()

    def _say_about(self) -> None:
        preset = self.current
        words = self.query_one("#about", Words)
        words.say(*(about(preset, self.size.width) if preset is not None else ()))

    def on_line_table_moved(self) -> None:
        self._say_about()

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in NEEDS_ROW and self.current is None:
            return False
        if action == "filter" and not self._presets:
            return False
        return super().check_action(action, parameters)

    def on_line_table_opened(self) -> None:
        self.action_use_preset()

    def action_use_preset(self) -> None:
        if (preset := self.current) is not None:
            self.haulier.make_again(preset.spec)

    def action_rename_preset(self) -> None:
        if (preset := self.current) is not None:
            self.run_worker(self._rename(preset), group="change", exclusive=True, exit_on_error=False)

    async def _rename(self, preset: Preset) -> None:
        new = await self.app.push_screen_wait(
            NameScreen(f"Another name for {preset.name}", NAME_MAY_BE, check_preset_name)
        )
        if new is None:
            return
        known = await self.haulier.ask(RenamePreset(name=preset.name, new=new))
        if known is None:
            self.action_reload()  # another screen may have changed the list
        else:
            self._take(known)
            self.table.cursor = next((at for at, row in enumerate(self.table.rows) if row.name == new), 0)

    def action_remove_preset(self) -> None:
        if (preset := self.current) is not None:
            self.run_worker(self._remove(preset), group="change", exclusive=True, exit_on_error=False)

    async def _remove(self, preset: Preset) -> None:
        sure = await self.app.push_screen_wait(
            QuestionScreen(
                f"Keep the preset {preset.name} no longer?",
                "Jobs that were made of it, and what they moved, stay as they are.",
                "remove it",
                "keep it",
            )
        )
        if not sure:
            return
        known = await self.haulier.ask(DropPreset(name=preset.name))
        if known is None:
            self.action_reload()
        else:
            self._take(known)


NAME_MAY_BE = "Up to 64 letters, digits, “.”, “_” and “-”; not a number alone."


def about(preset: Preset, width: int) -> list[Line]:
    """What a preset does, in lines."""
    spec = preset.spec
    verb = f"{spec.kind}{', and delete what the source does not have' if spec.options.delete else ''}"
    lines: list[Line] = [((f" {verb}", "bad" if spec.options.delete else "lead"),)]
    if preset.description:
        lines[0] = (*lines[0], (f"   {safe_text(preset.description, max(20, width - len(verb) - 8))}", "quiet"))
    half = max(10, (width - 6) // 2)
    for pair in spec.pairs[:PAIRS_SHOWN]:
        lines.append(
            (
                (f" {safe_text(place_words(pair.source), half)}", ""),
                (" → ", "rule"),
                (safe_text(place_words(pair.target), half - 4), ""),
            )
        )
    if (more := len(spec.pairs) - PAIRS_SHOWN) > 0:
        lines.append(((f" and {more} more", "quiet"),))
    words = [option_words(spec.options)]
    if spec.batches is not None:
        words.append(f"in batches for disks of {format_bytes(spec.batches.space)}")
    if told := " · ".join(word for word in words if word):
        lines += wrapped(told, width, "quiet", " ")
    return lines


async def keep_preset(app: HaulierApp, spec: JobSpec) -> None:
    """Ask for a name, and keep the job under it; another one's name is taken only after a question."""
    name = await app.push_screen_wait(
        NameScreen("Keep the job as a preset: its name", NAME_MAY_BE, check_preset_name)
    )
    client = app.client
    if name is None or client is None:
        return
    try:
        await client.call(KeepPreset(name=name, spec=spec))
    except HaulierError as error:
        if error.code is not Code.REFUSED:
            app.complain(error)
            return
        if not await app.push_screen_wait(
            QuestionScreen(f"Replace the preset {name}?", error.message, "replace it", "keep the old one")
        ):
            return
        if await app.ask(KeepPreset(name=name, spec=spec, replace=True)) is None:
            return
    app.tell(f"Kept as {name}. {key_of('show_presets')} on the list of jobs shows all presets.")
