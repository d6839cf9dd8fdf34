"""What can be written after `haulier`: commands, options, and help that teaches them (grammar/)."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter

from core import __version__
from tui.cli.grammar.connections import connections, secrets
from tui.cli.grammar.disks import batches
from tui.cli.grammar.jobs import jobs
from tui.cli.grammar.looking import looking, repos
from tui.cli.grammar.pieces import folders
from tui.cli.grammar.presets import presets
from tui.cli.grammar.program import order, program
from tui.cli.grammar.transfers import transfers

PROGRAM = "haulier"

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
        description="Moves large data between S3 services, the Hugging Face Hub, web servers and disks, "
        "and loses nothing.\n"
        "Without a command it opens the full-screen app.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument(
        "--no-mouse", action="store_true", help="leave the mouse to the terminal (full-screen app)"
    )
    folders(parser, default=None)
    parser.set_defaults(command="tui.cli.screen:open_app")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    transfers(commands)
    batches(commands)
    looking(commands)
    jobs(commands)
    presets(commands)
    connections(commands)
    secrets(commands)
    repos(commands)
    order(commands)
    program(commands)
    return parser
