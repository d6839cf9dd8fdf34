"""The options of a job as fields of a form, and back: what each means, and what is wrong with a typed one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Literal, cast

from msgspec import structs

from core.model import MOST_CONNECTIONS, MOST_WORKERS, Compare, JobKind, JobOptions, Links, Tool
from core.settings import RETRY_PRESETS
from core.timetable import parse_limit
from core.units import duration_text, format_bytes, parse_duration, parse_size, size_text
from tui.keys import key_of
from tui.widgets.form import Ask

SMALLEST_PART = 5 * 1024**2
LARGEST_PART = 5 * 1024**3

# S3's classes, and nothing: the store's own default (Amazon S3 User Guide, "Storage classes").
STORAGE_CLASSES = (
    "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE",
    "REDUCED_REDUNDANCY", "EXPRESS_ONEZONE", "OUTPOSTS", "SNOW",
)  # fmt: skip

COPY_MEANS = "new and changed; never deletes"
SYNC_MEANS = "makes the target like the source"
VERIFY_MEANS = "compares content; moves nothing"


def asks(kind: JobKind, options: JobOptions) -> list[Ask]:
    """All fields, filled with these options."""
    return [
        Ask(
            "kind",
            "what",
            _KINDS_MEAN[kind],
            kind.value,
            (("copy", "copy"), ("sync", "sync"), ("verify", "verify")),
            more="All look at both sides first and show a plan. Nothing begins before you have seen it.",
        ),
        Ask(
            "delete",
            "extra at target",
            "what only the target has stays",
            "yes" if options.delete else "no",
            (("no", "keep"), ("yes", "DELETE")),
            more="What the source does not have. DELETE lists it in the plan and asks for YES.",
        ),
        Ask(
            "compare",
            "same when",
            _COMPARE_MEANS[options.compare],
            options.compare.value,
            (("time", "size and time"), ("size", "size"), ("checksum", "checksum")),
            more="Checksum uses what the stores know; where they know nothing, the bytes are read.",
        ),
        Ask(
            "include",
            "only",
            "globs, spaces between; empty: all",
            written_globs(options.include),
            placeholder="*.json logs/",
            more="Without /: names at any depth. With / at the end: a folder. Quotes keep spaces.",
        ),
        Ask(
            "exclude",
            "leave out",
            "globs; wins over the line above",
            written_globs(options.exclude),
            placeholder="*.tmp .cache/",
            more="With sync, what is left out is not deleted at the target either.",
        ),
        Ask(
            "skip_smaller_than",
            "skip below",
            "size; empty: nothing is too small",
            (size_text(options.skip_smaller_than) if options.skip_smaller_than else ""),
            placeholder="1MiB",
            more="Files smaller than this are not moved.",
        ),
        Ask(
            "links",
            "symbolic links",
            _LINKS_MEAN[options.links],
            options.links,
            (("skip", "leave out"), ("follow", "follow inside"), ("all", "follow all")),
            more="The plan and the end list those left out. Links in a circle are not followed.",
        ),
        Ask(
            "names",
            "odd names",
            _NAMES_MEAN[options.names],
            options.names,
            (("skip", "leave out"), ("escape", "escape")),
            more="Keys that no file can have: a//b, ../x, too long. a//b is escaped as a/%2F/b.",
        ),
        Ask(
            "workers",
            "files at once",
            "empty: found by measuring",
            _number(options.workers),
            placeholder="auto",
            more=f"Changed while the job runs with {key_of('more_workers')} and {key_of('fewer_workers')}.",
        ),
        Ask(
            "connections",
            "per file",
            "connections; empty: by measuring",
            _number(options.connections),
            placeholder="auto",
            more="A large file is moved in parts over several connections at once. "
            f"{key_of('fewer_connections')} and {key_of('more_connections')} later.",
        ),
        Ask(
            "part_size",
            "part size",
            "empty: fits the size of the file",
            (size_text(options.part_size) if options.part_size else ""),
            placeholder="auto",
            more="5 MiB to 5 GiB; raised by itself so that no object needs more than 10 000 parts.",
        ),
        Ask(
            "bandwidth",
            "limit",
            "of this job; empty: none",
            options.timetable or (size_text(options.bandwidth) if options.bandwidth else ""),
            placeholder="50MiB/s",
            more='Or by the clock: "08:00,10MiB 19:00,off". Can be changed while the job runs, with '
            f"{key_of('tune_bandwidth')}.",
        ),
        Ask(
            "tool",
            "fetched by",
            _TOOL_MEANS[options.tool],
            options.tool,
            (("native", "haulier"), ("auto", "auto"), ("aria2c", "aria2c"), ("wget", "wget"), ("xet", "xet")),
            more="All share progress, resume and proof. aria2c, wget and xet have to be installed here.",
        ),
        Ask(
            "extract",
            "archives",
            "kept as they come",
            "yes" if options.extract else "no",
            (("no", "leave packed"), ("yes", "extract")),
            more="Each tar or zip becomes a folder of its name: only files and folders, nothing outside it.",
        ),
        Ask(
            "delete_tar",
            "the archive",
            "stays beside its folder",
            "yes" if options.delete_tar else "no",
            (("no", "keep"), ("yes", "delete it")),
            more="Deleted only when its folder is complete and on the disk for good.",
        ),
        Ask(
            "server_side",
            "between buckets",
            "the store copies by itself",
            "yes" if options.server_side else "no",
            (("yes", "server side"), ("no", "through here")),
            more="Within one service the store can copy without the bytes passing here: faster and cheaper.",
        ),
        Ask(
            "storage_class",
            "storage class",
            "of what is written to S3",
            options.storage_class,
            (("", "the store's own"), *((name, name) for name in STORAGE_CLASSES)),
            more="Stores that do not know a class refuse it; the job then stops and says so.",
        ),
        Ask(
            "on_unfinished",
            "unfinished",
            "uploads found at the target",
            options.on_unfinished,
            (("resume", "go on with them"), ("clean", "start over")),
            more="Parts of earlier uploads of the same files are checked and kept, or removed first.",
        ),
        Ask(
            "retry",
            "network errors",
            meaning("retry", options.retry),
            options.retry,
            tuple((name, name) for name in _retries(options.retry)),
            more="Throttling and lost networks are waited out; a refused file gets three tries.",
        ),
        Ask(
            "file_seconds",
            "time per file",
            "empty: no limit",
            duration_text(options.file_seconds),
            placeholder="2h",
            more="A file that takes longer fails, and the job goes on. Time without network does not count.",
        ),
        Ask(
            "reserve",
            "keep free",
            "on the disk; empty: the setting",
            (size_text(options.reserve) if options.reserve != -1 else ""),
            placeholder="10GiB",
            more="The job stops and waits before the target disk has less than this left.",
        ),
    ]


def _retries(chosen: str) -> tuple[str, ...]:
    """The presets, and delays that were written out, in the settings or for the job that is repeated."""
    return RETRY_PRESETS if chosen in RETRY_PRESETS else (*RETRY_PRESETS, chosen)


_KINDS_MEAN: dict[str, str] = {
    JobKind.COPY: COPY_MEANS,
    JobKind.SYNC: SYNC_MEANS,
    JobKind.VERIFY: VERIFY_MEANS,
}
_COMPARE_MEANS = {
    Compare.TIME: "same size, target not older",
    Compare.SIZE: "same size, whatever the time",
    Compare.CHECKSUM: "same content; slower",
}
_LINKS_MEAN = {
    "skip": "told, not followed",
    "follow": "what they lead to, if inside",
    "all": "what they lead to, anywhere",
}
_NAMES_MEAN = {
    "skip": "told, not copied",
    "escape": "as %XX; uploading undoes it",
}
_TOOL_MEANS: dict[str, str] = {
    "native": "parts over many connections",
    "auto": "haulier, unless there is a reason",
    "aria2c": "if installed; over its own RPC",
    "wget": "if installed; one stream a file",
    "xet": "the Hub's own protocol, by hf_xet",
}
_RETRY_MEANS = {
    "patient": "5 s … 5 min, up to 48 h a file",
    "quick": "5 tries: 2, 4, 8, 16, 32 s",
    "steady": "30 tries, 5 s longer each time",
}


def meaning(name: str, value: str) -> str:
    """What a choice means at its present value; empty when its standing words do."""
    match name, value:
        case "kind", _:
            return _KINDS_MEAN.get(value, "")
        case "delete", "yes":
            return "removes what only it has"
        case "compare", _:
            return _COMPARE_MEANS[Compare(value)]
        case "links", _:
            return _LINKS_MEAN.get(value, "")
        case "names", _:
            return _NAMES_MEAN.get(value, "")
        case "tool", _:
            return _TOOL_MEANS.get(value, "")
        case "extract", "yes":
            return "into a folder of their name"
        case "delete_tar", "yes":
            return "once its folder is complete"
        case "server_side", "no":
            return "streamed through this machine"
        case "retry", _:
            return _RETRY_MEANS.get(value, "delays in seconds, as written")
        case _:
            return ""


def fields_for(
    kind: JobKind, *, from_s3: bool, to_s3: bool, to_disk: bool, from_web: bool = False, extract: bool = False
) -> list[str]:
    """The fields that mean something for a job of this kind between these ends. `from_web`: from a Hub, a list
    or a URL."""
    names = ["kind"]
    if kind is JobKind.VERIFY:
        names += ["include", "exclude", "skip_smaller_than", "workers", "bandwidth"]
        names += [] if from_s3 or from_web else ["links"]
        return [*names, *(["names"] if to_disk or not (from_s3 or from_web) else []), "retry", "file_seconds"]
    names += ["delete"] if kind is JobKind.SYNC else []
    names += [
        "compare",
        "include",
        "exclude",
        "skip_smaller_than",
        "workers",
        "connections",
        "part_size",
        "bandwidth",
    ]
    names += ["tool"] if from_web else []
    names += ["extract"] if to_disk and (from_web or from_s3) else []
    names += ["delete_tar"] if to_disk and extract else []
    names += [] if from_s3 or from_web else ["links"]
    names += ["names"] if to_disk or not (from_s3 or from_web) else []
    names += ["server_side"] if from_s3 and to_s3 else []
    names += ["storage_class", "on_unfinished"] if to_s3 else []
    names += ["retry", "file_seconds"]
    return names + (["reserve"] if to_disk else [])


def read(values: Mapping[str, str]) -> tuple[JobKind, JobOptions, dict[str, str]]:
    """The options typed; and by field name what is wrong, in words. Fields that are missing are at default."""
    wrong: dict[str, str] = {}

    def words(name: str) -> tuple[str, ...]:
        try:
            return tuple(shlex.split(values.get(name, "")))
        except ValueError:
            wrong[name] = "a quote is not closed"
            return ()

    def size(name: str, empty: int = 0) -> int:
        text = values.get(name, "").strip()
        try:
            return parse_size(text) if text else empty
        except ValueError:
            wrong[name] = "like 50MiB, 5GB or 1048576"
            return empty

    def number(name: str, most: int) -> int:
        text = values.get(name, "").strip()
        if not text or text == "auto":
            return 0
        if text.isdecimal() and text.isascii() and 1 <= int(text) <= most:
            return int(text)
        wrong[name] = f"a number from 1 to {most}, or empty"
        return 0

    def duration(name: str) -> float:
        text = values.get(name, "").strip()
        try:
            return parse_duration(text) if text else 0.0
        except ValueError:
            wrong[name] = "like 90s, 15m or 1h30m, or empty"
            return 0.0

    def limit() -> tuple[int, str]:
        text = values.get("bandwidth", "").strip()
        try:
            return parse_limit(text) if text else (0, "")
        except ValueError:
            wrong["bandwidth"] = "like 50MiB/s, or 08:00,10MiB 19:00,off, or empty"
            return 0, ""

    kind = JobKind(values.get("kind", JobKind.COPY))
    part_size = size("part_size")
    if part_size and not SMALLEST_PART <= part_size <= LARGEST_PART and "part_size" not in wrong:
        wrong["part_size"] = f"from {format_bytes(SMALLEST_PART)} to {format_bytes(LARGEST_PART)}"
    bandwidth, timetable = limit()
    options = JobOptions(
        include=words("include"),
        exclude=words("exclude"),
        workers=number("workers", MOST_WORKERS),
        connections=number("connections", MOST_CONNECTIONS),
        part_size=part_size,
        bandwidth=bandwidth,
        timetable=timetable,
        compare=Compare(values.get("compare", Compare.TIME)),
        skip_smaller_than=size("skip_smaller_than"),
        links=cast(Links, values.get("links", "skip")),
        names=cast(Literal["skip", "escape"], values.get("names", "skip")),
        storage_class=values.get("storage_class", "").strip().upper(),
        on_unfinished=cast(Literal["resume", "clean"], values.get("on_unfinished", "resume")),
        server_side=values.get("server_side", "yes") == "yes",
        delete=kind is JobKind.SYNC and values.get("delete") == "yes",
        retry=values.get("retry", "patient"),
        tool=cast(Tool, values.get("tool", "native")),
        extract=values.get("extract") == "yes",
        delete_tar=values.get("extract") == "yes" and values.get("delete_tar") == "yes",
        reserve=size("reserve", empty=-1),
        file_seconds=duration("file_seconds"),
    )
    return kind, options, wrong


def with_the_rest(options: JobOptions, before: JobOptions) -> JobOptions:
    """The options typed, with those that have no field as they were before."""
    kept = ("priority", "csv", "progress_csv", "failed_log")
    return structs.replace(options, **{name: getattr(before, name) for name in kept})


def written_globs(patterns: tuple[str, ...]) -> str:
    """Globs as a person writes them: quoted only where there is a space, a quote or a backslash."""
    return " ".join(shlex.quote(one) if any(char in " \t'\"\\" for char in one) else one for one in patterns)


def _number(n: int) -> str:
    return str(n) if n else ""
