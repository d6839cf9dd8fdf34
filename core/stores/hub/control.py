"""What is asked of a Hub besides bytes: which commit a revision is, what it holds, who may read it.

Source: "Hub API endpoints" in the Hub documentation. Rules:

- Nothing is retried here. Redirects (renamed repositories, mirrors) are followed by hand, at most twenty, and
  the token goes along only to a Hub (origins.py).
- The next page of a listing is asked from the configured Hub, whatever host its link names: mirrors pass on
  links to the official one. Only the link's query is taken, and it is all that a checkpoint holds.
- A listing is never taken from `siblings`, which the Hub cuts off.
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import msgspec

from core import __version__
from core.errors import BadCredentials, FatalTrouble, FileTrouble, NetworkTrouble, TransferError
from core.model import NO_PROXY, Entry, FoundRepo, RepoKind
from core.proxies import unusable
from core.stores.base import CancelFlag
from core.stores.hub.digests import git_etag, lfs_etag
from core.stores.hub.errors import Doing, not_from_a_hub, refusal_from, refused
from core.stores.hub.names import RepoName, id_problem, is_commit, path_problem, quote_path, quote_revision
from core.stores.hub.origins import MAX_REDIRECTS, MIRROR, OFFICIAL, REDIRECTS, Origins, host_of, next_hop
from core.stores.hub.quota import API, Quotas
from core.stores.hub.tokens import Token
from core.stores.hub.xet_token import ReadToken, read_token
from core.stores.s3.errors import BrokenListing

PAGE = 1000  # rows; what the Hub gives at most
MAX_ANSWER = 32 << 20
ANSWER_SECONDS = 300.0  # for one whole answer, so that a trickle ends
CONNECT_SECONDS = 10.0
MAX_QUERY = 8192  # of a next page
MAX_SIZE = 1 << 60
_NEXT = re.compile(r'<([^<>]*)>[^,<]*;\s*rel="?next"?', re.IGNORECASE)


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision is right now."""

    commit: str
    private: bool = False
    gated: str = ""  # "auto" or "manual": who asks is let in at once, or by a person
    disabled: bool = False


class TreePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a listing. `files` and `folders` in the Hub's order, folders with a trailing slash."""

    files: list[Entry]
    folders: list[Entry]
    unlistable: list[tuple[str, str]]  # (path as the Hub wrote it, why)
    next: str = ""  # the query of the next page; empty at the end


class Control:
    """Asks one Hub. Called from many threads. `heard`: when it last answered anything, monotonic seconds."""

    def __init__(
        self,
        origins: Origins,
        token: Callable[[], Token | None],
        forget_token: Callable[[], None],
        quotas: Quotas,
        verify: ssl.SSLContext | bool,
        stall: float,
        proxy: str = "",
    ) -> None:
        """`proxy` as Connection.proxy. Raises FatalTrouble when it cannot be used."""
        self.origins = origins
        self.heard = 0.0
        self._token = token
        self._forget_token = forget_token
        self._quotas = quotas
        try:
            self._client = httpx.Client(
                verify=verify,
                timeout=httpx.Timeout(stall, connect=min(CONNECT_SECONDS, stall)),
                follow_redirects=False,
                headers={"user-agent": f"haulier/{__version__}", "accept-encoding": "identity"},
                proxy=proxy if proxy not in ("", NO_PROXY) else None,
                trust_env=not proxy,  # of the environment it takes the proxies only
            )
        except (ImportError, ValueError, httpx.InvalidURL):  # of SOCKS and other schemes; the text has the URL
            raise unusable() from None

    def close(self) -> None:
        self._client.close()

    def pin(self, repo: RepoName, revision: str) -> Pinned:
        """The commit of a branch, a tag or a commit. Raises RepoMissing, RevisionMissing, RepoDisabled."""
        doing = Doing("look at", str(repo), revision)
        told = self._json(doing, "GET", repo.api_path(f"revision/{quote_revision(revision)}"))
        commit = told.get("sha") if isinstance(told, dict) else None
        if not isinstance(commit, str) or not is_commit(commit):
            raise not_from_a_hub(doing, self.origins.host, "the answer names no commit")
        if is_commit(revision) and commit != revision:
            raise FileTrouble(f"{doing}: the Hub answers for another commit, {commit}")
        gated = told.get("gated")
        return Pinned(
            commit=commit,
            private=told.get("private") is True,
            gated=gated if isinstance(gated, str) else "auto" if gated is True else "",
            disabled=told.get("disabled") is True,
        )

    def check_access(self, repo: RepoName) -> None:
        """Whether files of this repository may be read. Raises RepoGated, RepoMissing, BadCredentials."""
        self._ask(Doing("look at", str(repo)), "GET", repo.api_path("auth-check"))

    def who(self) -> str:
        """The account of the token. The Hub counts this call strictly: once a token is enough."""
        doing = Doing(f"ask {self.origins.host} who this token is")
        told = self._json(doing, "GET", "/api/whoami-v2")
        name = told.get("name") if isinstance(told, dict) else None
        if not isinstance(name, str):
            raise not_from_a_hub(doing, self.origins.host, "the answer names nobody")
        return name

    def xet_token(self, repo: RepoName, commit: str) -> ReadToken:
        """For reading files of a commit through Xet. Raises RepoGated, RepoMissing, FileTrouble."""
        doing = Doing("read through Xet", str(repo), commit)
        data, headers = self._ask(doing, "GET", repo.api_path(f"xet-read-token/{quote_revision(commit)}"))
        token = read_token(self._decoded(doing, data), headers.get("date", ""), self.origins)
        if token is None:
            raise not_from_a_hub(doing, self.origins.host, "the answer is no token for Xet")
        return token

    def search(self, words: str, kind: RepoKind, limit: int) -> list[FoundRepo]:
        """What the Hub finds, the most downloaded first; everything where `words` is empty."""
        doing = Doing(f"search {self.origins.host} for {kind}")
        asked = {"search": words, "limit": max(1, min(limit, PAGE)), "sort": "downloads", "direction": -1}
        rows = self._json(doing, "GET", f"/api/{kind}?{urlencode(asked, quote_via=quote)}")
        if not isinstance(rows, list):
            raise not_from_a_hub(doing, self.origins.host, "the answer is not what a Hub answers")
        found = [found for row in rows[:PAGE] if (found := found_repo(row, kind)) is not None]
        return found[:limit]

    def tree(
        self,
        repo: RepoName,
        commit: str,
        folder: str,
        *,
        query: str = "",
        cancelled: CancelFlag | None = None,
    ) -> TreePage:
        """A page of what a folder holds. `query`: `first_page(…)` or the `next` of the page before."""
        doing = Doing("list", str(repo), commit, folder)
        below = f"/{quote_path(folder)}" if folder else ""
        path = repo.api_path(f"tree/{quote_revision(commit)}{below}")
        data, headers = self._ask(doing, "GET", f"{path}?{query}", cancelled=cancelled)
        rows = self._decoded(doing, data)
        if not isinstance(rows, list):
            raise not_from_a_hub(doing, self.origins.host, "the answer is not a listing")
        following = next_query(headers.get("link", ""), doing)
        if following and following == query:
            raise BrokenListing(f"{doing}: the listing goes round in a circle")
        return page_of(rows, following)

    def row(self, repo: RepoName, commit: str, path: str) -> TreePage:
        """One file or folder ("paths-info"); an empty page when there is none."""
        doing = Doing("look at", str(repo), commit, path)
        asked = {"paths": [path], "expand": False}
        rows = self._json(doing, "POST", repo.api_path(f"paths-info/{quote_revision(commit)}"), body=asked)
        if not isinstance(rows, list):
            raise not_from_a_hub(doing, self.origins.host, "the answer is not a listing")
        return page_of([row for row in rows if isinstance(row, dict) and row.get("path") == path], "")

    def knock(self, seconds: float) -> None:
        """Whether the Hub answers anything. Raises NetworkTrouble."""
        doing = Doing(f"reach {self.origins.host}")
        try:
            self._client.head(self.origins.endpoint, timeout=seconds)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise broken(error, doing, self.origins.host) from None
        self.heard = time.monotonic()

    def _json(self, doing: Doing, method: str, path: str, *, body: Any = None) -> Any:
        data, _ = self._ask(doing, method, path, body=body)
        return self._decoded(doing, data)

    def _decoded(self, doing: Doing, data: bytes) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise not_from_a_hub(doing, self.origins.host, "the answer is not what a Hub answers") from None

    def _ask(
        self, doing: Doing, method: str, path: str, *, body: Any = None, cancelled: CancelFlag | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        """The whole answer and its headers (lower-case names)."""
        url = self.origins.url(path)
        for _ in range(MAX_REDIRECTS + 1):
            with self._quotas.charged(API, doing, cancelled) as charge:
                status, headers, data, with_token = self._once(doing, method, url, body)
                charge.told(headers.get("ratelimit", ""), headers.get("ratelimit-policy", ""))
            if status < 300:
                return data, headers
            if status not in REDIRECTS:
                error = refused(
                    refusal_from(status, headers.get), doing, self.origins.endpoint, with_token=with_token
                )
                if isinstance(error, BadCredentials):
                    self._forget_token()
                raise error
            url = next_hop(url, headers.get("location", ""), doing)
        raise FileTrouble(f"{doing}: more than {MAX_REDIRECTS} redirects")

    def _once(
        self, doing: Doing, method: str, url: str, body: Any
    ) -> tuple[int, Mapping[str, str], bytes, bool]:
        token = self._token() if self.origins.is_hub(url) else None
        headers = {"authorization": token.header()} if token else {}
        host, asked = host_of(url), time.monotonic()
        try:
            with self._client.stream(method, url, headers=headers, json=body) as response:
                self.heard = time.monotonic()
                pieces, size = [], 0
                for piece in response.iter_bytes():
                    pieces.append(piece)
                    size += len(piece)
                    if size > MAX_ANSWER:
                        raise FileTrouble(f"{doing}: the answer is longer than {MAX_ANSWER >> 20} MiB")
                    if time.monotonic() - asked > ANSWER_SECONDS:
                        raise NetworkTrouble(
                            f"{doing}: only {size} bytes came in {ANSWER_SECONDS:.0f} s", host=host
                        )
                told = {name.lower(): value for name, value in response.headers.items()}
                return response.status_code, told, b"".join(pieces), token is not None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            trouble = broken(error, doing, host)
            trouble.asked = asked
            raise trouble from None


def found_repo(row: Any, kind: RepoKind) -> FoundRepo | None:
    """One row of a search; None for what is no repository."""
    name = row.get("id") if isinstance(row, dict) else None
    if not isinstance(name, str) or id_problem(name):
        return None
    return FoundRepo(
        id=name,
        kind=kind,
        downloads=_count(row.get("downloads")),
        likes=_count(row.get("likes")),
        modified=_seconds(row.get("lastModified")),
        private=row.get("private") is True,
        gated=row.get("gated") not in (None, False, "false", ""),
    )


def _count(told: Any) -> int:
    return told if type(told) is int and 0 <= told <= MAX_SIZE else -1


def _seconds(told: Any) -> float:
    """Of a time such as 2024-05-01T10:00:00.000Z; 0.0 when it is none."""
    try:
        return datetime.fromisoformat(told).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0


def first_page(*, recursive: bool, limit: int = PAGE) -> str:
    """The query of a listing's first page."""
    deep = "true" if recursive else "false"
    return f"recursive={deep}&expand=false&limit={max(1, min(limit, PAGE))}"


def next_query(link: str, doing: Doing) -> str:
    """The query of the next page out of a Link header (RFC 8288); empty when there is none."""
    found = _NEXT.search(link[: 2 * MAX_QUERY])
    if found is None:
        if "rel=" in link and "next" in link:
            raise BrokenListing(f"{doing}: the link to the next page cannot be read")
        return ""
    _, _, query = found[1].partition("?")
    if not query or len(query) > MAX_QUERY or not query.isascii() or not query.isprintable() or " " in query:
        raise BrokenListing(f"{doing}: the link to the next page cannot be used")
    return query.partition("#")[0]


def page_of(rows: list[Any], following: str) -> TreePage:
    """The rows of a listing; what cannot be offered is named with its reason."""
    files: list[Entry] = []
    folders: list[Entry] = []
    unlistable: list[tuple[str, str]] = []
    for row in rows:
        path = row.get("path") if isinstance(row, dict) else None
        if not isinstance(path, str):
            unlistable.append((ascii(row)[:200], "has no path"))
        elif problem := path_problem(path):
            shown = path if path.isprintable() else ascii(path)
            unlistable.append((shown, problem))
        elif row.get("type") == "directory":
            folders.append(Entry(key=f"{path}/", is_folder=True))
        elif row.get("type") != "file":
            unlistable.append((path, f"is neither file nor folder ({str(row.get('type'))[:40]})"))
        elif (entry := _file(path, row)) is None:
            unlistable.append((path, "the Hub tells no size or no digest of it"))
        else:
            files.append(entry)
    return TreePage(files=files, folders=folders, unlistable=unlistable, next=following)


def _file(path: str, row: dict[str, Any]) -> Entry | None:
    lfs = row.get("lfs")
    told = lfs if isinstance(lfs, dict) else row
    oid, size = told.get("oid"), told.get("size")
    if not isinstance(oid, str) or type(size) is not int or not 0 <= size <= MAX_SIZE:
        return None
    etag = lfs_etag(oid) if told is lfs else git_etag(oid)
    return Entry(key=path, size=size, etag=etag) if etag else None


def broken(error: Exception, doing: Doing, host: str) -> TransferError:
    """The error to raise when the exchange itself failed. `error` is httpx's."""
    said = str(error)[:300] or type(error).__name__
    if "certificate" in said.lower():
        return FatalTrouble(f"{doing}: the certificate of {host} is not trusted ({said})")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return FileTrouble(f"{doing}: {host}: {said}")
    text = f"{doing}: {host}: {said}"
    if host == host_of(OFFICIAL) and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        text += (
            f"; where it is blocked, the mirror {MIRROR} may do (HF_ENDPOINT, or a Hub connection's endpoint)"
        )
    return NetworkTrouble(text, host=host)
