"""From a verify job to the job that mends what it found, and to the one that looks again. Pure.

A repair copies what was broken or missing at the target once more from the source, and nothing else; it deletes
nothing. When it has ended, the engine verifies the same items again by itself, under a key that everybody can
reckon: whoever asks for that job gets the one that runs already.
"""

from __future__ import annotations

import msgspec

from core.model import JobKind, JobOptions, JobSpec, JobState, JobView

# Options that say which files a job is about: what verifies it keeps them.
FILTERS = ("include", "exclude", "skip_smaller_than", "names", "links")


def can_repair(job: JobView) -> bool:
    """Whether this is a verify job that found something."""
    return job.spec.kind is JobKind.VERIFY and job.state is JobState.PARTIAL


def repair_spec(verified: JobView) -> JobSpec:
    """What copies again that which a verify job found broken or missing."""
    options = msgspec.structs.replace(verified.spec.options, csv="", progress_csv="", failed_log="")
    return msgspec.structs.replace(
        verified.spec, kind=JobKind.COPY, broken_of=verified.id, extras_ok=False, options=options
    )


def is_repair(spec: JobSpec) -> bool:
    return spec.kind is JobKind.COPY and spec.broken_of > 0


def check_spec(repair: JobSpec) -> JobSpec:
    """What verifies again the items that a repair was about."""
    return msgspec.structs.replace(repair, kind=JobKind.VERIFY)


def check_key(repair_job: int, created: float) -> str:
    """The key of the verify job that follows a repair. `created` tells jobs of different journals apart."""
    return f"check-of-repair-{repair_job}-{created!r}"


def verify_spec(moved: JobSpec, options: JobOptions) -> JobSpec:
    """What verifies a job's places with its own filters (in `options`). What only the target has is a
    difference only where the job was to leave nothing else there."""
    return JobSpec(
        kind=JobKind.VERIFY,
        pairs=moved.pairs,
        options=options,
        adhoc=moved.adhoc,
        broken_of=moved.broken_of,
        extras_ok=moved.extras_ok if moved.kind is JobKind.VERIFY else not moved.options.delete,
    )
