"""What options say of the sources written beside them: a revision, a URL for the ids of a list."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

import msgspec

from core.errors import Code, HaulierError
from core.model import Place
from core.places import check_url
from core.safe_text import safe_text


def described(places: Sequence[Place], chosen: Namespace) -> list[Place]:
    """The places with `--revision` and `--url` in them. Raises HaulierError (usage) when these concern none of
    them, or contradict what is written."""
    revision, url = getattr(chosen, "revision", ""), getattr(chosen, "url", "")
    if revision and not any(place.kind == "hub" for place in places):
        raise HaulierError(Code.USAGE, "--revision is for repositories of a Hub", "Write hf://org/name.")
    if url:
        check_url(url)
        if not any(place.kind == "list" for place in places):
            raise HaulierError(Code.USAGE, "--url is for lists of ids", "Write list:FILE.")
    return [_described(place, revision, url) for place in places]


def _described(place: Place, revision: str, url: str) -> Place:
    if place.kind == "hub" and revision:
        if place.revision not in ("", revision):
            shown = f"{safe_text(place.revision)} in {safe_text(str(place))} and {safe_text(revision)}"
            raise HaulierError(Code.USAGE, f"Two revisions: {shown}", "Name one.")
        return msgspec.structs.replace(place, revision=revision)
    return msgspec.structs.replace(place, url=url) if place.kind == "list" and url else place
