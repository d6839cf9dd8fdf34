"""Jobs made again: from the list of jobs and from presets; and what settings say of a new one."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from textual.pilot import Pilot

from core.errors import Code, HaulierError
from core.messages import DropPreset, KeepPreset, ListPresets, PlanJob, PresetList, RenamePreset
from core.model import JobKind, JobOptions, JobSpec, JobState, Pair, Preset, Priority
from core.settings import load_settings
from tests.app.driving import an_app, running, text_of, until
from tests.app.recorded import HOSTILE, NOW, RecordedClient, a_job, s3
from tests.app.recorded_path import path_client
from tui.app import HaulierApp
from tui.job_defaults import origins, said_over
from tui.keys import USUAL_KEYS
from tui.preferences import Preferences
from tui.screens.ask import QuestionScreen
from tui.screens.jobs import JobsScreen
from tui.screens.name import NameScreen
from tui.screens.new_job import NewJob
from tui.screens.options import OptionsScreen
from tui.screens.plan import PlanScreen
from tui.screens.presets import PresetsScreen

SPEC = JobSpec(
    kind=JobKind.SYNC,
    pairs=(Pair(source=s3("prod", "logs-app"), target=s3("dr", "elsewhere")),),
    options=JobOptions(
        include=("*.json",), workers=7, retry="0.1x3", delete=True, priority=Priority.LAST, csv="/tmp/log.csv"
    ),
)
NIGHTLY = Preset(name="nightly", spec=SPEC, description="each night", made=NOW)


def asked(client: RecordedClient, kind: type) -> list[object]:
    return [command for command in client.asked if isinstance(command, kind)]


def planned_spec(client: RecordedClient) -> JobSpec:
    return next(ask.spec for ask in client.asked if isinstance(ask, PlanJob))


async def to_presets(app: HaulierApp, pilot: Pilot[None]) -> PresetsScreen:
    await pilot.press("t")
    await until(pilot, lambda: isinstance(app.screen, PresetsScreen))
    assert isinstance(app.screen, PresetsScreen)
    return app.screen


@pytest.mark.usefixtures("fixed_clock")
async def test_a_past_job_is_made_again_as_it_was() -> None:
    """`N`, Enter: its pairs and options come to the plan unchanged, also those that have no field."""
    client = path_client(jobs=(a_job(3, JobState.COMPLETED, "prod:logs-app → dr:", spec=SPEC),))
    async with running(client) as (app, pilot):
        await pilot.press("N")
        await until(pilot, lambda: isinstance(app.screen, OptionsScreen) and "elsewhere" in text_of(app))
        assert "0.1x3" in app.screen.query_one("Form")["retry"]  # type: ignore[index]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
    assert planned_spec(client) == SPEC


async def test_a_verify_job_is_planned_at_once() -> None:
    """It moves nothing; what it takes for no difference stays so."""
    spec = structs.replace(SPEC, kind=JobKind.VERIFY, options=JobOptions(), extras_ok=True)
    client = path_client(jobs=(a_job(3, JobState.COMPLETED, "verify", spec=spec),))
    async with running(client) as (app, pilot):
        await pilot.press("N")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
    assert planned_spec(client) == spec


@pytest.mark.usefixtures("fixed_clock")
@pytest.mark.parametrize("delete", [False, True])
async def test_a_job_is_verified_with_its_own_filters(delete: bool) -> None:
    """`v` on a finished job, as `haulier verify JOB`: the same places and filters and nothing else of it; what
    only the target has is a difference where the job was to delete it."""
    spec = structs.replace(SPEC, options=structs.replace(SPEC.options, delete=delete))
    client = path_client(jobs=(a_job(3, JobState.COMPLETED, "prod:logs-app → dr:", spec=spec),))
    async with running(client) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
    verify = planned_spec(client)
    assert (verify.kind, verify.pairs, verify.extras_ok) == (JobKind.VERIFY, spec.pairs, not delete)
    assert verify.options == JobOptions(include=("*.json",))


async def test_running_and_verifying_jobs_are_not_verified() -> None:
    """There is nothing to compare yet, or it was compared just now."""
    running_job = a_job(4, JobState.RUNNING, "a")
    verified = a_job(3, JobState.COMPLETED, "b", spec=structs.replace(SPEC, kind=JobKind.VERIFY))
    client = path_client(jobs=(running_job, verified))
    async with running(client) as (app, pilot):
        await pilot.press("v", "down", "v")
        await pilot.pause(0.1)
        assert isinstance(app.screen, JobsScreen)
    assert not asked(client, PlanJob)


async def test_a_new_job_can_be_a_comparison() -> None:
    """Among the options: verify, which hides what it has no use for, and moves nothing."""
    client = path_client()
    async with running(client, size=(100, 40)) as (app, pilot):
        await to_options(app, pilot)
        await pilot.press("right", "right")
        await until(pilot, lambda: "compares content; moves nothing" in text_of(app))
        assert "storage class" not in text_of(app)
        assert "extra at target" not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
    assert planned_spec(client).kind is JobKind.VERIFY


async def test_a_repair_is_not_made_again() -> None:
    """It belongs to another job; the key does nothing."""
    spec = structs.replace(SPEC, kind=JobKind.COPY, broken_of=2)
    client = path_client(jobs=(a_job(3, JobState.COMPLETED, "repair", spec=spec),))
    async with running(client) as (app, pilot):
        await pilot.press("N", "K")
        await pilot.pause(0.1)
        assert isinstance(app.screen, JobsScreen)


async def test_a_job_is_kept_under_a_name_and_made_again_from_there() -> None:
    """`K` asks for a name; `t` lists it with what it does; Enter begins with its options."""
    client = path_client(jobs=(a_job(3, JobState.COMPLETED, "prod:logs-app → dr:", spec=SPEC),))
    client.answers[ListPresets] = lambda _: PresetList(presets=(NIGHTLY,))
    client.answers[KeepPreset] = lambda ask: PresetList(presets=(NIGHTLY,))
    async with running(client, size=(100, 30)) as (app, pilot):
        await pilot.press("K")
        await until(pilot, lambda: isinstance(app.screen, NameScreen))
        await pilot.press(*"7", "enter")
        assert isinstance(app.screen, NameScreen), "a number is no name"
        await pilot.press("backspace", *"nightly", "enter")
        await until(pilot, lambda: asked(client, KeepPreset) == [KeepPreset(name="nightly", spec=SPEC)])
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        await to_presets(app, pilot)
        await until(pilot, lambda: "each night" in text_of(app))
        for part in (
            "nightly",
            "prod:logs-app",
            "dr:elsewhere",
            "only *.json",
            "7 files at once",
            "2026-09-21",
        ):
            assert part in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OptionsScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
    assert planned_spec(client) == SPEC


async def test_a_taken_name_is_replaced_only_after_a_question() -> None:
    """`n` keeps the old one, `y` replaces it."""
    client = path_client(jobs=(a_job(3, JobState.COMPLETED, "prod:logs-app → dr:", spec=SPEC),))

    def keep(ask: KeepPreset) -> PresetList:
        if not ask.replace:
            raise HaulierError(Code.REFUSED, "There is a preset nightly already.")
        return PresetList(presets=(NIGHTLY,))

    client.answers[KeepPreset] = keep
    async with running(client) as (app, pilot):
        for key, count in (("n", 1), ("y", 3)):
            await pilot.press("K")
            await until(pilot, lambda: isinstance(app.screen, NameScreen))
            await pilot.press(*"nightly", "enter")
            await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
            await pilot.press(key)
            await until(pilot, lambda count=count: len(asked(client, KeepPreset)) == count)  # type: ignore[misc]
    assert [ask.replace for ask in asked(client, KeepPreset)] == [False, False, True]  # type: ignore[attr-defined]


async def test_renaming_and_removing() -> None:
    """The new name is checked while it is typed; removing asks first."""
    client = path_client()
    client.answers[ListPresets] = lambda _: PresetList(presets=(NIGHTLY,))
    client.answers[RenamePreset] = lambda ask: PresetList(presets=(structs.replace(NIGHTLY, name=ask.new),))
    client.answers[DropPreset] = lambda _: PresetList(presets=())
    async with running(client) as (app, pilot):
        await to_presets(app, pilot)
        await until(pilot, lambda: "nightly" in text_of(app))
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, NameScreen))
        await pilot.press(*"daily", "enter")
        await until(pilot, lambda: isinstance(app.screen, PresetsScreen) and "daily" in text_of(app))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        await pilot.press("y")
        await until(pilot, lambda: "No preset is kept yet." in text_of(app))
    assert asked(client, DropPreset) == [DropPreset(name="daily")]


async def test_a_damaged_file_is_said_where_the_list_would_be() -> None:
    """With its line; the screen stays usable, and hostile words stay text."""
    client = path_client()

    def damaged(_: ListPresets) -> PresetList:
        raise HaulierError(Code.USAGE, f"presets.json, line 3: {HOSTILE[1]}", "Mend the file.")

    client.answers[ListPresets] = damaged
    async with running(client) as (app, pilot):
        await to_presets(app, pilot)
        await until(pilot, lambda: "presets.json, line 3" in text_of(app))
        assert "\x1b" not in text_of(app)
        await pilot.press("enter", "r", "x", "escape")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))


@pytest.mark.parametrize("name", HOSTILE[:5])
async def test_hostile_places_in_a_preset(name: str) -> None:
    """Names of buckets and descriptions are somebody else's."""
    spec = structs.replace(SPEC, pairs=(Pair(source=s3("prod", "b", name), target=s3("dr", "b", name)),))
    client = path_client()
    client.answers[ListPresets] = lambda _: PresetList(
        presets=(structs.replace(NIGHTLY, spec=spec, description=name),)
    )
    async with running(client) as (app, pilot):
        await to_presets(app, pilot)
        await until(pilot, lambda: "nightly" in text_of(app))
        assert not any(bad in text_of(app) for bad in "\x1b\u202e\x07")
        assert app.is_running


# ---------------------------------------------------------------- what the settings say


async def test_settings_are_the_first_values_with_where_they_come_from(tmp_path: Path) -> None:
    """The form begins with them and says so; what is changed there loses the words, and reaches the job. A file
    that was changed meanwhile counts for the next job; a fault in it is told, and the last values hold."""
    file = tmp_path / "haulier" / "config.toml"
    file.parent.mkdir()
    file.write_text('workers = 9\nretry = "1,2x3"\nreserve = "2GiB"\n')
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HAULIER_PART_SIZE": "16MiB"}
    client = path_client()
    app = an_app(client)
    app.preferences = Preferences(Preferences.of({}, environ, tmp_path).desk, USUAL_KEYS)
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: app.client is not None)
        await to_options(app, pilot)
        text = text_of(app)
        for part in ("set by config.toml, line 1", "set by HAULIER_PART_SIZE", "config.toml, line 2"):
            assert part in text
        form = app.screen.query_one("Form")
        form.field("workers").value = "3"  # type: ignore[attr-defined]
        await until(pilot, lambda: "set by config.toml, line 1" not in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
        options = planned_spec(client).options
        assert (options.workers, options.retry, options.part_size) == (3, "1,2x3", 16 * 1024**2)
        assert options.reserve == -1

        file.write_text("workers = 11\n")
        app.screen.action_keep_plan()  # type: ignore[attr-defined]
        await pilot.press("n")
        await until(pilot, lambda: app.preferences.settings.workers == 11)  # type: ignore[union-attr]
        file.write_text("workers = many\n")
        await pilot.press("escape", "n")
        await until(pilot, lambda: any("damaged" in str(note.message) for note in app._notifications))
        assert app.preferences.settings is not None
        assert app.preferences.settings.workers == 11


def test_the_reserve_is_told_beside_its_empty_field(tmp_path: Path) -> None:
    """It stays the engine's to look up: the words say what that is, and where it was said."""
    (tmp_path / "haulier").mkdir()
    (tmp_path / "haulier" / "config.toml").write_text('reserve = "2GiB"\n')
    settings = load_settings({"workers": "4"}, {"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path)
    assert origins(settings) == {"reserve": "2.0 GiB: config.toml, line 1", "workers": "--workers"}
    assert said_over(settings, JobOptions(include=("x",), workers=0)) == JobOptions(include=("x",), workers=4)
    assert said_over(None, JobOptions(extract=True)) == JobOptions(extract=True)
    assert origins(None) == {}


async def to_options(app: HaulierApp, pilot: Pilot[None]) -> None:
    NewJob(app).sources_chosen((s3("prod", "logs-app"),))
    await until(pilot, lambda: "dr" in text_of(app))
    await pilot.press("home", "enter")
    await until(pilot, lambda: "→ dr:" in text_of(app))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, OptionsScreen) and "files at once" in text_of(app))
