"""Where the token is found, and that it is never shown."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from core.adhoc import hub_from_environment
from core.errors import BadCredentials
from core.model import TokenFileCredentials
from core.stores.hub.tokens import Token, token_in


def token_of(settings: dict[str, str]) -> Token | None:
    """As `hf://` finds it in this environment."""
    connection, keys = hub_from_environment(settings)
    if keys is not None:
        return Token(keys.secret_access_key)
    assert isinstance(connection.credentials, TokenFileCredentials)
    return token_in(Path(connection.credentials.path))


def test_order(tmp_path: Path) -> None:
    """HF_TOKEN goes before HF_TOKEN_PATH, that before $HF_HOME/token, that before the cache folder's."""
    for name in ("named", "home/token", "cache/huggingface/token"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"hf_{name.replace('/', '_')}\n")
    settings = {"HF_TOKEN": " hf_direct\n", "HF_TOKEN_PATH": str(tmp_path / "named")}
    settings |= {"HF_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    found = []
    for name in list(settings):
        found.append(token_of(settings))
        del settings[name]
    assert found == [
        Token(f"hf_{name}") for name in ("direct", "named", "home_token", "cache_huggingface_token")
    ]


def test_none(tmp_path: Path) -> None:
    """No file or an empty one is no token; an empty HF_TOKEN hides nothing."""
    assert token_of({"HF_HOME": str(tmp_path), "HF_TOKEN": " "}) is None
    (tmp_path / "token").write_text("\n")
    assert token_of({"HF_HOME": str(tmp_path)}) is None


def test_unusable(tmp_path: Path) -> None:
    """A file that holds something else is named, and what it holds is not."""
    (tmp_path / "token").write_text("my secret\nsecond line")
    with pytest.raises(BadCredentials) as caught:
        token_of({"HF_HOME": str(tmp_path)})
    assert str(tmp_path) in caught.value.message
    assert "secret" not in caught.value.message
    with pytest.raises(BadCredentials) as caught:
        Token("hf_a\r\nX-Evil: 1")
    assert "hf_a" not in caught.value.message


def test_never_shown() -> None:
    """Not by repr, not by str, not by formatting, not by pickling."""
    token = Token("hf_secret")
    assert "secret" not in f"{token!r} {token} {[token]}"
    with pytest.raises(TypeError):
        pickle.dumps(token)
