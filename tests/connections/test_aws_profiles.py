"""Reading the AWS config files for names and places."""

from __future__ import annotations

import os
from pathlib import Path

import botocore.session
import pytest

from core.aws_profiles import AwsProfile, profiles
from core.errors import Code, HaulierError

CREDENTIALS = """
[default]
aws_access_key_id = AKEY
aws_secret_access_key = very%secret
[beijing]
aws_access_key_id = BKEY
aws_secret_access_key = other-secret
region = cn-north-1
"""
CONFIG = """
# a comment
[default]
region = eu-west-1
[profile oregon]
region = us-west-2
sso_session = mine
[profile "two words"]
endpoint_url = http://localhost:9000
[profile served]
services = local
[services local]
s3 =
  endpoint_url = http://localhost:4566
[sso-session mine]
sso_region = us-east-1
"""


@pytest.fixture
def home(isolated_home: Path) -> Path:
    (isolated_home / ".aws").mkdir()
    return isolated_home


def test_profiles_of_both_files(home: Path) -> None:
    """Both files together, the default first; regions and endpoints, and the same names as botocore finds."""
    (home / ".aws/credentials").write_text(CREDENTIALS)
    (home / ".aws/config").write_text(CONFIG)
    found = profiles({}, home)
    assert found == (
        AwsProfile(name="default", region="eu-west-1"),
        AwsProfile(name="beijing", region="cn-north-1"),
        AwsProfile(name="oregon", region="us-west-2"),
        AwsProfile(name="served", endpoint="http://localhost:4566"),
        AwsProfile(name="two words", endpoint="http://localhost:9000"),
    )
    assert {each.name for each in found} == set(botocore.session.Session().available_profiles)


def test_the_files_can_be_elsewhere(home: Path, tmp_path: Path) -> None:
    """The two environment variables name the files, `~/` included; missing files hold no profile."""
    (tmp_path / "c").write_text("[here]\n")
    (home / "d").write_text("[profile there]\n")
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "c"), "AWS_CONFIG_FILE": "~/d"}
    assert [each.name for each in profiles(environ, home)] == ["here", "there"]
    assert profiles({}, home) == ()
    assert profiles({"AWS_CONFIG_FILE": str(tmp_path / "c" / "none")}, home) == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"aws_secret_access_key = very-secret\n[default]\n", 1),
        (b"[default]\n[broken very-secret\n", 2),
        (b"[default]\n= very-secret\n", 2),
        (b"[default]\nregion = x\nsecret = \xff\xfe\n", 3),
    ],
)
def test_a_damaged_file_is_named_with_its_line_and_not_quoted(home: Path, text: bytes, line: int) -> None:
    """The error says which file and line, and repeats nothing of what may be a secret; the file stays."""
    path = home / ".aws/credentials"
    path.write_bytes(text)
    with pytest.raises(HaulierError) as damaged:
        profiles({}, home)
    assert damaged.value.code is Code.USAGE
    assert f"{path}, line {line}:" in damaged.value.message
    assert "very-secret" not in damaged.value.message
    assert path.read_bytes() == text


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "huge"])
def test_what_is_no_config_file_is_named_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    """A pipe that nobody writes to, a folder, a device without end, a file of gigabytes."""
    path = tmp_path / "config"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/zero")
    else:
        path.touch()
        os.truncate(path, 2**32)
    with pytest.raises(HaulierError) as refused:
        profiles({"AWS_CONFIG_FILE": str(path)}, tmp_path)
    assert str(path) in refused.value.message


def test_no_file_is_said_by_the_null_device(home: Path) -> None:
    """The usual way to have none of one kind: the other is read as ever."""
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / "config").write_text("[profile beijing]\nregion = cn-north-1\n")
    nothing = {"AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    assert [profile.name for profile in profiles(nothing, home)] == ["beijing"]
