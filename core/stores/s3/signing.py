"""Signature Version 4 (AWS General Reference, "Create a signed AWS API request"), about 10 µs a request, with
credentials that boto3 finds and keeps fresh.

The payload is not hashed (`UNSIGNED-PAYLOAD`): bodies are guarded by Content-MD5, and a hash of every byte
would cost more than the rest of a request. The signing key of a day and the words of a second are kept, so that
a request costs three short hashes. awscrt's signer makes the same signatures and takes four times as long, most
of it between the two languages.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from core.errors import BadCredentials
from core.stores.s3.clock import Clock

CREDENTIALS_SECONDS = 2.0  # how long a look at boto3's session holds; it refreshes 10 minutes before expiry
UNSIGNED = "UNSIGNED-PAYLOAD"

Header = tuple[str, str]


class FrozenKeys(Protocol):
    """botocore's ReadOnlyCredentials."""

    @property
    def access_key(self) -> str: ...

    @property
    def secret_key(self) -> str: ...

    @property
    def token(self) -> str | None: ...


class _Moment(NamedTuple):
    """What signatures of one second, region and pair of keys share."""

    until: float  # monotonic
    keys: FrozenKeys
    ahead: float
    date: str  # "20261128T150000Z"
    scope: str
    key: bytes

    def __repr__(self) -> str:
        return f"<{self.scope}>"


class Signer:
    """Signs requests of one service. Called from many threads; races only repeat cheap work.

    `credentials` gives the keys of this moment, or None for requests that are not signed. It may raise
    BadCredentials.
    """

    def __init__(self, credentials: Callable[[], FrozenKeys | None], clock: Clock | None = None) -> None:
        self._credentials = credentials
        self._clock = clock or Clock()
        self._held: tuple[float, FrozenKeys | None] = (0.0, None)
        self._moments: dict[str, _Moment] = {}

    def sign(self, method: str, target: str, headers: list[Header], region: str) -> list[Header]:
        """The headers to send: those given, which must hold `host`, and the signature's own.

        `target` is path and query as they go on the wire, names of headers are in small letters, each once.
        Raises BadCredentials.
        """
        keys = self._keys()
        if keys is None:
            return headers
        moment = self._moment(keys, region)
        sent = [*headers, ("x-amz-content-sha256", UNSIGNED), ("x-amz-date", moment.date)]
        if keys.token:
            sent.append(("x-amz-security-token", keys.token))
        path, _, query = target.partition("?")
        if query:
            query = canonical_query(query)
        named = sorted(sent)
        names = ";".join([name for name, _ in named])
        lines = "".join([f"{name}:{value}\n" for name, value in named])
        if "  " in lines or ": " in lines or " \n" in lines or "\t" in lines:
            lines = "".join([f"{name}:{' '.join(value.split())}\n" for name, value in named])
        request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{UNSIGNED}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{moment.date}\n{moment.scope}\n{digest}"
        signature = hmac.digest(moment.key, to_sign.encode(), "sha256").hex()
        sent.append((
            "authorization",
            f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{moment.scope}, SignedHeaders={names}, "
            f"Signature={signature}",
        ))  # fmt: skip
        return sent

    def forget(self) -> None:
        """Look at the credentials again at the next request."""
        self._held = (0.0, None)

    def _keys(self) -> FrozenKeys | None:
        until, keys = self._held
        now = time.monotonic()
        if now < until:
            return keys
        fresh = self._credentials()
        if fresh is None or keys is None or fresh != keys:
            keys = fresh
        if keys is not None and not (keys.access_key and keys.secret_key):
            raise BadCredentials("the credentials are incomplete: an access key or its secret is empty")
        self._held = (now + CREDENTIALS_SECONDS, keys)
        return keys

    def _moment(self, keys: FrozenKeys, region: str) -> _Moment:
        held = self._moments.get(region)
        now, ahead = time.monotonic(), self._clock.ahead
        if held is not None and now < held.until and held.keys is keys and held.ahead == ahead:
            return held
        at = self._clock.now()
        day = at.strftime("%Y%m%d")
        scope = f"{day}/{region}/s3/aws4_request"
        if held is not None and held.keys is keys and held.scope == scope:
            key = held.key
        else:
            key = f"AWS4{keys.secret_key}".encode()
            for word in (day, region, "s3", "aws4_request"):
                key = hmac.digest(key, word.encode(), "sha256")
        moment = _Moment(now + 1.0, keys, ahead, at.strftime("%Y%m%dT%H%M%SZ"), scope, key)
        self._moments[region] = moment
        return moment


def canonical_query(query: str) -> str:
    """The query of a request, encoded already, as it is signed: by name, and each with a value."""
    pieces = sorted(piece.partition("=")[::2] for piece in query.split("&"))
    return "&".join([f"{name}={value}" for name, value in pieces])
