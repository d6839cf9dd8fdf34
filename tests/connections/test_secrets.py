"""The vault without a keyring service, and the backends that must never be chosen."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import pytest

from core.errors import BadCredentials, Code, HaulierError
from core.keyring_access import ALLOWED, Backend, OsKeyring
from core.log import clean
from core.model import ChainCredentials, KeyringCredentials, SecretKeys, SessionCredentials
from core.secrets import SecretVault

KEYS = SecretKeys(access_key_id="AKEY", secret_access_key="a-very-secret-key", session_token="a-token-too")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_session_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")


class PlaintextKeyring(keyring.backend.KeyringBackend):
    """As keyrings.alt's: viable everywhere, and writing down what it is given."""

    priority = 20  # higher than every real one
    told: list[str] = []  # noqa: RUF012

    def get_password(self, service: str, username: str) -> str | None:
        self.told.append(username)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.told.append(password)

    def delete_password(self, service: str, username: str) -> None:
        self.told.append(username)


class HangingKeyring(PlaintextKeyring):
    """Never answers until it is let go."""

    released = threading.Event()
    calls: list[str] = []  # noqa: RUF012

    def get_password(self, service: str, username: str) -> str | None:
        self.calls.append(username)
        self.released.wait()
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.get_password(service, username)


HANGING = (Backend(__name__, "HangingKeyring", "Hanging"),)


@pytest.fixture
def hanging() -> Iterator[OsKeyring]:
    HangingKeyring.released.clear()
    HangingKeyring.calls.clear()
    yield OsKeyring(limit=0.3, allowed=HANGING)
    HangingKeyring.released.set()


def test_without_a_bus_there_is_only_memory_and_the_words_say_so() -> None:
    """No session bus, as on an SSH server: nothing can be kept, and that is said before anything is kept."""
    vault = SecretVault()
    assert not vault.can_keep
    assert vault.where() == "memory only, until the engine stops: no keyring service is running here"
    with pytest.raises(HaulierError) as refused:
        vault.keep("prod", KEYS, in_memory_ok=False)
    assert refused.value.code is Code.REFUSED
    assert "no keyring service is running here" in refused.value.message
    kept = vault.keep("prod", KEYS, in_memory_ok=True)
    assert isinstance(kept, SessionCredentials)
    assert vault.keys(kept.ref) == KEYS


def test_a_plaintext_backend_is_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend of highest priority, also named by keyring's own environment variable and set as keyring's
    choice, sees nothing: neither a secret nor a question."""
    PlaintextKeyring.told.clear()
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"{__name__}.PlaintextKeyring")
    before = keyring.get_keyring()
    keyring.set_keyring(PlaintextKeyring())  # type: ignore[no-untyped-call]
    try:
        vault = SecretVault()
        kept = vault.keep("prod", KEYS, in_memory_ok=True)
        vault.forget(kept)
        with pytest.raises(BadCredentials):
            vault.keys("prod@0123")
    finally:
        keyring.set_keyring(before)
    assert isinstance(kept, SessionCredentials)
    assert PlaintextKeyring.told == []


def test_the_list_of_backends_is_this_one() -> None:
    """Only backends that encrypt are allowed; adding one is a decision that changes this test."""
    assert {f"{each.module}.{each.name}" for each in ALLOWED} == {
        "keyring.backends.macOS.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
    }


def test_a_backend_that_only_pretends_is_noticed() -> None:
    """A backend that takes a secret and stores nothing (as keyring's null does) keeps nothing of ours."""
    pretending = OsKeyring(allowed=(Backend(__name__, "PlaintextKeyring", "Pretending"),))
    kept = SecretVault(pretending).keep("prod", KEYS, in_memory_ok=True)
    assert isinstance(kept, SessionCredentials)


def test_a_hanging_backend_costs_the_limit_once(hanging: OsKeyring) -> None:
    """Each kind of call comes back after the limit; while the first thread hangs no other is started."""
    vault = SecretVault(hanging)
    started = time.monotonic()
    with pytest.raises(BadCredentials, match="did not answer within"):
        vault.keys("prod@0123")
    assert 0.2 < time.monotonic() - started < 2
    for _ in range(20):
        with pytest.raises(BadCredentials, match="does not answer"):
            vault.keys("prod@0123")
    assert isinstance(vault.keep("prod", KEYS, in_memory_ok=True), SessionCredentials)
    assert time.monotonic() - started < 3
    assert HangingKeyring.calls == ["prod@0123"]


def test_a_hanging_backend_does_not_keep_the_process() -> None:
    """A process with an abandoned keyring thread ends when it wants to."""
    program = (
        "from core.keyring_access import OsKeyring; from tests.connections import test_secrets as t\n"
        "try: OsKeyring(limit=0.2, allowed=t.HANGING).read('x')\n"
        "except Exception as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert "did not answer" in done.stdout


def test_keys_in_memory_are_gone_after_a_restart_with_advice() -> None:
    """A new vault stands for a restarted engine; each kind of reference says what to do about it."""
    vault = SecretVault()
    kept = vault.keep("prod", KEYS, in_memory_ok=True)
    assert isinstance(kept, SessionCredentials)
    assert vault.knows(kept)
    restarted = SecretVault()
    assert not restarted.knows(kept)
    with pytest.raises(BadCredentials, match="type them again"):
        restarted.keys(kept.ref)
    with pytest.raises(BadCredentials, match="AWS_ACCESS_KEY_ID"):
        restarted.keys("env-0123456789abcdef")
    with pytest.raises(BadCredentials, match="keyring"):
        restarted.keys("prod@0123456789abcdef")


def test_keys_can_be_provided_and_forgotten() -> None:
    """A face gives the keys of a reference again; forgetting takes them back and may be repeated."""
    vault = SecretVault()
    vault.provide("env-0123", KEYS)
    assert vault.keys("env-0123") == KEYS
    vault.forget(SessionCredentials(ref="env-0123"))
    vault.forget(SessionCredentials(ref="env-0123"))
    vault.forget(ChainCredentials())
    with pytest.raises(BadCredentials):
        vault.keys("env-0123")


def test_forgetting_what_the_keyring_keeps_is_not_pretended() -> None:
    """When the keyring cannot be reached its entry stays, and the error names where it is."""
    with pytest.raises(HaulierError) as left:
        SecretVault().forget(KeyringCredentials(ref="prod@0123"))
    assert left.value.code is Code.BLOCKED
    assert "prod@0123" in left.value.message


@pytest.mark.parametrize("pasted", ["", "abc def", "abc\n", "abc\x1b[31m", "\u202eabc"])
def test_keys_that_cannot_be_keys_are_refused_unquoted(pasted: str) -> None:
    """An empty key, or one pasted with a line end, is refused without repeating it."""
    with pytest.raises(HaulierError) as refused:
        SecretVault().keep(
            "prod", SecretKeys(access_key_id="AKEY", secret_access_key=pasted), in_memory_ok=True
        )
    assert refused.value.code is Code.USAGE
    assert not pasted or pasted not in str(refused.value) + refused.value.hint


def test_known_secrets_are_cut_from_the_log() -> None:
    """Whatever the vault has seen, the log's filter knows."""
    SecretVault().provide("env-1", KEYS)
    assert KEYS.secret_access_key not in clean(f"the server says {KEYS.secret_access_key}")
    assert KEYS.session_token not in clean(f"the server says {KEYS.session_token}")
