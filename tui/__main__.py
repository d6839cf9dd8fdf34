"""The program `haulier`. Without arguments it opens the full-screen app, with a command it does that."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with these arguments (those of the process when not given); the result is the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):
        from core import __version__

        print(f"haulier {__version__}")
        return 0
    if words[:2] == ["completion-words", "--"]:  # asked by a shell in the middle of a line: as quick as can be
        from tui.cli.completing import answer

        return answer(words[2:])
    from tui.cli.program import run

    return run(words)


if __name__ == "__main__":
    sys.exit(main())
