"""Pictures of the screens for Hubs, lists, batches and disks: what changes here is looked at by a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from core.errors import Code, HaulierError
from core.messages import ConnectionList, ContinueCampaign, GetCampaign, ListRepos, RepoList
from core.model import BatchState, Connection, Counts, JobState, Place, Tally
from tests.app.driving import an_app, text_of, until
from tests.app.recorded import GIB, NOW, RecordedClient, a_job, recorded_connections, recorded_progress
from tests.app.recorded_hub import CAMPAIGN, REPOS, a_batch, a_campaign, campaign_job, hub_client, mover
from tui.draft import Draft, IntoPlace, Taken
from tui.screens.analysis import AnalysisScreen
from tui.screens.browse import BrowseScreen
from tui.screens.campaign import CampaignScreen
from tui.screens.connection_edit import ConnectionEditScreen
from tui.screens.options import OptionsScreen
from tui.screens.repos import RepoPicker
from tui.screens.urls import UrlsScreen
from tui.state import Heard, Link

Compare = Callable[..., bool]
Step = Callable[[Any, Pilot[None], RecordedClient], Awaitable[None]]
CORPUS = Place(kind="hub", connection="hf", bucket="datasets/open/corpus")


def nothing(*_: object) -> None:
    """What is chosen goes nowhere."""


@pytest.fixture(autouse=True)
def still(fixed_clock: None) -> None:
    """All pictures are of one moment."""


async def sources(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await pilot.press("n")
    await until(pilot, lambda: "one URL" in text_of(app))
    await pilot.press("end", "up", "up")


async def repos(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.push_screen(RepoPicker("hf", nothing))
    await until(pilot, lambda: "missing" in text_of(app))
    await pilot.press("1", "comma", "4", "tab", "home", "down")
    await until(pilot, lambda: "marked: " in text_of(app) and "counting" not in text_of(app))


async def no_repos(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    elsewhere = tuple(msgspec.structs.replace(one, connection="other") for one in REPOS)
    client.answers[ListRepos] = lambda _: RepoList(repos=elsewhere)
    app.push_screen(RepoPicker("hf", nothing))
    await until(pilot, lambda: "No repositories kept yet" in text_of(app))


async def repo_edit(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await no_repos(app, pilot, client)
    await pilot.press("a")
    await until(pilot, lambda: "Keep a repository" in text_of(app))
    await pilot.press(*"typo/typo", "enter")
    await until(pilot, lambda: "Is it a model?" in text_of(app))


async def repo_search(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.push_screen(RepoPicker("hf", nothing))
    await until(pilot, lambda: "missing" in text_of(app))
    await pilot.press("s")
    await until(pilot, lambda: "Search hf" in text_of(app))
    await pilot.press(*"imagenet", "enter")
    await until(pilot, lambda: "tiny-imagenet" in text_of(app))


async def tree(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.push_screen(BrowseScreen(CORPUS, nothing))
    await until(pilot, lambda: "README.md" in text_of(app))
    await pilot.press("s", *"1 3-7 ^4 t", "asterisk", *".json", "tab", "home", "down")
    await until(pilot, lambda: "marked: " in text_of(app) and "≥" not in text_of(app))


async def tree_patterns(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await tree(app, pilot, client)
    await pilot.press("f", "asterisk", *".json README.md", "down", *"config", "asterisk", "enter")
    await until(pilot, lambda: "without" in text_of(app) and "≥" not in text_of(app))


async def patterns(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await tree(app, pilot, client)
    await pilot.press("f", "asterisk", *".json")


async def urls(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.push_screen(UrlsScreen("new job  ›  source", False, nothing))
    await until(pilot, lambda: "Which list" in text_of(app))
    await pilot.press(*"/data/classes.csv", "down", *"https://images.example/train/", "down", "right")
    await until(pilot, lambda: "997 URLs" in text_of(app))


async def urls_refused(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.push_screen(UrlsScreen("new job  ›  source", False, nothing))
    await until(pilot, lambda: "Which list" in text_of(app))
    await pilot.press(*"/data/broken.csv")
    await until(pilot, lambda: "must contain 'wnid' column" in text_of(app))


async def one_url(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.push_screen(UrlsScreen("new job  ›  source", True, nothing))
    await until(pilot, lambda: "Which URL" in text_of(app))
    await pilot.press(*"https://host.example/a/file.tar.gz?sig=secret")
    await until(pilot, lambda: "file.tar.gz  " in text_of(app))


async def check(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.check_system((Place(kind="local", path="/data/"), CORPUS), 3 * 1024 * GIB)
    await until(pilot, lambda: "behind the server" in text_of(app) or "open files" in text_of(app))


async def analysis(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.push_screen(AnalysisScreen(Taken((CORPUS,)), nothing))
    await until(pilot, lambda: "by folder" in text_of(app))
    await pilot.press("shift+tab", "right", "down", *"1TB")
    await until(pilot, lambda: "at least 4 disks" in text_of(app))


async def options(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    draft = Draft(sources=(CORPUS,), destination=IntoPlace(Place(kind="local", path="/mnt/disk/")))
    app.push_screen(OptionsScreen("new job  ›  options", draft, nothing))
    await until(pilot, lambda: "fetched by" in text_of(app))
    app.screen.form.field("extract").value = "yes"
    app.screen.form.field("disks").value = "several"
    await pilot.pause()
    app.screen.form.field("space").control.focus()
    await pilot.press(*"1T")


async def campaign(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.view = app.view.__class__(**{**app.view.__dict__, "jobs": (mover(), campaign_job())})
    app.push_screen(CampaignScreen(CAMPAIGN))
    await until(pilot, lambda: "safe to remove" in text_of(app))
    await pilot.press("down")


async def campaign_next(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    safe = a_batch(1, BatchState.SAFE, job=13, disk="K3F9-A1", target="/mnt/disk/corpus/", done_at=NOW - 600)
    waiting = [a_batch(number, BatchState.WAITING) for number in (2, 3)]
    client.answers[GetCampaign] = lambda _: a_campaign(
        safe, *waiting, oversized=(), oversized_total=Tally(), would_hold=0
    )
    await campaign(app, pilot, client)


async def campaign_trouble(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    damaged = a_batch(
        1, BatchState.MOVING, job=13, disk="K3F9-A1", target="/mnt/disk/corpus/",
        trouble="3 files are on the disk damaged or missing: train/shard-00210.tar: another digest; …",
    )  # fmt: skip
    client.answers[GetCampaign] = lambda _: a_campaign(damaged, a_batch(2, BatchState.CHECKING, disk="Q7TT-04"))
    app.push_screen(CampaignScreen(CAMPAIGN))
    await until(pilot, lambda: "trouble" in text_of(app))


async def too_large(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await campaign(app, pilot, client)
    await pilot.press("o")
    await until(pilot, lambda: "too large" in text_of(app))


async def batch_files(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await campaign(app, pilot, client)
    await pilot.press("i")
    await until(pilot, lambda: "300 files" in text_of(app))


async def disk_refused(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    def refuse(_: ContinueCampaign) -> None:
        raise HaulierError(
            Code.REFUSED,
            "/mnt/disk is disk K3F9-A1, which holds batch 1",
            "swap the disk; or, to have both on it: haulier batch continue 12 3 /mnt/disk --share-disk",
        )

    client.answers[ContinueCampaign] = refuse
    await campaign(app, pilot, client)
    await pilot.press("down", "c")
    await until(pilot, lambda: "Where is the disk" in text_of(app))
    await pilot.press("enter")
    await until(pilot, lambda: "does not go there" in text_of(app))


async def disks(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.open_disks()
    await until(pilot, lambda: "Q7TT-04" in text_of(app))
    await pilot.press("down")


async def hub_connection(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    known = ConnectionList(keeps_secrets_in="memory only: no keyring service")
    app.push_screen(ConnectionEditScreen(Connection(name=""), "", known))
    await until(pilot, lambda: "A new connection" in text_of(app))
    await pilot.press(*"hub-cn", "up", "right", "down", "ctrl+n")
    await until(pilot, lambda: "hf-mirror" in text_of(app))
    app.screen.form.field("token_kind").value = "typed"


async def unsized_board(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    sample = recorded_progress(6)
    counts = Counts(
        files_total=312, files_done=12, files_unsized=300, bytes_total=int(1.2 * GIB), bytes_done=int(1.1 * GIB)
    )
    job = a_job(7, JobState.RUNNING, "list:/data/classes.csv → /data/imagenet", counts=counts)
    hosts = (("cdn-lfs.hf.co", 14 * GIB), ("huggingface.co", 12 * 1024**2))
    told = msgspec.structs.replace(sample.jobs[0], counts=counts, hosts=hosts, eta_low=-1.0, eta_high=-1.0)
    workers = (
        msgspec.structs.replace(sample.workers[0], size=-1, key="n01440764.tar"),
        msgspec.structs.replace(sample.workers[1], phase="extracting", key="n01443537.tar", size=0, rate=0.0),
        *sample.workers[2:],
    )
    client.state = msgspec.structs.replace(client.state, jobs=(job,))
    app.view = app.view.__class__(**{**app.view.__dict__, "jobs": (job,)})
    app._happened([Heard(msgspec.structs.replace(sample, jobs=(told,), workers=workers), 1000.0)])
    await pilot.press("enter")
    await until(pilot, lambda: "extracting" in text_of(app))


async def jobs(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    client.state = msgspec.structs.replace(client.state, jobs=(mover(), campaign_job()))
    app.view = app.view.__class__(**{**app.view.__dict__, "jobs": client.state.jobs})
    await until(pilot, lambda: "batch 2" in text_of(app))
    await pilot.press("down")
    await until(pilot, lambda: "▌▤" in text_of(app))


STEPS: dict[str, Step] = {
    step.__name__: step
    for step in (sources, repos, no_repos, repo_edit, repo_search, tree, tree_patterns, patterns, urls,
                 urls_refused, one_url, check, analysis, options, campaign, campaign_next, campaign_trouble,
                 too_large, batch_files, disk_refused, disks, hub_connection, unsized_board, jobs)
}  # fmt: skip


def driven(client: RecordedClient, step: Step) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def drive(pilot: Pilot[None]) -> None:
        app: Any = pilot.app
        await until(pilot, lambda: app.view.link is Link.UP)
        await step(app, pilot, client)
        for one in app.screen.query("Input"):
            one.cursor_blink = False
        await pilot.pause(0.2)

    return drive


def client_of_all() -> RecordedClient:
    hub = Connection(name="hub-cn", kind="hub", endpoint="https://hf-mirror.com", tested_at=NOW)
    return hub_client(connections=(*recorded_connections(), hub))


@pytest.mark.parametrize("name", STEPS)
def test_screen(name: str, snap_compare: Compare) -> None:
    """Each screen at 80×24."""
    client = client_of_all()
    assert snap_compare(an_app(client), terminal_size=(80, 24), run_before=driven(client, STEPS[name]))


@pytest.mark.parametrize("name", ["repos", "tree", "urls", "analysis", "campaign", "check", "disks"])
def test_wide_screen(name: str, snap_compare: Compare) -> None:
    """More room brings more columns and longer names."""
    client = client_of_all()
    assert snap_compare(an_app(client), terminal_size=(120, 40), run_before=driven(client, STEPS[name]))


@pytest.mark.parametrize("theme", ["haulier-light", "haulier-16"])
def test_other_themes(theme: str, snap_compare: Compare) -> None:
    """The picture of the batches in the light theme and with sixteen colours."""
    client = client_of_all()
    app = an_app(client)
    app.theme = theme
    assert snap_compare(app, terminal_size=(80, 24), run_before=driven(client, campaign))
