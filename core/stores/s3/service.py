"""One S3 service, as a connection describes it: its buckets, and what they share."""

from __future__ import annotations

import threading
from collections.abc import Callable

from core.model import BucketInfo, Connection, SecretKeys
from core.stores.s3.abilities import Abilities
from core.stores.s3.bucket import S3Bucket
from core.stores.s3.control import Control
from core.stores.s3.quick import Lines
from core.stores.s3.signing import Signer
from core.stores.s3.wire import Wire


class S3Service:
    """Implements base.Buckets. Cheap to make: nothing is read or connected before the first request.

    `keys` finds typed keys by their reference and may raise BadCredentials. `stall_timeout` is how many
    seconds a connection may be silent, `told` hears what people should know, once. `abilities` is what was
    learnt of the service. Called from many threads.
    """

    def __init__(
        self,
        connection: Connection,
        keys: Callable[[str], SecretKeys],
        stall_timeout: float = 60.0,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._stall_timeout = stall_timeout
        self.connection = connection
        self.control = Control(connection, keys, told)
        self.abilities = Abilities()
        self.lines = Lines(connection)
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
                        Signer(control.credentials, control.clock),
                        control.region_of,
                        control.learn_region,
                        control.forget_credentials,
                        self._stall_timeout,
                        clock=control.clock,
                        host_of=control.host_of,
                    )
        return self._wire

    def heard(self, host: str) -> float:
        """When a server of this service last answered anything (monotonic seconds), 0.0 when it never did."""
        return max(self.control.heard.get(host, 0.0), self._wire.heard.get(host, 0.0) if self._wire else 0.0)

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
