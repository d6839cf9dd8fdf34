"""Signature Version 4 by awscrt, about 20 µs a request, with credentials that boto3 finds and keeps fresh.

The payload is not hashed (`UNSIGNED-PAYLOAD`): bodies are guarded by Content-MD5, and a hash of every byte
would cost more than the rest of a request.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import awscrt.exceptions
from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSignedBodyHeaderType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.http import HttpHeaders, HttpRequest

from core.errors import BadCredentials
from core.stores.s3.clock import Clock

CREDENTIALS_SECONDS = 2.0  # how long a look at boto3's session holds; it refreshes 10 minutes before expiry
CONFIG_SECONDS = 1.0  # a signing config carries its date

Header = tuple[str, str]


class FrozenKeys(Protocol):
    """botocore's ReadOnlyCredentials."""

    @property
    def access_key(self) -> str: ...

    @property
    def secret_key(self) -> str: ...

    @property
    def token(self) -> str | None: ...


class Signer:
    """Signs requests of one service. Called from many threads; races only repeat cheap work.

    `credentials` gives the keys of this moment, or None for requests that are not signed. It may raise
    BadCredentials.
    """

    def __init__(self, credentials: Callable[[], FrozenKeys | None], clock: Clock | None = None) -> None:
        self._credentials = credentials
        self._clock = clock or Clock()
        self._held: tuple[float, FrozenKeys | None, AwsCredentialsProvider | None] = (0.0, None, None)
        self._configs: dict[str, tuple[float, float, AwsCredentialsProvider, AwsSigningConfig]] = {}

    def sign(self, method: str, target: str, headers: list[Header], region: str) -> list[Header]:
        """The headers to send: those given, which must hold `host`, and the signature's own.

        `target` is path and query as they go on the wire. Raises BadCredentials.
        """
        provider = self._provider()
        if provider is None:
            return headers
        request = HttpRequest(method, target, HttpHeaders(headers))
        try:
            aws_sign_request(request, self._config(provider, region)).result(timeout=60)
        except (awscrt.exceptions.AwsCrtError, TimeoutError) as error:
            raise BadCredentials(f"a request could not be signed ({type(error).__name__})") from None
        return list(request.headers)

    def forget(self) -> None:
        """Look at the credentials again at the next request."""
        self._held = (0.0, None, None)

    def _provider(self) -> AwsCredentialsProvider | None:
        until, keys, provider = self._held
        now = time.monotonic()
        if now < until:
            return provider
        fresh = self._credentials()
        if fresh is None:
            provider = None
        elif provider is None or fresh != keys:
            provider = AwsCredentialsProvider.new_static(
                fresh.access_key, fresh.secret_key, fresh.token or None
            )
        self._held = (now + CREDENTIALS_SECONDS, fresh, provider)
        return provider

    def _config(self, provider: AwsCredentialsProvider, region: str) -> AwsSigningConfig:
        now, ahead = time.monotonic(), self._clock.ahead
        held = self._configs.get(region)
        if held is not None and now < held[0] and held[1] == ahead and held[2] is provider:
            return held[3]
        config = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=provider,
            region=region,
            service="s3",
            date=self._clock.now(),
            use_double_uri_encode=False,
            should_normalize_uri_path=False,
            signed_body_value="UNSIGNED-PAYLOAD",
            signed_body_header_type=AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
        )
        self._configs[region] = (now + CONFIG_SECONDS, ahead, provider, config)
        return config
