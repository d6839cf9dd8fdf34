"""All that is told of one object or file. Blocking; called in threads."""

from __future__ import annotations

import os
import stat as stat_modes
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from core.engine.looking import as_refusal, open_place
from core.engine.storebook import SourceStore, StoreBook
from core.errors import Code, HaulierError, TransferError
from core.listings import LookAtObject, ObjectDetails, ObjectVersion
from core.model import Place
from core.safe_text import safe_text
from core.stores.hub import HubRepo
from core.stores.local import LocalFolder
from core.stores.s3 import S3Bucket

MOST_VERSIONS = 200
T = TypeVar("T")


def look_at_object(stores: StoreBook, command: LookAtObject) -> ObjectDetails:
    """Raises HaulierError: not_found, blocked (mendable), usage for a folder."""
    place = command.place
    folder, _, name = place.path.rpartition("/")
    if not name:
        raise HaulierError(Code.USAGE, f"{place} is a folder", "Choose a file in it.")
    local = place.kind == "local"
    try:
        store, _ = open_place(stores, replace(place, path=f"{folder}/") if local else place, command.adhoc)
        with closing(store) if isinstance(store, LocalFolder) else nullcontext():
            return _details(store, place, name if local else place.path)
    except TransferError as error:
        raise as_refusal(error) from error


def _details(store: SourceStore, place: Place, key: str) -> ObjectDetails:
    info = store.stat(key)
    told = info.metadata
    untold: list[str] = []
    tags: Mapping[str, str] = told.tags
    versions: list[ObjectVersion] = []
    more = False
    facts: dict[str, str] = {}
    if isinstance(store, S3Bucket):
        tags = _asked("its tags", lambda: store.tags_of(info), tags, untold)
        versions, more = _asked(
            "its versions", lambda: store.versions.of(key, MOST_VERSIONS), (versions, more), untold
        )
    elif isinstance(store, HubRepo):
        facts["commit"] = info.version_id
    elif isinstance(store, LocalFolder):
        facts = _facts(Path(place.path))
    return ObjectDetails(
        place=place, size=info.entry.size, modified=info.entry.modified, etag=info.entry.etag,
        storage_class=info.entry.storage_class or told.storage_class,
        version_id=info.version_id, part_size=info.part_size, headers=told.headers, user=told.user,
        tags=tags, checksums=told.checksums, facts=facts,
        versions=tuple(versions), more_versions=more, untold=tuple(untold),
    )  # fmt: skip


def _asked(what: str, ask: Callable[[], T], otherwise: T, untold: list[str]) -> T:
    """An answer that an object can be shown without."""
    try:
        return ask()
    except TransferError as error:
        untold.append(f"{what}: {safe_text(error.message)}")
        return otherwise


def _facts(path: Path) -> dict[str, str]:
    try:
        status = path.stat()
    except OSError as error:
        return {"mode": f"cannot be told: {error.strerror}"}
    facts = {
        "mode": f"{stat_modes.filemode(status.st_mode)} ({stat_modes.S_IMODE(status.st_mode):04o})",
        "owner": f"uid {status.st_uid}, gid {status.st_gid}",
        "on disk": f"{status.st_blocks * 512} bytes",
    }
    if path.is_symlink():
        facts["link to"] = os.path.realpath(path)
    if status.st_nlink > 1:
        facts["hard links"] = str(status.st_nlink)
    return facts
