"""The settings that one command line chose. Light: what needs no engine starts without what an engine needs."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from core.settings import SETTING_NAMES, Settings, load_settings


def settings_of(chosen: Namespace) -> Settings:
    """Settings with the flags of this command line. Raises HaulierError (usage)."""
    return load_settings(flags_of(chosen), os.environ, Path.home())


def flags_of(chosen: Namespace) -> dict[str, str | None]:
    """The settings' flags on this command line, None where one was not given."""
    return {name: getattr(chosen, name, None) for name in SETTING_NAMES}
