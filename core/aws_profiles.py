"""The profiles of the AWS config files, by name and place; nothing secret is read into a value here.

`AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` are honoured, as the AWS SDKs and Tools Reference Guide
("Location of the shared config and credentials files") says; sections are named there "profile NAME" in the
config file and "NAME" in the credentials file.
"""

from __future__ import annotations

import configparser
import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

from core.errors import Code, HaulierError
from core.model import Value

LONGEST = 16 * 1024 * 1024  # characters of a file


class AwsProfile(Value, frozen=True, kw_only=True):
    """A profile as far as a connection needs to know it."""

    name: str
    region: str = ""
    endpoint: str = ""


def profiles(environ: Mapping[str, str], home: Path) -> tuple[AwsProfile, ...]:
    """All profiles, "default" first, then by name. Missing files hold none.

    Raises HaulierError (usage) naming file and line when one is damaged; its text is not quoted.
    """
    credentials = _sections(_path(environ, "AWS_SHARED_CREDENTIALS_FILE", home, "credentials"))
    config = _sections(_path(environ, "AWS_CONFIG_FILE", home, "config"))
    found: dict[str, dict[str, str]] = {}
    for section, values in config.items():
        words = _words(section)
        if section == "default":
            found.setdefault("default", {}).update(values)
        elif len(words) == 2 and words[0] == "profile":
            found.setdefault(words[1], {}).update(values)
    services = {
        words[1]: values
        for section, values in config.items()
        if len(words := _words(section)) == 2 and words[0] == "services"
    }
    for section, values in credentials.items():
        found[section] = {**values, **found.get(section, {})}
    return tuple(
        AwsProfile(name=name, region=values.get("region", ""), endpoint=_endpoint(values, services))
        for name, values in sorted(found.items(), key=lambda item: (item[0] != "default", item[0]))
    )


def _endpoint(values: Mapping[str, str], services: Mapping[str, Mapping[str, str]]) -> str:
    of_s3 = _nested(services.get(values.get("services", ""), {}).get("s3", "")).get("endpoint_url", "")
    return of_s3 or values.get("endpoint_url", "")


def _nested(text: str) -> dict[str, str]:
    """The indented settings below a key: "\\nendpoint_url = http://…"."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _words(section: str) -> list[str]:
    try:
        return shlex.split(section)
    except ValueError:
        return []


def _path(environ: Mapping[str, str], variable: str, home: Path, name: str) -> Path:
    written = environ.get(variable, "")
    if written.startswith("~/"):
        return home / written[2:]
    return Path(written) if written else home / ".aws" / name


def _sections(path: Path) -> dict[str, dict[str, str]]:
    # No default section, as in botocore: [default] is a profile, and gives nothing to the others.
    parser = configparser.RawConfigParser(strict=False, default_section="")
    try:
        text = _text_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise HaulierError(Code.USAGE, f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise HaulierError(Code.USAGE, f"{path}, line {line}: a byte that is not UTF-8.") from None
    try:
        parser.read_string(text)
    except configparser.MissingSectionHeaderError as error:
        raise _damaged(path, error.lineno, "a setting before the first [profile]") from None
    except configparser.ParsingError as error:
        raise _damaged(
            path, error.errors[0][0] if error.errors else 1, "not a setting and not a section"
        ) from None
    except configparser.Error as error:
        raise _damaged(
            path, getattr(error, "lineno", None) or 1, "not readable as an AWS config file"
        ) from None
    return {name: {key: value or "" for key, value in parser.items(name)} for name in parser.sections()}


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _text_of(path: Path) -> str:
    """Raises OSError, UnicodeDecodeError, and HaulierError for what is no such file: a pipe would never end."""
    with open(path, encoding="utf-8", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if os.path.samestat(status, Path(os.devnull).stat()):
            return ""  # the usual way to say that there is none
        if not stat.S_ISREG(status.st_mode):
            raise HaulierError(Code.USAGE, f"{path} is no plain file.", "Name another one, or none.")
        text = file.read(LONGEST + 1)
    if len(text) > LONGEST:
        raise HaulierError(Code.USAGE, f"{path} is too large for an AWS config file.", "Name another one.")
    return text


def _damaged(path: Path, line: int, words: str) -> HaulierError:
    return HaulierError(Code.USAGE, f"{path}, line {line}: {words}.", "Mend the file; it has not been touched.")
