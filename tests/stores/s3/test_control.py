"""Credentials, regions and buckets through boto3."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from core.errors import BadCredentials, FatalTrouble
from core.model import ChainCredentials, Connection, Credentials, ProfileCredentials, SecretKeys
from core.stores.base import Metadata
from core.stores.s3 import S3Service
from core.stores.s3.control import Control
from tests.servers import S3Server


def no_keys(ref: str) -> SecretKeys:
    raise AssertionError(f"no keys should be asked for, not {ref}")


def aws_config(home: Path, text: str) -> None:
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / "config").write_text(text)


def control_of(credentials: Credentials, **settings: str) -> Control:
    return Control(Connection(name="x", credentials=credentials, **settings), no_keys)  # type: ignore[arg-type]


def test_a_profile_gives_keys_region_and_endpoint(isolated_home: Path) -> None:
    """Everything that the profile says is used; the environment of the engine has no say in the endpoint."""
    aws_config(
        isolated_home,
        "[profile p]\naws_access_key_id = AK\naws_secret_access_key = SK\nregion = eu-north-1\n"
        "endpoint_url = http://profile.example:9000/base\n",
    )
    control = control_of(ProfileCredentials(profile="p"))
    keys = control.credentials()
    assert keys is not None
    assert (keys.access_key, keys.secret_key) == ("AK", "SK")
    assert control.home_region == "eu-north-1"
    assert control.endpoint.locate("b", "x").root == "/base/b"


def test_the_environment_steers_only_the_chain(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch, moto_server: S3Server
) -> None:
    """AWS_PROFILE and AWS_ENDPOINT_URL of the engine do not reach connections with typed keys."""
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    service = S3Service(moto_server.connection(), moto_server.keys_for)
    service.list_buckets()
    assert Control(Connection(name="aws", credentials=ChainCredentials()), no_keys).endpoint.is_aws
    service.close()


def test_a_missing_profile_is_bad_credentials() -> None:
    """With a sentence that names it."""
    with pytest.raises(BadCredentials, match="nowhere"):
        control_of(ProfileCredentials(profile="nowhere")).credentials()


def test_no_credentials_at_all() -> None:
    """The chain finds nothing here."""
    with pytest.raises(BadCredentials, match="no credentials"):
        control_of(ChainCredentials(), endpoint="http://127.0.0.1:1").client()


def test_credentials_of_a_process_are_refreshed(isolated_home: Path) -> None:
    """`credential_process` is asked again when its keys are about to expire, and not before."""
    counter = isolated_home / "count"
    program = isolated_home / "keys.py"
    program.write_text(
        "import json, pathlib, sys, datetime\n"
        f"path = pathlib.Path({str(counter)!r})\n"
        "n = int(path.read_text()) + 1 if path.exists() else 1\n"
        "path.write_text(str(n))\n"
        "minutes = 1 if n == 1 else 600\n"
        "when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'AK{n}', 'SecretAccessKey': 'S',\n"
        "                  'SessionToken': 'T', 'Expiration': when.isoformat()}))\n"
    )
    aws_config(isolated_home, f"[profile p]\ncredential_process = {sys.executable} {program}\n")
    control = control_of(ProfileCredentials(profile="p"))
    seen = [keys.access_key for keys in (control.credentials() for _ in range(3)) if keys]
    assert seen[-1] == "AK2"
    assert counter.read_text() == "2"


def test_a_credential_process_that_fails(isolated_home: Path) -> None:
    """Bad credentials, not a crash."""
    aws_config(isolated_home, f"[profile p]\ncredential_process = {sys.executable} -c 'raise SystemExit(3)'\n")
    with pytest.raises(BadCredentials):
        control_of(ProfileCredentials(profile="p")).credentials()


def test_an_sso_login_that_is_over(isolated_home: Path) -> None:
    """An expired SSO session is bad credentials with botocore's advice."""
    aws_config(
        isolated_home,
        "[profile p]\nsso_session = s\nsso_account_id = 111122223333\nsso_role_name = r\nregion = us-east-1\n"
        "[sso-session s]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n",
    )
    with pytest.raises(BadCredentials):
        control_of(ProfileCredentials(profile="p")).credentials()


def test_a_bucket_in_another_region(moto_server: S3Server) -> None:
    """It is created where the connection is at home, and its region is learnt from the server."""
    name = f"far-{time.time_ns()}"
    connection = Connection(
        name="far",
        endpoint=moto_server.endpoint,
        region="eu-west-1",
        credentials=moto_server.connection().credentials,
    )
    service = S3Service(connection, moto_server.keys_for)
    service.create_bucket(name)
    assert moto_server.boto3().get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    other = S3Service(moto_server.connection(), moto_server.keys_for)
    assert other.find_region(name) == "eu-west-1"
    other.bucket(name).put("k", b"x", Metadata())
    assert [bucket.name for bucket in other.list_buckets() if bucket.name == name] == [name]
    service.close()
    other.close()


def test_same_service() -> None:
    """Same endpoint and same credentials, whatever the names; anything else is another service."""
    mine = Connection(name="a", endpoint="http://h:1/", credentials=ProfileCredentials(profile="p"))
    same = Connection(name="b", endpoint="http://h:1", credentials=ProfileCredentials(profile="p"), region="x")
    key = Connection(name="c", endpoint="http://h:1", credentials=ProfileCredentials(profile="q"))
    host = Connection(name="d", endpoint="http://h:2", credentials=ProfileCredentials(profile="p"))
    services = [S3Service(connection, no_keys) for connection in (mine, same, key, host)]
    assert [services[0].same_service(other) for other in services] == [True, True, False, False]


def test_a_bad_ca_file_stops_the_control_plane_too(moto_server: S3Server) -> None:
    """One clear sentence from either plane."""
    connection = Connection(
        name="x",
        endpoint="https://127.0.0.1:1",
        ca_file="/nowhere/ca.pem",
        credentials=moto_server.connection().credentials,
    )
    with pytest.raises(FatalTrouble, match=r"ca\.pem"):
        S3Service(connection, moto_server.keys_for).list_buckets()


def test_tags_of_a_stat(moto_server: S3Server) -> None:
    """HEAD counts them; they are fetched when they are asked for."""
    service = S3Service(moto_server.connection(), moto_server.keys_for)
    bucket = service.bucket(moto_server.new_bucket())
    bucket.put("k", b"x", Metadata(tags={"a": "1"}))
    info = bucket.stat("k")
    assert (info.tag_count, info.metadata.tags) == (1, {})
    assert bucket.tags_of(info) == {"a": "1"}
    assert service.abilities.known().items() >= {"tag_count": True, "tags": True}.items()
    assert json.dumps(service.control.tags(bucket.name, "k")) == '{"a": "1"}'
    service.close()


def test_a_wrong_region_is_put_right(versitygw_server: S3Server) -> None:
    """Every first request finds the server's region by itself, also those that botocore does not redirect."""
    name = versitygw_server.new_bucket()
    connection = msgspec.structs.replace(versitygw_server.connection(), region="eu-west-1")
    firsts: list[Callable[[S3Service], object]] = [
        lambda service: service.list_buckets(),
        lambda service: service.has_bucket(name),
        lambda service: service.find_region(name),
        lambda service: service.bucket(name).stage("k", 1, Metadata()),
        lambda service: service.bucket(name).put("k", b"x", Metadata()),
        lambda service: service.bucket(name).stat("k"),
    ]
    for first in firsts:
        service = S3Service(connection, versitygw_server.keys_for)
        assert first(service)
        service.bucket(name).put("k", b"x", Metadata())
        service.close()
