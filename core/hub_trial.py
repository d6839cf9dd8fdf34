"""Trying a Hub connection: what works, what does not, and what that means.

1. reach: the name, the port, TLS, an HTTP answer, and the two clocks (connection_reach.py).
2. token: it is found where the connection says, and the Hub knows whose it is. No token is fine, and said. The
   Hub counts this question strictly, so it is asked once.
3. list: a search, which shows that this is a Hub; of a repository that was named, its commit and first files.
4. read: whether its files may be read, and one byte of one of them.

Nothing is ever written. Everything runs in a daemon thread with a limit for the whole, because name lookups and
servers that drip have no limit of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn

from core.connection_reach import reach
from core.errors import BadCredentials, HaulierError, NetworkTrouble, NoPermission, NotFound, TransferError
from core.log import clean
from core.messages import TestReport
from core.model import AnonymousCredentials, Connection, Entry, SecretKeys, TokenFileCredentials
from core.safe_text import safe_text
from core.stores.hub.control import TreePage, first_page
from core.stores.hub.errors import NotFromAHub, RepoDisabled, RepoGated, RepoMissing, RevisionMissing
from core.stores.hub.names import MAIN, RepoName
from core.stores.hub.opening import hub_service
from core.stores.hub.origins import MIRROR, OFFICIAL
from core.stores.hub.reading import Wanted
from core.stores.hub.service import HubService
from core.trial_findings import Findings

LIMIT = 20.0  # seconds for the whole test
_STALL = 8.0  # seconds of silence after which one request is given up
_CLOCK_REFUSED = 15 * 60.0  # signed URLs of a Hub's storage live an hour; from here on they may seem expired
_OF_NO_HUB = "The endpoint may be that of another service, or this network wants a login first."


def try_hub(
    connection: Connection,
    keys_for: Callable[[str], SecretKeys],
    repo: str = "",
    limit: float = LIMIT,
) -> TestReport:
    """Try `connection` (a checked one of a Hub) within `limit` seconds, with `repo` ("org/name",
    "datasets/org/name") when one is named.

    `keys_for` gives the token of a reference or raises BadCredentials. Never raises for what the other side
    does; the report's texts are safe to show.
    """
    trial = _Trial(connection, keys_for, repo)
    thread = threading.Thread(target=trial.run, name="hub-trial", daemon=True)
    thread.start()
    thread.join(limit)
    checks, advice = trial.findings.close(
        finished=not thread.is_alive(), limit=limit, too_slow="The Hub or a name lookup is too slow."
    )
    return TestReport(
        checks=checks, ok=all(check.ok is not False for check in checks), advice=advice, skew=trial.skew
    )


class _Stop(Exception):
    """Why is said already; nothing after this step makes sense."""


class _Trial:
    """One test under way, in a thread of its own."""

    def __init__(self, connection: Connection, keys_for: Callable[[str], SecretKeys], repo: str) -> None:
        self._connection = connection
        self._keys_for = keys_for
        self._repo = repo
        self.findings = Findings(["reach", "token", "list", "read"])
        self.skew: float | None = None  # seconds that the Hub's clock is ahead of this machine's
        self._say = self.findings.say

    def run(self) -> None:
        try:
            self._reach()
            service = self._opened()
            try:
                self._token(service)
                self._list(service)
            finally:
                service.close()
        except _Stop:
            return

    # ------------------------------------------------------------ the steps

    def _reach(self) -> None:
        endpoint = self._connection.endpoint or OFFICIAL
        contact = reach(endpoint, self._connection)
        unchecked = endpoint.startswith("https") and not self._connection.verify_tls
        warning = "; TLS checks are off, anybody could be answering" if unchecked else ""
        self._say("reach", contact.ok, contact.detail + warning, contact.advice)
        if contact.ok is False:
            if not contact.proxied:
                self._suggest_mirror()
            raise _Stop
        self.skew = contact.skew
        self.findings.say_clock(
            contact.skew or 0.0, _CLOCK_REFUSED, "Set the clock of this machine (NTP): links to files expire."
        )

    def _opened(self) -> HubService:
        try:
            return hub_service(self._connection, self._keys_for, _STALL)
        except HaulierError as error:
            self._stop("reach", error.message, error.hint)
        except TransferError as error:
            self._stop("reach", error.message, "")

    def _token(self, service: HubService) -> None:
        try:
            token = service.token()
        except BadCredentials as error:
            self._stop("token", "the token is not at hand", f"{error.message.rstrip('.')}.")
        if token is None:
            self._say("token", None, self._why_none())
            return
        try:
            name = service.control.who()
        except BadCredentials:
            self._stop("token", "the Hub refuses the token", _renew(self._connection))
        except (NoPermission, NotFound) as error:  # some mirrors answer no question about accounts
            self._say("token", None, f"this Hub does not say whose token it is ({_said(error)})")
        except TransferError as error:
            self._unanswered(error)
        else:
            self._say("token", True, f"the Hub knows it: {safe_text(name, 80)}")

    def _why_none(self) -> str:
        without = "public repositories can be read"
        if isinstance(self._connection.credentials, TokenFileCredentials):
            return f"no token in {safe_text(self._connection.credentials.path, 200)}: {without}"
        return f"none is sent: {without}"

    def _list(self, service: HubService) -> None:
        if not self._repo:
            try:
                service.control.search("", "models", 1)
            except (NoPermission, NotFound):
                self._no_hub()
            except BadCredentials:
                self._stop("list", "the Hub wants a token", "Give the connection one.")
            except TransferError as error:
                self._unanswered(error)
            else:
                self._say("list", True, "the Hub answers a search")
            self._say("read", None, "no repository was named")
            return
        try:
            name = RepoName.parse(self._repo)
        except HaulierError as error:
            self._stop("list", error.message, f"{error.hint}.")
        page, commit = self._listed(service, name)
        try:
            service.control.check_access(name)
            self._read(service, name, commit, page)
        except RepoGated as error:
            self._say("read", False, f"{name} is gated", f"{_said(error)}.")
        except TransferError as error:
            self._say("read", False, _said(error))

    def _listed(self, service: HubService, name: RepoName) -> tuple[TreePage, str]:
        try:
            commit = service.control.pin(name, MAIN).commit
            page = service.control.tree(name, commit, "", query=first_page(recursive=True, limit=100))
        except (RepoGated, RepoDisabled, RepoMissing, RevisionMissing, NoPermission, BadCredentials) as error:
            self._stop("list", _said(error), "Check the name, and that the token's account may see it.")
        except TransferError as error:
            self._unanswered(error)
        self._say("list", True, f"{name} at commit {commit[:8]}")
        return page, commit

    def _read(self, service: HubService, name: RepoName, commit: str, page: TreePage) -> None:
        file: Entry | None = next((entry for entry in page.files if entry.size > 0), None)
        if file is None:
            self._say("read", None, f"no file to read in {name}")
            return
        wanted = Wanted(name, commit, file, 0, 1)
        with service.reading.body(wanted, threading.Event()) as body:
            for _ in body:
                pass
        self._say("read", True, f"one byte of {safe_text(file.key, 80)}")

    # ------------------------------------------------------------ saying

    def _unanswered(self, error: TransferError) -> NoReturn:
        """The trouble of a request that says nothing about token or repository."""
        if isinstance(error, NotFromAHub | NotFound):
            self._no_hub()
        if isinstance(error, NetworkTrouble):
            self._suggest_mirror()
        self._stop("reach", _said(error), "")

    def _no_hub(self) -> NoReturn:
        self._stop(
            "reach", "a server answers, but not as a Hub does (a web page, or another service)", _OF_NO_HUB
        )

    def _suggest_mirror(self) -> None:
        if self._connection.endpoint in ("", OFFICIAL):
            self.findings.advise(f"Where the official Hub is blocked, a mirror may do: endpoint {MIRROR}.")

    def _stop(self, step: str, detail: str, advice: str) -> NoReturn:
        self._say(step, False, safe_text(clean(detail), 300), safe_text(clean(advice), 400))
        raise _Stop


def _said(error: TransferError) -> str:
    return safe_text(clean(error.message), 300)


def _renew(connection: Connection) -> str:
    match connection.credentials:
        case TokenFileCredentials(path=path):
            return f"It is wrong, expired or withdrawn: `hf auth login` writes a new one to {path}."
        case AnonymousCredentials():
            return ""
    return "It is wrong, expired or withdrawn. Make a new one in the Hub's settings, and type it again."
