"""Names on the Hub: repositories, revisions, paths; which are possible and how they stand in URLs.

Sources: "Repositories" in the Hub documentation (a name has up to 96 characters of letters, digits, "-", "_"
and ".", without "--" and "..", and neither begins nor ends with "-" or "."); git-check-ref-format(1) allows
slashes in revisions, so those are quoted whole.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

import msgspec

from core.errors import Code, HaulierError

Kind = Literal["models", "datasets", "spaces"]

MAX_NAME = 96
MAX_PATH = 4096  # bytes
MAIN = "main"
_ALLOWED = re.compile(r"[A-Za-z0-9._-]+\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class RepoName(msgspec.Struct, frozen=True):
    """One repository: `id` is "gpt2" or "org/name"."""

    kind: Kind
    id: str

    @classmethod
    def parse(cls, text: str) -> RepoName:
        """From "gpt2", "org/name", "datasets/org/name", "spaces/org/name". Raises HaulierError (usage)."""
        kind, name = split_kind(text)
        if problem := id_problem(name):
            raise HaulierError(
                Code.USAGE,
                f'"{text}" is no repository name: {problem}',
                "Write org/name for a model, datasets/org/name, or spaces/org/name",
            )
        return cls(kind, name)

    def __str__(self) -> str:
        return self.id if self.kind == "models" else f"{self.kind}/{self.id}"

    def api_path(self, call: str) -> str:
        """The path of an API call about this repository; `call` is quoted already."""
        return f"/api/{self.kind}/{self.id}/{call}"

    def resolve_path(self, commit: str, path: str) -> str:
        """The path under which a file's bytes are asked for."""
        return f"/{self}/resolve/{quote_revision(commit)}/{quote_path(path)}"


def split_kind(text: str) -> tuple[Kind, str]:
    """The kind that a name's first word tells, and the rest."""
    first, slash, rest = text.partition("/")
    if slash and first == "datasets":
        return "datasets", rest
    if slash and first == "spaces":
        return "spaces", rest
    if slash and first == "models" and "/" in rest:
        return "models", rest
    return "models", text


def id_problem(name: str) -> str:
    """Why "org/name" or "name" cannot be a repository, in plain words; empty when it can."""
    if not name:
        return "it is empty"
    parts = name.split("/")
    if len(parts) > 2:
        return "it has more than one slash after its kind"
    for part in parts:
        if not part:
            return "a part of it is empty"
        if not _ALLOWED.match(part):
            return 'only letters, digits, "-", "_" and "." are allowed'
        if part[0] in "-." or part[-1] in "-.":
            return 'no part may begin or end with "-" or "."'
        if "--" in part or ".." in part:
            return '"--" and ".." are not allowed'
    if len(parts[-1]) > MAX_NAME:
        return f"the name is longer than {MAX_NAME} characters"
    if name.endswith(".git"):
        return 'it may not end with ".git"'
    return ""


def revision_problem(revision: str) -> str:
    """Why this cannot be a branch, a tag or a commit (git-check-ref-format); empty when it can."""
    if not revision:
        return "it is empty"
    if _CONTROL.search(revision) or any(letter in revision for letter in " ~^:?*[\\"):
        return "it holds a character that no branch, tag or commit has"
    if ".." in revision or "//" in revision or revision[0] in "/-" or revision[-1] in "/.":
        return "no branch, tag or commit is written like that"
    return ""


def is_commit(revision: str) -> bool:
    """Whether this is a complete commit hash."""
    return _COMMIT.match(revision) is not None


def path_problem(path: str) -> str:
    """Why a path that a listing names is not offered for reading; empty when it is.

    The program addresses files by these paths, at the Hub and under target folders: a path that a URL parser
    or a file system reads as another one is refused, not repaired.
    """
    if not path:
        return "has no name"
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "is not text"
    if length > MAX_PATH:
        return f"is longer than {MAX_PATH} bytes"
    if "\0" in path:
        return "has a NUL character"
    if path[0] in "/\\":
        return "is an absolute path"
    if _DRIVE.match(path) and path[2:3] in ("", "/", "\\"):
        return "begins with a drive letter"
    for part in path.replace("\\", "/").split("/"):
        if part in {".", ".."}:
            return f'has a "{part}" segment'
    if "" in path.split("/"):
        return "has an empty path segment"
    return ""


def quote_revision(revision: str) -> str:
    """A revision as one segment of a URL."""
    return quote(revision, safe="")


def quote_path(path: str) -> str:
    """A path inside a repository as segments of a URL."""
    return quote(path, safe="/")
