"""A disk that carries its own records: who it is (marker.py), what it holds (manifest.py), and what it said it
holds, as a source to verify it against (source.py). None of this needs the engine's journal."""

from core.stores.disk.marker import Held, Marker, read_marker, write_marker
from core.stores.disk.source import DiskSource

__all__ = ["DiskSource", "Held", "Marker", "read_marker", "write_marker"]
