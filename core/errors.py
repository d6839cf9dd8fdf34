"""Every error the program can speak of, in two small trees.

`HaulierError` is what a person or a script did or must mend: it has a code, one sentence and a way out.
`TransferError` is what went wrong while moving bytes: stores map their vendor's errors into it once, at
their edge, and each class says whether and how a retry makes sense. Nothing else crosses a store's border.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """The kinds of refusal. The command line turns each into an exit code (see `EXIT_CODES`)."""

    USAGE = "usage"  # wrong arguments, unknown place, bad input file
    NOT_FOUND = "not_found"  # no such connection, job, bucket
    REFUSED = "refused"  # not confirmed, plan changed, check failed
    BLOCKED = "blocked"  # credentials, disk, network: mendable from outside
    UNAVAILABLE = "unavailable"  # no engine, engine of another version
    FAILED = "failed"  # anything else that went wrong


EXIT_CODES: dict[Code, int] = {
    Code.USAGE: 2,
    Code.NOT_FOUND: 2,
    Code.REFUSED: 3,
    Code.BLOCKED: 4,
    Code.UNAVAILABLE: 4,
    Code.FAILED: 1,
}


class HaulierError(Exception):
    """Something a person can act on: `message` names the thing and the place, `hint` the way out."""

    def __init__(self, code: Code, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.code]


class ErrorClass(StrEnum):
    """How an error is to be treated; the retry policy is keyed by it."""

    NETWORK = "network"  # timeouts, resets, DNS, 5xx: retried within a time budget
    THROTTLED = "throttled"  # 429, SlowDown: as network, and concurrency goes down
    FILE = "file"  # 404, 403, InvalidObjectState: a few tries, then the item fails
    CHANGED = "changed"  # the source is not what it was: the item starts again from its new state
    INTEGRITY = "integrity"  # digests differ: the part is moved again, a few times
    FATAL = "fatal"  # credentials, disk full, target not writable: the job stops and can go on once mended


class TransferError(Exception):
    """An error from a store, already classified.

    `message` is one line for people and is not yet safe for a screen (it may quote a server).
    `retry_after` is the server's own wish in seconds, 0 when it named none.
    `host` is the server that gave no answer, or not all of it; empty when the other side said what is wrong.
    `asked` is when that was asked (monotonic seconds), 0 when nobody knows.
    `final`: asking again would give the same answer, so that it is not done.
    """

    error_class = ErrorClass.NETWORK
    final = False

    def __init__(self, message: str, *, retry_after: float = 0.0, host: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.host = host
        self.asked = 0.0


class NetworkTrouble(TransferError):
    error_class = ErrorClass.NETWORK


class Throttled(TransferError):
    error_class = ErrorClass.THROTTLED


class FileTrouble(TransferError):
    """This one object cannot be moved; the others can."""

    error_class = ErrorClass.FILE


class NotFound(FileTrouble):
    """The object or file is not there."""


class NoPermission(FileTrouble):
    """This object may not be read or written with these credentials."""


class TimeUp(FileTrouble):
    """The item took longer than the job allows for one file: it is not tried again."""

    final = True


class BadArchive(FileTrouble):
    """The archive cannot be taken apart, or must not be: no other try would change that."""

    final = True


class SourceChanged(TransferError):
    error_class = ErrorClass.CHANGED


class IntegrityTrouble(TransferError):
    error_class = ErrorClass.INTEGRITY


class StageLost(TransferError):
    """The staged upload or partial file is gone: its parts must be sent again from the first."""

    error_class = ErrorClass.CHANGED


class FatalTrouble(TransferError):
    """The whole job cannot go on until somebody mends the named thing."""

    error_class = ErrorClass.FATAL


class BadCredentials(FatalTrouble):
    """Missing, wrong or expired credentials."""


class SecretsLocked(BadCredentials):
    """The credentials are in the encrypted file, and nobody has opened it."""


class DiskTrouble(FatalTrouble):
    """ENOSPC, EDQUOT, EROFS, EIO on the target file system.

    `room` is how many bytes were about to be written, 0 when nobody knows."""

    def __init__(self, message: str, *, room: int = 0) -> None:
        super().__init__(message)
        self.room = room


class NoRoom(DiskTrouble):
    """Writing would leave less free than is kept in reserve, or no inode is left: found before it was tried."""


class OtherDisk(DiskTrouble):
    """What is under the target folder now is not the disk that the job began on."""


class TargetRefused(FatalTrouble):
    """The target as a whole cannot be written: bucket missing, folder without permission."""
