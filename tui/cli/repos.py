"""repos list, add, remove, search: the kept repositories of Hubs."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from core.errors import Code, HaulierError
from core.messages import DropRepo, KeepRepo, ListConnections, ListRepos, LookAtRepo, SearchRepos
from core.model import ADHOC_HUB, Adhoc, FoundRepo, KeptRepo, Place, RepoInfo, RepoKind
from core.safe_text import safe_text
from core.units import format_count, format_when
from tui.cli.each import for_each
from tui.cli.output import Output, iso
from tui.cli.session import Session, open_session
from tui.repo_ids import KIND_WORDS, TypedRepo, read_repo


def list_all(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_list(chosen, output))


async def _list(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        repos = (await session.call(ListRepos())).repos
    if output.json:
        for each in repos:
            output.record("repo", **_fields(each))
        return 0
    if not repos:
        output.say("No repository is kept yet. Keep one: haulier repos add ID")
        return 0
    rows = [
        (
            safe_text(each.id),
            KIND_WORDS[each.kind],
            safe_text(each.revision) or "–",
            safe_text(str(each.place)),
            format_when(each.added, 0),
            safe_text(each.description),
        )
        for each in repos
    ]
    output.table(("ID", "KIND", "REVISION", "PLACE", "ADDED", "DESCRIPTION"), rows)
    return 0


def add(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_add(chosen, output))


async def _add(chosen: Namespace, output: Output) -> int:
    name, kind, revision = _meant(chosen.id, chosen.kind)
    repo = KeptRepo(
        id=name,
        kind=kind or "models",
        connection=chosen.connection or ADHOC_HUB,
        revision=chosen.revision or revision,
        description=chosen.description or "",
    )
    async with open_session(chosen) as session:
        await _check_connection(session, chosen.connection)
        told = None
        if not chosen.unchecked:
            told = await session.call(LookAtRepo(place=repo.place, adhoc=_adhoc(session, repo.connection)))
        kept = (await session.call(KeepRepo(repo=repo))).repos
    repo = next(
        each for each in kept if (each.id, each.kind, each.connection) == (name, repo.kind, repo.connection)
    )
    if output.json:
        found = (
            {"commit": told.commit, "private": told.private, "gated": told.gated, "access": told.access}
            if told
            else {}
        )
        output.record("repo", **_fields(repo), **found)
        return 0
    output.say(f"Kept: {KIND_WORDS[repo.kind]} {safe_text(repo.id)}{_words(told)}")
    if told and told.access:
        output.say(f"  Its files cannot be read: {safe_text(told.access)}")
    output.say(f"  haulier ls {safe_text(str(repo.place))}")
    return 0


def remove(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_remove(chosen, output))


async def _remove(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:

        async def drop(written: str) -> None:
            name, kind, _ = _meant(written, chosen.kind)
            await session.call(DropRepo(id=name, kind=kind or "", connection=chosen.connection or ""))
            if output.json:
                output.record("removed", id=name)
            else:
                output.say(f"Kept no longer: {safe_text(name)}. What was fetched of it stays.")

        return await for_each(output, chosen.ids, drop)


def search(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_search(chosen, output))


async def _search(chosen: Namespace, output: Output) -> int:
    connection = chosen.connection or ADHOC_HUB
    words = " ".join(chosen.words)
    async with open_session(chosen) as session:
        await _check_connection(session, chosen.connection)
        adhoc = _adhoc(session, connection)
        command = SearchRepos(
            words=words, kind=chosen.kind or "datasets", connection=connection, limit=chosen.limit, adhoc=adhoc
        )
        found = (await session.call(command)).repos
    if output.json:
        for each in found:
            output.record(
                "found", id=each.id, kind=each.kind, downloads=each.downloads, likes=each.likes,
                modified=iso(each.modified), private=each.private, gated=each.gated,
            )  # fmt: skip
        return 0
    if not found:
        output.say(f"The Hub finds no {chosen.kind or 'datasets'} for {safe_text(words)!r}.")
        return 0
    output.table(
        ("ID", "DOWNLOADS", "LIKES", "CHANGED", ""),
        [
            (
                safe_text(each.id),
                _count(each.downloads),
                _count(each.likes),
                format_when(each.modified, 0) or "–",
                _closed(each),
            )
            for each in found
        ],
        right=frozenset({1, 2}),
    )
    return 0


# ---------------------------------------------------------------- what was typed


def _meant(written: str, kind: RepoKind | None) -> TypedRepo:
    """Id, kind where it is said, and revision. Raises HaulierError (usage)."""
    typed = read_repo(written)
    if typed.kind is not None and kind not in (None, typed.kind):
        raise HaulierError(
            Code.USAGE,
            f"{safe_text(written)!r} is a {KIND_WORDS[typed.kind]}, not a {KIND_WORDS[kind or typed.kind]}",
        )
    return typed._replace(kind=typed.kind or kind)


async def _check_connection(session: Session, name: str | None) -> None:
    """Raises HaulierError (not_found) with the names of the Hub connections that there are."""
    if not name or name == ADHOC_HUB:
        return
    hubs = [each.name for each in (await session.call(ListConnections())).connections if each.kind == "hub"]
    if name not in hubs:
        known = ", ".join(safe_text(one) for one in hubs) or "none yet (haulier connections add NAME --hub)"
        raise HaulierError(
            Code.NOT_FOUND, f"There is no Hub connection called {safe_text(name)!r}", f"Known: {known}."
        )


def _adhoc(session: Session, connection: str) -> Adhoc:
    return session.adhoc_for([Place(kind="hub", connection=connection)])


# ---------------------------------------------------------------- how it is shown


def _words(told: RepoInfo | None) -> str:
    if told is None:
        return " (not looked at)"
    traits = [f"at commit {told.commit[:8]}"]
    traits += ["private"] if told.private else []
    traits += [f"gated ({told.gated})"] if told.gated else []
    return ", " + ", ".join(traits)


def _closed(repo: FoundRepo) -> str:
    return " ".join(word for word, is_so in (("private", repo.private), ("gated", repo.gated)) if is_so)


def _count(number: int) -> str:
    return format_count(number) if number >= 0 else "–"


def _fields(repo: KeptRepo) -> dict[str, object]:
    return {
        "id": repo.id,
        "kind": repo.kind,
        "connection": repo.connection,
        "revision": repo.revision,
        "description": repo.description,
        "added": iso(repo.added),
        "place": str(repo.place),
    }
