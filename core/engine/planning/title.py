"""What a job is called where nobody gave it a name."""

from __future__ import annotations

from core.model import JobKind, JobSpec


def make_title(spec: JobSpec) -> str:
    """Sources and target, buckets of one connection together."""
    if spec.batch_of:
        what = "check of batch" if spec.kind is JobKind.VERIFY else "batch"
        return f"{what} {spec.batch} of job {spec.batch_of}: {_places(spec)}"
    if spec.broken_of:
        what = "again" if spec.kind is JobKind.VERIFY else "repair"
        return f"{what} {spec.broken_of}: {_places(spec)}"
    return _places(spec)


def _places(spec: JobSpec) -> str:
    sources = [str(pair.source) for pair in spec.pairs]
    first = spec.pairs[0].source
    if len(sources) > 1 and all(
        p.source.connection == first.connection and p.source.bucket for p in spec.pairs
    ):
        names = ", ".join(f"{p.source.bucket}/{p.source.path}".rstrip("/") for p in spec.pairs[:3])
        more = f" and {len(spec.pairs) - 3} more" if len(spec.pairs) > 3 else ""
        shown = f"{first.connection}:{names}{more}"
    else:
        shown = ", ".join(sources[:2]) + (f" and {len(sources) - 2} more" if len(sources) > 2 else "")
    targets = {str(pair.target) for pair in spec.pairs}
    target = spec.pairs[0].target
    if len(targets) == 1:
        return f"{shown} → {target}"
    return f"{shown} → {target.connection + ':' if target.connection else target.path}"
