"""Where typed keys and tokens are kept, as a field of the form of a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from core.connection_rules import store_of
from core.messages import ConnectionList
from core.model import (
    Credentials,
    SecretStore,
)
from core.safe_text import safe_text
from tui.widgets.form import Ask

FIELD = "store"
NOWHERE = "no"
_WORDS = {
    "keyring": "OS keyring",
    "file": "encrypted file",
    "memory": "in memory only",
    NOWHERE: "do not keep keys",
}
_FILE_MEANS = {"ready": "open until the engine stops", "locked": "its passphrase is asked for",
               "none": "made with a passphrase"}  # fmt: skip


def ask(known: ConnectionList, credentials: Credentials) -> Ask:
    """The field; of a connection with stored keys it begins with where these are."""
    stores = _stores(known)
    now = store_of(credentials)
    value = now if now in stores else stores[0]
    return Ask(
        FIELD,
        "kept in",
        meaning(value, known)[0],
        value,
        tuple((store, _WORDS[store]) for store in stores),
        more=_more(known),
    )


def fields(known: ConnectionList) -> list[str]:
    """The field, where there is a choice."""
    return [FIELD] if len(_stores(known)) > 1 else []


def kept_words(known: ConnectionList) -> str:
    """Where keys go, for the fields in which they are typed. Safe to show."""
    return "as chosen below" if known.secret_places else safe_text(known.keeps_secrets_in)


def meaning(value: str, known: ConnectionList) -> tuple[str, str]:
    """Words and look beside the field at this value."""
    if value == "memory":
        return "asked for again after a restart", "warn"
    if value == "file":
        return _FILE_MEANS.get(file_state(known), ""), "quiet"
    if value == "keyring":
        return next(
            (safe_text(one.words) for one in known.secret_places if one.store == "keyring"), ""
        ), "quiet"
    return "lost when the engine stops", "quiet"


def problem(values: Mapping[str, str], known: ConnectionList, what: str) -> dict[str, str]:
    """What is wrong with the choice for keys that were typed. `what` names them."""
    if values[FIELD] == NOWHERE and fields(known):
        return {FIELD: f"choose: in memory only, or no typed {what}"}
    return {}


def chosen(
    values: Mapping[str, str], known: ConnectionList, old: Credentials, *, typed: bool
) -> SecretStore | None:
    """The store to name when the connection is saved: that of keys that were `typed`, or another one for those
    that are stored."""
    value = values[FIELD]
    if value == NOWHERE or not fields(known) or not known.secret_places:
        return None
    now = store_of(old)
    if not typed and now in (None, value):
        return None
    return cast(SecretStore, value)


def file_state(known: ConnectionList) -> str:
    """How the encrypted file is: ready, locked, none, unusable; empty when the engine knows of none."""
    return next((place.state for place in known.secret_places if place.store == "file"), "")


def _more(known: ConnectionList) -> str:
    file = next((safe_text(place.words, 80) for place in known.secret_places if place.store == "file"), "")
    if file:
        return f"Never in plain text. {file[:1].upper()}{file[1:]}."
    return f"{safe_text(known.keeps_secrets_in)}. After its restart they are asked for again."


def _stores(known: ConnectionList) -> list[str]:
    usable = [place.store for place in known.secret_places if place.state != "unusable"]
    if not known.secret_places and known.can_keep_secrets:
        return ["keyring"]
    if any(store != "memory" for store in usable):
        return list(usable)
    return [NOWHERE, "memory"]
