"""Progress: counters are sampled a few times a second, smoothed, and offered to whoever listens."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import deque
from collections.abc import Callable, Mapping

from core.engine.moving.run import JobRun
from core.messages import Progress
from core.model import Counts, DiskView, JobProgress, JobView, WorkerView

SMOOTHING = 3.0  # seconds after which an old rate counts for 1/e
WINDOW = 60.0  # seconds of history behind the far end of an ETA
DISK_EVERY = 2.0


class _Meter:
    """The rate of one growing number."""

    def __init__(self) -> None:
        self.rate = 0.0
        self._last: tuple[float, int] | None = None
        self._history: deque[tuple[float, int]] = deque()

    def sample(self, now: float, value: int) -> float:
        if self._last is not None and now > self._last[0]:
            seconds = now - self._last[0]
            current = max(0, value - self._last[1]) / seconds
            weight = 1 - math.exp(-seconds / SMOOTHING)
            self.rate = current if self.rate == 0 else self.rate + weight * (current - self.rate)
            if self.rate < 1:
                self.rate = 0.0
        self._last = (now, value)
        self._history.append((now, value))
        while self._history and self._history[0][0] < now - WINDOW:
            self._history.popleft()
        return self.rate

    @property
    def long_rate(self) -> float:
        """The average over the window."""
        if len(self._history) < 2:
            return self.rate
        (start, first), (end, last) = self._history[0], self._history[-1]
        return max(0.0, (last - first) / (end - start)) if end > start else 0.0


class Ticker:
    """`runs` are the engine's running jobs, `offer` takes each sample, `wanted` says at which rate in Hz."""

    def __init__(
        self,
        runs: Mapping[int, JobRun],
        view: Callable[[int], JobView],
        offer: Callable[[Progress], None],
        wanted: Callable[[], float],
    ) -> None:
        self._runs, self._view, self._offer, self._wanted = runs, view, offer, wanted
        self._meters: dict[int, _Meter] = {}
        self._disks: tuple[DiskView, ...] = ()
        self._disks_at = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        last_sent = 0.0
        while True:
            rate = self._wanted()
            await asyncio.sleep(1.0 / max(1.0, min(rate, 10.0)))
            if rate == 0:
                continue
            now = time.monotonic()
            if not self._runs and now - last_sent < 1.0:
                continue
            last_sent = now
            self._offer(await self.sample(now))

    async def sample(self, now: float) -> Progress:
        if now - self._disks_at > DISK_EVERY:
            self._disks_at = now
            self._disks = await asyncio.to_thread(_disks, _local_targets(self._runs))
        jobs: list[JobProgress] = []
        workers: list[WorkerView] = []
        for job, run in list(self._runs.items()):
            meter = self._meters.setdefault(job, _Meter())
            rate = meter.sample(now, run.moved)
            counts = run.counts()
            low, high = _eta(counts, rate, meter.long_rate)
            limits = run.tuning.queue_limits()
            shares, words = run.slowness.look(now)
            jobs.append(
                JobProgress(
                    job=job,
                    state=self._view(job).state,
                    counts=counts,
                    rate=rate,
                    eta_low=low,
                    eta_high=high,
                    workers_wanted=limits["files"],
                    connections_wanted=limits["connections"],
                    bandwidth=run.bandwidth.rate,
                    waiting=run.waiting,
                    active_seconds=run.row.active_seconds + now - run.began,
                    shares=shares,
                    bottleneck=words,
                    probes=run.slowness.probes,
                    hosts=run.hosts,
                )
            )
            run.sample_slots(now)
            workers += run.worker_views(now)
        for gone in set(self._meters) - set(self._runs):
            del self._meters[gone]
        total = sum(progress.rate for progress in jobs)
        return Progress(at=time.time(), jobs=tuple(jobs), workers=tuple(workers), rate=total, disks=self._disks)


def _eta(counts: Counts, short: float, long: float) -> tuple[float, float]:
    """Seconds left at the faster and the slower of two averages; -1 where nothing can be said.

    While the listing runs, or sizes are not known, only the near end is known: it can only become more.
    """
    left = counts.bytes_total - counts.bytes_done
    if left <= 0 or short <= 0:
        return -1.0, -1.0
    fast, slow = max(short, long), min(short, long) or short
    return left / fast, -1.0 if counts.listing or counts.files_unsized else left / slow


def _local_targets(runs: Mapping[int, JobRun]) -> set[str]:
    return {
        pair.target.path for run in runs.values() for pair in run.row.spec.pairs if pair.target.kind == "local"
    }


def _disks(paths: set[str]) -> tuple[DiskView, ...]:
    found = {}
    for path in sorted(paths):
        near = path
        while near and not os.path.isdir(near):  # noqa: PTH112 - a string all the way, several times a second
            near = os.path.dirname(near.rstrip("/"))  # noqa: PTH120
        try:
            status = os.statvfs(near or "/")
        except OSError:
            continue  # gone for the moment: no news is shown as no news
        found[status.f_fsid] = DiskView(
            path=path, free=status.f_bavail * status.f_frsize, total=status.f_blocks * status.f_frsize
        )
    return tuple(found.values())
