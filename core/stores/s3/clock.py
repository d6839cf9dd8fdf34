"""The server's clock, where this machine's is wrong.

S3 refuses requests whose date is more than 15 minutes away from its own ("RequestTimeTooSkewed", Error
responses, Amazon S3 API reference). The difference is learnt from such a refusal, said once, and from then on
both planes date their requests by it. A server could make us sign for another day that way; so only differences
of up to `MOST` are believed, beyond that somebody has to set the clock.
"""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable
from typing import Any

import botocore.auth

from core.stores.s3.errors import Refusal, http_date

MOST = 7 * 86400.0  # seconds
TELLING = 300.0  # a refusal without a reason (HEAD has none) is blamed on the clock from this difference on
SAME = 30.0  # a refusal that names the difference already reckoned with is about something else
_KEY = "clock_ahead"  # in the context of a request of botocore's


class Clock:
    """How far one service's clock is ahead of this machine's. Called from many threads."""

    def __init__(self, told: Callable[[float], None] = lambda _: None) -> None:
        """`told` hears, once for each lesson, how many seconds the server's clock is ahead."""
        self._told = told
        self._lock = threading.Lock()
        self._learnt_at = 0.0
        self.ahead = 0.0  # seconds

    def now(self) -> datetime.datetime:
        """The moment to date a request with, UTC."""
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.ahead)

    def learn(self, refusal: Refusal) -> bool:
        """Whether the clock was the trouble and is known now, so that asking again makes sense."""
        named = refusal.code == "RequestTimeTooSkewed"
        if not named and (refusal.status != 403 or refusal.code):
            return False
        server = http_date(refusal.server_time) or http_date(refusal.date)
        ahead = server - time.time()
        if not server or abs(ahead) > MOST or (not named and abs(ahead - self.ahead) < TELLING):
            return False
        with self._lock:
            if abs(ahead - self.ahead) < SAME:
                # Another thread may have learnt it since this request was signed: then it is not refused twice.
                return time.monotonic() - self._learnt_at < SAME
            self.ahead, self._learnt_at = ahead, time.monotonic()
        self._told(ahead)
        return True

    def date_requests_of(self, client: Any) -> None:
        """Have a boto3 client date its requests by this clock."""

        def note(request: Any, **_: object) -> None:
            request.context[_KEY] = self.ahead

        client.meta.events.register("before-sign.s3", note)


class _DatedAuth(botocore.auth.S3SigV4Auth):  # type: ignore[misc]
    """botocore's own signature with another date; it offers no way to name one."""

    def _modify_request_before_signing(self, request: Any) -> None:
        if ahead := request.context.get(_KEY, 0.0):
            moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=ahead)
            request.context["timestamp"] = moment.strftime(botocore.auth.SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)


botocore.auth.AUTH_TYPE_MAPS["s3v4"] = _DatedAuth


def ahead_in_words(host: str, ahead: float) -> str:
    """What people are told."""
    which = "behind" if ahead > 0 else "ahead of"
    return (
        f"this machine's clock is {abs(ahead):.0f} s {which} that of {host}: requests are dated by the "
        "server's clock; set the clock here"
    )
