"""A disk as a power cut may leave it, made from the trace of the system calls that wrote to it.

What counts is what POSIX and the Linux manual pages promise, not what one file system happens to do:

- Bytes of a file are safe once an fsync or fdatasync of that file, or a syncfs of its file system, that began
  after they were written has returned (fsync(2), syncfs(2)). Until then each write may be there, be missing, be
  there in part, or only its length may be there, with zeros; in any combination, as a disk reorders.
- A name (made, renamed, removed) is safe once its folder was synced in the same way; syncing a file does not
  make its name safe. A rename is one step: both names change, or none. It counts as safe when the folder of the
  new name was synced.

`Disk.after(cut, pick)` gives one of the states possible when the power goes at a moment of the trace: the one
in which everything unsafe is lost, the one in which all of it arrived, or one drawn by chance. This is what
dm-log-writes and CrashMonkey do with block devices, here one floor higher, at the system calls.
"""

from __future__ import annotations

import codecs
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

TRACED = (
    "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,syncfs,sync_file_range,rename,"
    "renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,ftruncate,truncate,fallocate,copy_file_range,"
    "sendfile,link,linkat,symlink,symlinkat,sync"
)
SECTOR = 512


@dataclass(frozen=True)
class Call:
    """A system call that succeeded. `began` and `ended` are moments: positions in the trace."""

    name: str
    words: tuple[bytes, ...]
    result: int
    began: int
    ended: int


_LINE = re.compile(rb"(\d+) +(.*)", re.DOTALL)
_CALL = re.compile(rb"(\w+)\((.*)\) += (-?\d+)(?:<.*)?[^=]*\Z", re.DOTALL)
_UNFINISHED = b" <unfinished ...>"
_RESUMED = re.compile(rb"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_FD = re.compile(rb"(?:AT_FDCWD|-?\d+)<(.*)>(?:\(deleted\))?\Z", re.DOTALL)


def calls_of(trace: bytes, root: str) -> list[Call]:
    """The successful calls in `strace -f -y` output that name something under `root`, in the order in which
    they returned."""
    begun: dict[bytes, tuple[int, bytes]] = {}
    found: list[Call] = []
    for moment, line in enumerate(trace.splitlines()):
        matched = _LINE.match(line)
        if matched is None:
            continue
        thread, text = matched[1], matched[2]
        began = moment
        if text.endswith(_UNFINISHED):
            begun[thread] = (moment, text.removesuffix(_UNFINISHED))
            continue
        if (resumed := _RESUMED.match(text)) is not None:
            began, start = begun.pop(thread)
            text = start + resumed[2]
        if root.encode() not in text:
            continue
        call = _CALL.match(text)
        if call is None or int(call[3]) < 0:
            continue
        found.append(Call(call[1].decode(), tuple(_words(call[2])), int(call[3]), began, moment))
    # A call that the trace does not see the end of may have done its work.
    for began, text in begun.values():
        name, _, words = text.partition(b"(")
        if name in (b"write", b"pwrite64", b"rename", b"renameat", b"unlinkat", b"unlink"):
            found.append(Call(name.decode(), tuple(_words(words.rstrip(b", "))), 0, began, 1 << 60))
    return found


# Arguments: strings and paths in brackets, in which anything may be escaped, and the rest, up to a comma.
_WORD = re.compile(rb"""\s*((?:"[^"\\]*(?:\\.[^"\\]*)*"|<[^>\\]*(?:\\.[^>\\]*)*>|[^,"<])+)""", re.DOTALL)


def _words(text: bytes) -> list[bytes]:
    return [word.strip() for word in _WORD.findall(text)]


def _plain(text: bytes) -> bytes:
    decoded = codecs.escape_decode(text)[0]
    assert isinstance(decoded, bytes)
    return decoded


def _string(word: bytes) -> bytes:
    assert word.startswith(b'"'), word[:40]
    assert word.endswith(b'"'), "the trace holds strings that were cut off"
    return _plain(word[1:-1])


def _path_of(word: bytes) -> str:
    matched = _FD.match(word)
    return _plain(matched[1]).decode() if matched else ""


@dataclass
class Step:
    """A change of a file's bytes or of a name. `safe` is the moment from which no power cut undoes it."""

    began: int
    ended: int
    safe: int = 1 << 62
    offset: int = 0
    data: bytes = b""
    length: int = -1  # a truncation to this length
    names: tuple[tuple[str, str, Node | None], ...] = ()  # (folder, name, what it names from now on)


@dataclass(eq=False)
class Node:
    """A file or a folder, whatever it is called."""

    is_folder: bool
    steps: list[Step] = field(default_factory=list)


Pick = Callable[[Step], str]  # "kept", "lost", "zeros", "torn"


class Disk:
    """Everything under one folder, from a trace that saw every change of it. `there` is what was there
    before and is safe."""

    def __init__(self, root: str, there: dict[str, bytes], calls: list[Call]) -> None:
        self.root = root
        self._live: dict[str, Node] = {root: Node(is_folder=True)}
        self._names: list[Step] = []
        self.moments: list[int] = []  # at which something changed
        for name, data in there.items():
            path = f"{root}/{name}"
            for folder in reversed(PurePosixPath(path).parents):
                if str(folder).startswith(root) and str(folder) not in self._live:
                    self._name(str(folder), Node(is_folder=True), -1, -1, safe=-1)
            node = Node(is_folder=False, steps=[Step(-1, -1, safe=-1, data=data)])
            self._name(path, node, -1, -1, safe=-1)
        for call in calls:
            self._apply(call)

    # ------------------------------------------------------------ reading the trace

    def _apply(self, call: Call) -> None:
        handler = getattr(self, f"_on_{call.name}", None)
        if handler is None:
            return
        before = len(self.moments)
        handler(call)
        if len(self.moments) == before and call.name in ("fsync", "fdatasync", "syncfs"):
            self.moments.append(call.ended)

    def _at(self, folder: bytes, name: bytes) -> str:
        path = PurePosixPath(_path_of(folder) or "/", _string(name).decode("utf-8", "surrogateescape"))
        return str(path)

    def _is_here(self, path: str) -> bool:
        return path == self.root or path.startswith(f"{self.root}/")

    def _name(self, path: str, node: Node | None, began: int, ended: int, safe: int = 1 << 62) -> None:
        folder, _, name = path.rpartition("/")
        self._names.append(Step(began, ended, safe, names=((folder, name, node),)))
        if node is None:
            self._live.pop(path, None)
        else:
            self._live[path] = node
        if ended >= 0:
            self.moments.append(ended)

    def _change(self, path: str, step: Step) -> None:
        node = self._live.get(path)
        if node is not None:
            node.steps.append(step)
            self.moments.append(step.ended)

    def _on_openat(self, call: Call) -> None:
        flags = call.words[2]
        path = self._at(call.words[0], call.words[1])
        if not self._is_here(path):
            return
        if b"O_CREAT" in flags and path not in self._live:
            self._name(path, Node(is_folder=False), call.began, call.ended)
        elif b"O_TRUNC" in flags:
            self._change(path, Step(call.began, call.ended, length=0))

    def _on_write(self, call: Call) -> None:
        path = _path_of(call.words[0])
        node = self._live.get(path)
        if node is not None:  # whoever uses write(2) here begins at the start of an empty file, or appends
            end = len(_content(node, call.ended, everything))
            data = _string(call.words[1])[: call.result or None]
            self._change(path, Step(call.began, call.ended, offset=end, data=data))

    def _on_pwrite64(self, call: Call) -> None:
        path = _path_of(call.words[0])
        if self._is_here(path):
            data = _string(call.words[1])[: call.result or None]
            self._change(path, Step(call.began, call.ended, offset=int(call.words[3]), data=data))

    def _on_ftruncate(self, call: Call) -> None:
        path = _path_of(call.words[0])
        if self._is_here(path):
            self._change(path, Step(call.began, call.ended, length=int(call.words[1])))

    def _on_fallocate(self, call: Call) -> None:
        path = _path_of(call.words[0])
        node = self._live.get(path)
        if node is not None and b"KEEP_SIZE" not in call.words[1]:
            end = int(call.words[2]) + int(call.words[3])
            size = len(_content(node, call.ended, everything))
            if end > size:
                self._change(path, Step(call.began, call.ended, length=end))

    def _on_mkdir(self, call: Call) -> None:
        path = _string(call.words[0]).decode()
        if self._is_here(path):
            self._name(path, Node(is_folder=True), call.began, call.ended)

    def _on_mkdirat(self, call: Call) -> None:
        path = self._at(call.words[0], call.words[1])
        if self._is_here(path):
            self._name(path, Node(is_folder=True), call.began, call.ended)

    def _on_rmdir(self, call: Call) -> None:
        self._on_unlink(call)

    def _on_unlink(self, call: Call) -> None:
        path = _string(call.words[0]).decode()
        if self._is_here(path):
            self._name(path, None, call.began, call.ended)

    def _on_unlinkat(self, call: Call) -> None:
        path = self._at(call.words[0], call.words[1])
        if self._is_here(path):
            self._name(path, None, call.began, call.ended)

    def _on_rename(self, call: Call) -> None:
        self._rename(_string(call.words[0]).decode(), _string(call.words[1]).decode(), call)

    def _on_renameat(self, call: Call) -> None:
        old, new = self._at(call.words[0], call.words[1]), self._at(call.words[2], call.words[3])
        self._rename(old, new, call)

    def _on_renameat2(self, call: Call) -> None:
        self._on_renameat(call)

    def _rename(self, old: str, new: str, call: Call) -> None:
        if not self._is_here(old) or old not in self._live:
            return
        node = self._live.pop(old)
        for path in [path for path in self._live if path.startswith(f"{old}/")]:
            self._live[new + path.removeprefix(old)] = self._live.pop(path)
        self._live[new] = node
        here, there = old.rpartition("/"), new.rpartition("/")
        names = ((there[0], there[2], node), (here[0], here[2], None))
        self._names.append(Step(call.began, call.ended, names=names))
        self.moments.append(call.ended)

    def _on_fsync(self, call: Call) -> None:
        path = _path_of(call.words[0])
        node = self._live.get(path)
        if node is None:
            return
        for step in node.steps:
            _make_safe(step, call)
        for step in self._names:
            if node.is_folder and step.names[0][0] == path:
                _make_safe(step, call)

    def _on_fdatasync(self, call: Call) -> None:
        self._on_fsync(call)

    def _on_syncfs(self, call: Call) -> None:
        if self._is_here(_path_of(call.words[0])):
            for step in [*self._names, *(step for node in self._nodes() for step in node.steps)]:
                _make_safe(step, call)

    def _nodes(self) -> set[Node]:
        return {node for step in self._names for _, _, node in step.names if node is not None}

    # ------------------------------------------------------------ what a power cut leaves

    def after(self, cut: int, pick: Pick) -> dict[str, bytes]:
        """Name under the root → bytes of every file that is reachable after a power cut at the moment `cut`.
        `pick` says what becomes of each step that is not safe by then."""
        folders: dict[str, dict[str, Node]] = {}
        for step in self._names:
            if step.began <= cut and (step.safe <= cut or pick(step) == "kept"):
                for folder, name, node in step.names:
                    if node is None:
                        folders.get(folder, {}).pop(name, None)
                    else:
                        folders.setdefault(folder, {})[name] = node
        found: dict[str, bytes] = {}
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            for name, node in folders.get(folder, {}).items():
                path = f"{folder}/{name}"
                if node.is_folder:
                    waiting.append(path)
                else:
                    found[path.removeprefix(f"{self.root}/")] = _content(node, cut, pick)
        return found


def _make_safe(step: Step, sync: Call) -> None:
    if step.ended < sync.began:
        step.safe = min(step.safe, sync.ended)


def _content(node: Node, cut: int, pick: Pick) -> bytes:
    data = bytearray()
    for step in node.steps:
        if step.began > cut:
            continue
        fate = "kept" if step.safe <= cut else pick(step)
        if fate == "lost":
            continue
        if step.length >= 0:
            del data[step.length :]
            data.extend(bytes(step.length - len(data)))
            continue
        new = step.data
        if fate == "zeros":
            new = bytes(len(new))
        elif fate == "torn":
            new = new[: len(new) // 2 // SECTOR * SECTOR]
        if len(data) < step.offset + len(new):
            data.extend(bytes(step.offset + len(new) - len(data)))
        if fate == "zeros":  # only the length arrived: what was there before stays
            continue
        data[step.offset : step.offset + len(new)] = new
    return bytes(data)


def nothing_unsafe(_step: Step) -> str:
    """Everything that was not synced is lost."""
    return "lost"


def everything(_step: Step) -> str:
    """Everything arrived in time."""
    return "kept"


def by_chance(seed: str) -> Pick:
    """Some of it, torn and reordered; the same for the same seed."""
    chance = random.Random(seed)
    fates: dict[int, str] = {}

    def pick(step: Step) -> str:
        if id(step) not in fates:
            kinds = ("kept", "lost") if step.names else ("kept", "kept", "lost", "lost", "zeros", "torn")
            fates[id(step)] = chance.choice(kinds)
        return fates[id(step)]

    return pick
