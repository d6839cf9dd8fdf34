"""Repositories of Hubs: the kept ones, searching, and a look at one. Blocking; called in threads."""

from __future__ import annotations

from core.engine.looking import as_refusal
from core.engine.storebook import StoreBook
from core.errors import Code, HaulierError, NoPermission, TransferError
from core.messages import DropRepo, FoundRepos, KeepRepo, ListRepos, LookAtRepo, RepoList, SearchRepos
from core.model import ADHOC_HUB, RepoInfo
from core.repos import RepoRegistry
from core.safe_text import safe_text
from core.stores.hub.errors import RepoDisabled, RepoGated, RepoMissing
from core.stores.hub.names import MAIN, RepoName

MOST_FOUND = 500


class Repositories:
    """One method a command. Errors of Hubs become HaulierError: not_found, blocked (mendable), or usage."""

    def __init__(self, registry: RepoRegistry, stores: StoreBook) -> None:
        self._registry, self._stores = registry, stores

    def list(self, _command: ListRepos) -> RepoList:
        return RepoList(repos=self._registry.list())

    def keep(self, command: KeepRepo) -> RepoList:
        repo = command.repo
        if repo.connection != ADHOC_HUB and self._stores.connection(repo.connection, None).kind != "hub":
            raise HaulierError(
                Code.USAGE,
                f"{safe_text(repo.connection, 60)} is an S3 service, and repositories are at Hubs",
                "Name a Hub connection",
            )
        return RepoList(repos=self._registry.keep(repo))

    def drop(self, command: DropRepo) -> RepoList:
        return RepoList(repos=self._registry.drop(command.id, command.kind, command.connection))

    def search(self, command: SearchRepos) -> FoundRepos:
        hub = self._stores.hub(command.connection, command.adhoc)
        try:
            found = hub.control.search(command.words, command.kind, max(1, min(command.limit, MOST_FOUND)))
        except TransferError as error:
            raise as_refusal(error) from error
        return FoundRepos(repos=tuple(found))

    def look(self, command: LookAtRepo) -> RepoInfo:
        """Raises HaulierError: not_found where the Hub knows no such repository or revision, blocked where it
        closed it, refuses the token, or cannot be asked."""
        place = command.place
        if place.kind != "hub":
            raise HaulierError(Code.USAGE, f"{place} is no repository of a Hub", "Write hf://datasets/org/name")
        name = RepoName.parse(place.bucket)
        control = self._stores.hub(place.connection, command.adhoc).control
        try:
            pinned = control.pin(name, place.revision or MAIN)
            access = "the Hub has disabled this repository" if pinned.disabled else ""
            if not access:
                try:
                    control.check_access(name)
                except (RepoGated, RepoDisabled, RepoMissing, NoPermission) as error:
                    access = safe_text(error.message)
        except TransferError as error:
            raise as_refusal(error) from error
        return RepoInfo(commit=pinned.commit, private=pinned.private, gated=pinned.gated, access=access)
