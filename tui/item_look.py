"""What the item table shows of a job: which items, in what order, and how the engine is asked for them.

Nothing here waits for a million items. A changed question is first asked in a hurry, and the first rows are
shown while the engine still writes the order down; then any place of it is one window away. What people are
likely to ask next is prepared once the table stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from textual.timer import Timer

from core.messages import ItemWindow, ViewItems
from core.model import ItemOrder, Status
from tui import clock
from tui.paged_items import PAGE, ItemRows
from tui.soon import instead, soon

if TYPE_CHECKING:
    from tui.screens.frame import HaulierScreen
    from tui.widgets.item_table import ItemTable

LOOK_AGAIN = 2.0  # seconds between looks at what is in sight while the job moves
AT_ONCE = 0.02  # seconds: an answer that comes sooner is painted together with the question
TYPING = 0.15  # seconds in which another letter may come
AT_REST = 1.0  # seconds after which what may be asked next is prepared
MANY = 20_000  # items from which an order is worth preparing
STATUSES: tuple[Status | None, ...] = (
    None,
    Status.FAILED,
    Status.DOWNLOADING,
    Status.PENDING,
    Status.COMPLETED,
)


@dataclass(frozen=True)
class Question:
    """Which of a job's items, in what order."""

    status: Status | None = None
    text: str = ""
    order: ItemOrder = ItemOrder.PLAN
    reverse: bool = False

    def next_status(self) -> Question:
        return replace(self, status=STATUSES[(STATUSES.index(self.status) + 1) % len(STATUSES)])

    def next_order(self) -> Question:
        orders = tuple(ItemOrder)
        return replace(self, order=orders[(orders.index(self.order) + 1) % len(orders)], reverse=False)


class ItemLook:
    """Fills a table. `changed` is called when something else should be said about what it shows."""

    def __init__(self, screen: HaulierScreen, job: int, table: ItemTable, changed: Callable[[], None]) -> None:
        self._screen = screen
        self._job = job
        self._table = table
        self._changed = changed
        self._wanted: set[int] = set()
        self._looked_at = 0.0
        self._ahead = _likely()
        self._note: Timer | None = None  # runs while a question is not said yet
        self.question = Question()
        self._rows, self._shown = ItemRows(self._want), self.question  # and the question that they answer
        self.is_looking = False  # an answer is being waited for

    @property
    def total(self) -> int:
        """How many items there are under the question, -1 while that is not known."""
        return self._rows.total

    @property
    def seen(self) -> int:
        return len(self._rows)

    def ask(self, question: Question) -> None:
        """Show what this question finds. The rows of the last one stay until the first new ones come."""
        self.question = question
        self.is_looking = self._screen.haulier.client is not None
        if not self.is_looking:
            self._changed()
            return
        if self._note is None:
            self._note = self._screen.set_timer(AT_ONCE, self._say_question)
        instead(self._screen, partial(self._answer, question), "items")

    def look_again(self) -> None:
        """What is in sight may have changed: fetch it again, every now and then."""
        due = clock.monotonic() - self._looked_at > LOOK_AGAIN
        if due and self.total >= 0 and self._screen.haulier.client is not None:
            self.look_soon()
            instead(self._screen, partial(self._refresh, self._rows), "items again")

    def look_ahead(self) -> None:
        """Have the rows around those in sight at hand: one is about to go on."""
        sight = self._table.in_sight
        if self.total >= 0 and len(sight):
            around = 2 * len(sight)
            self._rows.have(range(max(0, sight.start - around), min(self.total, sight.stop + around)))

    def look_soon(self, at_once: bool = False) -> None:
        """When to look again: as usual, or with the next news."""
        self._looked_at = 0.0 if at_once else clock.monotonic()

    # -- inside

    def _say_question(self) -> None:
        self._note = None
        if self.is_looking:
            self._changed()

    async def _fetch(
        self, question: Question, page: int = 0, limit: int = PAGE, **wishes: bool | int
    ) -> ItemWindow | None:
        return await self._screen.haulier.ask(
            ViewItems(
                job=self._job,
                status=question.status,
                contains=question.text,
                order=question.order,
                reverse=question.reverse,
                first=page * PAGE,
                limit=limit,
                **wishes,  # type: ignore[arg-type]
            )
        )

    async def _answer(self, question: Question) -> None:
        rows = ItemRows(self._want)
        window = await self._fetch(question, hurry=True)
        if window is not None and window.total < 0:
            if window.items:
                self._begin(rows, question, window)
            if question.text:
                await asyncio.sleep(TYPING)
            window = await self._fetch(question)
            while window is not None and window.total < 0:  # a plan is being made anew
                await asyncio.sleep(LOOK_AGAIN)
                window = await self._fetch(question)
        self.is_looking = False
        if window is not None:
            self.look_soon()
            if rows is self._rows:
                rows.put([window])
                self._table.rows_grew()
            else:
                self._begin(rows, question, window)
        self._changed()
        await self._prepare()

    def _begin(self, rows: ItemRows, question: Question, window: ItemWindow) -> None:
        self._rows, self._shown = rows, question
        self._wanted.clear()
        rows.put([window])
        self._table.attach(rows)
        self._changed()

    async def _prepare(self) -> None:
        """Have the orders written down that people may ask for next. Given up at once for a question."""
        await asyncio.sleep(AT_REST)
        while self.total >= MANY and self._ahead and self._screen.haulier.client is not None:
            await self._fetch(self._ahead[0], limit=1)
            del self._ahead[0]

    def _want(self, page: int) -> None:
        if page not in self._wanted and self._screen.haulier.client is not None:
            self._wanted.add(page)
            soon(self._screen, partial(self._turn_to, self._rows, self._shown, page), "item pages")

    async def _turn_to(self, rows: ItemRows, question: Question, page: int) -> None:
        window = await self._fetch(question, page)
        if rows is not self._rows:
            return  # another question was asked meanwhile
        self._wanted.discard(page)
        if window is not None:
            self._take(rows, [window])

    async def _refresh(self, rows: ItemRows) -> None:
        table, question = self._table, self._shown
        cursor, sight = table.cursor, table.in_sight
        item = table.current if cursor else None  # at the top, one wants to see what comes to the top
        windows: list[ItemWindow] = []
        for page in rows.pages_between(sight.start, sight.stop):
            wish = item.id if item is not None and not windows else 0
            window = await self._fetch(question, page, fresh=not windows, locate=wish)
            if window is None or rows is not self._rows:
                return
            windows.append(window)
        if windows[0].version != windows[-1].version:
            return  # made anew in between; the next look is soon
        position = windows[0].position
        if item is not None and position >= 0 and table.current == item and position != cursor:
            self._take(rows, windows)
            table.follow_to(position)
        else:
            self._take(rows, windows)

    def _take(self, rows: ItemRows, windows: list[ItemWindow]) -> None:
        table, before, old = self._table, len(rows), rows.known(self._table.in_sight)
        rows.put(windows)
        if len(rows) != before:
            table.rows_grew()
        else:
            for index, was, now in zip(table.in_sight, old, rows.known(table.in_sight), strict=True):
                if was != now:
                    table.refresh_row(index)
        self._changed()


def _likely() -> list[Question]:
    """What people ask of a long list, the likeliest first."""
    states = [Question(status=status) for status in (Status.FAILED, Status.PENDING, Status.COMPLETED)]
    orders = [Question(order=order) for order in ItemOrder if order is not ItemOrder.PLAN]
    return [*states, *orders]
