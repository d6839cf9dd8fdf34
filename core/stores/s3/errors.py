"""What an S3 server or the way to it says, mapped once into the program's own errors (core.errors).

Codes are those of "Error responses" in the Amazon S3 API reference; what other servers send beyond them falls
to its HTTP status. Messages quote the server and are not yet safe for a screen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import botocore.exceptions as botocore_errors
import msgspec
import pyreqwest.exceptions as http_errors
from botocore.parsers import ResponseParserError

from core.errors import (
    BadCredentials,
    FatalTrouble,
    FileTrouble,
    IntegrityTrouble,
    NetworkTrouble,
    NoPermission,
    NotFound,
    SourceChanged,
    StageLost,
    TargetRefused,
    Throttled,
    TransferError,
)
from core.stores.s3.answers import BadAnswer, leaf_texts

MAX_QUOTED = 300  # characters of a server's own sentence that are repeated
MAX_RETRY_AFTER = 3600.0


class CopyUnsupported(FileTrouble):
    """This server cannot copy by itself in this way; the bytes have to go through this machine."""


class BrokenListing(FileTrouble):
    """The pages of a listing contradict each other: nothing may be concluded from it."""


class RangesUnsupported(FileTrouble):
    """The server answers a range with something else: the object can only be read whole."""


class ClockLearnt(NetworkTrouble):
    """The server's clock is another one than this machine's; from now on requests are dated by it."""


class NotUnderstood(FileTrouble):
    """The server did not take the request as it was written (400, 501 and the like, for no reason of its own
    class): without an optional header it may."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answered instead of doing it. `code` may be empty: HEAD answers have no body."""

    status: int
    code: str = ""
    message: str = ""
    region: str = ""  # where the bucket is, when the server tells
    retry_after: str = ""
    date: str = ""  # the Date header
    server_time: str = ""  # <ServerTime> of RequestTimeTooSkewed


class Doing(msgspec.Struct, frozen=True):
    """What was asked, for messages: "put s3://bucket/key". `writes` says that the target side was asked."""

    verb: str
    bucket: str = ""
    key: str = ""
    writes: bool = False

    def __str__(self) -> str:
        where = f"{self.bucket}/{self.key}" if self.key else self.bucket
        return f"{self.verb} s3://{where}" if where else self.verb


def refusal_from(status: int, header: Callable[[str], str | None], body: bytes) -> Refusal:
    """Read an error answer. A body that is not S3's XML leaves the code empty."""
    try:
        root, texts = leaf_texts(body) if body else ("", {})
    except BadAnswer:
        root, texts = "", {}
    if root != "Error":
        texts = {}
    return Refusal(
        status=status,
        code=texts.get("Code", ""),
        message=texts.get("Message", ""),
        region=header("x-amz-bucket-region") or texts.get("Region", ""),
        retry_after=header("retry-after") or "",
        date=header("date") or "",
        server_time=texts.get("ServerTime", ""),
    )


CREDENTIALS = frozenset({
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidToken",
    "TokenRefreshRequired", "InvalidSecurity", "AuthFailure", "NotSignedUp", "AccessKeyIdNotFound",
    "UnrecognizedClientException", "InvalidClientTokenId", "CredentialsNotSupported", "RequestExpired",
    "MissingSecurityHeader", "MissingAuthenticationToken", "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError", "XMinioInvalidAccessKeyId",
})  # fmt: skip
THROTTLING = frozenset({
    "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException", "ThrottledException",
    "RequestThrottled", "RequestThrottledException", "TooManyRequests", "TooManyRequestsException", "Busy",
    "RequestLimitExceeded", "BandwidthLimitExceeded", "ServiceUnavailable", "EC2ThrottledException",
})  # fmt: skip
TRANSIENT = frozenset({
    "RequestTimeout", "RequestTimeoutException", "InternalError", "IncompleteBody", "OperationAborted",
    "ConditionalRequestConflict", "PriorRequestNotComplete", "TransactionInProgress", "InternalFailure",
})  # fmt: skip
DIGESTS = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"})
ARCHIVED = frozenset({"InvalidObjectState", "ObjectNotInActiveTierError"})
FULL = frozenset(
    {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"}
)
DENIED = frozenset({"AccessDenied", "Forbidden", "UnauthorizedAccess", "AccessForbidden"})
GONE = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", "404"})
SERVER_WIDE = frozenset({"AccountProblem", "AllAccessDisabled", "InvalidPayer", "UserSuspended"})


def refused(refusal: Refusal, doing: Doing) -> TransferError:
    """The error to raise for an answer that is not a success."""
    code, status = refusal.code, refusal.status
    said = f"{status} {code}".strip()
    if refusal.message:
        said += f": {refusal.message[:MAX_QUOTED]}"
    text = f"{doing}: {said}{wish_in_words(refusal.retry_after)}"

    if code in THROTTLING or status in {429, 503}:
        return Throttled(text, retry_after=retry_after_seconds(refusal.retry_after))
    if code == "RequestTimeTooSkewed":
        return FatalTrouble(f"{doing}: this machine's clock {skew_in_words(refusal)}; set the clock and go on")
    if code in CREDENTIALS or status == 401:
        return BadCredentials(f"{doing}: the credentials were refused ({said})")
    if code == "NoSuchBucket":
        words = f"{doing}: the bucket does not exist"
        return TargetRefused(words) if doing.writes else NotFound(words)
    if code == "NoSuchUpload":
        return StageLost(f"{doing}: the unfinished upload is gone")
    if code in ARCHIVED:
        return FileTrouble(f"{doing}: the object is archived and must be restored before it can be read")
    if code in FULL or status == 507:
        return TargetRefused(f"{doing}: the target takes no more data ({said})")
    if code in SERVER_WIDE or status == 407:
        return FatalTrouble(text)
    if code in DIGESTS:
        return IntegrityTrouble(f"{doing}: the bytes that arrived were not those that were sent ({said})")
    if code in TRANSIENT or status in {408, 425}:
        return NetworkTrouble(text, retry_after=retry_after_seconds(refusal.retry_after))
    if status == 412 or code == "PreconditionFailed":
        return SourceChanged(f"{doing}: the object is not the one that was listed")
    if code in GONE or status == 404:
        return NotFound(f"{doing}: no such object")
    if code == "InvalidStorageClass":
        return FileTrouble(f"{doing}: the server does not know this storage class; choose another one")
    if code in DENIED or status == 403:
        return NoPermission(f"{doing}: no permission ({said})")
    if status == 416:
        return SourceChanged(f"{doing}: the object is shorter than it was when listed")
    if status >= 500 and status not in {501, 505}:
        return NetworkTrouble(text, retry_after=retry_after_seconds(refusal.retry_after))
    return NotUnderstood(text)


def retry_after_seconds(value: str, now: float | None = None) -> float:
    """Retry-After in seconds or as a date (RFC 9110 section 10.2.3), at most MAX_RETRY_AFTER; 0 when absent,
    past or unreadable."""
    return min(_wished_seconds(value, now), MAX_RETRY_AFTER)


def wish_in_words(value: str) -> str:
    """What is said of a Retry-After that is longer than this program waits; else nothing."""
    wished = _wished_seconds(value, None)
    if wished <= MAX_RETRY_AFTER:
        return ""
    return f" (asks for {wished:.0f} s; asked again after {MAX_RETRY_AFTER:.0f} s)"


def _wished_seconds(value: str, now: float | None) -> float:
    value = value.strip()
    if not value:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        moment = http_date(value)
        seconds = moment - (time.time() if now is None else now) if moment else 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0


def http_date(value: str) -> float:
    """Seconds since the epoch of an HTTP or ISO date; 0.0 when unreadable."""
    try:
        moment = datetime.fromisoformat(value) if value[:4].isdigit() else parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, OSError, IndexError):
        return 0.0


def skew_in_words(refusal: Refusal, now: float | None = None) -> str:
    """How far this machine's clock is from the server's, for example "is 1200 s ahead of the server's"."""
    server = http_date(refusal.server_time) or http_date(refusal.date)
    if not server:
        return "differs too much from the server's"
    skew = (time.time() if now is None else now) - server
    return f"is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"


def broken_line(error: http_errors.PyreqwestError, doing: Doing, host: str = "") -> TransferError:
    """The error to raise when the exchange with `host` itself failed."""
    details = getattr(error, "details", None)
    causes = (details.get("causes") if isinstance(details, dict) else None) or []
    innermost = causes[-1]["message"] if causes else error.message
    text = f"{doing}: {host}: {innermost[:MAX_QUOTED]}" if host else f"{doing}: {innermost[:MAX_QUOTED]}"
    said = " ".join(cause["message"] for cause in causes).lower()
    if "certificate" in said:
        return FatalTrouble(f"{doing}: the server's certificate is not trusted ({innermost[:MAX_QUOTED]})")
    if isinstance(error, http_errors.BuilderError):
        return FileTrouble(text)
    return NetworkTrouble(text, host=host)


def not_from_s3(doing: Doing, status: int, elsewhere: str, host: str) -> NetworkTrouble:
    """The error to raise for an answer that no S3 server gives: a login page of a network, or a gateway's."""
    what = f"points to {urlsplit(elsewhere).netloc or 'another page'}" if elsewhere else "is a web page"
    return NetworkTrouble(
        f"{doing}: the answer {what[:MAX_QUOTED]} ({status}) and does not come from an S3 server; "
        "perhaps this network wants a login first",
        host=host,
    )


NO_CREDENTIALS = (
    botocore_errors.NoCredentialsError,
    botocore_errors.PartialCredentialsError,
    botocore_errors.CredentialRetrievalError,
    botocore_errors.ProfileNotFound,
    botocore_errors.ConfigParseError,
    botocore_errors.ConfigNotFound,
    botocore_errors.SSOError,
    botocore_errors.TokenRetrievalError,
    botocore_errors.RefreshWithMFAUnsupportedError,
    botocore_errors.InfiniteLoopConfigError,
    botocore_errors.InvalidConfigError,
    botocore_errors.MetadataRetrievalError,
)
UNREACHABLE = (
    botocore_errors.HTTPClientError,
    botocore_errors.ConnectionError,
    botocore_errors.IncompleteReadError,
    botocore_errors.ResponseStreamingError,
)


def from_botocore(error: Exception, doing: Doing, host: str = "") -> TransferError:
    """The error to raise for what boto3 raised of `host`. `error` is a BotoCoreError or a ClientError."""
    if isinstance(error, botocore_errors.ClientError):
        return refused(refusal_of_client_error(error), doing)
    if isinstance(error, NO_CREDENTIALS):
        return BadCredentials(f"{doing}: {str(error)[:MAX_QUOTED]}")
    if isinstance(error, botocore_errors.SSLError):
        return FatalTrouble(f"{doing}: the server's certificate is not trusted ({str(error)[:MAX_QUOTED]})")
    if isinstance(error, UNREACHABLE):
        return NetworkTrouble(f"{doing}: {str(error)[:MAX_QUOTED]}", host=host)
    if isinstance(error, ResponseParserError):
        return NetworkTrouble(f"{doing}: the answer is cut off or does not come from an S3 server")
    return FileTrouble(f"{doing}: {str(error)[:MAX_QUOTED]}")


def refusal_of_client_error(error: botocore_errors.ClientError) -> Refusal:
    """The refusal inside a ClientError; botocore puts the bare status into Code when there was no body."""
    told = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    code = str(told.get("Code", ""))
    return Refusal(
        status=int(meta.get("HTTPStatusCode", 0)),
        code="" if code.isdigit() else code,
        message=str(told.get("Message", "")),
        region=str(headers.get("x-amz-bucket-region", "") or told.get("Region", "")),
        retry_after=str(headers.get("retry-after", "")),
        date=str(headers.get("date", "")),
        server_time=str(told.get("ServerTime", "")),
    )
