"""A frozen plan as people read it and as scripts read it."""

from __future__ import annotations

from core.model import UNSIZED, Action, ItemView, JobView, PairPlan, PlanSummary, Tally
from core.safe_text import safe_text
from core.units import format_bytes, format_count, format_size
from tui.deletion_words import share_of_target, shares_of_target, undo_words

_SIGNS = {
    Action.COPY: "+",
    Action.OVERWRITE: "~",
    Action.DELETE: "-",
    Action.VERIFY: "=",
    Action.CANNOT: "!",
}


def plan_lines(job: JobView, examples: list[ItemView]) -> list[str]:
    """The plan pair by pair and in total, why things are skipped or cannot be done, warnings, examples."""
    plan = job.plan or PlanSummary()
    lines = [f"Plan of job {job.id} ({job.spec.kind}):"]
    for pair in plan.pairs:
        lines.append(f"  {safe_text(str(pair.source))} → {safe_text(str(pair.target))}  [{pair.method}]")
        lines.extend(f"    {line}" for line in _tallies(pair))
        if pair.creates_bucket:
            lines.append(f"    creates the bucket {safe_text(pair.target.bucket)}")
    if len(plan.pairs) > 1:
        lines.append("  in total")
        lines.extend(f"    {line}" for line in _tallies(plan))
    lines.extend(f"  skipped: {safe_text(why)}: {format_count(count)}" for why, count in plan.skip_reasons)
    lines.extend(f"  cannot: {safe_text(why)}: {format_count(count)}" for why, count in plan.cannot_reasons)
    lines.extend(f"  {line}" for line in deletion_lines(job))
    lines.extend(f"  warning: {safe_text(warning)}" for warning in plan.warnings)
    if examples:
        lines.append("  for example")
        lines.extend(f"    {_example(item)}" for item in examples)
    return lines


def plan_fields(job: JobView) -> dict[str, object]:
    """The fields of the JSON plan: `copy`, `overwrite`, `skip`, `delete`, each {count, bytes}, and `hash`; and
    `unsized` where the bytes are not all, because there are files whose size nobody tells."""
    plan = job.plan or PlanSummary()
    tallies = {"copy": plan.copy, "overwrite": plan.overwrite, "skip": plan.skip, "delete": plan.delete}
    fields: dict[str, object] = {
        name: {"count": tally.count, "bytes": tally.bytes} for name, tally in tallies.items()
    }
    if plan.unsized:
        fields["unsized"] = plan.unsized
    return {**fields, "hash": plan.hash}


def share_deleted(plan: PlanSummary) -> str:
    """ "12 objects (4.0 MiB), 3.0 % of the target's objects, 41.2 % of its bytes" for the question."""
    objects = "object" if plan.delete.count == 1 else "objects"
    count, size = format_count(plan.delete.count), format_bytes(plan.delete.bytes)
    share = share_of_target(plan)
    return f"{count} {objects} ({size}){f', {share}' if share else ''}"


def deletion_lines(job: JobView) -> list[str]:
    """What there is to know of a plan's deletions: the share, whether they can be undone, the second word."""
    plan = job.plan or PlanSummary()
    if not plan.delete.count:
        return []
    lines = [f"deletes {share_deleted(plan)}", f"deletions {undo_words(plan, job.id)}"]
    if plan.undo_file:
        lines.append(f"what is deleted is written down in {safe_text(plan.undo_file)}")
    if plan.delete_word:
        flag, why = f"--confirm-delete {plan.delete.count}", safe_text(plan.delete_why)
        lines.append(f"asks for a second word, {plan.delete_word} ({flag}): {why}")
    return lines


def deletion_fields(job: JobView) -> dict[str, object] | None:
    """The same for scripts; None where nothing is deleted. Shares are 0 to 1."""
    plan = job.plan or PlanSummary()
    if not plan.delete.count:
        return None
    objects, size = shares_of_target(plan)
    return {
        "count": plan.delete.count,
        "bytes": plan.delete.bytes,
        "share_objects": round(objects, 6),
        "share_bytes": round(size, 6),
        "second_word": plan.delete_word,
        "why": plan.delete_why,
        "undo_file": plan.undo_file,
        "versioning": {str(pair.target): pair.versioning for pair in plan.pairs if pair.delete.count},
    }


def _tallies(plan: PlanSummary | PairPlan) -> list[str]:
    named = (
        ("copy", plan.copy, plan.unsized),
        ("overwrite", plan.overwrite, plan.unsized),
        ("delete", plan.delete, 0),
        ("skip", plan.skip, 0),
        ("cannot", plan.cannot, 0),
    )
    lines = [f"{name:<10}{_tally(tally, unsized)}" for name, tally, unsized in named if tally.count]
    return lines or ["nothing to do"]


def _tally(tally: Tally, unsized: int) -> str:
    """`unsized`: some may be of a size that nobody tells before they are read."""
    if unsized and not tally.bytes:
        return f"{format_count(tally.count)} (size not known beforehand)"
    return f"{format_count(tally.count)} ({'≥ ' if unsized else ''}{format_bytes(tally.bytes)})"


def _example(item: ItemView) -> str:
    """What is not called at the source as it is at the target shows where it comes from."""
    sign, name = _SIGNS[item.action], safe_text(item.filename)
    if item.error:
        size = f"  {format_bytes(item.expected_size)}" if item.expected_size > 0 else ""
        return f"{sign} {name}{size}  {safe_text(item.error)}"
    where = f"  {safe_text(item.url)}" if item.expected_size == UNSIZED else ""
    return f"{sign} {name}  {format_size(item.expected_size)}{where}"
