"""Lists of what is to be fetched: a CSV file with a `wnid` column, ids, URLs, or the failed log of another job.

1. A file is CSV when its name ends in .csv or its first row has a column `wnid`; other columns are ignored.
   Otherwise every line is an id or a URL, and `ID - Error`, as a failed log has it, is the ID.
2. An id becomes a URL by `Place.url` (templates.py); a URL stands for itself.
3. Blank lines, rows named twice, and rows that cannot be are counted with their lines; everything else goes on.
   What makes the whole file unreadable (not UTF-8, a column that is missing, a line without end) is an error.

The file is read as a stream and never kept: a million rows take no memory.
"""

from __future__ import annotations

import codecs
import csv
import re
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.errors import Code, HaulierError
from core.failed_line import id_of
from core.messages import ListPreview
from core.model import UNSIZED, Entry, Place, shown_url
from core.places import check_url
from core.safe_text import safe_text
from core.stores.web.distinct import Distinct
from core.stores.web.names import name_of, name_problem
from core.stores.web.templates import Template

COLUMN = "wnid"
NO_COLUMN = "CSV file must contain 'wnid' column"
MAX_LINE = 64 * 1024  # bytes
EXAMPLES = 20
NAMED = 5  # duplicates that are called by their names
SHOWN = 80  # cells of a row that is quoted
LEFT_OUT = "?…"  # how a URL's query is written where nobody may see it
UNNAMED = re.compile(r"\d+ more rows")  # what rows that are only counted are called together
_LABEL = re.compile(r"line \d+: (.*)", re.DOTALL)  # BadRow.label
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Row(NamedTuple):
    """A row that gives a URL. `line` from 1; `text` is what stands there."""

    line: int
    text: str
    name: str
    url: str

    @property
    def entry(self) -> Entry:
        return Entry(key=self.name, size=UNSIZED, url=self.url)


class BadRow(NamedTuple):
    line: int
    text: str
    why: str

    @property
    def label(self) -> str:
        """For a report: no two rows have the same, and it is no name of a file."""
        return f"line {self.line}: {quoted(self.text)}"


def written_in_list(place: Place, name: str, url: str) -> str:
    """How an item of a job stands in the list it is from: an id or a URL. `name` and `url` are those of its
    entry; a row that could not be had has no URL. Empty for the sum of all rows that are not named."""
    if url:
        return Template(place.url).id_of(url) if place.url else url
    if found := _LABEL.fullmatch(name):
        return found[1]
    if UNNAMED.fullmatch(name):
        return ""
    return Template(place.url).id_of_name(name) if place.url else name


class ListReader:
    """One reading of a list, from its first line to its last. The counts grow while it is read."""

    def __init__(self, place: Place) -> None:
        """Raises HaulierError (usage) for a URL that nothing can be put into."""
        self.rows = self.blanks = self.duplicates = self.bad = 0
        self.named_twice: list[str] = []  # the first ones
        self._path = Path(place.path)
        self._template = Template(place.url) if place.url else None
        self._first_bad: BadRow | None = None

    def __iter__(self) -> Iterator[Row | BadRow]:
        """Raises HaulierError (usage) where the file as a whole is no list."""
        with _opened(self._path) as file, Distinct() as names:
            for line, text in self._texts(file):
                found = self._row(line, text)
                if isinstance(found, Row):
                    match names.before(found.name, found.url):
                        case "same":
                            self.duplicates += 1
                            if len(self.named_twice) < EXAMPLES:
                                self.named_twice.append(found.text)
                            continue
                        case "other":
                            why = (
                                f"another URL of this list gives the same name, {safe_text(found.name, SHOWN)}"
                            )
                            found = BadRow(line, text, why)
                if isinstance(found, BadRow):
                    self.bad += 1
                    self._first_bad = self._first_bad or found
                else:
                    self.rows += 1
                yield found
        if not self.rows:
            self._refuse_empty()

    def notes(self) -> list[str]:
        """What people should know of the reading, as sentences."""
        found = []
        if self.blanks:
            found.append(f"{self.blanks} blank line{'s' if self.blanks > 1 else ''}")
        if self.duplicates:
            shown = ", ".join(safe_text(text, SHOWN) for text in self.named_twice[:NAMED])
            more = ", …" if self.duplicates > NAMED else ""
            what = "URL" if "://" in self.named_twice[0] else "id"
            are = "s are" if self.duplicates > 1 else " is"
            found.append(f"{self.duplicates} {what}{are} named twice: {shown}{more}")
        return found

    # ------------------------------------------------------------ from the file to texts of rows

    def _texts(self, file: BinaryIO) -> Iterator[tuple[int, str]]:
        """(line, id or URL), without blank ones."""
        lines = self._lines(file)
        first = next((one for one in lines if not self._is_blank(one[1])), None)
        if first is None:
            return
        line, text = first
        delimiter = _delimiter(text)
        if self._path.suffix.lower() != ".csv" and COLUMN not in _fields(text, delimiter):
            yield from self._plain(chain([first], lines))
            return
        yield from self._column(line, text, lines, delimiter)

    def _plain(self, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        for line, text in lines:
            if not self._is_blank(text):
                yield line, id_of(text).strip()

    def _is_blank(self, text: str) -> bool:
        blank = not text.strip()
        self.blanks += blank
        return blank

    def _column(
        self, first: int, header: str, lines: Iterator[tuple[int, str]], delimiter: str
    ) -> Iterator[tuple[int, str]]:
        names = _fields(header, delimiter)
        if COLUMN not in names:
            raise HaulierError(
                Code.USAGE,
                NO_COLUMN,
                f"{self._path} begins with {quoted(header.strip())!r}. A list of ids or URLs without "
                "columns has another name than .csv.",
            )
        if self._template is None:
            raise HaulierError(
                Code.USAGE, f"{self._path} names ids, and nothing says where their files are", "Give --url URL."
            )
        at = names.index(COLUMN)
        rows = csv.reader((text for _, text in lines), delimiter=delimiter)
        line = first + 1
        try:
            for fields in rows:
                if not any(field.strip() for field in fields):
                    self.blanks += 1
                else:
                    yield line, fields[at].strip() if at < len(fields) else ""
                line = first + rows.line_num + 1
        except csv.Error as error:
            raise self._wrong(line, f"cannot be read as CSV ({error})") from None

    def _lines(self, file: BinaryIO) -> Iterator[tuple[int, str]]:
        """The file's lines with their ends."""
        line = 0
        while raw := self._read(file):
            line += 1
            if line == 1:
                if raw.startswith(_WIDE):
                    raise self._wrong(line, "is UTF-16 or UTF-32", "Save the file as UTF-8.")
                raw = raw.removeprefix(codecs.BOM_UTF8)
            if len(raw) > MAX_LINE:
                raise self._wrong(line, f"is longer than {MAX_LINE >> 10} KiB")
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                raise self._wrong(line, "is not UTF-8 text", "Save the file as UTF-8.") from None
            if line == 1 and "\0" in text:
                raise self._wrong(line, "has a NUL character: this is no text")
            yield line, text

    def _read(self, file: BinaryIO) -> bytes:
        try:
            return file.readline(MAX_LINE + 1)
        except OSError as error:
            raise unreadable(self._path, error) from error

    # ------------------------------------------------------------ from texts to URLs

    def _row(self, line: int, text: str) -> Row | BadRow:
        if text[:8].lower().startswith(("http://", "https://")):
            return _url_row(line, text)
        if "://" in text:
            return BadRow(line, text, "only http:// and https:// are known")
        if self._template is None:
            return BadRow(line, text, "is no URL, and for ids nothing says where their files are (--url)")
        name = self._template.name(text)
        if problem := name_problem(text) or name_problem(name):
            return BadRow(line, text, f"the id {problem}")
        return Row(line, text, name, self._template.url(text))

    def _refuse_empty(self) -> None:
        if self._first_bad is None:
            raise HaulierError(Code.USAGE, f"{self._path} names nothing: it has no rows", "Give another file.")
        bad = self._first_bad
        raise HaulierError(
            Code.USAGE,
            f"{self._path} names nothing that can be fetched; {bad.label}: {bad.why}",
            "Ids need --url URL." if self._template is None else "Give another file.",
        )

    def _wrong(self, line: int, why: str, hint: str = "Is this the right file?") -> HaulierError:
        return HaulierError(Code.USAGE, f"{self._path}, line {line} {why}", hint)


def read_list(place: Place, limit: int) -> ListPreview:
    """The whole list, its counts and the first `limit` entries. Raises HaulierError (usage)."""
    reader = ListReader(place)
    first: list[Entry] = []
    bad: list[tuple[int, str]] = []
    for row in reader:
        if isinstance(row, BadRow):
            if len(bad) < EXAMPLES:
                bad.append((row.line, f"{quoted(row.text)}: {row.why}"))
        elif len(first) < limit:
            first.append(row.entry)
    return ListPreview(
        rows=reader.rows,
        first=tuple(first),
        blanks=reader.blanks,
        duplicates=reader.duplicates,
        duplicate_examples=tuple(reader.named_twice),
        bad=reader.bad,
        bad_examples=tuple(bad),
    )


def quoted(text: str) -> str:
    """What stands in a row, for people: of anything like a URL without its query and its password."""
    return safe_text(shown_url(text.rpartition("@")[2]) if "://" in text else text, SHOWN)


def unreadable(path: Path, error: OSError) -> HaulierError:
    return HaulierError(Code.USAGE, f"The list {path} cannot be read ({error.strerror})", "Give another file.")


def _opened(path: Path) -> BinaryIO:
    """Raises HaulierError (usage)."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise HaulierError(Code.USAGE, f"The list {path} is a folder", "Give a file of ids or URLs.")
        if not stat.S_ISREG(mode):
            raise HaulierError(Code.USAGE, f"The list {path} is no regular file", "Give a file of ids or URLs.")
        return path.open("rb")
    except FileNotFoundError:
        raise HaulierError(Code.USAGE, f"There is no list {path}", "Give a file of ids or URLs.") from None
    except OSError as error:
        raise unreadable(path, error) from error


def _url_row(line: int, text: str) -> Row | BadRow:
    if text.endswith(LEFT_OUT):
        return BadRow(line, text, "the URL's query was left out when it was written down")
    try:
        url = check_url(text)
    except HaulierError as error:
        return BadRow(line, text.partition("?")[0].rpartition("@")[2], error.message)
    name = name_of(url)
    if problem := name_problem(name):
        return BadRow(line, url.partition("?")[0], f"the file's name {problem}")
    return Row(line, url.partition("?")[0], name, url)


def _delimiter(header: str) -> str:
    for delimiter in (",", ";", "\t"):
        if COLUMN in _fields(header, delimiter):
            return delimiter
    return ","


def _fields(header: str, delimiter: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([header], delimiter=delimiter), [])]
    except csv.Error:
        return []
