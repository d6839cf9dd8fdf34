"""Large items that another downloader fetches (core/tools), with our journal, proof and control.

1. `ToolDesk` says which items go that way: files from 1 MiB on whose source can hand over a URL that needs no
   credentials (`HandsOver`). The others are moved by this program itself; how many and why is said at the end.
2. `ToolDownload` is one part that is everything, in a partial file that is as long as what came. Its record
   ties the tool's own notes to a version of the source, and to this boot of the machine where the source tells
   no digest: after a power cut nobody knows whether those notes tell the truth about the disk.
3. A URL that is refused has expired, or the file is gone: the source is asked for another one, which tells the
   two apart, `ROUNDS` times at most.
4. What the tool calls complete is noted, read back for its digests, proven and settled like everything else.
   Where the source can change, it is looked at again first: a tool may compare no validators.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from awscrt.checksums import crc64nvme

from core.engine.journal.rows import ItemRow, TransferRow
from core.engine.moving.large import LargeDownload, PartSpan, spans_of
from core.engine.moving.steering import Lanes, Steering
from core.engine.proving.evidence import Evidence, crc_bytes, digests_of_chunks, new_hash, prove
from core.engine.proving.item_proof import part_sizes_at
from core.engine.proving.proof import CRC64, MIB
from core.engine.watching.timing import BODY, DISK, FIRST_BYTE, HASH
from core.errors import Code, HaulierError, SourceChanged, StageLost
from core.model import UNSIZED, Entry, JobKind, JobOptions, JobSpec
from core.stores.base import (
    CancelFlag,
    Cancelled,
    Handed,
    HandsOver,
    NeverChanges,
    ObjectInfo,
    PartReceipt,
    Receipt,
    Source,
    Target,
)
from core.stores.hub.origins import host_of
from core.stores.local import LocalFolder
from core.stores.local.names import STAGING
from core.stores.local.os_errors import map_os_error
from core.stores.local.staging import staged_name
from core.tools import CONTROL, Fetcher, Order, Refused
from core.tools.aria2 import Aria2
from core.tools.programs import find_program
from core.tools.wget import Wget

if TYPE_CHECKING:
    from core.engine.moving.move import Means

ROUNDS = 3  # URLs asked for in one try
SMALLEST = 1 * MIB  # bytes; below, starting a download takes longer than the bytes
LARGEST_UNRANGED = (
    100 * 1024**3
)  # bytes of a Hub's file: storage refuses larger ones to requests without a range
CONNECTIONS = 4  # a file, where a job names no number
FETCHED = "fetched"  # recorded as `version`: the tool said that the file is complete
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_URL_SAFE = ":/?#[]@!$&'()*+,;=%~"


class ToolDesk:
    """The other downloader of a job, if it has one. Called from many threads; `close` it when no worker is
    left. `notice` hears once, at the end, what this program moved itself, and why."""

    def __init__(
        self, options: JobOptions, notice: Callable[[str], None], stall: float, drain: CancelFlag
    ) -> None:
        """`stall`: seconds of silence that are network trouble. `drain`: nothing new is begun any more; a fetch
        can take as long as a file, and loses nothing by being interrupted."""
        self._drain = drain
        self._tool = options.tool if options.tool in FETCHERS else ""
        self._connections = options.connections or CONNECTIONS
        self._notice, self._stall = notice, stall
        self._fetcher: Fetcher | None = None
        self._lock = threading.Lock()
        self._lanes = Lanes()
        self._native: Counter[str] = Counter()

    @property
    def fetcher(self) -> Fetcher:
        """Raises HaulierError when its program is not installed."""
        with self._lock:
            if self._fetcher is None:
                self._fetcher = FETCHERS[self._tool]()
            return self._fetcher

    def download(
        self, row: ItemRow, entry: Entry, source: Source, target: Target, key: str, attempt: int,
        cancelled: CancelFlag,
    ) -> ToolDownload | None:  # fmt: skip
        """The item as one that the tool fetches; None when it is to be moved without. Raises TransferError,
        HaulierError."""
        if not self._tool or not isinstance(source, HandsOver) or not isinstance(target, LocalFolder):
            return None
        why_not = self._size_problem(entry, source)
        if not why_not:
            handed = source.hand_over(entry, cancelled=cancelled)
            why_not = handed.why_not
        if why_not:
            if attempt == 1:
                self.went_native(why_not)
            return None
        made = ToolDownload(row, entry, source, target, key, attempt)
        made.employ(self.fetcher, self._lanes, self._connections, self._stall, handed, self._drain)
        return made

    def went_native(self, why: str) -> None:
        """An item that might have been the tool's was moved without it."""
        if self._tool:
            with self._lock:
                self._native[why] += 1

    def _size_problem(self, entry: Entry, source: Source) -> str:
        if entry.size < SMALLEST:
            return "smaller than 1 MiB"
        if isinstance(source, NeverChanges) and entry.size > LARGEST_UNRANGED and self._tool == "aria2c":
            return "larger than storage gives to aria2c, which asks for no range at first"
        return ""

    def close(self) -> None:
        """End the tool's programs, and tell what went without them."""
        with self._lock:
            fetcher, self._fetcher = self._fetcher, None
            native, self._native = self._native, Counter()
        if fetcher is not None:
            fetcher.close()
        if native:
            why = ", ".join(f"{count} {reason}" for reason, count in sorted(native.items()))
            self._notice(f"{native.total()} files were moved without {self._tool}: {why}")


class ToolDownload(LargeDownload):
    """One part that is everything, brought by a tool."""

    def employ(
        self,
        fetcher: Fetcher,
        lanes: Lanes,
        connections: int,
        stall: float,
        handed: Handed,
        drain: CancelFlag,
    ) -> None:
        """What it works with; called before `begin`."""
        self._fetcher, self._lanes, self._drain = fetcher, lanes, drain
        self._connections, self._stall = connections, stall
        self._handed: Handed | None = handed
        self._record: Callable[[TransferRow], None] = lambda _: None
        self._fetched = False
        self._digests: dict[str, bytes] = {}  # kind → of the whole file

    # ------------------------------------------------------------ beginning

    def begin(
        self, recorded: TransferRow | None, record: Callable[[TransferRow], None], part_size: int, **how: Any
    ) -> tuple[Receipt | None, str] | None:
        """See LargeItem.begin."""
        self._record = record
        return super().begin(recorded, record, part_size, **how)

    def layout(self, wanted: int) -> None:
        super().layout(wanted)
        self.spans = spans_of(self.entry.size, self.entry.size)
        self.part_size = self.entry.size
        self.proof.read_back_only()

    def take_up(self, recorded: TransferRow, cancelled: CancelFlag) -> None:
        super().take_up(recorded, cancelled)
        self._fetched = recorded.version == FETCHED

    def _still_fits(self, recorded: TransferRow) -> bool:
        ours = self._row("")
        return bool(self._validator()) and (recorded.etag, recorded.identity) == (ours.etag, ours.identity)

    def _stage(self, record: Callable[[TransferRow], None]) -> None:
        self.token = self.target.stage(self.key, 0, self.metadata())  # as long as what came, for wget
        record(self._row(self.token))

    def _row(self, token: str, version: str = "") -> TransferRow:
        boot = "" if self.proof.evidence else _boot()
        return TransferRow(
            token=token,
            part_size=self.part_size,
            etag=self.entry.etag,
            identity=f"{self._fetcher.name} {boot} {self._validator()}",
            version=version,
        )

    def _validator(self) -> str:
        """What tells this version of the source from others; empty when nothing does."""
        return _validator_of(self.info)

    # ------------------------------------------------------------ fetching

    def takes(self, span: PartSpan) -> int:
        if not self.token:
            return span.length
        with suppress(OSError):
            return max(0, span.length - self._path.stat().st_blocks * 512)  # units of 512 bytes (inode(7))
        return span.length

    @property
    def _path(self) -> Path:
        assert isinstance(self.target, LocalFolder)
        return self.target.root / STAGING / staged_name(self.token)

    def fetch(self, means: Means) -> PartReceipt:
        """Bring the file and read it back. Raises TransferError, Cancelled."""
        means = replace(means, cancelled=_Either(means.cancelled, self._drain))
        if not self._fetched:
            self._bring(means)
            self._check_unchanged()
            self._fetched = True
            self._record(self._row(self.token, FETCHED))
        return self._read_back(means)

    def _bring(self, means: Means) -> None:
        source = self.source
        assert isinstance(source, HandsOver)
        path = self._path
        refused: Refused | None = None
        for _ in range(ROUNDS):
            means.slot.watch.enter(FIRST_BYTE)
            handed, self._handed = self._handed, None
            handed = handed or source.hand_over(self.entry, cancelled=means.cancelled)
            if not handed.url:  # the Hub has moved it: the item begins again, and goes the other way
                raise SourceChanged(f"{self.key}: {handed.why_not}, and was not before")
            if _validator_of(handed.info) != self._validator():
                raise SourceChanged(f"{self.key}: changed while it was fetched")
            if not self._validator():  # nobody could tell whether what is there is of the same version
                self._begin_anew(path)
            order = self._order(handed, path)
            seen = _Seen(means, Steering(means.bandwidth, self._lanes, means.cancelled), order.host)
            try:
                with self._lanes:
                    self._fetcher.fetch(order, seen, means.cancelled)
                return
            except Refused as error:
                source.handed_refused(self.entry, handed.url)
                refused = error
        assert refused is not None
        raise refused

    def _begin_anew(self, path: Path) -> None:
        try:
            path.with_name(path.name + CONTROL).unlink(missing_ok=True)
            os.truncate(path, 0)
        except FileNotFoundError as error:
            raise StageLost(f"{self.key}: its partial file is gone") from error
        except OSError as error:
            raise map_os_error(error, self.key) from error

    def _order(self, handed: Handed, path: Path) -> Order:
        told = handed.info.entry
        storage = isinstance(self.source, NeverChanges)  # its ETags and times are not those of the listing
        return Order(
            url=quote(handed.url, safe=_URL_SAFE),
            path=path,
            what=self.row.name,
            host=host_of(handed.url),
            size=self.entry.size,
            connections=self._connections,
            etag="" if storage else told.etag,
            modified=0.0 if storage else told.modified,
            stall=self._stall,
        )

    def _check_unchanged(self) -> None:
        if not isinstance(self.source, NeverChanges):
            now = self.source.stat(self.entry.key)
            if _validator_of(now) != self._validator() or now.entry.size not in (UNSIZED, self.entry.size):
                raise SourceChanged(f"{self.key}: changed while it was fetched")

    # ------------------------------------------------------------ proving

    def _read_back(self, means: Means) -> PartReceipt:
        """The digests of what is there, a mebibyte at a time."""
        self.close()
        self.opened()
        assert self.stage is not None
        size, slot, best = self.entry.size, means.slot, self._whole_evidence()
        digest = new_hash(best.kind, size) if best is not None else None
        slot.phase, slot.looked_at, slot.to_look_at = "hashing", 0, size
        crc = 0
        for at in range(0, size, MIB):
            if means.cancelled.is_set():
                raise Cancelled
            slot.watch.enter(DISK)
            data = self.stage.read(at, min(MIB, size - at))
            slot.watch.enter(HASH)
            crc = crc64nvme(data, crc)
            if digest is not None:
                digest.update(data)
            slot.look(len(data))
        slot.to_look_at = 0
        self._digests = {CRC64: crc_bytes(CRC64, crc)}
        if best is not None and digest is not None:
            self._digests[best.kind] = digest.digest()
        return PartReceipt(number=1, offset=0, size=size, crc64=crc)

    def _whole_evidence(self) -> Evidence | None:
        """The digest of the whole that the proof asks for first, where it is no CRC."""
        best = self.proof.evidence[0] if self.proof.evidence else None
        return best if best is not None and not best.is_crc and not best.parts else None

    def finish(self) -> tuple[Receipt, str]:
        stage, size = self.stage, self.entry.size
        assert stage is not None

        def digests(kind: str, sizes: list[int]) -> list[bytes]:
            if sizes == [size] and kind in self._digests:
                return [self._digests[kind]]
            return digests_of_chunks(stage.read, kind, sizes)

        where = part_sizes_at(self.source, self.entry)
        proof = prove(self.proof.evidence, size, digests, where, self.key)
        self.close()
        return self.target.commit(self.key, self.token, self.ordered_receipts(), size), proof


class _Either:
    """A flag that is set when one of two is."""

    def __init__(self, one: CancelFlag, other: CancelFlag) -> None:
        self._one, self._other = one, other

    def is_set(self) -> bool:
        return self._one.is_set() or self._other.is_set()


class _Seen:
    """The Progress of a fetch: shown at the worker's row, counted by host, charged to the limits."""

    def __init__(self, means: Means, steering: Steering, host: str) -> None:
        self._slot, self._steering, self._host = means.slot, steering, host

    def rate(self) -> int:
        return self._steering.rate()

    def at(self, position: int, arrived: int) -> None:
        slot = self._slot
        slot.done = position
        if arrived:
            slot.watch.enter(BODY)
            slot.moved += arrived
            slot.hosts[self._host] = slot.hosts.get(self._host, 0) + arrived
        if arrived or self._steering.owes:
            self._steering.charge(arrived)

    def owes(self) -> bool:
        return self._steering.owes


FETCHERS: dict[str, Callable[[], Fetcher]] = {"aria2c": Aria2, "wget": Wget}


def check_tool(spec: JobSpec) -> None:
    """Raises HaulierError (usage) for a job that its tool cannot do, or whose tool is not installed."""
    tool = spec.options.tool
    if tool not in FETCHERS:
        return
    for pair in spec.pairs:
        if spec.kind is JobKind.VERIFY or pair.source.kind not in ("hub", "web", "list"):
            what = (
                "nothing is fetched to verify" if spec.kind is JobKind.VERIFY else f"{pair.source} is another"
            )
            raise HaulierError(
                Code.USAGE,
                f"{tool} fetches files of Hubs, lists and URLs: {what}",
                "leave --tool out, or use --tool native",
            )
        if pair.target.kind != "local":
            raise HaulierError(
                Code.USAGE,
                f"{tool} writes to folders of this machine: {pair.target} is none",
                "leave --tool out: what goes to S3 is streamed there without a disk",
            )
    find_program(tool)


def _validator_of(info: ObjectInfo) -> str:
    entry = info.entry
    return " ".join(
        filter(None, (info.version_id, entry.etag, f"{entry.modified:.0f}" if entry.modified else ""))
    )


def _boot() -> str:
    """What changes when the machine starts anew; empty where that is not told."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
