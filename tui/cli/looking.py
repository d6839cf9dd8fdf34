"""What a place written without a trailing slash really is, asked of the engine."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.errors import Code, HaulierError
from core.messages import ListEntries
from core.model import Adhoc, Entry, Place
from core.safe_text import safe_text
from tui.cli.session import Session


async def look_at(session: Session, place: Place, adhoc: Adhoc) -> tuple[Place, Entry | None]:
    """The place, with a slash when it is a folder; and the object or file when it is one, under its last name.

    An object comes before a folder of the same name, as everywhere. Raises HaulierError: not_found when there
    is neither, or no such bucket; blocked when the store cannot be asked.
    """
    if place.kind == "local":
        return _look_here(place)
    if place.kind == "web":
        return place, None
    if place.kind == "hub" and not place.is_folder:
        return await _look_in_repo(session, place, adhoc)
    if place.is_folder:
        await session.call(
            ListEntries(place=place, limit=1, adhoc=adhoc)
        )  # raises when there is no such bucket
        return place, None
    found = await _find_object(session, place, adhoc)
    if found is not None:
        return place, found
    folder = msgspec.structs.replace(place, path=f"{place.path}/")
    if (await session.call(ListEntries(place=folder, limit=1, adhoc=adhoc))).entries:
        return folder, None
    raise HaulierError(Code.NOT_FOUND, f"{safe_text(str(place))}: no such object, and nothing below it")


def _look_here(place: Place) -> tuple[Place, Entry | None]:
    path = Path(place.path)
    if path.is_dir():
        return place if place.is_folder else msgspec.structs.replace(place, path=f"{place.path}/"), None
    if place.is_folder or not path.exists():
        raise HaulierError(Code.NOT_FOUND, f"{safe_text(place.path)}: no such file or folder")
    found = path.stat()
    return place, Entry(key=path.name, size=found.st_size, modified=found.st_mtime)


async def _look_in_repo(session: Session, place: Place, adhoc: Adhoc) -> tuple[Place, Entry | None]:
    """A Hub lists in an order of its own: the folder above is looked through, one level of it."""
    above, slash, name = place.path.rpartition("/")
    parent, cursor = msgspec.structs.replace(place, path=above + slash), ""
    while True:
        page = await session.call(ListEntries(place=parent, cursor=cursor, limit=1000, adhoc=adhoc))
        for entry in page.entries:
            if entry.key == name:
                return place, entry
            if entry.key == f"{name}/":
                return msgspec.structs.replace(place, path=f"{place.path}/"), None
        cursor = page.cursor
        if not cursor:
            raise HaulierError(Code.NOT_FOUND, f"{safe_text(str(place))}: no such file or folder")


async def _find_object(session: Session, place: Place, adhoc: Adhoc) -> Entry | None:
    """The engine lists, it has no question for one object: begin just before its name and stop just after."""
    above, slash, name = place.path.rpartition("/")
    parent = msgspec.structs.replace(place, path=above + slash)
    cursor, wanted = name[:-1], name.encode()
    while True:
        page = await session.call(
            ListEntries(place=parent, recursive=True, cursor=cursor, limit=1000, adhoc=adhoc)
        )
        for entry in page.entries:
            if entry.key == name:
                return entry
            if entry.key.encode() > wanted:
                return None
        if not page.cursor:
            return None
        cursor = page.cursor
