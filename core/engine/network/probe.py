"""How long reaching a server takes, measured beside the transfer: name lookup, connection, TLS.

The HTTP client does these inside of itself and tells nothing of them. So a job makes one connection of its own
to each server when it begins and once a minute, sends nothing over it, and shows what that took as what it is:
a probe, not the workers' own time. Through a proxy nothing is measured: it is the proxy that looks names up.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

from core.model import Probe
from core.safe_text import safe_text

log = logging.getLogger(__name__)

EVERY = 60.0  # seconds
PATIENCE = 10.0


class Server(NamedTuple):
    """What is probed: an origin, "https://host:port", and how its certificate is looked at."""

    origin: str
    verify_tls: bool = True
    ca_file: str = ""


class Prober:
    """A thread that keeps `probes` up to date until `close`. `servers` is asked each time and may raise."""

    def __init__(self, name: str, servers: Callable[[], Iterable[Server]]) -> None:
        self.probes: tuple[Probe, ...] = ()
        self._servers = servers
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Make no further probe; one that is under way is not waited for."""
        self._closing.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self.probes = tuple(probe(server) for server in self._servers())
            except Exception as error:  # noqa: BLE001 - it must never be the job's trouble
                log.debug("probe: %s", error)
            if self._closing.wait(EVERY):
                return


def probe(server: Server) -> Probe:
    """One connection, made and closed. Blocks for at most about three times PATIENCE, never raises."""
    parts = urlsplit(server.origin)
    host, tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    where = safe_text(f"{host}:{port}", 80)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if proxy and not urllib.request.proxy_bypass(f"{host}:{port}"):
        return Probe(host=where, error="not measured: a proxy is in between")
    lookup = connect = handshake = -1.0
    try:
        began = time.monotonic()
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        lookup = time.monotonic() - began
        with closing(socket.socket(family, kind, protocol)) as line:
            line.settimeout(PATIENCE)
            began = time.monotonic()
            line.connect(address)
            connect = time.monotonic() - began
            if tls:
                began = time.monotonic()
                with closing(_trust(server).wrap_socket(line, server_hostname=host)):
                    handshake = time.monotonic() - began
    except OSError as error:
        why = safe_text(error.strerror or str(error), 100)
        return Probe(host=where, lookup=lookup, connect=connect, tls=handshake, error=why)
    return Probe(host=where, lookup=lookup, connect=connect, tls=handshake)


def _trust(server: Server) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not server.verify_tls:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif server.ca_file:
        context.load_verify_locations(server.ca_file)
    return context
