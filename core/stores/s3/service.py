"""One S3 service, as a connection describes it: its buckets, and what they share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from core.model import BucketInfo, Connection, SecretKeys
from core.stores.s3.bucket import S3Bucket
from core.stores.s3.control import Control
from core.stores.s3.signing import Signer
from core.stores.s3.wire import Wire


class S3Service:
    """Implements base.Buckets. Cheap to make: nothing is read or connected before the first request.

    `keys` finds typed keys by their reference and may raise BadCredentials. `stall_timeout` is how many
    seconds a connection may be silent. Called from many threads.
    """

    def __init__(
        self, connection: Connection, keys: Callable[[str], SecretKeys], stall_timeout: float = 60.0
    ) -> None:
        self._stall_timeout = stall_timeout
        self.connection = connection
        self.control = Control(connection, keys)
        self._lock = threading.Lock()
        self._wire: Wire | None = None

    def bucket(self, name: str) -> S3Bucket:
        """The bucket as a store. Nothing is asked of the server."""
        return S3Bucket(self, name)

    def list_buckets(self) -> list[BucketInfo]:
        return self.control.list_buckets()

    def create_bucket(self, name: str) -> None:
        self.control.create_bucket(name)

    def has_bucket(self, name: str) -> bool:
        return self.control.has_bucket(name)

    def find_region(self, bucket: str) -> str:
        """The bucket's region, asked of the server. Raises NotFound, NoPermission."""
        return self.control.find_region(bucket)

    def same_service(self, other: S3Service) -> bool:
        """Whether the other connection reaches the same service with the same credentials, so that the server
        can copy between the two by itself."""
        mine, theirs = self.connection, other.connection
        if mine.credentials != theirs.credentials:
            return False
        return self is other or _where(self.control) == _where(other.control)

    @property
    def wire(self) -> Wire:
        """The data plane, made at first use. Raises FatalTrouble, BadCredentials."""
        if self._wire is None:
            with self._lock:
                if self._wire is None:
                    control = self.control
                    self._wire = Wire(
                        self.connection,
                        control.endpoint,
                        Signer(control.credentials),
                        control.region_of,
                        control.learn_region,
                        control.forget_credentials,
                        timedelta(seconds=self._stall_timeout),
                    )
        return self._wire

    def close(self) -> None:
        """Close all connections. Requests under way fail."""
        with self._lock:
            if self._wire is not None:
                self._wire.close()
                self._wire = None
        self.control.close()


def _where(control: Control) -> tuple[str, str, str]:
    endpoint = control.endpoint
    return endpoint.scheme, endpoint.netloc, endpoint.base
