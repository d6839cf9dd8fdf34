"""Where the program keeps its state: every file it owns, named in one place.

The engine's socket lives in a folder that only its owner may enter, because whoever can reach the socket can
move data with the owner's credentials. A socket's address holds 107 bytes (unix(7), sun_path), so a deep
metadata folder gets a short one for the socket under /tmp; the lock always stays with the journal it guards.
"""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path

import msgspec

from core.errors import Code, HaulierError
from core.settings import Settings

LONGEST_SOCKET_PATH = 107  # bytes
SHORT_ROOT = Path("/tmp")  # noqa: S108 checked like any other run folder before use


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    """The folders, resolved, and the files in them. Nothing is created before `create`."""

    metadata_dir: Path
    logs_dir: Path
    config_dir: Path

    @classmethod
    def of(cls, settings: Settings) -> Paths:
        return cls.at(settings.metadata_dir, settings.logs_dir, settings.config_dir)

    @classmethod
    def at(cls, metadata_dir: Path, logs_dir: Path, config_dir: Path) -> Paths:
        """Two ways to write one folder give the same paths: links are followed."""
        return cls(
            metadata_dir=metadata_dir.resolve(), logs_dir=logs_dir.resolve(), config_dir=config_dir.resolve()
        )

    @property
    def journal(self) -> Path:
        return self.metadata_dir / "journal.sqlite3"

    @property
    def lock(self) -> Path:
        return self.metadata_dir / "run" / "engine.lock"

    @property
    def run_dir(self) -> Path:
        """The folder of the socket."""
        near = self.metadata_dir / "run"
        if len(os.fsencode(near / _SOCKET)) <= LONGEST_SOCKET_PATH:
            return near
        name = sha256(os.fsencode(self.metadata_dir)).hexdigest()[:16]
        return SHORT_ROOT / f"haulier-{os.geteuid()}" / name

    @property
    def socket(self) -> Path:
        return self.run_dir / _SOCKET

    @property
    def engine_log(self) -> Path:
        return self.logs_dir / "engine.log"

    @property
    def connections(self) -> Path:
        return self.config_dir / "connections.json"

    @property
    def secrets(self) -> Path:
        return self.config_dir / "secrets.enc"

    @property
    def repos(self) -> Path:
        return self.config_dir / "repos.json"

    @property
    def presets(self) -> Path:
        return self.config_dir / "presets.json"

    def create(self) -> None:
        """Make the folders that the engine needs, each new one for its owner only.

        HaulierError `refused` when a run folder exists and is not safe, `blocked` when one cannot be made.
        """
        try:
            for folder in (self.metadata_dir, self.logs_dir):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.lock.parent, *self._own_run_folders()):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise HaulierError(
                Code.BLOCKED, f"The folder {error.filename} cannot be made: {error.strerror}"
            ) from None
        self.check()

    def check(self) -> None:
        """Raises HaulierError `refused` when a run folder that exists is not safe to use.

        Safe is: a folder, no link, of this user, closed to all others.
        """
        for folder in (self.lock.parent, *self._own_run_folders()):
            _check_private(folder)

    def _own_run_folders(self) -> tuple[Path, ...]:
        """From the outside in, without those that are not ours to judge."""
        if self.run_dir == self.lock.parent:
            return ()
        return (self.run_dir.parent, self.run_dir)


_SOCKET = "engine.sock"


def _check_private(folder: Path) -> None:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise HaulierError(Code.REFUSED, f"The folder {folder} cannot be looked at: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise HaulierError(Code.REFUSED, f"{folder} is not a folder", "Move it away; the engine makes its own.")
    if found.st_uid != os.geteuid():
        raise HaulierError(
            Code.REFUSED,
            f"The folder {folder} belongs to another user (uid {found.st_uid})",
            "The engine's socket is only safe in a folder of your own.",
        )
    if found.st_mode & 0o077:
        raise HaulierError(
            Code.REFUSED, f"The folder {folder} is open to other users", f"Close it: chmod 700 {folder}"
        )
