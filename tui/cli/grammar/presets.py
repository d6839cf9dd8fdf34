"""Making a job again: repeat, presets."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.grammar.pieces import Commands, attached_options, command, json


def presets(commands: Commands[ArgumentParser]) -> None:
    repeat = command(
        commands,
        "repeat",
        "presets:repeat",
        "make a past job again, with its sources, target and options",
        """\
It is planned anew: only what is new or changed since is moved. A sync asks for YES again.

examples:
  haulier repeat 7
  haulier repeat 7 --dry-run
  haulier repeat 7 --detach
""",
    )
    repeat.add_argument("job", type=int, metavar="JOB", help="its number, as `haulier jobs` shows it")
    _how(repeat)

    top = command(
        commands,
        "presets",
        "presets:list_all",
        "jobs kept under a name, to be made again: list, save, run, rename, remove",
        """\
A preset holds a job's kind, sources, target and options, and no secret; it is kept in presets.json.

examples:
  haulier presets save nightly 7        what job 7 did, from now on as "nightly"
  haulier presets run nightly
  haulier presets run nightly --dry-run
""",
    )
    json(top)
    below = top.add_subparsers(title="commands", metavar="COMMAND")
    listing = command(below, "list", "presets:list_all", "list the presets")
    json(listing)
    save = command(below, "save", "presets:save", "keep a job under a name")
    save.add_argument("name", metavar="NAME", help="what you will call it")
    save.add_argument("job", type=int, metavar="JOB", help="the job, of any state")
    save.add_argument("--description", metavar="TEXT", default="", help="what you want to remember of it")
    save.add_argument("--replace", action="store_true", help="put it in the place of the one with this name")
    json(save)
    show = command(below, "show", "presets:show", "show what a preset does")
    show.add_argument("name", metavar="NAME", help="as `haulier presets` lists it")
    json(show)
    run = command(
        below,
        "run",
        "presets:run",
        "make the job of a preset",
        "It is planned anew. A sync that writes to S3 or deletes asks for YES; in a script: --confirm YES.",
    )
    run.add_argument("name", metavar="NAME", help="as `haulier presets` lists it")
    _how(run)
    rename = command(below, "rename", "presets:rename", "give a preset another name")
    rename.add_argument("name", metavar="NAME", help="as it is called now")
    rename.add_argument("new", metavar="NEW", help="as it will be called")
    json(rename)
    remove = command(below, "remove", "presets:remove", "keep presets no longer; jobs and moved data stay")
    remove.add_argument("names", nargs="+", metavar="NAME", help="as `haulier presets` lists them")
    json(remove)


def _how(parser: ArgumentParser) -> None:
    parser.add_argument("--confirm", metavar="YES", help="confirm the plan without being asked; only YES does")
    parser.add_argument(
        "--confirm-delete", type=int, metavar="N", help="confirm that the plan deletes exactly N objects"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    attached_options(parser)
