"""What could stand at the end of a command line: worked out from the parser itself, for any shell.

The shell hands over the words up to the cursor, the last of them unfinished. What it gets back:

1. A line for the shell: `files`, `folders` or `-`, for what it completes by itself.
2. A line for each candidate: the word, a tab, and what it means. One that ends in `:` or `=` goes on.

No engine is started. The connections' names are read from their file; jobs are asked for only where an engine
runs, and only where a job's number is to be written. Whatever goes wrong leaves out candidates: in the middle
of a line is no place to complain.
"""

from __future__ import annotations

import os
import sys
from argparse import SUPPRESS, Action, ArgumentParser, _SubParsersAction
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

JOBS_SECONDS = 1.0  # an engine that does not answer in this time has no jobs to offer
_PLACES = ("SRC", "DST", "PLACE", "PATH", "JOB | SRC DST")
_WITH_NAMES = ("edit", "test", "show", "remove")  # of `connections`
Words = list[tuple[str, str]]


@dataclass(frozen=True)
class Completion:
    """`paths` are those that the shell adds by itself: "files", "folders", or "-" for none."""

    words: tuple[tuple[str, str], ...] = ()
    paths: str = "-"


def answer(words: Sequence[str]) -> int:
    """Print what could stand at the end of `words`. Always exit code 0."""
    from tui.cli.parser import build_parser

    with suppress(Exception):
        found = complete(build_parser(), words)
        lines = [found.paths, *(f"{word}\t{_one_line(text)}" for word, text in found.words)]
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


def complete(parser: ArgumentParser, words: Sequence[str]) -> Completion:
    """The candidates for the last of `words`, which may be empty; the program's name is not among them."""
    before, current = list(words[:-1]), words[-1] if words else ""
    command, path = parser, [""]
    waiting: Action | None = None  # an option whose value comes next
    arguments = 0
    only_arguments = False
    for word in before:
        if waiting is not None:
            waiting = None
        elif word == "--" and not only_arguments:
            only_arguments = True
        elif word.startswith("-") and len(word) > 1 and not only_arguments:
            option = command._option_string_actions.get(word)
            waiting = option if option is not None and option.nargs is None else None
        elif (below := _below(command)) is not None and word in below.choices:
            command, arguments = below.choices[word], 0
            path.append(word)
        else:
            arguments += 1
    if waiting is not None:
        return _matching(_values(waiting, path), current)
    if current.startswith("-") and not only_arguments:
        name, equals, value = current.partition("=")
        option = command._option_string_actions.get(name)
        if not equals:
            return _matching(Completion(tuple(_options(command))), current)
        if option is None:
            return Completion()
        found = _matching(_values(option, path), value)
        return Completion(tuple((f"{name}={word}", text) for word, text in found.words))
    return _matching(_argument(command, path, arguments), current)


def _matching(found: Completion, current: str) -> Completion:
    return Completion(tuple(each for each in found.words if each[0].startswith(current)), found.paths)


def _below(command: ArgumentParser) -> _SubParsersAction[ArgumentParser] | None:
    return next((action for action in command._actions if isinstance(action, _SubParsersAction)), None)


def _options(command: ArgumentParser) -> Words:
    """Long options, and the short ones that have no long form."""
    found: Words = []
    for action in command._actions:
        if action.option_strings and action.help != SUPPRESS:
            long = [name for name in action.option_strings if name.startswith("--")]
            found += [(name, _help(action)) for name in long or action.option_strings]
    return found


def _argument(command: ArgumentParser, path: Sequence[str], position: int) -> Completion:
    below = _below(command)
    if below is not None and position == 0:
        return Completion(tuple((each.dest, _help(each)) for each in below._choices_actions))
    slots = [action for action in command._actions if not action.option_strings and action is not below]
    if not slots:
        return Completion()
    if position >= len(slots) and slots[-1].nargs not in ("*", "+") and slots[0].nargs not in ("*", "+"):
        return Completion()
    return _values(slots[min(position, len(slots) - 1)], path)


def _values(action: Action, path: Sequence[str]) -> Completion:
    """What an option's value, or an argument, can be."""
    if action.choices is not None:
        return Completion(tuple((str(choice), "") for choice in action.choices))
    kind = action.metavar if isinstance(action.metavar, str) else ""
    if kind == "JOB" or (kind == "N" and action.dest == "job"):
        return Completion(tuple(_jobs()))
    if kind in _PLACES:
        names = [(f"{name}:", text) for name, text in _connections()]
        jobs = _jobs() if "JOB" in kind else []
        return Completion((*jobs, *names), "files")
    if kind == "NAME" and path[1:2] == ["presets"]:
        return (
            Completion(tuple(_presets())) if path[-1] != "save" and not action.option_strings else Completion()
        )
    if kind == "NAME":
        known = path[1:2] == ["connections"] and path[-1] in _WITH_NAMES
        return Completion(tuple(_connections())) if known or action.option_strings else Completion()
    match kind:
        case "DIR" | "FOLDER":
            return Completion(paths="folders")
        case "FILE" | "NAME | FILE":
            return Completion(paths="files")
        case "P":
            return Completion(tuple(_profiles()))
        case "PRESET":
            from core.settings import RETRY_PRESETS

            return Completion(tuple((name, "") for name in RETRY_PRESETS))
        case "CLASS":
            from core.storage_classes import STORAGE_CLASSES

            return Completion(tuple((name, "") for name in STORAGE_CLASSES))
    choices = kind.split("|")
    if len(choices) > 1 and all(choice.isalpha() and choice.islower() for choice in choices):
        return Completion(tuple((choice, "") for choice in choices))
    return Completion()


def _help(action: Action) -> str:
    return (action.help or "").replace("%%", "%")


# ---------------------------------------------------------------- what is asked of the machine


def _connections() -> Words:
    """Names and endpoints."""
    return _records("connections", "endpoint")


def _presets() -> Words:
    """Names and descriptions."""
    return _records("presets", "description")


def _records(what: str, beside: str) -> Words:
    """Names and one more field from a file of the config folder, as far as it can be read."""
    from core.paths import Paths
    from core.settings import load_settings

    with suppress(Exception):
        import msgspec

        file = Paths.of(load_settings({}, os.environ, Path.home())).config_dir / f"{what}.json"
        read = msgspec.json.decode(file.read_bytes())
        return [(str(each["name"]), str(each.get(beside) or "")) for each in read[what]]
    return []


def _jobs() -> Words:
    """Numbers and titles of the newest jobs, when an engine runs."""
    import asyncio

    with suppress(Exception):
        return asyncio.run(asyncio.wait_for(_ask_for_jobs(), JOBS_SECONDS))
    return []


async def _ask_for_jobs() -> Words:
    from core.messages import ListJobs
    from core.settings import load_settings
    from tui.cli.session import Session

    async with Session(load_settings({}, os.environ, Path.home()), os.environ, start=False) as session:
        jobs = (await session.call(ListJobs(limit=50))).jobs
    return [(str(job.id), f"{job.state} {job.title}") for job in jobs]


def _profiles() -> Words:
    from core.aws_profiles import profiles

    return [(profile.name, profile.endpoint) for profile in profiles(os.environ, Path.home())]


def _one_line(text: str) -> str:
    from core.safe_text import safe_text

    return safe_text(text, 100)
