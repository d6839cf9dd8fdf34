"""Names of files out of URLs and ids, and which of them are possible."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

NAME_MAX = 255  # bytes
INDEX = "index.html"  # of a URL that ends in a slash
PAGES = (".html", ".htm", ".xhtml", ".shtml", ".php", ".asp", ".aspx", ".jsp", ".cgi")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_SUFFIXES = re.compile(r"(?:\.[A-Za-z0-9]{1,8})+\Z")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")


def name_of(url: str) -> str:
    """The file name that a URL gives: the last segment of its path, percent signs decoded."""
    return decoded(last_segment(url)) or INDEX


def last_segment(url: str) -> str:
    """As it stands in the URL; empty behind a slash at the end."""
    return urlsplit(url).path.rpartition("/")[2]


def decoded(segment: str) -> str:
    """Without percent signs; as it is where they do not make UTF-8 text."""
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return segment


def suffixes_of(segment: str) -> str:
    """ ".tar.gz" of "train.tar.gz", empty where there is none."""
    match = _SUFFIXES.search(decoded(segment))
    return match[0] if match else ""


def name_problem(name: str) -> str:
    """Why a file cannot be called so, nor a folder of its content, in plain words; empty when it can."""
    if not name.strip():
        return "is empty"
    if "\0" in name:
        return "has a NUL character"
    if "\n" in name:
        return "has a line break in it: perhaps a quote is not closed"
    if _CONTROL.search(name):
        return "has a control character"
    if "/" in name or "\\" in name:
        return "has a slash"
    if name in {".", ".."}:
        return "is a folder's own name, not a file's"
    if _DRIVE.match(name):
        return "begins with a drive letter"
    if len(name.encode("utf-8", "surrogatepass")) > NAME_MAX:
        return f"is longer than {NAME_MAX} bytes"
    return ""


def may_be_page(url: str) -> bool:
    """Whether a web page is nothing strange under this URL: its name says so, or says nothing."""
    name = decoded(last_segment(url)).lower()
    return name.endswith(PAGES) or _SUFFIX.search(name) is None
