"""Which items of a plan both faces show as examples. Without anything of a screen: commands start quickly."""

from __future__ import annotations

from core.model import Action, JobKind, PlanSummary

EXAMPLES = 3  # of a kind


def example_kinds(plan: PlanSummary, kind: JobKind) -> list[Action]:
    """Of what a plan's examples are: what clashes, is replaced or deleted comes before what is only new."""
    tallies = (
        (Action.CANNOT, plan.cannot),
        (Action.OVERWRITE, plan.overwrite),
        (Action.DELETE, plan.delete),
        (Action.VERIFY if kind is JobKind.VERIFY else Action.COPY, plan.copy),
    )
    return [action for action, tally in tallies if tally.count]
