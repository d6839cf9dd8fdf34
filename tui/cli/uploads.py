"""uploads list, uploads clean: multipart uploads that were begun and never completed.

Their parts cost money and no listing of objects shows them. Listing goes page by page and prints as it goes;
cleaning first says what would go, and sends exactly those to the engine once YES was typed.
"""

from __future__ import annotations

import asyncio
import re
import time
from argparse import Namespace
from collections.abc import AsyncIterator

import msgspec

from core.errors import Code, HaulierError
from core.messages import CleanUploads, ListBuckets, ListUploads, UploadId, UploadView
from core.model import Adhoc, Place
from core.safe_text import safe_text
from core.units import format_bytes, format_count, format_eta, format_when
from tui.cli import confirm
from tui.cli.interrupts import Interrupts
from tui.cli.output import Output, iso
from tui.cli.session import Session, open_session

PAGE = 500
MEASURED = 200  # uploads whose parts are counted, a request each
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.ASCII)


def list_all(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_list(chosen, output))


def clean(chosen: Namespace, output: Output) -> int:
    if chosen.confirm not in (None, confirm.WORD):
        raise confirm.not_confirmed(f"{safe_text(chosen.confirm)!r} does not confirm anything")
    return asyncio.run(_clean(chosen, output, _seconds(chosen.older)))


# ---------------------------------------------------------------- list


async def _list(chosen: Namespace, output: Output) -> int:
    count = parts = size = 0
    measured = True
    async with open_session(chosen) as session:
        async for place, view in _uploads(session, chosen.place, MEASURED):
            count += 1
            parts, size = parts + max(0, view.parts), size + max(0, view.bytes)
            measured = measured and view.parts >= 0
            if output.json:
                output.record("upload", **_fields(place, view))
            else:
                output.line(_line(place, view, time.time()))
    if output.json:
        output.record("uploads", count=count, parts=parts, bytes=size, measured=measured)
        return 0
    words = f"{format_count(count)} unfinished upload{'' if count == 1 else 's'}"
    if count:
        words += f", {'' if measured else 'at least '}{format_bytes(size)} in {format_count(parts)} parts"
    output.say(words)
    return 0


async def _uploads(session: Session, written: str, measure: int) -> AsyncIterator[tuple[Place, UploadView]]:
    """All of them with the place of their bucket; the first `measure` with parts and bytes."""
    places = session.read_places([written])
    adhoc = session.adhoc_for(places)
    await session.check_places([written], places)
    for place in await _in_buckets(session, places[0], adhoc):
        cursor = ""
        while True:
            page = await session.call(
                ListUploads(place=place, cursor=cursor, limit=PAGE, measure=measure, adhoc=adhoc)
            )
            measure = max(0, measure - len(page.uploads))
            for view in page.uploads:
                yield place, view
            cursor = page.cursor
            if not cursor:
                break


async def _in_buckets(session: Session, place: Place, adhoc: Adhoc) -> list[Place]:
    """The place, or every bucket of a connection's root."""
    if place.kind != "s3" or place.bucket:
        return [place]
    found = await session.call(ListBuckets(connection=place.connection, adhoc=adhoc))
    return [msgspec.structs.replace(place, bucket=bucket.name) for bucket in found.buckets]


def _line(place: Place, view: UploadView, now: float) -> str:
    size = format_bytes(view.bytes) if view.bytes >= 0 else "–"
    parts = f"{format_count(view.parts)} parts" if view.parts >= 0 else "–"
    age = format_eta(max(0.0, now - view.begun)) if view.begun else "–"
    where = safe_text(_named(place, view.id.key))
    who = f"  ({_known(view)})" if _known(view) else ""
    began = format_when(view.begun, 0) or "–"
    return f"{size:>10}  {parts:>12}  {began:<16}  {age:>11}  {where}  {safe_text(view.id.token, 24)}{who}"


def _known(view: UploadView) -> str:
    if view.leaving:
        return "to be removed, the engine keeps trying"
    if view.in_use:
        return f"job {view.job} works on it"
    return f"of job {view.job}, which is over" if view.job else ""


def _named(place: Place, key: str) -> str:
    return str(msgspec.structs.replace(place, path=key))


def _fields(place: Place, view: UploadView) -> dict[str, object]:
    return {
        "place": _named(place, view.id.key),
        "bucket": place.bucket,
        "key": view.id.key,
        "upload_id": view.id.token,
        "begun": iso(view.begun),
        "age": round(time.time() - view.begun) if view.begun else None,
        "parts": view.parts if view.parts >= 0 else None,
        "bytes": view.bytes if view.bytes >= 0 else None,
        "storage_class": view.storage_class,
        "job": view.job or None,
        "in_use": view.in_use,
    }


# ---------------------------------------------------------------- clean


async def _clean(chosen: Namespace, output: Output, older: float) -> int:
    async with open_session(chosen) as session:
        doomed: list[tuple[Place, list[UploadId]]] = []
        count = in_use = younger = 0
        async for place, view in _uploads(session, chosen.place, 0):
            if view.in_use:
                in_use += 1
                output.say(f"kept: {safe_text(_named(place, view.id.key))} (job {view.job} works on it)")
            elif not view.leaving and time.time() - view.begun < older:
                younger += 1
            else:
                count += 1
                if not doomed or doomed[-1][0] != place or len(doomed[-1][1]) >= PAGE:
                    doomed.append((place, []))
                doomed[-1][1].append(view.id)
                _print_doomed(output, place, view)
        if younger:
            output.say(f"{format_count(younger)} younger than {chosen.older} stay (--older 0s takes all)")
        if chosen.dry_run or not count:
            if output.json:
                output.record("cleaned", found=count, aborted=0, kept=in_use, failed=0)
            else:
                output.say(f"{format_count(count)} would be removed" if count else "Nothing to remove.")
            return 0
        await _confirm(chosen, output, count)
        return await _abort(session, output, doomed, count, in_use)


def _print_doomed(output: Output, place: Place, view: UploadView) -> None:
    if output.json:
        output.record("upload", **_fields(place, view))
    else:
        output.line(_line(place, view, time.time()))


async def _confirm(chosen: Namespace, output: Output, count: int) -> None:
    """Raises HaulierError (refused) for anything but YES."""
    if chosen.confirm == confirm.WORD:
        return
    if confirm.can_ask():
        many = f"{format_count(count)} uploads" if count > 1 else "this upload"
        question = (
            f"This removes {many} for good, with all parts.\n"
            f"Type {confirm.WORD} to go on, anything else to leave: "
        )
        with Interrupts() as stop:
            if await confirm.ask(output, question, confirm.WORD, stop):
                return
    raise confirm.not_confirmed("It was not confirmed; nothing was removed")


async def _abort(
    session: Session, output: Output, doomed: list[tuple[Place, list[UploadId]]], count: int, kept: int
) -> int:
    aborted = failed = 0
    for place, uploads in doomed:
        adhoc = session.adhoc_for([place])
        done = await session.call(
            CleanUploads(place=place, uploads=tuple(uploads), confirm=confirm.WORD, adhoc=adhoc)
        )
        aborted, kept, failed = aborted + done.aborted, kept + done.kept, failed + done.failures
        for key, why in done.failed:
            output.say(f"{output.paint('not removed:', 'bad')} {safe_text(key)}: {safe_text(why)}")
        if count > PAGE and not output.quiet:
            output.say(f"{format_count(aborted)} of {format_count(count)} removed")
    if output.json:
        output.record("cleaned", found=count, aborted=aborted, kept=kept, failed=failed)
    else:
        words = f"Removed: {format_count(aborted)} unfinished upload{'' if aborted == 1 else 's'}"
        output.say(words + (f"; {format_count(failed)} could not be removed" if failed else ""))
    return 1 if failed else 0


def _seconds(text: str) -> float:
    """Seconds of "48h", "2d", "90min" or plain seconds. Raises HaulierError (usage)."""
    match = _AGE.fullmatch(text.lower())
    if match is None or match[2] not in _SECONDS:
        raise HaulierError(
            Code.USAGE, f"--older: {safe_text(text, 40)!r} is not an age", "write it like 48h, 2d or 90min"
        )
    return float(match[1]) * _SECONDS[match[2]]
