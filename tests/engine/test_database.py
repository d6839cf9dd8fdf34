"""The journal's file: opened only when it is whole and of a known format, written in whole groups."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.engine.journal.database import SCHEMA_VERSION, WAL_KEPT, Database
from core.engine.journal.journal import Journal
from core.engine.journal.journal_trouble import JournalDamaged
from core.engine.journal.rows import TransferRow
from core.errors import Code, DiskTrouble, HaulierError
from tests.engine.test_journal import completions, fill
from tests.paths.disks import tmpfs

REASONS = "SELECT reason FROM jobs ORDER BY id"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """With two jobs in it."""
    made = Database(tmp_path / "j")
    with made.write() as db:
        db.executemany(
            "INSERT INTO jobs (key, spec, title, state, created, counts) VALUES (?, '', '', '', 0, '')",
            [("one",), ("two",)],
        )
    yield made
    made.close()


def content(folder: Path) -> dict[str, bytes]:
    """Every file that holds data. Looking makes an index (-shm) and, where there was none, an empty -wal."""
    found = (path for path in folder.iterdir() if path.is_file() and not path.name.endswith("-shm"))
    files = {path.name: path.read_bytes() for path in found}
    return {name: data for name, data in files.items() if data or not name.endswith("-wal")}


def copies(folder: Path) -> list[Path]:
    """The copies that are kept of a damaged journal."""
    return sorted(path for path in folder.iterdir() if path.is_dir())


def test_a_group_is_written_whole_or_not_at_all(database: Database) -> None:
    """An error in the middle of a group leaves nothing of it, and the journal works on."""

    def broken_off() -> None:
        with database.write() as db:
            db.execute("UPDATE jobs SET reason = 'half' WHERE key = 'one'")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert database.rows(REASONS) == [("",), ("",)]
    with database.write() as db:
        db.execute("UPDATE jobs SET reason = 'whole'")
    assert database.rows(REASONS) == list(database.stream(REASONS)) == [("whole",), ("whole",)]


def test_readers_do_not_wait_for_the_writer(database: Database) -> None:
    """A screen reads while a group is being written, and sees nothing of it yet."""
    with database.write() as db:
        db.execute("UPDATE jobs SET reason = 'not yet'")
        began = time.monotonic()
        assert database.rows(REASONS) == [("",), ("",)]
        assert time.monotonic() - began < 1


def test_mode_is_private(tmp_path: Path) -> None:
    """Names of files are nobody else's business."""
    Journal(tmp_path / "j").close()
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


def damaged(path: Path) -> HaulierError:
    with pytest.raises(HaulierError) as refused:
        Journal(path)
    assert str(path) in refused.value.message
    return refused.value


@pytest.mark.parametrize("damage", ["text", "half", "middle", "header"])
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, damage: str) -> None:
    """Garbage, a cut file, a hole in the middle: a clear error with a way out, and not a byte changed."""
    path = tmp_path / "state" / "j"
    path.parent.mkdir()
    journal = Journal(path)
    fill(journal, 5000)
    journal.close()
    data = path.read_bytes()
    broken = {
        "text": b"this is no database\n" * 500,
        "half": data[: len(data) // 2],
        "middle": data[:40_000] + os.urandom(40_000) + data[80_000:],
        "header": b"\0" * 100 + data[100:],
    }[damage]
    path.write_bytes(broken)
    error = damaged(path)
    assert error.code is Code.FAILED
    assert "nothing was changed" in error.hint
    assert content(path.parent) == {"j": broken}
    assert [content(kept) for kept in copies(path.parent)] == [{"j": broken}]
    assert str(copies(path.parent)[0]) in error.hint
    damaged(path)
    assert len(copies(path.parent)) == 1, "every look at the same damage made another copy"


def test_damage_beside_an_unwritten_wal_is_left_alone(tmp_path: Path) -> None:
    """Killed with changes in the -wal, then damaged: opening it carries nothing into the damaged file."""
    path = tmp_path / "live" / "j"
    path.parent.mkdir()
    journal = Journal(path)
    job = fill(journal, 5000)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    journal.complete(job, completions(1, 10))
    crashed = tmp_path / "crashed"
    shutil.copytree(path.parent, crashed)
    journal.close()
    assert (crashed / "j-wal").stat().st_size > 0
    data = (crashed / "j").read_bytes()
    (crashed / "j").write_bytes(data[:200_000] + os.urandom(100_000) + data[300_000:])
    before = content(crashed)
    damaged(crashed / "j")
    assert content(crashed) == before
    assert [content(kept) for kept in copies(crashed)] == [before]


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A journal of a later version is not touched by this one."""
    path = tmp_path / "state" / "j"
    path.parent.mkdir()
    Journal(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = content(path.parent)
    error = damaged(path)
    assert error.code is Code.UNAVAILABLE
    assert "newer" in error.message
    assert content(path.parent) == before


def test_what_came_later_is_added(tmp_path: Path) -> None:
    """A journal of the first version gets the columns and tables that came later; what was in it stays."""
    path = tmp_path / "j"
    old_journal(path)
    journal = Journal(path)
    recorded = journal.transfer(1, 1)
    assert recorded is not None
    assert (recorded.token, recorded.version) == ("t", "")
    journal.begin_transfer(1, 1, TransferRow(token="t2", part_size=5, etag="", identity="", version="v"))
    recorded = journal.transfer(1, 1)
    assert recorded is not None
    assert recorded.version == "v"
    journal.close()


def old_journal(path: Path) -> None:
    """As the first version made it, with one large item that has begun."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(FIRST_VERSION)


# What later versions changed by adding to it.
FIRST_VERSION = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, spec BLOB NOT NULL, title TEXT NOT NULL,
    state TEXT NOT NULL, moving INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
    hint TEXT NOT NULL DEFAULT '', blocker TEXT NOT NULL DEFAULT '', created REAL NOT NULL,
    started REAL NOT NULL DEFAULT 0, finished REAL NOT NULL DEFAULT 0,
    active_seconds REAL NOT NULL DEFAULT 0, plan BLOB, routes BLOB, counts BLOB NOT NULL
);
CREATE TABLE transfers (
    job INTEGER NOT NULL, item INTEGER NOT NULL, token TEXT NOT NULL, part_size INTEGER NOT NULL,
    etag TEXT NOT NULL, identity TEXT NOT NULL, PRIMARY KEY (job, item)
) WITHOUT ROWID;
INSERT INTO jobs (key, spec, title, state, created, counts) VALUES ('k', '', '', 'running', 0, '');
INSERT INTO transfers VALUES (1, 1, 't', 5, '', '');
PRAGMA user_version = 1;
"""


def test_killed_at_every_step_of_a_migration(tmp_path: Path) -> None:
    """Killed (SIGKILL) before every other statement of opening an old journal: the file is whole, opens at the
    next try, and nothing that was in it is lost."""
    step, code = 0, -signal.SIGKILL
    while code:
        step += 2
        path = tmp_path / str(step) / "j"
        path.parent.mkdir()
        old_journal(path)
        code = _killed_at_statement(path, step)
        assert code in (0, -signal.SIGKILL)
        journal = Journal(path)
        assert journal.staged_tokens() == {"t"}
        journal.close()
    assert step > 10, "the migration was over before anything could be killed"


def _killed_at_statement(path: Path, step: int) -> int:
    """Open the journal in a process that dies before its statement number `step`; how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = step

    class Doomed(sqlite3.Connection):
        def execute(self, *values: Any) -> sqlite3.Cursor:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().execute(*values)

    real = sqlite3.connect
    sqlite3.connect = partial(real, factory=Doomed)  # type: ignore[assignment]
    try:
        Journal(path)
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.parametrize("left", [0, 10, 32, 5000, 90_000])
def test_a_cut_wal_loses_the_last_groups_only(tmp_path: Path, left: int) -> None:
    """The -wal cut to any length: the journal opens, with every group whole up to some moment."""
    path = tmp_path / "live" / "j"
    path.parent.mkdir()
    journal = Journal(path)
    job = fill(journal, 1000)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for first in range(1, 1000, 100):
        journal.complete(job, completions(first, 100))
    crashed = tmp_path / "crashed"
    shutil.copytree(path.parent, crashed)
    journal.close()
    (crashed / "j-shm").unlink()
    os.truncate(crashed / "j-wal", left)
    journal = Journal(crashed / "j")
    done = journal.tallies(job).get(("copy", "completed"), (0, 0))[0]
    journal.close()
    assert done % 100 == 0
    assert done < 1000
    assert (done > 0) == (left == 90_000)


def test_killed_while_it_was_made(tmp_path: Path) -> None:
    """Before it has a -wal SQLite writes a file with a rollback journal. Killed then, the pages that were
    written are no damage: they are rolled back."""
    (tmp_path / "live").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "live" / "j", isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 2")
        db.execute("CREATE TABLE first (x)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO first VALUES (?)", [(os.urandom(2000),) for _ in range(300)])
        shutil.copytree(tmp_path / "live", tmp_path / "killed")
    assert (tmp_path / "killed" / "j-journal").stat().st_size
    journal = Journal(tmp_path / "killed" / "j")
    fill(journal, 10)
    journal.close()
    assert copies(tmp_path / "killed") == []


def test_an_emptied_file_beside_its_wal_is_not_begun_anew(tmp_path: Path) -> None:
    """SQLite takes an empty file for a new one and removes the -wal that held everything."""
    journal = Journal(tmp_path / "j")
    fill(journal, 10)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    shutil.copy(tmp_path / "j-wal", crashed)
    journal.close()
    (crashed / "j").touch()
    before = content(crashed)
    assert damaged(crashed / "j").code is Code.FAILED
    assert content(crashed) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take its own rights back afterwards")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """Not damage: what is needed is said, and no copy is made."""
    folder = tmp_path / "state"
    folder.mkdir()
    journal = Journal(folder / "j")
    fill(journal, 10)
    journal.close()
    folder.chmod(0o500)
    (folder / "j").chmod(0o400)
    said = subprocess.run(
        [sys.executable, "-c", _OPEN_AS_USER, str(folder / "j")], capture_output=True, text=True, check=False
    )
    folder.chmod(0o700)
    assert "cannot be opened" in said.stdout, said
    assert "must be able to read and write" in said.stdout
    assert copies(folder) == []


_OPEN_AS_USER = """
import sys
from pathlib import Path
from core.engine.journal.journal import Journal
from core.errors import HaulierError
from tests.paths.plain_user import give_up_root
give_up_root()
try:
    Journal(Path(sys.argv[1]))
except HaulierError as error:
    print(error.code, error.message, error.hint)
"""


def test_a_full_disk_at_the_start(tmp_path: Path) -> None:
    """No room for the index beside the journal: said as what it is, nothing changed; with room it opens."""
    with tmpfs(tmp_path / "disk", size=1 << 20) as disk:
        journal = Journal(disk / "j")
        fill(journal, 10)
        journal.close()
        before = (disk / "j").read_bytes()
        with contextlib.suppress(OSError), (disk / "ballast").open("wb") as ballast:
            while True:
                ballast.write(b"\0" * 4096)
                ballast.flush()
        with pytest.raises(HaulierError) as refused:
            Journal(disk / "j")
        assert refused.value.code is Code.BLOCKED
        assert "free space" in refused.value.hint
        assert (disk / "j").read_bytes() == before
        assert copies(disk) == []
        (disk / "ballast").unlink()
        journal = Journal(disk / "j")
        assert len(journal.jobs()) == 1
        journal.close()


def test_damage_that_shows_later_stops_the_jobs(tmp_path: Path) -> None:
    """Pages broken under a running engine: whoever reads or writes is told that the journal is damaged."""
    path = tmp_path / "j"
    journal = Journal(path)
    job = fill(journal, 20_000)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size // 2))  # no page of SQLite's begins so
    with pytest.raises(JournalDamaged, match="damaged") as told:
        journal.complete(job, completions(1, 20_000))
    assert str(path) in told.value.message
    with pytest.raises(DiskTrouble):
        journal.tallies(job)


def test_the_wal_does_not_grow_while_somebody_reads_for_long(tmp_path: Path) -> None:
    """A listing compares its names with the known ones for hours while items are recorded: the -wal is emptied
    all the same, and the reader sees what was there when it began."""
    path = tmp_path / "j"
    journal = Journal(path)
    job = fill(journal, 30_000)
    names = journal.known_items(job)
    next(names)
    largest = 0
    for _ in range(4):
        for first in range(1, 30_000, 1000):
            journal.complete(job, completions(first, 1000))
            largest = max(largest, path.with_name("j-wal").stat().st_size)
    assert largest < WAL_KEPT
    assert len(list(names)) == 29_999
    journal.close()


def test_forgetting_gives_the_space_back(tmp_path: Path) -> None:
    """A job of 60 000 items is forgotten in steps: the file is small again, another job is as it was."""
    path = tmp_path / "j"
    journal = Journal(path)
    kept = fill(journal, 10, key="kept")
    job = fill(journal, 60_000)
    journal.complete(job, completions(1, 60_000))
    assert on_disk(path) > 4_000_000
    journal.forget_job(job)
    assert on_disk(path) < 500_000
    assert journal.tallies(kept) == {("copy", "pending"): (10, 45)}
    journal.close()


def on_disk(path: Path) -> int:
    """The file's size with everything of the -wal in it."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def test_a_job_half_forgotten_is_forgotten_at_the_next_start(tmp_path: Path) -> None:
    """Killed between the steps of forgetting: the job is gone at once, its rows at the next start."""
    path = tmp_path / "j"
    journal = Journal(path)
    kept, job = fill(journal, 10, key="kept"), fill(journal, 100)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM jobs WHERE id = ?", (job,))
    journal.close()
    (tmp_path / "compare-7.sqlite3").write_text("left of a plan")
    journal = Journal(path)
    assert journal.tallies(job) == {}
    assert journal.tallies(kept) == {("copy", "pending"): (10, 45)}
    assert not (tmp_path / "compare-7.sqlite3").exists()
    journal.close()
