"""What lies around a person who starts for the first time, by name and place: no secret is in what comes out.

The AWS profiles are the engine's to find (core/connection_desk.py), because it is the engine that uses them.
What only the person's own shell knows is found here: variables, the Hub's token, a launcher's old connections.
Blocking, but only a few small files are looked at, and no store's library is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from core.adhoc import hub_from_environment
from core.errors import HaulierError
from core.model import Connection, SessionCredentials, TokenFileCredentials, Value
from core.opskit import Launcher

# Variables that say how S3 is reached, as the AWS SDKs and Tools Reference Guide names them.
_TELLING = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)  # fmt: skip


class OldConnections(Value, frozen=True, kw_only=True):
    """A launcher's file of connections. `trouble` is why it cannot be used, with file, line and column."""

    path: str
    names: tuple[str, ...] = ()
    trouble: str = ""


class Surroundings(Value, frozen=True, kw_only=True):
    """`hub_at` is where the Hub's token lies: HF_TOKEN, or a file, to which `hub` refers; "" for nowhere."""

    variables: tuple[str, ...] = ()
    hub_at: str = ""
    hub: Connection | None = None
    old: OldConnections | None = None


def look_around(environ: Mapping[str, str]) -> Surroundings:
    """What is here. Never raises: what cannot be read is not there, or says why."""
    hub, _keys = hub_from_environment(environ)
    hub_at, reference = "", None
    match hub.credentials:
        case SessionCredentials():
            hub_at = "HF_TOKEN"
        case TokenFileCredentials(path=path) if _holds_something(Path(path)):
            hub_at, reference = path, hub
    return Surroundings(
        variables=tuple(name for name in _TELLING if environ.get(name)),
        hub_at=hub_at,
        hub=reference,
        old=_old_connections(environ),
    )


def old_file(environ: Mapping[str, str]) -> Path | None:
    """A launcher's file of connections, the likeliest that is there."""
    home = environ.get("HOME", "")
    likely = Launcher.of(environ).old_connections(Path(home) if home else None)
    return next((path for path in likely if _is_file(path)), None)


def _old_connections(environ: Mapping[str, str]) -> OldConnections | None:
    path = old_file(environ)
    if path is None:
        return None
    from core.opskit_connections import read_old  # only where there is something to read

    try:
        old = read_old(path)
    except HaulierError as error:
        return OldConnections(path=str(path), trouble=error.message)
    if not old.found and not old.refused:
        return None
    trouble = f"{len(old.refused)} of its connections cannot be taken over" if old.refused else ""
    return OldConnections(
        path=str(path), names=tuple(each.connection.name for each in old.found), trouble=trouble
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may not be looked into
        return False


def _holds_something(path: Path) -> bool:
    return _is_file(path) and path.stat().st_size > 0 and os.access(path, os.R_OK)
