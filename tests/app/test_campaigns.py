"""Batches, disks, lists and the system check under a keyboard."""

from __future__ import annotations

from typing import Any

import msgspec
from textual.pilot import Pilot

from core.errors import Code, HaulierError
from core.messages import (
    CheckSystem,
    ContinueCampaign,
    DiskList,
    DropDisk,
    FindOnDisks,
    GetCampaign,
    JobChanged,
    ListBatchFiles,
    PauseJob,
    PlanJob,
    ReadList,
)
from core.model import BatchAsk, BatchState, JobKind, JobOptions, JobState, Place
from tests.app.driving import running, text_of, until
from tests.app.recorded import RecordedClient
from tests.app.recorded_hub import CAMPAIGN, DISKS, a_batch, a_campaign, campaign_job, hub_client, mover
from tui.app import HaulierApp
from tui.screens.analysis import AnalysisScreen
from tui.screens.ask import QuestionScreen
from tui.screens.board import BoardScreen
from tui.screens.campaign import CampaignScreen
from tui.screens.check import CheckScreen
from tui.screens.disk_files import DiskFilesScreen
from tui.screens.disk_refused import DiskRefusedScreen
from tui.screens.disks import DisksScreen
from tui.screens.file import FileScreen
from tui.screens.folder import FolderScreen
from tui.screens.new_job import NewJob
from tui.screens.options import OptionsScreen
from tui.screens.places import PlacesScreen
from tui.screens.urls import UrlsScreen

HERE = Place(kind="local", path="/data/")
DISK = Place(kind="local", path="/mnt/disk/corpus/")


def campaign_client() -> RecordedClient:
    return hub_client(jobs=(mover(), campaign_job()))


def asked(client: RecordedClient, kind: type) -> list[Any]:
    return [ask for ask in client.asked if isinstance(ask, kind)]


async def open_campaign(app: HaulierApp, pilot: Pilot[None]) -> CampaignScreen:
    """From the list of jobs, where it stands below the job that moves a batch."""
    await until(pilot, lambda: "batches" in text_of(app))
    await pilot.press("home", "down", "enter")
    await until(pilot, lambda: isinstance(app.screen, CampaignScreen) and "safe to remove" in text_of(app))
    assert isinstance(app.screen, CampaignScreen)
    return app.screen


async def test_the_list_of_jobs_leads_to_the_batches_and_from_there_to_the_board() -> None:
    """A campaign opens as batches; the batch's own job as a board."""
    async with running(campaign_client()) as (app, pilot):
        assert f"#{CAMPAIGN} batch 2" in text_of(app)
        await open_campaign(app, pilot)
        assert "moving 37 %" in text_of(app)
        await pilot.press("down", "b")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))


async def test_p_on_a_campaign_is_for_the_batch_that_moves() -> None:
    """On the list of jobs: it pauses the campaign, whose batch's job then rests; pressed again, the batch is
    continued, which looks at the disk first. With no batch under way the key does nothing."""
    client = campaign_client()
    async with running(client) as (app, pilot):
        await until(pilot, lambda: "batches" in text_of(app))
        await pilot.press("home", "down", "p")
        await until(pilot, lambda: asked(client, PauseJob) == [PauseJob(job=CAMPAIGN)])
        client.say(JobChanged(seq=11, job=msgspec.structs.replace(mover(), state=JobState.PAUSED)))
        await until(pilot, lambda: "p resume" in text_of(app))
        await pilot.press("p")
        await until(pilot, lambda: asked(client, ContinueCampaign) == [ContinueCampaign(job=CAMPAIGN, batch=2)])
    client = hub_client(jobs=(campaign_job(),))
    async with running(client) as (app, pilot):
        await until(pilot, lambda: "batches" in text_of(app))
        await pilot.press("p")
        await pilot.pause(0.1)
    assert not asked(client, PauseJob)


async def test_a_disk_is_dropped_after_a_question() -> None:
    """`x` asks and says what it means; Esc keeps it, `y` takes it out and shows what is left."""
    client = hub_client()
    client.answers[DropDisk] = lambda ask: DiskList(disks=tuple(one for one in DISKS if one.id != ask.disk))
    async with running(client) as (app, pilot):
        await pilot.press("D")
        await until(pilot, lambda: DISKS[0].id in text_of(app))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        await until(pilot, lambda: "Nothing on the disk is" in text_of(app))
        await pilot.press("escape", "x")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        assert not asked(client, DropDisk)
        await pilot.press("y")
        await until(pilot, lambda: asked(client, DropDisk) == [DropDisk(disk=DISKS[0].id)])
        await until(pilot, lambda: isinstance(app.screen, DisksScreen) and DISKS[0].id not in text_of(app))


async def test_a_batch_is_moved_to_the_folder_that_is_asked_for() -> None:
    """`c` asks where the disk is; Esc there moves nothing, Enter moves exactly that batch."""
    client = campaign_client()
    async with running(client) as (app, pilot):
        campaign = await open_campaign(app, pilot)
        await pilot.press("down", "down", "c")
        await until(pilot, lambda: isinstance(app.screen, FolderScreen) and "batch 3" in text_of(app))
        await pilot.press("escape")
        assert not asked(client, ContinueCampaign)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, FolderScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is campaign and bool(asked(client, ContinueCampaign)))
        assert asked(client, ContinueCampaign) == [ContinueCampaign(job=CAMPAIGN, batch=3, target=DISK)]


async def test_a_wrong_disk_is_refused_in_the_engines_words_and_sharing_is_a_second_choice() -> None:
    """Enter takes nothing; only the key of the named way asks again, and only the way that the engine named."""
    client = campaign_client()

    def refuse(ask: ContinueCampaign) -> Any:
        if ask.share_disk:
            return mover()
        raise HaulierError(
            Code.REFUSED, "/mnt/disk is disk K3F9-A1, which holds batch 1", "swap the disk; or: … --share-disk"
        )

    client.answers[ContinueCampaign] = refuse
    async with running(client) as (app, pilot):
        await open_campaign(app, pilot)
        await pilot.press("down", "down", "c")
        await until(pilot, lambda: isinstance(app.screen, FolderScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DiskRefusedScreen))
        assert "which holds batch 1" in text_of(app)
        await pilot.press("enter", "o", "y")
        assert len(asked(client, ContinueCampaign)) == 1
        await pilot.press("h")
        await until(pilot, lambda: len(asked(client, ContinueCampaign)) == 2)
        assert asked(client, ContinueCampaign)[1].share_disk
        assert not asked(client, ContinueCampaign)[1].other_disk


async def test_a_batch_that_is_safe_is_moved_again_only_after_a_question() -> None:
    """Nothing is done to a verified disk by one key."""
    client = campaign_client()
    async with running(client) as (app, pilot):
        await open_campaign(app, pilot)
        await pilot.press("home", "c")
        await until(pilot, lambda: "Move it once more?" in text_of(app))
        await pilot.press("enter", "escape")
        assert isinstance(app.screen, CampaignScreen)
        assert not asked(client, ContinueCampaign)


async def test_what_is_next_is_said_once_a_disk_may_go() -> None:
    """After a batch is safe: which disk may be removed, what the next one needs, which key."""
    client = campaign_client()
    safe = a_batch(1, BatchState.SAFE, job=13, disk="K3F9-A1", done_at=5.0)
    client.answers[GetCampaign] = lambda _: a_campaign(safe, a_batch(2, BatchState.WAITING))
    async with running(client, size=(120, 40)) as (app, pilot):
        await open_campaign(app, pilot)
        assert "Disk K3F9-A1 may be removed." in text_of(app)
        assert "c moves batch 2" in text_of(app)


async def test_oversized_files_are_named_with_what_would_hold_them() -> None:
    """The line below the batches, and the dialog."""
    async with running(campaign_client()) as (app, pilot):
        await open_campaign(app, pilot)
        assert "2 files are on no disk" in text_of(app)
        await pilot.press("o")
        await until(pilot, lambda: "train/shard-00000.tar" in text_of(app))
        assert "A disk with 1.3 TiB free would hold the largest" in text_of(app)


async def test_the_files_of_a_batch_say_which_disk_has_each() -> None:
    """Read page by page, narrowed by the engine as one types."""
    client = campaign_client()
    async with running(client) as (app, pilot):
        await open_campaign(app, pilot)
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(app.screen, DiskFilesScreen) and "K3F9-A1" in text_of(app))
        assert asked(client, ListBatchFiles)[0].batch == 1
        await pilot.press("slash", *"00299", "enter")
        await until(pilot, lambda: "1 file" in text_of(app) and "shard-00299" in text_of(app))
        assert asked(client, ListBatchFiles)[-1].contains == "00299"


async def test_the_catalogue_finds_a_file_and_verifies_a_disk_by_its_own_manifest() -> None:
    """Which disk holds X, from home; a disk is verified from the folder where it is now, without its source."""
    client = campaign_client()
    async with running(client) as (app, pilot):
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, DisksScreen) and "Q7TT-04" in text_of(app))
        await pilot.press("f", *"00012", "enter")
        await until(pilot, lambda: "shard-00012" in text_of(app))
        assert isinstance(asked(client, FindOnDisks)[-1], FindOnDisks)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DisksScreen))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, FolderScreen))
        await pilot.press("ctrl+u", *"/data/", "enter")
        await until(pilot, lambda: bool(asked(client, PlanJob)))
        spec = asked(client, PlanJob)[0].spec
        assert spec.kind is JobKind.VERIFY
        assert [(pair.source.kind, pair.source.path, pair.target) for pair in spec.pairs] == [
            ("disk", "/data/", HERE)
        ]


async def test_several_disks_are_asked_for_in_the_options_and_open_the_batches() -> None:
    """A space that is none is refused at its field; a right one goes into the spec, and batches come next."""
    client = campaign_client()
    client.answers[PlanJob] = lambda ask: campaign_job()
    async with running(client) as (app, pilot):
        job = NewJob(app)
        job.sources_chosen((Place(kind="hub", connection="hf", bucket="gpt2"),))
        await until(pilot, lambda: isinstance(app.screen, PlacesScreen) and "To where?" in text_of(app))
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, FolderScreen))
        await pilot.press("ctrl+u", *"/data/x", "enter")
        await until(pilot, lambda: isinstance(app.screen, OptionsScreen))
        form = app.screen.form  # type: ignore[attr-defined]
        form.field("disks").control.focus()
        await pilot.press("right", "down", *"much", "enter")
        assert isinstance(app.screen, OptionsScreen)
        assert "like 1TB or 900GiB" in text_of(app)
        await pilot.press("ctrl+u", *"1TB", "down", "ctrl+u", *"0.8", "down", *"5000", "enter")
        await until(pilot, lambda: isinstance(app.screen, CampaignScreen))
        spec = asked(client, PlanJob)[0].spec
        assert spec.batches == BatchAsk(space=10**12, margin=0.8, inodes=5000)


async def test_an_analysis_counts_and_hands_its_wish_for_disks_on() -> None:
    """Sizes, folders, largest files; the wish typed there is found in the options."""
    chosen: list[Any] = []
    async with running(hub_client()) as (app, pilot):
        from tui.draft import Taken

        app.push_screen(AnalysisScreen(Taken((HERE,)), chosen.append))
        await until(pilot, lambda: "256 MiB – 4 GiB" in text_of(app) and "train/" in text_of(app))
        await pilot.press("shift+tab", "right", "down", *"1TB")
        await until(pilot, lambda: "at least 4 disks" in text_of(app))
        await pilot.press("enter")
        assert chosen == [Taken((HERE,), batches=BatchAsk(space=10**12))]


async def test_the_system_check_runs_again_and_of_another_place() -> None:
    """From home with S; `r` asks again; `e` names a place, and a wrong one is refused there."""
    client = hub_client()
    async with running(client) as (app, pilot):
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and "not fit" in text_of(app))
        await pilot.press("r")
        await until(pilot, lambda: len(asked(client, CheckSystem)) == 2)
        await pilot.press("e", "ctrl+u", *"nowhere:b", "enter")
        await until(pilot, lambda: "no connection called" in text_of(app))
        await pilot.press("ctrl+u", *"prod:logs", "down", *"2TiB", "enter")
        await until(pilot, lambda: len(asked(client, CheckSystem)) == 3)
        ask = asked(client, CheckSystem)[-1]
        assert (ask.place.bucket, ask.size) == ("logs", 2 * 1024**4)


async def test_a_list_is_found_previewed_and_taken_with_its_options() -> None:
    """The file by looking for it, the base URL typed, bad lines and doubles named, extract chosen."""
    client, chosen = hub_client(), []

    def take(place: Place, options: JobOptions) -> None:
        chosen.append((place, options))

    async with running(client) as (app, pilot):
        screen = UrlsScreen("new job  ›  source", False, take)
        app.push_screen(screen)
        await until(pilot, lambda: "Which list" in text_of(app))
        await pilot.press(*"/data/", "ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "notes.txt" in text_of(app))
        await pilot.press("n", "tab", "enter")
        await until(pilot, lambda: app.screen is screen and "997 URLs" in text_of(app))
        await pilot.press(*"https://h/{id}.tar", "down", "right", "down", "right")
        await until(pilot, lambda: asked(client, ReadList)[-1].place.url == "https://h/{id}.tar")
        assert "line 412" in text_of(app)
        assert "n01440764, n01443537" in text_of(app)
        await until(pilot, lambda: screen._read_as is not None and screen._read_as.url == "https://h/{id}.tar")
        await pilot.press("enter")
        place = Place(kind="list", path="/data/notes.txt", url="https://h/{id}.tar")
        assert chosen == [(place, JobOptions(extract=True, delete_tar=True))]


async def test_a_list_that_is_none_is_not_taken() -> None:
    """The engine's words stand in the preview; Enter stays."""
    client, chosen = hub_client(), []
    async with running(client) as (app, pilot):
        app.push_screen(UrlsScreen("x", False, lambda *given: chosen.append(given)))
        await until(pilot, lambda: "Which list" in text_of(app))
        await pilot.press(*"/data/broken.csv")
        await until(pilot, lambda: "CSV file must contain 'wnid' column" in text_of(app))
        await pilot.press("enter")
        assert chosen == []


async def test_one_url_is_checked_and_its_signature_is_not_shown() -> None:
    """A URL with a password is refused; a signed one is taken whole, and shown without its query."""
    chosen: list[tuple[Place, JobOptions]] = []
    async with running(hub_client()) as (app, pilot):
        app.push_screen(UrlsScreen("x", True, lambda place, options: chosen.append((place, options))))
        await until(pilot, lambda: "Which URL" in text_of(app))
        await pilot.press(*"https://me:pw@h/x", "enter")
        await until(pilot, lambda: "user name or a password" in text_of(app))
        await pilot.press("ctrl+u", *"https://h/a/x.bin?sig=1", "enter")
        assert [place.url for place, _ in chosen] == ["https://h/a/x.bin?sig=1"]


async def test_a_campaign_that_is_still_planned_says_so_and_moves_nothing() -> None:
    """No batches yet: the listing's number, and `c` does nothing."""
    from core.model import Counts

    job = msgspec.structs.replace(
        campaign_job(), state=JobState.PLANNING, counts=Counts(listing=True, listed=41_022, files_total=9)
    )
    client = hub_client(jobs=(job,))
    client.answers[GetCampaign] = lambda _: msgspec.structs.replace(a_campaign(), batches=(), oversized=())
    async with running(client) as (app, pilot):
        app.open_campaign(CAMPAIGN)
        await until(pilot, lambda: "41 022" in text_of(app))
        await pilot.press("c", "enter")
        assert isinstance(app.screen, CampaignScreen)
        assert not asked(client, ContinueCampaign)
