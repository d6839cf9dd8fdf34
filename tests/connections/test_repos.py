"""The file of kept repositories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.model import KeptRepo
from core.repos import RepoRegistry


@pytest.fixture
def repos(tmp_path: Path) -> RepoRegistry:
    return RepoRegistry(tmp_path / "config" / "repos.json")


def test_keeping_changing_dropping(repos: RepoRegistry) -> None:
    """In the order of their names; what is kept again changes in place and stays as old as it was."""
    repos.keep(KeptRepo(id="org/name", kind="datasets", added=5.0))
    repos.keep(KeptRepo(id="gpt2"))
    kept = repos.keep(KeptRepo(id="org/name", kind="datasets", revision="v2", description="for the course"))
    assert [(each.id, each.revision, each.description) for each in kept] == [
        ("gpt2", "", ""),
        ("org/name", "v2", "for the course"),
    ]
    assert kept[1].added == 5.0
    assert kept[0].added > 5.0
    assert [each.id for each in repos.drop("gpt2")] == ["org/name"]


def test_another_engine_sees_it(repos: RepoRegistry, tmp_path: Path) -> None:
    """The file is the truth: one process writes, the other reads, and only the owner may."""
    repos.keep(KeptRepo(id="gpt2"))
    assert [each.id for each in RepoRegistry(tmp_path / "config" / "repos.json").list()] == ["gpt2"]
    assert (tmp_path / "config" / "repos.json").stat().st_mode & 0o777 == 0o600


def test_the_same_id_in_several_kinds(repos: RepoRegistry) -> None:
    """They are different repositories; dropping one must say which."""
    repos.keep(KeptRepo(id="org/name", kind="models"))
    repos.keep(KeptRepo(id="org/name", kind="datasets"))
    repos.keep(KeptRepo(id="org/name", kind="datasets", connection="mirror"))
    with pytest.raises(HaulierError, match="2 repositories") as refused:
        repos.drop("org/name", "datasets")
    assert refused.value.code is Code.USAGE
    assert len(repos.list()) == 3
    assert len(repos.drop("org/name", "datasets", "mirror")) == 2
    with pytest.raises(HaulierError) as missing:
        repos.drop("org/other")
    assert missing.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    "wrong",
    [
        KeptRepo(id=""),
        KeptRepo(id="a/b/c"),
        KeptRepo(id="../x"),
        KeptRepo(id="org/na me"),
        KeptRepo(id="x" * 97),
        KeptRepo(id="org/name.git"),
        KeptRepo(id="\x1b[31m"),
        KeptRepo(id="gpt2", revision="a..b"),
        KeptRepo(id="gpt2", connection=""),
        KeptRepo(id="gpt2", description="x" * 501),
    ],
)
def test_what_cannot_be_kept(repos: RepoRegistry, wrong: KeptRepo) -> None:
    """Refused as usage, in words that a terminal does not obey, and nothing is written."""
    with pytest.raises(HaulierError) as refused:
        repos.keep(wrong)
    assert refused.value.code is Code.USAGE
    assert "\x1b" not in refused.value.message
    assert repos.list() == ()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"version": 1,\n "repos": [}', "line 2, column 12"),
        ('{"version": 1,\n "repos": [{"id": "a/b/c"}]}', "line 2, column 19"),
        ('{"repos": [\n{"id": "gpt2"},\n{"id": "gpt2"}]}', "line 3"),
        ('{"repos": [\n{"id": "gpt2", "kind": "films"}]}', "line 2"),
        ('{"version": 2, "repos": []}', "newer haulier"),
    ],
)
def test_a_damaged_file(repos: RepoRegistry, tmp_path: Path, text: str, where: str) -> None:
    """It is named with its place, and never overwritten."""
    file = tmp_path / "config" / "repos.json"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(HaulierError, match=where):
        repos.list()
    with pytest.raises(HaulierError, match=where):
        repos.keep(KeptRepo(id="gpt2"))
    assert file.read_text() == text


def test_what_the_file_holds(repos: RepoRegistry, tmp_path: Path) -> None:
    """A version and the repositories, readable for people."""
    repos.keep(KeptRepo(id="gpt2", added=1.0))
    held = json.loads((tmp_path / "config" / "repos.json").read_text())
    assert held == {"version": 1, "repos": [{"id": "gpt2", "added": 1.0}]}
