"""How the full-screen program is started: what must be set before Textual is imported, and the last word."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import Code, HaulierError

if TYPE_CHECKING:
    from core.client import EngineClient
    from core.paths import Paths

_REMOTE = {"TEXTUAL_FPS": "30", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}


class LocalEngine:
    """Reaches the engine of this state folder through its socket."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    async def attach(self) -> EngineClient:
        from core.launch import connect

        return await connect(self._paths, start=False)

    async def start(self) -> EngineClient:
        from core.launch import connect

        return await connect(self._paths, start=True)


def spare_a_slow_line() -> None:
    """Over SSH, draw less often and animate nothing. What the person set themselves stays. Textual reads
    these variables when it is imported."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        for name, value in _REMOTE.items():
            os.environ.setdefault(name, value)


def refuse_a_poor_terminal() -> None:
    """Raises HaulierError (usage) where no full screen can be shown: Textual reads stdin, draws on stderr."""
    ends = (sys.__stdin__, sys.__stderr__)
    if os.environ.get("TERM", "") in {"", "dumb"} or not all(end and end.isatty() for end in ends):
        raise HaulierError(
            Code.USAGE,
            "This terminal cannot show a full screen.",
            "Use the commands instead: haulier --help lists them.",
        )


@contextmanager
def _what_stays() -> Iterator[None]:
    """What is imported is never garbage. Not looking for any in it makes the start quicker, and spares every
    later full collection, which would fall between a key and its answer, the way through all modules."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def run(paths: Paths, flags: Mapping[str, str | None], *, mouse: bool = True) -> int:
    """Show the full screen until the person leaves; gives the exit code. `flags` are those of the settings.

    Raises HaulierError (usage) where no full screen can be shown.
    """
    refuse_a_poor_terminal()
    spare_a_slow_line()
    with _what_stays():
        from tui.app import HaulierApp
        from tui.preferences import Preferences

    app = HaulierApp(LocalEngine(paths), preferences=Preferences.of(flags, os.environ, Path.home()))
    app.run(mouse=mouse)
    print(app.farewell)
    if app.wants_demo:
        from tui.cli.program import run as carry_out

        return carry_out(["demo"])
    return app.return_code or 0
