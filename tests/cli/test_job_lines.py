"""Lines about jobs and workers: what they say and that they fit."""

from __future__ import annotations

import io

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.model import (
    Counts,
    JobKind,
    JobProgress,
    JobSpec,
    JobState,
    JobView,
    Pair,
    PairResult,
    Place,
    Tally,
    WorkerView,
)
from core.safe_text import cell_width
from tui.cli.job_lines import (
    listed,
    marks_for,
    progress_line,
    slow_line,
    summary_fields,
    summary_line,
    summary_lines,
    worker_line,
)
from tui.cli.live import LiveBlock, plain

HERE = Place(kind="local", path="/x/")


def job(state: JobState, counts: Counts) -> JobView:
    spec = JobSpec(kind=JobKind.COPY, pairs=(Pair(source=HERE, target=HERE),))
    return JobView(id=7, spec=spec, state=state, title="", counts=counts, active_seconds=12.4)


@given(
    st.integers(20, 300),
    st.text(alphabet=st.characters()),
    st.integers(0, 10_000),
    st.integers(0, 2**45),
    st.text(),
)
def test_worker_line_fits(width: int, key: str, part: int, size: int, note: str) -> None:
    """A worker's line is never wider than the terminal and holds nothing a terminal obeys."""
    view = WorkerView(
        index=49, key=key, part=part, parts=part, done=size // 2, size=size, rate=1e9, attempt=3, note=note
    )
    line = worker_line(view, width)
    assert cell_width(line) <= width
    assert "\x1b" not in line
    assert "\n" not in line


def test_progress_says_what_is_known() -> None:
    """While the listing goes on totals are at-least, and no end is promised; later there is one."""
    counts = Counts(listing=True, files_done=312, files_total=5040, bytes_done=2**30, bytes_total=2**32)
    running = job(JobState.RUNNING, counts)
    progress = JobProgress(job=7, state=JobState.RUNNING, counts=counts, rate=2.0**20)
    line = progress_line(running, progress)
    assert line == "job 7 running: 312/≥5 040 files · 1.0 GiB/≥4.0 GiB · 1.0 MiB/s · listing"
    counts = Counts(files_done=1, files_total=2, bytes_total=10, files_failed=1, to_delete=3, retries=2)
    progress = JobProgress(
        job=7, state=JobState.RUNNING, counts=counts, eta_low=30, eta_high=90, waiting="network away\x1b"
    )
    assert progress_line(running, progress) == (
        "job 7 running: 1/2 files · 0 B/10 B · 0 B/s · 30 s – 1 min 30 s left · 0/3 deleted · 1 failed"
        " · 2 retries · network away␛"
    )


def test_sizes_that_nobody_knows() -> None:
    """Of a list: bytes are at least, no end is promised, and a worker shows what came without a share."""
    counts = Counts(files_done=2, files_total=5, bytes_done=2048, bytes_total=2048, files_unsized=3)
    progress = JobProgress(job=7, state=JobState.RUNNING, counts=counts, eta_low=30)
    line = progress_line(job(JobState.RUNNING, counts), progress)
    assert line == "job 7 running: 2/5 files · 2.0 KiB/≥2.0 KiB (3 of unknown size) · 0 B/s · ≥ 30 s left"
    planning = job(JobState.PLANNING, Counts(files_total=5, files_unsized=5))
    assert progress_line(planning, None).endswith("5 files, size not known beforehand to do")
    worker = worker_line(WorkerView(index=0, key="n01.tar", done=2048, size=-1), 80)
    assert "2.0 KiB" in worker
    assert "%" not in worker
    assert "%" not in worker_line(WorkerView(index=0, key="n01.tar", done=2048, size=-1), 24)


def test_summary() -> None:
    """The summary block in one line, with deletions and proofs where there are any."""
    counts = Counts(files_done=5012, files_skipped=3, files_total=5012, bytes_done=1288490189)
    assert summary_line(job(JobState.COMPLETED, counts)) == (
        "✓ Success 5012 / ⊘ Skipped 3 / ✗ Failed 0 / Total 5015 — 1.2 GiB in 00:00:12 (99.1 MiB/s)"
    )


def test_the_summary_of_several_pairs() -> None:
    """A line for each pair, then the total; in JSON the same as a list."""
    counts = Counts(files_done=3, files_skipped=1, files_failed=1, files_total=4, bytes_done=3)
    pairs = (
        PairResult(source=HERE, target=HERE, done=Tally(count=3, bytes=3), deleted=2),
        PairResult(source=HERE, target=HERE, failed=Tally(count=1), skipped=Tally(count=1)),
    )
    ended = msgspec.structs.replace(job(JobState.PARTIAL, counts), results=pairs, active_seconds=0.2)
    assert summary_lines(ended) == [
        "  /x/ → /x/: ✓ Success 3 / ⊘ Skipped 0 / ✗ Failed 0 / Total 3 — 3 B, deleted 2",
        "  /x/ → /x/: ✓ Success 0 / ⊘ Skipped 1 / ✗ Failed 1 / Total 2 — 0 B",
        "✓ Success 3 / ⊘ Skipped 1 / ✗ Failed 1 / Total 5 — 3 B in 00:00:00",
    ]
    fields = summary_fields(ended)
    assert list(fields)[:7] == ["job", "success", "skipped", "failed", "total", "bytes", "seconds"]
    both = fields["pairs"]
    assert isinstance(both, list)
    assert [each["failed"] for each in both] == [0, 1]


def test_the_summary_where_the_terminal_has_no_such_signs() -> None:
    """A Latin-1 terminal gets plain letters instead of a crash or escapes."""
    counts = Counts(files_done=2, files_total=2)
    line = summary_line(job(JobState.COMPLETED, counts), marks_for("iso8859-1"))
    assert line == "+ Success 2 / o Skipped 0 / x Failed 0 / Total 2 - 0 B in 00:00:12"
    assert line.isascii()
    assert marks_for("utf-8").success == "✓"


def test_a_listing_is_counted_and_never_a_share() -> None:
    """Three states: still listing, still listing with an estimate, known."""
    assert listed(Counts(listing=True, listed=120_000)) == "≥ 120 000 files, still listing"
    estimated = Counts(listing=True, listed=120_000, expected=1_200_000)
    assert listed(estimated) == "≥ 120 000 of about 1 200 000 files, still listing"
    assert listed(Counts(listing=True, listed=130, expected=120)) == "≥ 130 files, still listing"
    assert listed(Counts(listed=130, expected=120)) == "130 files"
    line = progress_line(job(JobState.PLANNING, estimated), None)
    assert line == "job 7 planning: ≥ 120 000 of about 1 200 000 files, still listing · ≥ 0 files, ≥ 0 B to do"
    assert "%" not in line


def test_the_bottleneck_is_said_once_it_is_known() -> None:
    """In words, made safe; nothing where nothing is clear."""
    progress = JobProgress(job=7, state=JobState.RUNNING, counts=Counts(), bottleneck="the server\x1b: 71%")
    assert slow_line(progress) == "held up by the server␛: 71%"
    assert slow_line(JobProgress(job=7, state=JobState.RUNNING, counts=Counts())) == ""


def test_block_is_drawn_over_itself() -> None:
    """A frame goes up by the lines of the last one, erases line ends and what is below, in one piece."""
    stream = io.StringIO()
    stream.fileno = lambda: -1  # type: ignore[method-assign]
    block = LiveBlock(stream)
    block.draw([plain("one"), plain("two")])
    block.draw([plain("three")])
    block.clear()
    assert (
        stream.getvalue() == "\rone\x1b[K\r\ntwo\x1b[K\r\n\x1b[J\x1b[2A\rthree\x1b[K\r\n\x1b[J\x1b[1A\r\x1b[J"
    )
