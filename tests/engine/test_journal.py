from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.engine.journal.journal import Journal
from core.engine.journal.rows import Completion, TransferRow
from core.errors import DiskTrouble
from core.model import Action, Entry, JobState, Level, Notice, Place, Status
from core.stores.base import PartReceipt
from tests.engine.asking import spec_of
from tests.paths.disks import tmpfs

SPEC = spec_of((Place(kind="local", path="/from"), Place(kind="local", path="/to")))


def fill(journal: Journal, items: int, key: str = "k") -> int:
    row, _ = journal.add_job(key, SPEC, "title", moving=True)
    journal.add_items(row.id, [(0, Action.COPY, Entry(key=f"{n:06}", size=n), "") for n in range(items)], 1)
    return row.id


def fill_until_full(journal: Journal) -> None:
    for number in range(1000):
        fill(journal, 100, key=f"more {number}")


def completions(first: int, count: int) -> list[Completion]:
    return [Completion(n, Status.COMPLETED, 1, 0, "etag-md5", "", 0.0) for n in range(first, first + count)]


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    """Jobs, items, parts and notices come back from a journal that was closed and opened again."""
    journal = Journal(tmp_path / "j")
    job = fill(journal, 3)
    part = PartReceipt(number=2, offset=5, size=5, etag="e", md5="m", crc64=(1 << 64) - 1)
    journal.begin_transfer(job, 1, TransferRow(token="t", part_size=5, etag="e", identity="i"))
    journal.add_parts(job, [(1, part)])
    journal.complete(job, completions(2, 1))
    journal.add_notice(Notice(at=1.0, level=Level.INFO, text="said"))
    journal.close()
    journal = Journal(tmp_path / "j")
    assert journal.job(job).spec == SPEC
    assert journal.transfer(job, 1) == TransferRow(
        token="t", part_size=5, etag="e", identity="i", parts=(part,)
    )
    assert [row.name for row in journal.pending_items(job, 0, 10, deletions=False)] == ["000000", "000002"]
    assert journal.tallies(job)["copy", "completed"] == (1, 1)
    assert journal.staged_tokens() == {"t"}
    assert journal.notices(0, 10, (Level.INFO,), 0)[0][0].text == "said"
    journal.close()


def test_a_key_makes_one_job_under_a_crowd(journal: Journal) -> None:
    """Eight threads submit the same key at once: one job, told as new to one of them."""
    told: list[tuple[int, bool]] = []

    def submit() -> None:
        row, new = journal.add_job("key", SPEC, "t", moving=False)
        told.append((row.id, new))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job for job, _ in told}) == 1
    assert sum(new for _, new in told) == 1


def test_completing_forgets_the_parts(journal: Journal) -> None:
    """What is kept for resuming goes with the completion, and stays with a failure."""
    job = fill(journal, 2)
    for item in (1, 2):
        journal.begin_transfer(job, item, TransferRow(token=f"t{item}", part_size=5, etag="", identity=""))
        journal.add_parts(job, [(item, PartReceipt(number=1, offset=0, size=5))])
    journal.complete(job, [Completion(1, Status.FAILED, 1, 0, "", "broken", 0.0), *completions(2, 1)])
    assert journal.staged_tokens() == {"t1"}
    kept = journal.transfer(job, 1)
    assert kept is not None
    assert len(kept.parts) == 1
    assert journal.reopen_failed(job, ()) == 1
    assert [row.id for row in journal.pending_items(job, 0, 9, deletions=False)] == [1]


_WRITER = """
import sys
from pathlib import Path
from core.engine.journal.journal import Journal
from tests.engine.test_journal import completions, fill
journal = Journal(Path(sys.argv[1]))
job = fill(journal, 20_000)
for first in range(1, 20_001, 100):
    journal.complete(job, completions(first, 100))
    print(first + 99, flush=True)
"""


@pytest.mark.parametrize("after", [300, 2_000, 6_100])
def test_killed_while_writing(tmp_path: Path, after: int) -> None:
    """kill -9 between and inside commits: every group is whole, and what was said to be written is there."""
    root = Path(__file__).resolve().parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path / "j")],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert writer.stdout is not None
    said = 0
    for line in writer.stdout:
        said = int(line)
        if said >= after:
            break
    writer.send_signal(signal.SIGKILL)
    said = max([said, *(int(line) for line in writer.stdout.read().split())])
    writer.stdout.close()
    writer.wait()
    journal = Journal(tmp_path / "j")
    done = journal.tallies(1).get(("copy", "completed"), (0, 0))[0]
    journal.close()
    assert done >= said
    assert done % 100 == 0


def test_a_full_disk_is_a_trouble_that_can_be_mended(tmp_path: Path) -> None:
    """When the journal's disk is full the group is refused as DiskTrouble; with room again it is written."""
    with tmpfs(tmp_path / "disk", size=2 << 20) as disk:
        journal = Journal(disk / "j")
        job = fill(journal, 100)
        with contextlib.suppress(OSError), (disk / "ballast").open("wb") as ballast:
            while True:
                ballast.write(b"\0" * 4096)
                ballast.flush()
        with pytest.raises(DiskTrouble, match="journal"):
            fill_until_full(journal)
        (disk / "ballast").unlink()
        journal.complete(job, completions(1, 100))
        assert journal.tallies(job) == {("copy", "completed"): (100, 4950)}
        assert journal.update_job(job, state=JobState.PAUSED).state is JobState.PAUSED
        journal.close()
