"""What the fake Hub holds: repositories with commits, files in git and files in LFS."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tests.fake_hub.made import Made

Kind = Literal["models", "datasets", "spaces"]


@dataclass(frozen=True)
class File:
    """`lfs` files are served by the CDN port. `xet`: what is told as their Xet hash, which may be hidden
    ("***"). `content` may be `Made` in LFS only."""

    content: bytes | Made
    lfs: bool = False
    xet: str = ""

    @property
    def data(self) -> bytes:
        return self.read(0, self.size)

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.size

    def read(self, offset: int, length: int) -> bytes:
        if isinstance(self.content, bytes):
            return self.content[offset : offset + length]
        return self.content.read(offset, length)

    @cached_property
    def sha256(self) -> str:
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()
        return self.content.sha256

    @cached_property
    def git_sha1(self) -> str:
        """Of the blob in git: for LFS files of the pointer, as the Hub lists it."""
        data = self.pointer if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    @property
    def pointer(self) -> bytes:
        words = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n"
        return words.encode()

    def row(self, path: str) -> dict[str, Any]:
        row: dict[str, Any] = {"type": "file", "oid": self.git_sha1, "size": self.size, "path": path}
        if self.lfs:
            row["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": len(self.pointer)}
        if self.xet:
            row["xetHash"] = self.xet
        return row


@dataclass
class Repo:
    """`refs` are branches and tags. `raw_rows` are put into every listing as they are, for hostile listings."""

    kind: Kind
    id: str
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    disabled: bool = False
    downloads: int = 0
    raw_rows: list[dict[str, Any]] = field(default_factory=list)
    _listed: dict[tuple[str, str, bool], list[dict[str, Any]]] = field(default_factory=dict)

    def commit(self, files: Mapping[str, File | bytes], *refs: str) -> str:
        """A new commit that holds exactly `files`; `refs` (main when none is named) point to it."""
        held = {path: File(file) if isinstance(file, bytes) else file for path, file in files.items()}
        told = "".join(f"{path} {held[path].git_sha1}\n" for path in sorted(held))
        sha = hashlib.sha1(f"{len(self.commits)} {self.kind} {self.id}\n{told}".encode()).hexdigest()
        self.commits[sha] = held
        for ref in refs or ("main",):
            self.refs[ref] = sha
        return sha

    def commit_folder(self, folder: Path, *refs: str, lfs_from: int = 1 << 20) -> str:
        """A new commit of a folder's files; those of at least `lfs_from` bytes are in LFS."""
        files: dict[str, File | bytes] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                files[path.relative_to(folder).as_posix()] = File(data, lfs=len(data) >= lfs_from)
        return self.commit(files, *refs)

    def sha_of(self, revision: str) -> str:
        """Empty when there is no such revision."""
        return self.refs.get(revision) or (revision if revision in self.commits else "")

    def rows(self, sha: str, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
        """A tree listing, in the byte order of the paths; empty when there is no such folder."""
        asked = (sha, folder, recursive)
        if asked not in self._listed:
            self._listed[asked] = self._tree(*asked)
        return self._listed[asked] + (self.raw_rows if not folder else [])

    def told(self) -> dict[str, Any]:
        """A row of a search."""
        return {
            "id": self.id, "private": self.private, "gated": "manual" if self.gated else False,
            "downloads": self.downloads, "likes": 1, "lastModified": "2026-05-01T10:00:00.000Z", "tags": [],
        }  # fmt: skip

    def _tree(self, sha: str, folder: str, recursive: bool) -> list[dict[str, Any]]:
        below = f"{folder}/" if folder else ""
        found: dict[str, dict[str, Any]] = {}
        for path, file in self.commits[sha].items():
            if not path.startswith(below):
                continue
            parts = path[len(below) :].split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                name = below + "/".join(parts[:depth])
                oid = hashlib.sha1(f"{sha} {name}".encode()).hexdigest()
                found[name] = {"type": "directory", "oid": oid, "size": 0, "path": name}
            if recursive or len(parts) == 1:
                found[path] = file.row(path)
        return [found[path] for path in sorted(found, key=str.encode)]


@dataclass
class Account:
    """Whom a token stands for."""

    name: str
    sees: frozenset[str] = frozenset()  # ids of private repositories
    accepted: frozenset[str] = frozenset()  # ids of gated repositories
