"""The order of the places for typed keys, and what is said of them before anything is kept."""

from __future__ import annotations

from pathlib import Path

import keyring.backend
import pytest

from core.connection_desk import ConnectionDesk
from core.connections import ConnectionRegistry
from core.errors import Code, HaulierError, SecretsLocked
from core.keyring_access import Backend, OsKeyring
from core.messages import ListConnections, RemoveConnection, SaveConnection
from core.model import (
    HUB_TOKEN,
    Connection,
    FileCredentials,
    KeyringCredentials,
    SecretKeys,
    SessionCredentials,
)
from core.secret_file import SecretFile
from core.secret_format import Work
from core.secrets import SecretVault
from core.stores.hub.opening import token_finder

KEYS = SecretKeys(access_key_id="AKEY", secret_access_key="a-very-secret-key")
PASSPHRASE = "correct horse battery"


class Ring(keyring.backend.KeyringBackend):
    """A keyring that works, in this process's memory."""

    priority = 1
    kept: dict[tuple[str, str], str] = {}  # noqa: RUF012

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


NONE = OsKeyring(allowed=())
WORKS = OsKeyring(allowed=(Backend(__name__, "Ring", "Test Ring"),))


@pytest.fixture
def file(tmp_path: Path) -> SecretFile:
    Ring.kept.clear()
    return SecretFile(tmp_path / "secrets.enc", Work(n=2**10))


def states(vault: SecretVault) -> list[tuple[str, str]]:
    return [(place.store, place.state) for place in vault.places()]


def test_keyring_then_file_then_memory(file: SecretFile) -> None:
    """The first that is ready gets the keys; each is told with its state; memory only on an explicit word."""
    both = SecretVault(WORKS, file)
    assert states(both) == [("keyring", "ready"), ("file", "none"), ("memory", "ready")]
    file.create(PASSPHRASE)
    assert isinstance(both.keep("a", KEYS, in_memory_ok=True), KeyringCredentials)
    alone = SecretVault(NONE, file)
    assert states(alone) == [("keyring", "unusable"), ("file", "ready"), ("memory", "ready")]
    assert alone.can_keep
    assert alone.where() == f"encrypted file {file.path}"
    assert isinstance(alone.keep("a", KEYS, in_memory_ok=True), FileCredentials)
    file.lock()
    assert not alone.can_keep
    assert alone.where().endswith("no keyring service is running here, and the encrypted file is locked")
    assert isinstance(alone.keep("a", KEYS, in_memory_ok=True), SessionCredentials)
    with pytest.raises(HaulierError) as refused:
        alone.keep("a", KEYS, in_memory_ok=False)
    assert refused.value.code is Code.REFUSED


@pytest.mark.parametrize(
    ("store", "kind"),
    [("keyring", KeyringCredentials), ("file", FileCredentials), ("memory", SessionCredentials)],
)
def test_a_chosen_store_is_kept_to(store: str, kind: type, file: SecretFile) -> None:
    """Whatever else is ready; and one that cannot is refused instead of replaced by another."""
    file.create(PASSPHRASE)
    vault = SecretVault(WORKS, file)
    kept = vault.keep("a", KEYS, in_memory_ok=False, store=store)  # type: ignore[arg-type]
    assert isinstance(kept, kind)
    assert vault.keys(getattr(kept, "ref")) == KEYS  # noqa: B009
    vault.forget(kept)
    file.lock()
    if store != "memory":
        with pytest.raises(HaulierError, match="were not stored"):
            SecretVault(NONE, file).keep("a", KEYS, in_memory_ok=True, store=store)  # type: ignore[arg-type]


def test_a_name_cannot_pass_for_another_store(file: SecretFile) -> None:
    """A connection called like the beginning of a reference keeps its keys where it says."""
    file.create(PASSPHRASE)
    vault = SecretVault(NONE, file)
    kept = vault.keep("file", KEYS, in_memory_ok=False, store="file")
    assert isinstance(kept, FileCredentials)
    assert kept.ref.startswith("file:file@")
    file.lock()
    with pytest.raises(SecretsLocked, match="is locked"):
        vault.keys(kept.ref)
    assert not vault.knows(kept)


def test_a_token_of_a_hub_is_found_there(file: SecretFile) -> None:
    """The same file serves Hubs."""
    file.create(PASSPHRASE)
    vault = SecretVault(NONE, file)
    token = SecretKeys(access_key_id=HUB_TOKEN, secret_access_key="hf_averysecrettoken")
    kept = vault.keep("hub", token, in_memory_ok=False)
    found = token_finder(kept, vault.keys)()
    assert found is not None
    assert found.header() == "Bearer hf_averysecrettoken"


def test_removing_a_connection_while_the_file_is_locked(file: SecretFile, tmp_path: Path) -> None:
    """The connection goes, and it is said that its keys are still in the file."""
    file.create(PASSPHRASE)
    vault = SecretVault(NONE, file)
    desk = ConnectionDesk(ConnectionRegistry(tmp_path / "connections.json"), vault, {}, tmp_path)
    command = SaveConnection(connection=Connection(name="a"), keys=KEYS, untested_ok=True)
    assert isinstance(desk.save(command).credentials, FileCredentials)
    assert desk.save(command).name == "a"  # asked twice: the first reply was lost
    file.lock()
    assert desk.list(ListConnections()).locked == ("a",)
    with pytest.raises(HaulierError, match="The keys are still in the encrypted file") as left:
        desk.remove(RemoveConnection(name="a"))
    assert left.value.code is Code.BLOCKED
    assert desk.list(ListConnections()).connections == ()
