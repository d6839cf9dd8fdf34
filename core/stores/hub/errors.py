"""What a Hub says, mapped once into the program's own errors (core.errors).

`X-Error-Code` and `X-Error-Message` go before the status ("Hub API endpoints", and `hf_raise_for_status` of the
Hub's Python client). Messages quote the server and are not yet safe for a screen.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from core.errors import (
    BadCredentials,
    FatalTrouble,
    FileTrouble,
    NetworkTrouble,
    NoPermission,
    NotFound,
    Throttled,
    TransferError,
)
from core.stores.hub.quota import seconds_until_new
from core.stores.s3.errors import retry_after_seconds, wish_in_words

MAX_QUOTED = 300
DISABLED = "Access to this resource is disabled."
BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 - the Hub's sentence
NOT_RETRIED = frozenset({501, 505})


class RepoMissing(NotFound):
    """There is no such repository, or these credentials may not know of it: the Hub does not tell which."""


class RevisionMissing(NotFound):
    """The repository has no such branch, tag or commit."""


class RepoGated(FatalTrouble):
    """The repository's owner lets in only those who accepted the terms."""


class RepoDisabled(FatalTrouble):
    """The Hub itself has closed the repository."""


class SourceWithdrawn(FatalTrouble):
    """The repository or the pinned commit was there and is no longer."""


class NotFromAHub(NetworkTrouble):
    """No Hub answers like this: another service, or the login page of a network."""


class Doing(msgspec.Struct, frozen=True):
    """What was asked, for messages: "get hf://datasets/org/name@rev/path"."""

    verb: str
    repo: str = ""
    revision: str = ""
    path: str = ""

    def __str__(self) -> str:
        if not self.repo:
            return self.verb
        revision = self.revision[:8] if len(self.revision) == 40 else self.revision
        at = f"@{revision}" if revision else ""
        return f"{self.verb} hf://{self.repo}{at}{'/' + self.path if self.path else ''}"


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What a Hub answered instead of doing it."""

    status: int
    code: str = ""  # X-Error-Code
    message: str = ""  # X-Error-Message
    retry_after: str = ""
    rate_limit: str = ""  # RateLimit


def refusal_from(status: int, header: Callable[[str], str | None]) -> Refusal:
    return Refusal(
        status=status,
        code=header("x-error-code") or "",
        message=header("x-error-message") or "",
        retry_after=header("retry-after") or "",
        rate_limit=header("ratelimit") or "",
    )


def refused(refusal: Refusal, doing: Doing, endpoint: str, *, with_token: bool) -> TransferError:
    """The error to raise for an answer of a Hub that is not a success. `with_token`: one was sent."""
    code, status, message = refusal.code, refusal.status, refusal.message
    said = f"{status} {code}".strip() + (f": {message[:MAX_QUOTED]}" if message else "")
    text = f"{doing}: {said}{wish_in_words(refusal.retry_after)}"
    page = f"{endpoint}/{doing.repo}"

    if status == 429:
        wish = retry_after_seconds(refusal.retry_after) or seconds_until_new(refusal.rate_limit)
        return Throttled(f"{doing}: the Hub asks for a pause ({said})", retry_after=wish)
    if message == BAD_TOKEN:
        return BadCredentials(f"{doing}: the Hub refuses the token: it is wrong, expired or withdrawn")
    if code == "GatedRepo":
        way = "accept the terms there" if with_token else "accept the terms there, and give a token"
        return RepoGated(
            f"{doing}: the repository is gated: its owner wants terms accepted first. Open {page}, {way} "
            "of the same account"
        )
    if message == DISABLED:
        return RepoDisabled(f"{doing}: the Hub has disabled this repository; {page} may say why")
    if code == "RevisionNotFound":
        return RevisionMissing(f"{doing}: the repository has no such branch, tag or commit")
    if code == "EntryNotFound":
        return NotFound(f"{doing}: the repository has no such file or folder at this revision")
    if code == "RepoNotFound" or (status == 401 and doing.repo):
        way = "this token may not see it" if with_token else "it is private and wants a token"
        return RepoMissing(f"{doing}: there is no such repository, or {way}")
    if status == 401:
        return BadCredentials(f"{doing}: the Hub wants a token ({said})")
    if status == 403:
        return NoPermission(f"{doing}: no permission ({said})")
    if status == 404:
        return NotFound(f"{doing}: not found ({said})")
    if status == 503:
        return Throttled(text, retry_after=retry_after_seconds(refusal.retry_after))
    if status in {408, 425} or (status >= 500 and status not in NOT_RETRIED):
        return NetworkTrouble(text, retry_after=retry_after_seconds(refusal.retry_after))
    if status == 407:
        return FatalTrouble(text)
    return FileTrouble(text)


def not_from_a_hub(doing: Doing, host: str, what: str) -> NotFromAHub:
    """The error to raise for an answer that no Hub gives."""
    return NotFromAHub(f"{doing}: {host}: {what}; perhaps this network wants a login first", host=host)
