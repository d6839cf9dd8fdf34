"""News of a job's end: said once, to the right terminal, and no text from outside can say more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest

from core.messages import JobChanged, Snapshot
from core.model import Counts, JobState, JobView
from tests.app.driving import running, until
from tests.app.recorded import RecordedClient, a_snapshot
from tests.hostile_names import HOSTILE
from tui.notifying import BEL, EndTeller, enveloped, known_code, sentence, sequence
from tui.state import Attached, Heard, Link, ViewState, reduce_all

ESC = "\x1b"


def snapshot_job(snapshot: Snapshot, state: JobState) -> JobView:
    return next(job for job in snapshot.jobs if job.state is state)


def teller(ways: str = "app,bell", environ: Mapping[str, str] | None = None) -> EndTeller:
    return EndTeller(lambda: ways, environ or {})


def a_view(*jobs: JobView, link: Link = Link.UP) -> ViewState:
    return replace(ViewState(), jobs=jobs, link=link)


def a_job(state: JobState, number: int = 7, **changes: object) -> JobView:
    job = snapshot_job(a_snapshot(), JobState.RUNNING)
    return msgspec.structs.replace(job, **{"id": number, "state": state, "title": "a → b", **changes})


def test_what_is_news() -> None:
    """An end and a stop that can be mended are news once; what was so when this screen came, and what a person
    did, is none."""
    running_, done = a_job(JobState.RUNNING), a_job(JobState.COMPLETED)
    one = teller()
    assert one.news(a_view(link=Link.CONNECTING), a_view(done)) == ()
    assert one.news(a_view(running_), a_view(done)) == (done,)
    assert one.news(a_view(done), a_view(done)) == ()
    assert one.news(a_view(running_), a_view(a_job(JobState.CANCELLED))) == ()
    assert one.news(a_view(running_), a_view(a_job(JobState.PAUSED))) == ()
    blocked = a_job(JobState.BLOCKED)
    assert one.news(a_view(running_), a_view(blocked)) == (blocked,)
    assert one.news(a_view(running_), a_view(blocked)) == ()  # again, soon after


def test_a_job_that_came_and_went_between_two_looks() -> None:
    """A short job is news although this screen never saw it run; an old one that is paged in is none."""
    short, old = a_job(JobState.COMPLETED, 9), a_job(JobState.COMPLETED, 2)
    assert teller().news(a_view(a_job(JobState.RUNNING)), a_view(short, a_job(JobState.RUNNING), old)) == (
        short,
    )


def test_an_end_while_the_line_was_down() -> None:
    """The line breaks, the engine comes back with the job done: that is told."""
    before = a_view(a_job(JobState.RUNNING), link=Link.AWAY)
    assert len(teller().news(before, a_view(a_job(JobState.COMPLETED)))) == 1


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({}, ""),
        ({"TERM": "xterm-256color"}, ""),
        ({"TERM": "alacritty"}, ""),
        ({"TERM": "linux"}, ""),
        ({"TERM": "xterm-kitty"}, "osc9"),
        ({"TERM": "xterm-ghostty"}, "osc9"),
        ({"TERM": "foot-extra"}, "osc777"),
        ({"TERM": "rxvt-unicode-256color"}, "osc777"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "osc9"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "osc9"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, ""),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, ""),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2", "SSH_TTY": "/dev/pts/1"}, "osc9"),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0", "TERM_PROGRAM": "tmux"}, ""),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0", "KITTY_WINDOW_ID": "1"}, "osc9"),
        ({"TERM": "screen", "STY": "1.x", "LC_TERMINAL": "iTerm2"}, "osc9"),
    ],
)
def test_terminals(environ: dict[str, str], code: str) -> None:
    """`osc` sends only what a terminal is known to show; to any other, nothing."""
    assert known_code(environ) == code
    signals = teller("osc", environ).signals(a_job(JobState.COMPLETED))
    assert bool(signals) == bool(code)


@pytest.mark.parametrize(
    ("ways", "signals"),
    [
        ("off", ""),
        ("app", ""),
        ("bell", BEL),
        ("osc9", f"{ESC}]9;haulier: job 7 done: a → b, 1 files, 5 B{BEL}"),
        ("osc777", f"{ESC}]777;notify;haulier;haulier: job 7 done: a → b, 1 files, 5 B{BEL}"),
        ("app,bell,osc", BEL),  # nothing is known of this terminal
    ],
)
def test_ways(ways: str, signals: str) -> None:
    """The setting alone decides what the terminal gets."""
    job = a_job(JobState.COMPLETED, counts=Counts(files_done=1, bytes_done=5))
    assert teller(ways).signals(job) == signals


def test_through_tmux_and_screen() -> None:
    """The envelope as tmux and screen want it: ESC doubled within tmux's."""
    inner = sequence("osc9", "x")
    assert enveloped(inner, {"TMUX": "1"}) == f"{ESC}Ptmux;{ESC}{ESC}]9;x{BEL}{ESC}\\"
    assert enveloped(inner, {"STY": "1"}) == f"{ESC}P{ESC}]9;x{BEL}{ESC}\\"
    assert enveloped(inner, {}) == inner


@pytest.mark.parametrize("code", ["osc9", "osc777"])
@pytest.mark.parametrize(
    "hostile", [*HOSTILE.values(), f"a{BEL}{ESC}]52;c;eA=={BEL}", f"x{ESC}\\y", "\x9c\x9d9;x", "4;1;50", ";;;"]
)
def test_no_text_ends_a_sequence(hostile: str, code: str) -> None:
    """Between the introducer and the one BEL at the end there is nothing that does not print; no number comes
    first in OSC 9; OSC 777 keeps its four fields."""
    for sent in (
        sequence(code, hostile),
        teller(code).signals(a_job(JobState.FAILED, title=hostile, reason=hostile)),
    ):
        assert sent.startswith(f"{ESC}]")
        assert sent.endswith(BEL)
        inside = sent[2:-1]
        assert inside.isprintable()
        if code == "osc777":
            assert inside.count(";") == 3
        else:
            assert not inside.removeprefix("9;")[:1].isdigit()


def test_sentences() -> None:
    """What happened, and why where something went wrong."""
    assert (
        sentence(a_job(JobState.BLOCKED, reason="no room on /data")) == "job 7 blocked: a → b: no room on /data"
    )
    assert sentence(a_job(JobState.FAILED, reason="")) == "job 7 failed: a → b"


async def test_the_screen_says_it() -> None:
    """A message in the app, with hostile names as text; jobs that were done before are not told of."""
    client = RecordedClient()
    async with running(client, size=(120, 40)) as (app, pilot):
        assert not list(app._notifications)
        job = snapshot_job(client.state, JobState.RUNNING)
        ended = msgspec.structs.replace(job, state=JobState.PARTIAL, title="[b]x[/]", reason="3 failed")
        view = app.view
        app._happened([Heard(JobChanged(seq=view.seq + 1, job=ended), 1000.0)])
        await until(pilot, lambda: bool(list(app._notifications)))
        (notice,) = app._notifications
        assert notice.message == f"Job {job.id} partly failed: [b]x[/]: 3 failed"
        assert notice.severity == "warning"


def test_the_first_snapshot_is_no_news() -> None:
    """Opening the screen on an engine with finished jobs rings no bell."""
    client = RecordedClient()
    after = reduce_all(ViewState(), [Attached(client.hello, client.state, 1.0)])
    assert any(job.state.is_final for job in after.jobs)
    assert teller().news(ViewState(), after) == ()
