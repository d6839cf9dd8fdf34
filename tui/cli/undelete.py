"""undelete: take back what a job deleted, where the target keeps versions."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from core.messages import UndeleteJob, UndeleteReport
from core.safe_text import safe_text
from core.units import format_count
from tui.cli.output import Output
from tui.cli.session import open_session


def undelete(chosen: Namespace, output: Output) -> int:
    """0 when everything is back (or was there), 1 when something is not."""
    return asyncio.run(_undelete(chosen, output))


async def _undelete(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        session.lend_environment_keys()
        report = await session.call(UndeleteJob(job=chosen.job, dry_run=chosen.dry_run))
    if output.json:
        output.record(
            "undelete",
            job=chosen.job,
            dry_run=chosen.dry_run,
            restored=report.restored,
            there_already=report.there_already,
            lost=report.lost,
            unsure=report.unsure,
            failed=report.failed,
            undo_file=report.undo_file,
            notes=list(report.notes),
        )
    else:
        for line in report_lines(report, chosen.job, dry_run=chosen.dry_run):
            output.line(line)
    return 1 if report.lost or report.unsure or report.failed else 0


def report_lines(report: UndeleteReport, job: int, *, dry_run: bool) -> list[str]:
    """What came of it, and what can be done about the rest."""
    done = "would be brought back" if dry_run else "brought back"
    counted = (
        (report.restored, f"{done}: their delete markers {'would be ' if dry_run else ''}removed"),
        (report.there_already, "there already: taken back before, or written again since"),
        (report.lost, "cannot be brought back: the target kept no version of them"),
        (report.unsure, "left as they are: the job's own delete marker is not on top, or not on record"),
        (report.failed, "failed; run it again to try them again"),
    )
    lines = [f"Job {job} deleted:"]
    lines += [f"  {format_count(count):>9}  {words}" for count, words in counted if count]
    lines += [f"    {safe_text(note)}" for note in report.notes]
    if report.lost:
        lines.append("  What is lost has to be copied again from its source or a backup. What it was:")
        lines.append(f"  {safe_text(report.undo_file)}")
    return lines
