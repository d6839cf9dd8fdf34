"""The dialog of the secrets' passphrase, from the list of connections and from the form."""

from __future__ import annotations

from typing import Any

import msgspec
from textual.pilot import Pilot
from textual.widgets import Input

from core.errors import Code, HaulierError
from core.messages import (
    ConnectionList,
    ListBuckets,
    ListConnections,
    ResumeJob,
    SaveConnection,
    SecretsView,
    UnlockSecrets,
)
from core.messages import TestConnection as TryConnection  # pytest would collect the name
from core.messages import TestReport as Report
from core.model import Connection, FileCredentials, JobKind, JobSpec, JobState, Pair, Place, SecretPlace
from tests.app.driving import running, text_of, until
from tests.app.recorded import RecordedClient, a_job
from tests.app.recorded_path import path_client
from tui.app import HaulierApp
from tui.screens.buckets import BucketPicker
from tui.screens.connection_edit import ConnectionEditScreen
from tui.screens.connections import ConnectionsScreen
from tui.screens.passphrase import PassphraseScreen

PASSPHRASE = "correct horse"
LAB = Connection(name="lab", endpoint="https://lab.example", credentials=FileCredentials(ref="file:lab@1"))


class Engine:
    """Answers like one without a keyring whose file is `state`; opened by PASSPHRASE."""

    def __init__(self, state: str, *connections: Connection) -> None:
        self.state: Any = state
        self.client: RecordedClient = path_client(connections=connections)
        self.client.answers[ListConnections] = lambda _: self.listed(connections)
        self.client.answers[UnlockSecrets] = self.unlock
        self.client.answers[TryConnection] = lambda _: Report(checks=(), ok=True)

    def listed(self, connections: tuple[Connection, ...]) -> ConnectionList:
        places = (
            SecretPlace(store="keyring", state="unusable", words="no keyring service is running here"),
            SecretPlace(store="file", state=self.state, words="encrypted file /home/secrets.enc"),
            SecretPlace(store="memory", state="ready", words="the engine's memory, until it stops"),
        )
        locked = tuple(one.name for one in connections) if self.state != "ready" else ()
        return ConnectionList(connections=connections, secret_places=places, locked=locked)

    def unlock(self, command: Any) -> SecretsView:
        if not command.create and command.passphrase.text != PASSPHRASE:
            raise HaulierError(Code.REFUSED, "That is not the passphrase.", "Try again in 1 s.")
        self.state = "ready"
        return SecretsView(places=())

    def asked(self, kind: type) -> list[Any]:
        return [ask for ask in self.client.asked if isinstance(ask, kind)]


async def open_list(app: HaulierApp, pilot: Pilot[None], text: str) -> None:
    app.action_show_connections()
    await until(pilot, lambda: isinstance(app.screen, ConnectionsScreen) and text in text_of(app))


async def test_a_locked_connection_asks_first_and_then_goes_on() -> None:
    """Looking inside opens the dialog; a wrong passphrase is said and cleared, the right one leads on to the
    buckets. What is typed is not on the screen, not even in the commands' words."""
    engine = Engine("locked", LAB)
    async with running(engine.client) as (app, pilot):
        await open_list(app, pilot, "file is locked")
        assert "unlock" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PassphraseScreen))
        await pilot.press(*"wrong", "enter")
        await until(pilot, lambda: "not the passphrase" in text_of(app))
        assert "Try again in 1 s" in text_of(app)
        assert app.screen.query_one(Input).value == ""
        assert not engine.asked(ListBuckets)
        await pilot.press(*PASSPHRASE.replace(" ", "_"), "enter")
        await until(pilot, lambda: app.screen.query_one(Input).value == "")
        for key in PASSPHRASE:
            await pilot.press("space" if key == " " else key)
        assert PASSPHRASE not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BucketPicker))
    assert PASSPHRASE not in repr(engine.client.asked)


async def test_leaving_the_dialog_changes_nothing() -> None:
    """Esc goes back to the list; nothing was asked of the engine, an empty passphrase neither."""
    engine = Engine("locked", LAB)
    async with running(engine.client) as (app, pilot):
        await open_list(app, pilot, "file is locked")
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, PassphraseScreen))
        await pilot.press("enter")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ConnectionsScreen))
        assert not engine.asked(UnlockSecrets)


async def test_an_open_file_needs_no_key() -> None:
    """Nothing is offered, and opening a connection does not ask."""
    engine = Engine("ready", LAB)
    async with running(engine.client) as (app, pilot):
        await open_list(app, pilot, "keys in file")
        assert "unlock" not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BucketPicker))


async def test_saving_typed_keys_makes_the_file() -> None:
    """On a machine without a keyring the form proposes the file and says so; saving asks for a new passphrase
    twice, and only then saves, naming the store."""
    engine = Engine("none")
    engine.client.answers[SaveConnection] = lambda ask: ask.connection
    async with running(engine.client, size=(100, 30)) as (app, pilot):
        await open_list(app, pilot, "No connections")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConnectionEditScreen))
        screen = app.screen
        assert isinstance(screen, ConnectionEditScreen)
        screen.form.field("name").value = "lab"
        screen.form.field("kind").value = "typed"
        await until(pilot, lambda: "encrypted file" in text_of(app))
        assert "made with a passphrase" in text_of(app)
        screen.form.field("key_id").value = "AKIA"
        screen.form.field("secret").value = "topsecret"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, PassphraseScreen))
        assert not engine.asked(SaveConnection)
        await pilot.press(*"onething", "enter", *"another", "enter")
        await until(pilot, lambda: "not the same" in text_of(app))
        again = app.screen.query_one("#again", Input)
        again.value = "onething"
        await pilot.press("enter")
        await until(pilot, lambda: bool(engine.asked(SaveConnection)))
        (saved,) = engine.asked(SaveConnection)
        assert (saved.store, saved.keys_in_memory) == ("file", False)
        (made,) = engine.asked(UnlockSecrets)
        assert made.create


async def test_resuming_a_job_without_its_keys_asks_first() -> None:
    """`p` on a job that waits for keys in the locked file opens the dialog; Esc resumes nothing, the passphrase
    does. A job that is only paused is resumed at once."""
    engine = Engine("locked", LAB)
    place = Place(kind="s3", connection="lab", bucket="b")
    spec = JobSpec(kind=JobKind.COPY, pairs=(Pair(source=place, target=Place(kind="local", path="/out/")),))
    jobs = tuple(a_job(number, state, "lab:b → /out/", spec=spec)
                 for number, state in ((2, JobState.BLOCKED), (1, JobState.PAUSED)))  # fmt: skip
    engine.client.state = msgspec.structs.replace(engine.client.state, jobs=jobs)
    async with running(engine.client) as (app, pilot):
        await until(pilot, lambda: "lab:b" in text_of(app))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, PassphraseScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, PassphraseScreen))
        assert not engine.asked(ResumeJob)
        await pilot.press("down", "p")
        await until(pilot, lambda: [ask.job for ask in engine.asked(ResumeJob)] == [1])
        await pilot.press("up", "p")
        await until(pilot, lambda: isinstance(app.screen, PassphraseScreen))
        app.screen.query_one(Input).value = PASSPHRASE
        await pilot.press("enter")
        await until(pilot, lambda: [ask.job for ask in engine.asked(ResumeJob)] == [1, 2])
