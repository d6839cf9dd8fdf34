"""What the board and the folders say of a job on its way: bars of their own, no share of an unknown total, and
who holds it up."""

from __future__ import annotations

import msgspec

from core.messages import FolderPage, ListFolders
from core.model import Counts, FolderView, JobState, PairResult, Tally
from tests.app.driving import running, samples, text_of, until
from tests.app.recorded import MIB, NOW, TIB, RecordedClient, a_job, a_snapshot, recorded_jobs
from tests.app.test_screens import asked
from tui.screens.board import BoardScreen
from tui.screens.folders import FoldersScreen
from tui.widgets.folder_table import FolderTable
from tui.widgets.job_head import deletion_line, listing_line
from tui.widgets.spans import Span, width_of


def said(line: list[Span]) -> str:
    return "".join(text for text, _ in line)


def test_a_listing_has_no_share() -> None:
    """While it goes on there is a number that grows, and never a percentage or a filled bar."""
    for counts, words in (
        (Counts(listing=True, listed=120_000), "≥ 120 000 files, still listing"),
        (Counts(listing=True, listed=7, expected=9), "≥ 7 of about 9 files, still listing"),
    ):
        line = listing_line(counts, 80)
        assert words in said(line)
        assert "%" not in said(line)
        assert "━" not in said(line)
        assert width_of(line) <= 80


def test_deletions_have_a_bar_of_their_own() -> None:
    line = deletion_line(Counts(deleted=206, to_delete=412, files_done=5), 80)
    assert "206/412 deleted" in said(line)
    assert 15 < said(line).count("━") < 40
    assert width_of(line) <= 80


async def test_the_board_names_the_bottleneck() -> None:
    """One line, made safe, as soon as the engine is sure of it."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))
        sample = next(iter(samples(1)))
        words = "the server: 71 % of the time is waiting for its first byte\x1b[2J"
        jobs = (msgspec.structs.replace(sample.jobs[0], bottleneck=words), *sample.jobs[1:])
        client.say(msgspec.structs.replace(sample, jobs=jobs))
        await until(pilot, lambda: "held up by the server: 71 % of the time is waiting" in text_of(app))
        client.say(sample)
        await until(pilot, lambda: "held up by" not in text_of(app))


def level(ask: ListFolders) -> FolderPage:
    """Two sources, the first with a folder in a folder."""
    if ask.pair < 0:
        rows = tuple(
            FolderView(
                pair=n, name=f"prod:logs-{n}/", files_total=10, files_done=5, bytes_total=MIB, bytes_done=9
            )
            for n in range(2)
        )
        return FolderPage(folders=rows, pair=-1)
    folder = FolderView(pair=0, name="k[b]/", prefix=f"{ask.prefix}k[b]/", files_total=4, files_done=4)
    files = FolderView(pair=0, name="", prefix=ask.prefix, files_total=2, files_failed=1)
    return FolderPage(folders=(files, folder), pair=0)


async def test_folders_level_by_level() -> None:
    """`o` opens them, Enter goes deeper, Backspace up again; the files of a folder are no folder."""
    client = RecordedClient()
    client.answers[ListFolders] = level
    async with running(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))
        await pilot.press("o")
        await until(pilot, lambda: "prod:logs-1/" in text_of(app))
        assert isinstance(app.screen, FoldersScreen)
        await pilot.press("enter")
        await until(pilot, lambda: "(files here)" in text_of(app))
        assert "k[b]/" in text_of(app)
        await pilot.press("enter")  # on the files: stays
        await pilot.press("down", "enter")
        await until(pilot, lambda: asked(client, ListFolders)[-1].prefix == "k[b]/")
        await pilot.press("backspace", "backspace")
        await until(pilot, lambda: "prod:logs-1/" in text_of(app))
        assert len(app.screen.query_one(FolderTable).rows) == 2
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))


async def test_the_summary_of_several_pairs_names_each() -> None:
    """In the app as on the command line: a line for each source, with what came of it."""
    pair = recorded_jobs()[0].spec.pairs[0]
    results = tuple(
        PairResult(
            source=pair.source, target=pair.target, done=Tally(count=n, bytes=n * MIB), failed=Tally(count=n)
        )
        for n in (31, 17)
    )
    job = msgspec.structs.replace(
        a_job(9, JobState.PARTIAL, "two", finished=NOW, counts=Counts(files_done=48, bytes_done=TIB)),
        results=results,
    )
    async with running(RecordedClient(a_snapshot(jobs=(job,))), size=(100, 40)) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "✓ 31" in text_of(app))
        assert "✓ 17  ⊘ 0  ✗ 17  17.0 MiB" in text_of(app)
