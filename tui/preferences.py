"""What the person who sits before the screen has set: settings and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import HaulierError
from core.setting_desk import SettingDesk
from core.settings import Settings
from tui.keys import USUAL_KEYS, KeyTable, faultless_keys

KEYS_FILE = "keys.toml"
_USUAL_WAYS = "app,bell"


@dataclass(frozen=True)
class Preferences:
    """Without a desk everything is as usual, and nothing can be changed."""

    desk: SettingDesk | None = None
    keys: KeyTable = USUAL_KEYS
    key_fault: HaulierError | None = None  # why the keys are the usual ones although a file says otherwise

    @classmethod
    def of(cls, flags: Mapping[str, str | None], environ: Mapping[str, str], home: Path) -> Preferences:
        """Raises HaulierError (usage) as `core.settings.load_settings`."""
        desk = SettingDesk(flags, environ, home)
        keys, fault = faultless_keys(desk.settings.config_dir / KEYS_FILE)
        return cls(desk, keys, fault)

    @property
    def settings(self) -> Settings | None:
        """As they were last read."""
        return self.desk.settings if self.desk is not None else None

    @property
    def theme(self) -> str:
        return self.desk.settings.theme if self.desk is not None else "auto"

    @property
    def signs(self) -> str:
        return self.desk.settings.signs if self.desk is not None else "unicode"

    @property
    def notify(self) -> str:
        return self.desk.settings.notify if self.desk is not None else _USUAL_WAYS
