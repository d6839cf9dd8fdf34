"""What can be refused of a job before anything is looked at, and of a start before anything moves."""

from __future__ import annotations

from core.engine.moving.by_tool import check_tool
from core.engine.moving.limit_desk import check_timetable
from core.engine.network.retry import parse_policy
from core.engine.planning.extract_rules import check_extract
from core.engine.records.options import check_records
from core.errors import Code, HaulierError
from core.messages import StartJob
from core.model import (
    ADHOC_HUB,
    ADHOC_S3,
    MOST_CONNECTIONS,
    MOST_WORKERS,
    JobKind,
    JobOptions,
    JobSpec,
    Pair,
    PlanSummary,
)
from core.storage_classes import check_storage_class
from core.units import format_count

LEAST_PART, LARGEST_PART = 5 * 1024**2, 5 * 1024**3  # bytes, of S3
_WRITABLE = "A target is a folder of this machine, or a bucket: NAME:bucket/prefix, s3://bucket/prefix."


def check_job(spec: JobSpec) -> None:
    """Raises HaulierError (usage) for the first thing that cannot be."""
    if not spec.pairs:
        raise HaulierError(Code.USAGE, "a job needs a source and a target")
    _check_options(spec.options)
    check_records(spec)
    check_tool(spec)
    check_extract(spec)
    if spec.options.delete and spec.kind is not JobKind.SYNC:
        raise HaulierError(Code.USAGE, "only a sync deletes", "use sync --delete, or leave --delete out")
    several = spec.adhoc if isinstance(spec.adhoc, tuple) else (spec.adhoc,)
    if any(each is not None and each.name not in (ADHOC_S3, ADHOC_HUB) for each in several):
        raise HaulierError(
            Code.USAGE, f"connections described with a job must be called {ADHOC_S3} or {ADHOC_HUB}"
        )
    for pair in spec.pairs:
        _check_pair(spec, pair)


def check_start(plan: PlanSummary, command: StartJob) -> None:
    """A plan that deletes much is confirmed twice, whichever face asks. Raises HaulierError (refused)."""
    if plan.delete_word and command.confirm_delete != plan.delete_word:
        raise HaulierError(
            Code.REFUSED,
            f"job {command.job} deletes much, {format_count(plan.delete.count)} in all ({plan.delete_why}): "
            "not confirmed a second time",
            f"type {plan.delete_word} after YES (on the command line --confirm-delete {plan.delete.count}); "
            "a program of an older version cannot ask for it",
        )


def check_at_once(workers: int, connections: int) -> None:
    """Raises HaulierError (usage); 0 is automatic."""
    for name, asked, most in (
        ("workers", workers, MOST_WORKERS),
        ("connections", connections, MOST_CONNECTIONS),
    ):
        if not 0 <= asked <= most:
            raise HaulierError(Code.USAGE, f"{name} are 1 to {most}, or 0 for automatic")


def _check_options(options: JobOptions) -> None:
    parse_policy(options.retry)
    check_storage_class(options.storage_class)
    check_timetable(options.timetable)
    chosen = "leave --part-size out to have it chosen"
    if options.part_size and options.part_size < LEAST_PART:
        raise HaulierError(Code.USAGE, "parts must have at least 5 MiB", chosen)
    if options.part_size > LARGEST_PART:
        raise HaulierError(Code.USAGE, "parts can have at most 5 GiB", chosen)
    check_at_once(options.workers, options.connections)
    if not 0 <= options.file_seconds < float("inf"):
        raise HaulierError(Code.USAGE, "the time for one file is a number of seconds, or 0 for no limit")


def _check_pair(spec: JobSpec, pair: Pair) -> None:
    source, target = pair.source, pair.target
    for place in (source, target):
        if place.kind == "s3" and not place.bucket:
            raise HaulierError(Code.USAGE, f"{place}: name a bucket", f"for example {place}bucket/")
    if target.kind not in ("local", "s3"):
        raise HaulierError(Code.USAGE, f"{target}: nothing can be written there", _WRITABLE)
    if source.kind == "disk" and spec.kind is not JobKind.VERIFY:
        raise HaulierError(Code.USAGE, f"{source}: a disk's manifest holds no content, only digests")
    if source.kind in ("web", "list") and spec.options.delete:
        raise HaulierError(
            Code.USAGE,
            f"{source}: nothing is deleted for what a list does not name",
            "copy it, without --delete",
        )
    if source.kind == "hub" and not source.bucket:
        raise HaulierError(Code.USAGE, f"{source}: name a repository", "hf://datasets/org/name")
    if source == target:
        raise HaulierError(Code.USAGE, f"{source}: source and target are the same place")
