"""Connections under a keyboard: the list, the form, the test before the save."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from core.capability_card import CapabilityCard
from core.errors import Code, HaulierError
from core.messages import (
    ConnectionList,
    ListConnections,
    RemoveConnection,
    SaveConnection,
)
from core.messages import TestConnection as TryConnection  # pytest would collect the name
from core.model import (
    AnonymousCredentials,
    ChainCredentials,
    Connection,
    KeyringCredentials,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
)
from tests.app.driving import running, say_yes, text_of, until
from tests.app.recorded import HOSTILE, RecordedClient, recorded_connections
from tests.app.recorded_path import bad_report, path_client
from tui.app import HaulierApp
from tui.connection_form import asks, connection_of, fields_for, keys_of, problems
from tui.screens.ask import QuestionScreen
from tui.screens.buckets import BucketPicker
from tui.screens.connection_edit import ConnectionEditScreen
from tui.screens.connections import ConnectionsScreen
from tui.screens.found import FoundScreen

WITH_KEYRING = ConnectionList(keeps_secrets_in="Secret Service (login)", can_keep_secrets=True)
MEMORY_ONLY = ConnectionList(keeps_secrets_in="memory only: no keyring service", profiles=("beijing", "oregon"))


async def open_list(app: HaulierApp, pilot: Pilot[None]) -> ConnectionsScreen:
    app.action_show_connections()
    await until(pilot, lambda: isinstance(app.screen, ConnectionsScreen) and "Connections" in text_of(app))
    screen = app.screen
    assert isinstance(screen, ConnectionsScreen)
    return screen


async def open_form(app: HaulierApp, pilot: Pilot[None], key: str) -> ConnectionEditScreen:
    await open_list(app, pilot)
    await until(pilot, lambda: "prod" in text_of(app) or "No connections" in text_of(app))
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ConnectionEditScreen))
    screen = app.screen
    assert isinstance(screen, ConnectionEditScreen)
    return screen


def saves(client: RecordedClient) -> list[SaveConnection]:
    return [ask for ask in client.asked if isinstance(ask, SaveConnection)]


def trials(client: RecordedClient) -> list[TryConnection]:
    return [ask for ask in client.asked if isinstance(ask, TryConnection)]


async def test_the_list_says_endpoint_region_credentials_and_when_tested() -> None:
    """All of it in words, no secret anywhere, and an unchecked TLS said aloud."""
    client = path_client()
    client.answers[ListConnections] = lambda _: ConnectionList(
        connections=(
            *recorded_connections(),
            Connection(
                name="lab", endpoint="https://10.0.0.5", verify_tls=False, credentials=AnonymousCredentials()
            ),
            Connection(name="old", credentials=SessionCredentials(ref="r")),
            Connection(name="ring", credentials=KeyringCredentials(ref="r")),
        ),
        locked=("old",),
        keeps_secrets_in="memory only: no keyring service",
    )
    async with running(client, size=(100, 24)) as (app, pilot):
        await open_list(app, pilot)
        await until(pilot, lambda: "lab" in text_of(app))
        text = text_of(app)
        for part in ("minio.example:9000", "AWS", "eu-central-1", "profile prod", "TLS unchecked", "anonymous",
                     "keys needed again", "keys in keyring", "never", "memory only"):  # fmt: skip
            assert part in text


async def test_the_empty_list_offers_the_profiles_that_are_here() -> None:
    """Enter leads to them; the way to a hand-made one and to the demo are named."""
    client = path_client(connections=())
    client.answers[ListConnections] = lambda _: MEMORY_ONLY
    async with running(client) as (app, pilot):
        await open_list(app, pilot)
        await until(pilot, lambda: "No connections yet" in text_of(app))
        for part in ("beijing", "oregon", "nothing of it is stored", "add a connection", "the demo"):
            assert part in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen))


async def test_a_test_shows_each_check_and_what_it_means() -> None:
    """✓, ✗ and – with their words, and the advice; hostile server text stays text."""
    client = path_client()
    client.answers[TryConnection] = bad_report
    async with running(client) as (app, pilot):
        await open_list(app, pilot)
        await until(pilot, lambda: "prod" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "does not work" in text_of(app))
        text = text_of(app)
        for part in (
            "✓ reach",
            "✗ sign",
            "InvalidAccessKeyId␛[2J",
            "– list",
            "not tried",
            "Check it for typos",
        ):
            assert part in text


async def test_removing_asks_and_enter_does_not_confirm() -> None:
    """Enter leaves the question standing, Esc leaves everything as it was, only `y` removes."""
    client = path_client()
    async with running(client) as (app, pilot):
        await open_list(app, pilot)
        await until(pilot, lambda: "prod" in text_of(app))
        await pilot.press("x", "enter", "space")
        assert isinstance(app.screen, QuestionScreen)
        await pilot.press("escape")
        assert not [ask for ask in client.asked if isinstance(ask, RemoveConnection)]
        await pilot.press("x")
        await say_yes(pilot)
        await until(pilot, lambda: RemoveConnection(name="dr") in client.asked)


async def test_enter_looks_inside() -> None:
    """The connection's buckets are one key away."""
    async with running(path_client()) as (app, pilot):
        await open_list(app, pilot)
        await until(pilot, lambda: "prod" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BucketPicker))


async def test_saving_tests_first_and_saves_what_was_tested() -> None:
    """One key: the test runs, succeeds, and exactly that connection is saved as tested."""
    client = path_client()
    async with running(client) as (app, pilot):
        await open_form(app, pilot, "a")
        await pilot.press(*"lab", "down", *"http", "colon", "slash", "slash", *"host", "ctrl+s")
        await until(pilot, lambda: bool(saves(client)))
        saved = saves(client)[0]
        assert saved.connection == Connection(
            name="lab", endpoint="http://host", credentials=ChainCredentials()
        )
        assert not saved.untested_ok
        assert trials(client)[0].connection == saved.connection
        await until(pilot, lambda: isinstance(app.screen, ConnectionsScreen))


async def test_an_untested_connection_needs_a_second_explicit_choice() -> None:
    """A failed test does not save; Enter in the question does not either; `y` does, marked as untested."""
    client = path_client()
    client.answers[TryConnection] = bad_report
    async with running(client) as (app, pilot):
        await open_form(app, pilot, "a")
        await pilot.press(*"lab", "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen) and app.screen.listens)
        await pilot.press("enter", "escape")
        assert isinstance(app.screen, ConnectionEditScreen)
        assert saves(client) == []
        assert "Check it for typos" in text_of(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen) and app.screen.listens)
        await say_yes(pilot)
        await until(pilot, lambda: bool(saves(client)))
        assert saves(client)[0].untested_ok


async def test_a_change_after_the_test_is_tested_again() -> None:
    """What is saved is what was tested, not what was tested before somebody typed on."""
    client = path_client()
    async with running(client) as (app, pilot):
        screen = await open_form(app, pilot, "e")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "dr works" in text_of(app))
        await pilot.press("down", "down", *"eu-1", "ctrl+s")
        await until(pilot, lambda: not screen.is_attached)
        assert [ask.connection.region for ask in trials(client)] == ["", "eu-1"]
        assert saves(client)[0].replaces == "dr"


async def test_errors_stand_at_their_fields_and_the_focus_goes_there() -> None:
    """A bad endpoint is said while it is typed, in full below the form; saving goes to it and asks nothing."""
    client = path_client()
    async with running(client) as (app, pilot):
        screen = await open_form(app, pilot, "a")
        await pilot.press(*"dr", "down", *"minio")
        assert "this name is taken" in text_of(app)
        assert "lacks http:// or https://" in text_of(app)
        await pilot.press("down", "down", "ctrl+s")
        assert screen.form.field("name").control.has_focus
        assert not trials(client)
        assert not saves(client)


async def test_typed_keys_are_hidden_and_where_they_go_is_said_before() -> None:
    """The secret is not on the screen; its place is; without a keyring it takes an explicit word more."""
    client = path_client(connections=())
    client.answers[ListConnections] = lambda _: MEMORY_ONLY
    async with running(client, size=(100, 30)) as (app, pilot):
        screen = await open_form(app, pilot, "a")
        await pilot.press(*"lab", "down", "down", "down", "down", "down", "down", "right")
        assert screen.form["kind"] == "typed"
        await pilot.press("down", *"AKIA", "down", *"topsecret")
        assert "topsecret" not in text_of(app)
        assert "memory only: no keyring service" in text_of(app)
        await pilot.press("ctrl+s")
        assert saves(client) == []
        assert screen.form.field("store").control.has_focus
        await pilot.press("right", "ctrl+s")
        await until(pilot, lambda: bool(saves(client)))
        saved = saves(client)[0]
        assert saved.keys == SecretKeys(access_key_id="AKIA", secret_access_key="topsecret")
        assert saved.keys_in_memory
        assert "topsecret" not in repr(saved)


async def test_turning_tls_checks_off_is_warned_of() -> None:
    """The words are there as long as it is off."""
    async with running(path_client()) as (app, pilot):
        await open_form(app, pilot, "a")
        await pilot.press("down", "down", "down", "down", "right")
        assert "others could read and change it" in text_of(app)
        await pilot.press("right")
        assert "others could read and change it" not in text_of(app)


async def test_leaving_a_touched_form_asks() -> None:
    """What was typed is not lost by one Esc; an untouched form closes at once."""
    async with running(path_client()) as (app, pilot):
        await open_form(app, pilot, "e")
        await pilot.press("escape")
        assert isinstance(app.screen, ConnectionsScreen)
        await pilot.press("e", "x", "escape", "enter", "n")
        assert isinstance(app.screen, ConnectionEditScreen)
        await pilot.press("escape")
        await say_yes(pilot)
        await until(pilot, lambda: isinstance(app.screen, ConnectionsScreen))


async def test_duplicating_begins_a_new_one_under_a_free_name() -> None:
    """The copy is a new connection, and was never tested."""
    client = path_client()
    async with running(client) as (app, pilot):
        screen = await open_form(app, pilot, "D")
        assert screen.form["name"] == "dr-2"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(saves(client)))
        assert saves(client)[0].replaces == ""


async def test_a_refusal_of_the_engine_stands_at_the_field_it_is_about() -> None:
    """What only the engine can know, such as an unreadable CA file, comes back to its field."""

    def refuse(_: Any) -> Any:
        raise HaulierError(Code.USAGE, "The CA file /no/such cannot be read: No such file or directory.")

    client = path_client()
    client.answers[SaveConnection] = refuse
    async with running(client) as (app, pilot):
        screen = await open_form(app, pilot, "e")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "The CA file /no/such" in text_of(app))
        assert screen.form.field("ca_file").control.has_focus


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:16])
async def test_hostile_connections_are_only_text(name: str) -> None:
    """Names, endpoints, profiles and regions of a file that somebody else wrote."""
    hostile = Connection(name=name, endpoint=name, region=name, credentials=ProfileCredentials(profile=name))
    client = path_client(connections=(hostile,))
    client.answers[ListConnections] = lambda _: ConnectionList(
        connections=(hostile,), profiles=(name,), keeps_secrets_in=name, locked=(name,)
    )
    async with running(client) as (app, pilot):
        await open_list(app, pilot)
        for key in ("t", "x", "escape", "n"):
            await pilot.press(key)
            assert all(char == "\n" or char.isprintable() for char in text_of(app))


@pytest.mark.parametrize(
    "connection",
    [
        *recorded_connections(),
        Connection(name="a", endpoint="https://h", verify_tls=False, addressing="path", ca_file="/ca.pem"),
        Connection(name="b", credentials=AnonymousCredentials()),
        Connection(name="c", credentials=KeyringCredentials(ref="r")),
    ],
    ids=lambda one: one.name,
)
def test_a_connection_goes_through_the_form_unchanged(connection: Connection) -> None:
    """Opening and saving without typing changes nothing but the moment of the test."""
    values = {ask.name: ask.value for ask in asks(connection, WITH_KEYRING)}
    again = connection_of(values, connection)
    assert again == Connection(
        **{name: getattr(connection, name) for name in Connection.__struct_fields__ if name != "tested_at"}
    )
    assert keys_of(values) is None
    assert problems(values, WITH_KEYRING, connection, connection.name) == {}


def test_only_fields_that_mean_something_are_shown() -> None:
    """Plain http has no certificate to check; keys are asked for only where keys are typed."""
    values = {ask.name: ask.value for ask in asks(Connection(name="a"), WITH_KEYRING)}
    assert "verify_tls" not in fields_for({**values, "endpoint": "http://h"}, WITH_KEYRING)
    assert "secret" not in fields_for({**values, "kind": "profile"}, WITH_KEYRING)
    assert "store" not in fields_for({**values, "kind": "typed"}, WITH_KEYRING)
    assert "store" in fields_for({**values, "kind": "typed"}, MEMORY_ONLY)


async def test_the_card_is_told_in_words() -> None:
    """Under the cursor: what the service can do, what it lacks, what nobody knows yet; the next row has its
    own, and a name that a server gives itself is drawn, not obeyed."""
    client = path_client()
    first, second, *_ = recorded_connections()
    card = CapabilityCard(
        made=1.0, ranges="200", if_match=False, copy=True, skew=0.0, server=HOSTILE[1], encoded_listing=True
    )
    client.answers[ListConnections] = lambda _: ConnectionList(
        connections=(first, second), cards={first.name: card}
    )
    async with running(client) as (app, pilot):
        await open_list(app, pilot)
        await until(pilot, lambda: f"{first.name} can, as far as seen" in text_of(app))
        shown = " ".join(text_of(app).split())
        assert "no write test yet" in shown
        assert "ranges, listing names, CopyObject, clock" in shown
        assert "If-Match on GET ignored" in shown
        assert "not known yet: checksums" in shown
        await pilot.press("down")
        await until(pilot, lambda: f"{second.name}: what this service can do is not known yet" in text_of(app))
