"""A repository of a Hub in a few words, and a typed one read. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import cast
from urllib.parse import quote, unquote, urlsplit

from core.errors import Code, HaulierError
from core.messages import RepoList
from core.model import KeptRepo, Place, RepoInfo, RepoKind
from core.places import parse_place
from core.safe_text import safe_text
from tui.widgets.spans import Span

KINDS: tuple[tuple[RepoKind, str], ...] = (("models", "model"), ("datasets", "dataset"), ("spaces", "space"))
KIND_WORDS: dict[str, str] = dict(KINDS)
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
    """What a person typed or pasted as a repository: an id, `hf://…`, or the address of its page.

    Raises HaulierError (usage) with why it is none."""
    typed = text.strip()
    if not typed:
        raise HaulierError(Code.USAGE, "Type the repository's id.", "Like gpt2 or org/name.")
    if typed.lower().startswith(("http://", "https://")):
        typed = _from_page(typed)
    elif "://" in typed:
        typed = typed.partition("://")[2]
    if not typed.startswith(("models/", "datasets/", "spaces/")):
        typed = f"{kind}/{typed}"
    place = parse_place(f"hf://{typed}", cwd=Path("/"), known=())
    if place.path:
        raise HaulierError(
            Code.USAGE, f"{safe_text(text, 60)} is a path within a repository.", "An id is NAME or ORG/NAME."
        )
    return _kept(place, connection)


def _kept(place: Place, connection: str) -> KeptRepo:
    head, _, rest = place.bucket.partition("/")
    if head in ("datasets", "spaces"):
        return KeptRepo(id=rest, kind=cast("RepoKind", head), connection=connection, revision=place.revision)
    return KeptRepo(id=place.bucket, kind="models", connection=connection, revision=place.revision)


def _from_page(url: str) -> str:
    """`https://hub/datasets/org/name/tree/REV` as `datasets/org/name@REV`."""
    words = [word for word in urlsplit(url).path.split("/") if word]
    count = next((at for at, word in enumerate(words) if word in ("tree", "resolve", "blob")), len(words))
    behind = [unquote(word) for word in words[count + 1 :]]
    parts = 3 if behind[:1] == ["refs"] else 1  # refs/pr/7, refs/convert/parquet: the Hub's own branches
    revision = "/".join(behind[:parts])
    return "/".join(words[:count]) + (f"@{quote(revision, safe='')}" if revision else "")


def same_place(one: KeptRepo, other: KeptRepo) -> bool:
    return (one.id, one.kind, one.connection) == (other.id, other.kind, other.connection)
