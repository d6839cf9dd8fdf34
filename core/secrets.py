"""Where typed access keys and tokens live: the OS keyring, a file that a passphrase opens, or the memory of
this process, in this order, and nowhere else.

A connection holds a reference. `SecretVault` turns it into keys, and says in plain words where a typed
secret will be kept before it is kept. Kinds of references:

- `NAME@0123abcd…`: in the OS keyring, service "haulier", this text as the account; the value is one JSON
  object with the fields of SecretKeys. A Hub's token is one of these whose key id is HUB_TOKEN.
- `file:NAME@0123abcd…`: the same in the encrypted file (core/secret_file.py), this text as the account.
- `session-…`: typed, kept in memory, gone when the engine stops.
- `env-…`: from a face's environment (core/places.py), kept in memory.

The vault belongs to the engine's process; faces send keys over the socket once and read none back.
"""

from __future__ import annotations

import secrets
import threading
import time

import msgspec

from core.errors import BadCredentials, Code, HaulierError, SecretsLocked
from core.keyring_access import KeyringTrouble, OsKeyring
from core.log import register_secret
from core.model import (
    HUB_TOKEN,
    Credentials,
    FileCredentials,
    KeyringCredentials,
    SecretKeys,
    SecretPlace,
    SecretStore,
    SessionCredentials,
)
from core.secret_file import SecretFile, SecretFileTrouble

SESSION = "session-"
ENVIRONMENT = "env-"
IN_FILE = "file:"  # no connection's name holds a colon
_STATE_AGE = 5.0  # seconds for which the answer of `where` is good


class SecretVault:
    """Keeps and finds access keys. Thread-safe; methods may block for a few seconds on a slow keyring.

    Without a `file` there is none to keep them in."""

    def __init__(self, keyring: OsKeyring | None = None, file: SecretFile | None = None) -> None:
        self._keyring = keyring or OsKeyring()
        self.file = file
        self._memory: dict[str, SecretKeys] = {}
        self._lock = threading.Lock()
        self._state: tuple[float, bool, str] | None = None

    def where(self) -> str:
        """Where keys typed now would be kept, for people, before they are kept."""
        can_keep, words = self._look()
        if can_keep:
            return words
        if self._file_state == "ready":
            return self._file_words
        locked = ", and the encrypted file is locked" if self._file_state == "locked" else ""
        return f"memory only, until the engine stops: {words}{locked}"

    def places(self) -> tuple[SecretPlace, ...]:
        """All places where typed keys can be kept, in the order in which they are tried."""
        can_keep, words = self._look()
        found = [SecretPlace(store="keyring", state="ready" if can_keep else "unusable", words=words)]
        if self.file is not None:
            state, why = self.file.state()
            told = f"{self._file_words}: {why}" if why else self._file_words
            found.append(
                SecretPlace(store="file", state="unusable" if state == "unreadable" else state, words=told)
            )
        found.append(SecretPlace(store="memory", state="ready", words="the engine's memory, until it stops"))
        return tuple(found)

    @property
    def can_keep(self) -> bool:
        """Whether typed keys survive a restart of the engine. False: memory only."""
        return self._look()[0] or self._file_state == "ready"

    def keep(
        self, connection_name: str, keys: SecretKeys, in_memory_ok: bool, store: SecretStore | None = None
    ) -> Credentials:
        """Keep typed keys and return the reference to them. Without a `store`, the first that is ready gets
        them.

        Raises HaulierError (refused) when they cannot be kept there, or when only memory is left and nobody
        said that this is understood.
        """
        _look_sound(keys)
        _keep_out_of_logs(keys)
        ref = f"{connection_name}@{secrets.token_hex(8)}"
        text = msgspec.json.encode(keys).decode()
        why = ""
        if store in (None, "keyring"):
            try:
                self._keyring.write(ref, text)
                return KeyringCredentials(ref=ref)
            except KeyringTrouble as trouble:
                self._state = None
                why = trouble.words
        if store == "file" or (store is None and self._file_state == "ready"):
            try:
                return FileCredentials(ref=self._into_file(ref, text))
            except SecretFileTrouble as trouble:
                why = trouble.words
        if store != "memory" and not (store is None and in_memory_ok):
            raise HaulierError(Code.REFUSED, f"The keys were not stored: {why}.", _OTHER_PLACES[store])
        ref = SESSION + secrets.token_hex(8)
        with self._lock:
            self._memory[ref] = keys
        return SessionCredentials(ref=ref)

    def keys(self, ref: str) -> SecretKeys:
        """The keys that a reference means. Raises BadCredentials with a sentence that says what to do."""
        with self._lock:
            known = self._memory.get(ref)
        if known is not None:
            return known
        if ref.startswith(SESSION):
            raise BadCredentials(
                "The keys of this connection were kept in memory only and are gone since the engine was "
                "restarted. Edit the connection and type them again."
            )
        if ref.startswith(ENVIRONMENT):
            raise BadCredentials(
                "The keys came from the environment of the command that made this job and are gone since the "
                "engine was restarted. Where they are set (AWS_ACCESS_KEY_ID, HF_TOKEN): `haulier resume JOB`."
            )
        if ref.startswith(IN_FILE):
            return self._from_file(ref)
        return self._from_keyring(ref)

    def knows(self, credentials: Credentials) -> bool:
        """Whether keys are at hand for session references and those in the file; everything else is looked up
        when needed."""
        if isinstance(credentials, FileCredentials):
            return self._file_state == "ready"
        if not isinstance(credentials, SessionCredentials):
            return True
        with self._lock:
            return credentials.ref in self._memory

    def provide(self, ref: str, keys: SecretKeys) -> None:
        """Keep keys in memory under a reference that is already in use somewhere."""
        if not ref:
            raise HaulierError(Code.USAGE, "The keys belong to no reference.")
        _look_sound(keys)
        _keep_out_of_logs(keys)
        with self._lock:
            self._memory[ref] = keys

    def forget(self, credentials: Credentials) -> None:
        """Remove typed keys from wherever they are. Not an error when they are gone or were never typed.

        Raises HaulierError (blocked) when the keyring or the file still has them and cannot be used.
        """
        if not isinstance(credentials, KeyringCredentials | FileCredentials | SessionCredentials):
            return
        with self._lock:
            self._memory.pop(credentials.ref, None)
        if isinstance(credentials, SessionCredentials):
            return
        if isinstance(credentials, FileCredentials):
            self._forget_in_file(credentials.ref)
            return
        try:
            self._keyring.delete(credentials.ref)
        except KeyringTrouble as trouble:
            raise HaulierError(
                Code.BLOCKED,
                f"The keys are still in the keyring (haulier, {credentials.ref}): {trouble.words}.",
                "Unlock the keyring and remove the entry there.",
            ) from None

    def _from_keyring(self, ref: str) -> SecretKeys:
        try:
            stored = self._keyring.read(ref)
        except KeyringTrouble as trouble:
            raise BadCredentials(
                f"The keys of this connection are in the keyring, and {trouble.words}. "
                "Unlock it and try again; an engine started in another session must be restarted from this one."
            ) from None
        if stored is None:
            raise BadCredentials(
                f"The keyring has no entry {ref} of the service haulier any more. "
                "Edit the connection and type the keys again."
            )
        return _read_back(stored, f"The keyring's entry {ref} of the service haulier is damaged.")

    # ------------------------------------------------------------ the encrypted file

    @property
    def _file_state(self) -> str:
        return self.file.state()[0] if self.file is not None else "none"

    @property
    def _file_words(self) -> str:
        return f"encrypted file {self.file.path}" if self.file is not None else "no encrypted file"

    def _into_file(self, ref: str, text: str) -> str:
        if self.file is None:
            raise SecretFileTrouble("there is no place for an encrypted file")
        self.file.write(IN_FILE + ref, text)
        return IN_FILE + ref

    def _from_file(self, ref: str) -> SecretKeys:
        try:
            stored = self.file.read(ref) if self.file is not None else None
        except SecretFileTrouble as trouble:
            if self._file_state == "locked":
                raise SecretsLocked(f"the keys are in the encrypted file, and {trouble.words}") from None
            raise BadCredentials(
                f"The keys are in the encrypted file, and it is of no use: {trouble.words}."
            ) from None
        if stored is None:
            raise BadCredentials(
                f"The encrypted file has no entry {ref} any more. Edit the connection and type the keys again."
            )
        return _read_back(stored, f"The encrypted file's entry {ref} is damaged.")

    def _forget_in_file(self, ref: str) -> None:
        try:
            if self.file is not None and self.file.state()[0] != "none":
                self.file.delete(ref)
        except SecretFileTrouble as trouble:
            raise HaulierError(
                Code.BLOCKED,
                f"The keys are still in the encrypted file ({ref}): {trouble.words}.",
                "They cannot be read without its passphrase.",
            ) from None

    def _look(self) -> tuple[bool, str]:
        """Whether the keyring can be used, and its name, or why not."""
        state = self._state
        if state is None or time.monotonic() - state[0] > _STATE_AGE:
            try:
                can_keep, words = True, self._keyring.name()
            except KeyringTrouble as trouble:
                can_keep, words = False, trouble.words
            state = self._state = (time.monotonic(), can_keep, words)
        return state[1], state[2]


_OTHER_PLACES: dict[SecretStore | None, str] = {
    None: "They can be kept in memory until the engine stops, if you say so; or use a profile or a token file.",
    "keyring": "Choose the encrypted file or the memory, or use a profile or a token file.",
    "file": "`haulier secrets unlock` opens it, or makes one.",
}


def _read_back(stored: str, damaged: str) -> SecretKeys:
    try:
        keys = msgspec.json.decode(stored, type=SecretKeys)
    except msgspec.MsgspecError:
        raise BadCredentials(f"{damaged} Edit the connection and type the keys again.") from None
    _keep_out_of_logs(keys)
    return keys


def _keep_out_of_logs(keys: SecretKeys) -> None:
    for text in (keys.secret_access_key, keys.session_token):
        register_secret(text)


def _look_sound_as_token(token: str) -> None:
    if not token:
        raise HaulierError(Code.USAGE, "The token is empty.")
    if not token.isascii() or any(character.isspace() or not character.isprintable() for character in token):
        raise HaulierError(
            Code.USAGE,
            "The token holds a space or a special character.",
            "Copy it again, without line ends; a Hub's token begins with hf_.",
        )


def _look_sound(keys: SecretKeys) -> None:
    if keys.access_key_id == HUB_TOKEN:
        _look_sound_as_token(keys.secret_access_key)
        return
    for what, text in (
        ("access key id", keys.access_key_id),
        ("secret access key", keys.secret_access_key),
        ("session token", keys.session_token),
    ):
        if not text and what != "session token":
            raise HaulierError(Code.USAGE, f"The {what} is empty.")
        if any(character.isspace() or not character.isprintable() for character in text):
            raise HaulierError(
                Code.USAGE,
                f"The {what} holds a space or a control character.",
                "Copy it again, without line ends.",
            )
