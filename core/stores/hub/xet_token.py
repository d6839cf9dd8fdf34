"""What a Hub gives for reading through Xet ("xet-read-token"): a token, and the storage that it is for."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

from core.errors import FileTrouble
from core.log import register_secret
from core.stores.hub.origins import Origins
from core.stores.hub.signed import LONGEST
from core.stores.s3.errors import http_date

LOCAL = "local://"  # a folder as storage, for tests of the protocol


class ReadToken(msgspec.Struct, frozen=True):
    """What a Hub gives for reading one commit through Xet. `until` in monotonic seconds."""

    text: str
    cas: str  # the storage that it is for
    until: float

    def __repr__(self) -> str:
        return f"ReadToken(…, cas={self.cas!r})"

    __str__ = __repr__


def read_token(told: Any, date: str, origins: Origins) -> ReadToken | None:
    """The token out of a Hub's answer, which came with this Date header; None when it is none. How long it
    lives is reckoned from the server's clock. Raises FileTrouble for a storage that nothing is asked of."""
    if not isinstance(told, dict):
        return None
    text, cas, ends = told.get("accessToken"), told.get("casUrl"), told.get("exp")
    if not isinstance(text, str) or not isinstance(cas, str) or type(ends) is not int:
        return None
    register_secret(text)
    left = min(ends - (http_date(date) or time.time()), LONGEST)
    return ReadToken(text, checked_cas(cas, origins), time.monotonic() + left)


def checked_cas(url: str, origins: Origins) -> str:
    """The storage's address as a Hub named it. Raises FileTrouble for one that nothing is asked of.

    A folder of this machine is taken from a Hub on this machine alone: the library would write into it.
    """
    own = urlsplit(origins.endpoint)
    here = own.hostname in ("localhost", "127.0.0.1", "::1")
    if here and url.startswith(LOCAL):
        return url
    parts = urlsplit(url)
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and own.scheme == "http")):
        return url
    raise FileTrouble(f"{origins.host} names a Xet storage that cannot be used")
