"""A repository of a Hub in a few words. Pure."""

from __future__ import annotations

from core.errors import Code, HaulierError
from core.messages import RepoList
from core.model import KeptRepo, RepoInfo, RepoKind
from tui.repo_ids import read_repo
from tui.widgets.spans import Span

Looked = RepoInfo | HaulierError


def name_of(repo: KeptRepo) -> str:
    """What tells it from others of one Hub: "gpt2", "datasets/org/name"."""
    return repo.place.bucket


def of_hub(known: RepoList, connection: str) -> tuple[KeptRepo, ...]:
    """The kept repositories that are reached through this connection."""
    return tuple(repo for repo in known.repos if repo.connection == connection)


def access_word(looked: Looked | None) -> Span:
    """Open, gated, private or missing; green where its files may be read."""
    if looked is None:
        return ("·", "quiet")
    if isinstance(looked, HaulierError):
        return ("missing", "bad") if looked.code is Code.NOT_FOUND else ("no answer", "warn")
    word = "gated" if looked.gated else "private" if looked.private else "open"
    if not looked.access:
        return (word, "good")
    return (word if word != "open" else "no access", "bad")


def access_words(looked: Looked | None) -> tuple[str, str]:
    """The same in a sentence, with what to do. Not yet safe to show; the second is the look."""
    if looked is None:
        return "not looked at yet", "quiet"
    if isinstance(looked, HaulierError):
        look = "bad" if looked.code is Code.NOT_FOUND else "warn"
        return f"{looked.message} {looked.hint}".strip(), look
    if looked.access:
        return looked.access, "bad"
    kind = "gated, and open to your token" if looked.gated else "private" if looked.private else "open"
    return f"{kind} · commit {looked.commit[:10]}", "quiet"


def read_id(text: str, kind: RepoKind, connection: str) -> KeptRepo:
    """What a person typed or pasted as a repository; of this `kind` where it says none.

    Raises HaulierError (usage) with why it is none."""
    typed = read_repo(text)
    return KeptRepo(id=typed.id, kind=typed.kind or kind, connection=connection, revision=typed.revision)


def same_place(one: KeptRepo, other: KeptRepo) -> bool:
    return (one.id, one.kind, one.connection) == (other.id, other.kind, other.connection)
