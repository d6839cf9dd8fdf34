"""The base of every command to the engine, and the shortest reply. The commands are in `messages.py`."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from core.model import Value

R = TypeVar("R")


class Command(msgspec.Struct, Generic[R], frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of every command; `R` is the type of its reply."""


class Done(Value, frozen=True, kw_only=True):
    """The reply of commands that have nothing more to say."""
