"""What every tool has to do (core/tools/__init__.py), with the real programs and a real server."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from core.errors import DiskTrouble, FileTrouble, HaulierError, NetworkTrouble, SourceChanged, Throttled
from core.stores.base import Cancelled
from core.tools import CONTROL, Fetcher, Order, Refused
from core.tools.programs import environment, find_program
from tests.paths.disks import tmpfs
from tests.tools.serving import Site, site, until

MIB = 1 << 20
CONTENT = random.Random(7).randbytes(12 * MIB + 5)


class Seen:
    """A Progress that remembers."""

    def __init__(self, rate: int = 0) -> None:
        self.position = self.moved = 0
        self.wanted = rate

    def rate(self) -> int:
        return self.wanted

    def at(self, position: int, arrived: int) -> None:
        self.position = position
        self.moved += arrived

    def owes(self) -> bool:
        return False


def order(server: Site, path: Path, name: str = "/f", **more: object) -> Order:
    if not path.exists():
        path.touch()
    url = f"{server.base}{name}"
    fields = {"size": len(CONTENT), "etag": "one", "modified": 1_600_000_000.0, **more}
    return Order(url=url, path=path, what=name.partition("?")[0], host=server.base[7:], **fields)  # type: ignore[arg-type]


class Fetching(threading.Thread):
    """A fetch on a thread of its own."""

    def __init__(self, fetcher: Fetcher, wanted: Order, seen: Seen) -> None:
        super().__init__(daemon=True)
        self.cancelled = threading.Event()
        self.error: Exception | None = None
        self._call = (fetcher, wanted, seen)
        self.start()

    def run(self) -> None:
        fetcher, wanted, seen = self._call
        try:
            fetcher.fetch(wanted, seen, self.cancelled)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def cancel(self) -> float:
        """Seconds until it has ended."""
        began = time.monotonic()
        self.cancelled.set()
        self.join(20)
        assert not self.is_alive()
        return time.monotonic() - began


def test_a_file_arrives_whole(fetcher: Fetcher, tmp_path: Path) -> None:
    """The same bytes, in the very file that was there, every one of them counted, and no notes left."""
    path = tmp_path / "odd name [1]\n.part"
    path.touch()
    inode = path.stat().st_ino
    with site({"/f": CONTENT}) as server:
        seen = Seen()
        fetcher.fetch(order(server, path), seen, threading.Event())
    assert path.read_bytes() == CONTENT
    assert path.stat().st_ino == inode
    assert seen.position == seen.moved == len(CONTENT)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert fetcher.version.split(".")[0].isdigit()


def test_aria2c_uses_connections(tool: str, fetcher: Fetcher, tmp_path: Path) -> None:
    """aria2c asks for as many ranges at once as it was told; wget has one connection."""
    with site({"/f": CONTENT}, rate=8 * MIB) as server:
        fetcher.fetch(order(server, tmp_path / "f", connections=4), Seen(), threading.Event())
        assert len(server.log) >= 4 if tool == "aria2c" else len(server.log) == 1


def test_goes_on_after_being_cancelled(fetcher: Fetcher, tmp_path: Path) -> None:
    """Cancelled within two seconds, with nobody left writing; the next fetch moves only the rest."""
    path = tmp_path / "f"
    with site({"/f": CONTENT}, rate=2 * MIB) as server:
        seen = Seen()
        fetching = Fetching(fetcher, order(server, path), seen)
        until(lambda: seen.position > 4 * MIB, "progress")
        assert fetching.cancel() < 2.0
        assert isinstance(fetching.error, Cancelled)
        assert fetcher.continues(path)
        there = seen.position
        server.rate = 0
        seen = Seen()
        fetcher.fetch(order(server, path), seen, threading.Event())
        assert path.read_bytes() == CONTENT
        assert seen.position == len(CONTENT)
        # What the server put on the way says less: of a first answer that only tells the size, the rest is
        # thrown away, and how much of it had left is up to the buffers of the sockets.
        assert seen.moved <= len(CONTENT) - there + MIB


def test_goes_on_by_another_url(fetcher: Fetcher, tmp_path: Path) -> None:
    """A signed URL that expires midway is Refused, keeps what came, and another URL of the file goes on."""
    path = tmp_path / "f"
    with site({"/f": CONTENT}, rate=2 * MIB) as server:
        seen = Seen()
        fetching = Fetching(fetcher, order(server, path, "/f?signature=1"), seen)
        until(lambda: seen.position > 3 * MIB, "progress")
        server.status["/f?signature=1"] = 403
        fetching.join(20)
        if isinstance(fetching.error, NetworkTrouble):  # the connection broke first: asked again, it is refused
            with pytest.raises(Refused):
                fetcher.fetch(order(server, path, "/f?signature=1"), Seen(), threading.Event())
        else:
            assert isinstance(fetching.error, Refused), fetching.error
        server.rate, seen = 0, Seen()
        fetcher.fetch(order(server, path, "/f?signature=2"), seen, threading.Event())
        assert path.read_bytes() == CONTENT
        assert seen.moved < len(CONTENT) - 2 * MIB


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Refused), (403, Refused), (404, Refused), (410, Refused), (429, Throttled), (503, Throttled),
     (500, NetworkTrouble), (400, FileTrouble), (416, FileTrouble)],
)  # fmt: skip
def test_refusals(fetcher: Fetcher, tmp_path: Path, status: int, kind: type[Exception]) -> None:
    """Each status is the error that says what to do; the URL's signature is in none."""
    with site({"/f": CONTENT}, status={"/f": status}) as server, pytest.raises(kind) as caught:
        fetcher.fetch(order(server, tmp_path / "f", "/f?signature=secret"), Seen(), threading.Event())
    assert type(caught.value) is kind
    assert str(status) in str(caught.value)
    assert "secret" not in str(caught.value)


def test_nobody_there(fetcher: Fetcher, tmp_path: Path) -> None:
    """A closed port is network trouble of that host."""
    with site({}) as server:
        wanted = order(server, tmp_path / "f")
    with pytest.raises(NetworkTrouble) as caught:
        fetcher.fetch(wanted, Seen(), threading.Event())
    assert caught.value.host == wanted.host
    assert "refused" in caught.value.message


def test_silence(fetcher: Fetcher, tmp_path: Path) -> None:
    """A server that goes silent in the middle is network trouble after the stall time."""
    with site({"/f": CONTENT}, silent_after=MIB) as server:
        began = time.monotonic()
        with pytest.raises(NetworkTrouble):
            fetcher.fetch(order(server, tmp_path / "f", stall=1.0), Seen(), threading.Event())
        assert time.monotonic() - began < 15


def test_another_length(fetcher: Fetcher, tmp_path: Path) -> None:
    """A file that is longer or shorter than was listed has changed, or did not come whole: never a success."""
    for size in (len(CONTENT) - 1, len(CONTENT) + 1):
        with site({"/f": CONTENT}) as server, pytest.raises((SourceChanged, NetworkTrouble)):
            fetcher.fetch(order(server, tmp_path / f"{size}", size=size), Seen(), threading.Event())


def test_no_ranges(fetcher: Fetcher, tmp_path: Path) -> None:
    """A server without ranges: the file comes in one piece, and an interrupted one is not mixed up."""
    path = tmp_path / "f"
    with site({"/f": CONTENT}, honours_ranges=False, rate=4 * MIB) as server:
        seen = Seen()
        fetching = Fetching(fetcher, order(server, path), seen)
        until(lambda: seen.position > 2 * MIB, "progress")
        fetching.cancel()
        server.rate = 0
        fetcher.fetch(order(server, path), Seen(), threading.Event())
    assert path.read_bytes() == CONTENT


def test_a_limit_that_changes(fetcher: Fetcher, tmp_path: Path) -> None:
    """A rate holds, and another one takes effect while the file comes; without one it comes at full speed."""
    with site({"/f": CONTENT}) as server:
        seen = Seen(rate=MIB)
        fetching = Fetching(fetcher, order(server, tmp_path / "f", connections=2), seen)
        until(lambda: seen.position > MIB, "progress")
        began, before = time.monotonic(), seen.position
        until(lambda: time.monotonic() - began > 2, "time")
        assert MIB <= seen.position - before <= 4 * MIB
        seen.wanted = 0
        fetching.join(5)
        assert not fetching.is_alive()
        assert fetching.error is None
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_no_room(fetcher: Fetcher, tmp_path: Path) -> None:
    """A full disk is trouble of the disk."""
    with (
        tmpfs(tmp_path / "disk", size=4 * MIB) as disk,
        site({"/f": CONTENT}) as server,
        pytest.raises(DiskTrouble),
    ):
        fetcher.fetch(order(server, disk / "f"), Seen(), threading.Event())


def test_no_secret_is_to_be_seen(
    tool: str, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a tool works, neither its arguments nor its environment nor any file beside the data hold the URL's
    signature, the daemon's secret or a token; and the user's own settings for the tool are not read."""
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    home = Path(os.environ["HOME"])
    (home / ".wgetrc").write_text("header = X-Mine: yes\n")
    (home / ".aria2").mkdir()
    (home / ".aria2" / "aria2.conf").write_text("header=X-Mine: yes\n")
    (home / ".netrc").write_text("machine 127.0.0.1 login me password mypassword\n")
    with site({"/f": CONTENT}, rate=MIB) as server:
        seen = Seen()
        fetching = Fetching(fetcher, order(server, tmp_path / "f", "/f?signature=topsecret"), seen)
        until(lambda: seen.position > MIB, "progress")
        tools = [one for one in psutil.Process().children(recursive=True) if one.name() == tool]
        assert tools
        shown = [word for one in tools for word in one.cmdline()]
        shown += [f"{name}={value}" for one in tools for name, value in one.environ().items()]
        files = [path for folder in (tmp_path, home) for path in folder.rglob("*") if path.is_file()]
        written = b"".join(path.read_bytes() for path in files if path.name in (f"f{CONTROL}", ".wget-hsts"))
        secret = getattr(getattr(fetcher, "_daemon", None), "_secret", "topsecret")
        fetching.cancel()
    for text in ("topsecret", "verysecret", secret):
        assert text not in " ".join(shown)
        assert text.encode() not in written
    assert all("x-mine" not in headers and "authorization" not in headers for _, _, headers in server.log)


def test_tools_end_with_the_engine(tool: str, tmp_path: Path) -> None:
    """kill -9 of the process that uses a tool ends the tool at once, even in the middle of a file."""
    script = (
        "import sys, threading; from pathlib import Path; from core.tools import Order\n"
        "from core.tools.aria2 import Aria2; from core.tools.wget import Wget\n"
        "class P:\n def rate(self): return 0\n def at(self, position, arrived): print(position, flush=True)\n"
        "path = Path(sys.argv[3]); path.touch()\n"
        "order = Order(url=sys.argv[2], path=path, what='f', host='h')\n"
        "(Aria2 if sys.argv[1] == 'aria2c' else Wget)().fetch(order, P(), threading.Event())\n"
    )
    with site({"/f": CONTENT}, rate=MIB) as server:
        user = subprocess.Popen(
            [sys.executable, "-c", script, tool, f"{server.base}/f", str(tmp_path / "f")],
            stdout=subprocess.PIPE,
        )
        assert user.stdout is not None
        for line in user.stdout:
            if int(line) > MIB:
                break
        tools = [one for one in psutil.Process(user.pid).children(recursive=True) if one.name() == tool]
        assert len(tools) == 1
        user.kill()
        user.wait()
        until(lambda: not any(_alive(one) for one in tools), "end of the tool", 2.0)
        user.stdout.close()


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_wget_tells_a_changed_file_by_its_validator(tmp_path: Path) -> None:
    """wget goes on by length alone; an answer with another ETag than the order is never called whole."""
    from core.tools.wget import Wget

    try:
        wget = Wget()
    except HaulierError as error:
        pytest.skip(error.message)
    path = tmp_path / "f"
    path.write_bytes(b"x" * MIB)
    with site({"/f": CONTENT}, etags={"/f": "two"}) as server, pytest.raises(SourceChanged):
        wget.fetch(order(server, path), Seen(), threading.Event())


def test_a_dead_daemon_is_network_trouble_and_another_one_goes_on(tmp_path: Path) -> None:
    """aria2c killed under a fetch: an error that is tried again, and the next fetch continues."""
    from core.tools.aria2 import Aria2

    try:
        aria2 = Aria2()
    except HaulierError as error:
        pytest.skip(error.message)
    path = tmp_path / "f"
    with site({"/f": CONTENT}, rate=MIB) as server:
        seen = Seen()
        fetching = Fetching(aria2, order(server, path), seen)
        until(lambda: seen.position > 5 * MIB, "progress")
        [daemon] = [one for one in psutil.Process().children(recursive=True) if one.name() == "aria2c"]
        daemon.kill()
        fetching.join(20)
        assert isinstance(fetching.error, NetworkTrouble)
        server.rate, seen = 0, Seen()
        aria2.fetch(order(server, path), seen, threading.Event())
        aria2.close()
        assert path.read_bytes() == CONTENT
        assert seen.moved < len(CONTENT) - 2 * MIB


def test_a_tool_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for and not installed: the error names it and the way out."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(HaulierError) as caught:
        find_program("aria2c")
    assert "aria2c is not installed" in caught.value.message
    assert "--tool native" in caught.value.hint


def test_proxies_reach_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment go along under the names that both tools read, whatever their case was."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    given = environment()
    assert given["https_proxy"] == "http://proxy.example:3128"
    assert given["no_proxy"] == "localhost"
