"""secrets status, unlock, lock, passphrase: where typed keys are kept, and the encrypted file that a passphrase
opens.

A passphrase is read hidden from the terminal, or from stdin; it goes to the engine once and is nowhere kept.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from getpass import getpass

from core.errors import Code, HaulierError
from core.messages import ChangePassphrase, LockSecrets, SecretsState, SecretsView, UnlockSecrets
from core.model import Passphrase, SecretPlace
from core.safe_text import safe_text
from tui.cli.output import Output
from tui.cli.secret_stores import open_file, passphrase_lines, typed_twice
from tui.cli.session import Session, open_session

_NAMES = {"keyring": "OS keyring", "file": "encrypted file", "memory": "memory"}
_STATES = {"ready": "ready", "locked": "locked", "none": "none yet", "unusable": "not usable"}


def status(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_status(chosen, output))


async def _status(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        _show(output, await session.call(SecretsState()))
    return 0


def unlock(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_unlock(chosen, output))


async def _unlock(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        view = await session.call(SecretsState())
        file = _file_of(view)
        if file.state == "unusable":
            raise HaulierError(
                Code.USAGE,
                f"The {file.words}",
                "It was not touched. Bring it back from a backup, or move it away and type the keys again.",
            )
        if file.state == "ready":
            output.say("It is open already, until the engine stops.")
        else:
            view = await _open(chosen, output, session, file)
            output.say("Open until the engine stops, or `haulier secrets lock`. Jobs that waited go on.")
        if output.json:
            _show(output, view)
    return 0


async def _open(chosen: Namespace, output: Output, session: Session, file: SecretPlace) -> SecretsView:
    given = passphrase_lines(chosen, 1)
    if given is not None:
        return await session.call(UnlockSecrets(passphrase=given[0], create=file.state == "none"))
    await open_file(session, output, file)
    return await session.call(SecretsState())


def lock(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_lock(chosen, output))


async def _lock(chosen: Namespace, output: Output) -> int:
    try:
        async with open_session(chosen, start=False) as session:
            view = await session.call(LockSecrets())
    except HaulierError as error:
        if error.code is not Code.UNAVAILABLE:
            raise
        output.say("No engine is running, so nothing is open.")
        return 0
    output.say("Locked. Jobs that need its keys stop within seconds, and wait.")
    if output.json:
        _show(output, view)
    return 0


def passphrase(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_passphrase(chosen, output))


async def _passphrase(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        file = _file_of(await session.call(SecretsState()))
        if file.state == "none":
            raise HaulierError(Code.NOT_FOUND, f"The {file.words}", "`haulier secrets unlock` makes it.")
        given = passphrase_lines(chosen, 2)
        if given is None:
            given = [Passphrase(text=getpass("Passphrase as it is (not shown): ")), typed_twice()]
        view = await session.call(ChangePassphrase(old=given[0], new=given[1]))
    output.say("The passphrase is changed, and the file is open.")
    if output.json:
        _show(output, view)
    return 0


def _file_of(view: SecretsView) -> SecretPlace:
    return next(place for place in view.places if place.store == "file")


def _show(output: Output, view: SecretsView) -> None:
    if output.json:
        for place in view.places:
            output.record("place", store=place.store, state=place.state, words=place.words)
        output.record("secrets", file=view.file, waiting=list(view.waiting))
        return
    output.table(
        ("KEPT IN", "STATE", "WHAT"),
        [(_NAMES[place.store], _STATES[place.state], safe_text(place.words)) for place in view.places],
    )
    if view.waiting:
        names = ", ".join(safe_text(name) for name in view.waiting)
        output.say(f"Locked away in the file: the keys of {names} (haulier secrets unlock)")
    output.say("What a connection only refers to (profile, AWS chain, token file) is kept nowhere here.")
