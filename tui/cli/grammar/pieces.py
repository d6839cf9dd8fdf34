"""Pieces of the grammar that several commands share."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction

Commands = _SubParsersAction  # what ArgumentParser.add_subparsers returns


def folders(parser: ArgumentParser, default: str | None) -> None:
    group = parser.add_argument_group("folders (else METADATA_DIR, DOWNLOADS_DIR, LOGS_DIR, config.toml)")
    for name, what in (("metadata", "the journal"), ("downloads", "the app's downloads"), ("logs", "the logs")):
        group.add_argument(f"--{name}-dir", metavar="DIR", default=default, help=f"the folder of {what}")


def command(
    commands: Commands[ArgumentParser], name: str, carried_out_by: str, summary: str, text: str = ""
) -> ArgumentParser:
    """`carried_out_by` is "module:function" below tui.cli; empty where only commands below it do anything."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=text or None,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if carried_out_by:
        parser.set_defaults(command=f"tui.cli.{carried_out_by}")
    folders(parser, default=SUPPRESS)
    return parser


def json(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", default=SUPPRESS, help="one JSON object a line, on stdout"
    )


def talk(parser: ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", default=SUPPRESS, help="no progress; errors only")
    parser.add_argument("-v", "--verbose", action="count", default=SUPPRESS, help="tell more")


def choosing_options(parser: ArgumentParser) -> None:
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


def source_options(parser: ArgumentParser) -> None:
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


def moving_options(parser: ArgumentParser) -> None:
    choosing_options(parser)
    source_options(parser)
    which = parser.add_argument_group("what counts as changed")
    which.add_argument(
        "--compare",
        choices=("time", "size", "checksum"),
        default="time",
        help="size and time (the default), size only, or content",
    )
    which.add_argument("--skip-smaller-than", metavar="SIZE", help="leave out smaller files")
    how = parser.add_argument_group("how it is moved (sizes: 50MiB, 5GB, or bytes)")
    how.add_argument(
        "-j", "--workers", metavar="N", help="files at once (default: the setting, else by measuring)"
    )
    how.add_argument(
        "-x",
        "--connections",
        metavar="N",
        help="connections per file (default: the setting, else by measuring)",
    )
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
    how.add_argument(
        "--on-unfinished",
        metavar="resume|clean",
        help="unfinished uploads found at the target (default: the setting, resume)",
    )
    how.add_argument("--no-server-side", action="store_true", help="never let the store copy by itself")
    how.add_argument(
        "--retry",
        metavar="PRESET",
        help="patient, quick, steady, or delays such as 1,2,5x10 (default: the setting)",
    )
    how.add_argument(
        "--max-file-time",
        metavar="TIME",
        help="a file that takes longer fails: 90s, 15m, 2h (default: no limit)",
    )
    how.add_argument("--reserve", metavar="SIZE", help="space to keep free on the target's file system")
    record_options(parser)


def record_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("records (a file that is there already is kept as FILE.bak)")
    for name, what in (
        ("csv", "a row for every file when it ends"),
        ("progress-csv", "a row for every folder, brought up to date while the job runs"),
        ("failed-log", "the failed ones, one `ID - Error` a line"),
    ):
        group.add_argument(f"--{name}", metavar="FILE", help=what)


def attached_options(parser: ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="leave it to the engine; prints the job's number")
    json(parser)
    talk(parser)
