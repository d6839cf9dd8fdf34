"""What is no ordinary file at a source: in the plan, counted, said at the end; and never in the way of the
rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.engine.moving.ending import failure_words
from core.inprocess import InProcessClient
from core.model import Action, Counts, JobKind, JobState, PlanSummary, Tally
from tests.engine.asking import at, ends, here, plan, read, run, save, spec_of, write, yes_to
from tests.servers import S3Server


def source_with_links(root: Path) -> Path:
    write(root, {"file": "1", "folder/inside": "2"})
    for n in range(3):
        (root / f"link{n}").symlink_to("file")
    (root / "linked").symlink_to("folder")
    os.mkfifo(root / "pipe")
    return root


async def test_links_are_told_in_the_plan_and_at_the_end(
    client: InProcessClient, moto_server: S3Server, tmp_path: Path
) -> None:
    """Counted by their kind in the plan, and in the reason with which the job ends."""
    await save(client, moto_server)
    source = source_with_links(tmp_path / "src")
    remote = at(moto_server, moto_server.new_bucket())
    view = await plan(client, spec_of((here(source), remote)))
    assert view.plan is not None
    assert view.plan.cannot_reasons == (("symbolic link, not copied", 4), ("named pipe, not copied", 1))
    await client.call(yes_to(view))
    done = await ends(client, view.id)
    assert (done.state, done.reason) == (
        JobState.PARTIAL,
        "4 not copied: symbolic links; 1 not copied: named pipe",
    )
    assert done.counts.files_done == 2


async def test_links_are_followed_where_asked(client: InProcessClient, tmp_path: Path) -> None:
    """Files and folders arrive under the links' names, and the next plan has nothing to do."""
    source = source_with_links(tmp_path / "src")
    (source / "pipe").unlink()
    (source / "outside").symlink_to(write(tmp_path / "elsewhere", {"x": "3"}) / "x")
    spec = spec_of((here(source), here(tmp_path / "out")), links="follow")
    view = await run(client, spec)
    words = "1 not copied: symbolic link that leads out of the folder"
    assert (view.state, view.reason) == (JobState.PARTIAL, words)
    arrived = {
        **dict.fromkeys(["file", "link0", "link1", "link2"], b"1"),
        "folder/inside": b"2",
        "linked/inside": b"2",
    }
    assert read(tmp_path / "out") == arrived
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))
    view = await run(client, spec_of((here(source), here(tmp_path / "out")), links="all"))
    assert (view.state, view.counts.files_done) == (JobState.COMPLETED, 1)
    assert read(tmp_path / "out") == {**arrived, "outside": b"3"}


async def test_a_link_named_as_the_source_is_followed(client: InProcessClient, tmp_path: Path) -> None:
    """Whoever names a link means what it leads to: a file under the link's name, a folder's contents."""
    source = source_with_links(tmp_path / "src")
    (tmp_path / "out").mkdir()
    for name in ("link0", "linked"):
        view = await run(client, spec_of((here(source / name), here(tmp_path / "out"))))
        assert view.state is JobState.COMPLETED, view.reason
    assert read(tmp_path / "out") == {"link0": b"1", "inside": b"2"}


async def test_objects_beyond_what_the_target_takes(client: InProcessClient, tmp_path: Path) -> None:
    """A sparse file larger than any S3 object is found in the plan; nothing of it is read."""
    from tests.engine.test_plan_oracle import Keys, Stores
    from tests.engine.test_planner import planned

    write(tmp_path / "src", {"fine": "1"})
    try:
        os.truncate(write(tmp_path / "src", {"huge": ""}) / "huge", (5 << 40) + 1)
    except OSError:
        pytest.skip("this file system has no files of 5 TiB")
    from core.stores.local import LocalFolder

    spec = spec_of((here(tmp_path / "src"), at(S3Server("x", "", "", ""), "bucket")))
    _, found, journal, _ = planned(tmp_path, spec, Stores(LocalFolder(tmp_path / "src"), Keys({}, [], 1)))
    journal.close()
    assert (found[Action.COPY], found[Action.CANNOT]) == ({"fine"}, {"huge"})


def test_the_words_of_an_end() -> None:
    """What was tried and failed, and what the plan knew, are told apart; many reasons are summed up."""
    counts = Counts(files_total=20, files_failed=9)
    reasons = (("symbolic link, not copied", 3), ("a", 1), ("b", 1), ("c", 1), ("d", 1))
    known = PlanSummary(cannot=Tally(count=7), cannot_reasons=reasons)
    assert failure_words(JobKind.COPY, counts, known) == (
        "2 of 20 files failed; 3 not copied: symbolic links; 1 not copied: a; 1 not copied: b; "
        "2 not copied for other reasons"
    )
    assert failure_words(JobKind.VERIFY, counts, known) == "9 of 20 files differ or are missing"
    assert failure_words(JobKind.COPY, counts, None) == "9 of 20 files failed"
