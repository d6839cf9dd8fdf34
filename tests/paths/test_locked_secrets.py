"""Keys in the encrypted file: jobs wait while it is locked, say how to go on, and do so once it is open."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

import msgspec
import pytest

from core.errors import Code, HaulierError
from core.messages import (
    ChangePassphrase,
    ListConnections,
    LockSecrets,
    ReadLog,
    RemoveConnection,
    SaveConnection,
    SecretsState,
    SecretsView,
    TuneJob,
    UnlockSecrets,
)
from core.model import Connection, FileCredentials, JobState, Passphrase, Place, SecretKeys
from tests.paths.driving import MIB, Haulier, at, connection_of, digests, here, many, noise, put_all, tree
from tests.servers import S3Server

PASSPHRASE = Passphrase(text="correct horse battery")
OTHER = Passphrase(text="battery horse correct")
SECRET = "a-secret-of-its-own/+42"


def typed(server: S3Server) -> SaveConnection:
    connection = Connection(name=server.name, endpoint=server.endpoint, region="us-east-1", addressing="path")
    keys = SecretKeys(access_key_id=server.access_key, secret_access_key=SECRET)
    return SaveConnection(connection=connection, keys=keys, untested_ok=True, store="file")


def states(view: SecretsView) -> dict[str, str]:
    return {place.store: place.state for place in view.places}


async def test_a_job_waits_for_the_passphrase(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """From no file at all to one that is open, locked by a restart, refused with a wrong passphrase, and
    opened: the waiting job ends by itself. Nothing of it is at rest in plain text or base64 anywhere below."""
    with pytest.raises(HaulierError, match=r"there is no .*secrets\.enc") as refused:
        await haulier.call(typed(moto_server))
    assert refused.value.code is Code.REFUSED
    assert "haulier secrets unlock" in refused.value.hint
    assert (await haulier.call(SecretsState())).waiting == ()
    made = await haulier.call(UnlockSecrets(passphrase=PASSPHRASE, create=True))
    assert states(made)["file"] == "ready"
    saved = await haulier.call(typed(moto_server))
    assert isinstance(saved.credentials, FileCredentials)
    put_all(moto_server, bucket, [(f"k{n}", noise(1000, n)) for n in range(20)])
    await haulier.copied(at(moto_server, bucket), here(tmp_path / "first"))

    await haulier.restart_after_kill()
    assert (await haulier.call(SecretsState())).waiting == (moto_server.name,)
    assert (await haulier.call(ListConnections())).locked == (moto_server.name,)
    job = (await haulier.submit(at(moto_server, bucket), here(tmp_path / "out"))).id
    view = await haulier.ends(job, JobState.BLOCKED)
    assert "locked" in view.reason
    assert "haulier secrets unlock" in view.hint
    await haulier.restart_after_kill()
    assert (await haulier.view(job)).state is JobState.BLOCKED
    with pytest.raises(HaulierError, match="not the passphrase"):
        await haulier.call(UnlockSecrets(passphrase=OTHER))
    assert (await haulier.view(job)).state is JobState.BLOCKED
    await until_open(haulier)
    await haulier.ends(job)
    assert tree(tmp_path / "out") == digests(moto_server, bucket)
    nothing_in_plain(tmp_path, Path(os.environ["HOME"]))


async def until_open(haulier: Haulier) -> None:
    """The right passphrase, as often as it takes until the wait after a wrong one is over."""
    while True:
        try:
            await haulier.call(UnlockSecrets(passphrase=PASSPHRASE))
            return
        except HaulierError as error:
            if "next try" not in error.message:
                raise
            await asyncio.sleep(0.05)


def nothing_in_plain(*folders: Path) -> None:
    """Whatever lies in these folders (journal, logs, settings) holds neither secret nor passphrase."""
    texts = [SECRET, PASSPHRASE.text, OTHER.text]
    coded = [base64.b64encode(text.encode()).rstrip(b"=")[:-1] for text in texts]
    for folder in folders:
        for file in folder.rglob("*"):
            if file.is_file():
                data = file.read_bytes()
                for text in [*(text.encode() for text in texts), *coded]:
                    assert text not in data, file


async def test_locking_stops_what_runs(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Told to lock, a running job is out of keys within seconds and waits; another passphrase in between does
    not disturb it; opened again it goes on and ends."""
    await haulier.call(UnlockSecrets(passphrase=PASSPHRASE, create=True))
    await haulier.call(typed(moto_server))
    many(tmp_path / "src", 60)
    for number in range(12):
        (tmp_path / "src" / f"large{number}").write_bytes(noise(MIB, number))
    job = (await haulier.submit(here(tmp_path / "src"), at(moto_server, bucket), workers=1)).id
    await haulier.call(TuneJob(job=job, bandwidth=MIB))
    await haulier.reaches(job, lambda view: view.counts.files_done > 0, "first file")
    await haulier.call(LockSecrets())
    view = await haulier.ends(job, JobState.BLOCKED)
    assert "haulier secrets unlock" in view.hint
    assert view.counts.files_done < 72
    await haulier.call(TuneJob(job=job, bandwidth=0))
    await haulier.call(ChangePassphrase(old=PASSPHRASE, new=OTHER))  # opens it, too
    await haulier.ends(job)
    assert digests(moto_server, bucket) == tree(tmp_path / "src")


async def test_keys_move_and_go(haulier: Haulier, moto_server: S3Server) -> None:
    """Keys in memory are moved into the file on wish; removing the connection takes them out of it."""
    await haulier.call(UnlockSecrets(passphrase=PASSPHRASE, create=True))
    empty = haulier.paths.secrets.stat().st_size
    in_memory = await haulier.call(msgspec.structs.replace(typed(moto_server), store="memory"))
    assert haulier.paths.secrets.stat().st_size == empty
    moved = await haulier.call(
        SaveConnection(connection=in_memory, replaces=in_memory.name, store="file", untested_ok=True)
    )
    assert isinstance(moved.credentials, FileCredentials)
    assert haulier.paths.secrets.stat().st_size > empty
    await haulier.call(RemoveConnection(name=moved.name))
    assert haulier.paths.secrets.stat().st_size == empty


async def test_a_damaged_file_is_told_and_kept(haulier: Haulier, moto_server: S3Server, bucket: str) -> None:
    """Its connections are locked, its commands say what is wrong, its bytes stay as they are."""
    await haulier.call(UnlockSecrets(passphrase=PASSPHRASE, create=True))
    await haulier.call(typed(moto_server))
    whole = haulier.paths.secrets.read_bytes()
    haulier.paths.secrets.write_bytes(whole[:-9])
    assert states(await haulier.call(SecretsState()))["file"] == "unusable"
    with pytest.raises(HaulierError, match=r"secrets\.enc cannot be used: it is damaged"):
        await haulier.call(UnlockSecrets(passphrase=PASSPHRASE))
    with pytest.raises(HaulierError, match="damaged"):
        await haulier.call(msgspec.structs.replace(typed(moto_server), replaces=moto_server.name))
    assert haulier.paths.secrets.read_bytes() == whole[:-9]
    haulier.paths.secrets.write_bytes(whole)
    assert states(await haulier.call(SecretsState()))["file"] == "ready"


async def test_the_watch_for_mended_credentials_leaves_it_alone(
    haulier: Haulier, rclone_server: S3Server, tmp_path: Path
) -> None:
    """A job whose profile came goes on by itself; one that waits for the passphrase, looked at in the
    same round, is not started again and again only to stop."""
    await haulier.call(UnlockSecrets(passphrase=PASSPHRASE, create=True))
    await haulier.call(typed(rclone_server))
    await haulier.call(LockSecrets())
    bucket = rclone_server.new_bucket()
    source = many(tmp_path / "src", 3)
    locked = (await haulier.submit(here(source), at(rclone_server, bucket, "locked/"))).id
    await haulier.ends(locked, JobState.BLOCKED)
    late = connection_of(
        S3Server("late", rclone_server.endpoint, rclone_server.access_key, rclone_server.secret_key)
    )
    profiles = Path.home() / ".aws/credentials"
    written = profiles.read_text()
    profiles.write_text("")
    await haulier.save(late)
    waits = Place(kind="s3", connection="late", bucket=bucket, path="late/")
    refused = (await haulier.submit(here(source), waits)).id
    await haulier.ends(refused, JobState.BLOCKED)
    profiles.write_text(written)
    await haulier.ends(refused)
    told = [notice.text for notice in (await haulier.call(ReadLog(job=locked))).notices]
    assert len([text for text in told if text.startswith("blocked")]) == 1, told
    assert not [text for text in told if "going on" in text]
    assert (await haulier.view(locked)).state is JobState.BLOCKED
