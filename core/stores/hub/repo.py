"""One repository at one commit as a Source (core/stores/base.py)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

import msgspec

from core.errors import Code, FileTrouble, HaulierError, NotFound
from core.model import Entry
from core.stores.base import Body, CancelFlag, Cancelled, Handed, ObjectInfo
from core.stores.hub.control import PAGE, Control, Pinned, first_page
from core.stores.hub.errors import Doing, RepoMissing, RevisionMissing, SourceWithdrawn
from core.stores.hub.names import MAIN, RepoName, is_commit, path_problem, revision_problem
from core.stores.hub.reading import Reading, Wanted
from core.stores.s3.errors import BrokenListing

MAX_EMPTY_PAGES = 1000  # in a row


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a listing is; a new `HubRepo` of the same commit goes on from it. Holds no secret."""

    folder: str
    last: str  # the last key before the next page
    query: str  # of the next page


class HubRepo:
    """Made by `HubService.repo`. Called from many threads. The revision is pinned to a commit at the first use,
    and everything is listed and read at that commit."""

    listing_incomplete = False  # a page that cannot be read raises
    in_order = False

    def __init__(
        self,
        control: Control,
        reading: Reading,
        name: RepoName,
        revision: str = MAIN,
        *,
        commit: str = "",
        checkpoint: Checkpoint | None = None,
        xet: bool = False,
    ) -> None:
        """`xet`: files come through Xet where they are there. Raises HaulierError (usage) for a revision that
        cannot be, or when Xet cannot be used."""
        if xet:
            reading.xet.need()
        self._xet = xet
        if problem := revision_problem(revision):
            raise HaulierError(
                Code.USAGE, f'"{revision}" is no revision: {problem}', "Name a branch, tag or commit"
            )
        if commit and not is_commit(commit):
            raise HaulierError(Code.USAGE, f'"{commit}" is no commit', "A commit has 40 hexadecimal digits")
        self.name = name
        self.revision = revision
        self._control = control
        self._reading = reading
        self._commit = commit
        self._checkpoint = checkpoint
        self._unlistable: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._pinning = threading.Lock()

    # ------------------------------------------------------------ the server behind it (base.Remote)

    @property
    def host(self) -> str:
        return self._control.origins.host

    @property
    def heard(self) -> float:
        return max(self._control.heard, self._reading.heard.get(self.host, 0.0))

    def knock(self, seconds: float) -> None:
        self._control.knock(seconds)

    # ------------------------------------------------------------ the commit

    @property
    def commit(self) -> str:
        """The commit that everything is read at; asked for when it is not known yet."""
        with self._pinning:
            if not self._commit:
                self._commit = self._control.pin(self.name, self.revision).commit
            return self._commit

    def resolve(self) -> Pinned:
        """What the revision is now, whatever was pinned before; pins it when nothing was."""
        pinned = self._control.pin(self.name, self.revision)
        with self._pinning:
            self._commit = self._commit or pinned.commit
        return pinned

    def check_access(self) -> None:
        """Raises RepoGated, RepoMissing, BadCredentials before a job begins."""
        self._control.check_access(self.name)

    # ------------------------------------------------------------ listing

    def pages(self, prefix: str, *, start_after: str = "", cancelled: CancelFlag) -> Iterator[list[Entry]]:
        """See Source. In the Hub's own order, which is that of git trees and nowhere promised.

        `start_after` is a key that a listing of this commit gave: the listing goes on at its checkpoint where
        it was the last one of a page, else from the beginning and silently up to that key. Raises NotFound when
        there is no such folder, BrokenListing when pages contradict each other.
        """
        folder = prefix.rpartition("/")[0]
        if folder and path_problem(folder):
            raise NotFound(f"{self._doing('list', prefix)}: there can be no such folder")
        query, skip_to = first_page(recursive=True), start_after
        held = self.checkpoint
        if start_after and held is not None and (held.folder, held.last) == (folder, start_after):
            try:
                yield from self._pages(prefix, folder, held.query, "", start_after, cancelled)
                return
            except _CursorRefused:
                pass  # cursors do not live for ever
        yield from self._pages(prefix, folder, query, skip_to, start_after, cancelled)

    def _pages(
        self, prefix: str, folder: str, query: str, skip_to: str, last: str, cancelled: CancelFlag
    ) -> Iterator[list[Entry]]:
        """From the page of `query` on, without what comes up to `skip_to`."""
        commit = self.commit
        seen = {query}
        empty, resumed = 0, bool(last) and not skip_to
        while query:
            if cancelled.is_set():
                raise Cancelled
            try:
                page = self._control.tree(self.name, commit, folder, query=query, cancelled=cancelled)
            except (RepoMissing, RevisionMissing) as error:
                raise SourceWithdrawn(f"{error.message}, although it was there before") from None
            except FileTrouble as error:
                if resumed and type(error) is FileTrouble:
                    raise _CursorRefused from None
                raise
            resumed = False
            files = page.files
            if skip_to:
                keys = [entry.key for entry in files]
                files = files[keys.index(skip_to) + 1 :] if skip_to in keys else []
                skip_to = "" if skip_to in keys else skip_to
            else:
                self._note(page.unlistable)
            files = [entry for entry in files if entry.key.startswith(prefix)]
            last = files[-1].key if files else last
            query = page.next
            if query in seen:
                raise BrokenListing(f"{self._doing('list', prefix)}: the listing goes round in a circle")
            seen.add(query)
            empty = 0 if page.files or page.folders else empty + 1
            if empty > MAX_EMPTY_PAGES:
                raise BrokenListing(f"{self._doing('list', prefix)}: {empty} empty pages in a row")
            if query and last and not skip_to:
                with self._lock:
                    self._checkpoint = Checkpoint(folder=folder, last=last, query=query)
            if files:
                yield files
        if skip_to:
            raise BrokenListing(
                f"{self._doing('list', prefix)}: {skip_to} was listed before and is not any more"
            )

    @property
    def checkpoint(self) -> Checkpoint | None:
        """How far the last listing came, for a `HubRepo` after a restart."""
        with self._lock:
            return self._checkpoint

    def going_on(self) -> str:
        """See GoesOn."""
        held = self.checkpoint
        return msgspec.json.encode(held).decode() if held is not None else ""

    def go_on(self, state: str) -> None:
        with self._lock:
            self._checkpoint = msgspec.json.decode(state, type=Checkpoint)

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        """See Source. `cursor` is one that this method gave."""
        folder = prefix.rstrip("/") if prefix.endswith("/") else prefix.rpartition("/")[0]
        if folder and path_problem(folder):
            raise NotFound(f"{self._doing('list', prefix)}: there can be no such folder")
        query = cursor or first_page(recursive=False, limit=min(limit, PAGE))
        page = self._control.tree(self.name, self.commit, folder, query=query)
        self._note(page.unlistable)
        return [entry for entry in page.folders + page.files if entry.key.startswith(prefix)], page.next

    def take_unlistable(self) -> list[tuple[str, str]]:
        """Paths that a listing named and that are not offered: (path, why). Emptied."""
        with self._lock:
            taken, self._unlistable = self._unlistable, []
            return taken

    def _note(self, unlistable: list[tuple[str, str]]) -> None:
        with self._lock:
            self._unlistable += unlistable

    # ------------------------------------------------------------ reading

    def known(self, entry: Entry) -> ObjectInfo:
        """See NeverChanges."""
        return ObjectInfo(entry=entry, version_id=self._commit)

    def stat(self, key: str) -> ObjectInfo:
        """See Source. A folder is not found."""
        doing = self._doing("look at", key)
        if path_problem(key):
            raise NotFound(f"{doing}: there can be no such file")
        page = self._control.row(self.name, self.commit, key)
        if page.unlistable:
            raise FileTrouble(f"{doing}: {page.unlistable[0][1]}")
        if not page.files:
            raise NotFound(f"{doing}: the repository has no such file at this revision")
        return ObjectInfo(entry=page.files[0], version_id=self.commit)

    def read(
        self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[Body]:
        """See Source. The request is sent when the context is entered."""
        if problem := path_problem(entry.key):
            raise FileTrouble(f"{self._doing('get', entry.key)}: {problem}")
        whole = offset == 0 and length == entry.size
        if offset < 0 or (length <= 0 and not whole) or offset + length > entry.size:
            raise ValueError("a range must hold at least one byte and end inside the file")
        wanted = Wanted(self.name, self.commit, entry, offset, length, xet=self._xet and length > 0)
        return self._reading.body(wanted, cancelled)

    # ------------------------------------------------------------ for programs without a token (HandsOver)

    def hand_over(self, entry: Entry, *, cancelled: CancelFlag) -> Handed:
        """See HandsOver. The Hub's own answers are never handed over: they are charged to a quota that is kept
        here, and may need the token."""
        info = self.known(entry)
        if self._reading.own_way:
            return Handed("", info, "through a connection with a proxy or certificates of its own")
        if entry.etag.startswith("git-sha1:"):  # in git, not at the storage: spares the question
            return Handed("", info, "served by the Hub itself")
        url = self._reading.storage_url(self._first_byte(entry), cancelled)
        return Handed(url, info, "" if url else "served by the Hub itself")

    def handed_refused(self, entry: Entry, url: str) -> None:
        self._reading.forget_url(self._first_byte(entry).key, url)

    def _first_byte(self, entry: Entry) -> Wanted:
        if problem := path_problem(entry.key):
            raise FileTrouble(f"{self._doing('get', entry.key)}: {problem}")
        return Wanted(self.name, self.commit, entry, 0, min(1, entry.size))

    def _doing(self, verb: str, path: str) -> Doing:
        return Doing(verb, str(self.name), self._commit or self.revision, path)


class _CursorRefused(Exception):
    """The Hub does not take a checkpoint's query any more."""
