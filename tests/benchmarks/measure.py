"""Running one mover as whole processes and reading what the system counted of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Cost:
    """Wall clock and processor seconds, and the peak of resident memory in bytes."""

    wall: float
    cpu: float
    memory: int


def cost_of(command: Sequence[str], environ: Mapping[str, str], engine: psutil.Process | None = None) -> Cost:
    """Run a command to its end; an `engine` process that works for it is counted too.

    Raises RuntimeError with the command's output when it fails.
    """
    before = _cpu(engine)
    if engine is not None:
        # Writing 5 resets the peak (proc(5), /proc/pid/clear_refs).
        Path(f"/proc/{engine.pid}/clear_refs").write_text("5")
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(
            f"{command[0]} failed ({process.returncode}): {output[-2000:].decode(errors='replace')}"
        )
    memory = usage.ru_maxrss * 1024
    if engine is not None:
        memory += _peak(engine)
    return Cost(wall, usage.ru_utime + usage.ru_stime + _cpu(engine) - before, memory)


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def _peak(process: psutil.Process) -> int:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
