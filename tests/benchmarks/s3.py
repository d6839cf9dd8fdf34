"""S3: many small objects, one large one and a mix, down and up, between two servers, and on one by itself."""

from __future__ import annotations

import os
import subprocess
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from tests import servers
from tests.benchmarks.contest import KIB, MIB, Goals, Mover, Row, find, label, serving
from tests.benchmarks.ours import Bench
from tests.servers import S3Server

PEERS = ("s5cmd", "rclone", "aws")
MIXED_SMALL, MIXED_LARGE = 4 * KIB, 20 * MIB
PER_FOLDER = 50

Sizes = Sequence[tuple[int, int]]  # how many of how many bytes


@dataclass(frozen=True)
class Served:
    """A server, the folder that holds its buckets, and its process."""

    server: S3Server
    folder: Path
    processes: Sequence[psutil.Process]

    def new_bucket(self, _: str = "") -> str:
        """The URL of a new one."""
        return f"s3://{self.server.new_bucket()}/"

    def place(self, url: str) -> Path:
        """The folder of a bucket by its URL."""
        return self.folder / url.removeprefix("s3://").strip("/")


def rows(bench: Bench, options: Namespace) -> Iterator[Row]:
    with serve(bench, options, "server") as here:
        small, big = [(options.small, 16 * KIB)], [(1, options.big * MIB)]
        mixed = [(options.mixed, MIXED_LARGE), (5000, MIXED_SMALL)]
        yield from _both_ways(bench, options, here, small, Goals(wall=0.5, cpu=1), Goals(wall=0.6, cpu=1))
        yield from _both_ways(bench, options, here, big, Goals(wall=0.7, of={"cp": 1.5}), Goals(wall=0.9))
        yield from _both_ways(bench, options, here, mixed, Goals(wall=0.6), Goals(wall=0.6))


def between(bench: Bench, options: Namespace) -> Iterator[Row]:
    """From one server to another through this machine, and from bucket to bucket of one."""
    with serve(bench, options, "from") as source, serve(bench, options, "to") as target:
        mixed = [(options.mixed, MIXED_LARGE), (5000, MIXED_SMALL)]
        bucket = filled(source, bench.folder / "mixed", mixed)[1]
        yield Row(
            f"S3 → S3, two servers ({source.server.name}), {words_of(mixed)}",
            _relaying(bench, source.server, target.server, bucket),
            target.new_bucket,
            *total(mixed),
            [*source.processes, *target.processes],
            Goals(wall=0.6),
            target.place,
        )
        small = [(options.small, 16 * KIB)]
        bucket = filled(source, bench.folder / "small", small)[1]
        yield Row(
            f"S3 → S3, server side ({source.server.name}), {words_of(small)}",
            movers(bench, source.server, f"s3://{bucket}/", transfers=200),
            source.new_bucket,
            *total(small),
            source.processes,
            Goals(wall=0.6),
            source.place,
        )


@contextmanager
def serve(bench: Bench, options: Namespace, name: str) -> Iterator[Served]:
    """The server that was asked for, over a folder of this name."""
    folder = bench.folder / name
    folder.mkdir()
    with ExitStack() as kept:
        server = kept.enter_context(_serving(options.server)(folder))
        yield Served(server, folder, serving(folder))


def _serving(name: str) -> Callable[[Path], AbstractContextManager[S3Server]]:
    if name == "auto":
        name = "versitygw" if servers.versitygw_binary() else "rclone"
    return partial(servers.versitygw, sidecar=False) if name == "versitygw" else servers.rclone


def _both_ways(
    bench: Bench, options: Namespace, here: Served, sizes: Sizes, down: Goals, up: Goals
) -> Iterator[Row]:
    source, bucket = filled(here, bench.folder / f"s3-{sizes[0][1]}", sizes)
    name = f"S3 ({here.server.name}), {words_of(sizes)}"
    taking = movers(bench, here.server, f"s3://{bucket}/", with_aws=options.aws)
    if down.of:
        taking.append(copying(source, bench))
    yield Row(f"{name}, down", taking, bench.new_folder, *total(sizes), here.processes, down)
    giving = movers(bench, here.server, f"{source}/", with_aws=options.aws)
    yield Row(f"{name}, up", giving, here.new_bucket, *total(sizes), here.processes, up, here.place)


def filled(here: Served, source: Path, sizes: Sizes) -> tuple[Path, str]:
    """Random files on disk, and a bucket with the same objects."""
    for count, size in sizes:
        for number in range(count):
            file = source / f"{number % PER_FOLDER:02d}" / f"{number:06d}-{size}.bin"
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as out:
                for start in range(0, size, MIB):
                    out.write(os.urandom(min(MIB, size - start)))
    bucket = here.server.new_bucket()
    if s5cmd := find("s5cmd"):
        words = [s5cmd, "--log", "error", "--endpoint-url", here.server.endpoint, "cp", f"{source}/"]
        environ = {"PATH": os.environ["PATH"], "NO_PROXY": "*", **keys_of(here.server)}
        subprocess.run([*words, f"s3://{bucket}/"], env=environ, check=True)
        return source, bucket
    s3 = here.server.boto3()
    for path in sorted(source.rglob("*.bin")):
        s3.upload_file(str(path), bucket, str(path.relative_to(source)))
    return source, bucket


def words_of(sizes: Sizes) -> str:
    """ "5000 × 16 KiB", "40 × 20 MiB + 5000 × 4 KiB"."""
    return " + ".join(f"{count} × {label(size)}" for count, size in sizes)


def total(sizes: Sizes) -> tuple[int, int]:
    """Files and bytes."""
    return sum(count for count, _ in sizes), sum(count * size for count, size in sizes)


def copying(source: Path, bench: Bench) -> Mover:
    """cp of the same files on the same disk: what the machine can do."""
    words = ["cp", "--recursive", "--reflink=never", f"{source}/."]
    return Mover("cp", lambda target: [*words, target], bench.environ, is_peer=False)


def keys_of(server: S3Server) -> Mapping[str, str]:
    """The environment that says where the server is and how to sign."""
    return {
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.endpoint,
    }


def movers(
    bench: Bench, server: S3Server, source: str, *, transfers: int = 32, with_aws: bool = False
) -> list[Mover]:
    """haulier and its peers, moving `source` from or to a server."""
    keys = keys_of(server)
    environ = {**bench.environ, **keys}
    found = [bench.mover(source, environ=keys)]
    if s5cmd := find("s5cmd"):
        words = [s5cmd, "--log", "error", "--endpoint-url", server.endpoint, "cp"]
        everything = f"{source}*" if source.startswith("s3://") else source
        found.append(Mover("s5cmd", lambda target: [*words, everything, target], environ))
    if rclone := find("rclone"):
        copy = [*_rclone_copy(rclone), "--transfers", str(transfers), "--checkers", str(transfers)]
        config = _remote_config("X", server)
        found.append(
            Mover(
                "rclone",
                lambda target: [*copy, _remote("x", source), _remote("x", target)],
                {**environ, **config},
            )
        )
    if with_aws and (aws := find("aws")):
        plain = [aws, "s3", "cp", "--recursive", "--only-show-errors", source]
        found.append(Mover("aws s3 cp", lambda target: [*plain, target], environ))
    return found


def _relaying(bench: Bench, source: S3Server, target: S3Server, bucket: str) -> list[Mover]:
    """s5cmd and the AWS CLI know one endpoint at a time."""
    bench.add_connection("far", target)
    found = [
        Mover(
            (ours := bench.mover(f"s3://{bucket}/", environ=keys_of(source))).name,
            lambda url: ours.command(url.replace("s3://", "far:", 1)),
            ours.environ,
            ours.engine,
        )
    ]
    if rclone := find("rclone"):
        copy = [*_rclone_copy(rclone), "--transfers", "32", "--checkers", "32", _remote("x", f"s3://{bucket}/")]
        environ = {**bench.environ, **_remote_config("X", source), **_remote_config("Y", target)}
        found.append(Mover("rclone", lambda url: [*copy, _remote("y", url)], environ))
    return found


def _rclone_copy(rclone: str) -> list[str]:
    return [rclone, "copy", "--fast-list", "--s3-no-check-bucket", "--config", ""]


def _remote_config(name: str, server: S3Server) -> Mapping[str, str]:
    return {
        f"RCLONE_CONFIG_{name}_TYPE": "s3",
        f"RCLONE_CONFIG_{name}_PROVIDER": "Other",
        f"RCLONE_CONFIG_{name}_ENDPOINT": server.endpoint,
        f"RCLONE_CONFIG_{name}_ACCESS_KEY_ID": server.access_key,
        f"RCLONE_CONFIG_{name}_SECRET_ACCESS_KEY": server.secret_key,
    }


def _remote(remote: str, place: str) -> str:
    return place.replace("s3://", f"{remote}:", 1)
