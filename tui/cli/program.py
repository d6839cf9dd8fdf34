"""From arguments to an exit code: parse, carry out one command, put errors into words.

Each command lives in a module of its own, imported only when it is asked for, so that starting stays quick.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import cast

from core.errors import Code, HaulierError
from core.opskit import WORKING, Launcher
from tui.cli.interrupts import Ended
from tui.cli.output import Output
from tui.cli.parser import build_parser
from tui.cli.patterns import separate_patterns

SIGPIPE_EXIT = 128 + 13  # as a shell reports a program whose reader went away
INTERRUPTED = 130


def run(words: Sequence[str]) -> int:
    """Carry out the command in `words`; never raises but SystemExit, which argparse uses for usage and help."""
    parser = build_parser()
    chosen = parser.parse_args(separate_patterns(list(words), parser))
    output = Output.of_process(
        json=getattr(chosen, "json", False),
        quiet=getattr(chosen, "quiet", False),
        verbose=getattr(chosen, "verbose", 0),
    )
    module, _, name = chosen.command.partition(":")
    try:
        _go_where_the_person_is()
        carry_out = cast(Callable[[Namespace, Output], int], getattr(import_module(module), name))
        code = carry_out(chosen, output)
        sys.stdout.flush()
        return code
    except HaulierError as error:
        with suppress(BrokenPipeError):
            output.error(error)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        return interrupt.number + 128 if isinstance(interrupt, Ended) else INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at exit; nobody reads it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SIGPIPE_EXIT


def _go_where_the_person_is() -> None:
    """OpsKit starts its tools in folders of its own, and says where it was called. Relative paths mean that."""
    working = Launcher.of(os.environ).working_dir
    if working is None:
        return
    try:
        os.chdir(working)
    except OSError as error:
        raise HaulierError(
            Code.USAGE, f"{WORKING}: the folder {working} cannot be entered: {error.strerror}"
        ) from None
