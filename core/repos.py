"""The kept repositories of Hubs: `repos.json` in the config folder."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from core.errors import Code, HaulierError
from core.json_records import JsonRecords, Problem
from core.model import KeptRepo
from core.safe_text import safe_text
from core.stores.hub.names import id_problem, revision_problem

LONGEST_DESCRIPTION = 500  # characters

KeptRepos = tuple[KeptRepo, ...]


class RepoRegistry:
    """The kept repositories, in the order of their names. Thread-safe; several processes may use one file."""

    def __init__(self, path: Path) -> None:
        self._records = JsonRecords(path, "repos", KeptRepo, _key, _check)

    def list(self) -> KeptRepos:
        """Raises HaulierError (usage) when the file is damaged or cannot be read."""
        return self._records.list()

    def keep(self, repo: KeptRepo) -> KeptRepos:
        """Add one, or put it in the place of the one with its id, kind and connection; `added` stays then.

        Raises HaulierError: usage when it cannot be.
        """
        try:
            _check(repo)
        except Problem as problem:
            raise HaulierError(
                Code.USAGE,
                f"The repository {safe_text(repo.id, 100) or '(no name)'} cannot be kept: {problem.words}",
                "Write gpt2, or org/name",
            ) from None

        def change(old: KeptRepos) -> KeptRepos:
            before = next((each.added for each in old if _key(each) == _key(repo)), 0.0)
            kept = msgspec.structs.replace(repo, added=before or repo.added or time.time())
            return (*(each for each in old if _key(each) != _key(repo)), kept)

        self._records.change(change)
        return self.list()

    def drop(self, name: str, kind: str = "", connection: str = "") -> KeptRepos:
        """Take one out. Raises HaulierError: not_found, and usage when several are meant."""
        meant = [
            each
            for each in self.list()
            if each.id == name and kind in ("", each.kind) and connection in ("", each.connection)
        ]
        shown = safe_text(name, 100)
        if not meant:
            raise HaulierError(
                Code.NOT_FOUND, f"No repository {shown} is kept like that", "`haulier repos list` shows all"
            )
        if len(meant) > 1:
            kinds = ", ".join(f"{each.kind} of {safe_text(each.connection, 60)}" for each in meant)
            raise HaulierError(
                Code.USAGE,
                f"{len(meant)} repositories {shown} are kept: {kinds}",
                "Say which kind and connection",
            )
        self._records.change(lambda old: tuple(each for each in old if _key(each) != _key(meant[0])))
        return self.list()


def _key(repo: KeptRepo) -> tuple[str, str, str]:
    return repo.id, repo.kind, repo.connection


def _check(repo: KeptRepo) -> None:
    if problem := id_problem(repo.id):
        raise Problem("id", f"“{safe_text(repo.id, 100)}” is no repository name: {problem}")
    if repo.revision and (problem := revision_problem(repo.revision)):
        raise Problem("revision", f"“{safe_text(repo.revision, 100)}” is no revision: {problem}")
    if not repo.connection:
        raise Problem("connection", "it names no Hub connection")
    if len(repo.description) > LONGEST_DESCRIPTION:
        raise Problem("description", f"the description is longer than {LONGEST_DESCRIPTION} characters")
