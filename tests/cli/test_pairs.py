"""Which source goes where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.places import parse_place
from tui.cli.pairs import make_pairs


async def buckets_of(connection: str) -> Sequence[str]:
    return {"prod": ["logs", "models"], "empty": []}[connection]


async def made(cwd: Path, *words: str) -> list[tuple[str, str]]:
    places = [parse_place(word, cwd=cwd, known=["prod", "dr", "empty"]) for word in words]
    pairs = await make_pairs(places[:-1], places[-1], buckets_of)
    return [
        (str(pair.source).replace(f"{cwd}/", "HERE/"), str(pair.target).replace(f"{cwd}/", "HERE/"))
        for pair in pairs
    ]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "file.bin").write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "pairs"),
    [
        ("prod:logs/ out", [("prod:logs/", "HERE/out/")]),
        ("prod:logs/a/ dr:b/x", [("prod:logs/a/", "dr:b/x/")]),
        ("prod:logs/a dr:b/x", [("prod:logs/a", "dr:b/x")]),
        ("prod:logs/a.bin out/", [("prod:logs/a.bin", "HERE/out/")]),
        ("prod:logs/a.bin folder", [("prod:logs/a.bin", "HERE/folder/")]),
        ("prod:logs/a.bin new.bin", [("prod:logs/a.bin", "HERE/new.bin")]),
        ("folder dr:b", [("HERE/folder/", "dr:b/")]),
        ("folder dr:b/x", [("HERE/folder/", "dr:b/x/")]),
        ("file.bin dr:b/x", [("HERE/file.bin", "dr:b/x")]),
        ("file.bin dr:b/x/", [("HERE/file.bin", "dr:b/x/")]),
        ("folder file.bin dr:b/x", [("HERE/folder/", "dr:b/x/folder/"), ("HERE/file.bin", "dr:b/x/file.bin")]),
        ("prod:logs prod:models/a/ out", [("prod:logs/", "HERE/out/logs/"), ("prod:models/a/", "HERE/out/a/")]),
        ("prod: out", [("prod:logs/", "HERE/out/logs/"), ("prod:models/", "HERE/out/models/")]),
        ("prod: dr:", [("prod:logs/", "dr:logs/"), ("prod:models/", "dr:models/")]),
        ("prod:logs prod:models/a/ dr:", [("prod:logs/", "dr:logs/"), ("prod:models/a/", "dr:models/a/")]),
    ],
)
async def test_pairs(here: Path, words: str, pairs: list[tuple[str, str]]) -> None:
    """One folder: its contents. Several: each under its name. A root as target: buckets of the same names."""
    assert await made(here, *words.split()) == pairs


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nothing out", "no such file or folder"),
        ("file.bin/ out", "is a file, not a folder"),
        ("folder dr:", "names no bucket"),
        ("folder file.bin", "is a file, not a folder"),
        ("prod:logs/a/ prod:models/a/ out", "would both go to"),
        ("empty: out", "holds no bucket"),
    ],
)
async def test_refused(here: Path, words: str, says: str) -> None:
    """What cannot be meant is a usage error before the engine hears of it."""
    with pytest.raises(HaulierError, match=says) as caught:
        await made(here, *words.split())
    assert caught.value.code is Code.USAGE
