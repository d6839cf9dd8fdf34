"""Names on the Hub: what is taken, how it stands in URLs, and what is refused with which words."""

from __future__ import annotations

import pytest

from core.errors import HaulierError
from core.stores.hub.names import RepoName, path_problem, quote_revision, revision_problem


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("gpt2", "models", "gpt2"),
        ("org/name", "models", "org/name"),
        ("datasets/org/name", "datasets", "org/name"),
        ("datasets/squad", "datasets", "squad"),
        ("spaces/org/na.me_1-x", "spaces", "org/na.me_1-x"),
        ("models/org/name", "models", "org/name"),
    ],
)
def test_forms(text: str, kind: str, name: str) -> None:
    """All written forms are understood, and written back in one way."""
    parsed = RepoName.parse(text)
    assert (parsed.kind, parsed.id) == (kind, name)
    assert RepoName.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("a/b/c", "slash"),
        ("datasets/", "empty"),
        ("a/", "empty"),
        ("org/na me", "only letters"),
        ("org/nämé", "only letters"),
        ("org/-name", "begin or end"),
        ("org/name.", "begin or end"),
        ("org/a--b", '"--"'),
        ("org/a..b", '".."'),
        ("org/..", "begin or end"),
        ("org/name.git", ".git"),
        ("org/" + "a" * 97, "longer"),
        ("org/name\n", "only letters"),
    ],
)
def test_refused(text: str, why: str) -> None:
    """What the Hub does not allow is refused before anything is asked, and says why."""
    with pytest.raises(HaulierError) as caught:
        RepoName.parse(text)
    assert why in caught.value.message
    assert caught.value.hint


def test_urls() -> None:
    """Slashes of a revision are quoted, those of a path are not; nothing of a path is a query or a fragment."""
    repo = RepoName.parse("datasets/org/name")
    assert quote_revision("refs/pr/1") == "refs%2Fpr%2F1"
    assert repo.resolve_path("main", "a b/ü#?%.bin") == (
        "/datasets/org/name/resolve/main/a%20b/%C3%BC%23%3F%25.bin"
    )
    assert RepoName.parse("gpt2").resolve_path("main", "x") == "/gpt2/resolve/main/x"
    assert RepoName.parse("gpt2").api_path("auth-check") == "/api/models/gpt2/auth-check"


@pytest.mark.parametrize(
    "revision", ["", "a b", "a..b", "a~1", "/x", "-x", "x/", "a//b", "x\n", "a:b", "x\x7f"]
)
def test_revisions_refused(revision: str) -> None:
    """What git allows as no revision is refused."""
    assert revision_problem(revision)


@pytest.mark.parametrize("revision", ["main", "refs/pr/1", "v1.0", "a" * 40, "convert/parquet"])
def test_revisions(revision: str) -> None:
    assert not revision_problem(revision)


@pytest.mark.parametrize(
    "path",
    ["", "../x", "a/../b", "/etc/passwd", "a//b", "a/", "./a", "a\0b", "C:\\x", "c:/x", "C:",
     "\\\\host\\x", "..\\x",     "\ud800", "x" * 5000, ".."],
)  # fmt: skip
def test_hostile_paths(path: str) -> None:
    """Paths that leave the folder, or that another program reads as another path, are refused."""
    assert path_problem(path)


@pytest.mark.parametrize(
    "path", ["a", "a/b.c", "...", "a b", "ü/\U0001f600", "ab:c", "a:b.txt", ".gitattributes"]
)
def test_good_paths(path: str) -> None:
    assert not path_problem(path)
