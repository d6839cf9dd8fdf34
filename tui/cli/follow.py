"""Following one job: subscribe, hand on what happens, come back when the line breaks.

1. `Subscribe` gives the state; events follow from there. A gap means: subscribe again.
2. When the line breaks, a new one is made; an engine that is gone is started, and goes on with the job.
3. Following ends when the job is as the caller waits for, or at a signal. The job itself is not touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from core.client import LineGap
from core.errors import Code, HaulierError
from core.messages import GetJob, JobChanged, JobForgotten, Noticed, Progress, ResumeJob
from core.model import JobState, JobView
from tui.cli.interrupts import Interrupts
from tui.cli.session import Session
from tui.cli.showing import Showing

Wanted = Callable[[JobView], bool]


@dataclass(frozen=True)
class Followed:
    """How the job was at the end, and the signal that ended the following (0: none)."""

    job: JobView
    signal: int = 0


async def follow(session: Session, job: JobView, showing: Showing, stop: Interrupts, until: Wanted) -> Followed:
    """Show `job` until it is as wanted or a signal arrives. Raises HaulierError (not_found when it was
    forgotten meanwhile, unavailable when no engine can be reached any more)."""
    follower = _Follower(session, job, showing, until)
    watching = asyncio.create_task(follower.run())
    stopping = asyncio.create_task(stop.asked())
    try:
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            return Followed(watching.result())
        return Followed(follower.job, stopping.result())
    finally:
        for task in (watching, stopping):
            task.cancel()
        await asyncio.gather(watching, stopping, return_exceptions=True)
        showing.rest()


class _Follower:
    def __init__(self, session: Session, job: JobView, showing: Showing, until: Wanted) -> None:
        self._session = session
        self._showing = showing
        self._until = until
        self.job = job

    async def run(self) -> JobView:
        back = False
        while True:
            try:
                if await self._listen(came_back=back):
                    return self.job
            except LineGap:
                continue
            except HaulierError as error:
                if error.code is not Code.UNAVAILABLE:
                    raise
            self._showing.message("The line to the engine broke; coming back to it.")
            await self._session.reconnect()
            back = True

    async def _listen(self, *, came_back: bool) -> bool:
        """Whether the job is as wanted; False when the line ended before that."""
        client = await self._session.client()
        snapshot = await client.subscribe(self._showing.rate, workers_of=self.job.id)
        found = next((each for each in snapshot.jobs if each.id == self.job.id), None)
        job = found if found is not None else await client.call(GetJob(job=self.job.id))
        if came_back and job.state is JobState.BLOCKED and self._session.lends_keys:
            # The new engine met the job before it had the keys that this environment lends.
            job = await client.call(ResumeJob(job=job.id))
        if self._take(job):
            return True
        async for event in client.events():
            match event:
                case JobChanged(job=changed) if changed.id == self.job.id:
                    if self._take(changed):
                        return True
                case JobForgotten(job=gone) if gone == self.job.id:
                    raise HaulierError(Code.NOT_FOUND, f"Job {gone} was forgotten")
                case Noticed(notice=notice) if notice.job == self.job.id:
                    self._showing.notice(notice)
                case Progress() as progress:
                    self._showing.progress(self.job, progress)
                case _:
                    pass
        return False

    def _take(self, job: JobView) -> bool:
        self.job = job
        self._showing.job(job)
        return self._until(job)
