"""S3: many small objects and one large one, down and up, against s5cmd and rclone where they are here."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from tests import servers
from tests.benchmarks.contest import KIB, MIB, Mover, Row, find, label
from tests.benchmarks.ours import Bench
from tests.servers import S3Server

PEERS = ("s5cmd", "rclone")


def rows(bench: Bench, options: Namespace) -> Iterator[Row]:
    (bench.folder / "server").mkdir()
    serve = servers.rclone if options.server == "rclone" else servers.versitygw
    with serve(bench.folder / "server") as server:
        for count, size in ((options.small, 16 * KIB), (1, options.big * MIB)):
            source, bucket = _filled(server, bench.folder / f"s3-{size}", count, size)
            name = f"S3 ({server.name}), {count} × {label(size)}"
            yield Row(
                f"{name}, down",
                _movers(bench, server, f"s3://{bucket}/"),
                bench.new_folder,
                count,
                count * size,
            )
            yield Row(
                f"{name}, up", _movers(bench, server, f"{source}/"), lambda _: f"s3://{server.new_bucket()}/"
            )


def _filled(server: S3Server, source: Path, count: int, size: int) -> tuple[Path, str]:
    """Random files on disk, and a bucket with the same objects."""
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
    return source, bucket


def _movers(bench: Bench, server: S3Server, source: str) -> list[Mover]:
    keys = {
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.endpoint,
    }
    environ = {**bench.environ, **keys}
    movers = [bench.mover(source, environ=keys)]
    if s5cmd := find("s5cmd"):
        words = [s5cmd, "--log", "error", "--endpoint-url", server.endpoint, "cp"]
        everything = f"{source}*" if source.startswith("s3://") else source
        movers.append(Mover("s5cmd", lambda target: [*words, everything, target], environ))
    if rclone := find("rclone"):
        config = {
            "RCLONE_CONFIG_X_TYPE": "s3",
            "RCLONE_CONFIG_X_PROVIDER": "Other",
            "RCLONE_CONFIG_X_ENV_AUTH": "true",
            "RCLONE_CONFIG_X_ENDPOINT": server.endpoint,
        }
        copy = [rclone, "copy", "--transfers", "16", "--checkers", "16", "--config", ""]
        movers.append(
            Mover("rclone", lambda target: [*copy, _remote(source), _remote(target)], {**environ, **config})
        )
    return movers


def _remote(place: str) -> str:
    return place.replace("s3://", "x:", 1)
