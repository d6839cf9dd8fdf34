"""Secrets in a file that a passphrase opens, where there is no keyring (its bytes: core/secret_format.py).

1. The passphrase is never kept. The key made of it stays in this process's memory until it ends or `lock`.
2. The content is decrypted when it is asked for, and not kept.
3. Every change is made under a lock, on the file as it is now, durably (core/kept_file.py); several engines may
   use one file. A passphrase that another one changed locks it here.
4. A file that is damaged, altered or newer is never written over.
5. Wrong passphrases are answered, and after each the next try has to wait longer.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from core.errors import Code, HaulierError
from core.kept_file import Stamp, locked, make_folder, replace, stamp_of
from core.log import register_secret
from core.secret_format import (
    MOST_BYTES,
    OpenKey,
    Sealed,
    Unreadable,
    Work,
    WrongPassphrase,
    new_key,
    seal,
    take_apart,
)

SHORTEST_PASSPHRASE = 8  # characters; NIST SP 800-63B, 5.1.1.1
LONGEST_PASSPHRASE = 1024
LONGEST_WAIT = 60.0  # seconds
UNLOCK = "`haulier secrets unlock` opens it"

FileState = Literal["none", "locked", "ready", "unreadable"]


class SecretFileTrouble(Exception):
    """The file cannot be used now; `words` says why, after a colon. Never quotes a secret."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class SecretFile:
    """Accounts and their texts, in one file. Thread-safe; opening it takes half a second.

    `work` is what a new passphrase costs to try; `now` is a monotonic clock, for the waits."""

    def __init__(self, path: Path, work: Work | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._work = work or Work()
        self._now = now
        self._lock = threading.RLock()
        self._key: OpenKey | None = None
        self._seen: tuple[Stamp, Sealed] | None = None
        self._wrong = 0
        self._next_try = 0.0

    # ------------------------------------------------------------ open and closed

    def state(self) -> tuple[FileState, str]:
        """How it is, and why it cannot be used, if so."""
        with self._lock:
            try:
                sealed = self._sealed()
            except SecretFileTrouble as trouble:
                return "unreadable", trouble.words
            if sealed is None:
                return "none", "there is none yet"
            if self._key is None or self._key.salt != sealed.salt:
                return "locked", "it is locked"
            return "ready", ""

    def create(self, passphrase: str) -> None:
        """A new file without secrets, open. Raises HaulierError: usage for a passphrase that is none, refused
        when there is a file, blocked when it cannot be written."""
        _check_new(passphrase)
        with self._lock, self._changing():
            if self._sealed_or_refuse() is not None:
                raise HaulierError(Code.REFUSED, f"There is a secret file already: {self.path}.", UNLOCK + ".")
            key = self._new_key(passphrase)
            self._put({}, key)
            self._key = key

    def unlock(self, passphrase: str) -> None:
        """Open it. Raises HaulierError: not_found, usage when it is damaged, refused for a wrong passphrase and
        while the wait after one lasts."""
        with self._lock:
            self._key = self._try(self._existing(), passphrase)

    def lock(self) -> None:
        """Forget the key. Not an error when there is none."""
        with self._lock:
            self._key = None

    def change_passphrase(self, old: str, new: str) -> None:
        """Close it with another passphrase; what is in it stays. Raises as `unlock` and `create` do."""
        _check_new(new)
        with self._lock, self._changing():
            sealed = self._existing()
            if self._key is not None and self._key.salt == sealed.salt and self._is_open_with(sealed, new):
                return  # asked twice: the first answer was lost
            accounts = self._opened(sealed, self._try(sealed, old))
            key = self._new_key(new)
            self._put(accounts, key)
            self._key = key

    # ------------------------------------------------------------ accounts

    def read(self, account: str) -> str | None:
        """The stored text, or None when there is none of that account. Raises SecretFileTrouble."""
        with self._lock:
            return self._accounts()[0].get(account)

    def write(self, account: str, text: str) -> None:
        """Store `text` durably, and see that it is there. Raises SecretFileTrouble."""
        self._change(lambda accounts: accounts.update({account: text}))
        if self.read(account) != text:
            raise SecretFileTrouble("it took the secret but does not give it back")

    def delete(self, account: str) -> None:
        """Remove an account. Not an error when it is gone. Raises SecretFileTrouble."""
        self._change(lambda accounts: accounts.pop(account, None))

    def _change(self, change: Callable[[dict[str, str]], object]) -> None:
        with self._lock:
            try:
                with self._changing():
                    accounts, key = self._accounts()
                    before = dict(accounts)
                    change(accounts)
                    if accounts != before:
                        self._put(accounts, key)
            except HaulierError as error:
                raise SecretFileTrouble(error.message.rstrip(".")) from None

    def _accounts(self) -> tuple[dict[str, str], OpenKey]:
        sealed = self._sealed()
        if sealed is None:
            raise SecretFileTrouble(f"there is no {self.path}")
        if self._key is None or self._key.salt != sealed.salt:
            raise SecretFileTrouble(f"{self.path} is locked")
        try:
            return sealed.open(self._key), self._key
        except Unreadable as why:
            raise SecretFileTrouble(f"{self.path}: {why.words}") from None

    # ------------------------------------------------------------ passphrases

    def _try(self, sealed: Sealed, passphrase: str) -> OpenKey:
        wait = self._next_try - self._now()
        if wait > 0:
            raise HaulierError(
                Code.REFUSED,
                f"A wrong passphrase was given: the next try is possible in {wait:.0f} s.",
                "Nothing was changed.",
            )
        register_secret(passphrase)
        try:
            key = sealed.key(passphrase[: LONGEST_PASSPHRASE * 2])
        except WrongPassphrase:
            self._wrong += 1
            seconds = min(2.0 ** (self._wrong - 1), LONGEST_WAIT)
            self._next_try = self._now() + seconds
            raise HaulierError(
                Code.REFUSED,
                f"That is not the passphrase of {self.path}.",
                f"Nothing was changed. Try again in {seconds:.0f} s.",
            ) from None
        except Unreadable as why:
            raise self._unusable(why.words) from None
        self._opened(sealed, key)
        self._wrong, self._next_try = 0, 0.0
        return key

    def _new_key(self, passphrase: str) -> OpenKey:
        try:
            return new_key(passphrase, self._work)
        except Unreadable as why:
            raise HaulierError(Code.BLOCKED, f"The passphrase cannot be used now: {why.words}.") from None

    @staticmethod
    def _is_open_with(sealed: Sealed, passphrase: str) -> bool:
        try:
            sealed.key(passphrase)
        except WrongPassphrase:
            return False
        return True

    def _opened(self, sealed: Sealed, key: OpenKey) -> dict[str, str]:
        try:
            return sealed.open(key)
        except Unreadable as why:
            raise self._unusable(why.words) from None

    # ------------------------------------------------------------ the file

    def _existing(self) -> Sealed:
        sealed = self._sealed_or_refuse()
        if sealed is None:
            raise HaulierError(
                Code.NOT_FOUND,
                f"There is no secret file {self.path} yet.",
                "`haulier secrets unlock` makes one, with a passphrase of your choice.",
            )
        return sealed

    def _sealed_or_refuse(self) -> Sealed | None:
        try:
            return self._sealed()
        except SecretFileTrouble as trouble:
            raise self._unusable(trouble.words) from None

    def _unusable(self, words: str) -> HaulierError:
        return HaulierError(
            Code.USAGE,
            f"The secret file {self.path} cannot be used: {words}.",
            "It has not been touched. Bring it back from a backup, or move it away and type the keys again.",
        )

    def _sealed(self) -> Sealed | None:
        """The file as it is now; None when there is none. Raises SecretFileTrouble."""
        try:
            stamp = stamp_of(self.path)
            if stamp is None:
                self._seen = None
                return None
            if self._seen is None or self._seen[0] != stamp:
                if stamp[1] > MOST_BYTES:
                    raise SecretFileTrouble("it is too large for a secret file")
                self._seen = stamp, take_apart(self.path.read_bytes())
            return self._seen[1]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretFileTrouble(f"it cannot be read ({error.strerror})") from None
        except Unreadable as why:
            raise SecretFileTrouble(why.words) from None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock beside the file, whose folder is made if need be. Raises HaulierError."""
        target = Path(os.path.realpath(self.path))  # a link stays a link
        make_folder(target.parent)
        with locked(target):
            yield

    def _put(self, accounts: dict[str, str], key: OpenKey) -> None:
        """Put these accounts in the place of what `_sealed` saw last. Raises HaulierError."""
        seen = self._seen[0] if self._seen is not None else None
        target = Path(os.path.realpath(self.path))
        sealed = seal(accounts, key)
        if len(sealed) > MOST_BYTES:
            raise HaulierError(
                Code.USAGE,
                f"The secret file {self.path} is as it was: larger than {MOST_BYTES >> 20} MiB it may not be.",
                "A key or token of this length is hardly one: look at what was typed or pasted.",
            )
        replace(target, sealed, lambda: stamp_of(target) == seen)
        self._seen = None


def _check_new(passphrase: str) -> None:
    """Raises HaulierError (usage) for what cannot become a passphrase."""
    register_secret(passphrase)
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise HaulierError(
            Code.USAGE,
            f"The passphrase is too short: {SHORTEST_PASSPHRASE} characters at least.",
            "Several words are easy to type and hard to guess. It cannot be brought back when it is forgotten.",
        )
    if len(passphrase) > LONGEST_PASSPHRASE or not passphrase.isprintable():
        raise HaulierError(
            Code.USAGE,
            f"The passphrase has more than {LONGEST_PASSPHRASE} characters, or one that cannot be typed.",
        )
