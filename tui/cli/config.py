"""config: every setting, its value, and where it comes from; or every key. Asks no engine."""

from __future__ import annotations

import os
from argparse import Namespace

from core.opskit import Launcher
from core.safe_text import safe_text
from tui.cli.chosen import settings_of
from tui.cli.output import Output


def config(chosen: Namespace, output: Output) -> int:
    if chosen.keys:
        from tui.cli.keys import print_keys  # late: only this one needs to know of the full screen

        return print_keys(settings_of(chosen), output)
    rows = [*settings_of(chosen).rows(), *Launcher.of(os.environ).rows()]
    if output.json:
        for name, value, origin in rows:
            output.record("setting", name=name, value=value, origin=origin)
        return 0
    output.table(
        ("SETTING", "VALUE", "FROM"),
        [(name, safe_text(value), safe_text(origin)) for name, value, origin in rows],
    )
    return 0
