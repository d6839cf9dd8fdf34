"""The failed items as text: one `ID - Error` per line, usable as the next input list.

The ID is that of the list where there was one, else how the item is written as a source: `NAME:bucket/key`, a
path, a URL. The error never holds " - ", so
the last one in a line is where the ID ends (`id_of`). Control characters in a name are written as escapes,
because they would break the line; such an item is tried again with `haulier retry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from core.engine.planning.route import Route
from core.failed_line import SEPARATOR
from core.safe_text import safe_text
from core.stores.web.lists import written_in_list


def failed_lines(failed: Iterable[tuple[int, str, str, str, str]], routes: Sequence[Route]) -> Iterator[bytes]:
    """From (route, name, path, error, url)."""
    for number, name, path, error, url in failed:
        route = routes[number]
        if route.source.kind == "list":
            item = written_in_list(route.source, name, url)
        else:
            item = route.source_url(name, path, url)
        if item:
            yield failed_line(item, error)


def failed_line(item: str, error: str) -> bytes:
    why = safe_text(error or "failed").replace(SEPARATOR, " – ")
    shown = "".join(each if each.isprintable() else _escaped(each) for each in item)
    return f"{shown}{SEPARATOR}{why}\n".encode("utf-8", "backslashreplace")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
