"""One page of a listing: from the bytes of a ListBucketResult to its entries.

1. A page is taken in whole and parsed as the XML that it is: every element passes a handler.
2. Servers spell the rows of a page alike, and a thousand rows are 15 000 calls of those handlers. So they are
   cut out first where they follow each other directly and all have, to the last byte, the form that one pattern
   describes: leaves without attributes, entities or control characters, in the order of the first row. That one
   stays in the document. Where it was read as a row, the parser stood at the right depth, and more rows of its
   form behind it change nothing of what follows.
3. A page with any other row is parsed from its first to its last byte. What comes out is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from core.model import Entry
from core.stores.s3.answers import MAX_DEPTH, BadAnswer, feed, new_parser, plain_name
from core.stores.s3.etag import unquoted
from core.stores.s3.headers import whole_number

ROWS = frozenset({"Contents", "CommonPrefixes"})
PAGE_LEAVES = frozenset({"IsTruncated", "NextContinuationToken", "EncodingType"})

FEW = 8  # rows that are not worth it
_BEGIN, _END = b"<Contents>", b"</Contents>"
_NEXT = _END + _BEGIN
# How a document begins whose bytes mean what they mean in ASCII: with no encoding, or with that of all servers.
_PLAIN = re.compile(rb"<\?xml [^>]*encoding=.(?i:utf-8).|<\?xml (?![^>]*encoding)|<[^?]")
_TEXT = r"[^<>&\x00-\x1f]*"
_QUOTE = '(?:&quot;|&#34;|")?'
_FIELDS = {
    "Key": f"({_TEXT})",
    "LastModified": f"({_TEXT})",
    "ETag": f"{_QUOTE}([0-9A-Za-z+=_.-]*){_QUOTE}",
    "Size": "([0-9]{1,18})",
    "StorageClass": f"({_TEXT})",
}
_NEEDED = frozenset({"Key", "LastModified", "ETag", "Size"})
# What else stands in rows, and tells nothing that is asked for.
_PASSED_OVER = "(?:{})*".format(
    "|".join(
        [f"<{name}>{_TEXT}</{name}>" for name in ("ChecksumAlgorithm", "ChecksumType", "Type")]
        + [f"<Owner>(?:<ID>{_TEXT}</ID>)?(?:<DisplayName>{_TEXT}</DisplayName>)?</Owner>"]
    )
)


class Page:
    """One parsed answer."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.unreadable: list[tuple[str, str]] = []
        self.truncated = False
        self.token = ""


class PageParser:
    """Feed it the pieces of one document; `finish` gives the page. Raises BadAnswer."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes | memoryview) -> None:
        self._pieces.append(bytes(data))

    def finish(self) -> Page:
        document = b"".join(self._pieces)
        self._pieces = []
        if (cut := _cut(document)) is not None:
            told = _parsed(cut.rest)
            if (alike := _alike(told, cut)) is not None:
                return _assembled(told, alike)
        return _assembled(_parsed(document), ())


# ---------------------------------------------------------------- as XML


class _Told(NamedTuple):
    """A document's rows by their leaves, and what it says of itself."""

    rows: list[dict[str, str]]
    leaves: dict[str, str]


def _parsed(document: bytes) -> _Told:
    """Six elements a row: the handlers are closures, and text goes straight into a list."""
    texts: list[str] = []
    clear = texts.clear
    rows: list[dict[str, str]] = []
    leaves: dict[str, str] = {}
    row: dict[str, str] = {}
    root = ""
    depth = 0

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth, row, root
        clear()
        depth += 1
        if depth == 2:
            row = {}
        elif depth == 1:
            root = name
        elif depth > MAX_DEPTH:
            raise BadAnswer("the answer is nested too deeply")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if depth == 2:
            row[name] = texts[0] if len(texts) == 1 else "".join(texts)
        elif depth == 1:
            if name in ROWS:
                rows.append(row)
            elif name in PAGE_LEAVES:
                leaves[name] = "".join(texts)
        clear()

    parser = new_parser()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = texts.append
    feed(parser, document, final=True)
    if plain_name(root) != "ListBucketResult":
        raise BadAnswer("the answer is not a listing")
    return _Told(rows, leaves)


# ---------------------------------------------------------------- rows that are alike


_Row = tuple[str, str, str, str, str]  # the fields in the order of _FIELDS; the ETag without quotes


class _Cut(NamedTuple):
    """A document without the rows behind its first one, and all its rows."""

    rest: bytes
    rows: str
    number: int  # of all rows


def _cut(document: bytes) -> _Cut | None:
    """None where the rows do not follow each other directly, or something may hide or change them: a comment, a
    section or declaration of another kind, an encoding."""
    begin, end = document.find(_BEGIN), document.rfind(_END) + len(_END)
    count = document.count(b"<Contents")
    if begin < 0 or count < FEW or not _PLAIN.match(document) or b"<!" in document or document.rfind(b"<?") > 0:
        return None
    rows = document[begin:end]
    if rows.count(_NEXT) != count - 1 or rows.count(_END) != count or not rows.isascii():
        return None
    first = begin + rows.find(_NEXT) + len(_END)
    return _Cut(document[:first] + document[end:], rows.decode("ascii"), count)


def _alike(told: _Told, cut: _Cut) -> Iterable[_Row] | None:
    """The rows behind the first one, when all are of its kind."""
    if not told.rows:
        return None
    names = tuple(name for name in told.rows[0] if name in _FIELDS)
    found = _pattern(names).findall(cut.rows) if _NEEDED.issubset(names) else []
    if len(found) != cut.number:
        return None
    columns: dict[str, Iterable[str]] = dict(zip(names, zip(*found[1:], strict=True), strict=True))
    return zip(*(columns.get(name, repeat("")) for name in _FIELDS), strict=False)


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Of a row with these fields in this order; what is found are their texts."""
    fields = (f"<{name}>{_FIELDS[name]}</{name}>" for name in names)
    return re.compile(f"<Contents>{_PASSED_OVER}{_PASSED_OVER.join(fields)}{_PASSED_OVER}</Contents>")


# ---------------------------------------------------------------- entries


def _assembled(told: _Told, alike: Iterable[_Row]) -> Page:
    """`alike` are rows that stood behind the first one and are not among those that were told."""
    page = Page()
    truncated = told.leaves.get("IsTruncated", "").strip()
    if truncated not in {"true", "false"}:
        raise BadAnswer("the listing does not say whether it is complete")
    page.truncated = truncated == "true"
    page.token = told.leaves.get("NextContinuationToken", "")
    encoded = told.leaves.get("EncodingType", "").strip().lower() == "url"
    _add(page, told.rows[:1], encoded=encoded)
    _add_alike(page, alike, encoded=encoded)
    _add(page, told.rows[1:], encoded=encoded)
    return page


def _add(page: Page, rows: Iterable[dict[str, str]], *, encoded: bool) -> None:
    for row in rows:
        name = row.get("Key")
        is_folder = name is None
        if name is None:
            name = row.get("Prefix")
        if name is None:
            raise BadAnswer("the listing holds an entry without a key")
        key = _decoded(page, name) if encoded else name
        if key is not None:
            page.entries.append(Entry(key=key, is_folder=True) if is_folder else _entry(key, row))


def _add_alike(page: Page, rows: Iterable[_Row], *, encoded: bool) -> None:
    """As `_add`. Objects of one time come together, so a time is read once."""
    add = page.entries.append
    last, moment = "", 0.0
    for name, modified, etag, size, storage_class in rows:
        key = name
        if encoded and ("%" in name or "+" in name):
            if (decoded := _decoded(page, name)) is None:
                continue
            key = decoded
        if modified != last:
            last, moment = modified, _iso_seconds(modified)
        add(Entry(key=key, size=int(size), etag=etag, modified=moment, storage_class=storage_class))


def _decoded(page: Page, name: str) -> str | None:
    """The key that stands percent-encoded; None, and noted, when it is no text."""
    if "%" not in name and "+" not in name:
        return name
    try:
        return unquote_to_bytes(name.replace("+", " ")).decode()
    except UnicodeDecodeError:
        page.unreadable.append((name, "the key is not UTF-8"))
        return None


def _entry(key: str, row: dict[str, str]) -> Entry:
    told = row.get
    size = whole_number(told("Size", ""))
    if size < 0:
        raise BadAnswer("the listing holds an object without a size")
    return Entry(
        key=key,
        size=size,
        etag=unquoted(told("ETag", "")),
        modified=_iso_seconds(told("LastModified", "")),
        storage_class=told("StorageClass", ""),
    )


def _iso_seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
