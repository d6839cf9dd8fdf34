"""Work that a screen starts and does not wait for. It is made only when it runs, so that leaving the program
in between leaves nothing half begun; what goes wrong in it never takes the program down."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode

Work = Callable[[], Coroutine[Any, Any, None]]


def soon(node: DOMNode, work: Work, group: str) -> None:
    """Begin `work` beside whatever else is under way; it ends with `node`."""
    node.run_worker(_as_textual_types_it(work), group=group, exit_on_error=False)


def instead(node: DOMNode, work: Work, group: str) -> None:
    """Begin `work` in place of what the same group of `node` has under way, which is given up."""
    node.run_worker(_as_textual_types_it(work), group=group, exit_on_error=False, exclusive=True)


def _as_textual_types_it(work: Work) -> Any:
    """`run_worker` is declared for coroutines of another kind than `async def` makes."""
    return work
