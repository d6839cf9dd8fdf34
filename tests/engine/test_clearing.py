"""sync --delete where a file became a folder, or a folder a file: right after one run, and only as
confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.inprocess import InProcessClient
from core.model import Action, JobKind, JobState
from tests.engine.asking import ends, here, items, plan, read, spec_of, write, yes_to

SOURCE = {
    "was a folder": "f",
    "was a file/in/x": "x",
    "was a file/y": "y",
    "same": "s",
    "deep/was a folder": "d",
}
TARGET = {
    "was a folder/one": "1",
    "was a folder/sub/two": "2",
    "was a file": "old",
    "same": "s",
    "deep/was a folder/three": "3",
    "extra": "e",
}


def sides(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "src", SOURCE), write(tmp_path / "dst", TARGET)


async def test_one_run_is_enough(client: InProcessClient, tmp_path: Path) -> None:
    """The plan names what goes and what comes; carried out, the sides are equal, and nothing is left to do."""
    source, target = sides(tmp_path)
    (target / "was a folder/empty/inside").mkdir(parents=True)
    spec = spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True)
    view = await plan(client, spec)
    assert view.plan is not None
    by_action: dict[Action, set[str]] = {action: set() for action in Action}
    for name, item in (await items(client, view.id)).items():
        by_action[item.action].add(name)
    assert by_action[Action.COPY] == set(SOURCE) - {"same"}
    assert by_action[Action.DELETE] == set(TARGET) - {"same"}
    assert read(target) == {name: data.encode() for name, data in TARGET.items()}
    await client.call(yes_to(view))
    done = await ends(client, view.id)
    assert (done.state, done.reason, done.counts.deleted) == (JobState.COMPLETED, "", 5)
    assert read(target) == read(source)
    again = await plan(client, spec)
    assert again.plan is not None
    assert (again.plan.copy.count, again.plan.overwrite.count, again.plan.delete.count) == (0, 0, 0)


async def test_a_folder_of_empty_folders(client: InProcessClient, tmp_path: Path) -> None:
    """Where nothing but folders is in the way, the file takes their place, and no deletion is needed."""
    source, target = write(tmp_path / "src", {"name": "f"}), tmp_path / "dst"
    (target / "name/a/b").mkdir(parents=True)
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    await client.call(yes_to(view))
    assert (await ends(client, view.id)).state is JobState.COMPLETED
    assert read(target) == {"name": b"f"}


@pytest.mark.parametrize("kind", [JobKind.COPY, JobKind.SYNC])
async def test_without_deletions_nothing_gives_way(
    client: InProcessClient, tmp_path: Path, kind: JobKind
) -> None:
    """What is in the way is told, and everything else is copied."""
    source, target = sides(tmp_path)
    before = read(target)
    view = await plan(client, spec_of((here(source), here(target)), kind=kind))
    await client.call(yes_to(view))
    done = await ends(client, view.id)
    assert done.state is JobState.PARTIAL
    impossible = {name: item.error for name, item in (await items(client, view.id)).items() if item.error}
    assert set(impossible) == set(SOURCE) - {"same"}
    assert read(target) == before


async def test_what_stays_keeps_its_place(client: InProcessClient, tmp_path: Path) -> None:
    """A filter keeps one file of a folder that is in the way, or a link lies in it: the folder stays whole in
    its place, and the file is told as impossible."""
    source, target = write(tmp_path / "src", {"a": "a", "b": "b"}), tmp_path / "dst"
    write(target, {"a/goes": "1", "a/stays.log": "2", "b/goes": "3"})
    (target / "b/link").symlink_to(tmp_path)
    spec = spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True, exclude=("*.log",))
    view = await plan(client, spec)
    found = {name: item.action for name, item in (await items(client, view.id)).items()}
    assert found == {
        "a": Action.CANNOT,
        "b": Action.CANNOT,
        "a/goes": Action.DELETE,
        "b/goes": Action.DELETE,
    }
    await client.call(yes_to(view))
    assert (await ends(client, view.id)).state is JobState.PARTIAL
    assert read(target) == {"a/stays.log": b"2"}
    assert (target / "b/link").is_symlink()


async def test_what_came_since_the_plan_keeps_its_place(client: InProcessClient, tmp_path: Path) -> None:
    """A file that came into the folder, or that changed, after the plan was confirmed: it is not touched, and
    what wanted its place fails by name."""
    source, target = sides(tmp_path)
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    (target / "was a folder/new").write_text("mine")
    (target / "was a file").write_text("changed since")
    await client.call(yes_to(view))
    done = await ends(client, view.id)
    assert done.state is JobState.PARTIAL
    failed = {name for name, item in (await items(client, view.id)).items() if item.error}
    assert failed == {"was a folder", "was a file", "was a file/in/x", "was a file/y"}
    after = read(target)
    assert after["was a folder/new"] == b"mine"
    assert after["was a file"] == b"changed since"
