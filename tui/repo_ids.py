"""A repository of a Hub as a person types or pastes it, read the same by both faces. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from core.errors import Code, HaulierError
from core.model import RepoKind
from core.places import parse_place
from core.safe_text import safe_text

KINDS: tuple[tuple[RepoKind, str], ...] = (("models", "model"), ("datasets", "dataset"), ("spaces", "space"))
KIND_WORDS: dict[str, str] = dict(KINDS)


class TypedRepo(NamedTuple):
    """`kind` None and `revision` "" where it was not said."""

    id: str
    kind: RepoKind | None
    revision: str


def read_repo(text: str) -> TypedRepo:
    """Of `gpt2`, `datasets/org/name`, `hf://datasets/org/name@rev`, or the address of its page.

    Raises HaulierError (usage) with why it is none."""
    typed = text.strip()
    if not typed:
        raise HaulierError(Code.USAGE, "Type the repository's id.", "Like gpt2 or org/name.")
    if typed.lower().startswith(("http://", "https://")):
        typed = _from_page(typed)
    elif typed.lower().startswith("hf://"):
        typed = typed[len("hf://") :]
    elif "://" in typed:
        raise HaulierError(
            Code.USAGE, f"{safe_text(text, 60)} is no repository of a Hub.", "An id is NAME or ORG/NAME."
        )
    said: RepoKind | None = None
    for kind, _ in KINDS:
        if typed.startswith(f"{kind}/"):
            said, typed = kind, typed.removeprefix(f"{kind}/")
            break
    place = parse_place(f"hf://models/{typed}", cwd=Path("/"), known=())
    if place.path:
        raise HaulierError(
            Code.USAGE, f"{safe_text(text, 60)} is a path within a repository.", "An id is NAME or ORG/NAME."
        )
    return TypedRepo(place.bucket, said, place.revision)


def _from_page(url: str) -> str:
    """`https://hub/datasets/org/name/tree/REV` as `datasets/org/name@REV`."""
    words = [word for word in urlsplit(url).path.split("/") if word]
    count = next((at for at, word in enumerate(words) if word in ("tree", "resolve", "blob")), len(words))
    behind = [unquote(word) for word in words[count + 1 :]]
    parts = 3 if behind[:1] == ["refs"] else 1  # refs/pr/7, refs/convert/parquet: the Hub's own branches
    revision = "/".join(behind[:parts])
    return "/".join(words[:count]) + (f"@{quote(revision, safe='')}" if revision else "")
