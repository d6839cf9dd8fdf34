"""Where typed keys will be kept, chosen and said before they are; passphrases, read hidden or from stdin."""

from __future__ import annotations

import sys
from argparse import Namespace
from getpass import getpass

from core.errors import Code, HaulierError
from core.messages import ListConnections, UnlockSecrets
from core.model import Passphrase, SecretPlace, SecretStore
from core.safe_text import safe_text
from tui.cli.output import Output
from tui.cli.session import Session

TRIES = 3
OTHER_WAYS = (
    "Say --store file (an encrypted file, opened by `haulier secrets unlock`) or --store memory (until the "
    "engine stops); or use --profile, of a Hub --token-file: nothing is stored then."
)


async def choose_store(session: Session, output: Output, wanted: SecretStore | None) -> SecretStore:
    """The store for keys that were typed: the wanted one, else the first that is ready. Says which, before
    anything is kept there; a file is opened, or made, when a person is there to type its passphrase.

    Raises HaulierError: blocked when there is none, refused for a wrong passphrase."""
    found = await session.call(ListConnections())
    if not found.secret_places:
        raise HaulierError(
            Code.UNAVAILABLE,
            "The engine that runs is of an older version, and cannot be told where keys are to be kept",
            "Start it anew: haulier engine stop",
        )
    places = {place.store: place for place in found.secret_places}
    if wanted is not None:
        place = places[wanted]
    else:
        kept = [place for place in found.secret_places if place.store != "memory"]
        ready = [place for place in kept if place.state == "ready"]
        locked = [place for place in kept if place.state == "locked"] if can_type() else []
        if not ready + locked:
            raise HaulierError(
                Code.BLOCKED, f"Keys cannot be kept here: {safe_text(found.keeps_secrets_in)}", OTHER_WAYS
            )
        place = (ready + locked)[0]
    if place.state == "unusable":
        raise HaulierError(Code.BLOCKED, f"Keys cannot be kept there: {place.words}", OTHER_WAYS)
    if place.state in ("locked", "none"):
        await open_file(session, output, place)
        places = {one.store: one for one in (await session.call(ListConnections())).secret_places}
        place = places["file"]
    output.say(f"The keys will be kept in: {safe_text(place.words)}")
    return place.store


async def open_file(session: Session, output: Output, place: SecretPlace) -> None:
    """Open the encrypted file, or make it, with a passphrase typed at the terminal. Raises HaulierError."""
    if not can_type():
        raise HaulierError(
            Code.BLOCKED, f"Keys cannot be kept now: {place.words}", "haulier secrets unlock --passphrase-stdin"
        )
    if place.state == "none":
        output.say(safe_text(place.words).removesuffix(": there is none yet"))
        output.say("It is made now. Choose a passphrase; nobody can bring it back when it is forgotten.")
        await session.call(UnlockSecrets(passphrase=typed_twice(), create=True))
        return
    for left in reversed(range(TRIES)):
        try:
            await session.call(UnlockSecrets(passphrase=Passphrase(text=getpass("Passphrase (not shown): "))))
            return
        except HaulierError as error:
            if error.code is not Code.REFUSED or not left:
                raise
            output.error(error)


def can_type() -> bool:
    """Whether a person can type something hidden."""
    return sys.stdin.isatty()


def typed_twice() -> Passphrase:
    """A new passphrase. Raises HaulierError (usage) when the two differ."""
    first = getpass("New passphrase (not shown): ")
    if getpass("The same again: ") != first:
        raise HaulierError(Code.USAGE, "The two passphrases differ", "Nothing was changed.")
    return Passphrase(text=first)


def passphrase_lines(chosen: Namespace, count: int) -> list[Passphrase] | None:
    """The passphrases from stdin, one a line; None when they are to be typed. Raises HaulierError (usage)."""
    if not chosen.passphrase_stdin:
        if not can_type():
            raise HaulierError(
                Code.USAGE,
                "There is no terminal to type a passphrase at",
                "Give it on stdin with --passphrase-stdin.",
            )
        return None
    lines = [sys.stdin.readline().rstrip("\r\n") for _ in range(count)]
    if not all(lines):
        raise HaulierError(
            Code.USAGE, f"--passphrase-stdin wants {count} line{'s' if count > 1 else ''} on stdin"
        )
    return [Passphrase(text=line) for line in lines]
