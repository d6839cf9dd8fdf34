"""A server that answers what a test tells it, for answers that real servers do not give on demand.

It stands for AWS and for broken servers; what our requests look like is checked against real servers in
tests/conformance.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from core.model import Connection, SecretKeys, SessionCredentials
from core.stores.s3 import S3Bucket, S3Service


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]  # lower-case names
    body: bytes


Reply = bytes | Callable[[Request], bytes]


@dataclass
class Script:
    """Answers in order; the last one repeats. `requests` are those that came."""

    port: int
    scheme: str
    replies: list[Reply]
    requests: list[Request] = field(default_factory=list)
    after: Callable[[socket.socket], None] = lambda _: None  # sends what a test wants to send at its own pace
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def answer(self, request: Request) -> bytes:
        with self.lock:
            self.requests.append(request)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply if isinstance(reply, bytes) else reply(request)


def http(status: int, body: bytes | str = b"", **headers: str) -> bytes:
    """An answer. Header names with underscores instead of dashes; Content-Length is added unless given."""
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if not {name.lower() for name in named} & {"content-length", "transfer-encoding"}:
        named["Content-Length"] = str(len(data))
    lines = [
        f"HTTP/1.1 {status} X",
        "Connection: close",
        *(f"{name}: {value}" for name, value in named.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + data


def error_xml(code: str, message: str = "said so", **more: str) -> str:
    """An S3 error document."""
    extra = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    return f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{extra}</Error>'


@contextmanager
def serving(*replies: Reply, tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """The server while the block runs. Every connection is closed after its answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    script = Script(listener.getsockname()[1], "https" if tls else "http", list(replies))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection, script, tls), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def handle(connection: socket.socket, script: Script, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError), tls.wrap_socket(connection, server_side=True) if tls else connection as connection:
        request = read_request(connection)
        if request is not None:
            connection.sendall(script.answer(request))
            script.after(connection)


def read_request(connection: socket.socket) -> Request | None:
    """One request with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    if headers.get("expect"):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    wanted = int(headers.get("content-length", "0"))
    while len(body) < wanted:
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Request(method, target, headers, body)


@contextmanager
def bucket_on(script: Script, **settings: str) -> Iterator[S3Bucket]:
    """A bucket called `b` on the scripted server."""
    connection = Connection(
        name="scripted",
        endpoint=settings.get("endpoint", script.endpoint),
        region=settings.get("region", "us-east-1"),
        credentials=SessionCredentials(ref="x"),
    )
    keys = SecretKeys(access_key_id="AKIDSCRIPTED", secret_access_key="very-secret-key")
    service = S3Service(connection, lambda _: keys)
    try:
        yield service.bucket("b")
    finally:
        service.close()
