"""Lists of ids and URLs, as people have them."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.model import UNSIZED, Entry, Place
from core.stores.web import ListReader, WebService, read_list
from core.stores.web.lists import BadRow
from tests.stores.web.conftest import NEVER

BASE = "https://data.example/sets"


def listed(tmp_path: Path, content: str | bytes, url: str = "", name: str = "list.txt") -> Place:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Place(kind="list", path=str(path), url=url)


def urls(place: Place) -> list[tuple[str, str]]:
    """(name, URL) of the rows that are good."""
    return [(row.name, row.url) for row in ListReader(place) if not isinstance(row, BadRow)]


def bad(place: Place) -> list[tuple[int, str]]:
    """(line, why) of those that are not."""
    return [(row.line, row.why) for row in ListReader(place) if isinstance(row, BadRow)]


@pytest.mark.parametrize(
    "content",
    [
        "wnid\nn01\nn02\n",
        "\ufeffwnid\r\nn01\r\nn02\r\n",
        '"wnid","words"\n"n01","a ""b"", c"\nn02,"two\nlines"\n',
        "words,wnid,count\nkit fox,n01,7\nsetter, n02 ,8",
        "words;wnid\nkit fox;n01\nsetter;n02\n",
        "\n\nwnid\n\nn01\n,\nn02\nn01\n",
    ],
)
def test_csv(tmp_path: Path, content: str) -> None:
    """A column `wnid` gives the ids, whatever stands beside it and however lines end; the file is known by its
    name or by that column."""
    wanted = [("n01.tar", f"{BASE}/n01.tar"), ("n02.tar", f"{BASE}/n02.tar")]
    assert urls(listed(tmp_path, content, BASE, "classes.csv")) == wanted
    assert urls(listed(tmp_path, content, BASE + "/", "classes")) == wanted


def test_csv_lines(tmp_path: Path) -> None:
    """Rows are counted by lines of the file, also behind blank lines and quoted line breaks; one bad row stops
    no other."""
    content = '\nwords,wnid\n"two\nlines",n01\n\nno,../up\nyes,n02\nnone,\nshort\n'
    place = listed(tmp_path, content, BASE, "classes.csv")
    assert [name for name, _ in urls(place)] == ["n01.tar", "n02.tar"]
    assert bad(place) == [(6, "the id has a slash"), (8, "the id is empty"), (9, "the id is empty")]


def test_csv_without_column(tmp_path: Path) -> None:
    """The sentence that people's scripts know."""
    with pytest.raises(HaulierError) as caught:
        read_list(listed(tmp_path, "id,words\nn01,a\n", BASE, "classes.csv"), 5)
    assert (caught.value.code, caught.value.message) == (
        Code.USAGE,
        "CSV file must contain 'wnid' column",
    )


def test_csv_without_url(tmp_path: Path) -> None:
    """Ids alone say not where their files are."""
    with pytest.raises(HaulierError, match="nothing says where their files are") as caught:
        read_list(listed(tmp_path, "wnid\nn01\n"), 5)
    assert "--url" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "name", "full"),
    [
        (BASE, "n 1.tar", f"{BASE}/n%201.tar"),
        (f"{BASE}/", "n 1.tar", f"{BASE}/n%201.tar"),
        (f"{BASE}?sig=a/b", "n 1.tar", f"{BASE}/n%201.tar?sig=a/b"),
        (f"{BASE}/{{id}}.tgz", "n 1.tgz", f"{BASE}/n%201.tgz"),
        (f"{BASE}/{{id}}/train%20set.tar.gz", "n 1.tar.gz", f"{BASE}/n%201/train%20set.tar.gz"),
        (f"{BASE}/{{id}}/v1.0-data.zip", "n 1.zip", f"{BASE}/n%201/v1.0-data.zip"),
        (f"{BASE}/get?id={{id}}&x={{id}}", "n 1", f"{BASE}/get?id=n%201&x=n%201"),
        (f"{BASE}/set%20{{id}}.tar", "set n 1.tar", f"{BASE}/set%20n%201.tar"),
    ],
)
def test_templates(tmp_path: Path, url: str, name: str, full: str) -> None:
    """How an id becomes a URL and the name of a file."""
    assert urls(listed(tmp_path, "n 1\n", url)) == [(name, full)]


@pytest.mark.parametrize("url", ["ftp://x/{id}", "https://{id}.example/x", "x", "https://user:pw@host/{id}"])
def test_bad_templates(tmp_path: Path, url: str) -> None:
    """A URL that nothing can be put into is told at once, without its password."""
    with pytest.raises(HaulierError) as caught:
        ListReader(listed(tmp_path, "n01\n", url))
    assert "pw" not in caught.value.message


def test_urls(tmp_path: Path) -> None:
    """A list of URLs needs nothing else; names are the last segments, decoded; ids may stand between them."""
    content = "https://a.example/x/one%20a.tar?sig=1\nHTTP://b.example:8080/two.tar\nn01\nhttps://c.example/\n"
    wanted = [
        ("one a.tar", "https://a.example/x/one%20a.tar?sig=1"),
        ("two.tar", "HTTP://b.example:8080/two.tar"),
        ("index.html", "https://c.example/"),
    ]
    place = listed(tmp_path, content)
    assert urls(place) == wanted
    assert bad(place) == [(3, "is no URL, and for ids nothing says where their files are (--url)")]
    assert ("n01.tar", f"{BASE}/n01.tar") in urls(listed(tmp_path, content, BASE))


def test_failed_log(tmp_path: Path) -> None:
    """What a job leaves as its failed log is a list of what to try again."""
    content = (
        "n01440764 - 404 Not Found\n"
        "https://a.example/two.tar - get https://a.example/two.tar: 503 Service Unavailable, 3 tries\n"
        "https://a.example/three.tar?… - 403 Forbidden\n"
    )
    place = listed(tmp_path, content, BASE, "failed_downloads.log")
    assert urls(place) == [
        ("n01440764.tar", f"{BASE}/n01440764.tar"),
        ("two.tar", "https://a.example/two.tar"),
    ]
    assert bad(place) == [(3, "the URL's query was left out when it was written down")]


HOSTILE = [
    ("../etc/passwd", "has a slash"),
    ("a\\b", "has a slash"),
    ("..", "is a folder's own name, not a file's"),
    (".", "is a folder's own name, not a file's"),
    ("a\0b", "has a NUL character"),
    ("a\x1b[2Jb", "has a control character"),
    ("a\x7fb", "has a control character"),
    ("C:x", "begins with a drive letter"),
    ("n" * 252, "is longer than 255 bytes"),
    ("ü" * 128, "is longer than 255 bytes"),
]


def test_hostile_ids(tmp_path: Path) -> None:
    """Ids that would lead elsewhere are told with their lines, and everything else goes on (case 6)."""
    content = "good\n" + "".join(f"{text}\n" for text, _ in HOSTILE) + "n" * 251 + "\n"
    place = listed(tmp_path, content, BASE)
    assert [name for name, _ in urls(place)] == ["good.tar", "n" * 251 + ".tar"]
    assert bad(place) == [(line, f"the id {why}") for line, (_, why) in enumerate(HOSTILE, 2)]
    for row in ListReader(place):
        if isinstance(row, BadRow):
            assert row.label.isprintable()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://a.example/x/..%2Fy", "the file's name has a slash"),
        ("https://a.example/%2e%2E", "the file's name is a folder's own name, not a file's"),
        ("https://a.example/a%00", "the file's name has a NUL character"),
        ("https://a.example/C:", "the file's name begins with a drive letter"),
        ("https://a.example/" + "n" * 256, "the file's name is longer than 255 bytes"),
        ("https://me:secret@a.example/x", "holds a user name or a password"),
        ("https:///x", "is not a URL"),
        ("https://a.example:port/x", "is not a URL"),
        ("https://a.example/a b", "holds a space"),
        ("ftp://a.example/x", "only http:// and https:// are known"),
    ],
)
def test_hostile_urls(tmp_path: Path, url: str, why: str) -> None:
    """The same of URLs; a password is repeated nowhere."""
    place = listed(tmp_path, f"https://a.example/good\n{url}\n")
    assert urls(place) == [("good", "https://a.example/good")]
    ((line, told),) = bad(place)
    assert line == 2
    assert why in told
    assert "secret" not in read_list(place, 1).bad_examples[0][1]


@pytest.mark.parametrize(
    "row",
    [
        '"https://u:SECRET@h/f?sig=SECRET"',
        "<https://h/f?sig=SECRET>",
        "ftp://u:SECRET@h/f",
        "url=s3://b/k?x=SECRET",
    ],
)
def test_no_signature_of_a_bad_row_is_quoted(tmp_path: Path, row: str) -> None:
    """Neither in the preview, nor in what a plan and a failed log call it."""
    path = tmp_path / "list.txt"
    path.write_text(f"https://h/good\n{row}\n")
    place = Place(kind="list", path=str(path))
    assert "SECRET" not in str(read_list(place, 10).bad_examples)
    bad = next(one for one in ListReader(place) if isinstance(one, BadRow))
    assert "SECRET" not in bad.label


def test_preview(tmp_path: Path) -> None:
    """Counts of everything, the first entries, and examples of what is wrong; two URLs of one name are told."""
    content = (
        "https://a.example/1/x.tar\n\nhttps://a.example/y.tar\nhttps://a.example/y.tar\n   \n"
        "https://a.example/2/x.tar\nn01\nhttps://a.example/z.tar\n"
    )
    preview = read_list(listed(tmp_path, content), 2)
    assert (preview.rows, preview.blanks, preview.duplicates, preview.bad) == (3, 2, 1, 2)
    assert preview.first == (
        Entry(key="x.tar", size=UNSIZED, url="https://a.example/1/x.tar"),
        Entry(key="y.tar", size=UNSIZED, url="https://a.example/y.tar"),
    )
    assert preview.duplicate_examples == ("https://a.example/y.tar",)
    assert preview.bad_examples[0] == (
        6,
        "https://a.example/2/x.tar: another URL of this list gives the same name, x.tar",
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no rows"),
        (b"\n\r\n \n", "it has no rows"),
        (b"wnid\n", "it has no rows"),
        (b"n01\nn02\xff\n", "line 2 is not UTF-8 text"),
        ("n01\n".encode("utf-16"), "line 1 is UTF-16"),
        (b"a\0b\nn01\n", "line 1 has a NUL character"),
        (b"n01\n" + b"x" * 70_000 + b"\n", "line 2 is longer than 64 KiB"),
        (b"../x\n../y\n", "names nothing that can be fetched; line 1: ../x: the id has a slash"),
        (b'wnid\nn01\n"n02\n' + b"n03\n" * 40_000, "line 3 cannot be read as CSV"),
    ],
    ids=["empty", "blank", "header", "latin", "utf16", "binary", "long", "hostile", "quote"],
)
def test_no_lists(tmp_path: Path, content: bytes, why: str) -> None:
    """What is no list is told with file, line and way out."""
    with pytest.raises(HaulierError, match=r"list\.txt") as caught:
        read_list(listed(tmp_path, content, BASE), 5)
    assert caught.value.code is Code.USAGE
    assert why in caught.value.message
    assert caught.value.hint


def test_no_files(tmp_path: Path) -> None:
    """A list that is missing, a folder, a pipe or not ours to read."""
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("none", "There is no list"), ("", "is a folder"), ("pipe", "is no regular file")):
        with pytest.raises(HaulierError, match=why):
            read_list(Place(kind="list", path=str(tmp_path / name)), 5)


def test_long_lists(tmp_path: Path, service: WebService) -> None:
    """A list is a stream: neither its rows nor the names that were seen stay in memory."""
    path = tmp_path / "classes.csv"
    with path.open("w") as file:
        file.write("wnid,words\n")
        for number in range(200_000):
            file.write(f"n{number:08},something or other\n")
        file.write("n00000007,again\n")
    source = service.source(Place(kind="list", path=str(path), url=BASE))
    tracemalloc.start()
    try:
        pages = source.pages("", cancelled=NEVER)
        first = next(pages)
        count = len(first) + sum(len(page) for page in pages)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 200_000
    assert source.take_notes() == ["1 id is named twice: n00000007"]
    assert peak < 8 << 20
