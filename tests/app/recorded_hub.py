"""What a recorded engine answers about Hubs, lists, checks, batches and disks."""

from __future__ import annotations

from typing import Any

import msgspec

from core.errors import Code, HaulierError
from core.messages import (
    Analyse,
    ContinueCampaign,
    DiskFiles,
    DiskList,
    DropRepo,
    EntryPage,
    FindOnDisks,
    FoundRepos,
    GetCampaign,
    KeepRepo,
    ListBatchFiles,
    ListDisks,
    ListEntries,
    ListPreview,
    ListRepos,
    LookAtRepo,
    Measure,
    Measured,
    ReadList,
    RepoList,
    SearchRepos,
    SystemCheckLine,
    SystemReport,
)
from core.messages import CheckSystem as CheckTheSystem
from core.model import (
    Analysis,
    BatchAsk,
    BatchState,
    BatchView,
    CampaignView,
    Counts,
    DiskFile,
    Entry,
    FoundRepo,
    JobKind,
    JobSpec,
    JobState,
    JobView,
    KeptRepo,
    KnownDisk,
    Pair,
    Place,
    RepoInfo,
    Tally,
)
from tests.app.recorded import GIB, HOSTILE, MIB, NOW, TIB, RecordedClient, a_job
from tests.app.recorded_listing import plays_listings
from tests.app.recorded_path import entries as bucket_entries
from tests.app.recorded_path import path_client

COMMIT = "4f8e2d1c9b7a60534f8e2d1c9b7a60534f8e2d1c"
CAMPAIGN, MOVER = 12, 14

REPOS = (
    KeptRepo(id="gpt2", kind="models", description="smoke tests"),
    KeptRepo(
        id="ILSVRC/imagenet-1k", kind="datasets", revision="main", description="all of it, for the cluster"
    ),
    KeptRepo(id="lab/private-notes", kind="datasets", description=f"kept by {HOSTILE[0]}"),
    KeptRepo(
        id="open/corpus-of-everything-ever-written", kind="datasets", revision="v2.1", description="3 TiB"
    ),
    KeptRepo(id="old/gone", kind="spaces"),
)


def look(ask: LookAtRepo) -> RepoInfo:
    """Open, gated with and without leave, private, gone."""
    match ask.place.bucket:
        case "datasets/ILSVRC/imagenet-1k":
            return RepoInfo(
                commit=COMMIT,
                gated="auto",
                access="It is gated: this token's account has not been let in. Ask for access on its page, "
                "https://huggingface.co/datasets/ILSVRC/imagenet-1k, then look again.",
            )
        case "datasets/lab/private-notes":
            return RepoInfo(commit=COMMIT, private=True)
        case "spaces/old/gone":
            raise HaulierError(
                Code.NOT_FOUND,
                "There is no space old/gone on huggingface.co, or this token may not see it.",
                "Look at the spelling and the type; a private one needs a token.",
            )
        case "typo/typo" | "datasets/typo/typo":
            raise HaulierError(
                Code.NOT_FOUND, "There is no dataset typo/typo on huggingface.co.", "Is it a model?"
            )
        case _:
            return RepoInfo(commit=COMMIT)


def measured(ask: Measure) -> Measured:
    weight = sum(map(ord, ask.place.bucket + ask.place.path))
    return Measured(total=Tally(count=weight, bytes=weight * weight * 97 * MIB), complete=True)


TREE = (
    Entry(key="data/", is_folder=True),
    Entry(key="images/", is_folder=True),
    Entry(key=".gitattributes", size=2_307, etag="git-sha1:aa"),
    Entry(key="README.md", size=12_480, etag="git-sha1:bb"),
    Entry(key="config.json", size=718, etag="git-sha1:cc"),
    Entry(key="model-00001-of-00002.safetensors", size=int(4.9 * GIB), etag="sha256:dd"),
    Entry(key="model-00002-of-00002.safetensors", size=int(2.6 * GIB), etag="sha256:ee"),
    *(Entry(key=name, size=1_000) for name in HOSTILE[:2]),
    Entry(key="tokenizer.json", size=1_355_256, etag="git-sha1:ff"),
)
LARGE_FOLDER = 100_000


def entries(ask: ListEntries) -> EntryPage:
    """A small tree; its folder `data/` holds a hundred thousand files."""
    if ask.place.kind != "hub":
        return bucket_entries(ask)
    if ask.place.path != "data/":
        return EntryPage(entries=TREE if not ask.place.path else TREE[2:5])
    start = int(ask.cursor or 0)
    last = min(LARGE_FOLDER, start + ask.limit)
    page = tuple(
        Entry(key=f"train-{number:06}.{'json' if number % 4 == 0 else 'parquet'}", size=MIB + number)
        for number in range(start, last)
    )
    return EntryPage(entries=page, cursor=str(last) if last < LARGE_FOLDER else "")


def search(ask: SearchRepos) -> FoundRepos:
    found = (
        FoundRepo(
            id="ILSVRC/imagenet-1k", kind=ask.kind, downloads=181_204, likes=612, modified=NOW - 9e6, gated=True
        ),
        FoundRepo(id="zh-plus/tiny-imagenet", kind=ask.kind, downloads=42_118, likes=88, modified=NOW - 8e6),
        FoundRepo(id=HOSTILE[0], kind=ask.kind, private=True),
    )
    return FoundRepos(repos=found if "nothing" not in ask.words else ())


def a_preview(ask: ReadList) -> ListPreview:
    """An ImageNet list, or the error of one that is none."""
    if "broken" in ask.place.path:
        raise HaulierError(Code.USAGE, "CSV file must contain 'wnid' column", f"{ask.place.path} has: id, name")
    base = ask.place.url or "https://images.example/"
    return ListPreview(
        rows=997,
        first=tuple(
            Entry(key=f"n{1440764 + at:08}.tar", size=-1, url=f"{base}n{1440764 + at:08}.tar")
            for at in range(20)
        ),
        blanks=3,
        duplicates=2,
        duplicate_examples=("n01440764", "n01443537"),
        bad=1,
        bad_examples=((412, "../../etc/passwd is no name that a file may have"),),
    )


def an_analysis(_: Analyse) -> Analysis:
    bounds = (4096, 65_536, MIB, 16 * MIB, 256 * MIB, 4 * GIB, 0)
    sizes = (12 * MIB, 400 * MIB, 9 * GIB, 80 * GIB, 700 * GIB, int(1.9 * TIB), int(0.4 * TIB))
    counts = (8_204, 12_113, 31_020, 9_876, 5_040, 812, 3)
    folders = ("train/", "test/", "val/", "annotations/", HOSTILE[0] + "/", "docs/")
    return Analysis(
        total=Tally(count=sum(counts), bytes=sum(sizes)),
        histogram=tuple(
            (bound, Tally(count=count, bytes=size))
            for bound, count, size in zip(bounds, counts, sizes, strict=True)
        ),
        largest=tuple(
            Entry(key=f"train/shard-{at:05}.tar", size=int((1.2 - at / 20) * TIB / (1 + at)))
            for at in range(20)
        ),
        folders=tuple(
            (name, Tally(count=30_000 >> at, bytes=int(2.2 * TIB) >> (2 * at)))
            for at, name in enumerate(folders)
        ),
        folders_left_out=2,
    )


def a_check(ask: CheckTheSystem) -> SystemReport:
    if ask.place.kind != "local":
        return SystemReport(
            checks=(
                SystemCheckLine(name="reach", level="ok", detail="huggingface.co, 43 ms"),
                SystemCheckLine(
                    name="clock", level="warn", detail="this machine's clock is 95 s behind the server's",
                    hint="Set the clock (timedatectl set-ntp true): signed requests may be refused.",
                ),
            ),
            ok=True,
        )  # fmt: skip
    return SystemReport(
        checks=(
            SystemCheckLine(name="write", level="ok", detail="a hidden file was written and removed"),
            SystemCheckLine(
                name="space", level="fail",
                detail="1.8 TiB free of 3.6 TiB; 3.0 TiB are to come and 10 GiB stay in reserve",
                hint="Free 1.2 TiB, choose another place, or let the job go in batches over several disks.",
            ),
            SystemCheckLine(name="inodes", level="ok", detail="121 000 000 free"),
            SystemCheckLine(name="cpu", level="ok", detail="16 cores, load 1.2"),
            SystemCheckLine(name="memory", level="ok", detail="49 GiB of 62 GiB free"),
            SystemCheckLine(
                name="open files", level="warn", detail="1 024 at most",
                hint="Raise it for many connections: ulimit -n 65536.",
            ),
        ),
        ok=False,
    )  # fmt: skip


def a_batch(number: int, state: BatchState, **changes: Any) -> BatchView:
    batch = BatchView(
        number=number,
        files=11_000 + 517 * number,
        bytes=int((0.86 - number / 40) * TIB),
        space=int((0.87 - number / 40) * TIB),
        state=state,
        first=f"train/shard-{number * 200:05}.tar",
        last=f"train/shard-{number * 200 + 199:05}.tar",
    )
    return msgspec.structs.replace(batch, **changes)


def campaign_job(**changes: Any) -> JobView:
    source = Place(kind="hub", connection="hf", bucket="datasets/open/corpus")
    pair = Pair(source=source, target=Place(kind="local", path="/mnt/disk/corpus/"))
    spec = JobSpec(kind=JobKind.COPY, pairs=(pair,), batches=BatchAsk(space=TIB))
    return a_job(
        CAMPAIGN, JobState.PLANNED, "hf://datasets/open/corpus → /mnt/disk/corpus", spec=spec,
        counts=Counts(files_total=57_000, bytes_total=int(3.9 * TIB)), **changes,
    )  # fmt: skip


def mover(state: JobState = JobState.RUNNING, **changes: Any) -> JobView:
    spec = campaign_job().spec
    spec = msgspec.structs.replace(spec, batches=None, batch_of=CAMPAIGN, batch=2)
    counts = Counts(
        files_total=12_034, files_done=4_412, bytes_total=int(0.81 * TIB), bytes_done=int(0.3 * TIB)
    )
    return a_job(
        MOVER, state, "hf://datasets/open/corpus → /mnt/disk/corpus", spec=spec, counts=counts, **changes
    )


def a_campaign(*batches: BatchView, **changes: Any) -> CampaignView:
    view = CampaignView(
        job=campaign_job(),
        ask=BatchAsk(space=TIB),
        batches=batches
        or (
            a_batch(
                1, BatchState.SAFE, job=13, disk="K3F9-A1", target="/mnt/disk/corpus/", done_at=NOW - 86_400
            ),
            a_batch(2, BatchState.MOVING, job=MOVER, disk="Q7TT-04", target="/mnt/disk/corpus/"),
            a_batch(3, BatchState.WAITING),
            a_batch(4, BatchState.WAITING),
            a_batch(5, BatchState.WAITING, files=400, bytes=int(0.2 * TIB), space=int(0.2 * TIB)),
        ),
        oversized=(("train/shard-00000.tar", int(1.2 * TIB)), (HOSTILE[0], int(1.1 * TIB))),
        oversized_total=Tally(count=2, bytes=int(2.3 * TIB)),
        would_hold=int(1.34 * TIB),
    )
    return msgspec.structs.replace(view, **changes)


def disk_files(ask: ListBatchFiles | FindOnDisks) -> DiskFiles:
    names = [f"train/shard-{number:05}.tar" for number in range(300)]
    wanted = [name for name in names if ask.contains in name]
    start = int(ask.cursor or 0)
    page = tuple(
        DiskFile(
            name=name, size=GIB + at, batch=1 + at // 200, job=CAMPAIGN,
            state=BatchState.SAFE if at < 200 else BatchState.WAITING,
            disk="K3F9-A1" if at < 200 else "", digest="sha256:9f86d081884c7d65" if at < 200 else "",
        )
        for at, name in enumerate(wanted[start : start + ask.limit], start)
    )  # fmt: skip
    last = start + ask.limit
    return DiskFiles(files=page, cursor=str(last) if last < len(wanted) else "", matching=len(wanted))


DISKS = (
    KnownDisk(
        id="K3F9-A1", label="shelf 2, left", last_seen=NOW - 86_400, last_path="/mnt/disk/corpus", total=TIB,
        holds=((CAMPAIGN, 1),), files=11_517, bytes=int(0.83 * TIB), verified_at=NOW - 86_400,
    ),
    KnownDisk(
        id="Q7TT-04", label=HOSTILE[0], last_seen=NOW - 60, last_path="/mnt/disk/corpus", total=TIB,
        holds=((CAMPAIGN, 2), (4, 1)), files=12_034, bytes=int(0.81 * TIB),
    ),
)  # fmt: skip


def hub_client(**changes: Any) -> RecordedClient:
    """A client that answers all of it; kept repositories are kept in `client.repos`."""
    client = path_client(**changes)
    repos = list(REPOS)

    def keep(ask: KeepRepo) -> RepoList:
        repos[:] = [one for one in repos if (one.id, one.kind) != (ask.repo.id, ask.repo.kind)] + [ask.repo]
        repos.sort(key=lambda one: one.id.casefold())
        return RepoList(repos=tuple(repos))

    def drop(ask: DropRepo) -> RepoList:
        repos[:] = [one for one in repos if (one.id, one.kind) != (ask.id, ask.kind)]
        return RepoList(repos=tuple(repos))

    client.answers |= {
        ListRepos: lambda _: RepoList(repos=tuple(repos)),
        KeepRepo: keep,
        DropRepo: drop,
        LookAtRepo: look,
        Measure: measured,
        ListEntries: entries,
        SearchRepos: search,
        ReadList: a_preview,
        Analyse: an_analysis,
        CheckTheSystem: a_check,
        GetCampaign: lambda _: a_campaign(),
        ContinueCampaign: lambda ask: mover(),
        ListBatchFiles: disk_files,
        FindOnDisks: disk_files,
        ListDisks: lambda _: DiskList(disks=DISKS),
    }
    return plays_listings(client, entries)
