"""Looking around: ls, repos, uploads."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.grammar.pieces import Commands, command, json


def looking(commands: Commands[ArgumentParser]) -> None:
    ls = command(
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
    json(ls)
    uploads(commands)


def uploads(commands: Commands[ArgumentParser]) -> None:
    top = command(commands, "uploads", "", "unfinished multipart uploads: list, clean")
    below = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = command(
        below,
        "list",
        "uploads:list_all",
        "list unfinished uploads with their age, parts and bytes",
        "examples:\n  haulier uploads list prod:\n  haulier uploads list prod:logs/2024/ --json\n",
    )
    clean = command(
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
        json(each)
    clean.add_argument("--older", metavar="AGE", default="48h", help="only older ones (default 48h; 0s: all)")
    clean.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    clean.add_argument("--confirm", metavar="YES", help="confirm without being asked; only YES does")


def repos(commands: Commands[ArgumentParser]) -> None:
    top = command(commands, "repos", "repos:list_all", "list, add, remove and search repositories of a Hub")
    json(top)
    below = top.add_subparsers(title="commands", metavar="COMMAND")
    listing = command(below, "list", "repos:list_all", "list the kept repositories")
    json(listing)
    add = command(
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
    repo_options(add)
    add.add_argument("--revision", metavar="REV", help="a branch, a tag or a commit (default: its main branch)")
    add.add_argument("--description", metavar="TEXT", help="what you want to remember of it")
    add.add_argument("--unchecked", action="store_true", help="do not ask the Hub for it")
    remove = command(below, "remove", "repos:remove", "keep repositories no longer; fetched files stay")
    remove.add_argument("ids", nargs="+", metavar="ID", help="as `haulier repos` lists them")
    repo_options(remove)
    search = command(below, "search", "repos:search", "search a Hub for datasets, models or spaces")
    search.add_argument("words", nargs="+", metavar="WORDS", help="what it is called or about")
    repo_options(search)
    search.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (default 20)")


def repo_options(parser: ArgumentParser) -> None:
    kind = parser.add_mutually_exclusive_group()
    for name in ("model", "dataset", "space"):
        kind.add_argument(
            f"--{name}", dest="kind", action="store_const", const=f"{name}s", help=f"it is a {name}"
        )
    parser.add_argument("--connection", metavar="NAME", help="a Hub connection (default: as hf:// means)")
    json(parser)
