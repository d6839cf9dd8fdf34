"""The real daemon around the toy engine: `python -m tests.line.toy_daemon --metadata-dir=… …`.

A file `trouble` in the config folder makes the start go wrong, or the drained stop last, as its text says.
"""

from __future__ import annotations

import core.daemon
from core.errors import Code, HaulierError
from core.paths import Paths
from core.settings import Settings
from tests.line.toy import ToyEngine


class TroubledEngine(ToyEngine):
    def __init__(self, trouble: str) -> None:
        super().__init__()
        self._trouble = trouble
        self.drains_forever = trouble == "slow drain"

    async def open(self) -> None:
        match self._trouble:
            case "damaged":
                raise HaulierError(Code.FAILED, "The journal is damaged at page 7", "Run `haulier repair`.")
            case "defect":
                raise ZeroDivisionError("one \x1b[31mred\x1b[0m defect")
        await super().open()


def make(paths: Paths, settings: Settings) -> ToyEngine:
    file = paths.config_dir / "trouble"
    return TroubledEngine(file.read_text() if file.exists() else "")


if __name__ == "__main__":
    core.daemon.main(make)
