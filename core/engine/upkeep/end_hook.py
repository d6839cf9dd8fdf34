"""`on_end`: a command of the person's own, run when a job has ended or stopped for a reason that can be mended.

1. The engine runs it, so that it works with every screen closed. One at a time, in the order of the ends.
2. There is no shell: the setting's words are the program and its arguments, as they are. What is known of the
   job comes in variables, as text that holds no control characters, and never on the command line.
3. Of the engine's own environment it gets only what `INHERITED` names: secrets may stand in the rest.
4. It has SECONDS; then its process group is ended. The first bytes of its output go to the log.
5. That it fails is said once; then it only stands in the log until it has worked again.
6. An engine that is killed between a job's end and its command does not make up for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from core.engine.upkeep.bounded_command import CommandEnd, run_command
from core.errors import HaulierError
from core.job_ends import JobEnds
from core.log import clean
from core.model import JobView, Level
from core.settings import Settings, read_command, setting_in

log = logging.getLogger(__name__)

SECONDS = 60.0
CLOSING_SECONDS = 5.0  # for what still runs when the engine is stopped
INHERITED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "DISPLAY"}
    | {"WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"}
)

_WAITING = 1000  # commands; more are dropped and that is said
_LONGEST_VALUE = 500  # characters of a text in a variable
_LOGGED_LINES = 20


class EndHook:
    """`command` gives the setting's text as it is now, and may block; `notice` as Engine.notice."""

    def __init__(
        self,
        command: Callable[[], str],
        notice: Callable[[Level, str, int], None],
        environ: Mapping[str, str] = os.environ,
        seconds: float = SECONDS,
    ) -> None:
        self._command, self._notice = command, notice
        self._environ, self._seconds = environ, seconds
        self._ends = JobEnds()
        self._queue: asyncio.Queue[JobView] = asyncio.Queue(_WAITING)
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="on-end")
        self._failure_told = False

    def job_ended(self, job: JobView) -> None:
        """Note an end; returns at once."""
        if not self._ends.is_news(job):
            return
        try:
            self._queue.put_nowait(job)
        except asyncio.QueueFull:
            log.warning("on_end is not run for job %d: %d are waiting for their turn", job.id, _WAITING)

    async def run(self) -> None:
        """Run the commands, one after the other, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            job = await self._queue.get()
            try:
                self._tell(job, await loop.run_in_executor(self._thread, self._carry_out, job))
            finally:
                self._queue.task_done()

    async def close(self, *, drain: bool) -> None:
        """Let what waits and runs come to its end, for a few seconds when `drain`, and end the rest."""
        try:
            if drain:
                await asyncio.wait_for(self._queue.join(), CLOSING_SECONDS)
        except TimeoutError:
            log.warning("on_end still runs and is ended")
        finally:
            self._stop.set()
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _carry_out(self, job: JobView) -> CommandEnd | None:
        """In the thread. None: no command is set."""
        try:
            words = read_command(self._command())
        except (HaulierError, ValueError) as error:
            return CommandEnd(getattr(error, "message", str(error)), "", 0.0)
        if not words:
            return None
        program = os.path.expanduser(words[0])  # noqa: PTH111 - as it is written, but for the home folder
        return run_command(
            (program, *words[1:]), hook_environment(job, self._environ), self._seconds, self._stop
        )

    def _tell(self, job: JobView, end: CommandEnd | None) -> None:
        if end is None:
            return
        lines = end.output.splitlines()
        for line in lines[:_LOGGED_LINES]:
            log.info("on_end of job %d: %s", job.id, line)
        if len(lines) > _LOGGED_LINES:
            log.info("on_end of job %d: and %d more lines", job.id, len(lines) - _LOGGED_LINES)
        log.info("on_end of job %d: %s, after %.1f s", job.id, end.trouble or "done", end.seconds)
        if end.trouble and not self._failure_told:
            self._notice(
                Level.WARNING,
                f"the command on_end failed: {end.trouble}; it is said once, the log has every time",
                job.id,
            )
        self._failure_told = bool(end.trouble)


def command_in(settings: Settings) -> Callable[[], str]:
    """The command as it is now: what config.toml says can be changed while the engine works; what a flag or a
    variable said holds as long as the engine. The result raises HaulierError (usage) for a damaged file."""
    if settings.origins.get("on_end", "").startswith(("flag ", "environment ")):
        return lambda: settings.on_end
    return lambda: setting_in(settings.config_dir / "config.toml", "on_end")


def hook_environment(job: JobView, environ: Mapping[str, str]) -> dict[str, str]:
    """What the command sees: little of this process's environment, and what is known of the job."""
    counts = job.counts
    facts: dict[str, str | int] = {
        "JOB": job.id,
        "STATE": job.state.value,
        "KIND": job.spec.kind.value,
        "TITLE": _text(job.title),
        "REASON": _text(job.reason),
        "HINT": _text(job.hint),
        "FILES_DONE": counts.files_done,
        "FILES_FAILED": counts.files_failed,
        "FILES_SKIPPED": counts.files_skipped,
        "BYTES_DONE": counts.bytes_done,
        "SECONDS": round(job.active_seconds),
    }
    kept = {name: value for name, value in environ.items() if name in INHERITED or name.startswith("LC_")}
    return kept | {f"HAULIER_{name}": str(value) for name, value in facts.items()}


def _text(text: str) -> str:
    return clean(text[: 10 * _LONGEST_VALUE])[:_LONGEST_VALUE]
