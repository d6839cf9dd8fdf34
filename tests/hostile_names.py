"""Names that break programs, in one place: what each is, and which servers do not take it.

Gathered from the tests of S3 clients and of the servers themselves. A key is any UTF-8 of 1 to 1 024 bytes
(Amazon S3 User Guide, "Naming Amazon S3 objects").
"""

from __future__ import annotations

HOSTILE: dict[str, str] = {
    "plain": "plain.bin",
    "double slash": "a//b",
    "many slashes": "a////b",
    "leading slash": "/lead",
    "leading slashes": "//lead",
    "trailing slash": "folder/",
    "trailing slashes": "folder//",
    "only a slash": "/",
    "dot segment": "a/./b",
    "leading dot segment": "./x",
    "trailing dot segment": "x/.",
    "only a dot": ".",
    "dot dot": "a/../b",
    "leading dot dot": "../x",
    "only dot dot": "..",
    "three dots": "a/.../b",
    "dots in names": "..a/b../.c.",
    "encoded dot dot": "a/%2e%2e/b",
    "encoded slash": "a%2Fb",
    "tab": "tab\there",
    "newline": "new\nline",
    "leading newline": "\nx",
    "carriage return": "carriage\rreturn",
    "CR LF": "cr\r\nlf",
    "control": "control\x01\x1f\x7f",
    "C1 control": "next\x85line",
    "escape": "esc\x1b[31mred",
    "space": "a b c ",
    "leading space": " a",
    "only a space": " ",
    "no-break space": "a\u00a0b",
    "zero width": "a\u200bb\ufeff",
    "NFC": "caf\u00e9",
    "NFD": "cafe\u0301",
    "Hangul apart": "\u1112\u1161\u11ab",
    "upper case": "CAF\u00c9",
    "dotless i": "\u0131I\u0130i",
    "sharp s": "stra\u00dfe",
    "emoji": "\U0001f980/\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "outside the first plane": "\U00020000",
    "last of the first plane": "\uffee",
    "private use": "\ue000",
    "right to left": "a\u202ecba",
    "line separator": "a\u2028b",
    "replacement character": "a\ufffdb",
    "full width solidus": "a\uff0fb",
    "plus": "a+b",
    "plus and space": "a+b c%20d%2Be",
    "percent": "100%",
    "percent at both ends": "%x%",
    "percent forty six": "%46%2F%00",
    "double encoded": "%252F",
    "query marks": "a?b=c&d#e",
    "xml": '<a href="x">&amp;\'',
    "cdata": "]]>&#10;&lt;",
    "backslash": "back\\slash\\..\\x",
    "drive": "C:\\x",
    "sub-delimiters": "a!$&'()*,;=:@~b",
    "braces": "{a}|^`[b]",
    "markup": "k[@click=app.quit]z",
    "dash": "-rf",
    "tilde": "~root",
    "trailing dot": "name.",
    "reserved on Windows": "con/aux.txt/NUL",
    "partial files": ".haulier/x",
    "hidden": ".hidden/.x",
    "a long segment": "s" * 300 + "/x",
    "long": "/".join(["k" * 200] * 5) + "/" + "é" * 9 + "x",  # 1024 bytes
    "long and wide": "日" * 341 + "x",  # 1024 bytes
}

ORDER = ("a", "a!", "a-b", "a.", "a.b", "a/", "a//", "a//b", "a/b", "a/b/c", "a0", "a\u00e9", "aa", "b")
"""Names around the slash, in the byte order of S3: a file system that walks folder by folder has another
one."""

TWINS = ("caf\u00e9", "cafe\u0301", "CAF\u00c9", "CAFE\u0301", "a+b", "a b", "a%20b", "a%2Bb", "A+B")
"""Names that differ only in letter case, in Unicode form or in an escape: all different keys."""

_SLASHES = {
    "double slash", "many slashes", "leading slash", "leading slashes", "only a slash", "trailing slashes",
}  # fmt: skip
_DOTS = {
    "dot segment", "leading dot segment", "trailing dot segment", "only a dot", "dot dot", "leading dot dot",
    "only dot dot",
}  # fmt: skip
_CONTROLS = {"control", "escape"}
_LONG_SEGMENTS = dict.fromkeys(
    ["a long segment", "long and wide"], "keeps objects as files, of 255 bytes a name"
)

REFUSED: dict[str, dict[str, str]] = {
    "local": {
        **dict.fromkeys(_SLASHES | _DOTS, "a file system has no such name"),
        "trailing slash": "a file system has no such name",
        **_LONG_SEGMENTS,
        "partial files": "the folder of partial files is its own",
    },
    "moto": dict.fromkeys(
        ["newline", "leading newline", "CR LF"], "its router matches paths without newlines and answers 404"
    ),
    "rclone": {
        **dict.fromkeys(_SLASHES | _DOTS, "refuses names that are not clean paths"),
        "trailing slash": "stores the name without its slash",
        **_LONG_SEGMENTS,
    },
    "versitygw": {
        **dict.fromkeys(_SLASHES | _DOTS, "cleans the path before it looks at it"),
        "trailing slash": "takes it for a folder, which holds no bytes",
        **_LONG_SEGMENTS,
        **dict.fromkeys(_CONTROLS, "ignores encoding-type and lists U+FFFD instead"),
    },
}
"""What a store cannot hold, and why. Whatever is not named here must come through."""

REFUSED_IN_PARTS: dict[str, dict[str, str]] = {
    "moto": dict.fromkeys(_CONTROLS, "answers 500 to CreateMultipartUpload"),
    "rclone": {"control": "answers 500 to CreateMultipartUpload"},
    "versitygw": {},
}
"""What a server holds, and cannot take by a multipart upload."""
