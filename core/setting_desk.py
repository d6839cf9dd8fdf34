"""The settings of one process as a person looks at them and changes them in config.toml.

A value that a flag or a variable gave is not changed here: the file's would not count. It is said instead
what to leave out. Blocking; the caller keeps it away from its event loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.config_file import write_setting
from core.errors import Code, HaulierError
from core.setting_words import SETTING_WORDS, SettingWords
from core.settings import Settings, check_setting, load_settings, setting_in

_LONGEST_NUMBER = 9  # digits; longer ones are written as text


@dataclass(frozen=True)
class SettingRow:
    """`written` is what config.toml says, "" for nothing; `fixed` the way out where it is not changed here."""

    name: str
    value: str
    origin: str
    written: str
    fixed: str
    words: SettingWords


class SettingDesk:
    """`flags`, `environ` and `home` as of `load_settings`. `settings` are those of the last reading."""

    def __init__(self, flags: Mapping[str, str | None], environ: Mapping[str, str], home: Path) -> None:
        """Raises HaulierError (usage) as `load_settings`."""
        self._flags, self._environ, self._home = flags, environ, home
        self.settings = self.read()

    @property
    def file(self) -> Path:
        return self.settings.config_dir / "config.toml"

    def read(self) -> Settings:
        """Everything anew. Raises HaulierError (usage) as `load_settings`."""
        self.settings = load_settings(self._flags, self._environ, self._home)
        return self.settings

    def rows(self) -> tuple[SettingRow, ...]:
        """All settings as they are now, in a fixed order. Raises HaulierError (usage)."""
        return tuple(
            SettingRow(
                name=name,
                value=value,
                origin=origin,
                written=setting_in(self.file, name) if name != "config_dir" else "",
                fixed=_fixed(name, origin),
                words=SETTING_WORDS[name],
            )
            for name, value, origin in self.read().rows()
        )

    def change(self, name: str, text: str) -> None:
        """Write a value to config.toml; an empty text takes the setting out of it.

        HaulierError: usage for a value that cannot be and for a damaged file, refused when a flag or a
        variable decides or the file was changed meanwhile, blocked when it cannot be written.
        """
        origin = self.read().origins.get(name, "default")
        if fixed := _fixed(name, origin):
            raise HaulierError(Code.REFUSED, f"{name} is not changed here: {origin} decides.", fixed)
        text = text.strip()
        if text:
            try:
                check_setting(name, text)
            except ValueError as error:
                raise HaulierError(Code.USAGE, f"{name}: {error}", SETTING_WORDS[name].may_be) from None
        write_setting(self.file, name, _written(text))
        self.read()


def _written(text: str) -> str | int | None:
    if not text:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else text


def _fixed(name: str, origin: str) -> str:
    kind, _, which = origin.partition(" ")
    if kind == "flag":
        return f"Start without {which} to have config.toml decide."
    if kind == "environment" and name != "config_dir":
        return f"Take {which} out of the environment to have config.toml decide."
    return "It says where config.toml itself is." if name == "config_dir" else ""
