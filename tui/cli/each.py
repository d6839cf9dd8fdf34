"""The same for everything that a command names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from core.errors import HaulierError
from tui.cli.output import Output

T = TypeVar("T")


async def for_each(output: Output, named: Iterable[T], do: Callable[[T], Awaitable[None]]) -> int:
    """Carry out `do` for every one of them; a refusal is told, and the others are carried out. The worst exit
    code."""
    worst = 0
    for one in named:
        try:
            await do(one)
        except HaulierError as error:
            output.error(error)
            worst = max(worst, error.exit_code)
    return worst
