"""Looking closer at what listings leave open: several looks at once, the plan's order kept, memory bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from core.engine.planning.compare import Decision, Question

AT_ONCE = 16  # looks
WINDOW = 512  # decisions held back behind the oldest look that is not answered yet


def answered(
    considered: Iterator[Decision | Question], answer: Callable[[Question], Decision]
) -> Iterator[Decision]:
    """Everything that was considered, in order, with the open questions answered by threads.

    Raises what `considered` or `answer` raises; what was not given out by then is dropped.
    """
    waiting: deque[Decision | Future[Decision]] = deque()
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look")
    try:
        for one in considered:
            if isinstance(one, Question):
                waiting.append(pool.submit(answer, one))
            elif waiting:
                waiting.append(one)
            else:
                yield one
                continue
            while waiting and (len(waiting) > WINDOW or _is_ready(waiting[0])):
                yield _taken(waiting)
        while waiting:
            yield _taken(waiting)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _is_ready(first: Decision | Future[Decision]) -> bool:
    return isinstance(first, Decision) or first.done()


def _taken(waiting: deque[Decision | Future[Decision]]) -> Decision:
    first = waiting.popleft()
    return first if isinstance(first, Decision) else first.result()
