"""Data larger than one disk: batch, disks."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.grammar.pieces import (
    Commands,
    attached_options,
    choosing_options,
    command,
    json,
    moving_options,
    talk,
)


def batches(commands: Commands[ArgumentParser]) -> None:
    top = command(
        commands,
        "batch",
        "",
        "data larger than the disk: plan batches, move them to disk after disk, see which disk holds what",
        """\
A disk may be removed when its batch is safe: every file was read back from it and compared, and its manifest is
on it. Wrong disks are refused; the records of what is where stay on this machine as well (haulier disks).

examples:
  haulier batch analyze hf://datasets/org/corpus
  haulier batch plan prod:archive --space 4TB
  haulier batch start prod:archive /mnt/disk --space 4TB     plans, moves batch 1, says when to swap
  haulier batch continue 7 2 /mnt/disk                       the next disk is mounted there
  haulier batch status 7 --find invoice
""",
    )
    below = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    analyze = command(below, "analyze", "batch:analyze", "count what is there: sizes, largest files, folders")
    analyze.add_argument("sources", nargs=1, metavar="SRC", help="what to look at")
    analyze.add_argument("--seconds", metavar="TIME", default="5m", help="give up after so long (default 5m)")
    choosing_options(analyze)
    json(analyze)
    plan = command(
        below,
        "plan",
        "batch:plan",
        "say which batches there would be for disks of a size; keeps and moves nothing",
        'With --json the last line is {"type":"batches","count":…,"files":…,"bytes":…,"oversized":…}.',
    )
    plan.add_argument("sources", nargs="+", metavar="SRC", help="what would be moved")
    plan.add_argument("--space", metavar="SIZE", required=True, help="of one disk: 4TB, 900GiB")
    start = command(
        below,
        "start",
        "batch:start",
        "plan batches and move the first one to DST",
        "Exit code 0: batch 1 is safe, the disk may be removed. 1: files are damaged or could not be fetched.",
    )
    start.add_argument("sources", nargs="+", metavar="SRC", help="what to move")
    start.add_argument("target", metavar="DST", help="a folder on the first disk")
    start.add_argument("--space", metavar="SIZE", help="of one disk (default: what is free at DST)")
    for each in (plan, start):
        each.add_argument(
            "--margin", type=float, default=0.9, metavar="SHARE", help="fill so much of it (default 0.9)"
        )
        each.add_argument("--inodes", type=int, default=0, metavar="N", help="files and folders of one disk")
        each.add_argument(
            "--block", metavar="SIZE", default="4096", help="its files take multiples of this (default 4096)"
        )
        moving_options(each)
    json(plan)
    talk(plan)
    attached_options(start)
    go_on = command(
        below,
        "continue",
        "batch:go_on",
        "move a batch to a disk; a batch that is safe is read again, and nothing of it is moved twice",
        """\
Exit code 0: the batch is safe. 1: files are damaged or could not be fetched. 3: the disk is refused.

examples:
  haulier batch continue 7 2 /mnt/disk
  haulier batch continue 7 2 /mnt/disk --share-disk     beside the batch that the disk holds
  haulier batch continue 7 1 /mnt/new --other-disk      the disk of batch 1 is lost: all of it again
""",
    )
    go_on.add_argument("job", type=int, metavar="JOB", help="the number that `batch start` told")
    go_on.add_argument("batch", type=int, metavar="N", help="the batch, from 1")
    go_on.add_argument("target", nargs="?", metavar="DST", help="a folder on its disk (default: as before)")
    go_on.add_argument("--share-disk", action="store_true", help="the disk may hold other batches, too")
    go_on.add_argument("--other-disk", action="store_true", help="begin it anew on another disk than before")
    attached_options(go_on)
    status = command(below, "status", "batch:status", "which batch is how far, and on which disk")
    status.add_argument("job", type=int, metavar="JOB", help="its number, as `haulier jobs` shows it")
    status.add_argument("--files", action="store_true", help="list every file with its batch and disk")
    status.add_argument("--batch", type=int, default=0, metavar="N", help="its files (implies --files)")
    status.add_argument(
        "--find", default="", metavar="TEXT", help="files whose name contains it (implies --files)"
    )
    json(status)
    disks(commands)


def disks(commands: Commands[ArgumentParser]) -> None:
    top = command(commands, "disks", "disks:list_all", "the catalogue of disks: list, find, verify, drop")
    json(top)
    below = top.add_subparsers(title="commands", metavar="COMMAND")
    listing = command(below, "list", "disks:list_all", "list the disks that are known, and what they hold")
    find = command(below, "find", "disks:find", "which disk holds a file")
    find.add_argument("text", metavar="TEXT", help="a part of its name")
    verify = command(
        below,
        "verify",
        "disks:verify",
        "read a whole disk and compare it with the manifests on it; needs no source and no catalogue",
        "Exit code 0: everything is as it was written. 1: something is not; what, is listed.",
    )
    verify.add_argument("path", metavar="PATH", help="the folder that a batch was moved to")
    drop = command(
        below,
        "drop",
        "disks:drop",
        "take disks out of the catalogue, after asking for YES; nothing on them is touched",
        """\
For a disk that is lost, or was given away. `disks find` finds nothing on it afterwards; its own manifest stays
on it, and `disks verify` needs nothing else. Refused while a job in batches that is not finished counts on it.
In a script: --confirm YES.
""",
    )
    drop.add_argument("ids", nargs="+", metavar="DISK", help="as `haulier disks` names it")
    drop.add_argument("--confirm", metavar="YES", help="confirm without being asked; only YES does")
    for each in (listing, find, drop):
        json(each)
    attached_options(verify)
