"""Few words about jobs: counts, bytes, ETA, titles, banners, the last word on the terminal."""

from __future__ import annotations

import msgspec
import pytest

from core.messages import Hello
from core.model import Counts, JobProgress, JobState
from core.safe_text import cell_width
from tests.app.recorded import GIB, HOSTILE, TIB, a_job, a_snapshot, recorded_jobs, recorded_progress
from tui.failures import failure_line
from tui.goodbye import goodbye
from tui.job_words import bytes_of, eta_of, files_of, in_unit_of, is_verified, rate_or_word, title_of
from tui.names import short_name
from tui.state import Attached, Heard, Lost, ViewState, reduce
from tui.widgets.banner import notes_of
from tui.widgets.curve import bar, buckets, curve

HELLO = Hello(protocol=1, build="b", pid=1, boot_id="one")


def view_of(*jobs: JobState) -> ViewState:
    made = tuple(a_job(len(jobs) - i, state, f"job {state}") for i, state in enumerate(jobs))
    return reduce(ViewState(), Attached(HELLO, a_snapshot(jobs=made), 100.0))


def said(notes: list[tuple[tuple[str, str], ...]]) -> str:
    return "\n".join("".join(text for text, _ in note) for note in notes)


def test_totals_that_still_grow_say_so() -> None:
    """While the listing goes on, totals carry ≥ and there is no finished look."""
    counts = Counts(listing=True, files_done=10, files_total=10, bytes_done=GIB, bytes_total=GIB)
    assert files_of(counts, roomy=True) == "10/≥10"
    assert bytes_of(counts, roomy=True) == "1.0/≥1.0 GiB"


def test_bytes_share_a_unit_where_room_is_short() -> None:
    """In a narrow table both numbers are in the unit of the total; a little is not written as nothing."""
    counts = Counts(bytes_done=922 * GIB, bytes_total=2 * TIB)
    assert bytes_of(counts, roomy=True) == "922 GiB/2.0 TiB"
    assert bytes_of(counts, roomy=False) == "0.9/2.0 TiB"
    assert in_unit_of(GIB, 2 * TIB) == "<0.1"
    assert bytes_of(Counts(bytes_done=TIB, bytes_total=TIB), roomy=False) == "1.0 TiB"
    assert files_of(Counts(files_done=41_022, files_total=1_216_339), roomy=False) == "41k/1.2M"


@pytest.mark.parametrize(
    ("low", "high", "listing", "words"),
    [
        (-1, -1, False, "–"),
        (-1, -1, True, "listing"),
        (4800, 6600, True, "≥ 1 h 20"),
        (4800, 4800, False, "1 h 20"),
        (4800, 6600, False, "1 h 20 – 1 h 50"),
        (40, 40, False, "40 s"),
        (70, 200, False, "1 min – 3 min"),
        (100, 130, False, "~ 2 min"),
    ],
)
def test_an_eta_is_a_range_while_it_is_one(low: float, high: float, listing: bool, words: str) -> None:
    """Known, still listing, a range: three states that read differently."""
    progress = JobProgress(job=1, state=JobState.RUNNING, counts=Counts(), eta_low=low, eta_high=high)
    assert eta_of(progress, Counts(listing=listing), roomy=True) == words


def test_a_range_short_of_room_fits_its_column() -> None:
    """About the middle, never to the second, in ten cells."""
    for low, high, words in (
        (70, 200, "~ 2 min"),
        (4800, 6600, "~ 1 h 35"),
        (3, 50, "~ 26 s"),
        (9e4, 2e5, "~ 1 d 16 h"),
    ):
        progress = JobProgress(job=1, state=JobState.RUNNING, counts=Counts(), eta_low=low, eta_high=high)
        assert eta_of(progress, Counts(), roomy=False) == words
        assert len(words) <= 10


def test_verified_is_said_only_of_what_was() -> None:
    """One file checked by its size only takes the word away."""
    job = a_job(1, JobState.COMPLETED, "t", proofs=(("etag-md5", 5),))
    assert is_verified(job)
    assert not is_verified(msgspec.structs.replace(job, proofs=(("etag-md5", 5), ("size only", 1))))
    assert not is_verified(msgspec.structs.replace(job, proofs=()))


def test_no_rate_is_shown_when_nothing_can_move() -> None:
    """Paused, blocked and an absent engine are words, never a rate."""
    view = reduce(reduce(ViewState(), Attached(HELLO, a_snapshot(), 100.0)), Heard(recorded_progress(), 100.0))
    words = {job.id: rate_or_word(view, job)[0] for job in view.jobs}
    assert words == {7: "412 MiB/s", 6: "paused", 5: "blocked", 4: "verified", 3: "2 failed", 2: "cancelled"}
    away = reduce(view, Lost("gone"))
    assert {job.id: rate_or_word(away, job)[0] for job in away.jobs if not job.state.is_final} == {
        7: "no engine",
        6: "no engine",
        5: "no engine",
    }


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("width", [1, 5, 12, 30, 80])
def test_short_names_fit_and_print(name: str, width: int) -> None:
    """Whatever a name holds, what is shown is printable and not wider than asked for."""
    for shown in (short_name(name, width), title_of(f"{name} → {name}", max(width, 8))):
        assert shown.isprintable()
        assert cell_width(shown) <= max(width, 8)


def test_a_narrow_title_keeps_both_sides() -> None:
    """Short of room, source and target both keep a recognisable end."""
    assert title_of("prod:logs-app, logs-edge → dr:", 18).endswith("edge → dr:")
    shown = title_of("lake:corpus-of-everything → /data/corpus", 21)
    assert cell_width(shown) == 21
    assert "hing → " in shown
    assert shown.endswith("corpus")


def test_failures_are_summed_up_honestly() -> None:
    """All errors known: counted. A sample: said as mostly, without numbers that were not counted."""
    whole = "".join(text for text, _ in failure_line(["403", "403", "gone"], 3, 80))
    assert whole.startswith("✗ 3 failed: 2 × 403, 1 × gone")
    sample = "".join(text for text, _ in failure_line(["403"] * 200, 5000, 80))
    assert sample.startswith("✗ 5 000 failed: mostly 403")
    assert failure_line([], 0, 80) == ()


def test_banners() -> None:
    """Nothing is said when all is well; each trouble has its own words."""
    view = view_of(JobState.RUNNING)
    assert notes_of(view, "b", 101.0) == []
    assert "No news for 6 s" in said(notes_of(view, "b", 106.0))
    assert "of another build: b, this screen is c" in said(notes_of(view, "c", 101.0))
    away = said(notes_of(reduce(view, Lost("No engine is running", retry_at=104.0)), "b", 101.0))
    assert "Engine gone. Jobs are safe in the journal. F5 starts it again" in away
    assert "looking again in 3 s" in away
    assert "No news" not in away


def test_the_last_word() -> None:
    """Leaving says what goes on without the screen and how to come back."""
    working = goodbye(view_of(JobState.RUNNING))
    assert working == "The engine keeps working (job 1). `haulier` brings you back."
    assert "jobs 1, 2" in goodbye(view_of(JobState.RUNNING, JobState.RUNNING))
    assert "job 1 is blocked" in goodbye(view_of(JobState.BLOCKED))
    assert goodbye(view_of(JobState.COMPLETED)).startswith("The engine is idle.")
    assert "No engine is running" in goodbye(reduce(view_of(JobState.RUNNING), Lost("gone")))


def test_the_curve_and_the_bar() -> None:
    """The curve never is wider than asked for and its peak is a full block; the bar always has its width."""
    samples = [float(n) for n in range(600)]
    assert len(buckets(samples, 50)) == 50
    lines = curve(samples, 50, 3)
    assert [len(line) for line in lines] == [50, 50, 50]
    assert lines[0][-1] == "█"
    assert curve([], 10) == [" " * 10]
    assert curve([0.0, 0.0], 4) == ["    "]
    for done in (0, 1, 50, 99, 100, 200):
        filled, rest = bar(done, 100, 10)
        assert len(filled) + len(rest) == 10
    assert recorded_jobs()
