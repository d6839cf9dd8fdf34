"""A plan put into rows and sentences. Pure; all texts that come out are safe to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.model import Action, ItemView, JobKind, JobState, JobView, PairPlan, PlanSummary, Tally
from core.safe_text import safe_text
from core.units import format_bytes, format_count, format_eta, format_rate, format_size
from tui.deletion_words import share_of_target, short_share, undo_words
from tui.widgets.spans import Line, Span

ENOUGH_TO_JUDGE = 64 * 1024**2  # bytes that an earlier job must have moved before its rate says anything
NAMED = 3  # places named one by one in a sentence


@dataclass(frozen=True)
class PlanRow:
    """One line of the plan's table. `action` is None where no items stand behind it."""

    label: str
    tally: Tally
    how: str
    look: str = ""
    action: Action | None = None
    is_open: bool = False  # not all of its bytes are told beforehand


def bytes_words(tally: Tally, is_open: bool) -> str:
    """The bytes of a line: "–" of nothing, "≥ 1.2 GiB" or "unknown" where sources do not tell."""
    if not tally.count:
        return "–"
    if is_open and not tally.bytes:
        return "unknown"
    return f"{'≥ ' if is_open else ''}{format_bytes(tally.bytes)}"


def rows(plan: PlanSummary, kind: JobKind, deletes: bool, unsized: int = 0) -> tuple[PlanRow, ...]:
    """The five lines: always in this order, also where they are zero, because a zero is an answer too.
    `unsized` of the files to move are of unknown size."""
    how = methods(plan.pairs)
    if unsized:
        how += f", {format_count(unsized)} of unknown size"
    moving = PlanRow("copy", plan.copy, how, "lead", Action.COPY, is_open=unsized > 0)
    if kind is JobKind.VERIFY:
        moving = PlanRow("verify", plan.copy, "content is compared, nothing moves", "lead", Action.VERIFY)
    made = [moving]
    if kind is not JobKind.VERIFY:
        how = "changed at the source" if plan.overwrite.count else "nothing at the target is replaced"
        made.append(
            PlanRow("overwrite", plan.overwrite, how, "warn" if plan.overwrite.count else "", Action.OVERWRITE)
        )
    made.append(PlanRow("skip", plan.skip, reasons(plan.skip_reasons)))
    if plan.delete.count:
        made.append(PlanRow("DELETE", plan.delete, short_share(plan), "bad", Action.DELETE))
    elif kind is JobKind.SYNC:
        how = "nothing extra was found" if deletes else "off: what only the target has stays"
        made.append(PlanRow("delete", plan.delete, how))
    if plan.cannot.count:
        made.append(PlanRow("cannot", plan.cannot, reasons(plan.cannot_reasons), "warn", Action.CANNOT))
    return tuple(made)


def methods(pairs: Iterable[PairPlan]) -> str:
    """How it is moved: "server side", "2 buckets server side, 1 through this machine"."""
    words = {
        "relay": "through this machine, not its disk",
        "server side": "server side",
        "download": "download",
        "upload": "upload",
        "local": "on this machine",
    }
    counted: dict[str, int] = {}
    for pair in pairs:
        if pair.method in words:
            counted[pair.method] = counted.get(pair.method, 0) + 1
    if len(counted) == 1:
        return words[next(iter(counted))]
    return ", ".join(f"{count} {words[method]}" for method, count in counted.items())


def example_lines(examples: Mapping[Action, Sequence[ItemView]], width: int) -> list[Line]:
    """Names of what stands behind the lines of the table: what cannot be moved, and why; what is replaced; what
    is deleted; what is new."""
    looks = {Action.CANNOT: "warn", Action.OVERWRITE: "warn", Action.DELETE: "bad"}
    labels = {Action.DELETE: "DELETE"}
    lines: list[Line] = []
    for action, items in examples.items():
        for at, item in enumerate(items):
            label = labels.get(action, str(action)) if not at else ""
            why = safe_text(item.error, max(10, width // 2)) if item.error else format_size(item.expected_size)
            room = max(12, width - 18 - len(why))
            lines.append(
                (
                    (f"  {label:<11}", looks.get(action, "quiet")),
                    (safe_text(item.filename, room), ""),
                    (f"   {why}", "warn" if item.error else "quiet"),
                )
            )
    return lines


def reasons(counted: Iterable[tuple[str, int]]) -> str:
    """ "2 in Glacier, 1 key too long"; a single reason without its number."""
    listed = list(counted)
    if len(listed) == 1:
        return safe_text(listed[0][0])
    return ", ".join(f"{format_count(count)} {safe_text(reason)}" for reason, count in listed)


def short_hash(plan: PlanSummary) -> str:
    """ "9f3a·21c7": enough to compare with one's eyes."""
    return f"{plan.hash[:4]}·{plan.hash[4:8]}" if plan.hash else ""


def new_buckets(plan: PlanSummary) -> list[str]:
    """The target buckets that would be created, as places; not yet safe."""
    places = [f"{pair.target.connection}:{pair.target.bucket}" for pair in plan.pairs if pair.creates_bucket]
    return list(dict.fromkeys(places))


def to_do(plan: PlanSummary) -> int:
    """How many items a start would carry out. Creating a bucket counts as one."""
    return plan.copy.count + plan.overwrite.count + plan.delete.count + len(new_buckets(plan))


def notes(plan: PlanSummary, rate: tuple[float, int] | None) -> list[Line]:
    """Buckets to be created, the time it may take, warnings."""
    lines: list[Line] = []
    created = new_buckets(plan)
    if created:
        verb = "does not exist and will be created" if len(created) == 1 else "do not exist and will be created"
        lines.append((("  bucket ", "quiet"), (_named(created), "lead"), (f" {verb}", "quiet")))
    moved = plan.copy.bytes + plan.overwrite.bytes
    if rate is not None and moved:
        speed, job = rate
        seconds = format_eta(moved / speed)
        lines.append(((f"  at {format_rate(speed)}, as in job {job}, about {seconds}", "quiet"),))
    if plan.delete.count:
        lines.append(((f"  deletions {undo_words(plan)}", "quiet"),))
    if plan.delete_word:
        lines.append(((f"  much is deleted: {safe_text(plan.delete_why)}", "warn"),))
    lines += [((f"  ! {safe_text(warning)}", "warn"),) for warning in plan.warnings]
    return lines


def earlier_rate(job: JobView, others: Iterable[JobView]) -> tuple[float, int] | None:
    """Bytes a second of the newest finished job between the same ends by the same methods, and its number."""
    ends = _ends(job)
    for other in others:
        moved, seconds = other.counts.bytes_done, other.active_seconds
        done = other.state in (JobState.COMPLETED, JobState.PARTIAL)
        if done and _ends(other) == ends and moved >= ENOUGH_TO_JUDGE and seconds >= 1:
            return moved / seconds, other.id
    return None


def _ends(job: JobView) -> frozenset[tuple[str, str, str]]:
    pairs = job.plan.pairs if job.plan is not None else ()
    return frozenset((pair.source.connection, pair.target.connection, pair.method) for pair in pairs)


def changes(plan: PlanSummary) -> str:
    """The places that a start would change."""
    places = [f"{pair.target.connection}:{pair.target.bucket}" if pair.target.kind == "s3" else pair.target.path
              for pair in plan.pairs]  # fmt: skip
    return _named(list(dict.fromkeys(places)))


def _named(places: Sequence[str]) -> str:
    shown = ", ".join(safe_text(place, 40) for place in places[:NAMED])
    return f"{shown} and {len(places) - NAMED} more" if len(places) > NAMED else shown


def _deletion_facts(plan: PlanSummary) -> list[Line]:
    if not plan.delete.count:
        return []
    of_bytes = share_of_target(plan).partition(", ")[2]
    lines: list[Line] = [((f"{'':<39}{of_bytes}", "bad"),)] if of_bytes else []
    return [*lines, ((f"  Deletions {undo_words(plan)}.", "quiet"),)]


def yes_facts(plan: PlanSummary) -> list[Line]:
    """What the dialog says before YES: what changes, in numbers, the worst last."""
    lines: list[Line] = [(("This changes ", ""), (changes(plan), "lead"), (":", "")), ()]
    listed: list[tuple[str, Tally, str, str]] = [
        ("copy", plan.copy, "new there", ""),
        ("overwrite", plan.overwrite, "what is there now is replaced", "warn"),
        ("DELETE", plan.delete, share_of_target(plan).partition(", ")[0], "bad"),
    ]
    for label, tally, note, look in listed:
        if tally.count:
            words: list[Span] = [
                (f"  {label:<10}", look),
                (f"{format_count(tally.count):>13}", look or "lead"),
                (f"{format_bytes(tally.bytes):>11}", ""),
                (f"   {note}", look if look == "bad" else "quiet"),
            ]
            lines.append(tuple(words))
    lines += _deletion_facts(plan)
    created = new_buckets(plan)
    if created:
        lines.append((("  create    ", ""), (f"{len(created):>13}", "lead"),
                      ("    buckets   " if len(created) > 1 else "     bucket   ", ""),
                      (safe_text(_named(created), 30), "quiet")))  # fmt: skip
    return lines
