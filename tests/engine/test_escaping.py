"""Escaped names: every key has one that the file system takes, no two keys share one, and it reads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.planning.escaping import original, written
from core.engine.planning.restoring import TWO_FILES, RestoredKeys
from core.model import Entry
from core.stores.local.names import name_problem
from core.stores.local.rules import FolderRules
from tests.hostile_names import HOSTILE

PLAIN = FolderRules()
CONTROLS = "".join(map(chr, range(1, 32)))
FAT = FolderRules(refused=f'"*:<>?\\|{CONTROLS}', trimmed=". ", folds_case=True, folds_form=True, time_step=2.0)
NARROW = FolderRules(name_max=24)
RULES = st.sampled_from([PLAIN, FAT, NARROW])
# Everything that the escape itself is made of, in every order.
PIECES = ["%", "%+", "%~12345678", "%2F", "%2E", "%25", "%3A", ".", "..", "", "/", ".haulier", "x" * 40]
KEYS = st.one_of(
    st.text(alphabet='%+~2E0F5A.a/: \0"é', min_size=1, max_size=14),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join),
    st.text(min_size=1, max_size=30),
).filter(bool)


@given(KEYS, RULES, st.booleans(), st.sets(st.integers(0, 3)))
def test_an_escaped_name_is_possible_and_reads_back(
    key: str, rules: FolderRules, folder: bool, marked: set[int]
) -> None:
    """Whatever the key, the rules and the marks: the path is allowed, and it means this key and no other."""
    folder = folder and key.endswith("/")
    path = "/".join(written(key, rules, folder=folder, marked=marked).names)
    assert rules.problem(path) in ("", "path too long"), path
    assert original(path + ("/" if folder else "")) == key


@given(st.text(alphabet="ab-.%é ~+", min_size=1, max_size=10).filter(lambda key: not name_problem(key)))
def test_what_can_stand_as_it_is_mostly_does(key: str) -> None:
    """Without an escape in it, a possible name does not change."""
    path = "/".join(written(key, PLAIN).names)
    assert path == key or "%" in key
    assert original(path) == key


@pytest.mark.parametrize("key", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("rules", [PLAIN, FAT, NARROW], ids=["plain", "FAT", "narrow"])
def test_hostile_names(key: str, rules: FolderRules) -> None:
    """The table of names that break programs, likewise."""
    folder = key.endswith("/")
    for as_folder in {folder, False}:
        path = "/".join(written(key, rules, folder=as_folder).names)
        assert rules.problem(path) == "", path
        assert original(path + ("/" if as_folder else "")) == key


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a//b", "a/%2F/b"),
        ("a/../b", "a/%2E./b"),
        ("/lead", "%2F/lead"),
        ("x/", "x/%2F"),
        (".haulier/x", "%2Ehaulier/x"),
        ("100%", "100%"),
        ("a%20b", "a%20b"),
        ("%46", "%46"),
        ("a%3Ab", "a%253Ab"),
        ("nul\0l", "nul%00l"),
    ],
)
def test_the_escape_as_documented(key: str, path: str) -> None:
    """Written down for people, so it stays."""
    assert "/".join(written(key, PLAIN).names) == path


@pytest.mark.parametrize(
    "path", ["a%20b", "caf%C3%A9", "50%", "a%2Fb", "x%2Ey", "report%", "%", "%%", "%zz", "%2F", "x%+"]
)
def test_names_of_others_are_left_alone(path: str) -> None:
    """What programs commonly write with a percent sign is not read as an escape."""
    assert original(path) == path


def test_names_that_go_on_are_whole_characters() -> None:
    """A long name is cut between characters, and each piece fits."""
    names = written("é" * 400, PLAIN).names
    assert len(names) > 1
    assert all(len(name.encode()) <= 255 for name in names)
    assert original("/".join(names)) == "é" * 400


def test_two_files_for_one_key() -> None:
    """A folder that was never escaped may have both: the file that bears the key's name has it, whichever comes
    first, and the other one is told. Keys come in the order of keys."""
    names = ["b%3Ab", "b:b", "a", "z%2F", "%2F"]
    for listed in (names, names[::-1]):
        keys = RestoredKeys()
        keys.fill(Entry(key=name, size=n) for n, name in enumerate(listed))
        assert [entry.key for page in keys.pages() for entry in page] == ["%2F", "a", "b:b", "z%2F"]
        assert keys.path_of("b:b") == ""
        assert keys.twins == [("b%3Ab", TWO_FILES)]
        keys.close()
