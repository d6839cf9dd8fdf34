"""demo: everything on two S3 servers of its own. With --headless, two real transfers, verified.

However it ends (by itself, Ctrl+C, SIGTERM, a lost terminal), the engine of the demo is stopped, then its
servers, and its folder is removed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from core.demo import Demo, Endpoint
from core.errors import HaulierError
from core.launch import attach
from core.messages import ProvideKeys, SaveConnection, Shutdown, TestConnection
from core.paths import Paths
from tui.cli import program
from tui.cli.chosen import settings_of
from tui.cli.engine import STOP_SECONDS
from tui.cli.interrupts import Ended
from tui.cli.output import Output
from tui.cli.session import Session

_ENDING = (signal.SIGTERM, signal.SIGHUP)
BUCKETS = ("archive-2023", "backups", "models")  # those that the headless demo copies from bucket to bucket


def demo(chosen: Namespace, output: Output) -> int:
    if not chosen.headless:
        from tui.start import refuse_a_poor_terminal

        refuse_a_poor_terminal()
    with _ending_by_signal() as ended:
        output.say("Making sample data and starting two S3 servers …")
        playground = Demo.start()
        try:
            with _environment(playground.environment):
                return _show(chosen, output, playground, ended)
        finally:
            with _deaf():
                asyncio.run(stop_engine(playground.paths))
                playground.close()
                output.say("The demo's engine and servers are stopped, its files removed.")


def _show(chosen: Namespace, output: Output, playground: Demo, ended: list[int]) -> int:
    asyncio.run(_connect(chosen, playground))
    if chosen.headless:
        return _headless(playground, output, ended)
    from tui.start import run

    return run(playground.paths, {})


async def _connect(chosen: Namespace, playground: Demo) -> None:
    """Two tested connections, their keys in the engine's memory."""
    async with Session(settings_of(chosen), os.environ) as session:
        for endpoint in playground.endpoints:
            await _save(session, endpoint)


async def _save(session: Session, endpoint: Endpoint) -> None:
    connection = endpoint.connection
    await session.call(ProvideKeys(ref=endpoint.ref, keys=endpoint.keys))
    report = await session.call(TestConnection(connection=connection))
    await session.call(SaveConnection(connection=connection, untested_ok=not report.ok))


async def stop_engine(paths: Paths) -> None:
    """Stop the engine of these folders if one runs, and wait until it has."""
    client = await attach(paths)
    if client is None:
        return
    try:
        with suppress(HaulierError, TimeoutError):
            await client.call(Shutdown(drain=False))
            await asyncio.wait_for(client.wait_closed(), STOP_SECONDS)
    finally:
        await client.close()


# ---------------------------------------------------------------- without a screen


def _headless(playground: Demo, output: Output, ended: list[int]) -> int:
    """Bucket to bucket and bucket to disk, each verified by the program and then byte by byte. `ended` holds
    signals that came, also where Python had to swallow what they raised (in a callback of a weak reference)."""
    flags = ["--json"] if output.json else []
    source, target = (endpoint.name for endpoint in playground.endpoints)
    disk = playground.downloads / "logs-app"
    steps: list[list[str]] = [
        ["copy", *(f"{source}:{bucket}" for bucket in BUCKETS), f"{target}:", "--compare", "checksum"],
        *(["verify", f"{source}:{bucket}", f"{target}:{bucket}"] for bucket in BUCKETS if bucket != "backups"),
        ["copy", f"{source}:logs-app", f"{disk}/"],
        ["verify", f"{source}:logs-app", f"{disk}/"],
    ]
    worst = 0
    for step in steps:
        output.say(f"$ haulier {' '.join(step)}")
        sys.stdout.flush()
        code = program.run([*step, *flags])
        if ended or code >= program.INTERRUPTED:
            raise Ended(ended[0] if ended else code - 128)
        worst = max(worst, code)
    eu, dr = (endpoint.folder for endpoint in playground.endpoints)
    differing = [name for bucket in BUCKETS for name in differences(eu / bucket, dr / bucket)] + differences(
        eu / "logs-app", disk
    )
    if differing:
        output.say(f"{len(differing)} files differ, the first is {differing[0]!r}")
    else:
        output.say("Both copies are the same as their sources, byte by byte.")
    return 1 if differing or worst else 0


def differences(source: Path, target: Path) -> list[str]:
    """Names of files below `source` that `target` lacks or has otherwise."""
    different = []
    for path in sorted(source.rglob("*")):
        if path.is_file():
            name = path.relative_to(source)
            there = target / name
            if not there.is_file() or there.read_bytes() != path.read_bytes():
                different.append(str(name))
    return different


# ---------------------------------------------------------------- signals and environment


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """These variables in this process, and the former ones afterwards."""
    former = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _ending_by_signal() -> Iterator[list[int]]:
    ended: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        ended.append(number)
        raise Ended(number)

    former = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield ended
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def _deaf() -> Iterator[None]:
    """No signal cuts the cleaning-up short; it takes seconds at most."""
    numbers = (*_ENDING, signal.SIGINT)
    former = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
