"""What was found on this machine as connections to be: each with where it comes from, none stored yet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import structs

from core.found_here import Surroundings, old_file
from core.messages import ConnectionList
from core.model import Connection, ProfileCredentials, SecretKeys, TokenFileCredentials
from core.safe_text import safe_text
from tui.widgets.heading import wrapped
from tui.widgets.spans import Line

if TYPE_CHECKING:
    from core.opskit_connections import OldConnection

NAMED = 4  # names told one by one
WIDTH = 52  # of what stands beside a label


@dataclass(frozen=True)
class Candidate:
    """A connection that could be made. `keys` are those that a launcher's old file holds: never shown."""

    connection: Connection
    source: str
    keys: SecretKeys | None = field(default=None, repr=False)


def candidates(
    known: ConnectionList, around: Surroundings, old: Iterable[OldConnection] = ()
) -> list[Candidate]:
    """All of them, under names that are free; what a connection refers to already is left out."""
    taken = {one.name for one in known.connections} | {one.name for one in known.offered}
    found = [Candidate(one, _source(one)) for one in known.offered]
    if around.hub is not None and not _referred(known, around.hub):
        found.append(Candidate(_named(around.hub, "hub", taken), "token file"))
    for each in old:
        if any(each.connection.name == one.name for one in known.connections):
            continue  # taken over before; `haulier connections import opskit` looks closer
        source = "OpsKit: typed keys" if each.keys is not None else "OpsKit"
        found.append(Candidate(_named(each.connection, each.connection.name, taken), source, each.keys))
    return found


async def old_connections(environ: Mapping[str, str]) -> tuple[OldConnection, ...]:
    """Those of a launcher's old file, with their keys. Raises HaulierError (usage) for a damaged file."""
    from core.opskit_connections import read_old

    path = await asyncio.to_thread(old_file, environ)
    return (await asyncio.to_thread(read_old, path)).found if path is not None else ()


def found_lines(known: ConnectionList | None, around: Surroundings | None) -> list[Line]:
    """What was found, a line for each kind; empty for nothing. Safe to show."""
    lines: list[Line] = []
    if known is not None and known.profiles:
        lines.append((("AWS profiles   ", "quiet"), (names_of(known.profiles), "")))
    if known is not None and known.profiles_trouble:
        lines += _trouble("AWS profiles", known.profiles_trouble)
    if around is None:
        return lines
    if around.hub_at == "HF_TOKEN":
        lines.append((("Hub token      ", "quiet"), ("in HF_TOKEN", ""), ("; hf:// uses it as it is", "quiet")))
    elif around.hub_at:
        lines.append((("Hub token      ", "quiet"), (safe_text(around.hub_at, 56), "")))
    if around.old is not None:
        if names := around.old.names:
            many = f"{len(names)} connections: " if len(names) > 1 else ""
            lines.append((("OpsKit         ", "quiet"), (f"{many}{names_of(names)}", "")))
        if around.old.trouble:
            lines += _trouble("OpsKit", around.old.trouble)
    if around.variables:
        lines.append((("AWS variables  ", "quiet"), (names_of(around.variables, 2), ""),
                      ("; commands use them for s3://", "quiet")))  # fmt: skip
    return lines


def _trouble(label: str, text: str) -> list[Line]:
    """In full, over as many lines as it takes: its end is the place in the file."""
    lines = wrapped(safe_text(text), WIDTH, "warn", "")
    return [((f"{label if not at else '':<15}", "quiet"), *line) for at, line in enumerate(lines)]


def can_be_taken(known: ConnectionList | None, around: Surroundings | None) -> bool:
    """Whether something was found that a connection could refer to."""
    if known is None:
        return False
    taken = {one.name for one in known.connections}
    old = around is not None and around.old is not None and not taken.issuperset(around.old.names)
    hub = around is not None and around.hub is not None and not _referred(known, around.hub)
    return bool(known.profiles) or old or hub


def names_of(names: Iterable[str], most: int = NAMED) -> str:
    """ "beijing, oregon and 3 more". Safe to show."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(safe_text(name, 24) for name in listed[:most]) + more


def _source(connection: Connection) -> str:
    if isinstance(connection.credentials, ProfileCredentials):
        return f"AWS profile {safe_text(connection.credentials.profile, 24)}"
    return "found here"


def _referred(known: ConnectionList, hub: Connection) -> bool:
    assert isinstance(hub.credentials, TokenFileCredentials)
    return any(
        one.kind == "hub" and one.credentials == hub.credentials and one.endpoint == hub.endpoint
        for one in known.connections
    )


def _named(connection: Connection, wanted: str, taken: set[str]) -> Connection:
    from core.opskit_connections import free_names

    name = next(name for name in free_names(wanted, taken) if name not in taken)
    taken.add(name)
    return structs.replace(connection, name=name)
