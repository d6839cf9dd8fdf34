"""Looking around in a real engine: folders of real servers side by side, and all that is told of an object."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.listings import ListingPage, LookAtObject, OpenListing, ReadListing, RowOrder
from core.model import Place
from tests.paths.driving import Haulier, at, connection_of, here, put_all
from tests.servers import S3Server


async def settled(haulier: Haulier, ask: ReadListing) -> ListingPage:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        page = await haulier.call(ask)
        if page.settled or page.trouble:
            return page
    raise AssertionError("never settled")


async def test_a_bucket_beside_a_folder(tmp_path: Path, moto_server: S3Server) -> None:
    """What is new, changed, older and the same is told, and an engine that was killed leaves nothing behind."""
    bucket = moto_server.new_bucket()
    put_all(
        moto_server, bucket, [("a", b"one"), ("b", b"two"), ("c", b"three"), ("sub/x", b"x"), ("sub2/y", b"y")]
    )
    folder = tmp_path / "copy"
    (folder / "sub").mkdir(parents=True)
    for name, content, age in (
        ("a", b"one", -60),
        ("b", b"twice", -60),
        ("c", b"three", 90_000),
        ("z", b"", 0),
    ):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (time.time() - age,) * 2)
    async with Haulier(tmp_path / "haulier") as haulier:
        await haulier.save(connection_of(moto_server))
        place = at(moto_server, bucket)
        name = (await haulier.call(OpenListing(place=place, other=here(folder)))).id
        page = await settled(haulier, ReadListing(id=name, to_end=True))
        told = {row.name: row.difference for row in page.rows}
        assert told == {
            "a": "same", "b": "size", "c": "older", "sub/": "", "sub2/": "source", "z": "target",
        }  # fmt: skip
        page = await settled(haulier, ReadListing(id=name, order=RowOrder(different=True)))
        assert [row.name for row in page.rows] == ["b", "c", "sub/", "sub2/", "z"]
        await haulier.restart_after_kill()
        with pytest.raises(HaulierError) as refused:
            await haulier.call(ReadListing(id=name))
        assert refused.value.code is Code.NOT_FOUND
        assert not list((tmp_path / "haulier").rglob("listings/*"))


async def test_what_cannot_be_listed_is_told_with_the_rows(tmp_path: Path, moto_server: S3Server) -> None:
    """No such bucket, no such folder: in words, and asking again asks the server again."""
    async with Haulier(tmp_path / "haulier") as haulier:
        await haulier.save(connection_of(moto_server))
        for place in (at(moto_server, "no-such-bucket-here"), here(tmp_path / "missing")):
            name = (await haulier.call(OpenListing(place=place))).id
            page = await settled(haulier, ReadListing(id=name))
            assert page.trouble
            assert page.listed == 0
        (tmp_path / "missing").mkdir()
        (tmp_path / "missing" / "now").touch()
        page = await haulier.call(ReadListing(id=name, again=True))
        assert [row.name for row in page.rows] == ["now"]


async def test_all_that_is_told_of_an_object(tmp_path: Path, moto_server: S3Server) -> None:
    """Headers, metadata, tags, and versions with the deletion between them; of a file its mode and links."""
    bucket = moto_server.new_bucket()
    s3 = moto_server.boto3()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"first")
    await asyncio.sleep(1.1)  # S3 tells whole seconds
    s3.delete_object(Bucket=bucket, Key="a/b")
    await asyncio.sleep(1.1)
    s3.put_object(Bucket=bucket, Key="a/bc", Body=b"its name begins the same")
    s3.put_object(
        Bucket=bucket, Key="a/b", Body=b"second!", ContentType="text/x", Metadata={"who": "me"}, Tagging="k=v"
    )
    file = tmp_path / "file"
    file.write_bytes(b"content")
    file.chmod(0o640)
    async with Haulier(tmp_path / "haulier") as haulier:
        await haulier.save(connection_of(moto_server))
        told = await haulier.call(LookAtObject(place=at(moto_server, bucket, "a/b")))
        assert (told.size, told.headers["content-type"], told.user["who"]) == (7, "text/x", "me")
        assert told.tags == {"k": "v"}
        assert [(one.is_marker, one.size, one.is_latest) for one in told.versions] == [
            (False, 7, True), (True, 0, False), (False, 5, False),
        ]  # fmt: skip
        told = await haulier.call(LookAtObject(place=Place(kind="local", path=str(file))))
        assert told.size == 7
        assert told.facts["mode"] == "-rw-r----- (0640)"
        for place, code in (
            (at(moto_server, bucket, "a/nothing"), Code.NOT_FOUND),
            (at(moto_server, bucket, "a/"), Code.USAGE),
            (Place(kind="local", path=f"{tmp_path}/nothing"), Code.NOT_FOUND),
        ):
            with pytest.raises(HaulierError) as refused:
                await haulier.call(LookAtObject(place=place))
            assert refused.value.code is code
