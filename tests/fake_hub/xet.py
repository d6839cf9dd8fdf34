"""Xet without its service: the library's own store in a folder (`local:///folder`), filled by uploads of the
same library."""

from __future__ import annotations

import os
from pathlib import Path


def upload(folder: Path, data: bytes) -> str:
    """Put a file's bytes into the store; their Xet hash."""
    os.environ.update({"HF_XET_LOG_DEST": os.devnull, "HF_XET_TELEMETRY_ENABLED": "0"})
    import hf_xet  # type: ignore[import-untyped]

    folder.mkdir(parents=True, exist_ok=True)
    with hf_xet.XetSession().new_upload_commit(endpoint=f"local://{folder}") as commit:
        stream = commit.start_upload_stream(name="file", sha256=hf_xet.SKIP_SHA256)
        for at in range(0, len(data), 1 << 20):
            stream.write(data[at : at + (1 << 20)])
        told: str = stream.finish().xet_info.hash
    return told
