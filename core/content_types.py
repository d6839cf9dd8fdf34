"""The Content-Type of a file that has none, from its name.

The table is Python's own and what is added here; the machine's files (/etc/mime.types) have no say, so the same
file gets the same type wherever it is sent from. Only the last extension counts: `x.tar.gz` is a gzip file, and
naming it application/x-tar with Content-Encoding gzip would make browsers unpack it. What is not known is
application/octet-stream, said aloud, because servers guess differently where nothing is said.
"""

from __future__ import annotations

import mimetypes

UNKNOWN = "application/octet-stream"
_ADDED = {
    ".7z": "application/x-7z-compressed",
    ".arrow": "application/vnd.apache.arrow.file",
    ".avif": "image/avif",
    ".avro": "application/vnd.apache.avro",
    ".br": UNKNOWN,
    ".bz2": "application/x-bzip2",
    ".flac": "audio/flac",
    ".geojson": "application/geo+json",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".ipynb": "application/x-ipynb+json",
    ".jsonl": "application/jsonl",
    ".js": "text/javascript",
    ".lz4": "application/x-lz4",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mkv": "video/x-matroska",
    ".ndjson": "application/x-ndjson",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".parquet": "application/vnd.apache.parquet",
    ".rar": "application/vnd.rar",
    ".tgz": "application/gzip",
    ".toml": "application/toml",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".z": "application/x-compress",
    ".zst": "application/zstd",
}
_TABLE = {**mimetypes.MimeTypes().types_map[True], **_ADDED}


def content_type(name: str) -> str:
    """The media type for a file of this name or path."""
    dot = name.rfind(".")
    if dot <= name.rfind("/") + 1:  # no extension, or a hidden file's name
        return UNKNOWN
    return _TABLE.get(name[dot:].lower(), UNKNOWN)
