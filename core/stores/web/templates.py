"""From an id to its URL and its file's name: a base URL, or a template with `{id}`.

The file of id `n01440764` under the base `https://host/sets` is `https://host/sets/n01440764.tar`. A template
says itself where the id goes, any number of times, in path or query: `https://host/{id}/train.tar.gz`.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from core.errors import Code, HaulierError
from core.places import check_url
from core.stores.web.names import decoded, last_segment, suffixes_of

ID = "{id}"
ARCHIVE = ".tar"


class Template:
    """What `Place.url` of a list says."""

    def __init__(self, url: str) -> None:
        """Raises HaulierError (usage)."""
        url = check_url(url)
        if ID in urlsplit(url).netloc:
            raise HaulierError(
                Code.USAGE, "The URL has its {id} in the name of the server", "Put {id} into path or query."
            )
        self._template = url if ID in url else _with_id(url)
        segment = last_segment(self._template)
        self._name = decoded(segment) if ID in segment else f"{ID}{suffixes_of(segment)}"

    def __str__(self) -> str:
        return self._template

    def url(self, name: str) -> str:
        """The id as one segment of a URL."""
        return self._template.replace(ID, quote(name, safe=""))

    def id_of(self, url: str) -> str:
        """The id that `url` makes this URL of; the URL itself where none does."""
        first, *rest = (re.escape(piece) for piece in self._template.split(ID))
        found = re.fullmatch(first + "([^/]+?)" + r"\1".join(rest), url)
        return unquote(found[1]) if found else url

    def id_of_name(self, name: str) -> str:
        """The id whose file is called so; the name itself where none is."""
        before, _, behind = self._name.partition(ID)
        is_one = name.startswith(before) and name.endswith(behind) and len(name) > len(before) + len(behind)
        return name[len(before) : len(name) - len(behind)] if is_one and ID not in behind else name

    def name(self, name: str) -> str:
        """The file's name: the last segment; where that has no id in it, the id and its suffixes."""
        return self._name.replace(ID, name)


def _with_id(base: str) -> str:
    parts = urlsplit(base)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{ID}{ARCHIVE}", fragment="").geturl()
