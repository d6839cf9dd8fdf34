"""All that is known of one object or file: size, time, checksums, headers, metadata, tags, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from core.errors import HaulierError
from core.listings import LookAtObject, ObjectDetails
from core.model import UNSIZED, Place
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui.actions import bindings
from tui.screens.frame import HaulierScreen
from tui.widgets.entry_list import moment
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.spans import Line

LABEL = 22
MOST_LINES = 400


class ObjectScreen(HaulierScreen):
    """One place, or the source's and the target's side of a row, one after the other."""

    NAME = "object"
    CRUMB = "details"
    BINDINGS = bindings("object")

    def __init__(self, places: tuple[Place, ...]) -> None:
        super().__init__()
        self._places = places
        self._told: dict[Place, ObjectDetails | HaulierError] = {}

    def body(self) -> ComposeResult:
        yield Heading((safe_text(str(self._places[0]), 200), "lead"))
        with VerticalScroll(can_focus=True, id="facts"):
            yield Words((("  Asking …", "quiet"),), id="lines")

    def on_mount(self) -> None:
        self.query_one("#facts").focus()
        self._ask()

    def engine_is_back(self) -> None:
        if any(isinstance(told, HaulierError) for told in self._told.values()):
            self.action_reload()

    def action_reload(self) -> None:
        self._told.clear()
        self._ask()

    def _ask(self) -> None:
        self.run_worker(self._look(), group="look", exclusive=True, exit_on_error=False)

    async def _look(self) -> None:
        for place in self._places:
            try:
                ask = LookAtObject(place=place, adhoc=self.haulier.adhoc_for(place))
                details: ObjectDetails = await self.haulier.call(ask)
                self._told[place] = details
            except HaulierError as error:
                self._told[place] = error
            self._show()

    def _show(self) -> None:
        lines: list[Line] = []
        for place in self._places:
            if (told := self._told.get(place)) is None:
                continue
            if len(self._places) > 1:
                lines += [((f" {safe_text(str(place), self.size.width - 3)}", "head"),)]
            if isinstance(told, HaulierError):
                lines += [(("  This cannot be looked at.", "bad"),)]
                lines += wrapped(safe_text(told.message), self.size.width)
                lines += wrapped(safe_text(told.hint), self.size.width, "quiet")
            else:
                lines += _lines(told, self.size.width)
            lines.append(())
        self.query_one("#lines", Words).say(*lines[:MOST_LINES])

    def on_resize(self) -> None:
        if self._told:
            self._show()


def _lines(told: ObjectDetails, width: int) -> list[Line]:
    size = (
        "not told" if told.size == UNSIZED else f"{format_bytes(told.size)}  ({format_count(told.size)} bytes)"
    )
    facts = {
        "size": size,
        "modified": moment(told.modified) or "not told",
        "ETag": told.etag,
        "storage class": told.storage_class,
        "version": told.version_id,
        "part size": format_bytes(told.part_size) if told.part_size else "",
        **told.facts,
    }
    lines = _pairs("", {name: value for name, value in facts.items() if value}, width)
    lines += _pairs("checksums", told.checksums, width)
    lines += _pairs("headers", told.headers, width)
    lines += _pairs("metadata", told.user, width)
    lines += _pairs("tags", told.tags, width)
    if told.versions:
        more = ", the newest" if told.more_versions else ""
        lines += [(), ((f"  versions ({format_count(len(told.versions))}{more})", "head"),)]
        for one in told.versions:
            what = "deleted" if one.is_marker else format_bytes(one.size)
            latest = "latest" if one.is_latest else ""
            name = safe_text(f"{one.version_id}  {one.etag}  {one.storage_class}".rstrip(), max(10, width - 44))
            look = "bad" if one.is_marker else ""
            lines.append(
                (
                    (f"    {moment(one.modified)}  ", "quiet"),
                    (f"{what:>10}  {latest:<6}  ", look),
                    (name, "quiet"),
                )
            )
    for missing in told.untold:
        lines += wrapped(safe_text(f"not told: {missing}"), width, "warn")
    return lines


def _pairs(title: str, pairs: Mapping[str, str], width: int) -> list[Line]:
    lines: list[Line] = [(), ((f"  {title}", "head"),)] if title and pairs else []
    indent = "    " if title else "  "
    for name, value in sorted(pairs.items()) if title else pairs.items():
        label = safe_text(name, LABEL)
        pieces = _cut(safe_text(value) or "(empty)", max(10, width - LABEL - len(indent) - 2))
        lines.append(((f"{indent}{label:<{LABEL}} ", "quiet"), (pieces[0], "")))
        lines += [((" " * (len(indent) + LABEL + 1), ""), (piece, "")) for piece in pieces[1:]]
    return lines


def _cut(text: str, width: int) -> Sequence[str]:
    return [text[at : at + width] for at in range(0, len(text), width)]
