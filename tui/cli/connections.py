"""connections list, add, test, edit, remove, import aws, import hub, import opskit.

A secret is read hidden from the terminal, or from stdin; it goes to the engine once and is nowhere kept here.
"""

from __future__ import annotations

import asyncio
import os
import time
from argparse import Namespace
from typing import Literal

import msgspec

from core.adhoc import hub_from_environment, hub_token_file
from core.capability_card import UNKNOWN, CapabilityCard, age_words, fields, rows
from core.errors import Code, HaulierError
from core.found_here import Surroundings, look_around
from core.messages import (
    ConnectionList,
    ImportProfiles,
    ListConnections,
    RemoveConnection,
    SaveConnection,
    TestConnection,
    TestReport,
)
from core.model import (
    AnonymousCredentials,
    ChainCredentials,
    Connection,
    Credentials,
    FileCredentials,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
    TokenFileCredentials,
)
from core.safe_text import safe_text
from core.units import format_when
from tui.cli.connection_keys import ca_file_of, credentials_of, read_keys
from tui.cli.each import for_each
from tui.cli.output import Output, iso
from tui.cli.secret_stores import choose_store
from tui.cli.session import Session, open_session

FAILED_TEST = 4  # what the test found can be mended outside


def list_all(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_list(chosen, output))


async def _list(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        found = await session.call(ListConnections())
    if output.json:
        for each in found.connections:
            card = found.cards.get(each.name)
            told = {"card": fields(card)} if card is not None and output.verbose else {}
            output.record("connection", **_fields(each), locked=each.name in found.locked, **told)
        output.record("secrets", kept_in=found.keeps_secrets_in, can_keep=found.can_keep_secrets)
        return 0
    _print_list(output, found)
    if not found.connections:
        _print_found(output, look_around(os.environ))
    if output.verbose:
        for each in (one for one in found.connections if one.kind == "s3"):
            output.line("")
            _print_card(output, each.name, found.cards.get(each.name))
    return 0


def _print_list(output: Output, found: ConnectionList) -> None:
    lines = [
        (
            safe_text(each.name),
            _endpoint(each),
            safe_text(each.region) or "–",
            _source(each.credentials) + (" (locked)" if each.name in found.locked else ""),
            format_when(each.tested_at, 0) or "never",
        )
        for each in found.connections
    ]
    if lines:
        output.table(("NAME", "ENDPOINT", "REGION", "KEYS", "TESTED"), lines)
    else:
        output.say("No connections yet. Make one: haulier connections add NAME --help")
    if found.profiles:
        names = ", ".join(safe_text(name) for name in found.profiles)
        output.say(f"AWS profiles without a connection: {names} (haulier connections import aws)")
    if found.profiles_trouble:
        output.say(safe_text(found.profiles_trouble))
    output.say(f"Typed secrets are kept in: {safe_text(found.keeps_secrets_in)}")


def _print_found(output: Output, around: Surroundings) -> None:
    """What else is here for a first connection, by name and place, and how it is used."""
    if around.hub_at == "HF_TOKEN":
        output.say("A Hub token is in HF_TOKEN: hf:// uses it as it is")
    elif around.hub_at:
        output.say(f"A Hub token is in {safe_text(around.hub_at)} (haulier connections import hub)")
    if around.old is not None:
        many = len(around.old.names)
        output.say(
            f"OpsKit's {safe_text(around.old.path)}: {many} connection{'s' if many != 1 else ''} "
            f"(haulier connections import opskit --dry-run)"
        )
        if around.old.trouble:
            output.say(f"  {safe_text(around.old.trouble)}")
    if around.variables:
        output.say(f"Of the environment, for s3://: {', '.join(around.variables)}")


def show(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_show(chosen, output))


async def _show(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        connection = await _named(session, chosen.name)
        found = await session.call(ListConnections())
    card = found.cards.get(connection.name)
    locked = connection.name in found.locked
    if output.json:
        told = fields(card) if card is not None else None
        output.record("connection", **_fields(connection), locked=locked, card=told)
        return 0
    is_hub = connection.kind == "hub"
    of_s3 = (("region", safe_text(connection.region) or "–"), ("addressing", connection.addressing))
    for name, value in (
        ("kind", "Hub" if is_hub else "S3"),
        ("endpoint", _endpoint(connection)),
        *(() if is_hub else of_s3),
        ("TLS", "checked" if connection.verify_tls else "certificates are not checked"),
        ("proxy", safe_text(connection.proxy) or "as the environment says"),
        ("token" if is_hub else "keys", _source(connection.credentials) + (" (locked)" if locked else "")),
        ("tested", format_when(connection.tested_at, 0) or "never"),
    ):
        output.line(f"{name:<20}{value}")
    if not is_hub:
        _print_card(output, connection.name, card)
    return 0


def add(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_add(chosen, output))


async def _add(chosen: Namespace, output: Output) -> int:
    kind: Literal["s3", "hub"] = "hub" if chosen.hub else "s3"
    keys = read_keys(chosen, kind, needed=True)
    connection = Connection(
        name=chosen.name,
        kind=kind,
        proxy=chosen.proxy or "",
        endpoint=chosen.endpoint or "",
        region=chosen.region or "",
        addressing=chosen.addressing or "auto",
        ca_file=ca_file_of(chosen),
        verify_tls=chosen.verify_tls is not False,
        credentials=credentials_of(chosen, keys) or ChainCredentials(),
    )
    async with open_session(chosen) as session:
        return await _test_and_save(session, output, chosen, connection, keys, replaces="")


def edit(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_edit(chosen, output))


async def _edit(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        old = await _named(session, chosen.name)
        if chosen.hub and old.kind != "hub":
            raise HaulierError(
                Code.USAGE, f"{safe_text(old.name)} is an S3 connection", "Add another one for a Hub."
            )
        keys = read_keys(chosen, old.kind, needed=False)
        changes: dict[str, object] = {
            "name": chosen.rename,
            "endpoint": chosen.endpoint,
            "proxy": chosen.proxy,
            "region": chosen.region,
            "addressing": chosen.addressing,
            "ca_file": ca_file_of(chosen) if chosen.ca_file is not None else None,
            "verify_tls": chosen.verify_tls,
            "credentials": credentials_of(chosen, keys),
        }
        given = {name: value for name, value in changes.items() if value is not None}
        if not given and chosen.store is None:
            raise HaulierError(
                Code.USAGE, "Nothing to change was given", "See: haulier connections edit --help"
            )
        changed = msgspec.structs.replace(old, **given)
        return await _test_and_save(session, output, chosen, changed, keys, replaces=old.name)


async def _test_and_save(
    session: Session,
    output: Output,
    chosen: Namespace,
    connection: Connection,
    keys: SecretKeys | None,
    *,
    replaces: str,
) -> int:
    store = chosen.store
    if keys is not None or store is not None:
        store = await choose_store(session, output, store)
    report = await session.call(TestConnection(connection=connection, keys=keys, bucket=chosen.bucket))
    _print_report(output, connection.name, report)
    if not report.ok and not chosen.untested:
        output.say("Not saved. To save it as it is: --untested")
        return FAILED_TEST
    if report.ok and report.region and not connection.region:
        connection = msgspec.structs.replace(connection, region=report.region)
        # Another region is another connection to the engine, so what was tested is what is saved.
        report = await session.call(TestConnection(connection=connection, keys=keys, bucket=chosen.bucket))
    saved = await session.call(
        SaveConnection(
            connection=connection,
            keys=keys,
            replaces=replaces,
            untested_ok=chosen.untested,
            store=store,
        )
    )
    if output.json:
        output.record("connection", **_fields(saved))
    else:
        look = "repos search --connection {} WORDS" if saved.kind == "hub" else "ls {}:"
        name = safe_text(saved.name)
        output.say(f"Saved: {name}. Look around: haulier {look.format(name)}")
    return 0


def test(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_test(chosen, output))


async def _test(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        connection = await _named(session, chosen.name)
        report = await session.call(
            TestConnection(connection=connection, bucket=chosen.bucket, write=chosen.write)
        )
    _print_report(output, connection.name, report)
    if report.card is not None and not output.json:
        _print_card(output, connection.name, report.card, write=f"test {connection.name} --bucket B --write")
    return 0 if report.ok else FAILED_TEST


def remove(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_remove(chosen, output))


async def _remove(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:

        async def remove_one(name: str) -> None:
            await session.call(RemoveConnection(name=name))
            if output.json:
                output.record("removed", name=name)
            else:
                output.say(f"Removed: {safe_text(name)}")

        return await for_each(output, chosen.names, remove_one)


def bring(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_bring(chosen, output))


async def _bring(chosen: Namespace, output: Output) -> int:
    if chosen.what == "opskit":
        from tui.cli.opskit import bring_opskit

        return await bring_opskit(chosen, output)
    if chosen.dry_run or chosen.scrub or chosen.store is not None:
        raise HaulierError(Code.USAGE, "--dry-run, --scrub and --store are for import opskit")
    if chosen.what == "hub":
        return await _bring_hub(chosen, output)
    async with open_session(chosen) as session:
        before = {each.name for each in (await session.call(ListConnections())).connections}
        after = await session.call(ImportProfiles(names=tuple(chosen.names)))
    new = [each for each in after.connections if each.name not in before]
    for each in new:
        if output.json:
            output.record("connection", **_fields(each))
        else:
            output.say(
                f"Made: {safe_text(each.name)} (untested: haulier connections test {safe_text(each.name)})"
            )
    if not new and not output.json:
        output.say("No AWS profile is without a connection.")
    return 0


async def _bring_hub(chosen: Namespace, output: Output) -> int:
    """A connection that refers to the token file of the Hub's own tools; the token stays there."""
    if len(chosen.names) > 1:
        raise HaulierError(Code.USAGE, "The Hub's token becomes one connection", "Give one name, or none.")
    path = hub_token_file(os.environ)
    if not path.is_file():
        told = " HF_TOKEN is set, and hf:// uses it as it is." if os.environ.get("HF_TOKEN") else ""
        raise HaulierError(
            Code.NOT_FOUND,
            f"There is no Hub token at {safe_text(str(path))}.{told}",
            "Make one with `hf auth login`, or type it: haulier connections add NAME --hub",
        )
    endpoint = hub_from_environment(os.environ)[0].endpoint
    credentials = TokenFileCredentials(path=str(path))
    async with open_session(chosen) as session:
        connections = (await session.call(ListConnections())).connections
        like = [one for one in connections if one.credentials == credentials and one.endpoint == endpoint]
        if like:
            output.say(f"{safe_text(like[0].name)} refers to {safe_text(str(path))} already.")
            return 0
        taken = {one.name for one in connections}
        free = next(
            name for name in ("hub", *(f"hub-{n}" for n in range(2, len(taken) + 3))) if name not in taken
        )
        saved = await session.call(
            SaveConnection(
                connection=Connection(
                    name=chosen.names[0] if chosen.names else free,
                    kind="hub",
                    endpoint=endpoint,
                    credentials=credentials,
                ),
                untested_ok=True,
            )
        )
    if output.json:
        output.record("connection", **_fields(saved))
    else:
        name = safe_text(saved.name)
        output.say(f"Made: {name} (untested: haulier connections test {name}). The token stays where it is.")
    return 0


# ---------------------------------------------------------------- what was typed


async def _named(session: Session, name: str) -> Connection:
    for each in (await session.call(ListConnections())).connections:
        if each.name == name:
            return each
    raise HaulierError(
        Code.NOT_FOUND, f"There is no connection called {safe_text(name)!r}", "See: haulier connections list"
    )


# ---------------------------------------------------------------- how it is shown


def _print_report(output: Output, name: str, report: TestReport) -> None:
    if output.json:
        checks = [{"name": each.name, "ok": each.ok, "detail": each.detail} for each in report.checks]
        card = fields(report.card) if report.card is not None else None
        output.record("test", connection=name, ok=report.ok, checks=checks, advice=report.advice, card=card)
        return
    for each in report.checks:
        sign, look = {True: ("✓", "good"), False: ("✗", "bad"), None: ("–", "quiet")}[each.ok]
        output.say(f"{output.paint(sign, look)} {each.name:<6} {safe_text(each.detail)}".rstrip())
    if report.advice:
        output.say(safe_text(report.advice))


def _print_card(output: Output, name: str, card: CapabilityCard | None, write: str = "") -> None:
    """What the service can do, in words; `write` is the command that would find out the rest."""
    if card is None:
        output.line(f"{safe_text(name)}: {UNKNOWN} (haulier connections test {safe_text(name)})")
        return
    output.line(f"{safe_text(name)}: what the service can do, {age_words(card, time.time())}")
    shown = rows(card)
    for row in shown:
        output.line(f"  {row.name:<20}{row.words}")
    if write and any(row.words == UNKNOWN for row in shown) and not card.written:
        output.say(f"What is {UNKNOWN} needs a write test: haulier connections {safe_text(write)}")


def _endpoint(connection: Connection) -> str:
    official = "the official Hub" if connection.kind == "hub" else "AWS"
    return safe_text(connection.endpoint) or official


def _source(credentials: Credentials) -> str:
    match credentials:
        case TokenFileCredentials(path=path):
            return f"token file {safe_text(path)}"
        case ProfileCredentials(profile=profile):
            return f"profile {safe_text(profile)}"
        case ChainCredentials():
            return "AWS chain"
        case AnonymousCredentials():
            return "anonymous"
        case FileCredentials():
            return "encrypted file"
        case SessionCredentials():
            return "engine's memory"
    return "keyring"


def _fields(connection: Connection) -> dict[str, object]:
    return {
        "name": connection.name,
        "kind": connection.kind,
        "proxy": connection.proxy,
        "endpoint": connection.endpoint,
        "region": connection.region,
        "addressing": connection.addressing,
        "verify_tls": connection.verify_tls,
        "keys": _source(connection.credentials),
        "tested": iso(connection.tested_at),
    }
