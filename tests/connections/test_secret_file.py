"""The encrypted secret file: what opens it, what it refuses, and that nothing in it can be read."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.log import clean
from core.secret_file import SecretFile, SecretFileTrouble
from core.secret_format import MAGIC, OpenKey, Work, take_apart

QUICK = Work(n=2**10)
PASSPHRASE = "correct horse battery"
SECRET = "a-very-secret-key"


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "haulier/secrets.enc"


@pytest.fixture
def file(path: Path) -> SecretFile:
    made = SecretFile(path, QUICK)
    made.create(PASSPHRASE)
    made.write("prod@01", SECRET)
    return made


def again(path: Path, clock: Clock | None = None) -> SecretFile:
    """The file as a restarted engine finds it."""
    return SecretFile(path, QUICK, clock or Clock())


def test_what_was_written_comes_back_with_the_passphrase_alone(file: SecretFile, path: Path) -> None:
    """Locked after a restart, without a word on what is in it; the passphrase gives the very text back."""
    restarted = again(path)
    assert restarted.state()[0] == "locked"
    with pytest.raises(SecretFileTrouble, match="is locked"):
        restarted.read("prod@01")
    with pytest.raises(SecretFileTrouble, match="is locked"):
        restarted.write("other@02", "x")
    restarted.unlock(PASSPHRASE)
    assert restarted.read("prod@01") == SECRET
    assert restarted.read("prod@02") is None
    restarted.delete("prod@01")
    restarted.delete("prod@01")
    assert restarted.read("prod@01") is None
    restarted.lock()
    assert restarted.state()[0] == "locked"


def test_it_never_grows_beyond_what_is_read_again(file: SecretFile, path: Path) -> None:
    """What would make it too large is refused, and what is in it stays."""
    before = path.read_bytes()
    with pytest.raises(SecretFileTrouble, match="MiB"):
        file.write("large@01", "x" * (5 << 20))
    assert path.read_bytes() == before


def test_nothing_of_it_is_readable(file: SecretFile, path: Path) -> None:
    """Neither secret, passphrase nor account name is in the bytes, as they are or as base64; owner only; no
    second file is left beside it but the empty lock."""
    data = path.read_bytes()
    for text in (SECRET, PASSPHRASE, "prod@01"):
        assert text.encode() not in data
        coded = [base64.b64encode(text.encode()[cut:])[:-4] for cut in range(3)]
        assert all(len(each) > 3 and each not in data for each in coded)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    others = [each for each in path.parent.iterdir() if each != path]
    assert [each.stat().st_size for each in others] == [0]
    assert PASSPHRASE not in repr(OpenKey(PASSPHRASE, b"0" * 16, QUICK))
    assert PASSPHRASE not in clean(f"typed {PASSPHRASE}")


def test_two_writings_of_the_same_share_no_nonce(file: SecretFile, path: Path) -> None:
    """A nonce that came twice under one key would give the content away."""
    first = path.read_bytes()
    file.write("prod@02", "x")
    file.delete("prod@02")
    assert first != path.read_bytes()
    assert len(first) == len(path.read_bytes())


def test_wrong_passphrases_wait_longer_and_longer_and_lose_nothing(file: SecretFile, path: Path) -> None:
    """Each is answered plainly; tries in between are refused untried, also the right one; then it opens."""
    clock = Clock()
    guessed = again(path, clock)
    before = path.read_bytes()
    for seconds in (1, 2, 4, 8):
        with pytest.raises(HaulierError, match="not the passphrase") as wrong:
            guessed.unlock("wrong horse battery")
        assert wrong.value.code is Code.REFUSED
        assert f"in {seconds} s" in wrong.value.hint
        clock.at += seconds - 0.6
        with pytest.raises(HaulierError, match="next try is possible in 1 s"):
            guessed.unlock(PASSPHRASE)
        clock.at += 0.6
    guessed.unlock(PASSPHRASE)
    assert guessed.read("prod@01") == SECRET
    guessed.lock()
    with pytest.raises(HaulierError, match="not the passphrase") as wrong:
        guessed.unlock("wrong horse battery")
    assert "in 1 s" in wrong.value.hint
    assert path.read_bytes() == before


def test_the_wait_has_an_end(file: SecretFile, path: Path) -> None:
    """However often it was wrong, a minute is the most."""
    clock = Clock()
    guessed = again(path, clock)
    for _ in range(9):
        clock.at += 100
        with pytest.raises(HaulierError) as wrong:
            guessed.unlock("wrong horse battery")
    assert "in 60 s" in wrong.value.hint


@pytest.mark.parametrize("passphrase", ["", "brief", "with\nline end", "x" * 1025])
def test_what_cannot_be_a_passphrase(path: Path, passphrase: str) -> None:
    """It is refused without repeating it, and nothing is made."""
    with pytest.raises(HaulierError) as refused:
        SecretFile(path, QUICK).create(passphrase)
    assert refused.value.code is Code.USAGE
    assert not passphrase or passphrase not in refused.value.message + refused.value.hint
    assert not path.exists()


def test_letters_typed_at_another_keyboard_are_the_same(path: Path) -> None:
    """An ä as one code point and as two opens the same file."""
    SecretFile(path, QUICK).create("l\u00e4nger als acht")
    again(path).unlock("la\u0308nger als acht")


def test_a_second_one_is_never_made_over_the_first(file: SecretFile, path: Path) -> None:
    """`create` on an existing file is refused and leaves it."""
    before = path.read_bytes()
    with pytest.raises(HaulierError) as refused:
        again(path).create("another passphrase")
    assert refused.value.code is Code.REFUSED
    assert path.read_bytes() == before


def test_every_flipped_byte_is_noticed_and_the_file_left_alone(file: SecretFile, path: Path) -> None:
    """Damage at any place makes it unreadable with clear words; nothing opens, writes or replaces it."""
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        bad = bytearray(whole)
        bad[at] ^= 0x41
        path.write_bytes(bad)
        found = again(path)
        state, words = found.state()
        assert state == "unreadable", at
        assert words
        attempts: list[tuple[Callable[..., None], tuple[str, ...]]] = [
            (found.unlock, (PASSPHRASE,)),
            (found.create, (PASSPHRASE,)),
            (found.change_passphrase, (PASSPHRASE, "another passphrase")),
        ]
        for attempt, given in attempts:
            with pytest.raises(HaulierError, match="cannot be used") as refused:
                attempt(*given)
            assert "has not been touched" in refused.value.hint
        with pytest.raises(SecretFileTrouble):
            file.write("prod@02", "x")  # also by an engine that had it open
        assert path.read_bytes() == bytes(bad)
    path.write_bytes(whole)
    assert file.read("prod@01") == SECRET


@pytest.mark.parametrize("length", [0, 10, 18, 60, 200, -1])
def test_a_cut_file_is_damaged(file: SecretFile, path: Path, length: int) -> None:
    """Cut anywhere, it is damaged and not merely the wrong passphrase."""
    path.write_bytes(path.read_bytes()[:length])
    assert again(path).state()[0] == "unreadable"
    with pytest.raises(HaulierError, match="cannot be used"):
        again(path).unlock(PASSPHRASE)


def test_a_newer_file_says_so(file: SecretFile, path: Path) -> None:
    """A version that is not known is named, whatever else the file holds."""
    header = b'{"version":2,"what":"ever"}'
    path.write_bytes(MAGIC + len(header).to_bytes(4, "big") + header + b"other things")
    with pytest.raises(HaulierError, match="newer haulier \\(version 2"):
        again(path).unlock(PASSPHRASE)


def test_content_that_was_exchanged_is_noticed(file: SecretFile, path: Path) -> None:
    """Somebody who mends the digest after altering content or parameters still cannot pass it off."""
    whole = path.read_bytes()
    for at, word in ((-40, "altered"), (whole.index(b"AES-256-GCM"), "not encrypted as")):
        bad = bytearray(whole[:-32])
        bad[at] ^= 1
        path.write_bytes(bytes(bad) + hashlib.sha256(bad).digest())
        with pytest.raises(HaulierError, match=word):
            again(path).unlock(PASSPHRASE)


@pytest.mark.parametrize("work", [b'"n":1073741824', b'"n":2', b'"n":1025', b'"n":-8'])
def test_a_file_that_asks_for_all_memory_is_not_obeyed(file: SecretFile, path: Path, work: bytes) -> None:
    """Parameters that are a trap, or a joke, are refused before any work is done."""
    body = path.read_bytes()[:-32].replace(b'"n":1024', work)
    start = len(MAGIC) + 4
    end = body.index(b"}", body.index(b'"check"')) + 1
    body = MAGIC + (end - start).to_bytes(4, "big") + body[start:]
    path.write_bytes(body + hashlib.sha256(body).digest())
    with pytest.raises(HaulierError, match="not encrypted as"):
        again(path).unlock(PASSPHRASE)


def test_another_passphrase(file: SecretFile, path: Path) -> None:
    """Only the new one opens it afterwards, with all that was in it; asking again changes nothing more."""
    file.change_passphrase(PASSPHRASE, "another passphrase")
    changed = path.read_bytes()
    file.change_passphrase(PASSPHRASE, "another passphrase")
    assert path.read_bytes() == changed
    assert file.read("prod@01") == SECRET
    with pytest.raises(HaulierError, match="not the passphrase"):
        again(path).unlock(PASSPHRASE)
    restarted = again(path)
    restarted.unlock("another passphrase")
    assert restarted.read("prod@01") == SECRET
    with pytest.raises(HaulierError, match="not the passphrase"):
        again(path).change_passphrase(PASSPHRASE, "a third passphrase")
    assert path.read_bytes() == changed


def test_a_passphrase_changed_elsewhere_locks_it_here(file: SecretFile, path: Path) -> None:
    """Another engine of this user changed it: what was open here is locked, and loses nothing by writing."""
    other = again(path)
    other.change_passphrase(PASSPHRASE, "another passphrase")
    assert file.state()[0] == "locked"
    with pytest.raises(SecretFileTrouble, match="locked"):
        file.write("prod@02", "x")
    file.unlock("another passphrase")
    assert file.read("prod@01") == SECRET


def test_two_engines_write_at_once(path: Path) -> None:
    """Each keeps its own accounts in the one file, and none is lost."""
    SecretFile(path, QUICK).create(PASSPHRASE)
    engines = [again(path), again(path)]
    for each in engines:
        each.unlock(PASSPHRASE)

    def write(number: int) -> None:
        for turn in range(15):
            engines[number].write(f"{number}-{turn}", SECRET)

    threads = [threading.Thread(target=write, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(engines[0].read(f"{number}-{turn}") == SECRET for number in (0, 1) for turn in range(15))


def test_a_file_that_is_gone_is_not_made_anew_behind_the_back(file: SecretFile, path: Path) -> None:
    """Removed under an open engine: reading and writing say so."""
    path.unlink()
    assert file.state()[0] == "none"
    with pytest.raises(SecretFileTrouble, match="there is no"):
        file.write("prod@02", "x")
    assert not path.exists()
    with pytest.raises(HaulierError) as refused:
        file.unlock(PASSPHRASE)
    assert refused.value.code is Code.NOT_FOUND


def test_a_folder_that_cannot_be_made(path: Path) -> None:
    """The words of the system, and no file."""
    path.parent.write_bytes(b"no folder")
    with pytest.raises(HaulierError, match="cannot be made: File exists"):
        SecretFile(path, QUICK).create(PASSPHRASE)


def test_a_killed_writing_leaves_the_old_file(file: SecretFile, path: Path) -> None:
    """What a killed engine left half written beside it disturbs nobody."""
    path.with_name(f".{path.name}.new").write_bytes(b"half")
    file.write("prod@02", "x")
    assert (file.read("prod@01"), file.read("prod@02")) == (SECRET, "x")


def test_the_cost_of_a_try_is_the_recommended_one(path: Path) -> None:
    """A file made as the program makes it: 128 MiB for each guess."""
    SecretFile(path).create(PASSPHRASE)
    assert b'"work":{"n":131072,"r":8,"p":1}' in path.read_bytes()
    take_apart(path.read_bytes())
    SecretFile(path).unlock(PASSPHRASE)
