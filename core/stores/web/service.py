"""All web servers together: one client, whose connections the jobs share."""

from __future__ import annotations

import threading

from core.errors import Code, HaulierError
from core.model import Place
from core.stores.s3.wire import STALL
from core.stores.web.reading import Reading
from core.stores.web.source import Hosts, WebSource
from core.stores.web.wire import Wire


class WebService:
    """Called from many threads."""

    def __init__(
        self, *, stall: float = STALL, proxy: str = "", ca_file: str = "", verify_tls: bool = True
    ) -> None:
        """`stall` in seconds; `proxy` as Connection.proxy. Raises FatalTrouble for a proxy or a CA file that
        cannot be used."""
        self._wire = Wire(stall, proxy, ca_file, verify_tls)
        self._reading = Reading(self._wire)
        self._hosts: dict[tuple[str, str], Hosts] = {}
        self._lock = threading.Lock()

    def source(self, place: Place, *, sized: bool = False) -> WebSource:
        """A file (kind `web`) or a list (kind `list`) to read from; nothing is opened or asked yet. `sized`:
        the servers are asked for the size of every file that is listed. Raises HaulierError (usage) for others.
        """
        if place.kind not in ("web", "list"):
            raise HaulierError(
                Code.USAGE, f"{place} is neither a URL nor a list", "Write https:// or list:FILE"
            )
        with self._lock:
            hosts = self._hosts.setdefault((place.path, place.url), Hosts())
        return WebSource(self._wire, self._reading, place, hosts, sized=sized)

    def served(self) -> dict[str, int]:
        """Bytes of content by the host that sent them."""
        return self._wire.served.by_host()

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._wire.close()
