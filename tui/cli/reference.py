"""The reference of the command line, made from the grammar itself: every command, argument and option.

`python -m tui.cli.reference` prints it, with `--write` it is put into REFERENCE.md beside this file. A test
holds the two against each other.
"""

from __future__ import annotations

import sys
from argparse import SUPPRESS, Action, ArgumentParser, _SubParsersAction
from collections.abc import Iterator, Sequence
from pathlib import Path

from tui.cli.parser import PROGRAM, build_parser

FILE = Path(__file__).with_name("REFERENCE.md")
_EVERYWHERE = ("help", "metadata_dir", "downloads_dir", "logs_dir")  # said once, of all commands


def reference() -> str:
    """The whole page, in Markdown."""
    parser = build_parser()
    sections = _sections(parser.epilog or "")
    lines = [
        f"# {PROGRAM}: the reference of its command line",
        "",
        "Made from the program itself by `python -m tui.cli.reference --write`.",
        "`haulier COMMAND --help` says the same.",
        "",
        *_sentences(parser.description or ""),
        "",
        "## Synopsis",
        "",
        *_code([_usage(parser, PROGRAM), *(f"{PROGRAM} {name} …" for name, _ in _commands(parser))]),
    ]
    for title, body in sections:
        lines += ["", f"## {title.capitalize()}", "", *_code(body)]
    lines += ["", "## Options of every command", "", *_table(_options(parser, everywhere=True))]
    own = _options(parser)
    lines += ["", f"## Options of `{PROGRAM}` alone", "", *_table(own)] if own else []
    lines += ["", "## Commands", ""]
    lines += [
        f"- [`{PROGRAM} {name}`](#{_anchor(f'{PROGRAM} {name}')}): {_cell(_summary(below))}"
        for name, below in _commands(parser)
    ]
    for name, below in _commands(parser):
        lines += _command(below, f"{PROGRAM} {name}", 3)
    return "\n".join(lines).rstrip() + "\n"


def _command(parser: ArgumentParser, name: str, level: int) -> Iterator[str]:
    yield from ("", f"{'#' * level} `{name}`", "", *_sentences(parser.description or ""), "")
    yield from _code([_usage(parser, name)])
    rows = [*_arguments(parser), *_options(parser)]
    if rows:
        yield from ("", *_table(rows))
    for title, body in _sections(parser.epilog or ""):
        yield ""
        if title:
            yield from (f"{title.capitalize()}:", "")
        yield from (_code(body) if title or any(line.startswith("  ") for line in body) else body)
    for below_name, below in _commands(parser):
        yield from _command(below, f"{name} {below_name}", level + 1)


# ---------------------------------------------------------------- what a parser holds


def _commands(parser: ArgumentParser) -> list[tuple[str, ArgumentParser]]:
    below = next((action for action in parser._actions if isinstance(action, _SubParsersAction)), None)
    return list(below.choices.items()) if below is not None else []


def _summary(parser: ArgumentParser) -> str:
    return (parser.description or "").rstrip(".")


def _usage(parser: ArgumentParser, name: str) -> str:
    words = [name]
    if _options(parser):
        words.append("[OPTIONS]")
    words += [_written(action) for action in _positional(parser)]
    if _commands(parser):
        required = any(isinstance(action, _SubParsersAction) and action.required for action in parser._actions)
        words.append("COMMAND" if required else "[COMMAND]")
    return " ".join(words)


def _positional(parser: ArgumentParser) -> list[Action]:
    return [
        action
        for action in parser._actions
        if not action.option_strings and not isinstance(action, _SubParsersAction)
    ]


def _written(action: Action) -> str:
    name = _value(action)
    match action.nargs:
        case "+":
            return f"{name} …"
        case "*":
            return f"[{name} …]"
        case "?":
            return f"[{name}]"
    return name


def _arguments(parser: ArgumentParser) -> list[tuple[str, str]]:
    return [(_value(action), action.help or "") for action in _positional(parser)]


def _options(parser: ArgumentParser, *, everywhere: bool = False) -> list[tuple[str, str]]:
    rows = []
    for action in parser._actions:
        if action.option_strings and action.help != SUPPRESS and (action.dest in _EVERYWHERE) is everywhere:
            names = ", ".join(action.option_strings)
            takes = action.nargs != 0
            rows.append((f"{names} {_value(action)}" if takes else names, action.help or ""))
    return rows


def _value(action: Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return action.dest.upper()


# ---------------------------------------------------------------- Markdown


def _sections(epilog: str) -> list[tuple[str, list[str]]]:
    """(heading, lines) of a text in which a heading is a line that ends in ":" and begins at the margin.
    What stands before the first one has none."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in epilog.strip("\n").splitlines():
        if line.endswith(":") and line == line.strip() and len(line.split()) <= 3:
            found.append((line[:-1], []))
        else:
            found[-1][1].append(line)
    return [(title, body) for title, body in found if title or any(body)]


def _sentences(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def _code(lines: Sequence[str]) -> list[str]:
    body = "\n".join(lines).strip("\n").splitlines()
    return ["```", *(line.removeprefix("  ") for line in body), "```"]


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| `{_cell(name)}` | {_cell(text)} |" for name, text in rows)]


def _cell(text: str) -> str:
    """One line, in which nothing ends the cell; argparse writes a percent sign twice."""
    return " ".join(text.replace("%%", "%").split()).replace("|", "\\|")


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def main(words: Sequence[str]) -> int:
    if list(words) == ["--write"]:
        FILE.write_text(reference(), encoding="utf-8")
    else:
        sys.stdout.write(reference())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
