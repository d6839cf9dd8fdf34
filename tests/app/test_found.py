"""What was found here: tested by reading only, kept with the person's word, and nothing stored before it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from core.errors import Code, HaulierError
from core.found_here import look_around
from core.messages import ConnectionList, ImportProfiles, ListConnections, SaveConnection
from core.messages import TestConnection as TryConnection
from core.messages import TestReport as Report
from core.model import Check, Connection, ProfileCredentials, SecretPlace, TokenFileCredentials
from tests.app.driving import Running, running, text_of, until
from tests.app.recorded import HOSTILE, RecordedClient, a_snapshot
from tui.app import HaulierApp
from tui.found import can_be_taken
from tui.screens.ask import QuestionScreen
from tui.screens.connections import ConnectionsScreen
from tui.screens.found import FoundScreen, FoundTable


def profile(name: str, **more: Any) -> Connection:
    return Connection(name=name, credentials=ProfileCredentials(profile=name), **more)


OFFERED = (profile("beijing", endpoint="http://10.0.0.5:9000"), profile("oregon"))
KNOWN = ConnectionList(
    profiles=("beijing", "oregon"),
    offered=OFFERED,
    keeps_secrets_in="Secret Service",
    secret_places=(SecretPlace(store="keyring", state="ready", words="Secret Service"),),
)


def a_client(known: ConnectionList = KNOWN) -> RecordedClient:
    """Of an engine without jobs and connections; what is saved is listed afterwards."""
    client = RecordedClient(a_snapshot(jobs=(), connections=()))
    client.answers[ListConnections] = lambda _: known
    client.answers[SaveConnection] = lambda ask: ask.connection
    client.answers[TryConnection] = works
    return client


def works(ask: TryConnection) -> Report:
    return Report(checks=(Check(name="reach", ok=True),), ok=True)


def fails(ask: TryConnection) -> Report:
    ok = ask.connection.name != "oregon"
    return Report(checks=(Check(name="sign", ok=ok),), ok=ok, advice="" if ok else "The secret is wrong.")


@asynccontextmanager
async def found(client: RecordedClient, environ: dict[str, str] | None = None) -> AsyncIterator[Running]:
    async with running(client) as (app, pilot):
        app.environ = {"HF_HOME": "/nowhere"} if environ is None else environ
        app.show_found()
        await until(pilot, lambda: any(table.rows for table in app.screen.query(FoundTable)))
        yield app, pilot


def screen_of(app: HaulierApp) -> FoundScreen:
    assert isinstance(app.screen, FoundScreen)
    return app.screen


def asked(client: RecordedClient, kind: type[Any]) -> list[Any]:
    return [command for command in client.asked if isinstance(command, kind)]


async def test_all_are_tested_and_those_that_work_are_kept() -> None:
    """Enter tests what is marked, with the endpoint that the profile names, and stores nothing; what fails
    loses its mark; `s` keeps the rest as it was tested, and the connections are shown."""
    client = a_client()
    client.answers[TryConnection] = fails
    async with found(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "does not work" in text_of(app) and "works" in text_of(app))
        assert [ask.connection for ask in asked(client, TryConnection)] == list(OFFERED)
        assert not any(ask.write for ask in asked(client, TryConnection))
        assert not asked(client, SaveConnection)
        assert [row.marked for row in screen_of(app).table.rows] == [True, False]
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ConnectionsScreen))
    assert asked(client, SaveConnection) == [SaveConnection(connection=OFFERED[0])]
    assert not asked(client, ImportProfiles)


async def test_what_could_not_be_kept_stays_as_it_was() -> None:
    """The second of two that work is refused: it keeps its mark and its test, and the one that failed stays
    unmarked."""
    known = structs.replace(KNOWN, offered=(*OFFERED, profile("tokyo")))
    client = a_client(known)
    client.answers[TryConnection] = fails

    def refuse_tokyo(ask: SaveConnection) -> Connection:
        if ask.connection.name == "tokyo":
            raise HaulierError(Code.REFUSED, "not now")
        return ask.connection

    client.answers[SaveConnection] = refuse_tokyo
    async with found(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: sum(row.works for row in screen_of(app).table.rows) == 2)
        await pilot.press("s")
        await until(pilot, lambda: len(screen_of(app).table.rows) == 2)
        told = [(row.name, row.marked, row.works) for row in screen_of(app).table.rows]
        assert told == [("oregon", False, False), ("tokyo", True, True)]


async def test_untested_ones_need_a_second_word() -> None:
    """Without a test the question comes first, and only `y` keeps them."""
    client = a_client()
    async with found(client) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        await pilot.press("enter", "escape")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen))
        assert not asked(client, SaveConnection)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        await pilot.press("y")
        await until(pilot, lambda: len(asked(client, SaveConnection)) == 2)
    assert all(ask.untested_ok and ask.keys is None for ask in asked(client, SaveConnection))


async def test_leaving_stores_nothing() -> None:
    """Esc, after a test that went well."""
    client = a_client()
    async with found(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: text_of(app).count(" works") >= 2)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, FoundScreen))
    assert not asked(client, SaveConnection)


async def test_marks_say_what_is_tested() -> None:
    """Space takes a mark away, `a` marks all or none; with none marked nothing can be tested."""
    client = a_client()
    async with found(client) as (app, pilot):
        await pilot.press("space", "enter")
        await until(pilot, lambda: len(asked(client, TryConnection)) == 1)
        assert asked(client, TryConnection)[0].connection == OFFERED[1]
        await until(pilot, lambda: "testing" not in text_of(app))
        await pilot.press("a", "a", "enter", "s")
        await pilot.pause(0.1)
        assert [row.marked for row in screen_of(app).table.rows] == [False, False]
    assert len(asked(client, TryConnection)) == 1
    assert not asked(client, SaveConnection)


async def test_a_token_file_becomes_a_reference(tmp_path: Path) -> None:
    """The Hub's token is offered by the file's name; its text is nowhere on the screen."""
    (tmp_path / "token").write_text("hf_VERYSECRET")
    client = a_client(ConnectionList(keeps_secrets_in="memory only"))
    async with found(client, {"HF_HOME": str(tmp_path)}) as (app, pilot):
        assert "token file" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: "works" in text_of(app))
        assert "VERYSECRET" not in text_of(app)
        await pilot.press("s")
        await until(pilot, lambda: bool(asked(client, SaveConnection)))
    (saved,) = asked(client, SaveConnection)
    assert saved.connection.credentials == TokenFileCredentials(path=str(tmp_path / "token"))
    assert saved.keys is None


def opskit(folder: Path) -> dict[str, str]:
    packed = base64.b64encode(b"old-secret").decode()
    old = {"site": {"name": "site", "aws_access_key": "AKIAEXAMPLE", "aws_secret_key": packed,
                    "s3_endpoint": "http://10.0.0.7:9000"}}  # fmt: skip
    (folder / "connections.json").write_text(json.dumps(old))
    return {"OPSKIT_TOOL_TEMP_DIR": str(folder), "HF_HOME": "/nowhere"}


async def test_keys_of_a_launcher_go_where_it_is_said(tmp_path: Path) -> None:
    """Before they are kept it is said where; then the keyring gets them, and the old file is as it was."""
    environ = opskit(tmp_path)
    before = (tmp_path / "connections.json").read_bytes()
    client = a_client(
        ConnectionList(keeps_secrets_in=KNOWN.keeps_secrets_in, secret_places=KNOWN.secret_places)
    )
    async with found(client, environ) as (app, pilot):
        assert "Its keys would go to: Secret Service" in text_of(app)
        assert "old-secret" not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: "works" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: bool(asked(client, SaveConnection)))
    (saved,) = asked(client, SaveConnection)
    assert (saved.connection.name, saved.store, saved.keys.secret_access_key) == (
        "site",
        "keyring",
        "old-secret",
    )
    assert (tmp_path / "connections.json").read_bytes() == before


async def test_memory_alone_needs_a_word(tmp_path: Path) -> None:
    """Where nothing lasts, keys are kept only after that was said and agreed to."""
    client = a_client(ConnectionList(keeps_secrets_in="memory only: no keyring service"))
    async with found(client, opskit(tmp_path)) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "works" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        assert "memory only: no keyring service" in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen))
    assert not asked(client, SaveConnection)


async def test_a_refused_test_says_why() -> None:
    """An endpoint that cannot be one is the row's trouble; the others are tested all the same."""
    client = a_client()

    def refuse(ask: TryConnection) -> Report:
        if ask.connection.name == "beijing":
            raise HaulierError(Code.USAGE, "The endpoint names no host.", "Write it like https://…")
        return works(ask)

    client.answers[TryConnection] = refuse
    async with found(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "names no host" in text_of(app) and " works" in text_of(app))


def words(app: HaulierApp) -> str:
    """The screen in one line: what is broken over lines there is whole."""
    return " ".join(text_of(app).split())


async def test_damaged_files_are_told_and_stop_nothing(tmp_path: Path) -> None:
    """The first screen names a damaged file of AWS and one of OpsKit, with line and column."""
    (tmp_path / "connections.json").write_text("{")
    client = a_client(ConnectionList(profiles_trouble="/home/a/.aws/config, line 3: not a setting."))
    async with running(client, size=(120, 30)) as (app, pilot):
        app.environ = {"OPSKIT_TOOL_TEMP_DIR": str(tmp_path), "HF_HOME": "/nowhere"}
        app.action_show_connections()
        await until(pilot, lambda: "line 3: not" in text_of(app) and "line 1, column 2" in words(app))
        assert "add a connection" in text_of(app)


@pytest.mark.parametrize("name", HOSTILE[:5])
async def test_hostile_names(name: str) -> None:
    """Names of profiles and words of servers are text."""
    client = a_client(ConnectionList(profiles=(name,), offered=(profile("p", region=name, endpoint=name),)))
    client.answers[TryConnection] = lambda _: Report(
        checks=(Check(name=name, ok=False, detail=name),), ok=False, advice=name
    )
    async with found(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "does not work" in text_of(app))
        assert not any(bad in text_of(app) for bad in "\x1b\u202e\x07")
        assert app.is_running


async def test_the_demo_is_left_for_only_after_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """`d` on the empty home asks; `y` leaves the screen and says that the demo is wanted. Where it cannot run,
    how to get it is said, and the screen stays."""
    client = a_client()
    async with running(client) as (app, pilot):
        await until(pilot, lambda: "the demo" in text_of(app))
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setattr("sys.executable", "/nowhere/python")
        await pilot.press("d")
        await until(pilot, lambda: any("haulier[demo]" in str(one.message) for one in app._notifications))
        assert not isinstance(app.screen, QuestionScreen)
    client = a_client()
    async with running(client) as (app, pilot):
        monkeypatch.setattr("core.demo.find_rclone", lambda: "/usr/bin/rclone")
        await until(pilot, lambda: "the demo" in text_of(app))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        assert not app.wants_demo
        await pilot.press("y")
        await pilot.pause()
    assert app.wants_demo


async def test_what_is_found_later_is_offered_beside_what_is_kept(tmp_path: Path) -> None:
    """With connections already there: a token file that none of them refers to is a key away, and one that is
    referred to is not offered again."""
    (tmp_path / "token").write_text("hf_VERYSECRET")
    token = TokenFileCredentials(path=str(tmp_path / "token"))
    known = ConnectionList(connections=(profile("prod"),))
    client = a_client(known)
    client.state = a_snapshot(jobs=(), connections=known.connections)
    async with running(client) as (app, pilot):
        app.environ = {"HF_HOME": str(tmp_path)}
        app.action_show_connections()
        await until(pilot, lambda: "prod" in text_of(app) and app.screen.check_action("show_found", ()) is True)
        await pilot.press("i")
        await until(pilot, lambda: "token file" in text_of(app))
        hub = Connection(name="hub", kind="hub", credentials=token)
        assert not can_be_taken(structs.replace(known, connections=(hub,)), look_around(app.environ))
