"""The state of the screens: what each message changes, and what must never be mixed up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import (
    ConnectionsChanged,
    Draining,
    Hello,
    JobChanged,
    JobForgotten,
    Noticed,
    Progress,
)
from core.model import Counts, JobProgress, JobState, Level, Notice
from tests.app.recorded import a_job, a_snapshot, recorded_jobs, recorded_progress
from tui.state import (
    KEPT_NOTICES,
    KEPT_RATES,
    Attached,
    Heard,
    Link,
    Lost,
    Starting,
    ViewState,
    reduce,
    reduce_all,
    with_older,
)

HELLO = Hello(protocol=1, build="b", pid=1, boot_id="one")


def attached(**changes: Any) -> ViewState:
    return reduce(ViewState(), Attached(HELLO, a_snapshot(**changes), 100.0))


def test_a_snapshot_becomes_the_state() -> None:
    """Jobs, connections and notices of the snapshot are shown, and the line counts as up."""
    view = attached()
    assert view.link is Link.UP
    assert [job.id for job in view.jobs] == [7, 6, 5, 4, 3, 2]
    assert view.seq == 10
    assert [connection.name for connection in view.connections] == ["dr", "prod"]


def test_events_in_order_are_applied() -> None:
    """A job's change, a new job, a forgotten one, a notice and connections each change just their part."""
    changed = msgspec.structs.replace(recorded_jobs()[0], state=JobState.PAUSED)
    notice = Notice(at=1.0, level=Level.INFO, text="hello")
    view = reduce_all(
        attached(),
        [
            Heard(JobChanged(seq=11, job=changed), 101.0),
            Heard(JobChanged(seq=12, job=a_job(8, JobState.PLANNING, "new")), 101.0),
            Heard(JobForgotten(seq=13, job=2), 101.0),
            Heard(Noticed(seq=14, notice=notice), 101.0),
            Heard(ConnectionsChanged(seq=15, connections=()), 101.0),
            Heard(Draining(seq=16), 101.0),
        ],
    )
    assert [job.id for job in view.jobs] == [8, 7, 6, 5, 4, 3]
    assert view.jobs[1].state is JobState.PAUSED
    assert view.notices[-1] == notice
    assert view.connections == ()
    assert view.draining
    assert view.seq == 16
    assert not view.gap


def test_an_event_seen_twice_changes_nothing() -> None:
    """Events that a snapshot already contains are ignored."""
    view = attached()
    assert reduce(view, Heard(JobForgotten(seq=10, job=7), 101.0)) == view


def test_a_gap_is_noticed_and_a_snapshot_mends_it() -> None:
    """After a missed event nothing more is applied until a new snapshot is there, even with equal numbers."""
    view = reduce(attached(), Heard(JobForgotten(seq=12, job=7), 101.0))
    assert view.gap
    assert view.job(7) is not None
    view = reduce(view, Heard(JobForgotten(seq=13, job=6), 101.0))
    assert view.job(6) is not None
    view = reduce(view, Attached(HELLO, a_snapshot(seq=13, jobs=()), 102.0))
    assert not view.gap
    assert view.seq == 13


def test_an_old_snapshot_does_not_undo_newer_events() -> None:
    """Asking for other worker rows gives a snapshot that may be older than events already seen."""
    view = reduce(attached(), Heard(JobForgotten(seq=11, job=7), 101.0))
    view = reduce(view, Attached(HELLO, a_snapshot(seq=10), 102.0))
    assert view.job(7) is None
    assert view.seq == 11


def test_another_engine_starts_from_its_own_numbers() -> None:
    """A new boot id means a new count of events, even when its numbers are lower."""
    view = reduce(attached(), Heard(recorded_progress(), 101.0))
    other = msgspec.structs.replace(HELLO, boot_id="two")
    view = reduce(view, Attached(other, a_snapshot(seq=1, jobs=(a_job(7, JobState.PAUSED, "t"),)), 102.0))
    assert view.seq == 1
    assert [job.id for job in view.jobs] == [7]
    assert not view.progress


def test_progress_is_kept_for_moving_jobs_only() -> None:
    """Samples of a job that stopped are dropped, so its own last numbers are shown."""
    view = reduce(attached(), Heard(recorded_progress(), 101.0))
    job = view.job(7)
    assert job is not None
    assert view.live(job) is not None
    paused = msgspec.structs.replace(job, state=JobState.PAUSED, counts=Counts(files_done=5))
    view = reduce(view, Heard(JobChanged(seq=11, job=paused), 102.0))
    assert view.live(paused) is None
    assert view.counts(paused).files_done == 5
    late = Progress(at=0, jobs=(JobProgress(job=7, state=JobState.RUNNING, counts=Counts()),))
    view = reduce(view, Heard(late, 103.0))
    assert 7 not in view.progress


def test_histories_are_bounded() -> None:
    """A night of samples and notices takes no more memory than the screen can show."""
    view = attached()
    for number in range(KEPT_RATES + 50):
        view = reduce(view, Heard(msgspec.structs.replace(recorded_progress(1), rate=float(number)), 101.0))
    assert len(view.rates) == KEPT_RATES
    assert view.rates[-1] == KEPT_RATES + 49
    assert len(view.job_rates[7]) == KEPT_RATES
    for number in range(KEPT_NOTICES + 50):
        event = Noticed(seq=11 + number, notice=Notice(at=0, level=Level.INFO, text=str(number)))
        view = reduce(view, Heard(event, 101.0))
    assert len(view.notices) == KEPT_NOTICES


def test_away_stale_paused_and_other_build_are_four_things() -> None:
    """Each has its own flag, and none is derived from another."""
    view = attached()
    assert view.silent_for(101.0) == 0
    assert view.silent_for(105.0) == pytest.approx(5.0)
    assert view.link is Link.UP
    assert view.other_build("mine") == "b"
    away = reduce(view, Lost("gone", retry_at=110.0))
    assert away.link is Link.AWAY
    assert away.silent_for(200.0) == 0
    idle = attached(jobs=(a_job(1, JobState.PAUSED, "t"),))
    assert idle.silent_for(200.0) == 0


def test_nothing_is_live_while_the_engine_is_away() -> None:
    """Rates and workers vanish at once when the line breaks; jobs stay readable; a late sample is ignored."""
    view = reduce(attached(), Heard(recorded_progress(), 101.0))
    view = reduce(view, Lost("gone", retry_at=110.0))
    job = view.job(7)
    assert job is not None
    assert view.live(job) is None
    assert view.workers == ()
    assert view.rate == 0
    assert reduce(view, Heard(recorded_progress(), 102.0)) == view
    assert reduce(view, Starting()).link is Link.STARTING


def test_the_clock_runs_only_while_the_job_does() -> None:
    """Time at work counts on from what the engine told, and stands still in a pause."""
    sample = recorded_progress()
    at_work = msgspec.structs.replace(sample.jobs[0], active_seconds=2480.0)
    view = reduce(attached(), Heard(msgspec.structs.replace(sample, jobs=(at_work,)), 108.0))
    running, paused = view.job(7), view.job(6)
    assert running is not None
    assert paused is not None
    assert view.running_seconds(running, 110.0) == pytest.approx(2482.0)
    assert view.running_seconds(paused, 110.0) == pytest.approx(2472.0)
    assert reduce(view, Lost("gone")).running_seconds(running, 110.0) == pytest.approx(2480.0)


def test_older_jobs_do_not_replace_newer_knowledge() -> None:
    """A page of old jobs is merged in order; what is known already stays as it is, also over a resnapshot."""
    view = with_older(attached(), [a_job(1, JobState.COMPLETED, "old"), a_job(7, JobState.FAILED, "stale")])
    assert [job.id for job in view.jobs] == [7, 6, 5, 4, 3, 2, 1]
    assert view.jobs[0].state is JobState.RUNNING
    again = reduce(view, Attached(HELLO, a_snapshot(seq=11), 102.0))
    assert [job.id for job in again.jobs] == [7, 6, 5, 4, 3, 2, 1]


@given(st.lists(st.integers(min_value=1, max_value=30), max_size=40))
def test_the_sequence_never_runs_ahead_of_what_was_heard(numbers: list[int]) -> None:
    """Whatever the order of events, the state's number is that of the last event in an unbroken row."""
    view = attached()
    expected = 10
    whole = True
    for number in numbers:
        view = reduce(view, Heard(Draining(seq=number), 101.0))
        if whole and number == expected + 1:
            expected += 1
        elif whole and number > expected + 1:
            whole = False
    assert view.seq == expected
    assert view.gap is not whole
