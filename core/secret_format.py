"""The bytes of the encrypted secret file: what is in it, and how a passphrase opens it.

1. `haulier secrets` and a line end, 4 bytes of length (big-endian), and so many bytes of header in JSON:
   version, the key derivation with its parameters and salt, the cipher, a nonce, a check value.
2. The sealed content: one JSON object of account → text, under AES-256-GCM (NIST SP 800-38D). All bytes before
   it are its associated data, so that no parameter can be exchanged.
3. SHA-256 of everything before. It protects against nobody; it tells damage from a wrong passphrase.

The passphrase becomes 64 bytes by scrypt (RFC 7914): the first half is the cipher's key, the second makes the
check value, an HMAC over the salt, which tells a wrong passphrase from a content that was tampered with. The
salt is new with each passphrase, the nonce random with each writing (SP 800-38D, 8.2.2: good for 2^32 of them).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import unicodedata

import msgspec

MAGIC = b"haulier secrets\n"
VERSION = 1
MOST_BYTES = 4 * 1024 * 1024  # of the whole file; a thousand connections take a quarter of one MiB
_MOST_HEADER = 4096
_MOST_MEMORY = 1024**3  # bytes that a file may ask scrypt to take; a hostile one must not ask for more
_LENGTH = 4
_DIGEST = 32


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of one try at a passphrase: scrypt's parameters, 128·n·r bytes of memory.

    The default is what OWASP's Password Storage Cheat Sheet names: 128 MiB, about half a second."""

    n: int = 2**17
    r: int = 8
    p: int = 1

    @property
    def is_bearable(self) -> bool:
        """Whether a file with these may be opened: neither a joke nor a trap."""
        power_of_two = self.n > 1 and self.n & (self.n - 1) == 0
        return (
            power_of_two
            and self.n >= 2**10
            and 1 <= self.r <= 64
            and 1 <= self.p <= 16
            and 128 * self.n * self.r <= _MOST_MEMORY
        )


class Unreadable(Exception):
    """The file cannot be used: `words` says why, after a colon."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class WrongPassphrase(Exception):
    """The passphrase is not the one that the file was closed with."""


class OpenKey:
    """What a passphrase became, for one salt. In memory only; its repr hides it."""

    __slots__ = ("_check", "cipher", "salt", "work")

    def __init__(self, passphrase: str, salt: bytes, work: Work) -> None:
        """Raises Unreadable where there is too little memory."""
        self.salt, self.work = salt, work
        derived = _derive(passphrase, salt, work)
        self.cipher = derived[:32]
        self._check = hmac.digest(derived[32:], b"haulier secrets check\0" + salt, "sha256")

    def __repr__(self) -> str:
        return "OpenKey(…)"

    @property
    def check(self) -> bytes:
        return self._check


def _derive(passphrase: str, salt: bytes, work: Work) -> bytes:
    # The same letters typed at another keyboard may be other code points (NIST SP 800-63B, 5.1.1.2).
    letters = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
    memory = 128 * work.r * (work.n + work.p + 2) + 1024**2
    try:
        return hashlib.scrypt(letters, salt=salt, n=work.n, r=work.r, p=work.p, maxmem=memory, dklen=64)
    except (MemoryError, ValueError):  # OpenSSL says the latter
        raise Unreadable(f"there are not {memory // 1024**2} MiB of memory to open it") from None


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    kdf: str
    work: Work
    salt: bytes  # base64 in JSON, as msgspec writes bytes
    cipher: str
    nonce: bytes
    check: bytes


class _Versioned(msgspec.Struct, frozen=True, kw_only=True):
    version: int


class Sealed:
    """A file's bytes, taken apart. Nothing of it is secret."""

    def __init__(self, header: _Header, associated: bytes, content: bytes) -> None:
        self._header, self._associated, self._content = header, associated, content

    @property
    def salt(self) -> bytes:
        return self._header.salt

    def key(self, passphrase: str) -> OpenKey:
        """Takes half a second and much memory. Raises WrongPassphrase."""
        key = OpenKey(passphrase, self._header.salt, self._header.work)
        if not hmac.compare_digest(key.check, self._header.check):
            raise WrongPassphrase
        return key

    def open(self, key: OpenKey) -> dict[str, str]:
        """The accounts and their texts. Raises Unreadable when it is not what was once sealed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            plain = AESGCM(key.cipher).decrypt(self._header.nonce, self._content, self._associated)
            return msgspec.json.decode(plain, type=dict[str, str])
        except InvalidTag:
            raise Unreadable("its content was altered") from None
        except msgspec.MsgspecError:
            raise Unreadable("its content is not what haulier writes") from None


def new_key(passphrase: str, work: Work) -> OpenKey:
    """A key with a salt of its own."""
    return OpenKey(passphrase, os.urandom(16), work)


def seal(accounts: dict[str, str], key: OpenKey) -> bytes:
    """The bytes of a file that holds these accounts."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(12)
    header = msgspec.json.encode(
        _Header(
            version=VERSION,
            kdf="scrypt",
            work=key.work,
            salt=key.salt,
            cipher="AES-256-GCM",
            nonce=nonce,
            check=key.check,
        )
    )
    associated = MAGIC + len(header).to_bytes(_LENGTH, "big") + header
    data = associated + AESGCM(key.cipher).encrypt(nonce, msgspec.json.encode(accounts), associated)
    return data + hashlib.sha256(data).digest()


def take_apart(data: bytes) -> Sealed:
    """Raises Unreadable: damaged, not one of ours, or written by a newer program."""
    start = len(MAGIC) + _LENGTH
    if not data.startswith(MAGIC):
        raise Unreadable("it is no secret file of haulier" if data else "it is empty")
    length = int.from_bytes(data[len(MAGIC) : start], "big")
    text = data[start : start + length]
    if length > _MOST_HEADER or len(text) < length:
        raise Unreadable("it is damaged: its header is cut off")
    try:
        version = msgspec.json.decode(text, type=_Versioned).version
    except msgspec.MsgspecError:
        raise Unreadable("it is damaged: its header cannot be read") from None
    if version > VERSION:
        raise Unreadable(f"it was written by a newer haulier (version {version} of the file)")
    body = data[:-_DIGEST]
    if len(body) < start + length or hashlib.sha256(body).digest() != data[-_DIGEST:]:
        raise Unreadable("it is damaged: not all of it is as it was written")
    try:
        header = msgspec.json.decode(text, type=_Header)
    except msgspec.MsgspecError:
        raise Unreadable("it is damaged: its header lacks something") from None
    if (header.kdf, header.cipher) != ("scrypt", "AES-256-GCM") or not header.work.is_bearable:
        raise Unreadable("it is not encrypted as haulier does it")
    if len(header.nonce) != 12 or len(header.salt) < 8:
        raise Unreadable("it is damaged: its header lacks something")
    return Sealed(header, body[: start + length], body[start + length :])
