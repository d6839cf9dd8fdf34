"""One Hub, with one token: what its repositories share."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable

import httpx

from core.model import Connection
from core.stores.hub.control import Control
from core.stores.hub.names import MAIN, RepoName
from core.stores.hub.origins import OFFICIAL, Origins
from core.stores.hub.quota import ANONYMOUS, FREE, RESOLVERS, Quotas, Window
from core.stores.hub.reading import Reading
from core.stores.hub.repo import Checkpoint, HubRepo
from core.stores.hub.tokens import Token
from core.stores.hub.xet import Xet
from core.stores.s3.certificates import certificates
from core.stores.s3.wire import STALL


def no_token() -> Token | None:
    return None


class HubService:
    """Called from many threads. Make one for each Hub and account: quotas are counted here."""

    def __init__(
        self,
        endpoint: str = "",
        token: Callable[[], Token | None] = no_token,
        *,
        ca_file: str = "",
        verify_tls: bool = True,
        stall: float = STALL,
        proxy: str = "",
    ) -> None:
        """`endpoint` empty: the official Hub. `token` is asked once, and again after `forget_token`. `stall` in
        seconds, `proxy` as Connection.proxy. Raises HaulierError for a bad address, FatalTrouble for a bad CA
        file or a proxy that cannot be used."""
        self.origins = Origins(endpoint)
        self.quotas = Quotas()
        self._find_token = token
        self._token: Token | None = None
        self._token_known = False
        self._lock = threading.Lock()
        connection = Connection(name="hub", ca_file=ca_file, verify_tls=verify_tls, proxy=proxy)
        self.control = Control(
            self.origins, self.token, self.forget_token, self.quotas, _trust(ca_file, verify_tls), stall, proxy
        )
        xet = Xet(self.control.xet_token, connection, stall)
        self.reading = Reading(self.origins, self.token, self.forget_token, self.quotas, connection, stall, xet)

    def repo(
        self,
        name: RepoName | str,
        revision: str = MAIN,
        *,
        commit: str = "",
        checkpoint: Checkpoint | None = None,
        xet: bool = False,
    ) -> HubRepo:
        """A repository to read from. `commit`: what `revision` was pinned to before. `xet`: its files come
        through Xet where they are there. Raises HaulierError."""
        parsed = name if isinstance(name, RepoName) else RepoName.parse(name)
        return HubRepo(
            self.control, self.reading, parsed, revision, commit=commit, checkpoint=checkpoint, xet=xet
        )

    def token(self) -> Token | None:
        """Raises BadCredentials."""
        with self._lock:
            if not self._token_known:
                self._token = self._find_token()
                self._token_known = True
            return self._token

    def forget_token(self) -> None:
        """The token was refused: look for a mended one at the next request."""
        with self._lock:
            self._token_known = False

    def resolvers(self) -> Window | None:
        """How many files may be asked for in what time; None when nobody knows. Raises BadCredentials."""
        told = self.quotas.window(RESOLVERS)
        if told is not None or self.origins.endpoint != OFFICIAL:
            return told
        return FREE if self.token() is not None else ANONYMOUS

    def served(self) -> dict[str, int]:
        """Bytes of content by the host that sent them."""
        return self.reading.served.by_host()

    def close(self) -> None:
        self.control.close()
        self.reading.close()


def _trust(ca_file: str, verify_tls: bool) -> ssl.SSLContext | bool:
    if not verify_tls:
        return False
    context = httpx.create_ssl_context()
    for certificate in certificates(ca_file):
        context.load_verify_locations(cadata=certificate.decode("ascii", "replace"))
    return context
