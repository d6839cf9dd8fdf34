"""One list from end to end with the real program: a server with faults, then a mended one."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from core.failed_line import id_of
from tests.cli.program import Finished, Program
from tests.list_acceptance.classes import Class, make_classes
from tests.list_acceptance.server import Site, serving

STALL = "2s"  # without progress, which ends a connection


@dataclass(frozen=True)
class Report:
    """What there was, and the seconds that each run took."""

    kinds: Counter[str]
    requests: int
    with_faults: float
    mended: float
    summary: str


def accept(count: int, folder: Path, program: Program) -> Report:
    """Raises AssertionError for whatever is not exactly as it has to be."""
    classes = make_classes(count)
    program.extra["HAULIER_STALL_TIMEOUT"] = STALL
    site, listed, log = _site(classes), _csv(classes, folder / "classes.csv"), folder / "failed_downloads.log"
    out = folder / "out"
    failing = {each.wnid: each for each in classes if each.error}

    def copy(source: Path, failed_log: Path, *words: str) -> tuple[Finished, float]:
        began = time.monotonic()
        done = program(
            "copy", f"list:{source}", f"{out}/", "--url", site.base, "--extract", "--delete-tar",
            "--retry", "0.1x20", "--failed-log", str(failed_log), *words, seconds=600,
        )  # fmt: skip
        return done, time.monotonic() - began

    with serving(site):
        done, with_faults = copy(listed, log)
        assert done.code == 1, done
        good = count - len(failing)
        summary = f"✓ Success {good} / ⊘ Skipped 0 / ✗ Failed {len(failing)} / Total {count}"
        assert summary in done.err, done.err
        check_log(log, failing)
        check_folders(out, [each for each in classes if not each.error], kept=_kept(classes))
        for each in classes[1:]:  # the first one is large
            assert not site.heads[f"{each.wnid}.tar"], "a ranged GET tells what a HEAD would"
            if each.status:
                assert site.asked[f"{each.wnid}.tar"] == 1, f"{each.kind} is final: {each.wnid}"
        requests = sum(site.asked.values())
        _mend(site, classes)
        again, mended = copy(log, folder / "failed_again.log", "--json")
        assert again.code == 0, again
        found = {name: again.last[name] for name in ("success", "skipped", "failed", "total")}
        assert found == {"success": len(failing), "skipped": 0, "failed": 0, "total": len(failing)}
        assert (folder / "failed_again.log").read_bytes() == b""
        check_folders(out, classes)
        last, _ = copy(listed, log, "--json")
        assert (last.code, last.last["skipped"], last.last["total"]) == (0, count, count), last
    return Report(Counter(each.kind for each in classes), requests, with_faults, mended, summary)


def check_log(log: Path, failing: dict[str, Class]) -> None:
    """A line for each class that failed and for no other, with its own id and its own reason."""
    lines = log.read_text().splitlines()
    assert sorted(id_of(line) for line in lines) == sorted(failing), lines
    for line in lines:
        each = failing[id_of(line)]
        assert each.error in line, f"{each.kind}: {line}"


def check_folders(out: Path, classes: list[Class], kept: dict[str, bytes] | None = None) -> None:
    """Every file of every class, the archives in `kept`, and nothing else."""
    wanted = {f"{each.wnid}/{name}": data for each in classes for name, data in each.files.items()}
    wanted |= kept or {}
    there = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert sorted(there) == sorted(wanted)
    for name, path in there.items():
        assert _digest(path.read_bytes()) == _digest(wanted[name]), name
    assert not (out / ".haulier").exists()


def _kept(classes: list[Class]) -> dict[str, bytes]:
    """What came and could not be extracted stays."""
    return {f"{each.wnid}.tar": each.served for each in classes if each.served}


def _site(classes: list[Class]) -> Site:
    site = Site()
    for each in classes:
        name = f"{each.wnid}.tar"
        site.files[name] = each.served or each.archive
        site.faults[name] = list(each.faults)
        if each.status:
            site.refused[name] = each.status
    return site


def _mend(site: Site, classes: list[Class]) -> None:
    site.mend()
    site.files |= {f"{each.wnid}.tar": each.archive for each in classes if each.served}


def _csv(classes: list[Class], path: Path) -> Path:
    """As people have it: a BOM, CRLF, other columns with quotes and commas, a blank line, and one id twice."""
    rows = ["words,wnid,count", *(f'"class, {n}",{each.wnid},{n}' for n, each in enumerate(classes))]
    rows.insert(5, "")
    rows.append(f"again,{classes[1].wnid},1")
    path.write_text("".join(f"{row}\r\n" for row in rows), encoding="utf-8-sig", newline="")
    return path


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
