"""The end of a batch: what the check found becomes the disk's manifest, the catalogue, and the job's record.

1. The disk under the folder is the batch's, by its marker.
2. Every file that the check found right goes into the catalogue and is completed in the campaign, in groups.
3. The manifest is written to the disk from the catalogue, then the marker names it, then the file system is
   synced. Only then is the batch called safe, by the caller.
A kill in between leaves a batch that is being checked: all of this is done again, with the same result.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from core.engine.journal.campaign_rows import GROUP, BatchRow, CheckedItem
from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.engine.planning.route import Route
from core.engine.upkeep.disks import room_at
from core.errors import DiskTrouble, OtherDisk
from core.model import Entry, JobSpec, shown_url
from core.stores.base import CancelFlag, Cancelled
from core.stores.disk.manifest import From, Header, Line, manifest_name, write_manifest
from core.stores.disk.marker import Held, Marker, read_marker, write_marker
from core.syncing import sync_file_system


def right_disk(batch: BatchRow) -> Marker:
    """The marker of the disk that a batch is on. Raises OtherDisk when it is not there, TransferError,
    HaulierError."""
    marker = read_marker(Path(batch.target))
    if marker is None or marker.id != batch.disk:
        raise OtherDisk(f"disk {batch.disk} is not at {batch.target} any more")
    return marker


def check_batch_disk(spec: JobSpec, journal: Journal) -> None:
    """The disk of a batch's job is where the batch was begun, by its marker: an identity of the file system may
    come again, and a folder on which nothing is mounted has none of its own. Raises as `right_disk`."""
    batch = journal.campaigns.batch(spec.batch_of, spec.batch) if spec.batch_of else None
    if batch is not None:
        right_disk(batch)


def settle(
    campaign: JobRow, batch: BatchRow, of: int, journal: Journal, left_out: int, stopped: CancelFlag
) -> None:
    """Blocks. `of` is the number of batches, `left_out` of files that could not be fetched. Raises
    TransferError or HaulierError when the disk does not take its records, Cancelled when it was stopped:
    nothing is called safe then."""
    root = Path(batch.target)
    marker = right_disk(batch)
    now = time.time()
    files, size = _into_the_catalogue(campaign, batch, journal, now, stopped)
    token = journal.campaigns.token(campaign.id)
    header = Header(
        campaign=token,
        batch=batch.number,
        batches=of,
        disk=batch.disk,
        job=campaign.id,
        title=campaign.title,
        made=now,
        left_out=left_out,
        sources=tuple(From(place=str(route.source), commit=route.commit) for route in campaign.routes),
    )
    lines = journal.catalogue.lines(batch.disk, campaign.id, batch.number)
    write_manifest(root, header, _until(stopped, lines))
    held = Held(
        campaign=token,
        batch=batch.number,
        job=campaign.id,
        title=campaign.title,
        manifest=manifest_name(token, batch.number),
    )
    write_marker(root, marker.holding(held))
    try:
        if not sync_file_system(root):
            os.sync()
        total = room_at(root).total
    except OSError as error:
        raise DiskTrouble(f"{root}: {error.strerror}") from error
    journal.catalogue.complete(batch.disk, campaign.id, batch.number, files, size)
    journal.catalogue.seen(batch.disk, marker.label, batch.target, total, now)


def _until(stopped: CancelFlag, lines: Iterator[Line]) -> Iterator[Line]:
    for line in lines:
        if stopped.is_set():
            raise Cancelled
        yield line


def _into_the_catalogue(
    campaign: JobRow, batch: BatchRow, journal: Journal, at: float, stopped: CancelFlag
) -> tuple[int, int]:
    """Files and bytes that were noted. What of the batch is not among them failed."""
    catalogue, campaigns = journal.catalogue, journal.campaigns
    campaigns.reopen(campaign.id, batch.number)
    catalogue.forget(campaign.id, batch.number)
    folders = folders_below(campaign.routes)
    files = size = 0
    group: list[tuple[int, CheckedItem]] = []

    def write() -> None:
        catalogue.add(
            batch.disk,
            campaign.id,
            batch.number,
            [_line(one, campaign.routes[one.route], folders[one.route]) for _, one in group if one.digest],
        )
        campaigns.done(campaign.id, group, at)

    for item, one in _matched(campaign, batch, journal):
        group.append((item, one))
        if one.digest:
            files, size = files + 1, size + one.entry.size
        if stopped.is_set():
            raise Cancelled
        if len(group) == GROUP:
            write()
            group = []
    if group:
        write()
    campaigns.not_done(campaign.id, batch.number, "could not be fetched")
    return files, size


def _matched(campaign: JobRow, batch: BatchRow, journal: Journal) -> Iterator[tuple[int, CheckedItem]]:
    """The campaign's items with what the check found of them; both come in the order of names. Folders, which
    no job checks, are there when the check says nothing against them."""
    checked = journal.campaigns.checked(batch.checker)
    wrong = journal.campaigns.failed_names(batch.checker)
    found, failed = next(checked, None), next(wrong, None)
    for item, route, name in journal.campaigns.batch_items(campaign.id, batch.number):
        while found is not None and (found.route, found.name) < (route, name):
            found = next(checked, None)
        while failed is not None and failed < (route, name):
            failed = next(wrong, None)
        if found is not None and (found.route, found.name) == (route, name):
            yield item, found
        elif name.endswith("/") and failed != (route, name):
            yield item, CheckedItem(route, name, "", Entry(key=name), "", "")


def _line(one: CheckedItem, route: Route, folder: str) -> Line:
    entry = one.entry
    return Line(
        name=folder + route.target_key(one.name, one.path),
        size=entry.size,
        sha256=one.digest,
        etag=entry.etag,
        proof=one.proof,
        source=one.route,
        url=shown_url(entry.url) if entry.url else "",
        modified=entry.modified,
    )


def folders_below(routes: tuple[Route, ...]) -> list[str]:
    """Where each route of a campaign goes on a disk, below the disk's folder: "" or ending in "/"."""
    root = common_root(routes)
    return [
        "" if (below := os.path.relpath(route.target_root, root)) == "." else f"{below}/" for route in routes
    ]


def common_root(routes: tuple[Route, ...]) -> str:
    """The folder of the campaign's first disk, which all its targets are below."""
    return os.path.commonpath([route.target_root for route in routes])
