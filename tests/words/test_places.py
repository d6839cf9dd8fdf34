"""What a person writes for a place, and what `s3://` means in an environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.adhoc import adhoc_from_environment
from core.errors import Code, HaulierError
from core.model import ChainCredentials, Place, ProfileCredentials, SessionCredentials
from core.places import local_place, parse_place

CWD = Path("/home/me/here")
KNOWN = {"prod": "s3", "dr": "s3", "my-minio": "s3", "mirror": "hub"}


def s3(connection: str, bucket: str = "", path: str = "") -> Place:
    return Place(kind="s3", connection=connection, bucket=bucket, path=path)


@pytest.mark.parametrize("revision", ["", "main", "refs/pr/1", "feature/é@2"])
def test_a_repository_is_written_as_it_is_read(revision: str) -> None:
    place = Place(kind="hub", connection="hf", bucket="datasets/org/name", path="data/x", revision=revision)
    assert parse_place(str(place), cwd=CWD, known=KNOWN) == place


def hub(bucket: str, path: str = "", revision: str = "", connection: str = "hf") -> Place:
    return Place(kind="hub", connection=connection, bucket=bucket, path=path, revision=revision)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("prod:", s3("prod")),
        ("prod:logs", s3("prod", "logs")),
        ("prod:/logs/", s3("prod", "logs")),
        ("prod:logs/a/b", s3("prod", "logs", "a/b")),
        ("prod:logs//a:b/", s3("prod", "logs", "/a:b/")),
        ("my-minio:b/../x", s3("my-minio", "b", "../x")),
        ("s3://", s3("s3")),
        ("s3://b", s3("s3", "b")),
        ("S3://b/x.bin", s3("s3", "b", "x.bin")),
        (".", Place(kind="local", path="/home/me/here/")),
        ("..", Place(kind="local", path="/home/me/here/../")),
        ("out/", Place(kind="local", path="/home/me/here/out/")),
        ("./out", Place(kind="local", path="/home/me/here/out")),
        ("./a:b", Place(kind="local", path="/home/me/here/a:b")),
        ("dir/a:b", Place(kind="local", path="/home/me/here/dir/a:b")),
        ("/", Place(kind="local", path="/")),
        ("/a//b/./c", Place(kind="local", path="/a/b/c")),
        ("file:///a%20b/c", Place(kind="local", path="/a b/c")),
        ("file://localhost/a/", Place(kind="local", path="/a/")),
        ("file:/a?b#c", Place(kind="local", path="/a?b#c")),
        ("hf://gpt2", hub("gpt2")),
        ("hf://gpt2/", hub("gpt2")),
        ("hf://gpt2@main/config.json", hub("gpt2", "config.json", "main")),
        ("hf://org/name", hub("org/name")),
        ("hf://models/org/name/a/b", hub("org/name", "a/b")),
        ("hf://datasets/org/name@refs%2Fpr%2F1/data/", hub("datasets/org/name", "data/", "refs/pr/1")),
        ("hf://spaces/org/name/app.py", hub("spaces/org/name", "app.py")),
        ("mirror:datasets/org/name", hub("datasets/org/name", connection="mirror")),
        ("https://host/a%20b?x=1#y", Place(kind="web", url="https://host/a%20b?x=1")),
        ("list:urls.txt", Place(kind="list", path="/home/me/here/urls.txt")),
        ("disk:/mnt/d", Place(kind="disk", path="/mnt/d")),
    ],
)
def test_forms(text: str, place: Place) -> None:
    """Every form this version has, with keys kept as written and local paths absolute."""
    assert parse_place(text, cwd=CWD, known=KNOWN) == place


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("nope:bucket", "no connection called 'nope'"),
        ("nope:bucket/a", "./nope:bucket/a"),
        ("hf://", "names no repository"),
        ("hf://datasets/", "names no repository"),
        ("hf://gpt2@/config.json", "empty revision"),
        ("https://user:sesame@host/path", "holds a user name or a password"),
        ("http:///path", "not a URL"),
        ("https://host/a b", "holds a space"),
        ("list:", "names no file"),
        ("ftp://x/y", "nothing is known of ftp://"),
        ("s3:bucket/x", "s3://bucket/x"),
        ("s3:///x", "names no bucket"),
        ("file://elsewhere/x", "not on this machine"),
        ("file:///%ff", "UTF-8"),
        ("file:///a%00b", "UTF-8"),
        ("a\0b", "NUL"),
        ("a\udcffb", "UTF-8"),
    ],
)
def test_refused(text: str, says: str) -> None:
    """What is no place is a usage error that quotes it and tells what to write."""
    with pytest.raises(HaulierError) as caught:
        parse_place(text, cwd=CWD, known=KNOWN)
    assert caught.value.code is Code.USAGE
    assert says.lower() in f"{caught.value.message} {caught.value.hint}".lower()


def test_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """`~/x` is in the home folder, also where no shell has replaced it."""
    monkeypatch.setenv("HOME", "/home/u")
    assert local_place("~/x/", cwd=CWD).path == "/home/u/x/"
    assert local_place("~", cwd=CWD).path == "/home/u/"
    assert local_place("~x", cwd=CWD).path == "/home/me/here/~x"


@given(
    st.sampled_from(sorted(name for name, kind in KNOWN.items() if kind == "s3")),
    st.text(alphabet="ab-", min_size=1),
    st.text(alphabet="ab/:. é*"),
)
def test_s3_place_reads_back(connection: str, bucket: str, path: str) -> None:
    """A place written as text is the same place when read."""
    place = s3(connection, bucket, path)
    assert parse_place(str(place), cwd=CWD, known=KNOWN) == place


@given(st.text())
def test_any_text_is_a_place_or_a_usage_error(text: str) -> None:
    """Nothing but HaulierError(USAGE) comes out for what cannot be read."""
    try:
        place = parse_place(text, cwd=CWD, known=KNOWN)
    except HaulierError as error:
        code = error.code
    else:
        code = Code.USAGE
        assert place.kind in ("s3", "hub", "web") or place.path.startswith("/")
    assert code is Code.USAGE


def test_environment_with_keys() -> None:
    """Keys are handed over beside the connection, which holds only a reference made from both of them."""
    environ = {
        "AWS_ACCESS_KEY_ID": "AKIA1",
        "AWS_SECRET_ACCESS_KEY": "sesame",
        "AWS_SESSION_TOKEN": "tok",
        "AWS_ENDPOINT_URL": "http://general",
        "AWS_ENDPOINT_URL_S3": "http://s3only",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CA_BUNDLE": "/ca.pem",
        "AWS_PROFILE": "ignored",
    }
    connection, keys = adhoc_from_environment(environ)
    assert keys is not None
    assert (keys.access_key_id, keys.secret_access_key, keys.session_token) == ("AKIA1", "sesame", "tok")
    assert isinstance(connection.credentials, SessionCredentials)
    assert connection.credentials.ref.startswith("env-")
    assert len(connection.credentials.ref) == 20
    assert (connection.endpoint, connection.region, connection.ca_file) == (
        "http://s3only",
        "eu-west-1",
        "/ca.pem",
    )
    assert "sesame" not in repr(connection) + repr(keys)
    other, _ = adhoc_from_environment({**environ, "AWS_SECRET_ACCESS_KEY": "other"})
    assert other.credentials != connection.credentials


def test_environment_without_keys() -> None:
    """A profile, or else the default chain; nothing to hand over."""
    connection, keys = adhoc_from_environment({"AWS_PROFILE": "prod", "AWS_ENDPOINT_URL": "http://e"})
    assert keys is None
    assert connection.credentials == ProfileCredentials(profile="prod")
    assert adhoc_from_environment({})[0].credentials == ChainCredentials()
    ignoring = {"AWS_ENDPOINT_URL": "http://e", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert adhoc_from_environment(ignoring)[0].endpoint == ""


def test_half_a_key() -> None:
    """One half of a key is a usage error that names the other half and shows neither value."""
    with pytest.raises(HaulierError, match="AWS_SECRET_ACCESS_KEY is not") as caught:
        adhoc_from_environment({"AWS_ACCESS_KEY_ID": "AKIA1"})
    assert "AKIA1" not in caught.value.message
    with pytest.raises(HaulierError, match="AWS_ACCESS_KEY_ID is not"):
        adhoc_from_environment({"AWS_SECRET_ACCESS_KEY": "sesame"})
