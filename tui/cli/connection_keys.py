"""What `connections add` and `edit` are told of keys and tokens; a secret is read hidden, or from stdin."""

from __future__ import annotations

import sys
from argparse import Namespace
from getpass import getpass
from pathlib import Path

from core.errors import Code, HaulierError
from core.model import (
    HUB_TOKEN,
    AnonymousCredentials,
    ChainCredentials,
    Credentials,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
    TokenFileCredentials,
)


def credentials_of(chosen: Namespace, keys: SecretKeys | None) -> Credentials | None:
    if chosen.token_file is not None:
        return TokenFileCredentials(path=str(Path(chosen.token_file).expanduser().absolute()))
    if keys is not None:
        return SessionCredentials(ref="typed")  # the engine says where the keys really went
    if chosen.profile is not None:
        return ProfileCredentials(profile=chosen.profile)
    if chosen.anonymous:
        return AnonymousCredentials()
    return ChainCredentials() if chosen.chain else None


def read_keys(chosen: Namespace, kind: str, *, needed: bool) -> SecretKeys | None:
    """The keys or the token as typed, or None when none are. Of a Hub a `needed` one is asked for where nothing
    says another source. Raises HaulierError (usage)."""
    if kind == "hub":
        return _read_token(chosen, needed=needed)
    if chosen.token or chosen.token_file is not None:
        raise HaulierError(Code.USAGE, "A token is for Hubs", "Say --hub, or give access keys.")
    if chosen.access_key_id is None:
        if chosen.secret_stdin:
            raise HaulierError(Code.USAGE, "--secret-stdin needs --access-key-id")
        return None
    token = ""
    if chosen.secret_stdin:
        secret = sys.stdin.readline().rstrip("\r\n")
        token = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        secret = getpass("Secret access key (not shown): ")
    else:
        raise HaulierError(
            Code.USAGE, "There is no terminal to type the secret at", "Give it on stdin with --secret-stdin."
        )
    if not secret:
        raise HaulierError(Code.USAGE, "The secret is empty")
    return SecretKeys(access_key_id=chosen.access_key_id, secret_access_key=secret, session_token=token)


def _read_token(chosen: Namespace, *, needed: bool) -> SecretKeys | None:
    if chosen.access_key_id is not None or chosen.profile is not None or chosen.chain:
        raise HaulierError(
            Code.USAGE,
            "Access keys, profiles and the AWS chain are not for Hubs",
            "Use --token-file, --anonymous, or type a token.",
        )
    elsewhere = chosen.token_file is not None or chosen.anonymous
    if elsewhere and chosen.secret_stdin:
        raise HaulierError(Code.USAGE, "--secret-stdin gives a token, and another source was named, too")
    if elsewhere or not (needed or chosen.token or chosen.secret_stdin):
        return None
    if chosen.secret_stdin:
        token = sys.stdin.readline().strip()
    elif sys.stdin.isatty():
        token = getpass("Token (not shown): ")
    else:
        raise HaulierError(
            Code.USAGE,
            "There is no terminal to type the token at",
            "Give it on stdin with --secret-stdin, or use --token-file or --anonymous.",
        )
    if not token:
        raise HaulierError(Code.USAGE, "The token is empty", "Without one: --anonymous.")
    return SecretKeys(access_key_id=HUB_TOKEN, secret_access_key=token)


def ca_file_of(chosen: Namespace) -> str:
    return str(Path(chosen.ca_file).expanduser().absolute()) if chosen.ca_file else ""
