"""Whether the servers behind a place are there and give what is asked of them; nothing is written anywhere.

An S3 service or a Hub is tried as its connection's test does. Of a list the first URLs are asked for, and the
first hosts are called; the rest of a long list is not.
"""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

import msgspec

from core.connection_desk import ConnectionDesk
from core.connection_reach import Contact, reach
from core.engine.storebook import StoreBook
from core.engine.upkeep.check_lines import Level, line
from core.errors import HaulierError, TransferError
from core.messages import SystemCheckLine, TestConnection
from core.model import ADHOC_HUB, ADHOC_S3, UNSIZED, Adhoc, Connection, Entry, Place, shown_url
from core.safe_text import safe_text
from core.stores.web.lists import read_list
from core.stores.web.source import WebSource
from core.units import format_bytes, format_count

MOST_HOSTS = 4
MOST_FILES = 3
_LISTED = 200  # rows of a list that are looked at for hosts
_LIMIT = 20.0  # seconds for asking web servers
_CLOCK_SAID = 60  # seconds of difference that are worth a warning
_FINE_UNTRIED = {"reach", "sign", "token"}  # what is in order although it was not tried: a proxy, no token


def connection_lines(
    desk: ConnectionDesk, stores: StoreBook, place: Place, adhoc: Adhoc
) -> list[SystemCheckLine]:
    """Of an S3 service or a Hub. Raises HaulierError for a connection that is not there."""
    connection = stores.connection(place.connection, adhoc)
    if connection.name in (ADHOC_S3, ADHOC_HUB):
        connection = msgspec.structs.replace(connection, name="")  # reserved; a test needs no name
    report = desk.test(TestConnection(connection=connection, bucket=place.bucket))
    levels: dict[bool | None, Level] = {True: "ok", False: "fail", None: "warn"}
    lines = []
    for check in report.checks:
        level = "ok" if check.ok is None and check.name in _FINE_UNTRIED else levels[check.ok]
        hint = report.advice if level == "fail" else ""
        lines.append(line(check.name, level, safe_text(check.detail), safe_text(hint)))
    if report.skew is not None and all(
        each.name != "clock" for each in lines
    ):  # only a wrong one is said there
        lines.insert(1, _clock(report.skew))
    return lines


def web_lines(stores: StoreBook, place: Place) -> list[SystemCheckLine]:
    """Of a URL or a list of them."""
    if place.kind == "web":
        return _asked(stores, place, [Entry(key="", url=place.url)])
    try:
        found = read_list(place, _LISTED)
    except HaulierError as error:
        return [line("list", "fail", safe_text(error.message), safe_text(error.hint))]
    lines = [_listed(found.rows, found.bad, found.bad_examples)]
    return lines + _asked(stores, place, list(found.first))


def _listed(rows: int, bad: int, examples: tuple[tuple[int, str], ...]) -> SystemCheckLine:
    detail = f"{format_count(rows)} row{'' if rows == 1 else 's'} that give a URL"
    if not rows:
        return line("list", "fail", detail, "look into the file")
    if bad:
        number, why = examples[0]
        return line(
            "list", "warn", f"{detail}, {format_count(bad)} that do not", f"line {number}: {safe_text(why)}"
        )
    return line("list", "ok", detail)


def _asked(stores: StoreBook, place: Place, entries: list[Entry]) -> list[SystemCheckLine]:
    """In a thread of its own with a limit for the whole: name lookups and servers that drip have none."""
    lines: list[SystemCheckLine] = []
    work = threading.Thread(target=_ask_all, args=(stores, place, entries, lines), daemon=True)
    began = time.monotonic()
    work.start()
    work.join(_LIMIT)
    found = list(lines)
    if work.is_alive():
        waited = time.monotonic() - began
        found.append(line("read", "fail", f"not finished within {waited:.0f} s", "the servers are too slow"))
    return found


def _ask_all(stores: StoreBook, place: Place, entries: list[Entry], lines: list[SystemCheckLine]) -> None:
    origins: dict[str, str] = {}
    for entry in entries:
        parts = urlsplit(entry.url)
        origins.setdefault(parts.netloc, f"{parts.scheme}://{parts.netloc}")
    skews = []
    dead: set[str] = set()
    for netloc, origin in list(origins.items())[:MOST_HOSTS]:
        contact = reach(origin, Connection(name="web"))
        lines.append(_reached(contact))
        if contact.ok is False:
            dead.add(netloc)
        if contact.skew is not None:
            skews.append(contact.skew)
    if skews:
        lines.append(_clock(max(skews, key=abs)))
    if len(origins) > MOST_HOSTS:
        more = len(origins) - MOST_HOSTS
        lines.append(line("reach", "ok", f"{format_count(more)} more hosts were not called"))
    source = stores.web().source(place)
    asked = [entry for entry in entries if urlsplit(entry.url).netloc not in dead][:MOST_FILES]
    lines.extend(_file(source, entry.url) for entry in asked)


def _reached(contact: Contact) -> SystemCheckLine:
    level: Level = "fail" if contact.ok is False else "ok"
    return line("reach", level, safe_text(contact.detail), safe_text(contact.advice))


def _file(source: WebSource, url: str) -> SystemCheckLine:
    try:
        size = source.stat(url).entry.size
    except TransferError as error:
        return line(
            "read", "fail", safe_text(error.message, 300), "check the address; a list may be out of date"
        )
    told = "of a size that the server does not tell" if size == UNSIZED else format_bytes(size)
    return line("read", "ok", f"{safe_text(shown_url(url), 200)}: {told}")


def _clock(skew: float) -> SystemCheckLine:
    """`skew`: seconds that the server's clock is ahead of this machine's."""
    side = "ahead of" if skew > 0 else "behind"
    detail = f"the server's is {abs(skew):.0f} s {side} this machine's"
    if abs(skew) > _CLOCK_SAID:
        return line("clock", "warn", detail, "set the clock of this machine (NTP)")
    return line("clock", "ok", detail)
