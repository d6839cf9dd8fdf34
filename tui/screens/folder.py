"""A folder of this machine: a path with the folders below it for completion."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from core.errors import Code, HaulierError
from core.messages import ListEntries
from core.model import Entry, Place
from core.safe_text import safe_text
from core.units import format_count
from tui.actions import bindings
from tui.screens.frame import HaulierScreen
from tui.widgets.heading import Heading, Words
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable
from tui.widgets.text_field import TextField

PAGE = 1000
MOST_PAGES = 5  # of a folder with very many entries only so many are looked through for folders


class _PathInput(TextField):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "take it", key_display="⏎"),
        Binding("tab", "screen.complete", "complete", key_display="tab"),
        Binding("down", "screen.move(1)", show=False),
        Binding("up", "screen.move(-1)", show=False),
    ]


class Folders(LineTable[Entry]):
    COLUMNS = (Column("name", "folders", 20, grow=1),)

    def key_of(self, row: Entry) -> Hashable:
        return row.key

    def cells(self, row: Entry, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return {"name": ((safe_text(row.key, widths["name"]), "key" if row.is_folder else "quiet"),)}


class FolderScreen(HaulierScreen):
    """`chosen` gets the place. With `must_exist` (a source) the folder has to be there; a target is made.
    `look_inside` gets a place whose files are to be looked at."""

    NAME = "folder"
    SORT: ClassVar[str] = "folder"
    BINDINGS = bindings("folder")
    DEFAULT_CSS = """
    FolderScreen #path-line { height: 1; }
    FolderScreen #path-line > Words { width: auto; }
    FolderScreen #path { width: 1fr; }
    """

    def __init__(
        self,
        crumb: str,
        question: str,
        start: str,
        must_exist: bool,
        chosen: Callable[[Place], None],
        look_inside: Callable[[Place], None] | None = None,
    ) -> None:
        super().__init__()
        self._look_inside = look_inside
        self._crumb = crumb
        self._question = question
        self._start = start
        self._must_exist = must_exist
        self.then = chosen
        self._listed = ""  # the folder whose entries are known
        self.entries: tuple[Entry, ...] = ()
        self._files = 0
        self.missing = ""  # why the listed folder could not be listed

    def body(self) -> ComposeResult:
        yield Heading((self._question, "lead"))
        with Horizontal(id="path-line"):
            yield Words(((f" {self.SORT} ", "quiet"), ("▸ ", "key")))
            yield _PathInput(self._start, compact=True, select_on_focus=False, id="path")
        yield Folders()
        yield Words((("", ""),), id="said")

    def on_mount(self) -> None:
        self.say_where(self._crumb)
        path = self.query_one(_PathInput)
        path.focus()
        path.cursor_position = len(self._start)
        self._look()

    def lists(self, entry: Entry) -> bool:
        """Whether an entry of the folder is shown."""
        return entry.is_folder

    # ------------------------------------------------------------ what is typed

    @property
    def typed(self) -> str:
        """What is in the field, with `~` and the user's home spelled out."""
        return os.path.expanduser(self.query_one(_PathInput).value)  # noqa: PTH111 - keeps the trailing slash

    def split(self) -> tuple[str, str]:
        """The folder above what is being typed, with its slash, and the beginning of a name."""
        head, slash, tail = self.typed.rpartition("/")
        return head + slash, tail

    def on_input_changed(self) -> None:
        self._look()

    def _look(self) -> None:
        folder, _ = self.split()
        if folder.startswith("/") and folder != self._listed and self.haulier.client is not None:
            self._listed = folder
            self.run_worker(self._list(folder), group="list", exclusive=True, exit_on_error=False)
        else:
            self._show()

    async def _list(self, folder: str) -> None:
        client = self.haulier.client
        if client is None:
            return
        found: list[Entry] = []
        cursor, self.missing, self._files = "", "", 0
        try:
            for _ in range(MOST_PAGES):
                command = ListEntries(place=Place(kind="local", path=folder), cursor=cursor, limit=PAGE)
                page = await client.call(command)
                found.extend(entry for entry in page.entries if self.lists(entry))
                self._files += sum(1 for entry in page.entries if not entry.is_folder)
                cursor = page.cursor
                if not cursor:
                    break
        except HaulierError as error:
            self.missing = error.message
        self.entries = tuple(found)
        self._show()

    def _show(self) -> None:
        _, beginning = self.split()
        table = self.query_one(Folders)
        shown = tuple(
            entry
            for entry in self.entries
            if entry.key.startswith(beginning) and (beginning.startswith(".") or not entry.key.startswith("."))
        )
        if not self.typed.startswith("/"):
            shown = ()
        table.message = self._nothing(beginning)
        table.show(shown)
        table.refresh()
        files = f"{format_count(self._files)} files in {safe_text(self._listed, 40)}" if self._files else ""
        self.query_one(Heading).say(state=[(files, "quiet")])
        self.query_one("#said", Words).say(self.said())

    def _nothing(self, beginning: str) -> Sequence[Line]:
        if not self.typed.startswith("/"):
            return ((), (("  A path begins with / or ~/", "warn"),))
        if self.missing and self._must_exist:
            return ((), ((f"  {safe_text(self.missing)}", "warn"),))
        if beginning or self.missing:
            return ()
        return ((), (("  no folders in here", "quiet"),))

    def said(self) -> Line:
        """What Enter would do."""
        typed = self.typed
        if not typed.startswith("/"):
            return ()
        _, name = self.split()
        there = not self.missing and (not name or any(entry.key == f"{name}/" for entry in self.entries))
        shown = safe_text(typed.rstrip("/") or "/", max(20, self.size.width - 30))
        if there:
            return ((" ⏎ ", "key"), ("takes ", "quiet"), (shown, "lead"))
        if self._must_exist:
            return ((f" {shown} is not there", "warn"), ("   tab completes", "quiet"))
        return ((" ⏎ ", "key"), (shown, "lead"), (" will be created when the job starts", "warn"))

    # ------------------------------------------------------------ keys

    def action_move(self, by: int) -> None:
        self.query_one(Folders).action_move(by)

    def action_complete(self) -> None:
        """Take the folder under the cursor, or as much as all that are left have in common."""
        table = self.query_one(Folders)
        folder, beginning = self.split()
        names = [entry.key for entry in table.rows]
        common = _in_common(names)
        chosen = table.current
        if chosen is not None and (len(names) == 1 or table.cursor > 0 or len(common) <= len(beginning)):
            common = chosen.key
        if common:
            self.put(folder + common)

    def on_line_table_opened(self) -> None:
        chosen = self.query_one(Folders).current
        if chosen is not None:
            self.put(self.split()[0] + chosen.key)

    def put(self, path: str) -> None:
        field = self.query_one(_PathInput)
        field.value = path
        field.cursor_position = len(path)
        field.focus()
        self.query_one(Folders).cursor = 0

    def on_input_submitted(self) -> None:
        self.action_next_step()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "browse_folder" and self._look_inside is None:
            return False
        return super().check_action(action, parameters)

    def action_browse_folder(self) -> None:
        if self._look_inside is not None:
            self._hand_on(self._look_inside)

    def action_next_step(self) -> None:
        self._hand_on(self.then)

    def _hand_on(self, then: Callable[[Place], None]) -> None:
        typed = self.typed
        if not typed.startswith("/"):
            self.haulier.tell("A path begins with / or ~/.")
            return
        _, name = self.split()
        missing = bool(self.missing) or (name and not any(entry.key == f"{name}/" for entry in self.entries))
        if missing and self._must_exist:
            self.haulier.complain(
                HaulierError(Code.NOT_FOUND, f"{typed} is not a folder here.", "tab completes names.")
            )
            return
        path = os.path.normpath(typed)
        then(Place(kind="local", path=path if path == "/" else f"{path}/"))


def _in_common(names: Sequence[str]) -> str:
    """The longest beginning that all names share."""
    if not names:
        return ""
    low, high = min(names), max(names)
    end = next(
        (at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return low[:end]


def home() -> str:
    """Where a person begins to look."""
    return f"{Path.home()}/"
