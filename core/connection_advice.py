"""What went wrong while a connection was tried, in plain words, and what a person can do about it.

Codes are those of the S3 API reference ("Error responses"); the exceptions are botocore's.
"""

from __future__ import annotations

from typing import Any, Literal

import botocore.exceptions as vendor

from core.errors import BadCredentials
from core.log import clean
from core.model import AnonymousCredentials, ChainCredentials, Connection, ProfileCredentials, Value
from core.safe_text import safe_text

Blame = Literal["reach", "sign", "clock", "region", "denied", "missing", "not s3", "request"]


class Trouble(Value, frozen=True, kw_only=True):
    """One failed request. `blame` says what to look at; `region` is the one the server wants, if it said."""

    blame: Blame
    detail: str
    advice: str
    region: str = ""


_SIGNING: dict[str, tuple[str, str]] = {
    "InvalidAccessKeyId": (
        "the server does not know this access key id",
        "Check it for a typing error, and that it belongs to this service and account.",
    ),
    "SignatureDoesNotMatch": (
        "the server knows the access key id, but the secret does not fit",
        "Type the secret access key again. If it is right, something on the way alters requests.",
    ),
    "ExpiredToken": ("the session token has expired", "Get new temporary credentials, and test again."),
    "InvalidToken": (
        "the server does not accept the session token",
        "Temporary keys need the token they came with; long-lived ones need none.",
    ),
    "AccountProblem": ("the account is suspended or has a problem", "Ask whoever runs the account."),
}
_ALIKE = {
    "InvalidAccessKey": "InvalidAccessKeyId",
    "InvalidClientTokenId": "InvalidAccessKeyId",
    "XAdminUserNotFound": "InvalidAccessKeyId",  # versitygw
    "UnrecognizedClientException": "InvalidAccessKeyId",
    "InvalidSignature": "SignatureDoesNotMatch",
    "ExpiredTokenException": "ExpiredToken",
    "RequestExpired": "ExpiredToken",
    "TokenRefreshRequired": "ExpiredToken",
    "InvalidTokenException": "InvalidToken",
}
_CLOCK = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_REGION = {
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
    "InvalidRegion",
    "InvalidLocationConstraint",
    "301",
}
_DENIED = {
    "AccessDenied",
    "AllAccessDisabled",
    "Forbidden",
    "403",
    "UnauthorizedAccess",
    "AccessDeniedException",
}
_UNSIGNED = {"UnsupportedAlgorithm", "MissingAuthenticationToken", "MissingSecurityHeader", "InvalidRequest"}
_MISSING = {"NoSuchBucket", "NotFound", "NoSuchKey", "404"}


def explain(error: BaseException, connection: Connection, *, asked: str) -> Trouble:
    """The trouble behind an exception of a request; `asked` names what it was for: "the list of buckets"."""
    if isinstance(error, vendor.ClientError):
        return _answered(error.response, connection, asked)
    if isinstance(error, BadCredentials) and isinstance(
        connection.credentials, ChainCredentials | ProfileCredentials
    ):
        return _nothing_found(connection)
    if isinstance(error, BadCredentials):
        return Trouble(blame="sign", detail="the keys are not at hand", advice=error.message)
    if isinstance(error, vendor.ResponseStreamingError | vendor.HTTPClientError | vendor.ConnectionError):
        return _unanswered(error)
    if _named(error, "ResponseParserError"):
        return not_s3()
    if credentials := _no_credentials(error, connection):
        return credentials
    return Trouble(
        blame="request",
        detail=f"{asked}: {safe_text(clean(str(error)), 200)}",
        advice="Check the settings of the connection.",
    )


def not_s3() -> Trouble:
    return Trouble(
        blame="not s3",
        detail="a server answers, but not as S3 does (a web page, or another service)",
        advice="The endpoint may be that of a web console. Check the port (of MinIO, 9000 is S3).",
    )


def wrong_region(region: str, connection: Connection) -> Trouble:
    told = (
        f"the server expects the region {safe_text(region, 40)}" if region else "the region is not the server's"
    )
    ours = f", the connection says {safe_text(connection.region, 40)}" if connection.region else ""
    return Trouble(
        blame="region",
        detail=told + ours,
        advice=f"Set the region to {safe_text(region, 40)}."
        if region
        else "Set the region that the server uses.",
        region=region,
    )


def _answered(response: Any, connection: Connection, asked: str) -> Trouble:
    error = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    status = int(metadata.get("HTTPStatusCode", 0))
    headers = metadata.get("HTTPHeaders", {})
    code = _ALIKE.get(code, code)
    if code in _SIGNING:
        detail, advice = _SIGNING[code]
        if code == "ExpiredToken" and isinstance(connection.credentials, ProfileCredentials):
            advice = _renew(connection)
        return Trouble(blame="sign", detail=detail, advice=advice)
    if code in _CLOCK:
        return Trouble(
            blame="clock",
            detail="the server refuses the request because the two clocks differ too much",
            advice="Set the clock of this machine (NTP); S3 accepts 15 minutes at most.",
        )
    if _is_no_s3_error(code, str(headers.get("content-type", ""))):
        return not_s3()
    if code in _REGION:
        return wrong_region(str(error.get("Region") or headers.get("x-amz-bucket-region", "")), connection)
    anonymous = isinstance(connection.credentials, AnonymousCredentials)
    if anonymous and code in _DENIED | _UNSIGNED:
        return Trouble(
            blame="denied",
            detail=f"{asked}: access denied without keys",
            advice="It is not public. Choose keys for the connection.",
        )
    if code in _DENIED:
        return Trouble(
            blame="denied",
            detail=f"{asked}: access denied",
            advice="The keys are accepted, but their policy does not allow this.",
        )
    if code in _MISSING:
        return Trouble(blame="missing", detail=f"{asked}: not there", advice="Check the name of the bucket.")
    if status >= 500:
        return Trouble(
            blame="request",
            detail=f"{asked}: the server has trouble ({status} {safe_text(code, 40)})",
            advice="Try again later, or ask whoever runs the server.",
        )
    return Trouble(
        blame="request",
        detail=f"{asked}: {status} {safe_text(clean(f'{code}: {message}'), 200)}",
        advice="The server refused the request; its words are above.",
    )


def _is_no_s3_error(code: str, content_type: str) -> bool:
    """Errors of S3 are XML. Where botocore finds none it takes the status for the code, and turns an
    unreadable 200 into a 500."""
    unread = code in ("", "200", "400", "403", "404", "405", "500")
    return content_type.startswith("text/html") or (unread and "xml" not in content_type)


def _unanswered(error: BaseException) -> Trouble:
    if isinstance(error, vendor.ProxyConnectionError):
        return Trouble(
            blame="reach",
            detail="the proxy does not answer, or refuses",
            advice="Check the connection's proxy, or HTTP_PROXY and HTTPS_PROXY; NO_PROXY names exceptions.",
        )
    if isinstance(error, vendor.SSLError):
        return Trouble(
            blame="reach",
            detail="the TLS connection fails",
            advice="Check https:// against http://, the port, and the CA file.",
        )
    if isinstance(error, vendor.ConnectTimeoutError | vendor.ReadTimeoutError):
        return Trouble(
            blame="reach",
            detail="the server does not answer in time",
            advice="Check host and port, and the network.",
        )
    return Trouble(
        blame="reach",
        detail=f"the connection fails ({safe_text(type(error).__name__, 60)})",
        advice="Check host and port. Virtual-host addressing needs a name for each bucket.",
    )


def _no_credentials(error: BaseException, connection: Connection) -> Trouble | None:
    if isinstance(error, vendor.ProfileNotFound):
        return Trouble(
            blame="sign",
            detail="the AWS profile is not in the AWS config files",
            advice="Check its name, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE.",
        )
    if isinstance(error, vendor.NoCredentialsError):
        return _nothing_found(connection)
    if isinstance(error, vendor.PartialCredentialsError):
        return Trouble(
            blame="sign",
            detail="the credentials are incomplete",
            advice="Both the key id and the secret are needed.",
        )
    if isinstance(error, vendor.SSOError | vendor.TokenRetrievalError):
        return Trouble(
            blame="sign", detail="the SSO session is missing or has ended", advice=_renew(connection)
        )
    if isinstance(error, vendor.CredentialRetrievalError):
        return Trouble(
            blame="sign",
            detail="the program or role that gives the credentials failed",
            advice=f"Try it by hand. {_renew(connection)}",
        )
    if isinstance(error, vendor.ConfigParseError | vendor.InvalidConfigError | vendor.ConfigNotFound):
        return Trouble(
            blame="sign",
            detail="the AWS config files cannot be understood",
            advice="Mend ~/.aws/config and ~/.aws/credentials.",
        )
    return None


def _nothing_found(connection: Connection) -> Trouble:
    if isinstance(connection.credentials, ProfileCredentials):
        return Trouble(
            blame="sign",
            detail="the AWS profile leads to no credentials",
            advice=f"Put keys, a role or SSO into the profile. {_renew(connection)}",
        )
    return Trouble(
        blame="sign",
        detail="the default AWS chain finds no credentials",
        advice="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a profile, or type keys.",
    )


def _renew(connection: Connection) -> str:
    if isinstance(connection.credentials, ProfileCredentials):
        profile = safe_text(connection.credentials.profile, 60)
        return f"Renew the credentials of the profile (for SSO: aws sso login --profile {profile})."
    return "Renew the credentials."


def _named(error: BaseException, name: str) -> bool:
    return any(kind.__name__ == name for kind in type(error).__mro__)
