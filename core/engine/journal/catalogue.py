"""Which disk holds what. The catalogue stays when the campaigns that filled the disks are forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.engine.journal.database import Database
from core.model import BatchState, DiskFile, KnownDisk
from core.stores.disk.manifest import Line

GROUP = 2000
STEP = 20_000  # rows deleted in one transaction


class Catalogue:
    """Part of the journal. Writing raises DiskTrouble. Thread-safe."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def seen(self, disk: str, label: str, path: str, total: int, at: float) -> None:
        """The disk was here."""
        with self._db.write() as db:
            db.execute(
                "INSERT INTO known_disks (id, label, seen, path, total) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET label = excluded.label, seen = excluded.seen, "
                "path = excluded.path, total = excluded.total",
                (disk, label, at, path, total),
            )

    def verified(self, disk: str, at: float) -> None:
        """Everything on the disk was read and is what its manifests say. A disk that is not known stays so."""
        with self._db.write() as db:
            db.execute("UPDATE known_disks SET verified = ?, seen = ? WHERE id = ?", (at, at, disk))

    def knows(self, disk: str) -> bool:
        return bool(self._db.rows("SELECT 1 FROM known_disks WHERE id = ?", (disk,)))

    def label(self, disk: str) -> str:
        rows = self._db.rows("SELECT label FROM known_disks WHERE id = ?", (disk,))
        return str(rows[0][0]) if rows else ""

    # ------------------------------------------------------------ what a batch put there

    def forget(self, job: int, batch: int) -> None:
        """A batch is nowhere any more as far as is known; in groups."""
        with self._db.write() as db:
            db.execute("DELETE FROM disk_batches WHERE job = ? AND batch = ?", (job, batch))
        for (disk,) in self._db.rows("SELECT id FROM known_disks"):
            self._remove_files(disk, job, batch)

    def drop(self, disk: str) -> None:
        """The disk is no longer known, nor what it holds; in groups. Killed in between, it is still listed, as
        holding less."""
        batches = self._db.rows("SELECT DISTINCT job, batch FROM disk_files WHERE disk = ?", (disk,))
        with self._db.write() as db:
            db.execute("DELETE FROM disk_batches WHERE disk = ?", (disk,))
        for job, batch in batches:
            self._remove_files(disk, job, batch)
        with self._db.write() as db:
            db.execute("DELETE FROM known_disks WHERE id = ?", (disk,))

    def _remove_files(self, disk: str, job: int, batch: int) -> None:
        which = (disk, job, batch)
        rest = (
            "SELECT name FROM disk_files WHERE disk = ? AND job = ? AND batch = ? "
            f"ORDER BY name LIMIT 1 OFFSET {STEP}"
        )
        while first := self._db.rows(rest, which):
            with self._db.write() as db:
                db.execute(
                    "DELETE FROM disk_files WHERE disk = ? AND job = ? AND batch = ? AND name < ?",
                    (*which, first[0][0]),
                )
        with self._db.write() as db:
            db.execute("DELETE FROM disk_files WHERE disk = ? AND job = ? AND batch = ?", which)

    def add(self, disk: str, job: int, batch: int, lines: Sequence[Line]) -> None:
        """Files of a batch that are on a disk; a group of them."""
        with self._db.write() as db:
            db.executemany(
                "INSERT OR REPLACE INTO disk_files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (disk, job, batch, one.name, one.size, one.sha256, one.etag, one.proof, one.source, one.url,
                     one.modified)
                    for one in lines
                ],
            )  # fmt: skip

    def complete(self, disk: str, job: int, batch: int, files: int, size: int) -> None:
        """All of them were added."""
        with self._db.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO disk_batches VALUES (?, ?, ?, ?, ?)", (disk, job, batch, files, size)
            )

    def lines(self, disk: str, job: int, batch: int) -> Iterator[Line]:
        """For the disk's manifest, in the order of names; any number of them."""
        rows = self._db.stream(
            "SELECT name, size, digest, etag, proof, source, url, modified FROM disk_files "
            "WHERE disk = ? AND job = ? AND batch = ? ORDER BY name",
            (disk, job, batch),
        )
        for name, size, digest, etag, proof, source, url, modified in rows:
            yield Line(
                name=name, size=size, sha256=digest, etag=etag, proof=proof, source=source, url=url,
                modified=modified,
            )  # fmt: skip

    # ------------------------------------------------------------ asking

    def disks(self) -> list[KnownDisk]:
        """All disks, the one that was seen last first."""
        held: dict[str, list[tuple[int, int, int, int]]] = {}
        for disk, *rest in self._db.rows(
            "SELECT disk, job, batch, files, bytes FROM disk_batches ORDER BY disk, job, batch"
        ):
            held.setdefault(disk, []).append((rest[0], rest[1], rest[2], rest[3]))
        rows = self._db.rows(
            "SELECT id, label, seen, path, total, verified FROM known_disks ORDER BY seen DESC, id"
        )
        return [
            KnownDisk(
                id=disk,
                label=label,
                last_seen=seen,
                last_path=path,
                total=total,
                holds=tuple((job, batch) for job, batch, _, _ in held.get(disk, ())),
                files=sum(files for _, _, files, _ in held.get(disk, ())),
                bytes=sum(size for _, _, _, size in held.get(disk, ())),
                verified_at=verified,
            )
            for disk, label, seen, path, total, verified in rows
        ]

    def find(self, contains: str, start: int, limit: int) -> tuple[list[DiskFile], int]:
        """Files whose name contains a text, in the order of names, from the `start`-th on; how many in all.
        Only of batches that are complete there."""
        where = "FROM disk_files JOIN disk_batches USING (disk, job, batch) WHERE instr(name, ?) > 0"
        matching = self._db.rows(f"SELECT count(*) {where}", (contains,))[0][0]
        rows = self._db.rows(
            f"SELECT disk, job, batch, name, size, digest {where} ORDER BY name, disk LIMIT ? OFFSET ?",
            (contains, limit, start),
        )
        found = [
            DiskFile(
                name=name,
                size=size,
                batch=batch,
                state=BatchState.SAFE,
                disk=disk,
                digest=f"sha256:{digest}",
                job=job,
            )
            for disk, job, batch, name, size, digest in rows
        ]
        return found, matching
