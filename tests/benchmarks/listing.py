"""Listing very many keys, and planning a sync in which nothing is to be done."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psutil

from tests.benchmarks.contest import OURS, Goals, Mover, Row, find
from tests.benchmarks.ours import PROGRAM, ROOT, Bench

PEERS = ("s5cmd", "rclone")
GOALS = Goals(wall=0.5, memory=150)


def rows(bench: Bench, options: Namespace) -> Iterator[Row]:
    with _serving(options.keys) as (endpoint, server):
        keys = {
            "AWS_ACCESS_KEY_ID": "KEY",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
        }
        environ = {**bench.environ, **keys}
        rclone = {
            "RCLONE_CONFIG_X_TYPE": "s3",
            "RCLONE_CONFIG_X_PROVIDER": "Other",
            "RCLONE_CONFIG_X_ENV_AUTH": "true",
            "RCLONE_CONFIG_X_ENDPOINT": endpoint,
            "RCLONE_CONFIG_X_LIST_VERSION": "2",
        }
        s5cmd = ["--log", "error", "--endpoint-url", endpoint]
        for name, ours, of_s5cmd, of_rclone in (
            (
                "list",
                ["ls", "--recursive", "s3://many/"],
                [*s5cmd, "ls", "s3://many/*"],
                ["lsf", "--recursive", "--fast-list", "x:many"],
            ),
            (
                "plan a sync, nothing changed,",
                ["plan", "s3://many/", "s3://same/"],
                [*s5cmd, "--dry-run", "sync", "s3://many/*", "s3://same/"],
                ["sync", "--dry-run", "--fast-list", "--checkers", "32", "x:many", "x:same"],
            ),
        ):
            movers = [_mover(OURS, [*PROGRAM, *ours], {**environ, "PYTHONPATH": str(ROOT)}, bench.engine)]
            if program := find("s5cmd"):
                movers.append(_mover("s5cmd", [program, *of_s5cmd], environ))
            if program := find("rclone"):
                words = [program, *of_rclone, "--config", ""]
                movers.append(_mover("rclone", words, {**environ, **rclone}))
            yield Row(
                f"S3 (generated), {name} {options.keys} keys",
                movers,
                lambda name: name,
                server=[server],
                goals=GOALS,
            )


def _mover(
    name: str, command: Sequence[str], environ: Mapping[str, str], engine: psutil.Process | None = None
) -> Mover:
    return Mover(name, lambda _: command, environ, engine)


@contextmanager
def _serving(count: int) -> Iterator[tuple[str, psutil.Process]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.listing_server", str(count)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), psutil.Process(process.pid)
    finally:
        process.communicate()  # the end of its input is the end of it
