"""Include and exclude patterns with the meaning that the Hub's own tools give them.

Source: `filter_repo_objects` of the Hub's Python client: `fnmatchcase` over the whole path, so that `*` crosses
`/`; a pattern that ends with `/` means everything below; backslashes in patterns and paths are slashes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate


class Patterns:
    """A path is let in when it matches one of `include` (or there is none) and none of `exclude`."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = [_compiled(pattern) for pattern in include]
        self._exclude = [_compiled(pattern) for pattern in exclude]

    def lets_in(self, path: str) -> bool:
        path = path.replace("\\", "/")
        if self._include and not any(pattern.match(path) for pattern in self._include):
            return False
        return not any(pattern.match(path) for pattern in self._exclude)


def _compiled(pattern: str) -> re.Pattern[str]:
    pattern = pattern.replace("\\", "/")
    return re.compile(translate(f"{pattern}*" if pattern.endswith("/") else pattern))
