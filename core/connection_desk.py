"""What the engine does with connections when it is asked to: one method a command.

The methods block (files, keyring, network) and are called from worker threads. A connection counts as tested
when this engine saw the test succeed with the same settings and the same keys; what a face claims is not
taken over.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from core.aws_profiles import AwsProfile, profiles
from core.capability_card import CapabilityCard, merged
from core.capability_cards import CardBook
from core.connection_rules import check_connection, store_of
from core.connection_trial import try_connection
from core.connections import ConnectionRegistry
from core.errors import BadCredentials, Code, HaulierError
from core.hub_trial import try_hub
from core.messages import (
    ConnectionList,
    Done,
    ImportProfiles,
    ListConnections,
    ProvideKeys,
    RemoveConnection,
    SaveConnection,
    TestConnection,
    TestReport,
)
from core.model import (
    RESERVED_NAMES,
    Connection,
    FileCredentials,
    KeyringCredentials,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
)
from core.safe_text import safe_text
from core.secrets import SecretVault

_log = logging.getLogger(__name__)
_Typed = KeyringCredentials | FileCredentials | SessionCredentials


class ConnectionDesk:
    """`environ` and `home` say where the AWS config files are; they are the process's own when not given."""

    def __init__(
        self,
        registry: ConnectionRegistry,
        vault: SecretVault,
        environ: Mapping[str, str] | None = None,
        home: Path | None = None,
    ) -> None:
        self._registry = registry
        self._vault = vault
        self._environ = os.environ if environ is None else environ
        self._home = home or Path.home()
        self._salt = secrets.token_bytes(16)
        self._tested: dict[bytes, float] = {}
        self._seen: dict[bytes, CapabilityCard] = {}  # cards of connections that are not saved yet
        self.cards = CardBook(registry.path.parent / "cards")
        self._saving = threading.Lock()

    def list(self, _command: ListConnections) -> ConnectionList:
        """Connections, profiles that none of them refers to, and where a typed secret would go.

        Raises HaulierError (usage) when the file of connections is damaged. Damaged AWS files only leave out
        the profiles, and say so.
        """
        connections = self._registry.list()
        referred = {
            each.credentials.profile for each in connections if isinstance(each.credentials, ProfileCredentials)
        }
        trouble = ""
        free: tuple[AwsProfile, ...] = ()
        try:
            free = tuple(each for each in profiles(self._environ, self._home) if each.name not in referred)
        except HaulierError as error:
            trouble = error.message
        return ConnectionList(
            connections=connections,
            profiles=tuple(each.name for each in free),
            offered=_offered(free, {each.name for each in connections}),
            profiles_trouble=trouble,
            keeps_secrets_in=self._vault.where(),
            can_keep_secrets=self._vault.can_keep,
            secret_places=self._vault.places(),
            locked=tuple(each.name for each in connections if not self._vault.knows(each.credentials)),
            cards={each.name: card for each in connections if (card := self.cards.get(each)) is not None},
        )

    def test(self, command: TestConnection) -> TestReport:
        """Try a connection, within the time that `try_connection` promises. Nothing is kept of the keys.

        A success is remembered, also in the file when that connection is saved there as it was tested.
        Raises HaulierError (usage) when the connection cannot be one.
        """
        connection = check_connection(_named(command.connection))
        keys = command.keys
        if keys is not None:
            connection = msgspec.structs.replace(connection, credentials=SessionCredentials(ref="test"))
        found = self._vault.keys if keys is None else lambda _ref: keys
        if connection.kind == "hub":
            report = try_hub(connection, found, command.bucket)
        else:
            report = try_connection(connection, found, write=command.write, bucket=command.bucket)
        if report.ok:
            self._remember(connection, keys)
        return self._with_card(report, connection, keys)

    def save(self, command: SaveConnection, jobs: Sequence[int] = ()) -> Connection:
        """Add or change a connection and return it as it was kept.

        `jobs` are the unfinished jobs that use the one called `replaces`; they forbid another name or endpoint.
        Raises HaulierError: usage, refused, not_found, blocked, as the registry and the vault do. When
        anything fails, the connection and its keys are as they were.
        """
        with self._saving:
            connection = check_connection(command.connection)
            old = self._registry.get(command.replaces) if command.replaces else None
            if old is None and (same := self._already(connection, command.keys)) is not None:
                if command.store in (None, store_of(same.credentials)):
                    return same
                old, command = same, msgspec.structs.replace(command, replaces=same.name)  # only kept elsewhere
            self._refuse_moving_under(jobs, old, connection)
            keys = command.keys if command.keys is not None else self._keys_to_copy(connection, old)
            if keys is None and command.store not in (None, store_of(connection.credentials)):
                keys = self._keys_to_move(connection)
            tested_at = max(
                self._tested_at(connection, keys, old), self._tested_at(connection, command.keys, old)
            )
            if not tested_at and not command.untested_ok:
                raise HaulierError(
                    Code.REFUSED,
                    f"The connection {connection.name} has not been tested as it is.",
                    "Test it first, or say that it is to be saved untested.",
                )
            self._refuse_taken(connection, command.replaces)
            tested = self._fingerprint(connection, command.keys)
            if keys is not None:
                kept_as = self._vault.keep(connection.name, keys, command.keys_in_memory, command.store)
                connection = msgspec.structs.replace(connection, credentials=kept_as)
            try:
                saved = self._registry.put(
                    msgspec.structs.replace(connection, tested_at=tested_at), replaces=command.replaces
                )
            except HaulierError:
                if keys is not None:
                    self._vault.forget(connection.credentials)
                raise
            if old is not None and old.credentials != saved.credentials:
                self._forget_replaced(old)
            self._keep_card(saved, command.replaces, self._fingerprint(connection, keys), tested)
            return saved

    def remove(self, command: RemoveConnection, jobs: Sequence[int] = ()) -> Done:
        """Remove a connection and its stored keys. `jobs` are the unfinished jobs that use it.

        Raises HaulierError: refused while there are such jobs, not_found, blocked when the connection is gone
        but the keyring could not be reached.
        """
        if jobs:
            raise HaulierError(
                Code.REFUSED,
                f"Unfinished jobs use the connection {safe_text(command.name, 60)}: {_numbers(jobs)}.",
                "Let them finish, or cancel them first.",
            )
        with self._saving:
            gone = self._registry.remove(command.name)
            self.cards.remove(gone.name)
            try:
                self._vault.forget(gone.credentials)
            except HaulierError as error:
                raise HaulierError(
                    error.code, f"The connection is removed. {error.message}", error.hint
                ) from None
        return Done()

    def import_profiles(self, command: ImportProfiles) -> ConnectionList:
        """Make an untested connection of each AWS profile that has none, or of those named; no key is read.

        Raises HaulierError: usage when an AWS file is damaged, not_found when a named profile is not there.
        """
        found = profiles(self._environ, self._home)
        missing = [name for name in command.names if name not in {each.name for each in found}]
        if missing:
            raise HaulierError(
                Code.NOT_FOUND,
                f"There is no AWS profile {safe_text(missing[0], 60)}.",
                f"Profiles: {safe_text(', '.join(each.name for each in found) or 'none', 300)}.",
            )
        with self._saving:
            for profile in found:
                if not command.names or profile.name in command.names:
                    self._import(profile)
        return self.list(ListConnections())

    def provide(self, command: ProvideKeys) -> Done:
        """Keep keys in memory for a reference. Raises HaulierError (usage) when they cannot be keys."""
        self._vault.provide(command.ref, command.keys)
        return Done()

    def _import(self, profile: AwsProfile) -> None:
        connections = self._registry.list()
        credentials = ProfileCredentials(profile=profile.name)
        if any(each.credentials == credentials for each in connections):
            return
        self._registry.put(_offer(profile, {each.name for each in connections}))

    def _already(self, connection: Connection, keys: SecretKeys | None) -> Connection | None:
        """The saved connection, when this very one is asked to be added again (its reply was lost)."""
        for each in self._registry.list():
            if each.name != connection.name or _settings(each) != _settings(connection):
                continue
            if keys is None and each.credentials == connection.credentials:
                return each
            if (
                keys is not None
                and isinstance(each.credentials, _Typed)
                and self._are(each.credentials.ref, keys)
            ):
                return each
        return None

    def _are(self, ref: str, keys: SecretKeys) -> bool:
        try:
            return self._vault.keys(ref) == keys
        except BadCredentials:
            return False

    def _refuse_moving_under(self, jobs: Sequence[int], old: Connection | None, new: Connection) -> None:
        if not jobs or old is None or (old.name, old.endpoint) == (new.name, new.endpoint):
            return
        raise HaulierError(
            Code.REFUSED,
            f"Unfinished jobs use the connection {old.name}: {_numbers(jobs)}. "
            "Its name and endpoint must stay.",
            "Let them finish, cancel them, or add another connection.",
        )

    def _refuse_taken(self, connection: Connection, replaces: str) -> None:
        """Before any key is stored, what the registry would refuse afterwards."""
        if any(each.name == connection.name != replaces for each in self._registry.list()):
            raise HaulierError(
                Code.REFUSED,
                f"There is a connection {connection.name} already.",
                "Choose another name, or edit that one.",
            )

    def _keys_to_copy(self, connection: Connection, old: Connection | None) -> SecretKeys | None:
        """The keys behind another connection's reference: each connection has its own entry to remove."""
        credentials = connection.credentials
        if not isinstance(credentials, _Typed) or (old is not None and old.credentials == credentials):
            return None
        if not any(each.credentials == credentials for each in self._registry.list()):
            if isinstance(credentials, SessionCredentials) and self._vault.knows(credentials):
                return None  # given by ProvideKeys for this connection: they stay in memory
            raise HaulierError(
                Code.USAGE,
                f"The keys of the connection {connection.name} are missing.",
                "Type them, or name a profile.",
            )
        return self._keys_of(credentials)

    def _keys_to_move(self, connection: Connection) -> SecretKeys:
        """The keys that a connection has, which are to be kept elsewhere."""
        if not isinstance(connection.credentials, _Typed):
            raise HaulierError(
                Code.USAGE,
                f"The connection {connection.name} has no typed keys that could be kept elsewhere.",
                "What it refers to stays where it is.",
            )
        return self._keys_of(connection.credentials)

    def _keys_of(self, credentials: _Typed) -> SecretKeys:
        try:
            return self._vault.keys(credentials.ref)
        except BadCredentials as error:
            raise HaulierError(Code.BLOCKED, error.message) from None

    def _forget_replaced(self, old: Connection) -> None:
        try:
            self._vault.forget(old.credentials)
        except HaulierError as error:  # the new connection stands; what is left behind is told
            _log.warning("connection %s: %s %s", old.name, error.message, error.hint)

    def _tested_at(self, connection: Connection, keys: SecretKeys | None, old: Connection | None) -> float:
        if old is not None and keys is None and _fields_tested(old) == _fields_tested(connection):
            return max(old.tested_at, self._tested.get(self._fingerprint(connection, None), 0.0))
        return self._tested.get(self._fingerprint(connection, keys), 0.0)

    def _remember(self, connection: Connection, keys: SecretKeys | None) -> None:
        now = time.time()
        self._tested[self._fingerprint(connection, keys)] = now
        if keys is not None:
            return
        with self._saving:
            for each in self._registry.list():
                if each.name == connection.name and _fields_tested(each) == _fields_tested(connection):
                    self._registry.put(msgspec.structs.replace(each, tested_at=now), replaces=each.name)

    def _with_card(self, report: TestReport, connection: Connection, keys: SecretKeys | None) -> TestReport:
        """The report with all that is known of the service; kept with the connection when it is a saved one."""
        if report.card is None:
            return report
        with suppress(HaulierError):  # a damaged file of connections is told when it matters
            for each in self._registry.list():
                if each.name == connection.name and _service(each) == _service(connection):
                    return msgspec.structs.replace(report, card=self.cards.add(each, report.card))
        at = self._fingerprint(connection, keys)
        card = self._seen[at] = merged(self._seen.get(at), report.card)
        return msgspec.structs.replace(report, card=card)

    def _keep_card(self, saved: Connection, replaced: str, *tested: bytes) -> None:
        """The card of a test made before it was saved, and the one it had under another name."""
        if replaced and replaced != saved.name:
            self.cards.rename(replaced, saved.name)
        for at in tested:
            if (card := self._seen.pop(at, None)) is not None:
                self.cards.add(saved, card)

    def _fingerprint(self, connection: Connection, keys: SecretKeys | None) -> bytes:
        """Tells one tested state from another, without keeping the keys; the salt dies with the process."""
        if keys is not None:
            connection = msgspec.structs.replace(connection, credentials=SessionCredentials(ref="typed"))
        digest = hashlib.blake2b(key=self._salt)
        digest.update(msgspec.json.encode(_fields_tested(connection)))
        digest.update(msgspec.json.encode(keys))
        return digest.digest()


def _fields_tested(connection: Connection) -> Connection:
    """The connection without what a test says nothing about."""
    return msgspec.structs.replace(connection, name="", tested_at=0.0)


def _service(connection: Connection) -> tuple[str, str]:
    return connection.endpoint, connection.addressing


def _settings(connection: Connection) -> Connection:
    return msgspec.structs.replace(connection, credentials=SessionCredentials(ref=""), tested_at=0.0)


def _named(connection: Connection) -> Connection:
    """A test is possible before the person has thought of a name."""
    return connection if connection.name else msgspec.structs.replace(connection, name="unnamed")


def _offer(profile: AwsProfile, taken: set[str]) -> Connection:
    """The connection that refers to a profile, under a name that is free."""
    return Connection(
        name=_free_name(profile.name, taken),
        region=profile.region,
        endpoint=profile.endpoint,
        credentials=ProfileCredentials(profile=profile.name),
    )


def _offered(found: Sequence[AwsProfile], taken: set[str]) -> tuple[Connection, ...]:
    offers: list[Connection] = []
    for profile in found:
        offers.append(_offer(profile, taken))
        taken.add(offers[-1].name)
    return tuple(offers)


def _free_name(profile: str, taken: set[str]) -> str:
    letters = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in profile)
    name = letters.strip("._-")[:50] or "profile"
    if name.lower() in RESERVED_NAMES:
        name = f"aws-{name}"
    candidates = (name, f"{name}-aws", *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in candidates if each not in taken)


def _numbers(jobs: Sequence[int]) -> str:
    return ", ".join(map(str, jobs))
