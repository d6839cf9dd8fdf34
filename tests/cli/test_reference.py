"""The reference of the command line is made from the grammar, and nothing in that is left unexplained."""

from __future__ import annotations

import re
from argparse import SUPPRESS, ArgumentParser, _SubParsersAction
from collections.abc import Iterator

import pytest

from tui.cli import reference
from tui.cli.parser import build_parser


def all_commands(parser: ArgumentParser, name: str = "haulier") -> Iterator[tuple[str, ArgumentParser]]:
    yield name, parser
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for below, its_own in action.choices.items():
                yield from all_commands(its_own, f"{name} {below}")


COMMANDS = dict(all_commands(build_parser()))


def test_the_page_is_in_step_with_the_program() -> None:
    """What is written beside the code is what the code says now: `python -m tui.cli.reference --write`."""
    assert reference.FILE.read_text(encoding="utf-8") == reference.reference()


@pytest.mark.parametrize("name", COMMANDS)
def test_everything_is_explained(name: str) -> None:
    """Each argument and option has a help text, each command its sentence; and all of it is on the page."""
    page, parser = reference.reference(), COMMANDS[name]
    assert parser.description
    assert name in page
    for action in parser._actions:
        if isinstance(action, _SubParsersAction) or action.help == SUPPRESS:
            continue
        assert action.help, f"{name}: {action.option_strings or action.metavar} has no help"
        for option in action.option_strings:
            assert option in page


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_commands_that_exist(name: str) -> None:
    """An example names a command of the program, and options that this command has."""
    for line in (COMMANDS[name].epilog or "").splitlines():
        written = re.match(r"\s+(?:.*\| )?(haulier .*)", line)
        if written is None:
            continue
        words = re.split(r"\s{3,}", written[1])[0].split()
        command = "haulier"
        while len(words) > 1 and f"{command} {words[1]}" in COMMANDS:
            command = f"{command} {words.pop(1)}"
        assert command != "haulier", line
        known = {option for action in COMMANDS[command]._actions for option in action.option_strings}
        assert {word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)} <= known, line


def test_the_page_is_safe_to_read() -> None:
    """No doubled percent sign of argparse, no cell that breaks its table."""
    page = reference.reference()
    assert "%%" not in page
    for line in page.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line
