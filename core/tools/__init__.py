"""Other downloaders (aria2c, wget) as engines for single files: what each has to do, whoever it is.

A `Fetcher` brings one URL into one file. It decides nothing: what is fetched, when, how often and whether the
bytes are right is the business of the engine (engine/moving/by_tool.py). The rules:

- `fetch` is called from worker threads, several at once, and blocks until the file is whole or an error says
  why not. It looks at `cancelled` several times a second and then raises Cancelled, after its program has let
  go of the file. `close` is called once, when no fetch runs.
- The file exists and is never replaced by another one. What an interrupted fetch left of it, with the tool's
  own control file beside it where the tool keeps one (`path` + CONTROL), is gone on with at the next fetch of
  the same path; the caller removes both when the source is another one by then.
- The URL may hold a signature, and is a secret: it goes to the program over a pipe or a loopback connection,
  never into an argument, the environment, a file, a log or a message. No secret header is ever given to a tool,
  because tools send headers to every host that they are redirected to (aria2/aria2#1176): what needs a token
  is not fetched by one. Nothing of the user's own settings for a tool (configuration, netrc) is read.
- Programs end with the engine, however it ends.
- Errors are those of core.errors: Refused for 401, 403, 404, 410 and 451, Throttled for 429 and 503,
  NetworkTrouble for other 5xx, timeouts, silence and broken lines, SourceChanged where the answer is of another
  version than the order, DiskTrouble where the file cannot be written, FileTrouble for other answers. A file of
  the right length is all that success means.
- No fetch is tried again, but for what the tool mends inside of one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from core.errors import FileTrouble
from core.model import UNSIZED
from core.stores.base import CancelFlag
from core.stores.local.names import NOTES

CONTROL = NOTES  # what a tool appends to the name of a file for its notes about it
POLL = 0.1  # seconds between looks at a program at work
SLOWEST = 1024  # bytes a second of a file; what is slower for the stall time has stalled


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One file to be fetched. `size` in bytes; `etag` and `modified` (seconds since the epoch) are what the
    server told before, empty and 0 where it told nothing. `stall`: seconds of silence that are network trouble.
    """

    url: str
    path: Path
    what: str  # for messages
    host: str  # the server of `url` as people write it
    size: int = UNSIZED
    connections: int = 4
    etag: str = ""
    modified: float = 0.0
    stall: float = 60.0

    def __repr__(self) -> str:
        return f"Order({self.what!r}, {self.path!r})"


class Progress(Protocol):
    """What a fetch asks and tells; called by the thread that called `fetch`."""

    def rate(self) -> int:
        """Bytes a second that this fetch may take now, 0 for no limit. Changes at any time."""
        ...

    def at(self, position: int, arrived: int) -> None:
        """So many bytes of the file are there, `arrived` of them since it was told last. May block, to keep
        within a limit. Raises Cancelled."""
        ...

    def owes(self) -> bool:
        """Whether more came than may have come by now; `at` pays some of it."""
        ...


class Fetcher(Protocol):
    """See the module's docstring. `version` is that of the program."""

    name: str
    version: str

    def fetch(self, order: Order, progress: Progress, cancelled: CancelFlag) -> None:
        """Raises TransferError, Cancelled."""
        ...

    def continues(self, path: Path) -> bool:
        """Whether a fetch of this file would go on with something."""
        ...

    def close(self) -> None:
        """Ends the tool's programs. Not an error when there are none."""
        ...


class Refused(FileTrouble):
    """The server does not give the file for this URL: it is not there, or the URL's signature has expired. The
    caller asks for a new URL, and finds out which."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
