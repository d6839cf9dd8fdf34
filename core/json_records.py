"""A file of records in the config folder, one for all faces and engines: connections, kept repositories.

1. The file is `{"version": 1, "<what>": [...]}`. It never holds a secret.
2. Every look reads it again when it has changed, so an edit by hand is seen at once.
3. Every change is read, altered and written under a lock, to a new file that is synced and then renamed over
   the old one. Whoever is killed in between leaves the old file as it was.
4. If the file changes between the reading and the renaming (an editor takes no lock), nothing is written.
5. A damaged file is an error that names file, line and column; it is never overwritten.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from core.errors import Code, HaulierError
from core.json_position import line_and_column, offset_of, steps_of
from core.kept_file import Stamp, locked, make_folder, replace, stamp_of
from core.model import Value
from core.safe_text import safe_text

VERSION = 1

T = TypeVar("T", bound=Value)


class Problem(Exception):
    """Why a record cannot stand in the file: `field` of it, in words."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


class JsonRecords(Generic[T]):
    """Records in the order of their keys. Thread-safe; several processes may use one file."""

    def __init__(
        self,
        path: Path,
        what: str,
        kind: type[T],
        key: Callable[[T], Any],
        check: Callable[[T], None],
    ) -> None:
        """`what` names the list in the file. No two records have the same `key`, which sorts them. `check`
        raises Problem for a record that cannot be."""
        self.path = path
        self._what = what
        self._key = key
        self._check = check
        fields: list[tuple[str, Any, Any]] = [("version", int, VERSION), (what, tuple[kind, ...], ())]  # type: ignore[valid-type]
        self._file = msgspec.defstruct("File", fields, frozen=True, kw_only=True)
        self._lock = threading.Lock()
        self._seen: tuple[Stamp, tuple[T, ...]] | None = None

    def list(self) -> tuple[T, ...]:
        """All records. Raises HaulierError (usage) when the file is damaged or cannot be read."""
        with self._lock:
            stamp = self._stamp()
            if self._seen is None or self._seen[0] != stamp:
                self._seen = stamp, self._read()
            return self._seen[1]

    def change(self, change: Callable[[tuple[T, ...]], tuple[T, ...]]) -> None:
        """Put what `change` makes of the records in their place. Raises what it raises, and HaulierError when
        the file cannot be read or written."""
        with self._lock:
            target = Path(os.path.realpath(self.path))  # a link stays a link
            make_folder(target.parent)
            with locked(target):
                stamp = self._stamp()
                new = tuple(sorted(change(self._read()), key=self._key))
                data = msgspec.json.format(msgspec.json.encode(self._file(**{self._what: new})), indent=2)
                replace(target, data + b"\n", lambda: self._stamp() == stamp)
                self._seen = None

    def _stamp(self) -> Stamp:
        try:
            return stamp_of(self.path)
        except OSError as error:
            raise self._unreadable(error) from None

    def _read(self) -> tuple[T, ...]:
        try:
            data = self.path.read_bytes()
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

    def _parse(self, text: str) -> tuple[T, ...]:
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
                f"{self.path} was written by a newer haulier (version {version} of the file).",
                "Use that one, or move the file away. It has not been touched.",
            )
        try:
            records: tuple[T, ...] = getattr(msgspec.convert(raw, self._file), self._what)
        except msgspec.ValidationError as error:
            words, _, path = str(error).partition(" - at ")
            raise self._damaged(text, offset_of(text, steps_of(path)), words) from None
        seen: set[Hashable] = set()
        for index, record in enumerate(records):
            try:
                self._check(record)
                if self._key(record) in seen:
                    raise Problem(record.__struct_fields__[0], f"a second one of the {self._what} like it")
            except Problem as problem:
                at = offset_of(text, (self._what, index, problem.field))
                raise self._damaged(text, at, problem.words) from None
            seen.add(self._key(record))
        return records

    def _damaged(self, text: str, offset: int, words: str) -> HaulierError:
        line, column = line_and_column(text, offset)
        return HaulierError(
            Code.USAGE,
            f"{self.path}, line {line}, column {column}: {safe_text(words, 200).rstrip('.')}.",
            "Mend the file, or move it away to start with none. It has not been touched.",
        )

    def _unreadable(self, error: OSError) -> HaulierError:
        return HaulierError(Code.USAGE, f"{self.path} cannot be read: {error.strerror}.")
