"""A line of a failed log, `ID - Error`: written at the end of jobs, read as the next input list."""

from __future__ import annotations

SEPARATOR = " - "  # never in an error that is written, so that the last one of a line is where the ID ends


def id_of(line: str) -> str:
    """The ID of such a line; the line itself when it holds no error."""
    return line.rstrip("\r\n").rpartition(SEPARATOR)[0] or line.strip()
