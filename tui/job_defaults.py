"""What the settings say of a job that is put together here, and where each of them says it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import structs

from core.model import JobOptions
from core.settings import Settings
from core.units import format_bytes

# Settings that are an option of a job under the same name. The reserve is the engine's own: an empty field.
OF_A_JOB = ("workers", "connections", "part_size", "retry", "on_unfinished")


def options_by(settings: Settings | None) -> JobOptions:
    """The options of a job of which nothing was said."""
    if settings is None:
        return JobOptions()
    return structs.replace(JobOptions(), **{name: getattr(settings, name) for name in OF_A_JOB})


def said_over(settings: Settings | None, said: JobOptions) -> JobOptions:
    """What was said beside the sources, and for the rest what the settings say."""
    usual = JobOptions()
    changed = {
        name: getattr(said, name)
        for name in JobOptions.__struct_fields__
        if getattr(said, name) != getattr(usual, name)
    }
    return structs.replace(options_by(settings), **changed)


def origins(settings: Settings | None) -> Mapping[str, str]:
    """By field of the form, where its value comes from, in few words; none for what is so by default."""
    if settings is None:
        return {}
    told = {name: short_origin(settings.origins[name]) for name in OF_A_JOB if name in settings.origins}
    if "reserve" in settings.origins:
        told["reserve"] = f"{format_bytes(settings.reserve)}: {short_origin(settings.origins['reserve'])}"
    return told


def short_origin(origin: str) -> str:
    """ "config.toml, line 3", "HAULIER_WORKERS", "--reserve"."""
    kind, _, which = origin.partition(" ")
    if kind in ("flag", "environment"):
        return which
    path, comma, line = origin.partition(", line ")
    return f"{Path(path).name}{comma}{line}"
