"""What servers answered to a tool, as errors of the program."""

from __future__ import annotations

from http import HTTPStatus

from core.errors import FatalTrouble, FileTrouble, NetworkTrouble, Throttled, TransferError
from core.safe_text import safe_text
from core.tools import Order, Refused

MAX_QUOTED = 200
REFUSALS = frozenset({401, 403, 404, 410, 451})


def answered(order: Order, tool: str, status: int, retry_after: float = 0.0) -> TransferError:
    """The error for an answer that is not a success (RFC 9110 section 15)."""
    try:
        words = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        words = str(status)
    text = f"{order.what}: {order.host} answered {words} to {tool}"
    if status in REFUSALS:
        return Refused(text, status)
    if status in {429, 503}:
        return Throttled(text, retry_after=retry_after)
    if status == 407:
        return FatalTrouble(f"{text}: the proxy wants to know who is asking")
    if status in {408, 425} or (status >= 500 and status not in {501, 505}):
        return NetworkTrouble(text, retry_after=retry_after)
    return FileTrouble(text)


def failed(order: Order, tool: str, said: str) -> NetworkTrouble:
    """The error for an exchange that broke, in the tool's words, without the URL that they may repeat."""
    said = said.replace(order.url, "the URL")
    return NetworkTrouble(f"{order.what}: {order.host}: {tool}: {safe_text(said, MAX_QUOTED)}", host=order.host)


def silent(order: Order, tool: str, seconds: float) -> NetworkTrouble:
    return NetworkTrouble(
        f"{order.what}: {order.host}: next to nothing came to {tool} in {seconds:.0f} s", host=order.host
    )
