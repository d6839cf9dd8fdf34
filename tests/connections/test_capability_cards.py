"""Cards: kept with their connections, merged, told in words, and of no harm when they are damaged."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from core import messages
from core.capability_card import (
    CapabilityCard,
    ChecksumFact,
    age_words,
    fields,
    fingerprint,
    merged,
    rows,
    summary,
)
from core.capability_cards import CardBook
from core.connection_desk import ConnectionDesk
from core.connection_trial import try_connection
from core.connections import ConnectionRegistry
from core.messages import ListConnections, RemoveConnection, SaveConnection
from core.model import Connection, ProfileCredentials
from core.secrets import SecretVault
from tests.servers import S3Server

PLAIN = Connection(name="store", endpoint="http://127.0.0.1:1")


def card_for(connection: Connection, **facts: object) -> CapabilityCard:
    return msgspec.structs.replace(CapabilityCard(made_for=fingerprint(connection), made=1.0), **facts)


def test_what_is_not_seen_again_stays() -> None:
    """A new look overrules an old one where it saw something, False included, and nowhere else."""
    old = card_for(
        PLAIN,
        made=5.0,
        if_match=True,
        copy=False,
        skew=3.0,
        server="old",
        written=4.0,
        checksums=(ChecksumFact(algorithm="sha256", accepted=True, checked=True),),
    )
    new = card_for(
        PLAIN,
        made=9.0,
        if_match=False,
        skew=0.0,
        server="new",
        checksums=(
            ChecksumFact(algorithm="sha256", echoed=False),
            ChecksumFact(algorithm="crc32c", accepted=False),
        ),
    )
    card = merged(old, new)
    assert (card.if_match, card.copy, card.skew, card.server) == (False, False, 0.0, "new")
    assert (card.made, card.written) == (9.0, 4.0)
    assert card.checksum("sha256") == ChecksumFact(
        algorithm="sha256", accepted=True, checked=True, echoed=False
    )
    assert card.checksum("crc32c").accepted is False
    elsewhere = msgspec.structs.replace(old, made_for="other")
    assert merged(elsewhere, new) == new


def test_the_book_keeps_and_forgets(tmp_path: Path) -> None:
    """A card survives the process, follows a new name, goes with its connection, and says nothing of another
    endpoint; a damaged or newer file is as none and is written anew."""
    book = CardBook(tmp_path / "cards")
    assert book.get(PLAIN) is None
    book.add(PLAIN, card_for(PLAIN, if_match=True))
    book.learn(PLAIN, ranges="ignored")
    kept = CardBook(tmp_path / "cards").get(PLAIN)
    assert kept is not None
    assert (kept.if_match, kept.ranges) == (True, "ignored")
    assert book.get(msgspec.structs.replace(PLAIN, endpoint="http://127.0.0.1:2")) is None

    book.rename("store", "main")
    main = msgspec.structs.replace(PLAIN, name="main")
    assert book.get(main) is not None
    assert book.get(PLAIN) is None
    book.remove("main")
    assert CardBook(tmp_path / "cards").get(main) is None

    for damage in (b"{", b'{"version": 99, "made_for": "http://127.0.0.1:1 auto"}', b"\xff" * 10):
        (tmp_path / "cards" / "store.json").write_bytes(damage)
        again = CardBook(tmp_path / "cards")
        assert again.get(PLAIN) is None
        again.add(PLAIN, card_for(PLAIN, copy=True))
        found = CardBook(tmp_path / "cards").get(PLAIN)
        assert found is not None
        assert found.copy is True
    assert (tmp_path / "cards" / "store.json").stat().st_mode & 0o077 == 0


def test_words(tmp_path: Path) -> None:
    """Every fact has a line; unknown ones say so, and what a server calls itself cannot speak to a terminal."""
    empty = rows(CapabilityCard())
    assert {row.words for row in empty} == {"not known yet"}
    assert {row.look for row in empty} == {"quiet"}
    card = card_for(PLAIN, server="a\x1b[31mb[@click=app.quit]", skew=420.0, ranges="206", if_match=False)
    words = {row.name: row.words for row in rows(card)}
    assert "\x1b" not in words["server"]
    assert words["clock"] == "7 min ahead of this machine's"
    works, missing, unknown = summary(card)
    assert "ranges" in works
    assert "If-Match on GET ignored" in missing
    assert "CopyObject" in unknown
    assert age_words(card, 3601.0) == "seen 1 h ago, no write test yet"
    assert json.loads(json.dumps(fields(card)))["copy"] is None
    assert fields(card)["if_match"] is False


def test_a_profile_is_part_of_what_a_card_is_for() -> None:
    """A profile may name the endpoint, so another profile is another service; a written endpoint is not."""
    one = Connection(name="a", credentials=ProfileCredentials(profile="one"))
    two = msgspec.structs.replace(one, credentials=ProfileCredentials(profile="two"))
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint(msgspec.structs.replace(one, endpoint="http://x")) == fingerprint(
        msgspec.structs.replace(two, endpoint="http://x")
    )


def test_a_test_makes_the_card(s3_server: S3Server) -> None:
    """Reading alone leaves open what needs writing; with writing asked for it is known, and nothing stays."""
    bucket, judge = s3_server.new_bucket(), s3_server.boto3()
    judge.put_object(Bucket=bucket, Key="some/object", Body=b"xyz")
    report = try_connection(s3_server.connection(), s3_server.keys_for, bucket=bucket)
    assert report.card is not None
    assert report.card.ranges
    assert report.card.copy is None
    assert report.card.written == 0
    report = try_connection(s3_server.connection(), s3_server.keys_for, write=True, bucket=bucket)
    assert report.ok, report
    assert report.card is not None
    assert report.card.copy is True
    assert report.card.written > 0
    assert [each["Key"] for each in judge.list_objects_v2(Bucket=bucket)["Contents"]] == ["some/object"]
    assert "Uploads" not in judge.list_multipart_uploads(Bucket=bucket)


def test_no_write_where_objects_are_locked(moto_server: S3Server) -> None:
    """Object lock would keep the test's object for days: nothing is written, and that is said."""
    judge = moto_server.boto3()
    bucket = f"{moto_server.new_bucket()}-locked"
    judge.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    judge.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    report = try_connection(moto_server.connection(), moto_server.keys_for, write=True, bucket=bucket)
    (write,) = (check for check in report.checks if check.name == "write")
    assert write.ok is None
    assert "object lock" in write.detail
    assert "Versions" not in judge.list_object_versions(Bucket=bucket)


def test_a_server_out_of_reach_makes_no_card() -> None:
    """Nothing was seen, so nothing is kept."""
    report = try_connection(PLAIN, lambda ref: pytest.fail(ref))
    assert not report.ok
    assert report.card is None


def test_the_desk_keeps_it_with_the_connection(
    tmp_path: Path, isolated_home: Path, moto_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tested before it is saved, renamed, tested again with less: the card is there and knows all; it goes with
    the connection, and not to one of another endpoint."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    desk = ConnectionDesk(ConnectionRegistry(tmp_path / "connections.json"), SecretVault(), {}, isolated_home)
    bucket = moto_server.new_bucket()
    draft = moto_server.connection("prod")
    test = messages.TestConnection(connection=draft, keys=moto_server.keys, bucket=bucket, write=True)
    assert desk.test(test).card is not None
    assert desk.list(ListConnections()).cards == {}
    saved = desk.save(SaveConnection(connection=draft, keys=moto_server.keys, keys_in_memory=True))
    assert desk.list(ListConnections()).cards["prod"].copy is True

    renamed = desk.save(SaveConnection(connection=msgspec.structs.replace(saved, name="main"), replaces="prod"))
    assert list(desk.list(ListConnections()).cards) == ["main"]
    report = desk.test(messages.TestConnection(connection=renamed))
    assert report.card is not None
    assert report.card.copy is True, "what the write test found is not lost by a test without one"

    moved = msgspec.structs.replace(renamed, endpoint="http://127.0.0.1:1")
    desk.save(SaveConnection(connection=moved, replaces="main", untested_ok=True))
    assert desk.list(ListConnections()).cards == {}
    desk.remove(RemoveConnection(name="main"))
    assert not list((tmp_path / "cards").glob("*.json"))
