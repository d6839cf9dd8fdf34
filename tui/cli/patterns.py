"""`--include` and `--exclude` take several words (`--include "*.json" "*.txt"`), and may stand before places.

argparse would let such an option swallow every word up to the next option, the places too. So the words are
sorted here first, and each pattern gets an option of its own:

1. The first word after the option is a pattern.
2. When two or more places stand elsewhere on the line, all words that follow are patterns as well.
3. Otherwise those with a wildcard (`*`, `?`, `[`) are patterns; from the first one without, they are places.
"""

from __future__ import annotations

from argparse import ArgumentParser, _SubParsersAction

_OPTIONS = ("--include", "--exclude")
_WILDCARDS = frozenset("*?[")


def separate_patterns(words: list[str], parser: ArgumentParser) -> list[str]:
    """The same command line with one `--include=PATTERN` for each pattern."""
    start, command = _command(words, parser)
    if command is None or not any(option in words for option in _OPTIONS):
        return words
    head, tail = words[:start], words[start:]
    if "--" in tail:
        cut = tail.index("--")
        tail, rest = tail[:cut], tail[cut:]
    else:
        rest = []
    flags = _options_without_value(command)
    places = len(rest[1:]) + _places_elsewhere(tail, flags)
    sorted_words: list[str] = []
    at = 0
    while at < len(tail):
        word = tail[at]
        at += 1
        if word not in _OPTIONS:
            sorted_words.append(word)
            continue
        first = True
        while at < len(tail) and not _is_option(tail[at]):
            pattern = tail[at]
            if not first and places < 2 and not _WILDCARDS & set(pattern):
                break
            sorted_words.append(f"{word}={pattern}")
            first = False
            at += 1
        if first:
            sorted_words.append(word)  # nothing follows: argparse says so
    return [*head, *sorted_words, *rest]


def _places_elsewhere(words: list[str], flags: frozenset[str]) -> int:
    """Words that are certainly places: neither options, nor values of options, nor after a pattern option."""
    count = 0
    takes_value = False
    patterns = False
    for word in words:
        if _is_option(word):
            patterns = word in _OPTIONS
            attached = "=" in word or (word[1] != "-" and len(word) > 2)  # -j4
            takes_value = not patterns and not attached and word not in flags
        elif takes_value:
            takes_value = False
        elif not patterns:
            count += 1
    return count


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def _command(words: list[str], parser: ArgumentParser) -> tuple[int, ArgumentParser | None]:
    commands = next(each for each in parser._actions if isinstance(each, _SubParsersAction)).choices
    for at, word in enumerate(words):
        if word in commands:
            actions = commands[word]._actions
            below = next((each for each in actions if isinstance(each, _SubParsersAction)), None)
            if below is not None and at + 1 < len(words) and words[at + 1] in below.choices:
                return at + 2, below.choices[words[at + 1]]
            return at + 1, commands[word]
    return len(words), None


def _options_without_value(parser: ArgumentParser) -> frozenset[str]:
    found = (each for each in parser._actions if each.option_strings and each.nargs == 0)
    return frozenset(name for each in found for name in each.option_strings)
