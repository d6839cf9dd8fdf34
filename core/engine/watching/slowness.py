"""Why one running job is as slow as it is: its stopwatches, its limits and its probes, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from core.engine.moving.committer import Committer
from core.engine.moving.crew import Crew, Site
from core.engine.moving.limits import Bandwidth
from core.engine.moving.remedies import Remedies
from core.engine.network.probe import Prober, Server
from core.engine.watching.bottleneck import Side, bottleneck
from core.engine.watching.timing import JobTiming, named_seconds, named_shares
from core.messages import Timing, WorkerTiming
from core.model import Probe

Report = tuple[tuple[tuple[str, float], ...], str]


class Slowness:
    """`servers` gives what the job's places are reached by; it may ask the network and raise. `listing` says
    whether the source is still being listed. But for `begin` and `close`, methods are for the engine's loop."""

    def __init__(
        self,
        job: int,
        site: Site,
        crew: Crew,
        remedies: Remedies,
        committer: Committer,
        limits: tuple[Bandwidth, ...],
        servers: Callable[[], Iterator[Server]],
        listing: Callable[[], bool],
    ) -> None:
        self._site, self._crew, self._remedies, self._committer = site, crew, remedies, committer
        self._limits, self._listing = limits, listing
        self._timing = JobTiming()
        self._prober = Prober(f"job-{job}-probe", servers)

    def begin(self) -> None:
        """The stores are open: probe from now on."""
        self._prober.start()

    def close(self) -> None:
        self._prober.close()

    def look(self, now: float) -> Report:
        """Shares of the last half minute by phase, and the bottleneck in words. `now` is monotonic."""
        facts = self._timing.facts(
            self._crew.watches,
            self._remedies.throttles,
            self._committer.busy,
            now,
            listing=self._listing(),
        )
        rates = [limit.rate for limit in self._limits if limit.rate]
        sides = [
            _side({getattr(route, end).kind for route in self._site.routes}) for end in ("source", "target")
        ]
        words = bottleneck(facts, sides[0], sides[1], min(rates, default=0))
        return named_shares(facts.shares), words

    @property
    def probes(self) -> tuple[Probe, ...]:
        return self._prober.probes

    def timing(self) -> Timing:
        """Every worker's time since the run began."""
        now = time.monotonic()
        shares, words = self.look(now)
        workers = (
            WorkerTiming(index=index, seconds=named_seconds(watch.read(now)))
            for index, watch in enumerate(self._crew.watches)
        )
        return Timing(
            shares=shares,
            bottleneck=words,
            workers=tuple(worker for worker in workers if worker.seconds),
            probes=self.probes,
        )


def _side(kinds: set[str]) -> Side:
    return "local" if kinds == {"local"} else "remote"
