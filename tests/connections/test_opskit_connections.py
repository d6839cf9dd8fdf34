"""Old connections of OpsKit's tool: every shape read, every trouble placed, every secret gone after a scrub."""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Code, HaulierError
from core.model import ChainCredentials, ProfileCredentials
from core.opskit_connections import OldFile, free_names, read_old, scrub

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# As OpsKit's own tool writes it.
PROD = {
    "name": "prod",
    "aws_access_key": "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_key": b64(SECRET),
    "aws_region": "us-east-1",
    "s3_endpoint": "http://minio.example:9000",
}


def written(folder: Path, content: Any) -> Path:
    path = folder / "connections.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    return path


def the_one(old: OldFile) -> tuple[str, str, str, str, str]:
    (each,) = old.found
    assert each.keys is not None, old
    connection = each.connection
    return (
        connection.name, connection.endpoint, connection.region, each.keys.access_key_id,
        each.keys.secret_access_key,
    )  # fmt: skip


EXPECTED = ("prod", "http://minio.example:9000", "us-east-1", "AKIAIOSFODNN7EXAMPLE", SECRET)


@pytest.mark.parametrize(
    "content",
    [
        {"prod": PROD},
        {"prod": {name: value for name, value in PROD.items() if name != "name"}},
        [PROD],
        {"connections": [PROD]},
        {"connections": {"prod": PROD}, "version": 3},
        {"prod": {"endpoint": PROD["s3_endpoint"], "region": "us-east-1", "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
                  "secretAccessKey": SECRET}},
        {"prod": {"endpoint_url": PROD["s3_endpoint"], "region_name": "us-east-1",
                  "access_key": b64("AKIAIOSFODNN7EXAMPLE"), "secret_key_b64": b64(SECRET)}},
    ],
)  # fmt: skip
def test_every_shape_gives_the_same(content: Any, tmp_path: Path) -> None:
    """An object, a list, either inside `connections`; spellings; base64 of the secret, of both, of none."""
    assert the_one(read_old(written(tmp_path, content))) == EXPECTED


def test_which_secrets_were_encoded_is_told(tmp_path: Path) -> None:
    """And a plain one that looks like base64 stays as it is."""
    old = read_old(written(tmp_path, {"a": PROD, "b": {**PROD, "name": "b", "aws_secret_key": SECRET}}))
    assert [each.encoding for each in old.found] == ["base64", "plain"]
    assert {each.keys.secret_access_key for each in old.found if each.keys} == {SECRET}
    for word in ("minioadmin", "password", "admin123", "changeme", "test1234"):
        plain = read_old(written(tmp_path, {"a": {**PROD, "aws_secret_key": word}}))
        assert plain.found[0].encoding == "plain", word


def test_references_stay_references(tmp_path: Path) -> None:
    """No access key: the default chain, as OpsKit did; a profile's name: that profile."""
    content = {
        "default": {**PROD, "aws_access_key": "", "aws_secret_key": "", "s3_endpoint": ""},
        "lab": {"profile": "lab", "region": "eu-west-1", "endpoint_url": None, "last_used": "2025-01-01"},
    }
    chain, profile = read_old(written(tmp_path, {"s3_connections": content})).found
    assert chain.connection.credentials == ChainCredentials()
    assert profile.connection.credentials == ProfileCredentials(profile="lab")
    assert (chain.keys, profile.keys, profile.unknown) == (None, None, ())


def test_what_is_not_understood_is_named(tmp_path: Path) -> None:
    """Fields of a connection, and members beside the connections; never their values."""
    content = {"theme": "dark", "prod": {**PROD, "role_arn": "arn:secret", "Multi Part": 5}}
    old = read_old(written(tmp_path, content))
    assert old.unknown == ("theme",)
    assert old.found[0].unknown == ("role_arn", "Multi Part")
    assert "arn:secret" not in repr(old) + repr(old.found)


@pytest.mark.parametrize(
    ("member", "why"),
    [
        ({**PROD, "aws_secret_key": ""}, "taken out before"),
        ({**PROD, "aws_access_key": ""}, "no access key id"),
        ({**PROD, "s3_endpoint": "minio.example:9000"}, "lacks http:// or https://"),
        ({**PROD, "aws_region": 7}, "aws_region (line 9, column 19) is no text"),
        ({"access_key": "AKIA", "secret_b64": "no base64 at all"}, "said to be base64"),
    ],
)
def test_one_that_cannot_be_is_placed_and_the_others_go_on(
    member: dict[str, Any], why: str, tmp_path: Path
) -> None:
    """Its name, line and column, and why, without its secret; the one beside it is read."""
    content = {"good": {"profile": "p"}, "bad": {**member, "name": "bad"}}
    old = read_old(written(tmp_path, content))
    assert [each.connection.name for each in old.found] == ["good"]
    (bad,) = old.refused
    assert (bad.name, bad.line, bad.column) == ("bad", 5, 10)
    assert why in bad.why
    assert SECRET not in bad.why
    assert b64(SECRET) not in bad.why


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n  "prod": {"a": }\n}', "line 2, column 17"),
        ("", "line 1, column 1"),
        ('{"prod": {', "line 1, column 11"),
        ("7", "line 1, column 1: connections are a list"),
        ('{"connections": [], "x": 1', "line 1, column 27"),
        (json.dumps(PROD), "line 1, column 1: this is one connection without a name"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_corrupt_file_names_the_place(text: str, place: str, tmp_path: Path) -> None:
    """File, line and column; and the file is untouched."""
    path = written(tmp_path, text)
    with pytest.raises(HaulierError, match=re.escape(place)) as damaged:
        read_old(path)
    assert damaged.value.code is Code.USAGE
    assert str(path) in damaged.value.message
    assert path.read_text() == text


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """The place of the first byte that is not UTF-8."""
    path = tmp_path / "connections.json"
    path.write_bytes(b'{\n "a\xff": 1}')
    with pytest.raises(HaulierError, match="line 2, column 4: a byte that is not UTF-8"):
        read_old(path)


def test_a_scrub_takes_the_secrets_and_nothing_else(tmp_path: Path) -> None:
    """Byte for byte the same but for the secrets, which are empty texts; only the owner may read it; nothing is
    left beside it; and it can be read again."""
    text = '\ufeff{ "prod":\t{"name":"prod","aws_access_key":"AKIA", "aws_secret_key" : "%s",'
    text += '"sessionToken":"%s"},\r\n'
    text = text % (b64(SECRET).replace("/", "\\/"), b64("a-session-token"))
    path = tmp_path / "connections.json"
    path.write_bytes((text + '"other":{"profile":"p", "nöte":"é"}}').encode())
    path.chmod(0o644)
    old = read_old(path)
    before = path.read_bytes()
    scrub(old, tuple(each for each in old.found if each.keys is not None))
    expected = before.replace(b64(SECRET).replace("/", "\\/").encode(), b"")
    assert path.read_bytes() == expected.replace(b64("a-session-token").encode(), b"")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["connections.json"]
    again = read_old(path)
    assert [each.connection.name for each in again.found] == ["other"]
    assert "taken out before" in again.refused[0].why


def test_only_moved_ones_are_scrubbed(tmp_path: Path) -> None:
    """The secret of a connection that was not taken over stays where it is."""
    other = {**PROD, "name": "other", "aws_secret_key": b64("another-secret")}
    path = written(tmp_path, {"prod": PROD, "other": other})
    old = read_old(path)
    scrub(old, old.found[:1])
    left = json.loads(path.read_text())
    assert (left["prod"]["aws_secret_key"], left["other"]) == ("", other)


@pytest.mark.parametrize(
    "again",
    [
        f'"note": "{b64(SECRET)}"',  # in a field that is not understood
        f'"aws_secret_key": "{b64(SECRET)}"',  # the name given twice
        f'"note": "was {SECRET}"',  # in plain text
    ],
)
def test_a_secret_that_stands_twice_is_not_half_scrubbed(again: str, tmp_path: Path) -> None:
    """The second place is named and the file is left as it was, instead of seeming clean."""
    text = json.dumps({"prod": PROD})[:-2] + f",\n{again}}}}}"
    path = written(tmp_path, text)
    old = read_old(path)
    with pytest.raises(HaulierError, match="stands once more, at line 2") as refused:
        scrub(old, old.found)
    assert SECRET not in refused.value.message
    assert path.read_text() == text


def test_a_file_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """OpsKit's tool wrote it between the reading and the scrub."""
    path = written(tmp_path, {"prod": PROD})
    old = read_old(path)
    path.write_text(json.dumps({"new": PROD}))
    with pytest.raises(HaulierError, match="changed meanwhile"):
        scrub(old, old.found)
    assert "new" in json.loads(path.read_text())


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is scrubbed."""
    (tmp_path / "real").mkdir()
    path = written(tmp_path / "real", {"prod": PROD})
    (tmp_path / "link.json").symlink_to(path)
    old = read_old(tmp_path / "link.json")
    scrub(old, old.found)
    assert (tmp_path / "link.json").is_symlink()
    assert b64(SECRET) not in path.read_text()


def test_a_plain_secret_that_stands_encoded_too_is_not_half_scrubbed(tmp_path: Path) -> None:
    """In a field whose meaning is taken already."""
    text = json.dumps({"prod": {**PROD, "aws_secret_key": SECRET, "secret_key_b64": b64(SECRET)}})
    path = written(tmp_path, text)
    old = read_old(path)
    with pytest.raises(HaulierError, match="stands once more"):
        scrub(old, old.found)
    assert path.read_text() == text


def test_a_connection_may_be_called_like_a_field(tmp_path: Path) -> None:
    """A file of one connection named "ak" is no connection without a name."""
    path = written(tmp_path, {"AK": {**PROD, "name": "c0"}})
    assert [each.connection.name for each in read_old(path).found] == ["c0"]


@pytest.mark.parametrize("name", ["生产", "a b/c", "s3", "-x-", "", "x" * 200, "a\x1b[31m:b"])
def test_hostile_names_become_names(name: str, tmp_path: Path) -> None:
    """Whatever it was called, it gets a name that can be written before a colon; others come after it."""
    path = written(tmp_path, {name or "?": {**PROD, "name": name}})
    (each,) = read_old(path).found
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", each.connection.name)
    assert each.connection.name != "s3"
    choices = list(free_names(name, {"a", "b"}))
    assert len(set(choices)) == len(choices) >= 3


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4, unique=True),
    secrets=st.lists(st.text("abcXYZ019+/-_", min_size=9, max_size=40), min_size=4, max_size=4, unique=True),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
)
def test_no_secret_survives(
    names: list[str],
    secrets: list[str],
    indent: int | None,
    ascii_only: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whatever the names and the layout: afterwards no secret is in the file, in any writing."""
    path = tmp_path_factory.mktemp("o") / "c.json"
    content = {
        name: {**PROD, "name": f"c{number}", "aws_secret_key": b64(secrets[number])}
        for number, name in enumerate(names)
    }
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    old = read_old(path)
    assert not old.refused
    scrub(old, old.found)
    left = path.read_text(encoding="utf-8")
    for secret in secrets[: len(names)]:
        assert secret not in left
        assert b64(secret) not in left
    assert os.listdir(path.parent) == ["c.json"]
