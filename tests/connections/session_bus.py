"""What runs inside a session bus of its own: `python -m tests.connections.session_bus SCENARIO FOLDER`.

The scenarios use the program's own classes against a real gnome-keyring-daemon and print one JSON object of
what they saw; the tests outside judge it. The secret comes on standard input, as it would from a person.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import secretstorage

from core.connection_desk import ConnectionDesk
from core.connections import ConnectionRegistry
from core.errors import BadCredentials
from core.keyring_access import OsKeyring
from core.log import start_log
from core.messages import ListConnections, RemoveConnection, SaveConnection
from core.model import Connection, KeyringCredentials, SecretKeys
from core.secrets import SecretVault
from tests.servers import rclone

FAST = 1.0  # seconds; the limit in scenarios that wait for it


@contextmanager
def gnome_keyring() -> Iterator[subprocess.Popen[bytes]]:
    """A daemon with an unlocked login keyring, serving secrets on this bus while the block runs."""
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert daemon.stdin is not None
    daemon.stdin.write(b"the keyring's own password")
    daemon.stdin.close()
    try:
        until(lambda: SecretVault().can_keep)
        yield daemon
    finally:
        daemon.send_signal(signal.SIGCONT)
        daemon.terminate()
        daemon.wait(10)


def until(holds: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def life(folder: Path, keys: SecretKeys) -> dict[str, Any]:
    """Add, read back, edit, remove a connection with typed keys; a second vault stands for a restart."""
    start_log(folder / "engine.log")
    registry = ConnectionRegistry(folder / "config/connections.json")
    vault = SecretVault()
    desk = ConnectionDesk(registry, vault)
    seen: dict[str, Any] = {"where": desk.list(ListConnections()).keeps_secrets_in, "can_keep": vault.can_keep}
    add = SaveConnection(connection=Connection(name="prod"), keys=keys, untested_ok=True)
    seen["repr"] = repr(add)
    added = desk.save(add)
    seen["file"] = registry.path.read_text()
    assert isinstance(added.credentials, KeyringCredentials)
    seen["after restart"] = SecretVault().keys(added.credentials.ref) == keys
    seen["in memory"] = repr(vars(vault)["_memory"])
    seen["entries"] = entries()

    other = SecretKeys(access_key_id="OTHERKEY", secret_access_key=keys.secret_access_key[::-1])
    edited = desk.save(SaveConnection(connection=added, keys=other, replaces="prod", untested_ok=True))
    assert isinstance(edited.credentials, KeyringCredentials)
    seen["after edit"] = SecretVault().keys(edited.credentials.ref) == other
    seen["entries after edit"] = entries()
    try:
        SecretVault().keys(added.credentials.ref)
    except BadCredentials as error:
        seen["old reference"] = error.message

    copied = desk.save(
        SaveConnection(connection=Connection(name="twin", credentials=edited.credentials), untested_ok=True)
    )
    seen["a copy has its own entry"] = copied.credentials != edited.credentials and len(entries()) == 2
    desk.remove(RemoveConnection(name="prod"))
    desk.remove(RemoveConnection(name="twin"))
    seen["entries after removal"] = entries()
    seen["argv"] = Path("/proc/self/cmdline").read_text()
    return seen


def program(folder: Path) -> dict[str, Any]:
    """The whole program as a person uses it: commands, and an engine that is stopped in between."""
    (folder / "served").mkdir()
    seen: dict[str, Any] = {}
    with rclone(folder / "served") as server:
        server.boto3().create_bucket(Bucket="found")
        try:
            where = ["--endpoint", server.endpoint, "--access-key-id", server.access_key, "--secret-stdin"]
            seen["add"] = haulier("connections", "add", "mine", *where, secret=server.secret_key)
            pid = json.loads(haulier("engine", "status", "--json")[1])["pid"]
            process = Path("/proc") / str(pid)
            seen["engine's arguments"] = (process / "cmdline").read_text()
            seen["engine's environment"] = (process / "environ").read_text()
            seen["stop"] = haulier("engine", "stop")
            seen["ls"] = haulier("ls", "mine:")
            seen["test"] = haulier("connections", "test", "mine")
            seen["entries"] = entries()
            seen["remove"] = haulier("connections", "remove", "mine")
            seen["entries after removal"] = entries()
        finally:
            haulier("engine", "stop")
    return seen


def haulier(*words: str, secret: str = "") -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tui", *words],
        input=secret + "\n" if secret else None,
        stdin=None if secret else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [done.returncode, done.stdout, done.stderr]


def locked(folder: Path, keys: SecretKeys) -> dict[str, Any]:
    """The keyring is locked after the keys were stored."""
    vault = SecretVault()
    kept = vault.keep("prod", keys, in_memory_ok=False)
    assert isinstance(kept, KeyringCredentials)
    with closing(secretstorage.dbus_init()) as bus:
        secretstorage.get_default_collection(bus).lock()
    started = time.monotonic()
    seen = without_keyring(SecretVault(), kept, keys)
    seen["seconds"] = time.monotonic() - started
    return seen


def hanging(folder: Path, keys: SecretKeys, daemon: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The daemon is there and answers nothing any more; then it does again."""
    vault = SecretVault()
    kept = vault.keep("prod", keys, in_memory_ok=False)
    assert isinstance(kept, KeyringCredentials)
    daemon.send_signal(signal.SIGSTOP)
    frozen = OsKeyring(limit=FAST)
    started = time.monotonic()
    seen = without_keyring(SecretVault(frozen), kept, keys)
    seen["seconds"] = time.monotonic() - started
    daemon.send_signal(signal.SIGCONT)
    until(lambda: back(SecretVault(frozen), kept, keys))
    seen["came back"] = True
    return seen


def without_keyring(vault: SecretVault, kept: KeyringCredentials, keys: SecretKeys) -> dict[str, Any]:
    seen: dict[str, Any] = {"where": vault.where(), "can_keep": vault.can_keep}
    try:
        vault.keys(kept.ref)
    except BadCredentials as error:
        seen["keys"] = error.message
    in_memory = vault.keep("prod", keys, in_memory_ok=True)
    seen["kept as"] = type(in_memory).__name__
    return seen


def back(vault: SecretVault, kept: KeyringCredentials, keys: SecretKeys) -> bool:
    try:
        return vault.keys(kept.ref) == keys
    except BadCredentials:
        return False


def entries() -> list[str]:
    """Labels of what the keyring holds of this program, asked without the program."""
    with closing(secretstorage.dbus_init()) as bus:
        return [item.get_label() for item in secretstorage.search_items(bus, {"service": "haulier"})]


def main() -> None:
    scenario, folder = sys.argv[1], Path(sys.argv[2])
    keys = SecretKeys(access_key_id="TESTKEY", secret_access_key=sys.stdin.readline().strip())
    os.environ.pop("DISPLAY", None)
    with gnome_keyring() as daemon:
        if scenario == "life":
            seen = life(folder, keys)
        elif scenario == "program":
            seen = program(folder)
        elif scenario == "locked":
            seen = locked(folder, keys)
        else:
            seen = hanging(folder, keys, daemon)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
