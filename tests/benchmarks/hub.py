"""A repository of a Hub: many small files in git, large ones in LFS, against the official client's command.

The Hub is the tests' own, in a process of its own (`python -m tests.benchmarks.hub_server`); what is in LFS
comes from nginx, as on the real Hub it comes from other machines. Small files are served by the Hub itself, two
requests a file: the column of the server's processor time tells whether it is what all wait for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.benchmarks.contest import KIB, MIB, Goals, Mover, Row, find, label, serving
from tests.benchmarks.ours import ROOT, Bench
from tests.fake_hub import Made
from tests.nginx import nginx

PEERS = ("hf",)
SMALL, LARGE = "acme/small", "acme/large"
LFS_FILES = 2


def rows(bench: Bench, options: Namespace) -> Iterator[Row]:
    stored = bench.folder / "lfs"
    stored.mkdir()
    with nginx(stored, bench.folder / "nginx-lfs") as storage:
        cdn = serving(bench.folder / "nginx-lfs")
        small = [(options.hub_files, 16 * KIB)]
        large = [(LFS_FILES, options.lfs * MIB)]
        for seed in range(LFS_FILES):
            _store(stored, Made(options.lfs * MIB, seed))
        with _hub(options, storage) as (endpoint, hub):
            for repo, [(count, size)] in ((SMALL, small), (LARGE, large)):
                name = f"Hub ({'git' if repo == SMALL else 'LFS by nginx'}), {count} × {label(size)}"
                movers = _movers(bench, repo, endpoint)
                hosts = [hub, *cdn]
                yield Row(name, movers, bench.new_folder, count, count * size, hosts, Goals(wall=0.4))


def _store(folder: Path, made: Made) -> None:
    with (folder / made.sha256).open("wb") as out:
        for at in range(0, made.size, MIB):
            out.write(made.read(at, MIB))


@contextmanager
def _hub(options: Namespace, storage: str) -> Iterator[tuple[str, psutil.Process]]:
    words = [str(options.hub_files), str(16 * KIB), str(LFS_FILES), str(options.lfs * MIB), storage]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.hub_server", *words],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["endpoint"], psutil.Process(process.pid)
    finally:
        process.communicate()  # the end of its input is the end of it


def _movers(bench: Bench, repo: str, endpoint: str) -> list[Mover]:
    movers = [bench.mover(f"hf://datasets/{repo}/", environ={"HF_ENDPOINT": endpoint})]
    if hf := find("hf"):
        words = [hf, "download", repo, "--repo-type", "dataset", "--quiet", "--local-dir"]
        movers.append(
            Mover("hf download", lambda target: [*words, target], {**bench.environ, **_client(bench, endpoint)})
        )
    return movers


def _client(bench: Bench, endpoint: str) -> Mapping[str, str]:
    """What the official client is told: ranged HTTP instead of Xet, and nothing that asks other servers."""
    return {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(bench.folder / "hf-home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
