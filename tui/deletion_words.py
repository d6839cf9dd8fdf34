"""A plan's deletions in words, the same on the screen and on the command line. Pure; safe to show."""

from __future__ import annotations

from core.model import JobView, PlanSummary
from core.safe_text import safe_text
from core.units import format_count


def shares_of_target(plan: PlanSummary) -> tuple[float, float]:
    """Which part of the targets' objects and of their bytes goes, 0 to 1."""
    count = sum(pair.target_total.count for pair in plan.pairs)
    size = sum(pair.target_total.bytes for pair in plan.pairs)
    return (plan.delete.count / count if count else 0.0, plan.delete.bytes / size if size else 0.0)


def share_of_target(plan: PlanSummary) -> str:
    """ "0.02 % of the target's objects, 1.3 % of its bytes", "everything the target has", or nothing where the
    target's size is not known."""
    objects, size = shares_of_target(plan)
    if not objects:
        return ""
    if objects >= 1:
        return "everything the target has"
    of_bytes = f", {percent(size)} of its bytes" if size else ""
    return f"{percent(objects)} of the target's objects{of_bytes}"


def percent(share: float) -> str:
    """ "0.02 %", "41.2 %"; never rounded to nothing or to all."""
    if share <= 0 or share >= 1:
        return f"{100 * share:.0f} %"
    value = 100 * share
    shown = f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 99.95 else "99.9"
    return f"{'under 0.01' if shown == '0.00' else shown} %"


def undo_words(plan: PlanSummary, job: int = 0) -> str:
    """Whether what goes can come back: "can be undone (haulier undelete 7): the target keeps versions"."""
    how = f"haulier undelete {job or 'JOB'}"
    kept = {pair.versioning for pair in plan.pairs if pair.delete.count}
    if kept == {"enabled"}:
        return f"can be undone ({how}): the target keeps versions"
    if "enabled" in kept:
        return f"can be undone in part ({how}): not every target keeps versions"
    if "suspended" in kept:
        return f"can perhaps be undone ({how}): the target's versioning is suspended"
    if "unknown" in kept:
        return "are final, unless the target keeps versions, which it does not tell"
    if "off" in kept:
        return "are final: the target keeps no versions"
    local = any(pair.delete.count and pair.target.kind == "local" for pair in plan.pairs)
    return "are final: a folder keeps no versions" if local else "are final"


def after_deleting(job: JobView) -> list[str]:
    """What to say at the end of a job that deleted: what was kept, where the rest is written down, the way
    back."""
    plan, counts = job.plan, job.counts
    if plan is None or not counts.to_delete:
        return []
    lines: list[str] = []
    if kept := counts.to_delete - counts.deleted:
        lines.append(f"{format_count(kept)} were not deleted: haulier show {job.id} --status failed tells why")
    if counts.deleted and plan.undo_file:
        lines.append(f"What was deleted is written down in {safe_text(plan.undo_file)}")
        lines.append(f"Deletions {undo_words(plan, job.id)}")
    return lines


def short_share(plan: PlanSummary) -> str:
    """The same as `share_of_target` for a column: "0.02 % of the target, 1.3 % of bytes"."""
    objects, size = shares_of_target(plan)
    if not 0 < objects < 1:
        return share_of_target(plan)
    return f"{percent(objects)} of the target, {percent(size)} of bytes" if size else share_of_target(plan)
