"""The Hub's access token, which is never shown. Where this user's own one is: core/adhoc.py."""

from __future__ import annotations

from pathlib import Path

from core.errors import BadCredentials

MAX_TOKEN = 4096  # bytes of a token file; anything longer is something else


class Token:
    """A secret; only `header` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Raises BadCredentials for what cannot stand in a header; the text is not repeated."""
        text = text.strip()
        if not text or not text.isascii() or any(not 0x21 <= ord(letter) <= 0x7E for letter in text):
            raise BadCredentials("the Hub token is no token: it is empty or has spaces or special characters")
        self._text = text

    def header(self) -> str:
        """The value of an Authorization header."""
        return f"Bearer {self._text}"

    def __repr__(self) -> str:
        return "Token(…)"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a token is not written down")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def token_in(path: Path) -> Token | None:
    """The token that a file holds; None when it is missing or empty. Raises BadCredentials naming the file."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOKEN + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadCredentials(f"the Hub token file {path} cannot be read ({error.strerror})") from None
    text = data.decode("ascii", "replace").strip()
    if not text:
        return None
    try:
        if len(data) > MAX_TOKEN:
            raise BadCredentials("too long")
        return Token(text)
    except BadCredentials:
        raise BadCredentials(f"the Hub token file {path} holds no token") from None
