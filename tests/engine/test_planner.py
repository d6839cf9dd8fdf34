"""Plans against what comparing dictionaries says, over generated trees; and what a bad listing may not do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.journal.journal import Journal
from core.engine.planning.planner import Planner
from core.engine.planning.route import Route
from core.engine.storebook import StoreBook
from core.errors import Code, HaulierError, NetworkTrouble, NotFound
from core.filters import Filters
from core.inprocess import InProcessClient
from core.model import Action, Entry, JobKind, JobSpec, JobState, Place, PlanSummary, Tally
from core.stores.base import Body, CancelFlag, Metadata, ObjectInfo, PartLimits
from core.stores.local import LocalFolder, name_problem
from tests.engine.asking import at, ends, here, items, plan, read, run, save, spec_of, write, yes_to
from tests.servers import S3Server

OLD, NEW = 1_000_000_000.0, 1_100_000_000.0
NAMES = st.lists(st.sampled_from(["a", "b", "a-b", "a.json", "b.txt", "é"]), min_size=1, max_size=3).map(
    "/".join
)
FILES = st.dictionaries(NAMES, st.tuples(st.integers(0, 2), st.sampled_from([OLD, NEW])), max_size=8)
GLOBS = st.lists(st.sampled_from(["*.json", "a/", "b", "*/b.txt", "a*"]), max_size=2).map(tuple)


def lay(root: Path, files: Mapping[str, tuple[int, float]], mark: str) -> dict[str, tuple[int, float]]:
    """Make the tree; names that clash with an earlier file or folder are left out. Returns what was made."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    made = {}
    for name, (size, modified) in sorted(files.items()):
        try:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(mark * size)
        except OSError:
            continue
        os.utime(root / name, (modified, modified))
        made[name] = (size, modified)
    return made


class Book(StoreBook):
    """Gives the stores it was made with, whatever the route says."""

    def __init__(self, source: Any, target: Any) -> None:
        super().__init__(lambda _: pytest.fail("no connection"), lambda _: pytest.fail("no keys"))
        self._pair = (source, target)

    def source(self, *_: Any, **__: Any) -> Any:
        return self._pair[0]

    def target(self, *_: Any) -> Any:
        return self._pair[1]


def planned(
    folder: Path, spec: JobSpec, book: StoreBook, routes: int = 1, *, job: int = 0
) -> tuple[PlanSummary, dict[Action, set[str]], Journal, int]:
    """Plan the spec over the book's stores: the summary and the names by action."""
    journal = Journal(folder / "j")
    if not job:
        job = journal.add_job(str(time.monotonic_ns()), spec, "t", moving=False)[0].id
    planner = Planner(job, spec, journal, book, threading.Event(), lambda: None, lambda _error, _delay: None)
    pair = spec.pairs[0]
    planner.routes = tuple(
        Route(
            source=pair.source, target=pair.target, source_root=pair.source.path, target_root=pair.target.path
        )
        for _ in range(routes)
    )
    journal.update_job(job, routes=planner.routes)
    summary = planner.run()
    found: dict[Action, set[str]] = {action: set() for action in Action}
    names: list[tuple[int, str]] = []
    with sqlite3.connect(journal.path) as db:
        for route, action, name in db.execute("SELECT route, action, name FROM items WHERE job = ?", (job,)):
            found[Action(action)].add(name)
            names.append((route, name))
    assert len(names) == len(set(names)), "an item was written twice"
    return summary, found, journal, job


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, FILES, st.sampled_from(["copy", "sync", "sync --delete"]), GLOBS, GLOBS)
def test_plans_are_what_sets_say(
    tmp_path: Path,
    source_files: dict[str, tuple[int, float]],
    target_files: dict[str, tuple[int, float]],
    kind: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
) -> None:
    """New, changed, same and extra files of two trees are told exactly; filters also protect from deletion.
    What is a file here and a folder there is impossible, unless everything in its way goes."""
    source = lay(tmp_path / "src", source_files, "s")
    target = lay(tmp_path / "dst", target_files, "t")
    spec = spec_of(
        (here(tmp_path / "src"), here(tmp_path / "dst")),
        kind=JobKind.COPY if kind == "copy" else JobKind.SYNC,
        include=include,
        exclude=exclude,
        delete=kind.endswith("--delete"),
    )
    book = Book(LocalFolder(tmp_path / "src"), LocalFolder(tmp_path / "dst"))
    summary, found, journal, _ = planned(tmp_path, spec, book)
    journal.close()
    wants = Filters(include, exclude).wants
    wanted = {name for name in source if wants(name)}
    same = {n for n in wanted & set(target) if source[n][0] == target[n][0] and target[n][1] >= source[n][1]}
    extra = {n for n in target if n not in source and wants(n)} if spec.options.delete else set()
    new = wanted - set(target)
    blocked = {
        name for name in new if any(clashes(name, {there: 0}) and there not in extra for there in target)
    }
    assert found[Action.COPY] == new - blocked
    assert found[Action.OVERWRITE] == (wanted & set(target)) - same
    assert found[Action.DELETE] == extra
    assert found[Action.CANNOT] == blocked
    assert summary.skip.count == len(same)
    assert summary.delete == Tally(count=len(extra), bytes=sum(target[n][0] for n in extra))
    assert summary.pairs[0].target_total.count == len(target)
    assert summary.needs_confirmation == bool(extra)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, FILES, GLOBS)
async def test_a_plan_carried_out_makes_sides_equal(
    client: InProcessClient,
    tmp_path: Path,
    source_files: dict[str, tuple[int, float]],
    target_files: dict[str, tuple[int, float]],
    exclude: tuple[str, ...],
) -> None:
    """sync --delete, carried out: the target is the source, but for what the filters leave alone; planned
    again there is nothing to do."""
    lay(tmp_path / "src", source_files, "s")
    lay(tmp_path / "dst", {n: f for n, f in target_files.items() if not clashes(n, source_files)}, "t")
    before, wanted = read(tmp_path / "dst"), read(tmp_path / "src")
    newer = {n for n in before if n in wanted and len(before[n]) == len(wanted[n])}
    spec = spec_of(
        (here(tmp_path / "src"), here(tmp_path / "dst")), kind=JobKind.SYNC, exclude=exclude, delete=True
    )
    view = await plan(client, spec)
    assert view.plan is not None
    await client.call(yes_to(view))
    assert (await ends(client, view.id)).state is JobState.COMPLETED
    wants = Filters((), exclude).wants
    after = read(tmp_path / "dst")
    assert {n: d for n, d in after.items() if not wants(n)} == {n: d for n, d in before.items() if not wants(n)}
    assert {n for n in after if wants(n)} == {n for n in wanted if wants(n)}
    for name, data in after.items():
        if wants(name) and name not in newer:
            assert data == wanted[name]
    again = await plan(client, spec)
    assert again.plan is not None
    assert (again.plan.copy.count, again.plan.overwrite.count, again.plan.delete.count) == (0, 0, 0)


def clashes(name: str, others: Mapping[str, object]) -> bool:
    """Whether a file here is a folder there, or the other way round."""
    return any(name.startswith(other + "/") or other.startswith(name + "/") for other in others)


# ---------------------------------------------------------------- a second implementation of Source


class Listing:
    """A Source that lists whatever it is given, in that order, by small pages; it may fail between pages."""

    listing_incomplete = False
    limits = PartLimits()

    def __init__(self, entries: list[Entry], *, fail_after: int = -1) -> None:
        self._entries = entries
        self._fail_after = fail_after
        self.failures = 0

    def pages(self, prefix: str, *, start_after: str = "", cancelled: CancelFlag) -> Iterator[list[Entry]]:
        first = 0
        if start_after:
            first = 1 + max(n for n, entry in enumerate(self._entries) if entry.key == start_after)
        for begin in range(first, len(self._entries), 2):
            if 0 <= self._fail_after <= begin and self.failures < 3:
                self.failures += 1
                raise NetworkTrouble("connection reset")
            yield [e for e in self._entries[begin : begin + 2] if e.key.startswith(prefix)]

    def take_unlistable(self) -> list[tuple[str, str]]:
        return []

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        raise NotImplementedError

    def stat(self, key: str) -> ObjectInfo:
        for entry in self._entries:
            if entry.key == key:
                return ObjectInfo(entry=entry)
        raise NotFound(key)

    @contextmanager
    def read(self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag) -> Iterator[Body]:
        raise NotImplementedError


def sync_spec(folder: Path) -> JobSpec:
    target = write(folder / "dst", {"extra": "x", "b": "b", "z": "z"})
    return spec_of((here(folder / "src"), here(target)), kind=JobKind.SYNC, delete=True, compare="size")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(["a", "b", "c", "d/e", "z"]), st.booleans())
def test_disorder_deletes_nothing_and_misses_nothing(tmp_path: Path, names: list[str], twice: bool) -> None:
    """A source that lists in another order, or names a key twice: nothing is deleted, everything is decided,
    once."""
    shutil.rmtree(tmp_path, ignore_errors=True)
    tmp_path.mkdir()
    entries = [Entry(key=name, size=1) for name in names + (names[:2] if twice else [])]
    source = Listing(entries)
    summary, found, journal, _ = planned(
        tmp_path, sync_spec(tmp_path), Book(source, LocalFolder(tmp_path / "dst"))
    )
    journal.close()
    in_order = names == sorted(names) and not twice
    assert found[Action.COPY] == {"a", "c", "d/e"}
    assert found[Action.OVERWRITE] == set()
    assert found[Action.DELETE] == ({"extra"} if in_order else set())
    assert any("not in order" in warning for warning in summary.warnings) == (not in_order)


def test_disorder_in_a_second_pair_forgets_no_name_of_the_first(tmp_path: Path) -> None:
    """Two pairs with the same names, both out of order: each pair gets all its items."""
    entries = [Entry(key=name, size=1) for name in ("a", "c", "b")]
    spec = spec_of((here(tmp_path / "src"), here(write(tmp_path / "dst", {}))))
    book = Book(Listing(entries), LocalFolder(tmp_path / "dst"))
    summary, _, journal, job = planned(tmp_path, spec, book, routes=2)
    assert summary.copy.count == 6
    assert [(row.route, row.name) for row in journal.pending_items(job, 0, 99, deletions=False)] == [
        (0, "a"), (0, "c"), (0, "b"), (1, "a"), (1, "c"), (1, "b"),
    ]  # fmt: skip


def test_disorder_at_the_target(tmp_path: Path) -> None:
    """A target that lists out of order: nothing is missed, nothing deleted, and what is found to be the same
    is not copied; only names passed before the disorder showed may be."""
    source = write(tmp_path / "src", dict.fromkeys("abcd", "1"))
    target = Listing([Entry(key=name, size=1) for name in ("b", "z", "a")])
    spec = spec_of((here(source), here(tmp_path / "dst")), kind=JobKind.SYNC, delete=True, compare="size")
    _, found, _, _ = planned(tmp_path, spec, Book(LocalFolder(source), target))
    assert {"c", "d"} <= found[Action.COPY] <= {"a", "c", "d"}
    assert found[Action.DELETE] == set()


def test_a_listing_goes_on_after_trouble(tmp_path: Path) -> None:
    """Connections break between pages, three times: the listing goes on behind the last key, complete."""
    source = Listing([Entry(key=f"{n:03}", size=1) for n in range(100)], fail_after=40)
    summary, found, _, _ = planned(tmp_path, sync_spec(tmp_path), Book(source, LocalFolder(tmp_path / "dst")))
    assert source.failures == 3
    assert found[Action.COPY] == {f"{n:03}" for n in range(100)}
    assert found[Action.DELETE] == {"extra", "b", "z"}
    assert summary.warnings == ()


def test_a_listing_that_fails_for_good_plans_nothing(tmp_path: Path) -> None:
    """Where the policy says no more the plan fails: no half plan, no deletions."""
    source = Listing([Entry(key="a"), Entry(key="b"), Entry(key="c")], fail_after=2)
    spec = sync_spec(tmp_path)
    spec = spec_of((spec.pairs[0].source, spec.pairs[0].target), kind=JobKind.SYNC, delete=True, retry="0.01x1")
    with pytest.raises(NetworkTrouble):
        planned(tmp_path, spec, Book(source, LocalFolder(tmp_path / "dst")))


def test_the_hash_covers_every_item(tmp_path: Path) -> None:
    """The same sides give the same hash; another size, name, option or deletion gives another."""

    def hash_of(*entries: Entry, **options: Any) -> str:
        shutil.rmtree(tmp_path, ignore_errors=True)
        tmp_path.mkdir()
        target = write(tmp_path / "dst", {"extra": "x"})
        spec = spec_of((here(tmp_path / "src"), here(target)), kind=JobKind.SYNC, **options)
        os.utime(tmp_path / "dst/extra", (OLD, OLD))
        summary, _, journal, _ = planned(tmp_path, spec, Book(Listing(list(entries)), LocalFolder(target)))
        journal.close()
        return summary.hash

    one = hash_of(Entry(key="a", size=1))
    assert one == hash_of(Entry(key="a", size=1))
    others = [
        hash_of(Entry(key="a", size=2)),
        hash_of(Entry(key="b", size=1)),
        hash_of(Entry(key="a", size=1, etag="e")),
        hash_of(Entry(key="a", size=1), delete=True),
        hash_of(Entry(key="a", size=1), Entry(key="b", size=1)),
    ]
    assert len({one, *others}) == 6


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.text(alphabet="a./\0b", min_size=1, max_size=6), max_size=10))
def test_keys_that_cannot_be_files_are_told(tmp_path: Path, names: set[str]) -> None:
    """Of keys no file system can hold, and of a file that would have to be a folder, the plan says CANNOT."""
    shutil.rmtree(tmp_path, ignore_errors=True)
    tmp_path.mkdir()
    source = Listing([Entry(key=name, size=0) for name in sorted(names)])
    spec = spec_of((here(tmp_path / "src"), here(write(tmp_path / "dst", {}))))
    _, found, journal, _ = planned(tmp_path, spec, Book(source, LocalFolder(tmp_path / "dst")))
    journal.close()
    assert found[Action.COPY] | found[Action.CANNOT] == names
    assert found[Action.CANNOT] >= {name for name in names if name_problem(name)}
    store = LocalFolder(tmp_path / "check")
    (tmp_path / "check").mkdir()
    receipts = [store.put(name, b"", Metadata()) for name in sorted(found[Action.COPY])]
    assert store.settle(receipts) == {}, "what the plan calls possible is possible"
    store.close()


# ---------------------------------------------------------------- through the engine


async def test_what_cannot_be_read_protects_its_copy(client: InProcessClient, tmp_path: Path) -> None:
    """A file became a link or a pipe at the source: the copy at the target is not deleted as an extra."""
    source = write(tmp_path / "src", {"file": "1", "elsewhere/x": "x"})
    target = write(tmp_path / "dst", {"file": "1", "link": "2", "pipe": "3", "linked/a/b": "4", "gone": "5"})
    (source / "link").symlink_to("file")
    os.mkfifo(source / "pipe")
    (source / "linked").symlink_to("elsewhere")
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    assert view.plan is not None
    found = await items(client, view.id)
    assert {name for name, item in found.items() if item.action is Action.DELETE} == {"gone"}
    assert {name for name, item in found.items() if item.action is Action.CANNOT} == {"link", "pipe", "linked"}
    assert any("3 files stay" in warning for warning in view.plan.warnings)


async def test_a_target_inside_the_source(client: InProcessClient, tmp_path: Path) -> None:
    """Copied while it is still listed: the target folder is not copied into itself without end."""
    source = write(tmp_path / "src", {f"{n}/x": "x" for n in range(50)} | {"sub/here": "h", "z": "z"})
    view = await run(client, spec_of((here(source), here(source / "sub/out"))))
    assert view.state is JobState.COMPLETED
    assert view.counts.files_done == 52
    assert set(read(source / "sub/out")) == {*(f"{n}/x" for n in range(50)), "sub/here", "z"}
    again = await run(client, spec_of((here(source), here(source / "sub/out"))))
    assert (again.counts.files_done, again.counts.files_skipped) == (0, 52)


async def test_a_bucket_into_itself(client: InProcessClient, moto_server: S3Server) -> None:
    """The same for prefixes of one bucket, also under another connection's name."""
    await save(client, moto_server)
    bucket = moto_server.new_bucket()
    s3 = moto_server.boto3()
    for n in range(30):
        s3.put_object(Bucket=bucket, Key=f"k{n:02}", Body=b"x")
    view = await run(client, spec_of((at(moto_server, bucket), at(moto_server, bucket, "z/copy/"))))
    assert (view.state, view.counts.files_done) == (JobState.COMPLETED, 30)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 60


async def test_a_source_inside_its_target_is_no_extra(client: InProcessClient, tmp_path: Path) -> None:
    """sync --delete of a folder into the one above it does not delete its own source."""
    target = write(tmp_path / "dst", {"in/a": "a", "in/b": "b", "old": "o"})
    view = await plan(client, spec_of((here(target / "in"), here(target)), kind=JobKind.SYNC, delete=True))
    assert view.plan is not None
    found = await items(client, view.id)
    assert {name for name, item in found.items() if item.action is Action.DELETE} == {"old"}


async def test_one_place_under_two_names_is_refused(client: InProcessClient, tmp_path: Path) -> None:
    """The same folder through a link is the same place."""
    source = write(tmp_path / "src", {"a": "a"})
    (tmp_path / "link").symlink_to(source)
    view = await plan(client, spec_of((here(source), here(tmp_path / "link"))))
    assert view.state is JobState.FAILED
    assert "the same place" in view.reason
    with pytest.raises(HaulierError) as refused:
        await plan(client, spec_of((here(source), here(source))))
    assert refused.value.code is Code.USAGE


async def test_missing_sources_fail_with_their_name(client: InProcessClient, tmp_path: Path) -> None:
    """A folder that is not there: the job has failed, the reason names it, and the target was not made."""
    view = await plan(client, spec_of((here(tmp_path / "no"), here(tmp_path / "out"))))
    assert view.state is JobState.FAILED
    assert str(tmp_path / "no") in view.reason
    assert not (tmp_path / "out").exists()


async def test_single_objects(client: InProcessClient, moto_server: S3Server, tmp_path: Path) -> None:
    """One object into a folder, to another name, and up again; a target that is a folder takes it inside."""
    await save(client, moto_server)
    bucket = moto_server.new_bucket()
    source = write(tmp_path / "src", {"x.bin": "data"}) / "x.bin"
    for target in (at(moto_server, bucket, "in/"), at(moto_server, bucket, "renamed.bin")):
        assert (await run(client, spec_of((here(source), target)))).state is JobState.COMPLETED
    (tmp_path / "there").mkdir()
    for path in ("out/", "out/y.bin", "there"):
        target = Place(kind="local", path=f"{tmp_path}/{path}")
        done = await run(client, spec_of((at(moto_server, bucket, "in/x.bin"), target)))
        assert done.state is JobState.COMPLETED, done.reason
    for path in ("out", "there"):
        assert read(tmp_path / path)["x.bin"] == b"data"
    assert read(tmp_path / "out")["y.bin"] == b"data"
    keys = [item["Key"] for item in moto_server.boto3().list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["in/x.bin", "renamed.bin"]
