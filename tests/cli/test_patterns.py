"""`--include "*.json" "*.txt"` before, between and after places."""

from __future__ import annotations

import pytest

from tui.cli.parser import build_parser
from tui.cli.patterns import separate_patterns


def parsed(line: str) -> tuple[list[str], list[str], list[str], str]:
    parser = build_parser()
    chosen = parser.parse_args(separate_patterns(line.split(), parser))
    return chosen.include, chosen.exclude, chosen.sources, chosen.target


@pytest.mark.parametrize(
    ("line", "include", "exclude", "sources", "target"),
    [
        ("copy a b", [], [], ["a"], "b"),
        ("copy a b --include *.json *.txt", ["*.json", "*.txt"], [], ["a"], "b"),
        ("copy a b --include README LICENSE", ["README", "LICENSE"], [], ["a"], "b"),
        ("copy --include *.json *.txt a b", ["*.json", "*.txt"], [], ["a"], "b"),
        ("copy --include README a b", ["README"], [], ["a"], "b"),
        ("copy a --include *.json b", ["*.json"], [], ["a"], "b"),
        ("copy -j 4 -q --include x* a b c", ["x*"], [], ["a", "b"], "c"),
        ("copy a b --include x --exclude y z", ["x"], ["y", "z"], ["a"], "b"),
        ("copy a b --include x --workers 3 --include y", ["x", "y"], [], ["a"], "b"),
        ("copy --include=x a b", ["x"], [], ["a"], "b"),
        ("copy --include *.bin -- a b", ["*.bin"], [], ["a"], "b"),
        ("copy --include *.bin -j4 a b", ["*.bin"], [], ["a"], "b"),
        ("--logs-dir copy copy a b --include x y", ["x", "y"], [], ["a"], "b"),
        ("sync a b --delete --include x y", ["x", "y"], [], ["a"], "b"),
    ],
)
def test_patterns_and_places_are_told_apart(
    line: str, include: list[str], exclude: list[str], sources: list[str], target: str
) -> None:
    """Patterns never swallow the places, and places never become patterns where two others stand."""
    assert parsed(line) == (include, exclude, sources, target)


def test_option_without_a_pattern_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """`--include` at the end of the line is wrong usage."""
    with pytest.raises(SystemExit) as ended:
        parsed("copy a b --include")
    assert ended.value.code == 2
    assert "--include" in capsys.readouterr().err
