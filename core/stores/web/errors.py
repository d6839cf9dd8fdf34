"""What web servers answer instead of a file, mapped once into the program's own errors (core.errors).

Statuses are those of RFC 9110 section 15. Messages show URLs without their queries, which may be signatures.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from core.errors import (
    FatalTrouble,
    FileTrouble,
    NetworkTrouble,
    NoPermission,
    NotFound,
    Throttled,
    TransferError,
)
from core.model import shown_url
from core.stores.s3.errors import retry_after_seconds, wish_in_words

NOT_RETRIED = frozenset({501, 505})


class WebMissing(NotFound):
    """404 or 410: it is not there, and asking again changes nothing."""

    final = True


class WebRefused(NoPermission):
    """401, 403, 451: it is not given to us."""

    final = True


class WebFailed(FileTrouble):
    """The server cannot be asked for this, or will not do it (other 4xx, 501, 505)."""

    final = True


class Doing(msgspec.Struct, frozen=True):
    """What was asked, for messages: "get https://host/path?…"."""

    verb: str
    url: str

    def __str__(self) -> str:
        return f"{self.verb} {shown_url(self.url)}"


def refused(status: int, retry_after: str, doing: Doing) -> TransferError:
    """The error to raise for an answer that is not a success."""
    text = f"{doing}: {status_in_words(status)}"
    wish, wish_words = retry_after_seconds(retry_after), wish_in_words(retry_after)
    if status in {404, 410}:
        return WebMissing(text)
    if status in {401, 403, 451}:
        return WebRefused(text)
    if status == 407:
        return FatalTrouble(f"{text}: the proxy wants to know who is asking")
    if status in {429, 503}:
        return Throttled(text + wish_words, retry_after=wish)
    if status in {408, 425} or (status >= 500 and status not in NOT_RETRIED):
        return NetworkTrouble(text + wish_words, retry_after=wish)
    return WebFailed(text)


def status_in_words(status: int) -> str:
    """ "404 Not Found"."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def not_the_file(doing: Doing, host: str) -> NetworkTrouble:
    """The error to raise for a web page where a file was asked for."""
    return NetworkTrouble(
        f"{doing}: {host} answered with a web page instead of it; perhaps this network wants a login first"
    )
