"""ls: buckets of a connection, one level of a place, or everything below it."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

import msgspec

from core.messages import EntryPage, ListBuckets, ListEntries
from core.model import UNSIZED, Adhoc, Entry, Place, shown_url
from core.safe_text import safe_text
from core.units import format_size
from tui.cli.looking import look_at
from tui.cli.output import Output, iso
from tui.cli.session import Session, open_session
from tui.cli.sources import described

PAGE = 1000  # entries that come first …
PAGES = 5000  # … and those that come at once after them


def ls(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_ls(chosen, output))


async def _ls(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        places = session.read_places([chosen.place])
        adhoc = session.adhoc_for(places)
        [place] = described(await session.check_places([chosen.place], places), chosen)
        if place.kind == "s3" and not place.bucket:
            await _list_root(session, output, place, adhoc, recursive=chosen.recursive)
            return 0
        place, single = await look_at(session, place, adhoc)
        if single is not None:
            _print(output, [single], "")
        else:
            await _list_place(session, output, place, adhoc, recursive=chosen.recursive, under="")
        return 0


async def _list_root(session: Session, output: Output, place: Place, adhoc: Adhoc, *, recursive: bool) -> None:
    buckets = (await session.call(ListBuckets(connection=place.connection, adhoc=adhoc))).buckets
    for bucket in buckets:
        if not recursive:
            _print(output, [Entry(key=f"{bucket.name}/", modified=bucket.created, is_folder=True)], "")
            continue
        inside = msgspec.structs.replace(place, bucket=bucket.name)
        await _list_place(session, output, inside, adhoc, recursive=True, under=f"{bucket.name}/")


async def _list_place(
    session: Session, output: Output, place: Place, adhoc: Adhoc, *, recursive: bool, under: str
) -> None:
    def ask(cursor: str) -> asyncio.Task[EntryPage]:
        limit = PAGES if cursor else PAGE
        command = ListEntries(place=place, recursive=recursive, cursor=cursor, limit=limit, adhoc=adhoc)
        return asyncio.create_task(session.call(command))

    asked: asyncio.Task[EntryPage] | None = ask("")
    try:
        while asked is not None:
            page = await asked
            asked = ask(page.cursor) if page.cursor else None
            await asyncio.sleep(0)  # the engine looks for the next page while this one is written
            _print(output, page.entries, under)
    finally:
        if asked is not None:
            asked.cancel()


def _print(output: Output, entries: Iterable[Entry], under: str) -> None:
    for entry in entries:
        key = under + entry.key
        if output.json:
            output.record("entry", **_fields(entry, key))
            continue
        size = "" if entry.is_folder else format_size(entry.size)
        when = _when(int(entry.modified)) if entry.modified else ""
        where = f"  {safe_text(shown_url(entry.url))}" if entry.url else ""
        output.line(f"{size:>10}  {when:<16}  {safe_text(key)}{where}")


@lru_cache(maxsize=1024)
def _when(second: int) -> str:
    return datetime.fromtimestamp(second).strftime("%Y-%m-%d %H:%M")


def _fields(entry: Entry, key: str) -> dict[str, object]:
    """`size` is null where nobody tells it; `url` is there where it is not made of place and key."""
    fields: dict[str, object] = {
        "key": key,
        "size": entry.size if entry.size != UNSIZED else None,
        "etag": entry.etag,
        "modified": iso(entry.modified),
    }
    return fields | ({"url": shown_url(entry.url)} if entry.url else {})
