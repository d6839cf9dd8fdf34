"""An HTTP proxy on this machine, in both of its ways: requests with a whole URL are passed on, and CONNECT
opens a tunnel (RFC 9110 sections 7.3.2 and 9.3.6).

Names that end in ".invalid" stand for `upstream`, so that only who goes through the proxy finds them. A tunnel
to one of them ends here: the proxy answers TLS with a certificate of its own and passes plain HTTP on.
"""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

OWN_HEADERS = {"proxy-authorization", "proxy-connection", "connection", "keep-alive"}


@dataclass
class ForwardProxy:
    """`asked` holds "GET http://host/path" and "CONNECT host:port"; `authorizations` what came as
    Proxy-Authorization. With `wants` set, everything else is refused with 407."""

    upstream: str  # host:port that *.invalid stands for
    tls: ssl.SSLContext
    url: str = ""
    wants: str = ""
    asked: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    def hosts(self) -> set[str]:
        return {
            word.partition(" ")[2] if word.startswith("CONNECT") else urlsplit(word.partition(" ")[2]).netloc
            for word in self.asked
        }

    def where(self, netloc: str) -> str:
        return self.upstream if netloc.partition(":")[0].endswith(".invalid") else netloc


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: ForwardProxy

    def log_message(self, format: str, *args: object) -> None:
        return

    def _admitted(self, what: str) -> bool:
        self.proxy.asked.append(what)
        told = self.headers.get("proxy-authorization", "")
        self.proxy.authorizations.append(told)
        if not self.proxy.wants or told == self.proxy.wants:
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_CONNECT(self) -> None:
        self.close_connection = True
        if not self._admitted(f"CONNECT {self.path}"):
            return
        host, _, port = self.proxy.where(self.path).rpartition(":")
        with socket.create_connection((host, int(port))) as far:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self.wfile.flush()
            near: socket.socket = self.connection
            if self.path.partition(":")[0].endswith(".invalid"):
                with suppress(OSError):
                    near = self.proxy.tls.wrap_socket(near, server_side=True)
            back = threading.Thread(target=_pump, args=(far, near), daemon=True)
            back.start()
            _pump(near, far)
            back.join()

    def _pass_on(self) -> None:
        if not self._admitted(f"{self.command} {self.path}"):
            return
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN_HEADERS}
        far = HTTPConnection(self.proxy.where(parts.netloc), timeout=30)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        far.request(self.command, target or "/", self.rfile.read(length) if length else None, headers)
        answer = far.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        told = answer.getheader("content-length") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", told or "0")
        self.end_headers()
        self.wfile.write(body)
        far.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _pass_on


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        return  # whoever was cut off


@contextmanager
def forward_proxy(upstream: str, folder: Path) -> Iterator[ForwardProxy]:
    """`upstream` is the host:port that names in ".invalid" lead to; its certificate is kept in `folder`."""
    proxy = ForwardProxy(upstream, _certificate(folder))
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "proxy of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - day, now + day
    )
    path = folder / "proxy.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
