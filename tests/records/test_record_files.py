"""The files that real jobs keep: complete and exact, through kills, full disks and company."""

from __future__ import annotations

import contextlib
import csv
import os
from pathlib import Path

import pytest

from core.engine.journal.journal import Journal
from core.engine.journal.rows import Completion, PlannedItem
from core.engine.planning.route import Route
from core.engine.records.download_log import DownloadLog
from core.engine.records.failed_log import failed_line
from core.engine.records.ledger import Ledger
from core.errors import Code, HaulierError
from core.failed_line import id_of
from core.messages import ForgetJob, ReadLog, RetryJob, StartJob, TuneJob
from core.model import Action, Entry, JobKind, JobState, JobView, Place, Status
from core.stores.web.lists import written_in_list
from tests.engine.asking import spec_of
from tests.paths.disks import tmpfs
from tests.paths.driving import Haulier, at, connection_of, here, keys, many, put_all, until
from tests.servers import S3Server

LOG = ["timestamp_iso", "bucket", "key", "size_bytes", "size_human", "etag", "last_modified_iso", "local_path",
       "status"]  # fmt: skip
FOLDERS = ["folder_path", "total_files", "total_size_bytes", "total_size_human", "downloaded_files",
           "downloaded_size_bytes", "downloaded_size_human", "progress", "last_update"]  # fmt: skip


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


async def test_a_download_is_recorded_row_by_row(
    haulier: Haulier, tmp_path: Path, moto_server: S3Server, bucket: str
) -> None:
    """Every item has one row with the source's facts and the local path; a vanished one is `failed`, stands in
    the failed log and in no folder's done files. After a retry its success is a further row, the failed log is
    empty, and the folder is complete."""
    await haulier.save(connection_of(moto_server))
    odd = 'p/odd, "name"=1.txt'
    put_all(moto_server, bucket, [("p/a.bin", b"a" * 2048), (odd, b""), ("p/sub/gone.bin", b"xyz")])
    log, folders, failed = tmp_path / "log.csv", tmp_path / "folders.csv", tmp_path / "failed.log"
    files = {"csv": str(log), "progress_csv": str(folders), "failed_log": str(failed)}
    out = tmp_path / "out"
    planned = await haulier.planned(
        at(moto_server, bucket, "p/"), here(out), JobKind.SYNC, retry="0.01", **files
    )
    moto_server.boto3().delete_object(Bucket=bucket, Key="p/sub/gone.bin")
    assert planned.plan is not None
    await haulier.call(StartJob(job=planned.id, plan_hash=planned.plan.hash))
    await haulier.ends(planned.id, JobState.PARTIAL)

    assert header(log) == LOG
    assert header(folders) == FOLDERS
    rows = {row["key"]: row for row in table(log)}
    assert len(table(log)) == 3
    assert rows["p/a.bin"]["bucket"] == bucket
    assert rows["p/a.bin"]["size_bytes"] == "2048"
    assert rows["p/a.bin"]["size_human"] == "2.0 KiB"
    assert rows["p/a.bin"]["etag"] == (await etag_of(moto_server, bucket, "p/a.bin"))
    assert rows["p/a.bin"]["local_path"] == str(out / "a.bin")
    assert rows["p/a.bin"]["timestamp_iso"].endswith("Z")
    assert rows["p/a.bin"]["last_modified_iso"].startswith("20")
    assert rows[odd]["status"] == "completed"
    assert rows["p/sub/gone.bin"]["status"] == "failed"
    line = failed.read_text()
    assert line.startswith(f"moto:{bucket}/p/sub/gone.bin - ")
    assert line.count("\n") == 1
    by_folder = {row["folder_path"]: row for row in table(folders)}
    assert set(by_folder) == {f"moto:{bucket}/p/", f"moto:{bucket}/p/sub/"}
    assert by_folder[f"moto:{bucket}/p/"]["progress"] == "100.0%"
    assert by_folder[f"moto:{bucket}/p/"]["downloaded_files"] == "2"
    assert by_folder[f"moto:{bucket}/p/sub/"]["progress"] == "0.0%"
    assert by_folder[f"moto:{bucket}/p/sub/"]["last_update"] != ""

    put_all(moto_server, bucket, [("p/sub/gone.bin", b"xyz")])
    await haulier.call(RetryJob(job=planned.id))
    await haulier.ends(planned.id)
    again = [row["status"] for row in table(log) if row["key"] == "p/sub/gone.bin"]
    assert again == ["failed", "completed"]
    assert failed.read_bytes() == b""
    assert {row["progress"] for row in table(folders)} == {"100.0%"}
    assert not list(tmp_path.glob("*.bak*"))
    assert not list(tmp_path.glob(".*"))


async def etag_of(server: S3Server, bucket: str, key: str) -> str:
    return str(server.boto3().head_object(Bucket=bucket, Key=key)["ETag"]).strip('"')


async def test_an_upload_is_recorded_too(
    haulier: Haulier, tmp_path: Path, moto_server: S3Server, bucket: str
) -> None:
    """`local_path` is the source then, `etag` what the target called the object."""
    await haulier.save(connection_of(moto_server))
    many(tmp_path / "from", 5)
    log = tmp_path / "log.csv"
    log.write_text("notes of somebody else\n")
    await haulier.copied(here(tmp_path / "from"), at(moto_server, bucket, "up/"), csv=str(log))
    rows = table(log)
    assert sorted(row["key"] for row in rows) == keys(moto_server, bucket)
    assert {row["status"] for row in rows} == {"completed"}
    assert all(Path(row["local_path"]).is_file() for row in rows)
    assert all([row["etag"] == await etag_of(moto_server, bucket, row["key"]) for row in rows])
    assert Path(f"{log}.bak").read_text() == "notes of somebody else\n"


async def test_kills_lose_and_double_no_row(
    haulier: Haulier, tmp_path: Path, moto_server: S3Server, bucket: str
) -> None:
    """kill -9 again and again while rows are written: in the end every file has exactly one row."""
    await haulier.save(connection_of(moto_server))
    source = many(tmp_path / "from", 1500, size=2000)
    log, folders = tmp_path / "log.csv", tmp_path / "folders.csv"
    job = await haulier.submit(
        here(source), here(tmp_path / "to"), csv=str(log), progress_csv=str(folders), bandwidth=300_000
    )
    seen = 0
    for _ in range(3):

        def more(_view: JobView, seen: int = seen) -> bool:
            return folders.exists() and log.exists() and log.read_bytes().count(b"\n") > seen + 60

        await haulier.reaches(job.id, more, "more rows")
        await haulier.restart_after_kill()
        seen = log.read_bytes().count(b"\n")
    assert 0 < seen < 1500
    assert header(folders) == FOLDERS  # whole at any moment
    await haulier.call(TuneJob(job=job.id, bandwidth=0))
    await haulier.ends(job.id)
    rows = table(log)
    assert sorted(row["key"] for row in rows) == sorted(
        str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()
    )
    assert sum(int(row["downloaded_files"]) for row in table(folders)) == 1500
    assert not list(tmp_path.glob("*.bak"))


async def test_a_full_disk_under_a_record_does_not_stop_the_transfer(haulier: Haulier, tmp_path: Path) -> None:
    """The job is completed and the trouble told; once there is room the log becomes complete by itself, even
    under another engine."""
    source = many(tmp_path / "from", 300)
    with tmpfs(tmp_path / "disk", size=64 * 1024) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - 4096))
        log, failed = disk / "log.csv", disk / "failed.log"
        job = await haulier.submit(here(source), here(tmp_path / "to"), csv=str(log), failed_log=str(failed))
        view = await haulier.ends(job.id)
        assert view.counts.files_done == 300
        told = [notice.text for notice in (await haulier.call(ReadLog(job=job.id))).notices]
        assert any("download log" in text and "No space left" in text for text in told), told
        await haulier.stop()
        ballast.unlink()
        await haulier.start()
        await until(lambda: log.exists() and log.read_bytes().count(b"\n") == 301, "a complete log", 30)
        assert len({row["key"] for row in table(log)}) == 300


async def test_two_engines_share_one_log(tmp_path: Path) -> None:
    """Jobs of two engines append to the same file at the same time: one header, all rows, none torn."""
    source = many(tmp_path / "from", 400)
    log = tmp_path / "log.csv"
    async with Haulier(tmp_path / "one") as one, Haulier(tmp_path / "two") as two:
        slow = await one.submit(here(source), here(tmp_path / "a"), csv=str(log), bandwidth=20_000)
        await one.reaches(slow.id, lambda _: log.exists() and log.stat().st_size > 0, "the first rows")
        await two.copied(here(source), here(tmp_path / "b"), csv=str(log))
        await one.call(TuneJob(job=slow.id, bandwidth=0))
        await one.ends(slow.id)
        # Where one had to wait too long for the other, its rows come a little later.
        await until(lambda: log.read_bytes().count(b"\n") >= 801, "all rows", 30)
    rows = table(log)
    assert len(rows) == 800
    assert len({row["local_path"] for row in rows}) == 800
    assert not list(tmp_path.glob("*.bak"))


async def test_a_forgotten_job_leaves_its_files(haulier: Haulier, tmp_path: Path) -> None:
    """Forgetting removes what the journal holds of the records, not the records."""
    source = many(tmp_path / "from", 3)
    log = tmp_path / "log.csv"
    done = await haulier.copied(here(source), here(tmp_path / "to"), csv=str(log))
    await haulier.call(ForgetJob(job=done.id))
    assert len(table(log)) == 3


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("log.csv", "an absolute path"),
        ("{tmp}/nowhere/log.csv", "does not exist"),
        ("{tmp}", "no plain file"),
        ("{tmp}/from/log.csv", "lies inside"),
    ],
)
async def test_a_record_that_cannot_be_kept_is_refused(
    haulier: Haulier, tmp_path: Path, file: str, words: str
) -> None:
    """Before anything moves, with the option's name."""
    many(tmp_path / "from", 1)
    with pytest.raises(HaulierError, match=words) as refused:
        await haulier.submit(
            here(tmp_path / "from"), here(tmp_path / "to"), failed_log=file.format(tmp=tmp_path)
        )
    assert refused.value.code is Code.USAGE
    assert "--failed-log" in refused.value.message


async def test_what_the_plan_found_impossible_is_recorded_as_failed(haulier: Haulier, tmp_path: Path) -> None:
    """Items that were never tried stand in the log and in the failed log once, also after a retry."""
    source = tmp_path / "from"
    many(source, 2)
    os.mkfifo(source / "pipe")
    log, failed = tmp_path / "log.csv", tmp_path / "failed.log"
    job = await haulier.submit(here(source), here(tmp_path / "to"), csv=str(log), failed_log=str(failed))
    view = await haulier.reaches(job.id, lambda view: view.state.is_final, "the end")
    failures = await haulier.items(job.id, Status.FAILED)
    statuses = sorted(row["status"] for row in table(log))
    assert len(statuses) == view.counts.files_total
    assert statuses.count("failed") == len(failures) == len(failed.read_text().splitlines())


class _Killed(Exception):
    """Stands for the end of the process at this very step."""


@pytest.mark.parametrize("step", ["intend", "written"])
def test_a_kill_right_beside_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Before the rows are written, or after it and before the journal knows: the next engine finds in the file
    which rows are there, and writes the others once."""
    journal = Journal(tmp_path / "j")
    row, _ = journal.add_job("k", spec_of((here(tmp_path / "a"), here(tmp_path / "b"))), "t", moving=True)
    routes = (
        Route(source=here(tmp_path / "a"), target=here(tmp_path / "b"), source_root="/a", target_root="/b"),
    )
    journal.ledger.begin(row.id, "csv")
    journal.ledger.log_ends_of(row.id)
    journal.add_items(row.id, [PlannedItem(0, Action.COPY, Entry(key=f"{n}\n")) for n in range(9)], 1)
    log = tmp_path / "log.csv"
    for first in (1, 4, 7):
        journal.complete(
            row.id, [Completion(n, Status.COMPLETED, 1, 0, "", "", n) for n in range(first, first + 3)]
        )
        with monkeypatch.context() as patched:

            def dies(*_: object) -> None:
                raise _Killed

            if first == 4:
                patched.setattr(Ledger, step, dies)
            writer = DownloadLog(log, row.id, journal.ledger)
            with contextlib.suppress(_Killed):
                writer.write(routes)
            writer.close()
    assert [each["key"] for each in table(log)] == [f"{n}\n" for n in range(9)]
    assert journal.ledger.ended(row.id, 10) == []
    journal.close()


def test_a_line_of_the_failed_log_gives_its_id_back() -> None:
    """The last " - " divides: an ID may hold one, an error never does, and neither breaks the line."""
    assert failed_line("n01440764", "404 Not Found") == b"n01440764 - 404 Not Found\n"
    line = failed_line("prod:b/a - b.bin", "refused - twice\nand\x1b[2J again").decode()
    assert line.count("\n") == 1
    assert id_of(line) == "prod:b/a - b.bin"
    assert failed_line("two\nlines", "no") == b"two\\nlines - no\n"
    assert id_of("n01440764\n") == "n01440764"


def test_ids_of_a_list_in_its_failed_log() -> None:
    """Rows with and without a URL give what stands in the list; a sum of rows is no id and gives no line."""
    ids = Place(kind="list", path="/l", url="https://host/sets/{id}/x.tar.gz")
    assert written_in_list(ids, "n01.tar.gz", "https://host/sets/n01/x.tar.gz") == "n01"
    assert written_in_list(ids, "n01.tar.gz", "") == "n01"
    assert written_in_list(ids, "line 7: ../x", "") == "../x"
    assert written_in_list(ids, "12 more rows", "") == ""
    urls = Place(kind="list", path="/l")
    assert written_in_list(urls, "x.tar", "https://host/x.tar?a=1") == "https://host/x.tar?a=1"
    assert written_in_list(urls, "line 2: ftp://host/x", "") == "ftp://host/x"
