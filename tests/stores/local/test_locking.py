"""Locks of destination files: one writer a key, freed by death; the file of locks goes with the last one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from core.stores.local import STAGING, LocalFolder

HOLDER = """
import sys, time
from pathlib import Path
from core.stores.local import LocalFolder
store = LocalFolder(Path(sys.argv[1]))
print(store.lock("a"), flush=True)
time.sleep(600)
"""


def test_one_writer_a_key(tmp_path: Path) -> None:
    """Also within one process; other keys are free; what was given back, or closed, can be had."""
    one, two = LocalFolder(tmp_path, "1"), LocalFolder(tmp_path, "2")
    assert one.lock("a")
    assert one.lock("a"), "a second time is no error"
    assert not two.lock("a")
    assert two.lock("b")
    one.unlock("a")
    assert two.lock("a")
    two.close()
    assert one.lock("a")
    one.close()
    assert list(tmp_path.iterdir()) == []


def test_freed_by_death(tmp_path: Path) -> None:
    """A process that is killed with kill -9 holds nothing any more; its file of locks is used and removed."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        store = LocalFolder(tmp_path)
        assert not store.lock("a")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert store.lock("a")
        store.close()
        assert list(tmp_path.iterdir()) == []


def test_many_that_come_and_go(tmp_path: Path) -> None:
    """Eight writers open, lock and close at once, over and over: never do two hold one key, which a file that
    was removed under one of them would allow, and nothing stays behind."""
    inside, both = set[int](), list[int]()

    def come_and_go(number: int) -> None:
        for _ in range(60):
            store = LocalFolder(tmp_path, str(number))
            if store.lock("key"):
                inside.add(number)
                both.extend([number] if len(inside) > 1 else [])
                inside.discard(number)
                store.unlock("key")
            store.close()

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both == []
    assert not (tmp_path / STAGING).exists()


def test_locks_are_no_partial_files(tmp_path: Path) -> None:
    """Clearing partial files leaves the file of locks to those who use it."""
    one, two = LocalFolder(tmp_path, "1"), LocalFolder(tmp_path, "2")
    assert one.lock("a")
    two.clear_staging(set())
    assert not two.lock("a")
    one.close()
    two.close()


def test_what_a_killed_writer_left(tmp_path: Path) -> None:
    """A file of locks that nobody uses goes with the partial files, also when nothing was locked since."""
    (tmp_path / STAGING).mkdir()
    (tmp_path / STAGING / "locks").touch()
    store = LocalFolder(tmp_path)
    store.clear_staging(set())
    store.close()
    assert list(tmp_path.iterdir()) == []
    empty = LocalFolder(tmp_path / "empty")
    empty.ensure_root()
    empty.clear_staging(set())
    empty.close()
    assert list((tmp_path / "empty").iterdir()) == []
