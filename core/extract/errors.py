"""What can be wrong with an archive."""

from __future__ import annotations


class ArchiveTrouble(Exception):
    """The archive cannot be taken apart, or must not be. One sentence for people; it may quote names from the
    archive and is not yet safe for a screen."""
