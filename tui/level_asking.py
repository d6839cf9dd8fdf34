"""Asking the engine for what the levels of a tree need, one question at a time.

An answer counts only for the listing that it was asked of: a level that was read anew meanwhile has other rows
under the same numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from core.command import Command
from core.errors import Code, HaulierError
from core.listings import (
    CloseListing,
    FindInListing,
    OpenListing,
    RangeOfListing,
    RowsSummed,
    SumOfListing,
)
from core.positions import Positions
from core.safe_text import safe_text
from core.selection import words_of
from core.units import format_count
from tui.folder_level import Level
from tui.level_tree import LevelTree
from tui.soon import soon
from tui.taking import MOST_MARKS, MarkedLevel, Patterns

if TYPE_CHECKING:
    from tui.app import HaulierApp

POLL = 0.15  # seconds between looks at a listing that is still being read
R = TypeVar("R")


class Window(NamedTuple):
    """What is in sight: the level, its first row, how many rows, and where the cursor is."""

    level: Level
    top: int
    height: int
    cursor: int


class Outdated(Exception):
    """The answer is of a listing that the level has no more."""


class LevelAsking:
    """`window` tells what is in sight, `patterns` what of the files is meant. `changed` is told of a level of
    which something else is known."""

    def __init__(
        self,
        haulier: Callable[[], HaulierApp],
        tree: LevelTree,
        window: Callable[[], Window],
        changed: Callable[[Level], None],
        patterns: Callable[[], Patterns],
    ) -> None:
        self._app = haulier
        self._tree = tree
        self._window = window
        self._changed = changed
        self._patterns = patterns
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something else may be needed now."""
        self._wake.set()

    async def follow(self) -> None:
        """Ask for what is needed, until cancelled."""
        while True:
            self._wake.clear()
            if self._app().client is None or not await self._ask_next():
                await self._wake.wait()

    # ------------------------------------------------------------ one question at a time

    async def _ask_next(self) -> bool:
        """Ask one thing; False when nothing is needed, or nothing can be asked."""
        window = self._window()
        if await self._tried(window.level, self._rows_of(*window)):
            return True
        for level in list(self._tree.levels.values()):  # those that were left while they were read
            if (
                level.is_pending
                and level is not window.level
                and await self._tried(level, self._rows_of(level, 0, 1, 0))
            ):
                return True
        for level in list(self._tree.marked()):
            if (
                level.id
                and level.summed != level.marks.chosen
                and await self._tried(level, self._sum_of(level))
            ):
                return True
        for level in self._tree.unneeded(window.level.path):
            self._close(self._tree.forget(level))
        return False

    async def _tried(self, level: Level, work: Coroutine[Any, Any, bool]) -> bool:
        turn = level.turn
        try:
            return await work
        except Outdated:
            return True
        except HaulierError as error:
            if level.turn != turn:
                return True
            return self._refused(level, error)

    def _refused(self, level: Level, error: HaulierError) -> bool:
        """Whether there is something else to ask at once."""
        if error.code is Code.UNAVAILABLE:
            return False  # the line broke: whoever sees that it is back wakes us
        if error.code is Code.NOT_FOUND and level.id:
            if level.marks.chosen:
                self._app().tell(
                    f"The engine has closed the list of {safe_text(str(level.place), 60)}: it is read again, "
                    "without its marks."
                )
            self._tree.forget(level)
            self._changed(level)
            return True
        level.trouble = HaulierError(error.code, safe_text(error.message), safe_text(error.hint))
        self._changed(level)
        return False

    async def _ask(self, level: Level, command: Command[R]) -> R:
        """Raises HaulierError, and Outdated when the level was forgotten meanwhile."""
        turn = level.turn
        answer = await self._app().call(command)
        if level.turn != turn:
            raise Outdated
        return answer

    async def _rows_of(self, level: Level, top: int, height: int, cursor: int) -> bool:
        if level.trouble is not None and not level.retry:
            return False
        if not level.id:
            await self._open(level)
            return True
        ask = level.question(top, height, cursor)
        if ask is None:
            return await self._look_up_words(level)
        page = await self._ask(level, ask)
        if level.take(ask, page):
            level.marks.read_again()
            self._changed(level)
        if level.complete and level.again:
            await self._mark_again(level)
        # Words are looked up in what is there, too: a folder of millions shows its marks as it is read.
        looked_up = await self._look_up_words(level)
        if not level.rows.settled and not looked_up and ask.first // ask.count not in level.rows.missing:
            await self._nap()
        return True

    async def _open(self, level: Level) -> None:
        turn = level.turn
        level.trouble, level.retry = None, False
        adhoc = self._app().adhoc_for(level.place)
        opened = await self._app().call(OpenListing(place=level.place, other=level.other, adhoc=adhoc))
        if level.turn == turn:
            level.id = opened.id
        else:
            self._close(opened.id)

    async def _nap(self) -> None:
        """Until something is wanted, or it is time to look again."""
        try:
            await asyncio.wait_for(self._wake.wait(), POLL)
        except TimeoutError:
            return

    async def _look_up_words(self, level: Level) -> bool:
        missing = level.names.missing(level.marks.box) if level.marks.is_typed else []
        for (text, is_glob), after in missing:
            names = level.names
            ask = FindInListing(id=level.id, words=(text,), is_glob=is_glob, after=after)
            found = await self._ask(level, ask)
            names.put((text, is_glob), Positions.from_bytes(found.rows), found.listed)
        if missing:
            level.marks.read_again()
        return bool(missing)

    async def _mark_again(self, level: Level) -> None:
        """The list was read anew: marks stay with their names."""
        names = level.again
        answer = await self._ask(level, FindInListing(id=level.id, words=names, is_glob=False))
        found = Positions.from_bytes(answer.rows)
        level.again = ()
        level.names.listed = max(level.names.listed, answer.listed)
        level.marks.add(found)
        if (lost := len(names) - len(found)) > 0:
            self._app().tell(f"{format_count(lost)} of the marked entries are not there any more.")

    async def _sum_of(self, level: Level) -> bool:
        chosen = level.marks.chosen
        try:
            await self.sum(level)
        except HaulierError as error:
            if error.code in (Code.NOT_FOUND, Code.UNAVAILABLE):
                raise
            self._app().complain(error)
            level.sum, level.summed = None, chosen  # asked again for other marks
        return True

    async def sum(self, level: Level, names: int = 0) -> RowsSummed:
        """What the level's marks amount to. Raises HaulierError, Outdated."""
        chosen, patterns = level.marks.chosen, self._patterns()
        summed = await self._ask(
            level,
            SumOfListing(
                id=level.id, rows=chosen.to_bytes(), include=patterns.include, exclude=patterns.exclude,
                below=level.path, names=names,
            ),
        )  # fmt: skip
        level.sum, level.summed = summed, chosen
        self._changed(level)
        return summed

    # ------------------------------------------------------------ for what a person does

    async def range(self, level: Level, first: int, last: int) -> Positions:
        """The rows from `first` to `last` as they are shown. Raises HaulierError, Outdated."""
        ask = RangeOfListing(id=level.id, order=level.rows.order, first=first, last=last)
        found = await self._ask(level, ask)
        level.names.listed = max(level.names.listed, found.listed)
        return Positions.from_bytes(found.rows)

    async def gather(self) -> dict[str, MarkedLevel]:
        """The marks with their names, by level. Raises HaulierError: also while it is not known what is marked,
        and when what is marked is nothing that could be moved."""
        if (pending := self._tree.pending()) is not None:
            raise _still(pending)
        levels: dict[str, MarkedLevel] = {}
        marked = list(self._tree.marked())
        try:
            for level in marked:
                summed = await self.sum(level, MOST_MARKS)
                count = len(level.marks.chosen) if summed.names is None else len(summed.names)
                if count:
                    box = level.marks.box if level.marks.is_typed else ""
                    levels[level.path] = MarkedLevel(count, summed.folders, summed.names, summed.others, box)
        except Outdated:
            raise HaulierError(
                Code.USAGE, "A list was read anew just now.", "Look at the marks again."
            ) from None
        if marked and not levels:
            raise HaulierError(
                Code.USAGE,
                "What is marked is only at the target: nothing of it can be moved.",
                "Mark other rows.",
            )
        return levels

    async def read_anew(self, level: Level) -> bool:
        """List a level anew; its marks stay with their names. Whether it was forgotten. Raises HaulierError."""
        names, box = level.again, ""
        if level.marks.is_typed and _has_words_alone(level.marks.box):
            box = level.marks.box
        elif level.marks.chosen and level.id:
            try:
                summed = await self.sum(level, MOST_MARKS)
            except Outdated:
                return False
            if summed.names is None:
                self._app().tell("So many single marks cannot be kept when the list is read again.")
            names = tuple(dict.fromkeys((*names, *(summed.names or ()))))
        self._close(self._tree.forget(level))
        level.again = names
        if box:
            level.marks.type(box)
        return True

    def close_all(self) -> None:
        """Nobody looks at the tree any more."""
        for level in self._tree.levels.values():
            self._close(level.id)

    def _close(self, listing: str) -> None:
        if listing and self._app().client is not None and self._app().is_running:
            soon(self._app(), partial(self._closed, listing), "close")

    async def _closed(self, listing: str) -> None:
        try:
            await self._app().call(CloseListing(id=listing))
        except HaulierError:
            return  # an engine that is away has closed it with itself


def _has_words_alone(box: str) -> bool:
    """Whether a box means the same in any list: globs and names, not numbers."""
    try:
        list(words_of(box))
    except ValueError:
        return False
    return True


def _still(level: Level) -> HaulierError:
    where = safe_text(str(level.place), 60)
    if level.trouble is not None:
        return HaulierError(
            Code.BLOCKED, f"{where} could not be read to its end: {level.trouble.message}", level.trouble.hint
        )
    return HaulierError(
        Code.BLOCKED,
        f"{where} is still being read: {format_count(level.listed)} so far, and marks may come.",
        "Wait a moment, or take the marks there away.",
    )
