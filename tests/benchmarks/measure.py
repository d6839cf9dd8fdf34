"""Running one mover as whole processes and reading what the system counted of it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Cost:
    """Wall clock and processor seconds, and peaks of resident memory in bytes: of all, and of the engine."""

    wall: float
    cpu: float
    memory: int
    engine_memory: int = 0


def cost_of(command: Sequence[str], environ: Mapping[str, str], engine: psutil.Process | None = None) -> Cost:
    """Run a command to its end; an `engine` process that works for it is counted too.

    Raises RuntimeError with the command's output when it fails.
    """
    before = cpu_of(engine)
    if engine is not None:
        # Writing 5 resets the peak (proc(5), /proc/pid/clear_refs).
        Path(f"/proc/{engine.pid}/clear_refs").write_text("5")
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    peak = _Peak(process.pid)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(
            f"{command[0]} failed ({process.returncode}): {output[-2000:].decode(errors='replace')}"
        )
    memory = peak.stop()
    of_engine = _peak(engine.pid) if engine is not None else 0
    cpu = usage.ru_utime + usage.ru_stime + cpu_of(engine) - before
    return Cost(wall, cpu, memory + of_engine, of_engine)


class _Peak:
    """Looks at the peak of a process every now and then: what wait4 tells of it is never less than this
    process itself had when it forked (getrusage(2), ru_maxrss is kept over execve)."""

    EVERY = 0.02  # seconds

    def __init__(self, pid: int) -> None:
        self._pid, self._bytes = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        with suppress(OSError):
            while not self._over.wait(self.EVERY):
                self._bytes = max(self._bytes, _peak(self._pid))

    def stop(self) -> int:
        """The last that was seen, in bytes."""
        self._over.set()
        self._thread.join()
        return self._bytes


def cpu_of(process: psutil.Process | None) -> float:
    """Seconds that it took so far; 0 for none."""
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
