"""Jobs: list, show, watch, control."""

from __future__ import annotations

from argparse import ArgumentParser

from core.model import MOST_CONNECTIONS, MOST_WORKERS
from tui.cli.grammar.pieces import Commands, command, json, talk


def jobs(commands: Commands[ArgumentParser]) -> None:
    jobs = command(commands, "jobs", "jobs:jobs", "list jobs, newest first")
    jobs.add_argument("-n", "--limit", type=int, default=50, metavar="N", help="at most so many (default 50)")
    json(jobs)
    show = command(
        commands,
        "show",
        "jobs:show",
        "show one job, and its files",
        "examples:\n  haulier show 7\n  haulier show 7 --files\n  haulier show 7 --status failed --json\n"
        "  haulier show 7 --folders --under logs/2024/\n",
    )
    show.add_argument("job", type=int, metavar="JOB", help="its number, as `haulier jobs` shows it")
    show.add_argument("--files", action="store_true", help="list every file with its state")
    show.add_argument(
        "--status",
        choices=("pending", "downloading", "completed", "failed"),
        help="only files in this state (implies --files)",
    )
    show.add_argument("--folders", action="store_true", help="how far it is, by folder")
    show.add_argument(
        "--under", metavar="FOLDER", default="", help="folders below this one (implies --folders): logs/2024/"
    )
    show.add_argument("--pair", type=int, metavar="N", help="folders of the N-th source, from 1")
    show.add_argument("--why", action="store_true", help="where the time of its workers goes")
    json(show)
    watch = command(commands, "watch", "jobs:watch", "follow a job until it ends; Ctrl+C only stops watching")
    watch.add_argument("job", type=int, metavar="JOB", help="its number, as `haulier jobs` shows it")
    json(watch)
    talk(watch)
    for name, summary in (
        ("pause", "pause jobs: parts in flight are finished, everything is kept"),
        ("resume", "go on with paused or blocked jobs"),
        ("cancel", "stop jobs for good; what is complete stays"),
        ("retry", "try the failed files of jobs again"),
        ("forget", "remove finished jobs from the list; moved data stays"),
    ):
        each = command(commands, name, f"jobs:{name}", summary)
        each.add_argument(
            "jobs", type=int, nargs="+", metavar="JOB", help="their numbers, as `haulier jobs` shows them"
        )
        json(each)

    undelete = command(
        commands,
        "undelete",
        "undelete:undelete",
        "take back what a job deleted, where the target keeps versions",
        """\
Removes the delete markers that the job made, and nothing else. What was deleted where no versions are kept
cannot be brought back; its names, sizes and digests are in the job's undo file. Works after the job was
forgotten, too.

examples:
  haulier undelete 7 --dry-run
  haulier undelete 7
""",
    )
    undelete.add_argument("job", type=int, metavar="JOB", help="its number, as `haulier jobs` shows it")
    undelete.add_argument("--dry-run", action="store_true", help="only say what would be brought back")
    json(undelete)
    tune = command(
        commands,
        "tune",
        "tune:tune",
        "change how much a job may take, also while it runs",
        "examples:\n  haulier tune 7 --bandwidth 20MiB\n  haulier tune 7 8 --priority last\n"
        "  haulier tune 7 --workers 8 --connections auto\n"
        '  haulier tune 7 --bandwidth "08:00,10MiB 19:00,off"\n',
    )
    tune.add_argument(
        "jobs", nargs="+", type=int, metavar="JOB", help="their numbers, as `haulier jobs` shows them"
    )
    # Names of their own: these are not the settings of the same names.
    tune.add_argument(
        "-j",
        "--workers",
        dest="wanted_workers",
        metavar="N",
        help=f"files at once, 1 to {MOST_WORKERS}, or auto",
    )
    tune.add_argument(
        "-x",
        "--connections",
        dest="wanted_connections",
        metavar="N",
        help=f"per file, 1 to {MOST_CONNECTIONS}, or auto",
    )
    tune.add_argument(
        "--bandwidth", dest="wanted_bandwidth", metavar="RATE", help="bytes a second, off, or a timetable"
    )
    tune.add_argument("--priority", choices=("first", "normal", "last"), help="who waits for whom")
    json(tune)
    limit = command(
        commands,
        "limit",
        "tune:limit",
        "show or set the bandwidth of all jobs together",
        "examples:\n  haulier limit\n  haulier limit 50MiB\n  haulier limit off\n"
        "  haulier limit Mon-08:00,10MiB Fri-19:00,off\n  haulier limit default      as the settings say\n",
    )
    limit.add_argument("limit", nargs="*", metavar="RATE", help="bytes a second, off, a timetable, or default")
    json(limit)
