"""A frozen plan as people read it and as scripts read it."""

from __future__ import annotations

from core.model import Action, ItemView, JobView, PairPlan, PlanSummary, Tally
from core.safe_text import safe_text
from core.units import format_bytes, format_count

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
    lines.extend(f"  warning: {safe_text(warning)}" for warning in plan.warnings)
    if examples:
        lines.append("  for example")
        lines.extend(f"    {_example(item)}" for item in examples)
    return lines


def plan_fields(job: JobView) -> dict[str, object]:
    """The fields of the JSON plan: `copy`, `overwrite`, `skip`, `delete`, each {count, bytes}, and `hash`."""
    plan = job.plan or PlanSummary()
    tallies = {"copy": plan.copy, "overwrite": plan.overwrite, "skip": plan.skip, "delete": plan.delete}
    return {
        **{name: {"count": tally.count, "bytes": tally.bytes} for name, tally in tallies.items()},
        "hash": plan.hash,
    }


def share_deleted(plan: PlanSummary) -> str:
    """ "12 objects (4.0 MiB), 3 % of what is there" for the question before a deletion."""
    there = sum(pair.target_total.count for pair in plan.pairs)
    share = f", {plan.delete.count / there:.0%} of what is there" if there else ""
    return f"{_tally(plan.delete)}{share}"


def _tallies(plan: PlanSummary | PairPlan) -> list[str]:
    named = (
        ("copy", plan.copy),
        ("overwrite", plan.overwrite),
        ("delete", plan.delete),
        ("skip", plan.skip),
        ("cannot", plan.cannot),
    )
    lines = [f"{name:<10}{_tally(tally)}" for name, tally in named if tally.count]
    return lines or ["nothing to do"]


def _tally(tally: Tally) -> str:
    return f"{format_count(tally.count)} ({format_bytes(tally.bytes)})"


def _example(item: ItemView) -> str:
    why = f"  {safe_text(item.error)}" if item.error else ""
    return f"{_SIGNS[item.action]} {safe_text(item.filename)}  {format_bytes(item.expected_size)}{why}"
