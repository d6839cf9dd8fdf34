"""A connection's own certificate authorities."""

from __future__ import annotations

from pathlib import Path

from core.errors import FatalTrouble


def certificates(ca_file: str) -> list[bytes]:
    """The single certificates of a PEM file, because reqwest takes one at a time."""
    if not ca_file:
        return []
    try:
        text = Path(ca_file).read_bytes()
    except OSError as error:
        raise FatalTrouble(f"the CA file {ca_file} cannot be read ({error.strerror})") from error
    end = b"-----END CERTIFICATE-----"
    found = [
        piece[piece.index(b"-----BEGIN CERT") :] + end
        for piece in text.split(end)
        if b"-----BEGIN CERT" in piece
    ]
    if not found:
        raise FatalTrouble(f"the CA file {ca_file} holds no certificate")
    return found
