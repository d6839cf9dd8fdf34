"""Real S3 servers for tests, each in a process of its own on a free port of this machine.

Three servers that differ where S3 programs break: moto (an emulation of AWS), `rclone serve s3` (ignores
If-Match, answers ranges with 200) and versitygw (a gateway over files). Each context manager starts one,
waits until it answers, and stops it at the end.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.config

from core.model import Connection, SecretKeys, SessionCredentials

VERSITYGW_VARIABLE = "HAULIER_TEST_VERSITYGW"
START_SECONDS = 30.0


@dataclass(frozen=True)
class S3Server:
    """A running server. `name` is one of "moto", "rclone", "versitygw"."""

    name: str
    endpoint: str
    access_key: str
    secret_key: str

    @property
    def keys(self) -> SecretKeys:
        """The access key that the server accepts."""
        return SecretKeys(access_key_id=self.access_key, secret_access_key=self.secret_key)

    def connection(self, name: str = "test") -> Connection:
        """A connection to this server whose keys are found under the reference `self.name`."""
        return Connection(
            name=name,
            endpoint=self.endpoint,
            region="us-east-1",
            addressing="path",
            credentials=SessionCredentials(ref=self.name),
        )

    def keys_for(self, ref: str) -> SecretKeys:
        """The lookup that stores are given; knows this server's reference only."""
        if ref != self.name:
            raise KeyError(ref)
        return self.keys

    def boto3(self) -> Any:
        """A plain boto3 client on this server: the independent judge of what a store did."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=botocore.config.Config(
                s3={"addressing_style": "path"},
                retries={"max_attempts": 1},
                proxies={},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def new_bucket(self) -> str:
        """Create a bucket that no other test uses; returns its name."""
        bucket = f"t-{uuid.uuid4().hex[:16]}"
        self.boto3().create_bucket(Bucket=bucket)
        return bucket


@contextmanager
def moto() -> Iterator[S3Server]:
    """moto's server. Holds everything in memory, accepts every key."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="moto-") as home:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with running(command, port, Path(home), {}):
            yield S3Server("moto", f"http://127.0.0.1:{port}", "MOTOKEY", "moto-secret")


@contextmanager
def rclone(folder: Path) -> Iterator[S3Server]:
    """`rclone serve s3` over `folder`, whose folders are the buckets."""
    port = free_port()
    binary = Path(sys.executable).with_name("rclone")
    command = [str(binary), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}", "--no-cleanup"]
    secret = {"RCLONE_AUTH_KEY": '"RCLONEKEY,rclone-secret"'}
    with tempfile.TemporaryDirectory(prefix="rclone-") as home, running(command, port, Path(home), secret):
        yield S3Server("rclone", f"http://127.0.0.1:{port}", "RCLONEKEY", "rclone-secret")


def versitygw_binary() -> str:
    """The program's path from HAULIER_TEST_VERSITYGW or PATH; empty when this machine has none."""
    return os.environ.get(VERSITYGW_VARIABLE) or shutil.which("versitygw") or ""


@contextmanager
def versitygw(folder: Path, *, sidecar: bool = True) -> Iterator[S3Server]:
    """versitygw with its posix backend over `folder`; metadata in a sidecar, so no xattrs are needed, or in
    xattrs, which costs the server less."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="versitygw-") as home:
        command = [versitygw_binary(), "--port", f"127.0.0.1:{port}", "--keep-alive", "--quiet", "posix"]
        if sidecar:
            beside = Path(home, "sidecar")
            beside.mkdir()
            command += ["--sidecar", str(beside)]
        command.append(str(folder))
        secret = {"ROOT_ACCESS_KEY_ID": "VERSITYKEY", "ROOT_SECRET_ACCESS_KEY": "versity-secret"}
        with running(command, port, Path(home), secret):
            yield S3Server("versitygw", f"http://127.0.0.1:{port}", "VERSITYKEY", "versity-secret")


@contextmanager
def running(command: Sequence[str], port: int, home: Path, extra: dict[str, str]) -> Iterator[None]:
    """The command in a process of its own, accepting connections on `port` while the block runs."""
    log = home / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**clean_environment(home), **extra},
            cwd=home,
        )
    try:
        wait_for_port(port, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def clean_environment(home: Path) -> dict[str, str]:
    """This process's environment without anything that would steer a server, and with its own HOME."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "RCLONE_", "MOTO_", "VGW_", "ROOT_", "XDG_"))
    }
    return {**kept, "HOME": str(home)}


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once something accepts connections on `port`; raises with the output when it never does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-4000:]}")
