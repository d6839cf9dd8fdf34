"""`haulier` without a command: the full-screen app."""

from __future__ import annotations

from argparse import Namespace

from core.paths import Paths
from tui.cli.chosen import flags_of, settings_of
from tui.cli.output import Output


def open_app(chosen: Namespace, output: Output) -> int:
    del output
    from tui.start import run

    return run(Paths.of(settings_of(chosen)), flags_of(chosen), mouse=not chosen.no_mouse)
