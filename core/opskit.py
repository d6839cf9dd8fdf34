"""What OpsKit, a launcher of tools, says to the tool that it starts, by five variables of the environment:

| variable | says | means here |
|---|---|---|
| OPSKIT_TOOL_TEMP_DIR | a folder of the tool's own, kept from run to run | metadata and logs are kept there |
| OPSKIT_WORKING_DIR | where the person was who called OpsKit | what relative paths mean; downloads |
| OPSKIT_BASE_PATH | where OpsKit is installed | where its old connections are looked for |
| TOOL_NAME, TOOL_VERSION | what OpsKit calls the tool | shown; believed only beside one of the others |

Source: OpsKit's guide for tool developers, "Environment variables", and its `core/cli.py`, which sets them.
Connections and secrets stay in the config folder: they are the same whoever starts the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

TEMP, BASE, WORKING = "OPSKIT_TOOL_TEMP_DIR", "OPSKIT_BASE_PATH", "OPSKIT_WORKING_DIR"
NAME, VERSION = "TOOL_NAME", "TOOL_VERSION"
OLD_CONNECTIONS = "connections.json"
_OLD_TOOL = Path("cache/tools/s3-sync")  # of OpsKit's own S3 tool, below OPSKIT_BASE_PATH


class Launcher(msgspec.Struct, frozen=True, kw_only=True):
    """OpsKit's words; empty and None where it says nothing. `of` gives them."""

    name: str = ""
    version: str = ""
    temp_dir: Path | None = None
    base_path: Path | None = None
    working_dir: Path | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Launcher:
        """A relative folder says nothing: relative to what?"""
        temp, base, working = (_folder(environ.get(name, "")) for name in (TEMP, BASE, WORKING))
        if not (temp or base or working):
            return cls()
        return cls(
            name=environ.get(NAME, "").strip(),
            version=environ.get(VERSION, "").strip(),
            temp_dir=temp,
            base_path=base,
            working_dir=working,
        )

    @property
    def title(self) -> str:
        """Name and version in one; not yet safe to show."""
        return f"{self.name} {self.version}".strip()

    def folder(self, setting: str) -> tuple[str, str]:
        """What it wants for a folder of the settings, and the variable that says so; empty for nothing."""
        if self.temp_dir is not None and setting in ("metadata_dir", "logs_dir"):
            return str(self.temp_dir / setting.removesuffix("_dir")), TEMP
        if self.working_dir is not None and setting == "downloads_dir":
            return str(self.working_dir), WORKING
        return "", ""

    def rows(self) -> list[tuple[str, str, str]]:
        """(name, value, origin) of what it says and no setting holds."""
        told = (
            ("tool_name", self.name, NAME),
            ("tool_version", self.version, VERSION),
            ("working_dir", self.working_dir, WORKING),
            ("opskit_base_path", self.base_path, BASE),
        )
        return [(name, str(value), f"environment {variable}") for name, value, variable in told if value]

    def old_connections(self, home: Path | None) -> list[Path]:
        """Where a file of connections of OpsKit's own tool would be, the likeliest first; the last is where
        OpsKit installs itself below `home`."""
        base = [folder for folder in (self.base_path, home / ".opskit" if home is not None else None) if folder]
        folders = [
            *([self.temp_dir] if self.temp_dir is not None else []),
            *(each / _OLD_TOOL for each in base),
        ]
        return [folder / OLD_CONNECTIONS for folder in folders]


def _folder(text: str) -> Path | None:
    return Path(text) if text and Path(text).is_absolute() and "\0" not in text else None
