"""What a recorded engine answers on the way from connections to YES."""

from __future__ import annotations

from typing import Any

import msgspec

from core.errors import Code, HaulierError
from core.messages import (
    BucketList,
    EntryPage,
    ListBuckets,
    ListEntries,
    Measure,
    Measured,
    PlanJob,
    SaveConnection,
    TestConnection,
    TestReport,
)
from core.model import BucketInfo, Check, Entry, JobState, JobView, PairPlan, Tally
from tests.app.recorded import GIB, HOSTILE, MIB, NOW, TIB, RecordedClient, a_job, a_plan, a_snapshot
from tests.app.recorded_listing import plays_listings

NAMES = (
    "archive-2023", "archive-2024", "backups", "exports", "images", "k[@click=app.quit]z", "lake", "logs-api",
    "logs-app", "logs-edge", "models", "scratch\x1b[2J", "staging", "www",
)  # fmt: skip
PLANNED_JOB = 9
PAGES = 5  # of a recorded folder


def buckets(names: tuple[str, ...] = NAMES) -> tuple[BucketInfo, ...]:
    return tuple(
        BucketInfo(
            name=name,
            created=1_672_531_200.0 + 40 * 86_400 * at,
            region="eu-central-1" if at % 3 else "us-east-1",
        )
        for at, name in enumerate(names)
    )


def measured(ask: Measure) -> Measured:
    """Some number that depends on the name alone; every fourth is only a lower bound."""
    weight = sum(map(ord, ask.place.bucket))
    return Measured(
        total=Tally(count=weight * 1234, bytes=weight * weight * 97 * MIB), complete=weight % 4 != 0
    )


def entries(ask: ListEntries) -> EntryPage:
    if ask.place.kind == "local":
        if ask.place.path != "/data/":
            raise HaulierError(Code.NOT_FOUND, f"{ask.place.path}: no such file or folder")
        names = ("backup", "corpus", "images", "imagenet", "models", ".cache")
        folders = tuple(Entry(key=f"{name}/", is_folder=True) for name in names)
        return EntryPage(entries=(*folders, Entry(key="notes.txt", size=12)))
    start = int(ask.cursor or 0)
    first = [Entry(key=f"2026-{month:02}/", is_folder=True) for month in range(1, 6)]
    first += [Entry(key=name, size=123_456, modified=NOW) for name in HOSTILE]
    more = [
        Entry(key=f"app-{number:06}.json.zst", size=number * 1000, modified=NOW - number)
        for number in range(start, start + ask.limit)
    ]
    last = start + ask.limit
    if ask.place.connection == "dr":  # another state of the same folder
        first, more = first[1:4] + first[5:], [_elsewhere(at, entry) for at, entry in enumerate(more) if at % 5]
    return EntryPage(
        entries=tuple((first if not start else []) + more), cursor=str(last) if last < PAGES * ask.limit else ""
    )


def _elsewhere(at: int, entry: Entry) -> Entry:
    """An entry as a copy of long ago."""
    if at % 7 == 3:
        return msgspec.structs.replace(entry, size=entry.size + 1)
    return msgspec.structs.replace(entry, modified=NOW + 1 if at % 11 else NOW - 9_000_000)


def good_report(_: TestConnection) -> TestReport:
    checks = (
        Check(name="reach", ok=True, detail="minio.example:9000, 12 ms"),
        Check(name="sign", ok=True, detail="accepted"),
        Check(name="list", ok=True, detail="14 buckets"),
        Check(name="read", ok=None),
        Check(name="write", ok=None),
    )
    return TestReport(checks=checks, ok=True, region="eu-central-1")


def bad_report(_: TestConnection) -> TestReport:
    checks = (
        Check(name="reach", ok=True, detail="minio.example:9000, 12 ms"),
        Check(name="sign", ok=False, detail="InvalidAccessKeyId\x1b[2J"),
        Check(name="list", ok=None),
    )
    return TestReport(
        checks=checks, ok=False, advice="The server does not know this access key id. Check it for typos."
    )


def planning(ask: PlanJob) -> JobView:
    return a_job(PLANNED_JOB, JobState.PLANNING, "prod:archive-2023, archive-2024 → dr:", spec=ask.spec)


def planned(job: JobView, **changes: Any) -> JobView:
    """The same job with its plan ready: four numbers of everything, spread over its pairs."""
    pairs = tuple(
        PairPlan(
            source=pair.source, target=pair.target, method="relay",
            copy=Tally(count=301_082, bytes=TIB // 2), overwrite=Tally(count=3_002, bytes=10 * GIB),
            skip=Tally(count=183_255, bytes=200 * GIB), delete=Tally(count=103, bytes=GIB // 3),
            target_total=Tally(count=475_000, bytes=TIB), creates_bucket=at == 1, versioning="enabled",
        )
        for at, pair in enumerate(job.spec.pairs)
    )  # fmt: skip
    plan = msgspec.structs.replace(a_plan(), pairs=pairs, **changes)
    return msgspec.structs.replace(job, state=JobState.PLANNED, plan=plan)


def path_client(**changes: Any) -> RecordedClient:
    """A client that answers all questions of the path. `changes` are of the snapshot."""
    client = RecordedClient(a_snapshot(**{"jobs": (), **changes}))
    client.answers |= {
        ListBuckets: lambda _: BucketList(buckets=buckets()),
        Measure: measured,
        ListEntries: entries,
        TestConnection: good_report,
        SaveConnection: lambda ask: ask.connection,
        PlanJob: planning,
    }
    return plays_listings(client, entries)
