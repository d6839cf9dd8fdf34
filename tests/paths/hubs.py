"""A fake Hub with a data set, what its jobs should bring, and what its log must not hold."""

from __future__ import annotations

from pathlib import Path

from core.model import Place
from tests.fake_hub import FakeHub, File, Made
from tests.fake_hub.repos import Kind
from tests.paths.driving import MIB, noise

TOKEN = "hf_paths_example"
FILES: dict[str, File | bytes] = {
    "README.md": b"# Numbers\n",
    "empty": b"",
    "data/one.csv": b"name,value\none,1\n",
    "data/two & ü#1?.csv": b"two",
    "data/large.bin": File(Made(40 * MIB + 17, seed=1), lfs=True),
    "data/edge.bin": File(noise(5 * MIB, seed=2), lfs=True),
    "docs/README.md": b"deeper",
    "docs/page.html": b"<html>a page of the repository</html>",
}


def repo(name: str, path: str = "", revision: str = "") -> Place:
    return Place(kind="hub", connection="hub", bucket=name, path=path, revision=revision)


NUMBERS = repo("datasets/acme/numbers")


def content(
    hub: FakeHub, kind: Kind = "datasets", name: str = "acme/numbers", rev: str = "main"
) -> dict[str, str]:
    """Path → SHA-256 of a repository's files."""
    held = hub.repos[kind, name]
    return {path: file.sha256 for path, file in held.commits[held.sha_of(rev)].items()}


def commits_asked(hub: FakeHub) -> set[str]:
    """Of the listings and of the files."""
    listed = {request.path.split("/tree/")[1][:40] for request in hub.asked("hub", "/tree/")}
    return listed | {request.path.split("/resolve/")[1][:40] for request in hub.asked("hub", "/resolve/")}


def token_only_at_the_hub(hub: FakeHub, token: str = TOKEN) -> None:
    """The storage port saw requests and never an Authorization header; the Hub saw the token."""
    assert hub.asked("cdn")
    assert not [request for request in hub.asked("cdn") if "authorization" in request.headers]
    assert {request.headers.get("authorization") for request in hub.asked("hub")} == {f"Bearer {token}"}


def nowhere_at_rest(folder: Path, *but: Path) -> None:
    """No file below `folder` holds the token."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in but:
            assert TOKEN.encode() not in path.read_bytes(), path
