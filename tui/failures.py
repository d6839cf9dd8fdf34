"""Why files failed, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from core.safe_text import safe_text
from core.units import format_count
from tui.keys import key_of
from tui.widgets.spans import Line, Span


def failure_line(errors: Iterable[str], failed: int, width: int) -> Line:
    """ "3 failed: 2 × 403 AccessDenied, 1 × source changed". `errors` may be a sample of the `failed`."""
    if not failed:
        return ()
    spans: list[Span] = [(f"✗ {format_count(failed)} failed", "bad")]
    seen = Counter(errors)
    whole = seen.total() == failed
    for position, (message, count) in enumerate(seen.most_common(2)):
        spans.append((": " if not position else ", ", "bad"))
        times = f"{format_count(count)} × " if whole else "mostly " if not position else ""
        spans.append((f"{times}{safe_text(message, max(16, width // 3))}", ""))
    return (*spans, (f"   {key_of('show_errors')}", "key"), (" look", "quiet"))
