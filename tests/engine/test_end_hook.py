"""The command of the person's own at a job's end: run by the engine, without a shell, without a secret, and
never for long."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from core.engine.engine import Engine
from core.engine.upkeep.bounded_command import KEPT_OUTPUT, run_command
from core.engine.upkeep.end_hook import EndHook, hook_environment
from core.inprocess import InProcessClient
from core.job_ends import QUIET, JobEnds
from core.messages import ReadLog
from core.model import Counts, JobKind, JobSpec, JobState, JobView, Level, Pair, Place
from core.paths import Paths
from core.settings import Settings
from tests.engine.asking import here, run, spec_of, write

HOSTILE = "a\x1b]0;x\x07b\nc\0d; $(touch PWNED) `touch PWNED` \u202e"
SECRET = "hf_" + "x" * 34


def a_job(state: JobState = JobState.COMPLETED, number: int = 7, **changes: object) -> JobView:
    pair = Pair(source=Place(kind="local", path="/a/"), target=Place(kind="local", path="/b/"))
    view = JobView(id=number, spec=JobSpec(kind=JobKind.COPY, pairs=(pair,)), state=state, title="/a/ → /b/")
    return msgspec.structs.replace(view, **changes)


def quick(*words: str, seconds: float = 20.0, stop: threading.Event | None = None) -> tuple[str, str]:
    end = run_command(words, {"PATH": os.environ["PATH"]}, seconds, stop or threading.Event())
    return end.trouble, end.output


class Hook:
    """A hook with a loop of its own; `told` is what people were told."""

    def __init__(self, command: Callable[[], str], seconds: float = 20.0) -> None:
        self.told: list[str] = []
        environ = {**os.environ, "AWS_SECRET_ACCESS_KEY": "geheim", "HF_TOKEN": SECRET}
        self.hook = EndHook(command, lambda level, text, job: self.told.append(text), environ, seconds)

    async def after(self, *jobs: JobView) -> list[str]:
        """What people were told once the commands of these ends have run."""
        for job in jobs:
            self.hook.job_ended(job)
        await asyncio.wait_for(self.hook._queue.join(), 30)
        return self.told


@asynccontextmanager
async def hooked(command: Callable[[], str] | str, seconds: float = 20.0) -> AsyncIterator[Hook]:
    hook = Hook(command if callable(command) else lambda: command, seconds)
    running = asyncio.create_task(hook.hook.run())
    yield hook
    running.cancel()
    await hook.hook.close(drain=False)


def writes_environment(file: Path) -> str:
    what = "json.dumps([sys.argv[1:], dict(os.environ)])"
    code = f"import json, os, sys; open({str(file)!r}, 'a').write({what} + chr(10))"
    return f"{sys.executable} -c \"{code}\" '$HOME;' '*'"


async def test_a_real_job_runs_it(paths: Paths, settings: Settings, tmp_path: Path) -> None:
    """config.toml is written while the engine works; a copy ends; the command has the job's facts, its
    arguments as they were written, and nothing else of the engine's environment."""
    seen = tmp_path / "seen"
    engine = Engine(paths, settings)
    await engine.open()
    client = InProcessClient(engine)
    paths.config_dir.mkdir(parents=True, exist_ok=True)
    (paths.config_dir / "config.toml").write_text(f"on_end = {json.dumps(writes_environment(seen))}\n")
    source = write(tmp_path / "src", {"one": "1", "two": "22"})
    job = await run(client, spec_of((here(source), here(tmp_path / "dst"))))
    async with asyncio.timeout(30):
        while not seen.exists():  # the job's end is told before it is handed to the hook
            await asyncio.sleep(0.02)
        await engine._end_hook._queue.join()
    await client.close()
    await engine.close(drain=True)
    arguments, environment = json.loads(seen.read_text())
    assert arguments == ["$HOME;", "*"]
    assert environment["HAULIER_JOB"] == str(job.id)
    assert environment["HAULIER_STATE"] == "completed"
    assert environment["HAULIER_TITLE"] == job.title
    assert (environment["HAULIER_FILES_DONE"], environment["HAULIER_BYTES_DONE"]) == ("2", "3")
    assert environment["HOME"] == os.environ["HOME"]
    assert not {name for name in environment if name.startswith(("AWS_", "PYTHON"))}


async def test_nothing_set_nothing_run(paths: Paths, settings: Settings, tmp_path: Path) -> None:
    """Without the setting a job ends as ever, and nobody is told anything of commands."""
    engine = Engine(paths, settings)
    await engine.open()
    client = InProcessClient(engine)
    source = write(tmp_path / "src", {"one": "1"})
    await run(client, spec_of((here(source), here(tmp_path / "dst"))))
    await asyncio.wait_for(engine._end_hook._queue.join(), 30)
    log = await client.call(ReadLog())
    await client.close()
    await engine.close(drain=True)
    assert "on_end" not in "\n".join(notice.text for notice in log.notices)


async def test_texts_from_outside_stay_texts(tmp_path: Path) -> None:
    """A hostile title and reason reach the command as one printable text each; no secret comes along, neither
    from the environment nor within a reason."""
    seen = tmp_path / "seen"
    job = a_job(JobState.FAILED, title=HOSTILE, reason=f"refused: token {SECRET}\x07")
    async with hooked(writes_environment(seen)) as hook:
        assert await hook.after(job) == []
    arguments, environment = json.loads(seen.read_text())
    assert arguments == ["$HOME;", "*"]
    for name in ("HAULIER_TITLE", "HAULIER_REASON"):
        assert environment[name].isprintable()
    assert "$(touch PWNED)" in environment["HAULIER_TITLE"]
    assert SECRET not in seen.read_text()
    assert "geheim" not in seen.read_text()


def test_long_texts_are_cut() -> None:
    """A title of any length makes no environment that the system refuses."""
    found = hook_environment(a_job(title="x" * 10_000_000, counts=Counts(files_done=3)), {})
    assert len(found["HAULIER_TITLE"]) == 500
    assert found["HAULIER_FILES_DONE"] == "3"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("/nowhere/at/all", "it cannot be started: No such file or directory"),
        ("/etc/passwd", "it cannot be started: Permission denied"),
        (f"{sys.executable} -c 'raise SystemExit(3)'", "it ended with code 3"),
        (f"{sys.executable} -c 'import os; os.kill(os.getpid(), 9)'", "a signal ended it: SIGKILL"),
        ("say 'half", "cannot be split into words"),
    ],
)
async def test_a_failure_is_told_once(command: str, says: str) -> None:
    """What went wrong is said in words, once, however many jobs end."""
    async with hooked(command) as hook:
        told = await hook.after(*(a_job(number=number) for number in range(1, 4)))
    assert len(told) == 1
    assert says in told[0]


async def test_a_failure_after_it_worked_is_told_again(tmp_path: Path) -> None:
    """Mended and broken again is news."""
    switch = tmp_path / "works"
    async with hooked(f"test -e {switch}") as hook:
        assert len(await hook.after(a_job(number=1), a_job(number=2))) == 1
        switch.touch()
        assert len(await hook.after(a_job(number=3))) == 1
        switch.unlink()
        assert len(await hook.after(a_job(number=4))) == 2


async def test_output_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The first lines of stdout and stderr are in the log, the rest is counted."""
    code = "import sys; print('out'); print('err', file=sys.stderr); [print(n) for n in range(30)]"
    with caplog.at_level(logging.INFO):
        async with hooked(f'{sys.executable} -u -c "{code}"') as hook:
            await hook.after(a_job())
    assert "on_end of job 7: out" in caplog.text
    assert "on_end of job 7: err" in caplog.text
    assert "and 12 more lines" in caplog.text


def test_a_command_that_hangs_is_ended_with_its_children() -> None:
    """Its time over, the whole process group goes, also what does not hear SIGTERM."""
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    trouble, output = quick(sys.executable, "-c", code, seconds=3.0)
    assert trouble == "it took more than 3 s, and it was ended"
    child = int(output)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child outlived the command"
        time.sleep(0.01)


def test_a_flood_of_output_costs_nothing() -> None:
    """A command that never stops printing is read on, and only the first bytes are kept."""
    trouble, output = quick("yes", "haulier", seconds=0.5)
    assert "took more than" in trouble
    assert len(output) == KEPT_OUTPUT


def test_a_flood_from_the_background_does_not_hold_it() -> None:
    """What the command left behind writes for ever: the command has ended all the same."""
    trouble, output = quick("sh", "-c", "yes haulier & sleep 0.2", seconds=30)
    assert trouble == ""
    assert len(output) <= KEPT_OUTPUT


def test_what_goes_to_the_background_is_not_waited_for(tmp_path: Path) -> None:
    """A command that leaves a player running, with its output still open, has ended."""
    began = time.monotonic()
    assert quick("sh", "-c", "sleep 5 & echo started") == ("", "started\n")
    assert time.monotonic() - began < 4


def test_the_engine_does_not_wait_for_it() -> None:
    """An engine that is stopped ends the command."""
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    trouble, _ = quick("sleep", "600", stop=stop)
    assert trouble == "the engine stopped, and it was ended"


def test_which_changes_are_news() -> None:
    """Ends are, a stop that can be mended is, once in a while; what a person did or sees is not."""
    now = [1000.0]
    ends = JobEnds(lambda: now[0])
    news = [state for state in JobState if ends.is_news(a_job(state))]
    finals = [JobState.COMPLETED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED]
    assert news == [JobState.BLOCKED, *finals]
    assert not ends.is_news(a_job(JobState.BLOCKED))
    now[0] += QUIET + 1
    assert ends.is_news(a_job(JobState.BLOCKED))
    assert ends.is_news(a_job(JobState.BLOCKED, number=8))


def test_a_notice_has_a_level() -> None:
    """A failed command is a warning, not an alarm."""
    told: list[Level] = []
    hook = EndHook(lambda: "false", lambda level, text, job: told.append(level))
    hook._tell(a_job(), hook._carry_out(a_job()))
    assert told == [Level.WARNING]
