"""The operating system's keyring, asked carefully.

`keyring` picks a backend by itself, and its pick can be one that writes plaintext, one that stores nothing,
or one that hangs. So:

1. Only backend classes on `ALLOWED` are used, loaded by name; `keyring.get_keyring()` is never asked, and
   neither its configuration file nor its environment variables choose anything.
2. A Secret Service whose collection is locked or missing is not used, because asking it would open a prompt
   that nobody sees: the engine runs in the background.
3. Every call runs in a daemon thread with a time limit. A thread that does not come back is abandoned, and
   until it does come back no other is started.

`keyring` and its backends are imported in that thread too: the import alone takes a tenth of a second.
"""

from __future__ import annotations

import importlib
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from core.safe_text import safe_text

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

R = TypeVar("R")

LIMIT = 5.0  # seconds for one call; SecretStorage's own unlock waits for ever
SERVICE = "haulier"


class Backend(NamedTuple):
    """One backend that keeps secrets encrypted, where it is defined, and its name for people."""

    module: str
    name: str
    words: str


SECRET_SERVICE = Backend("keyring.backends.SecretService", "Keyring", "Secret Service")
# libsecret's backend is left out: it speaks to the same service, and cannot be kept from prompting.
ALLOWED: tuple[Backend, ...] = (
    Backend("keyring.backends.macOS", "Keyring", "macOS Keychain"),
    Backend("keyring.backends.Windows", "WinVaultKeyring", "Windows Credential Manager"),
    SECRET_SERVICE,
    Backend("keyring.backends.kwallet", "DBusKeyring", "KDE Wallet"),
)


class KeyringTrouble(Exception):
    """The keyring cannot be used now; `words` says why, after a colon. Never quotes a secret."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class OsKeyring:
    """The keyring of this session. Methods block for `limit` seconds at most; any thread may call them."""

    def __init__(self, *, limit: float = LIMIT, allowed: Sequence[Backend] = ALLOWED) -> None:
        self._limit = limit
        self._allowed = tuple(allowed)
        self._abandoned: threading.Thread | None = None
        self._lock = threading.Lock()

    def name(self) -> str:
        """What a secret would be kept in, for people: "Secret Service (Login keyring)".

        Raises KeyringTrouble when nothing can keep it.
        """
        return self._bounded(lambda: self._usable()[1])

    def read(self, account: str) -> str | None:
        """The stored text, or None when the keyring has none of that account. Raises KeyringTrouble."""
        return self._bounded(lambda: self._usable()[0].get_password(SERVICE, account))

    def write(self, account: str, text: str) -> None:
        """Store `text`, and see that it is there. Raises KeyringTrouble."""

        def store() -> None:
            backend = self._usable()[0]
            backend.set_password(SERVICE, account, text)
            if backend.get_password(SERVICE, account) != text:
                raise KeyringTrouble("the keyring took the secret but does not give it back")

        self._bounded(store)

    def delete(self, account: str) -> None:
        """Remove an account. Not an error when it is gone. Raises KeyringTrouble."""

        def remove() -> None:
            backend = self._usable()[0]
            if backend.get_password(SERVICE, account) is not None:
                backend.delete_password(SERVICE, account)

        self._bounded(remove)

    def _usable(self) -> tuple[KeyringBackend, str]:
        for allowed in self._allowed:
            kind = getattr(importlib.import_module(allowed.module), allowed.name)
            if not kind.viable:
                continue
            backend: KeyringBackend = kind()
            label = _unlocked_collection(backend) if allowed == SECRET_SERVICE else ""
            return backend, f"{allowed.words} ({label} keyring)" if label else allowed.words
        raise KeyringTrouble("no keyring service is running here")

    def _bounded(self, call: Callable[[], R]) -> R:
        with self._lock:
            if self._abandoned is not None and self._abandoned.is_alive():
                raise KeyringTrouble("the keyring service does not answer")
            self._abandoned = None
        outcome: queue.SimpleQueue[R | KeyringTrouble] = queue.SimpleQueue()
        thread = threading.Thread(target=_into, args=(outcome, call), name="keyring", daemon=True)
        thread.start()
        try:
            result = outcome.get(timeout=self._limit)
        except queue.Empty:
            with self._lock:
                self._abandoned = thread
            raise KeyringTrouble(f"the keyring service did not answer within {self._limit:g} s") from None
        if isinstance(result, KeyringTrouble):
            # A new one, so that no traceback with the secret in its frames leaves the thread.
            raise KeyringTrouble(result.words)
        return result


def _into(outcome: queue.SimpleQueue[R | KeyringTrouble], call: Callable[[], R]) -> None:
    try:
        outcome.put(call())
    except KeyringTrouble as trouble:
        outcome.put(trouble)
    except Exception as error:  # noqa: BLE001 - backends raise D-Bus, ctypes and keyring errors without a common base
        # Only the kind of error is told: its text comes from a backend that was handed the secret.
        outcome.put(KeyringTrouble(f"the keyring failed ({safe_text(type(error).__name__, 60)})"))


def _unlocked_collection(backend: KeyringBackend) -> str:
    """The label of the collection that the backend will use. Raises KeyringTrouble when it would prompt."""
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        path = getattr(backend, "preferred_collection", "")
        try:
            collection = (
                secretstorage.Collection(bus, path)
                if path
                else secretstorage.get_collection_by_alias(bus, "default")
            )
        except secretstorage.ItemNotFoundException:
            raise KeyringTrouble("the Secret Service has no keyring yet") from None
        if collection.is_locked():
            raise KeyringTrouble("the keyring of the Secret Service is locked")
        return safe_text(str(collection.get_label()), 40)
