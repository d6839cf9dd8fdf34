"""haulier as one of the movers: its engine runs before anything is timed, as it does for its users."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.contest import OURS, Mover
from tests.servers import S3Server

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "tui")


@dataclass(frozen=True)
class Bench:
    """Where everything happens. `environ` is what all movers are started with."""

    folder: Path
    environ: Mapping[str, str]
    engine: psutil.Process

    def mover(self, *source: str, environ: Mapping[str, str] | None = None) -> Mover:
        """`haulier copy` of these places, which may have options behind them."""
        return Mover(
            OURS,
            lambda target: [*PROGRAM, "copy", "--quiet", source[0], target, *source[1:]],
            {**self.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
            self.engine,
        )

    def add_connection(self, name: str, server: S3Server) -> None:
        """A connection to a server, its keys in the engine's memory."""
        words = ["--endpoint", server.endpoint, "--access-key-id", server.access_key, "--region", "us-east-1"]
        subprocess.run(
            [*PROGRAM, "connections", "add", name, *words, "--path-style", "--secret-stdin", "--memory"],
            env={**self.environ, "PYTHONPATH": str(ROOT)},
            input=server.secret_key,
            text=True,
            check=True,
            capture_output=True,
        )

    def new_folder(self, name: str) -> str:
        """A target, with the slash that says so."""
        target = self.folder / "out" / name
        target.mkdir(parents=True)
        return f"{target}/"


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """With an engine of its own, in a home of its own."""
    home = folder / "home"
    home.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "HAULIER_RESERVE": "1MiB",
        "NO_PROXY": "*",
    }
    ours = {**environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*PROGRAM, "engine", "start"], env=ours, check=True, stdout=subprocess.DEVNULL)
    try:
        yield Bench(folder, environ, _engine(folder))
    finally:
        subprocess.run([*PROGRAM, "engine", "stop"], env=ours, check=False, capture_output=True)


def _engine(folder: Path) -> psutil.Process:
    """The engine that serves the benchmark's own home folder."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "core.daemon" in words and any(str(folder) in word for word in words):
            return process
    raise RuntimeError("the engine was not found among the processes")
