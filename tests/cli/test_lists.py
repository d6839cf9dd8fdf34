"""HTTP lists with the real program: what is read, what is said, what is written down, and the exit codes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.failed_line import id_of
from tests.cli.program import Program, finish, on_terminal, wait_for_record
from tests.cli.test_transfers import tree
from tests.list_acceptance.server import Fault, Site, serving
from tests.servers import free_port

FILES = {f"{name}.tar": name.encode() * 100 for name in ("n01", "n02", "n03")}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site(files=dict(FILES))) as site:
        yield site


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{name}.JPEG")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def listed(folder: Path, text: str, name: str = "ids.txt") -> str:
    """The place that a list of this text is; line ends stay as they are."""
    (folder / name).write_bytes(text.encode())
    return f"list:{name}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.csv", "wnid\nn01\nn02\nn03\n"),
        ("classes.csv", '\ufeffwords,"wnid"\r\n"kit fox, ""vulpes""","n01"\r\nb,n02\r\n\r\n,n03\r\n'),
        ("ids.txt", "n01\r\nn02\r\nn03"),
        ("failed.log", "n01 - 404 Not Found\nn02 - reset by peer\nn03\n"),
    ],
)
def test_ids_by_a_base_url(haulier: Program, site: Site, tmp_path: Path, name: str, text: str) -> None:
    """A CSV with `wnid`, plain or as spreadsheets write it, lines of ids, and a failed log: base URL, id and
    `.tar` make the URL, one request a file fetches it, and a second run moves nothing."""
    source = listed(tmp_path, text, name)
    done = haulier.ok("copy", source, "out/", "--url", f"{site.base}/")
    assert "✓ Success 3 / ⊘ Skipped 0 / ✗ Failed 0 / Total 3 — 900 B" in done.err
    assert done.out == ""
    assert tree(tmp_path / "out") == FILES
    assert (sum(site.asked.values()), sum(site.heads.values())) == (3, 0)
    again = haulier.ok("copy", source, "out/", "--url", site.base, "--json")
    assert (again.last["skipped"], again.last["total"]) == (3, 3)
    assert sum(site.asked.values()) == 3


def test_ids_by_a_template_and_urls(haulier: Program, site: Site, tmp_path: Path) -> None:
    """A template says where the id goes, and an id is one segment of the URL; URLs stand for themselves."""
    site.files = {"sets/a b%/x.tar.gz": b"1", "sets/ü/x.tar.gz": b"22"}
    haulier.ok("copy", listed(tmp_path, "a b%\nü\n"), "out/", "--url", f"{site.base}/sets/{{id}}/x.tar.gz")
    assert tree(tmp_path / "out") == {"a b%.tar.gz": b"1", "ü.tar.gz": b"22"}
    urls = f"{site.base}/sets/a%20b%25/x.tar.gz?token=secret\n"
    done = haulier.ok("copy", listed(tmp_path, urls, "urls.txt"), "urls/", "-v")
    assert tree(tmp_path / "urls") == {"x.tar.gz": b"1"}
    assert "secret" not in done.err + haulier.ok("engine", "logs").out


def test_extraction(haulier: Program, site: Site, tmp_path: Path) -> None:
    """Each archive goes into a folder of its id, and is gone when that is complete; a page that calls itself an
    archive fails alone and is kept."""
    site.files = {"n01.tar": archive(a=b"1"), "n02.tar": archive(b=b"2", c=b"3"), "n03.tar": b"<html>no</html>"}
    words = (
        "copy",
        listed(tmp_path, "n01\nn02\nn03\n"),
        "out/",
        "--url",
        site.base,
        "--extract",
        "--delete-tar",
    )
    done = haulier(*words)
    assert done.code == 1, done
    assert "✗ n03.tar: not extracted: it is a web page" in done.err
    assert "✓ Success 2 / ⊘ Skipped 0 / ✗ Failed 1 / Total 3" in done.err
    extracted = {"n01/a.JPEG": b"1", "n02/b.JPEG": b"2", "n02/c.JPEG": b"3"}
    assert tree(tmp_path / "out") == {**extracted, "n03.tar": b"<html>no</html>"}
    site.files["n03.tar"] = archive(d=b"4")
    again = haulier.ok(*words, "--json")
    assert (again.last["success"], again.last["skipped"]) == (1, 2)
    assert tree(tmp_path / "out") == {**extracted, "n03/d.JPEG": b"4"}


def test_failed_log_is_the_next_list(haulier: Program, site: Site, tmp_path: Path) -> None:
    """Every failure is one line, `ID - Error`, with the ID as the list has it, also for a row that no file can
    be made of; fed back, the log finishes what can be finished."""
    site.refused = {"n02.tar": 401, "n 04 - x.tar": 404}
    site.files["n 04 - x.tar"] = b"four"
    source = listed(tmp_path, "wnid\nn01\nn02\nn 04 - x\n../../etc/passwd\nn03\n", "classes.csv")
    words = ("--url", site.base, "--failed-log")
    done = haulier("copy", source, "out/", *words, "failed.log")
    assert done.code == 1, done
    lines = (tmp_path / "failed.log").read_text().splitlines()
    why = {id_of(line): line.removeprefix(f"{id_of(line)} - ") for line in lines}
    assert sorted(why) == ["../../etc/passwd", "n 04 - x", "n02"]
    assert why["n02"].endswith("401 Unauthorized")
    assert why["n 04 - x"].endswith("404 Not Found")
    assert why["../../etc/passwd"] == "the id has a slash"
    site.mend()
    again = haulier("copy", "list:failed.log", "out/", *words, "again.log")
    assert again.code == 1, again
    assert (tmp_path / "again.log").read_text() == "../../etc/passwd - the id has a slash\n"
    assert tree(tmp_path / "out") == {**FILES, "n 04 - x.tar": b"four"}
    assert not (tmp_path.parent / "etc").exists()


def test_json(haulier: Program, site: Site, tmp_path: Path) -> None:
    """The summary has its promised keys; a failed item tells its URL and its final error, and that nobody knows
    its size; notes on the list are notices."""
    source = listed(tmp_path, "n01\n\nn01\nn09\n")
    done = haulier("copy", source, "out/", "--url", site.base, "--json")
    assert done.code == 1, done
    [item] = [each for each in done.records if each["type"] == "item"]
    assert (item["filename"], item["url"], item["expected_size"]) == ("n09.tar", f"{site.base}/n09.tar", None)
    assert (item["status"], item["attempts"], site.asked["n09.tar"]) == ("failed", 1, 1)
    assert item["error"].endswith("404 Not Found")
    told = [each["text"] for each in done.records if each["type"] == "notice"]
    assert "1 blank line" in told
    assert "1 id is named twice: n01" in told
    assert list(done.last) == ["type", "job", "success", "skipped", "failed", "total", "bytes", "seconds"]
    assert (done.last["success"], done.last["failed"], done.last["total"]) == (1, 1, 2)


def test_the_plan_of_a_list(haulier: Program, site: Site, tmp_path: Path) -> None:
    """Nothing is asked of the server: the first URLs, what is wrong with the list, counted, and that sizes are
    not known; no job stays."""
    text = "wnid,words\nn01,x\n\nn02,x\nn01,again\n..,up\n\x1b[31m,red\nn03,x\n"
    words = ("plan", listed(tmp_path, text, "c.csv"), "out/", "--url", f"{site.base}/{{id}}.tar")
    plan = haulier.ok(*words).out
    assert "copy      3 (size not known beforehand)" in plan
    assert f"+ n01.tar  unknown  {site.base}/n01.tar" in plan
    assert "warning: 1 blank line" in plan
    assert "warning: 1 id is named twice: n01" in plan
    assert "cannot    2" in plan
    assert "the id has a control character: 1" in plan
    assert "\x1b" not in plan
    assert " -1 B" not in plan
    last = haulier.ok(*words, "--json").last
    assert (last["copy"], last["unsized"]) == ({"count": 3, "bytes": 0}, 3)
    assert not site.asked
    assert haulier.ok("jobs", "--json").out == ""


def test_listing_a_list(haulier: Program, site: Site, tmp_path: Path) -> None:
    """Names and URLs, without a request; in JSON a size that nobody knows is null, not a number."""
    words = ("ls", listed(tmp_path, "n01\nn02\n"), "--url", site.base)
    lines = haulier.ok(*words).out.splitlines()
    assert [line.split() for line in lines] == [
        ["unknown", f"{name}.tar", f"{site.base}/{name}.tar"] for name in ("n01", "n02")
    ]
    first = haulier.ok(*words, "--json").records[0]
    assert first == {"type": "entry", "key": "n01.tar", "size": None, "etag": "", "modified": "",
                     "url": f"{site.base}/n01.tar"}  # fmt: skip
    assert not site.asked


@pytest.mark.parametrize(
    ("name", "text", "url", "words"),
    [
        ("c.csv", "name,size\nx,1\n", True, "CSV file must contain 'wnid' column"),
        ("c.csv", "wnid\nn01\n", False, "nothing says where their files are"),
        ("ids.txt", "n01\n", False, "Ids need --url URL"),
        ("ids.txt", "", True, "names nothing"),
        ("ids.txt", "../x\n", True, "names nothing that can be fetched"),
        ("ids.txt", "\udcff", True, "not UTF-8"),
        ("none.txt", None, True, "There is no list"),
    ],
)
def test_bad_lists(
    haulier: Program, site: Site, tmp_path: Path, name: str, text: str | None, url: bool, words: str
) -> None:
    """What cannot be a list is wrong use: told at once with the way out, exit code 2, and no job begins."""
    if text is not None:
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    for command in ("copy", "plan"):
        done = haulier(command, f"list:{name}", "out/", *(("--url", site.base) if url else ()))
        assert done.code == 2, done
        assert words in done.err
    assert haulier.ok("jobs", "--json").out == ""
    assert not (tmp_path / "out").exists()


def test_a_url_whose_server_never_was_there(haulier: Program) -> None:
    """It is not waited for as one that is away for a while: its name may be wrong."""
    done = haulier("copy", f"http://127.0.0.1:{free_port()}/x.bin", "out/", "--retry", "0.1x20")
    assert done.code == 1, done
    assert "Connection refused" in done.err


def test_url_without_a_list(haulier: Program, tmp_path: Path) -> None:
    """A URL for ids is refused where there are none, and one with the id in the server's name is none."""
    (tmp_path / "a").mkdir()
    assert "--url is for lists of ids" in haulier("copy", "a", "b", "--url", "https://host/").err
    done = haulier("copy", listed(tmp_path, "n01\n"), "b/", "--url", "https://{id}.host/")
    assert (done.code, "name of the server" in done.err) == (2, True), done


def test_progress_where_sizes_are_not_known(haulier: Program, site: Site, tmp_path: Path) -> None:
    """A server that tells no length: on a terminal what came is said as at least, without a share, a bar or a
    time; in JSON the totals are as small as what is known and `unsized` says so."""
    site.files = {"n01.tar": b"x" * 400_000}
    site.faults = {"n01.tar": [Fault("without length"), Fault("without length")]}
    source = listed(tmp_path, "n01\n")
    with on_terminal(haulier, "copy", source, "out/", "--url", site.base) as terminal:
        terminal.wait_for("0/1 files · 195 KiB/≥195 KiB")
        terminal.wait_for("1 of unknown size")
        site.released.set()
        assert terminal.finish() == 0
        assert "%" not in terminal.screen
        assert "left" not in terminal.screen
        assert "verified: not verified 1" in terminal.screen
    site.released.clear()
    site.faults = {"n01.tar": [Fault("without length"), Fault("without length")]}
    process = haulier.start("copy", source, "again/", "--url", site.base, "--json")
    told = wait_for_record(process, lambda record: record["type"] == "progress" and record["bytes_done"] > 0)
    assert (told["unsized"], told["total"], told["eta_high"]) == (1, 1, -1)
    site.released.set()
    assert finish(process).code == 0
