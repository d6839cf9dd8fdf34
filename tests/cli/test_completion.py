"""Completion: what is offered at the end of a line, and real shells that offer it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.program import SECONDS, Program, Terminal, _take_terminal
from tui.cli.completing import complete
from tui.cli.completion import SCRIPTS
from tui.cli.parser import build_parser

_UNSEEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00\x07]")  # what a terminal obeys or drops
NEEDED = {shell: pytest.mark.skipif(shutil.which(shell) is None, reason=f"no {shell}") for shell in SCRIPTS}


def offered(line: str) -> list[str]:
    """The candidates for the last word of a line; a blank at its end begins a new one."""
    words = line.split()
    if line.endswith(" ") or not line:
        words.append("")
    return [word for word, _ in complete(build_parser(), words).words]


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("", ["copy", "sync", "connections", "engine"]),
        ("con", ["connections", "config"]),
        ("connections ", ["list", "add", "import"]),
        ("connections import ", ["aws", "hub", "opskit"]),
        ("--logs-dir copy con", ["connections", "config"]),
        ("copy --comp", ["--compare"]),
        ("copy --compare ", ["time", "size", "checksum"]),
        ("copy --compare=s", ["--compare=size"]),
        ("copy a b --on-unfinished ", ["resume", "clean"]),
        ("copy -j 4 --retry p", ["patient"]),
        ("connections add x --store f", ["file"]),
        ("secrets un", ["unlock"]),
        ("completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_what_is_offered(line: str, some: list[str]) -> None:
    """Commands, commands below them, options, and what they can be, wherever they stand."""
    assert set(some) <= set(offered(line))
    last = line.rpartition(" ")[2]
    assert all(word.startswith(last) for word in offered(line))


@pytest.mark.parametrize(
    "line", ["copy --workers ", "connections add ", "limit ", "nonsense ", "copy --nothing=", "config "]
)
def test_nothing_is_made_up(line: str) -> None:
    """Where anything could stand, or nothing, there is no offer."""
    assert offered(line) == []


def test_each_command_and_option_can_be_completed() -> None:
    """Every command of the parser is offered, with its help; none of the offers is the hidden helper."""
    found = dict(complete(build_parser(), [""]).words)
    assert all(found.values())
    assert "completion-words" not in found
    for command in found:
        assert "--help" in offered(f"{command} --")


def test_presets_are_offered_where_one_is_named(isolated_home: Path) -> None:
    """By their names, where there is one to be named; a new name is nobody's to offer."""
    file = isolated_home / ".config/haulier/presets.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"version": 1, "presets": [{"name": "nightly", "description": "each night"}]}')
    for line in ("presets run ", "presets show n", "presets rename ", "presets remove ", "presets remove a n"):
        assert offered(line) == ["nightly"], line
    assert offered("presets save ") == []
    file.write_text("{damaged")
    assert offered("presets run ") == []


def test_paths_are_left_to_the_shell() -> None:
    """Places, files, folders, and values that are no paths."""
    parser = build_parser()
    assert complete(parser, ["copy", ""]).paths == "files"
    assert complete(parser, ["copy", "a", "--csv", ""]).paths == "files"
    assert complete(parser, ["--metadata-dir", ""]).paths == "folders"
    assert complete(parser, ["copy", "--part-size", ""]).paths == "-"


def test_connections_jobs_and_no_engine(haulier: Program, tmp_path: Path) -> None:
    """Names from the file without an engine being started; jobs' numbers with titles once one runs."""

    def lines(*words: str) -> list[str]:
        return haulier.ok("completion-words", "--", *words).out.splitlines()

    assert lines("connections", "edit", "") == ["-"]
    haulier.ok("connections", "add", "prod", "--endpoint", "http://127.0.0.1:1", "--anonymous", "--untested")
    haulier.ok("engine", "stop")
    assert lines("connections", "test", "p") == ["-", "prod\thttp://127.0.0.1:1"]
    assert lines("copy", "p") == ["files", "prod:\thttp://127.0.0.1:1"]
    assert lines("pause", "") == ["-"]
    assert haulier("engine", "status").code == 3
    (tmp_path / "a").write_text("x")
    haulier.ok("copy", "a", "b")
    assert lines("watch", "")[1].startswith("1\tcompleted ")
    (Path(os.environ["HOME"]) / ".config/haulier/connections.json").write_text("{damaged")
    assert lines("connections", "test", "p") == ["-"]


# ---------------------------------------------------------------- real shells


@pytest.fixture
def with_program(haulier: Program, tmp_path: Path) -> Program:
    """`haulier` is found in PATH, there is a connection, and two files."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "haulier"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tui "$@"\n')
    script.chmod(0o755)
    haulier.extra["PATH"] = f"{folder}:{os.environ['PATH']}"
    haulier.ok("connections", "add", "prod", "--endpoint", "http://127.0.0.1:1", "--anonymous", "--untested")
    haulier.ok("engine", "stop")
    (tmp_path / "report one.txt").write_text("x")
    (tmp_path / "photos").mkdir()
    return haulier


@contextmanager
def shell(program: Program, *words: str) -> Iterator[Terminal]:
    """An interactive shell on a terminal of its own."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        words,
        cwd=program.cwd,
        env={**program.environment, "TERM": "vt100", "PS1": "$ ", "COLUMNS": "80", "LC_ALL": "C.UTF-8"},
        stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=_take_terminal,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def completes(terminal: Terminal, typed: str, whole: str) -> None:
    """Typing this and pressing tab makes the line that; Ctrl+U takes it away again."""
    terminal.screen = ""
    terminal.type(f"{typed}\t")
    ends = time.monotonic() + SECONDS
    while whole not in _UNSEEN.sub("", terminal.screen):
        assert time.monotonic() < ends, f"{whole!r} did not appear in {terminal.screen!r}"
        terminal._read(0.1)
    terminal.type("\x15")


@NEEDED["bash"]
def test_bash(with_program: Program) -> None:
    """Typed at a real bash: commands, options, values with and without "=", a connection with its colon (a
    character at which bash cuts words), files with blanks, folders."""
    with shell(with_program, "bash", "--norc", "--noprofile", "-i") as terminal:
        terminal.type(
            'eval "$(haulier completion bash)"; bind "set enable-bracketed-paste off"; echo rea""dy\n'
        )
        terminal.wait_for("ready")
        for typed, whole in (
            ("haulier connec", "haulier connections "),
            ("haulier connections t", "haulier connections test "),
            ("haulier connections test p", "haulier connections test prod "),
            ("haulier copy --compa", "haulier copy --compare "),
            ("haulier copy --compare=ch", "haulier copy --compare=checksum "),
            ("haulier copy --storage-class GLACIER_", "haulier copy --storage-class GLACIER_IR "),
            ("haulier copy pr", "haulier copy prod:"),
            ("haulier copy repo", "haulier copy report\\ one.txt "),
            ("haulier --logs-dir pho", "haulier --logs-dir photos/"),
        ):
            completes(terminal, typed, whole)
    reply = bash_reply(with_program, "haulier copy prod:x")
    assert reply == []


def bash_reply(program: Program, line: str) -> list[str]:
    """What bash is given for a line with the cursor at its end."""
    script = (
        f"{SCRIPTS['bash']}\nCOMP_LINE={shlex.quote(line)}; COMP_POINT=${{#COMP_LINE}}; _haulier; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=program.cwd,
        env=program.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@NEEDED["zsh"]
def test_zsh(with_program: Program) -> None:
    """The same at a real zsh, which beeps and redraws as it likes."""
    with shell(with_program, "zsh", "-f", "-i") as terminal:
        terminal.type(
            "PS1='$ '; autoload -Uz compinit && compinit -u -D; unsetopt PROMPT_SP; zle_highlight=(none); "
            'eval "$(haulier completion zsh)"; echo rea""dy\n'
        )
        terminal.wait_for("ready")
        for typed, whole in (
            ("haulier connec", "connections "),
            ("haulier connections test p", "test prod "),
            ("haulier copy --compare=ch", "--compare=checksum "),
            ("haulier copy pro", "copy prod:"),
            ("haulier --logs-dir pho", "photos/"),
        ):
            completes(terminal, typed, whole)


@NEEDED["fish"]
def test_fish(with_program: Program) -> None:
    """fish says itself what it would complete; descriptions come along."""
    script = SCRIPTS["fish"]

    def told(line: str) -> list[str]:
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"{script}\ncomplete -C {shlex.quote(line)}"],
            cwd=with_program.cwd, env=with_program.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    assert told("haulier connec") == ["connections\tlist, add, test, edit, remove connections"]
    assert told("haulier connections test p") == ["prod\thttp://127.0.0.1:1"]
    assert "prod:\thttp://127.0.0.1:1" in told("haulier copy pro")
    assert any(line.startswith("photos/") for line in told("haulier --logs-dir pho"))
    assert any(line.startswith("report") for line in told("haulier copy repo"))
