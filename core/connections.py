"""The file of connections: `connections.json` in the config folder, one for all faces and engines.

1. The file is `{"version": 1, "connections": [...]}`; it holds references to secrets, never a secret.
2. Every look reads it again when it has changed, so an edit by hand is seen at once.
3. Every change is read, altered and written under a lock, to a new file that is synced and then renamed over
   the old one. Whoever is killed in between leaves the old file as it was.
4. If the file changes between the reading and the renaming (an editor takes no lock), nothing is written.
5. A damaged file is an error that names file, line and column; it is never overwritten.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from core.connection_rules import check_connection, check_endpoint, check_name
from core.errors import Code, HaulierError
from core.json_position import line_and_column, offset_of, steps_of
from core.model import Connection, Value
from core.safe_text import safe_text

VERSION = 1
_LOCK_WAIT = 5.0  # seconds; a change takes milliseconds

Connections = tuple[Connection, ...]
_Stamp = tuple[int, int, int] | None


class _File(Value, frozen=True, kw_only=True, omit_defaults=False):
    version: int = VERSION
    connections: Connections = ()


class ConnectionRegistry:
    """The connections, in the order of their names. Thread-safe; several processes may use one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[_Stamp, Connections] | None = None

    @property
    def path(self) -> Path:
        return self._path

    def list(self) -> Connections:
        """All connections. Raises HaulierError (usage) when the file is damaged or cannot be read."""
        with self._lock:
            stamp = self._stamp()
            if self._seen is None or self._seen[0] != stamp:
                self._seen = stamp, self._read()
            return self._seen[1]

    def get(self, name: str) -> Connection:
        """Raises HaulierError (not_found)."""
        connections = self.list()
        for connection in connections:
            if connection.name == name:
                return connection
        names = ", ".join(connection.name for connection in connections) or "none yet"
        raise HaulierError(
            Code.NOT_FOUND,
            f"There is no connection {safe_text(name, 60)}.",
            f"Connections: {safe_text(names, 300)}.",
        )

    def put(self, connection: Connection, replaces: str = "") -> Connection:
        """Add a connection, or put it in the place of the one called `replaces` (which may rename it).

        Returns it as it was kept. Raises HaulierError: usage when it cannot be (see `connection_rules`),
        refused when another one has that name, not_found when there is nothing called `replaces`.
        """
        kept = check_connection(connection)

        def change(old: Connections) -> Connections:
            names = {each.name for each in old}
            if replaces and replaces not in names:
                raise HaulierError(
                    Code.NOT_FOUND, f"There is no connection {safe_text(replaces, 60)} any more."
                )
            if kept.name in names - {replaces}:
                raise HaulierError(
                    Code.REFUSED,
                    f"There is a connection {kept.name} already.",
                    "Choose another name, or edit that one.",
                )
            return (*(each for each in old if each.name != replaces), kept)

        self._change(change)
        return kept

    def remove(self, name: str) -> Connection:
        """Take a connection out of the file and return it. Its secret is left alone. Raises not_found."""
        gone = self.get(name)
        self._change(lambda old: tuple(each for each in old if each.name != name))
        return gone

    def _change(self, change: Callable[[Connections], Connections]) -> None:
        with self._lock:
            target = Path(os.path.realpath(self._path))  # a link stays a link
            _make_folder(target.parent)
            with _locked(target):
                stamp = self._stamp()
                new = tuple(sorted(change(self._read()), key=lambda each: each.name))
                data = msgspec.json.format(msgspec.json.encode(_File(connections=new)), indent=2) + b"\n"
                _replace(target, data, lambda: self._stamp() == stamp)
                self._seen = None

    def _stamp(self) -> _Stamp:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error) from None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _read(self) -> Connections:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unreadable(error) from None
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            readable = data[: error.start].decode()
            raise self._damaged(readable, len(readable), "a byte that is not UTF-8") from None
        return self._parse(text)

    def _parse(self, text: str) -> Connections:
        try:
            raw: Any = json.loads(text)
        except json.JSONDecodeError as error:
            raise self._damaged(text, error.pos, error.msg) from None
        except RecursionError:
            raise self._damaged(text, 0, "nested too deeply") from None
        version = raw.get("version") if isinstance(raw, dict) else None
        if isinstance(version, int) and version > VERSION:
            raise HaulierError(
                Code.USAGE,
                f"{self._path} was written by a newer haulier (version {version} of the file).",
                "Use that one, or move the file away. It has not been touched.",
            )
        try:
            connections = msgspec.convert(raw, _File).connections
        except msgspec.ValidationError as error:
            words, _, path = str(error).partition(" - at ")
            raise self._damaged(text, offset_of(text, steps_of(path)), words) from None
        seen: set[str] = set()
        for index, connection in enumerate(connections):
            for field, check in (("name", check_name), ("endpoint", check_endpoint)):
                try:
                    check(getattr(connection, field))
                except HaulierError as error:
                    at = offset_of(text, ("connections", index, field))
                    raise self._damaged(text, at, error.message) from None
            if connection.name in seen:
                at = offset_of(text, ("connections", index, "name"))
                raise self._damaged(text, at, f"a second connection {connection.name}")
            seen.add(connection.name)
        return connections

    def _damaged(self, text: str, offset: int, words: str) -> HaulierError:
        line, column = line_and_column(text, offset)
        return HaulierError(
            Code.USAGE,
            f"{self._path}, line {line}, column {column}: {safe_text(words, 200).rstrip('.')}.",
            "Mend the file, or move it away to start with none. It has not been touched.",
        )

    def _unreadable(self, error: OSError) -> HaulierError:
        return HaulierError(Code.USAGE, f"{self._path} cannot be read: {error.strerror}.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HaulierError(Code.USAGE, f"The folder {folder} cannot be made: {error.strerror}.") from None


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Hold the lock beside `target`; it is freed with the process. Raises HaulierError when it stays taken."""
    try:
        descriptor = os.open(
            target.with_name(f".{target.name}.lock"),
            os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
            0o600,
        )
    except OSError as error:
        raise HaulierError(Code.USAGE, f"{target} cannot be changed: {error.strerror}.") from None
    try:
        deadline = time.monotonic() + _LOCK_WAIT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise HaulierError(
                        Code.REFUSED, f"{target} is being changed by another haulier.", "Try again in a moment."
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _replace(target: Path, data: bytes, unchanged: Callable[[], bool]) -> None:
    """Put `data` in the place of `target`, durably and at once, if `unchanged` still says so at the end.

    The new file's name is fixed: only the holder of the lock writes it, and one left by a killed process is
    overwritten by the next.
    """
    new = target.with_name(f".{target.name}.new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not unchanged():
            new.unlink()
            raise HaulierError(
                Code.REFUSED,
                f"{target} was changed by another program just now; nothing was written.",
                "Look at it again, then repeat the change.",
            )
        new.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise HaulierError(Code.BLOCKED, f"{target} cannot be written: {error.strerror}.") from None
