"""connections import opskit: the connections of OpsKit's own tool, their secrets moved and then scrubbed."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

import msgspec

from core.errors import Code, HaulierError
from core.found_here import old_file
from core.messages import ListConnections, SaveConnection
from core.model import Connection, FileCredentials, KeyringCredentials, ProfileCredentials, SecretStore
from core.opskit import Launcher
from core.opskit_connections import OldConnection, OldFile, free_names, read_old, scrub
from core.safe_text import safe_text
from tui.cli.confirm import can_ask
from tui.cli.output import Output
from tui.cli.secret_stores import choose_store
from tui.cli.session import Session, open_session

SOME_REFUSED = 1


async def bring_opskit(chosen: Namespace, output: Output) -> int:
    """Exit code 0: all of the file was understood and moved; 1: some connections could not be."""
    old = read_old(_file(chosen))
    _tell(output, old)
    code = SOME_REFUSED if old.refused else 0
    if chosen.dry_run or not old.found:
        return code
    async with open_session(chosen) as session:
        store: SecretStore | None = None
        if any(each.keys is not None for each in old.found):
            store = await choose_store(session, output, chosen.store)
        moved = await _save(session, output, old, store)
    _offer_scrub(chosen, output, old, moved)
    return code


def _file(chosen: Namespace) -> Path:
    if len(chosen.names) > 1:
        raise HaulierError(Code.USAGE, "One file at a time", "haulier connections import opskit FILE")
    if chosen.names:
        return Path(chosen.names[0]).expanduser().absolute()
    if (path := old_file(os.environ)) is not None:
        return path
    likely = Launcher.of(os.environ).old_connections(Path.home())
    raise HaulierError(
        Code.NOT_FOUND,
        f"There is no {' and no '.join(str(path) for path in likely)}",
        "Name the file: haulier connections import opskit FILE",
    )


def _tell(output: Output, old: OldFile) -> None:
    """What the file holds, before anything is done with it. No secret is shown."""
    if output.json:
        for each in old.found:
            connection = each.connection
            output.record(
                "found", name=connection.name, endpoint=connection.endpoint, region=connection.region,
                keys=_keys(each), line=each.line, unknown=list(each.unknown),
            )  # fmt: skip
        for wrong in old.refused:
            output.record("refused", name=wrong.name, line=wrong.line, column=wrong.column, why=wrong.why)
        output.record("file", path=str(old.path), unknown=list(old.unknown))
        return
    if old.found:
        output.table(
            ("NAME", "ENDPOINT", "REGION", "KEYS"),
            [
                (
                    safe_text(each.connection.name),
                    safe_text(each.connection.endpoint) or "AWS",
                    safe_text(each.connection.region) or "–",
                    _keys(each),
                )
                for each in old.found
            ],
        )
        sys.stdout.flush()
    else:
        output.say(f"{safe_text(str(old.path))} holds no connection that could be taken over.")
    for wrong in old.refused:
        output.say(
            f"{output.paint('not taken over:', 'warn')} {safe_text(wrong.name, 60)}, line {wrong.line}, "
            f"column {wrong.column}: {safe_text(wrong.why, 300)}"
        )
    for each in old.found:
        if each.unknown:
            output.say(
                f"{safe_text(each.connection.name)}, line {each.line}: not understood and left out: "
                f"{', '.join(each.unknown)}"
            )
    if old.unknown:
        output.say(f"Not understood and left out: {', '.join(old.unknown)}")


def _keys(each: OldConnection) -> str:
    if each.keys is not None:
        return "typed keys, base64" if each.encoding == "base64" else "typed keys, plain text"
    if isinstance(each.connection.credentials, ProfileCredentials):
        return f"profile {safe_text(each.connection.credentials.profile)}"
    return "AWS chain"


async def _save(
    session: Session, output: Output, old: OldFile, store: SecretStore | None
) -> list[tuple[OldConnection, Connection]]:
    """Make the connections, each under a name that is free or its own already."""
    taken = {each.name for each in (await session.call(ListConnections())).connections}
    moved: list[tuple[OldConnection, Connection]] = []
    for each in old.found:
        saved, new = await _save_one(session, each, store, taken)
        moved.append((each, saved))
        name = safe_text(saved.name)
        if output.json:
            output.record("connection", name=saved.name, new=new, tested=False)
        elif new:
            output.say(f"Made: {name} (untested: haulier connections test {name})")
        else:
            output.say(f"There already: {name}")
        taken.add(saved.name)
    return moved


async def _save_one(
    session: Session, each: OldConnection, store: SecretStore | None, taken: set[str]
) -> tuple[Connection, bool]:
    for name in free_names(each.connection.name, taken):
        command = SaveConnection(
            connection=msgspec.structs.replace(each.connection, name=name),
            keys=each.keys,
            untested_ok=True,
            keys_in_memory=store == "memory",
            store=store if each.keys is not None else None,
        )
        try:
            return await session.call(command), name not in taken
        except HaulierError as error:
            if error.code is not Code.REFUSED or name not in taken:
                raise
    raise HaulierError(Code.REFUSED, f"No name is free for {safe_text(each.connection.name, 60)}")


def _offer_scrub(
    chosen: Namespace, output: Output, old: OldFile, moved: list[tuple[OldConnection, Connection]]
) -> None:
    lasting = KeyringCredentials | FileCredentials
    typed = [(each, saved) for each, saved in moved if each.keys is not None]
    safe = tuple(each for each, saved in typed if isinstance(saved.credentials, lasting))
    path = safe_text(str(old.path))
    if not typed:
        return
    if len(safe) < len(typed):
        message = f"{path} is left as it is: keys that are only in memory are kept nowhere else"
        if chosen.scrub:
            raise HaulierError(Code.REFUSED, message, "Import once more with --store keyring or --store file.")
        output.say(message)
        return
    if not chosen.scrub and not _wants_scrub(output, path):
        output.say(f"{path} still holds the secrets, and anybody who reads it can. To take them out: --scrub")
        return
    scrub(old, safe)
    if output.json:
        output.record("scrubbed", path=str(old.path), connections=len(safe))
    output.say(f"{path} holds no secret of these any more. Backups of it may: new keys are safer still.")


def _wants_scrub(output: Output, path: str) -> bool:
    if output.json or not can_ask():
        return False
    output.err.write(f"Take the secrets that were moved out of {path}? [y/N] ")
    output.err.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
