"""Our signatures are those of the vendor's two signers, for whatever goes into them."""

from __future__ import annotations

import datetime
from urllib.parse import quote

import pytest
from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSignedBodyHeaderType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.http import HttpHeaders, HttpRequest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadCredentials
from core.stores.s3.clock import Clock
from core.stores.s3.signing import Header, Signer

MOMENT = datetime.datetime(2026, 11, 28, 23, 59, 59, tzinfo=datetime.UTC)
KEYS = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
TEMPORARY = ReadOnlyCredentials("ASIA", "secret", "to/ken+with==")


class Stopped(Clock):
    """A clock that stands still."""

    def now(self) -> datetime.datetime:
        return MOMENT


def by_crt(
    keys: ReadOnlyCredentials, method: str, target: str, headers: list[Header], region: str
) -> dict[str, str]:
    request = HttpRequest(method, target, HttpHeaders(headers))
    config = AwsSigningConfig(
        algorithm=AwsSigningAlgorithm.V4,
        signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=AwsCredentialsProvider.new_static(keys.access_key, keys.secret_key, keys.token),
        region=region,
        service="s3",
        date=MOMENT,
        use_double_uri_encode=False,
        should_normalize_uri_path=False,
        signed_body_value="UNSIGNED-PAYLOAD",
        signed_body_header_type=AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
    )
    aws_sign_request(request, config).result(timeout=60)
    return {name.lower(): value for name, value in request.headers}


names = st.from_regex(r"x-amz-meta-[a-z0-9-]{1,12}", fullmatch=True)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
keys = st.text(min_size=1, max_size=40).filter(lambda key: not any("\ud800" <= c <= "\udfff" for c in key))
queries = st.lists(
    st.tuples(st.sampled_from(["a", "a-b", "A", "uploads", "partNumber", "uploadId"]), keys), max_size=4
)


@settings(max_examples=300)
@given(
    key=keys,
    pairs=st.dictionaries(names, values, max_size=4),
    query=queries,
    region=st.sampled_from(["us-east-1", "eu-central-1", "garage"]),
    temporary=st.booleans(),
)
def test_the_same_as_awscrt(
    key: str, pairs: dict[str, str], query: list[tuple[str, str]], region: str, temporary: bool
) -> None:
    """Any key, metadata and query, with and without a session token."""
    target = "/bucket/" + quote(key, safe="/~")
    if query:
        target += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query)
    who = TEMPORARY if temporary else KEYS
    headers = [("host", "s3.example:9000"), *pairs.items()]
    ours = dict(Signer(lambda: who, Stopped()).sign("PUT", target, headers, region))
    theirs = by_crt(who, "PUT", target, headers, region)
    assert ours["authorization"] == theirs["authorization"]
    added = theirs.keys() - pairs.keys()  # it sends values of others without spaces around them
    assert {name: ours.get(name) for name in added} == {name: theirs[name] for name in added}


@pytest.mark.parametrize(
    "query", ["", "uploads", "prefix=a%2Fb&list-type=2&delimiter=%2F", "partNumber=3&uploadId=x"]
)
@pytest.mark.parametrize("who", [KEYS, TEMPORARY])
def test_the_same_as_botocore(query: str, who: ReadOnlyCredentials) -> None:
    """A query without a value is signed as one with an empty one."""
    target = "/bucket/dir/a%20b%2B%C3%A9" + (f"?{query}" if query else "")
    headers = [("host", "s3.example"), ("if-match", '"abc"'), ("x-amz-checksum-mode", "ENABLED")]
    ours = dict(Signer(lambda: who, Stopped()).sign("GET", target, headers, "eu-west-1"))
    request = AWSRequest("GET", f"https://s3.example{target}", headers=dict(headers[1:]))
    request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    signer = S3SigV4Auth(who, "s3", "eu-west-1")
    request.context["timestamp"] = MOMENT.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    if who.token:
        request.headers["X-Amz-Security-Token"] = who.token
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert ours["authorization"].endswith(f"Signature={signature}")


def test_new_keys_and_a_new_day_make_new_signatures() -> None:
    """Nothing that is kept outlives what it was made of."""
    clock = Clock()
    who = [KEYS]
    signer = Signer(lambda: who[0], clock)
    first = dict(signer.sign("GET", "/", [("host", "h")], "us-east-1"))
    clock.ahead = 86400.0
    second = dict(signer.sign("GET", "/", [("host", "h")], "us-east-1"))
    assert first["x-amz-date"][:8] < second["x-amz-date"][:8]
    assert f"/{second['x-amz-date'][:8]}/us-east-1/s3/aws4_request" in second["authorization"]
    who[0] = TEMPORARY
    signer.forget()
    third = dict(signer.sign("GET", "/", [("host", "h")], "us-east-1"))
    assert "Credential=ASIA/" in third["authorization"]
    assert third["x-amz-security-token"] == TEMPORARY.token


def test_without_keys_nothing_is_signed_and_half_a_key_is_refused() -> None:
    """Anonymous requests stay as they are; an empty secret would sign as everybody."""
    headers = [("host", "h"), ("range", "bytes=0-1")]
    assert Signer(lambda: None).sign("GET", "/", headers, "us-east-1") == headers
    for half in (ReadOnlyCredentials("A", "", None), ReadOnlyCredentials("", "s", None)):
        with pytest.raises(BadCredentials, match="incomplete"):
            Signer(lambda half=half: half).sign("GET", "/", headers, "us-east-1")  # type: ignore[misc]


def test_secrets_stay_out_of_what_is_kept() -> None:
    """What a debugger or a log would print of the signer's memory holds no key."""
    signer = Signer(lambda: KEYS)
    signer.sign("GET", "/", [("host", "h")], "us-east-1")
    assert KEYS.secret_key not in repr(signer._moments)
