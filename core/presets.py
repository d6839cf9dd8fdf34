"""The kept presets: `presets.json` in the config folder. A preset is a job to be made again under a name.

What `s3://` and `hf://` mean is not kept: it is what they mean to whoever uses the preset. A URL with a query
is not kept either, because its query may be a signature, and the file holds no secret.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from core.errors import Code, HaulierError
from core.json_records import JsonRecords, Problem
from core.model import JobSpec, Preset
from core.safe_text import safe_text

LONGEST_DESCRIPTION = 500  # characters
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Presets = tuple[Preset, ...]


class PresetRegistry:
    """The presets, in the order of their names. Thread-safe; several processes may use one file."""

    def __init__(self, path: Path) -> None:
        self._records = JsonRecords(path, "presets", Preset, lambda preset: preset.name, _check)

    def list(self) -> Presets:
        """Raises HaulierError (usage) when the file is damaged or cannot be read."""
        return self._records.list()

    def keep(self, preset: Preset, *, replace: bool = False) -> Presets:
        """Add one. Keeping the same once more changes nothing.

        Raises HaulierError: usage when it cannot be kept, refused when the name is another one's and it is not
        to `replace` that.
        """
        try:
            _check(preset)
        except Problem as problem:
            shown = safe_text(preset.name, 60) or "(no name)"
            raise HaulierError(Code.USAGE, f"The preset {shown} cannot be kept: {problem.words}") from None

        def change(old: Presets) -> Presets:
            before = next((each for each in old if each.name == preset.name), None)
            if before is not None and not replace and not _alike(before, preset):
                raise HaulierError(
                    Code.REFUSED,
                    f"There is a preset {preset.name} already.",
                    "Choose another name, or replace it.",
                )
            same = before is not None and _alike(before, preset)
            made = before.made if before is not None and same else preset.made or time.time()
            return (
                *(each for each in old if each.name != preset.name),
                msgspec.structs.replace(preset, made=made),
            )

        self._records.change(change)
        return self.list()

    def rename(self, name: str, new: str) -> Presets:
        """Raises HaulierError: not_found, usage when `new` cannot be a name, refused when it is taken."""
        check_preset_name(new)

        def change(old: Presets) -> Presets:
            one = _named(old, name)
            if new != name and any(each.name == new for each in old):
                raise HaulierError(Code.REFUSED, f"There is a preset {new} already.", "Choose another name.")
            return (*(each for each in old if each is not one), msgspec.structs.replace(one, name=new))

        self._records.change(change)
        return self.list()

    def drop(self, name: str) -> Presets:
        """Raises HaulierError: not_found."""

        def change(old: Presets) -> Presets:
            one = _named(old, name)
            return tuple(each for each in old if each is not one)

        self._records.change(change)
        return self.list()


def again(spec: JobSpec) -> JobSpec:
    """What makes a job's like once more. What `s3://` and `hf://` mean is said anew by whoever asks for it.

    Raises HaulierError (usage) for a job that is only about another one."""
    if spec.broken_of or spec.batch_of:
        of = spec.broken_of or spec.batch_of
        raise HaulierError(
            Code.USAGE, f"It belongs to job {of}, and is not made again by itself.", f"Take job {of} instead."
        )
    return msgspec.structs.replace(spec, adhoc=None)


def preset_of(name: str, spec: JobSpec, description: str = "") -> Preset:
    """A preset that makes the same job again. Raises HaulierError (usage) as `again`."""
    return Preset(name=name, spec=again(spec), description=description)


def check_preset_name(name: str) -> str:
    """The name, when it can be one; a number would be a job's. Raises HaulierError (usage)."""
    if problem := _name_problem(name):
        raise HaulierError(
            Code.USAGE, problem, "Up to 64 letters, digits, “.”, “_” and “-”, not a number alone."
        )
    return name


def _name_problem(name: str) -> str:
    if not name:
        return "A preset needs a name."
    if not _NAME.fullmatch(name) or name.isdecimal():
        return f"{safe_text(name, 60)!r} cannot be the name of a preset."
    return ""


def _named(presets: Presets, name: str) -> Preset:
    found = next((each for each in presets if each.name == name), None)
    if found is None:
        raise HaulierError(
            Code.NOT_FOUND, f"There is no preset {safe_text(name, 60)}.", "`haulier presets list` shows all."
        )
    return found


def _alike(one: Preset, other: Preset) -> bool:
    return (one.spec, one.description) == (other.spec, other.description)


def _check(preset: Preset) -> None:
    if problem := _name_problem(preset.name):
        raise Problem("name", problem)
    if len(preset.description) > LONGEST_DESCRIPTION:
        raise Problem("description", f"the description is longer than {LONGEST_DESCRIPTION} characters")
    spec = preset.spec
    if not spec.pairs:
        raise Problem("spec", "it moves nothing: it has no source and target")
    if spec.adhoc is not None or spec.broken_of or spec.batch_of or spec.batch:
        raise Problem("spec", "it is tied to one job")
    for pair in spec.pairs:
        for place in (pair.source, pair.target):
            if _may_hold_a_secret(place.url):
                raise Problem(
                    "spec", f"a URL at {_host(place.url)} has a query, or a password, "
                    "and a preset holds nothing that may be secret"
                )  # fmt: skip


def _host(url: str) -> str:
    try:
        return safe_text(urlsplit(url).hostname or "", 60) or "no host"
    except ValueError:
        return "no host"


def _may_hold_a_secret(url: str) -> bool:
    if not url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return bool(parts.query) or "@" in parts.netloc
