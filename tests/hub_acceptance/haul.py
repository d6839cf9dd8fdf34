"""One large repository through trouble: engines killed, both ports of the Hub failing, quotas, ending URLs."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from core.model import Connection, JobState, JobView, Place, TokenFileCredentials
from tests.fake_hub import Account, FakeHub, Fault, File, Made
from tests.paths.driving import MIB, Haulier, here, sha256

TOKEN = "hf_of_the_acceptance"
NAME = "acme/acceptance"
LARGE = 8  # files that hold half of all bytes
LFS_FROM = 64 * 1024
EXPIRY = 2.0  # seconds between moments at which all signed URLs end


@dataclass
class Shape:
    """Of the repository and of its trouble. `every`: of how many requests one is struck, for each fault."""

    files: int
    size: int
    kills: int = 3
    seed: int = 1
    quota: tuple[int, float] = (1500, 5.0)


@dataclass
class Findings:
    """Empty `wrong` is good."""

    shape: Shape
    seconds: float = 0.0
    listed: int = 0
    bytes: int = 0
    killed_at: list[float] = field(default_factory=list)  # share of the bytes
    commits: set[str] = field(default_factory=set)
    requests: Counter[str] = field(default_factory=Counter)
    struck: list[tuple[str, int]] = field(default_factory=list)
    expiries: int = 0
    overdrawn: int = 0
    sent: int = 0
    retries: int = 0
    proofs: tuple[tuple[str, int], ...] = ()
    tokens_at_storage: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.wrong and not self.tokens_at_storage and len(self.commits) == 1

    def lines(self) -> list[str]:
        """What was seen, for people."""
        kills = ", ".join(f"{share:.0%}" for share in self.killed_at)
        return [
            f"{self.listed} files, {self.bytes / MIB:.0f} MiB in {self.seconds:.0f} s; seed {self.shape.seed}",
            f"engine killed (SIGKILL) {len(self.killed_at)} times, at {kills} of the bytes",
            f"commits read: {len(self.commits)} ({', '.join(sorted(commit[:8] for commit in self.commits))})",
            "requests: " + ", ".join(f"{count} {name}" for name, count in sorted(self.requests.items())),
            "faults: " + ", ".join(f"{count} × {name}" for name, count in self.struck if count),
            f"moments at which all signed URLs ended: {self.expiries}",
            f"requests refused because a quota was used up: {self.overdrawn}",
            f"bytes sent: {self.sent / MIB:.0f} MiB, {self.sent / max(self.bytes, 1):.3f} of the repository",
            f"tries again: {self.retries}; proofs: " + ", ".join(f"{n} {word}" for word, n in self.proofs),
            f"requests at the storage port with a token: {self.tokens_at_storage}",
            f"files that are wrong, missing or too many: {len(self.wrong)} {self.wrong[:5] or ''}",
            "GOOD" if self.good else "BAD",
        ]


def make(hub: FakeHub, shape: Shape) -> dict[str, str]:
    """The repository; path → SHA-256. Half of its bytes are in few large files, the rest is spread unevenly."""
    chance = random.Random(shape.seed)
    small = shape.files - LARGE
    weights = [chance.paretovariate(0.6) for _ in range(small)]
    scale = shape.size / 2 / sum(weights)
    sizes = [int(weight * scale) for weight in weights] + [shape.size // 2 // LARGE + at for at in range(LARGE)]
    files: dict[str, File | bytes] = {}
    for number, size in enumerate(sizes):
        made = Made(size, seed=number)
        lfs = size >= LFS_FROM
        path = f"part-{number % 23:02}/{number:05}.{'bin' if lfs else 'txt'}"
        files[path] = File(made, lfs=True) if lfs else made.read(0, size)
    held = hub.add("datasets", NAME)
    held.commit(files)
    hub.accounts[TOKEN] = Account("ada", frozenset({NAME}))
    held.private = True
    return {path: file.sha256 for path, file in held.commits[held.refs["main"]].items()}


def trouble() -> list[Fault]:
    pause = {"Retry-After": "1"}
    return [
        Fault("cdn", "reset", after=300_000, every=29),
        Fault("cdn", "cut", after=100_000, every=31),
        Fault("cdn", "status", status=503, every=37),
        Fault("cdn", "status", status=429, headers=pause, every=211),
        Fault("cdn", "later 403", after=200_000, every=41),
        Fault("cdn", "corrupt", every=173),
        Fault("hub", "status", "/tree/", status=500, every=4),
        Fault("hub", "status", "/resolve/", status=503, every=101),
        Fault("hub", "status", "/resolve/", status=429, headers=pause, every=1009),
        Fault("hub", "reset", "/resolve-cache/", after=10, every=103),
        Fault("hub", "cut", "/resolve-cache/", after=10, every=107),
        Fault("hub", "corrupt", "/resolve-cache/", every=499),
    ]


async def haul(hub: FakeHub, shape: Shape, folder: Path) -> Findings:
    """Make the repository, carry it over, judge. Everything is put below `folder`."""
    expected = make(hub, shape)
    faults = trouble()
    hub.faults.add(*faults)
    hub.windows["resolvers"] = shape.quota
    token = folder / "token"
    token.write_text(TOKEN)
    haulier = Haulier(folder / "haulier")
    out = folder / "out"
    found = Findings(shape)
    began = time.monotonic()
    ending = asyncio.create_task(_urls_end(hub, found))
    try:
        await haulier.start()
        await haulier.save(
            Connection(
                name="hub",
                kind="hub",
                endpoint=hub.endpoint,
                credentials=TokenFileCredentials(path=str(token)),
            )
        )
        source = Place(kind="hub", connection="hub", bucket=f"datasets/{NAME}")
        job = (await haulier.submit(source, here(out), retry="0.2x50")).id
        for number in range(shape.kills):
            await _comes_to(haulier, job, (number + 1) / (shape.kills + 1), found)
            await haulier.restart_after_kill()
        view = await haulier.reaches(job, lambda view: view.state.is_final, "the end", 3600)
        found.retries, found.proofs = view.counts.retries, view.proofs
        if view.state is not JobState.COMPLETED:
            found.wrong.append(f"the job is {view.state}: {view.reason}; {(await haulier.errors(job))[:3]}")
    finally:
        ending.cancel()
        await haulier.__aexit__()
    found.seconds = time.monotonic() - began
    _judge(hub, found, faults, expected, out, folder)
    return found


async def _comes_to(haulier: Haulier, job: int, share: float, found: Findings) -> None:
    def far(view: JobView) -> bool:
        counts = view.counts
        return not counts.listing and counts.bytes_done >= share * counts.bytes_total > 0

    view = await haulier.reaches(job, far, f"{share:.0%} of the bytes", 3600)
    found.killed_at.append(view.counts.bytes_done / view.counts.bytes_total)


async def _urls_end(hub: FakeHub, found: Findings) -> None:
    while True:
        await asyncio.sleep(EXPIRY)
        hub.expire_urls()
        found.expiries += 1


def _judge(
    hub: FakeHub, found: Findings, faults: list[Fault], expected: dict[str, str], out: Path, folder: Path
) -> None:
    held = hub.repos["datasets", NAME]
    found.listed = len(expected)
    found.bytes = sum(file.size for file in held.commits[held.refs["main"]].values())
    there = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    found.wrong += sorted(there.keys() ^ expected.keys())
    found.wrong += [path for path in there.keys() & expected.keys() if sha256(there[path]) != expected[path]]
    for request in hub.asked("hub"):
        for word in ("/tree/", "/resolve/"):
            if word in request.path:
                found.commits.add(request.path.split(word)[1][:40])
                found.requests[f"of {word.strip('/')}"] += 1
    found.requests["of storage"] = len(hub.asked("cdn"))
    found.requests["in all"] = len(hub.log)
    found.tokens_at_storage = sum(
        "authorization" in request.headers or TOKEN in request.path for request in hub.asked("cdn")
    )
    for fault in faults:
        name = str(fault.status) if fault.kind == "status" else fault.kind
        found.struck.append((f"{name} ({fault.port})", fault.struck))
    found.overdrawn = hub.overdrawn
    found.sent = hub.sent["hub"] + hub.sent["cdn"]
    for path in (folder / "haulier").rglob("*"):
        if path.is_file() and TOKEN.encode() in path.read_bytes():
            found.wrong.append(f"{path} holds the token")
