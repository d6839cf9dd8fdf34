"""The demo: real servers, real transfers, and nothing left behind however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.demo import NAMES, make_samples
from tests.cli.program import Program, finish


@pytest.fixture
def own_tmp(haulier: Program) -> Iterator[Path]:
    """Where the demo makes its folder, and nothing else is."""
    folder = Path(tempfile.mkdtemp(prefix="h-", dir="/tmp"))  # short: sockets have short addresses
    haulier.extra["TMPDIR"] = str(folder)
    yield folder
    shutil.rmtree(folder)


def running_in(folder: Path) -> list[str]:
    """Command lines of processes that work in or on `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_samples_are_the_same_every_time(tmp_path: Path) -> None:
    """Two sample trees agree in names, sizes and times, have hundreds of files, and fit anywhere."""

    def facts(root: Path) -> dict[str, tuple[int, int]]:
        files = [path for name in NAMES for path in (root / name).rglob("*") if path.is_file()]
        return {str(p.relative_to(root)): (p.stat().st_size, int(p.stat().st_mtime)) for p in files}

    make_samples(tmp_path / "one")
    make_samples(tmp_path / "two")
    one = facts(tmp_path / "one")
    assert one == facts(tmp_path / "two")
    assert len(one) > 250
    assert 20 * 1024**2 < sum(size for size, _ in one.values()) < 80 * 1024**2


def test_headless(haulier: Program, own_tmp: Path) -> None:
    """Both copies are made, verified and compared; servers, engine and files are gone afterwards."""
    done = haulier.ok("demo", "--headless")
    assert done.err.count("✓ Success") == 5 + 3  # one for each step, and one for each bucket of the first
    assert "byte by byte" in done.err
    assert list(own_tmp.iterdir()) == []
    assert running_in(own_tmp) == []
    assert not (Path(os.environ["XDG_STATE_HOME"]) / "haulier").exists()
    assert not (Path(os.environ["XDG_CONFIG_HOME"]) / "haulier").exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_nothing_behind(haulier: Program, own_tmp: Path, number: int, code: int) -> None:
    """Ended in the middle of a transfer, the demo still stops its engine and servers and removes its files."""
    demo = haulier.start("demo", "--headless")
    assert demo.stderr is not None
    for line in demo.stderr:
        if line.startswith("$ haulier copy"):
            break
    demo.send_signal(number)
    assert finish(demo).code == code
    assert list(own_tmp.iterdir()) == []
    assert running_in(own_tmp) == []


def test_without_rclone(haulier: Program, own_tmp: Path, tmp_path: Path) -> None:
    """A missing rclone is told with the way to get it."""
    from core.demo import find_rclone
    from core.errors import HaulierError

    python = tmp_path / "bin/python"
    python.parent.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.executable", str(python))
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(HaulierError, match="rclone") as caught:
            find_rclone()
    assert "haulier[demo]" in caught.value.hint
