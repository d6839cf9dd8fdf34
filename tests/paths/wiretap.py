"""A TCP relay between engine and server: counts the bytes of each direction and can cut the wire.

It changes no byte. What it counts is what really crossed, whatever the engine says of itself.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_CHUNK = 1 << 16


class Wiretap:
    """`endpoint` leads to the server through here. `to_server` and `to_client` are bytes so far."""

    def __init__(self, server_endpoint: str) -> None:
        address = urlsplit(server_endpoint)
        self._server = (str(address.hostname), int(address.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.to_server = 0
        self.to_client = 0
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and every new one at once, until `mend`."""
        self._cut = True
        self._break_all()

    def mend(self) -> None:
        self._cut = False

    def close(self) -> None:
        self._cut = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._break_all()

    def _break_all(self) -> None:
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            _hang_up(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._cut:
                client.close()
                continue
            try:
                server = socket.create_connection(self._server)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._ends |= {client, server}
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        try:
            while chunk := source.recv(_CHUNK):
                target.sendall(chunk)
                with self._lock:
                    if up:
                        self.to_server += len(chunk)
                    else:
                        self.to_client += len(chunk)
        except OSError:
            pass  # the other side went away: that is what a wire does
        for end in (source, target):
            _hang_up(end)
            with self._lock:
                self._ends.discard(end)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextlib.contextmanager
def tapped(endpoint: str) -> Iterator[Wiretap]:
    tap = Wiretap(endpoint)
    try:
        yield tap
    finally:
        tap.close()
