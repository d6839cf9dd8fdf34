"""The slow, rare side of S3 through boto3: credentials, regions, buckets, tags.

botocore's own retries and checksum trailers are off: the scheduler retries, and many S3-compatible servers
refuse the trailers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
import urllib3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from core.errors import (
    BadCredentials,
    FatalTrouble,
    FileTrouble,
    NoPermission,
    NotFound,
    TargetRefused,
    TransferError,
)
from core.model import (
    AnonymousCredentials,
    BucketInfo,
    ChainCredentials,
    Connection,
    FileCredentials,
    KeyringCredentials,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
)
from core.proxies import proxy_for
from core.stores.s3.addressing import DEFAULT_REGION, Endpoint, is_region, parse_endpoint
from core.stores.s3.certificates import certificates
from core.stores.s3.clock import Clock, ahead_in_words
from core.stores.s3.errors import ClockLearnt, Doing, Refusal, from_botocore, refusal_of_client_error
from core.stores.s3.signing import FrozenKeys

CONNECT_SECONDS = 10
RENEW = 0.2  # seconds for which keys that were just read are not read again
READ_SECONDS = 60


class Control:
    """One connection's boto3 session and what it has learnt. Called from many threads."""

    def __init__(
        self,
        connection: Connection,
        keys: Callable[[str], SecretKeys],
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`told` hears what people should know of the service, once."""
        self.clock = Clock(lambda ahead: told(ahead_in_words(self.host_of(""), ahead)))
        self.connection = connection
        self.heard: dict[str, float] = {}  # host → when it last answered, monotonic seconds
        self._keys = keys
        self._lock = threading.RLock()
        self._session: Any = None
        self._credentials: Any = None
        self._stale = False
        self._read_at = -RENEW
        self._clients: dict[str, Any] = {}
        self._endpoint: Endpoint | None = None
        self._regions: dict[str, str] = {}
        self._hosts: dict[str, str] = {}  # by region

    # ------------------------------------------------------------ who and where

    @contextmanager
    def asking(self, doing: Doing) -> Iterator[None]:
        """Whatever boto3 raises inside the block leaves it as a TransferError."""
        asked = time.monotonic()
        try:
            yield
            if doing.bucket:  # else nobody was asked: the credentials were looked for, or the like
                self.heard[self.host_of(doing.bucket)] = time.monotonic()
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            mapped = from_botocore(error, doing, self.host_of(doing.bucket))
            mapped.asked = asked
            if isinstance(error, ClientError) and self.clock.learn(refusal_of_client_error(error)):
                mapped = ClockLearnt(f"{doing}: dated by the server's clock from now on")
            if isinstance(mapped, BadCredentials):
                self.forget_credentials()
            raise mapped from error

    def forget_credentials(self) -> None:
        """Read them again at the next request: somebody may have mended what was refused, or they expired.

        Those that were read a moment ago are kept a moment longer: when many requests are refused at once, the
        later refusals speak of the keys before them."""
        with self._lock:
            self._stale = True

    def _renew(self) -> None:
        if self._stale and time.monotonic() - self._read_at >= RENEW:
            self._stale = False
            self._session = self._credentials = None
            self._clients.clear()

    def host_of(self, bucket: str) -> str:
        """The server that is asked about a bucket, without the bucket's name; empty while that is not known.

        Looks nothing up: it is called while an error is worded."""
        if self._endpoint is None:
            return ""
        known = self._regions.get(bucket) or self._regions.get("") or self.connection.region
        host = self._hosts.get(known)
        if host is None:
            host = self._endpoint.locate("", known if is_region(known) else DEFAULT_REGION).host
            self._hosts[known] = host
        return host

    @property
    def endpoint(self) -> Endpoint:
        """The connection's endpoint, or the one its profile names. Raises FatalTrouble, BadCredentials."""
        if self._endpoint is None:
            url = self.connection.endpoint or self._profile_endpoint()
            self._endpoint = parse_endpoint(url, self.connection.addressing)
        return self._endpoint

    def credentials(self) -> FrozenKeys | None:
        """The keys of this moment; None for anonymous connections. Raises BadCredentials, NetworkTrouble."""
        if isinstance(self.connection.credentials, AnonymousCredentials):
            return None
        doing = Doing("look for credentials")
        with self._lock, self.asking(doing):
            self._renew()
            if self._credentials is None:
                self._credentials = self.session().get_credentials()
            if self._credentials is None:
                raise BadCredentials(f"connection {self.connection.name}: no credentials were found")
            frozen: FrozenKeys = self._credentials.get_frozen_credentials()
        if not frozen.access_key or not frozen.secret_key:
            raise BadCredentials(f"connection {self.connection.name}: the credentials are empty")
        return frozen

    def session(self) -> Any:
        """The boto3 session, made at first use. Raises BadCredentials."""
        with self._lock, self.asking(Doing("set up the connection")):
            self._renew()
            if self._session is None:
                self._read_at = time.monotonic()
                self._session = self._new_session()
            return self._session

    def _new_session(self) -> Any:
        match self.connection.credentials:
            case ProfileCredentials(profile=profile):
                return boto3.Session(profile_name=profile)
            case ChainCredentials():
                return boto3.Session()
            case AnonymousCredentials():
                return boto3.Session(botocore_session=_session_without_profile())
            case KeyringCredentials(ref=ref) | FileCredentials(ref=ref) | SessionCredentials(ref=ref):
                keys = self._keys(ref)
                return boto3.Session(
                    botocore_session=_session_without_profile(),
                    aws_access_key_id=keys.access_key_id,
                    aws_secret_access_key=keys.secret_access_key,
                    aws_session_token=keys.session_token or None,
                )

    def _profile_endpoint(self) -> str:
        """`endpoint_url` of the profile. The engine's own environment has no say in where a profile leads."""
        if not isinstance(self.connection.credentials, ProfileCredentials):
            return ""
        with self.asking(Doing("read the profile")):
            inner = self.session()._session  # boto3 has no public way to them
            provider = ConfiguredEndpointProvider(
                full_config=inner.full_config,
                scoped_config=inner.get_scoped_config(),
                client_name="s3",
                environ={},
            )
            return provider.provide() or ""

    # ------------------------------------------------------------ regions

    @property
    def home_region(self) -> str:
        """Where buckets are looked for first: what the connection says, unless the server said otherwise."""
        if learnt := self._regions.get(""):
            return learnt
        uses_files = isinstance(self.connection.credentials, ProfileCredentials | ChainCredentials)
        configured = self.session().region_name if uses_files and not self.connection.region else ""
        region = self.connection.region or self.endpoint.region_in_name or configured or DEFAULT_REGION
        return region if is_region(region) else DEFAULT_REGION

    def region_of(self, bucket: str) -> str:
        """The region to sign with: what was learnt of the bucket, else the home region."""
        region = self._regions.get(bucket)
        if region is None:
            region = self.home_region
            if bucket:
                self._regions[bucket] = region
        return region

    def learn_region(self, bucket: str, region: str) -> None:
        """A server said where the bucket is."""
        if is_region(region):
            self._regions[bucket] = region

    def client(self, bucket: str = "") -> Any:
        """A boto3 S3 client for the bucket's region. Raises BadCredentials, FatalTrouble."""
        region = self.region_of(bucket) if bucket else self.home_region
        with self._lock, self.asking(Doing("set up the connection")):
            self._renew()
            if region not in self._clients:
                self._clients[region] = self._new_client(region)
            return self._clients[region]

    def _new_client(self, region: str) -> Any:
        endpoint, connection = self.endpoint, self.connection
        path_style = endpoint.addressing == "path" or (endpoint.addressing == "auto" and not endpoint.is_aws)
        anonymous = isinstance(connection.credentials, AnonymousCredentials)
        if not anonymous:
            self.credentials()  # a clear error now instead of an unsigned request later
        settings: dict[str, Any] = {
            "signature_version": UNSIGNED if anonymous else "s3v4",
            "s3": {"addressing_style": "path" if path_style else endpoint.addressing},
            "retries": {"total_max_attempts": 1, "mode": "standard"},
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "max_pool_connections": 32,
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "ignore_configured_endpoint_urls": True,
            "proxies": self._proxies(endpoint.locate("", region or DEFAULT_REGION).origin),
        }
        certificates(connection.ca_file)  # botocore falls silent or speaks of an OSError
        url = f"{endpoint.scheme}://{endpoint.netloc}{endpoint.base}" if endpoint.netloc else None
        verify: str | bool | None = connection.ca_file or None
        if not connection.verify_tls:
            verify = False
            # The faces warn of such a connection; a warning for each request would only fill the log.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        try:
            client = self.session().client(
                "s3", region_name=region, endpoint_url=url, verify=verify, config=Config(**settings)
            )
        except (ValueError, OSError) as error:
            raise FatalTrouble(f"connection {connection.name}: {error}") from error
        self.clock.date_requests_of(client)
        return client

    def _proxies(self, origin: str) -> dict[str, str]:
        """Said in full, also that there is none: left to itself botocore knows no ALL_PROXY."""
        proxy = proxy_for(origin, self.connection.proxy)
        return {"http": proxy, "https": proxy} if proxy else {}

    # ------------------------------------------------------------ buckets

    def list_buckets(self) -> list[BucketInfo]:
        """All buckets that these credentials own, in the order of their names."""
        found: list[BucketInfo] = []
        answer = self._in_its_region(Doing("list buckets"), lambda client: client.list_buckets())
        while True:
            for bucket in answer.get("Buckets", []):
                created = bucket.get("CreationDate")
                found.append(
                    BucketInfo(
                        name=bucket["Name"],
                        created=created.timestamp() if created else 0.0,
                        region=bucket.get("BucketRegion", ""),
                    )
                )
            token = answer.get("ContinuationToken")
            if not token:
                return sorted(found, key=lambda bucket: bucket.name)
            with self.asking(Doing("list buckets")):
                answer = self.client().list_buckets(ContinuationToken=token)

    def has_bucket(self, name: str) -> bool:
        """Whether the bucket exists. Raises NoPermission when it does but may not be looked at."""
        try:
            self._in_its_region(Doing("look for", name), lambda client: client.head_bucket(Bucket=name))
        except NotFound:
            return False
        return True

    def find_region(self, name: str) -> str:
        """The bucket's region as the server tells it, learnt for later. Raises NotFound, NoPermission."""
        try:
            answer = self._in_its_region(
                Doing("look for", name), lambda client: client.head_bucket(Bucket=name)
            )
            region = answer.get("BucketRegion", "")
        except NoPermission as error:  # a bucket that may not be looked at still says where it is
            region = refusal_behind(error).region
            if not region:
                raise
        self.learn_region(name, region)
        return self.region_of(name)

    def _in_its_region(self, doing: Doing, call: Callable[[Any], Any]) -> Any:
        """What `call` gives; asked once more when the server says, or says if asked, that the region is wrong.

        botocore does this for many requests to buckets, but neither for the list of buckets nor for a HEAD
        that is refused without a word.
        """
        client = self.client(doing.bucket)
        region = ""
        try:
            with self.asking(doing):
                return call(client)
        except ClockLearnt:
            region = self.region_of(doing.bucket)  # the same, with another date
        except TransferError as error:
            region = self._other_region(refusal_behind(error), doing)
            if not region:
                raise
        self.learn_region(doing.bucket, region)
        with self.asking(doing):
            return call(self.client(doing.bucket))

    def _other_region(self, refusal: Refusal, doing: Doing) -> str:
        """The region that a refused request should have been made in; empty when that is not what is wrong.
        Raises BadCredentials when that turns out to be the reason."""
        bucket = doing.bucket
        if refusal.status == 400 and not refusal.code and bucket:
            try:
                told = self.client(bucket).get_bucket_location(Bucket=bucket)
                refusal = Refusal(status=400, region=told.get("LocationConstraint") or DEFAULT_REGION)
            except ClientError as error:
                refusal = refusal_of_client_error(error)
                reason = from_botocore(error, doing)
                if isinstance(reason, BadCredentials) and not refusal.region:
                    self.forget_credentials()
                    raise reason from error
            except BotoCoreError:
                return ""
        wrong = refusal.status in {301, 307, 400} and refusal.region != self.region_of(bucket)
        return refusal.region if wrong and is_region(refusal.region) else ""

    def create_bucket(self, name: str) -> None:
        """Create the bucket in the home region. One that is there already and ours is no error."""
        extra: dict[str, Any] = {}
        if self.home_region != DEFAULT_REGION:
            extra["CreateBucketConfiguration"] = {"LocationConstraint": self.home_region}
        try:
            with self.asking(Doing("create bucket", name, writes=True)):
                self.client().create_bucket(Bucket=name, **extra)
        except FileTrouble as error:
            code = refusal_behind(error).code
            if code == "BucketAlreadyOwnedByYou" or (code == "BucketAlreadyExists" and self._may_use(name)):
                return
            if code in {"BucketAlreadyExists", "InvalidBucketName"}:
                raise TargetRefused(error.message) from error
            raise

    def _may_use(self, name: str) -> bool:
        try:
            return self.has_bucket(name)
        except NoPermission:
            return False

    def tags(self, bucket: str, key: str) -> dict[str, str]:
        """The object's tags. Raises NotFound, NoPermission."""
        with self.asking(Doing("read tags of", bucket, key)):
            answer = self.client(bucket).get_object_tagging(Bucket=bucket, Key=key)
            return {tag["Key"]: tag["Value"] for tag in answer.get("TagSet", [])}

    def close(self) -> None:
        """Close the connections of all clients."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()


def refusal_behind(error: BaseException) -> Refusal:
    """The server's refusal behind a TransferError that boto3 caused; an empty one when there is none."""
    cause = error.__cause__
    return refusal_of_client_error(cause) if isinstance(cause, ClientError) else Refusal(status=0)


def _session_without_profile() -> Any:
    """A botocore session that AWS_PROFILE of the engine's environment does not steer."""
    return botocore.session.Session({"profile": (None, [], None, None)})
