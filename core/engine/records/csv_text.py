"""Rows of CSV as RFC 4180 writes them, with LF at the end of a line.

LF and not CRLF, so that `cut`, `awk` and `grep` see the last column without a carriage return; every CSV reader
takes both. Fields are quoted where they hold a comma, a quote, CR, LF, or a blank at either end: any key comes
back as it was from a reader that keeps line breaks (Python: `open(file, newline="")`). Nothing is put in front
of cells that begin with = + - @, because a name in a log must stay the name; a spreadsheet should be told to
import the columns as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

_NEEDS_QUOTES = re.compile(r'[,"\r\n]|\A\s|\s\Z')


def csv_row(fields: Iterable[str]) -> bytes:
    """One row with its end. UTF-8; what is no Unicode (an odd file name) is written as backslash escapes."""
    return (",".join(map(_field, fields)) + "\n").encode("utf-8", "backslashreplace")


def _field(text: str) -> str:
    if _NEEDS_QUOTES.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def iso_utc(moment: float) -> str:
    """UTC seconds as "2026-11-20T22:14:07.113Z"; empty for 0, which means not known."""
    if not moment:
        return ""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
