"""engine status, start, stop, logs: the background process itself."""

from __future__ import annotations

import asyncio
import os
import time
from argparse import Namespace
from collections import deque
from contextlib import suppress
from pathlib import Path

from core.build import build_name
from core.errors import Code, HaulierError
from core.launch import attach, connect
from core.messages import Ping, Shutdown
from core.model import EngineStatus
from core.paths import Paths
from core.safe_text import safe_text
from core.socket_client import SocketClient
from core.units import format_bytes, format_duration
from tui.cli.chosen import settings_of
from tui.cli.output import Output, iso

NOT_RUNNING = 3  # as init scripts answer `status` (Linux Standard Base, "Init Script Actions")
STOP_SECONDS = 45.0  # the engine gives parts in flight 30, and recording 10 more
FOLLOW_SECONDS = 0.25  # between two looks at the log


def status(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_status(chosen, output))


async def _status(chosen: Namespace, output: Output) -> int:
    client = await attach(Paths.of(settings_of(chosen)))
    if client is None:
        if output.json:
            output.record("engine", running=False)
        else:
            output.line("No engine is running.")
        return NOT_RUNNING
    try:
        _print_status(output, await client.call(Ping()), client)
    finally:
        await client.close()
    return 0


def start(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_start(chosen, output))


async def _start(chosen: Namespace, output: Output) -> int:
    client = await connect(Paths.of(settings_of(chosen)))
    try:
        _print_status(output, await client.call(Ping()), client)
    finally:
        await client.close()
    return 0


def stop(chosen: Namespace, output: Output) -> int:
    return asyncio.run(stop_engine(Paths.of(settings_of(chosen)), output, drain=chosen.drain))


async def stop_engine(paths: Paths, output: Output, *, drain: bool) -> int:
    """Ask the engine to stop and wait until it has. No engine is no error. Raises HaulierError (unavailable)
    when it does not stop."""
    client = await attach(paths)
    if client is None:
        _tell_stopped(output, "No engine is running.")
        return 0
    try:
        with suppress(HaulierError):  # the line may go before the answer comes
            await client.call(Shutdown(drain=drain))
        await asyncio.wait_for(client.wait_closed(), STOP_SECONDS)
    except TimeoutError:
        raise HaulierError(
            Code.UNAVAILABLE,
            f"The engine (process {client.hello.pid}) has not stopped within {STOP_SECONDS:g} s",
            f"Its log is {safe_text(str(paths.engine_log))}.",
        ) from None
    finally:
        await client.close()
    _tell_stopped(output, "The engine has stopped. Jobs go on with its next start.")
    return 0


def _tell_stopped(output: Output, text: str) -> None:
    if output.json:
        output.record("engine", running=False)
    else:
        output.say(text)


def _print_status(output: Output, engine: EngineStatus, client: SocketClient) -> None:
    build = client.hello.build
    if output.json:
        output.record(
            "engine",
            running=True,
            pid=engine.pid,
            version=engine.version,
            build=build,
            started=iso(engine.started),
            memory=engine.memory,
            jobs_active=engine.jobs_active,
            draining=engine.draining,
            state_dir=engine.state_dir,
        )
        return
    output.line(f"Engine {safe_text(engine.version)}, process {engine.pid}, {safe_text(engine.state_dir)}")
    up = format_duration(time.time() - engine.started)
    output.line(f"  up {up}, {format_bytes(engine.memory)} of memory, {engine.jobs_active} jobs active")
    if engine.draining:
        output.line("  finishing parts in flight before it stops")
    if build != build_name():
        output.line(f"  its build {safe_text(build)} is not this program's {build_name()}: restart it")


def logs(chosen: Namespace, output: Output) -> int:
    file = Paths.of(settings_of(chosen)).engine_log
    try:
        return _print_log(file, output, lines=max(0, chosen.lines), follow=chosen.follow)
    except FileNotFoundError:
        raise HaulierError(Code.NOT_FOUND, f"There is no log yet: {safe_text(str(file))}") from None
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise HaulierError(Code.FAILED, f"{safe_text(str(file))} cannot be read: {error.strerror}") from None


def _print_log(file: Path, output: Output, *, lines: int, follow: bool) -> int:
    stream = file.open(encoding="utf-8", errors="replace")
    try:
        for line in deque(stream, maxlen=lines):
            output.line(safe_text(line.rstrip("\n")))
        output.out.flush()
        while follow:
            line = stream.readline()
            if line:
                output.line(safe_text(line.rstrip("\n")))
                output.out.flush()
                continue
            time.sleep(FOLLOW_SECONDS)
            with suppress(FileNotFoundError):
                # The log is rotated by renaming: what has the name now is another file.
                if os.fstat(stream.fileno()).st_ino != file.stat().st_ino:
                    stream.close()
                    stream = file.open(encoding="utf-8", errors="replace")
    finally:
        stream.close()
    return 0
