"""One small request and its whole answer, as bytes: for stores whose small objects go over lines of our own.

A store writes the request (`Ask`) and reads the answer (`Answer`); the engine carries both, many at once in one
thread (core/engine/moving/pump.py). What does not fit in here, a proxy or an answer of unknown length, goes the
ordinary way through the HTTP client.
"""

from __future__ import annotations

import ssl
from typing import Protocol, runtime_checkable

import msgspec
from pyreqwest.response import SyncResponse

from core.model import Entry
from core.stores.base import Body, Metadata, ObjectInfo, Receipt, UnsizedBody

MAX_HEAD = 64 * 1024  # bytes of an answer's head
SMALL = 64 * 1024  # bytes of an object up to which this is quicker


class Origin(msgspec.Struct, frozen=True):
    """A server that lines are opened to. `tls` is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class Ask(msgspec.Struct):
    """A request, ready to be sent. Sending it twice does no harm."""

    origin: Origin
    head: bytes
    body: bytes | memoryview = b""
    most: int = MAX_HEAD  # bytes of an answer's body; a longer one is not read
    seconds: float = 60.0  # for the whole exchange
    doing: object = ""  # for messages: "get s3://bucket/key"
    host: str = ""  # for messages and for what is known of the network
    note: str = ""  # the store's own
    region: str = ""  # the store's own: what it was signed for

    def __repr__(self) -> str:
        return f"<{self.doing}>"  # its head holds a signature, and perhaps a session token


class Answer(msgspec.Struct):
    """A whole answer. Names of headers are in small letters; of several of one name the first counts."""

    status: int
    headers: dict[str, str]
    body: memoryview

    def get_header(self, name: str) -> str | None:
        """The value of a header (its name in small letters); None when it is absent."""
        return self.headers.get(name)

    def get_header_all(self, name: str) -> list[str]:
        """The same as a list."""
        return [self.headers[name]] if name in self.headers else []


Response = Answer | SyncResponse  # both tell status and headers the same way


class AskOrdinarily(Exception):
    """This one is for the ordinary way: the store learnt something from the answer, or cannot read it."""


class AskFirst(AskOrdinarily):
    """The same, because something has to be learnt that way before others can be quick: they should wait."""


@runtime_checkable
class QuickSource(Protocol):
    """A source whose small objects can be asked for in one exchange."""

    def ask_read(self, entry: Entry) -> Ask | None:
        """The request for a whole object; None where the ordinary way has to be gone. Raises TransferError."""
        ...

    def take_read(self, ask: Ask, answer: Answer, entry: Entry) -> Body:
        """The object in an answer. Raises TransferError as `read` does, and AskOrdinarily."""
        ...

    def known_tags(self, info: ObjectInfo) -> dict[str, str] | None:
        """An object's tags where they need no request, else None."""
        ...

    def ask_tags(self, info: ObjectInfo) -> Ask | None:
        """The request for an object's tags; None where the ordinary way has to be gone."""
        ...

    def take_tags(self, answer: Answer, info: ObjectInfo) -> dict[str, str]:
        """The tags in an answer. Raises AskOrdinarily for any other."""
        ...


@runtime_checkable
class QuickUnsized(Protocol):
    """A source of entries without a size, of which small ones come with the first answer."""

    def ask_unsized(self, entry: Entry, limit: int) -> Ask | None:
        """The request for the first `limit` bytes; None where the ordinary way has to be gone."""
        ...

    def take_unsized(self, ask: Ask, answer: Answer, entry: Entry, limit: int) -> UnsizedBody:
        """What came, whole: its bytes are the answer's. Raises TransferError as `read_unsized` does, and
        AskOrdinarily for what is larger, or elsewhere."""
        ...


@runtime_checkable
class QuickTarget(Protocol):
    """A target that takes small objects in one exchange."""

    def ask_put(self, key: str, data: bytes | memoryview, metadata: Metadata, md5: str) -> Ask | None:
        """The request that puts a whole object; None where the ordinary way has to be gone. Raises
        TransferError, AskFirst."""
        ...

    def take_put(self, ask: Ask, answer: Answer, key: str, size: int, md5: str) -> Receipt:
        """What the answer says of it. Raises TransferError as `put` does, and AskOrdinarily."""
        ...

    def ask_copy(self, source: object, entry: Entry, key: str, storage_class: str) -> Ask | None:
        """The request for a copy made by the service; None where the ordinary way has to be gone. Raises
        TransferError."""
        ...

    def take_copy(self, ask: Ask, answer: Answer, entry: Entry, key: str) -> Receipt:
        """What was copied: its ETag is that of the source. Raises TransferError as `copy` does, and
        AskOrdinarily for any other ETag."""
        ...
