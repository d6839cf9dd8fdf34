"""What a store cannot do is known, said in the plan, and done another way."""

from __future__ import annotations

import json
from pathlib import Path

from core import messages
from core.capability_card import CapabilityCard, fingerprint
from core.capability_cards import CardBook
from core.messages import ListConnections
from core.model import Connection, JobKind, JobView
from tests.paths.driving import (
    MIB,
    Haulier,
    at,
    connection_of,
    digests,
    fill,
    here,
    noise,
    put_all,
    tree,
)
from tests.paths.no_ranges import without_ranges
from tests.servers import S3Server


def warned(view: JobView) -> str:
    assert view.plan is not None
    return "\n".join(view.plan.warnings)


def card_of(haulier: Haulier, connection: Connection) -> CapabilityCard:
    found = CardBook(haulier.paths.config_dir / "cards").get(connection)
    assert found is not None
    return found


async def test_the_plan_makes_the_card(haulier: Haulier, s3_server: S3Server, tmp_path: Path) -> None:
    """A connection that was never tested has a card after its first plan, made without writing, and the plan
    says of the three servers what each one lacks for this job, once, and nothing that does not matter."""
    bucket = s3_server.new_bucket()
    put_all(s3_server, bucket, [("big", noise(6 * MIB)), ("small", b"x"), ("x/y", b"z")])
    connection = connection_of(s3_server)
    await haulier.save(connection)
    assert (await haulier.call(ListConnections())).cards == {}
    big = await haulier.planned(at(s3_server, bucket), here(tmp_path / "out"), JobKind.COPY)
    pinned = "cannot be pinned to a version (If-Match is ignored)"
    assert warned(big).count(pinned) == (1 if s3_server.name == "rclone" else 0)
    card = (await haulier.call(ListConnections())).cards[s3_server.name]
    assert card.ranges == ("200" if s3_server.name == "rclone" else "206")
    assert card.written == 0
    small = await haulier.planned(at(s3_server, bucket, "x/"), here(tmp_path / "out"), JobKind.COPY)
    assert warned(small) == ""
    assert sorted(digests(s3_server, bucket)) == ["big", "small", "x/y"]


async def test_missing_guarantees_of_a_target(haulier: Haulier, s3_server: S3Server, tmp_path: Path) -> None:
    """After a write test the plan of an upload knows what the target checks and keeps."""
    bucket = s3_server.new_bucket()
    connection = connection_of(s3_server)
    await haulier.save(connection)
    report = await haulier.call(messages.TestConnection(connection=connection, bucket=bucket, write=True))
    assert report.ok, report
    fill(tmp_path / "src" / "a", 1000)
    view = await haulier.planned(here(tmp_path / "src"), at(s3_server, bucket), JobKind.COPY)
    assert ("no checksum is kept" in warned(view)) == (s3_server.name == "moto")
    assert ("Content-MD5 is not checked" in warned(view)) == (s3_server.name == "moto")
    assert "conditional delete" not in warned(view), "nothing is deleted here"


async def test_large_objects_without_ranges(haulier: Haulier, moto_server: S3Server, tmp_path: Path) -> None:
    """Ranges ignored: found while moving, said, and the object is read whole; the next plan knows it, says it,
    and begins that way. Also when the bytes go on to another store."""
    bucket, other = moto_server.new_bucket(), moto_server.new_bucket()
    judge = moto_server.boto3()
    put_all(moto_server, bucket, [("whole", noise(11 * MIB)), ("small", b"x")])
    upload = judge.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    pieces = [noise(5 * MIB, seed=1), noise(5 * MIB, seed=2), noise(MIB, seed=3)]
    tags = [
        judge.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=piece)["ETag"]
        for number, piece in enumerate(pieces, 1)
    ]
    judge.complete_multipart_upload(
        Bucket=bucket,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": at, "ETag": tag} for at, tag in enumerate(tags, 1)]},
    )
    with without_ranges(moto_server.endpoint) as endpoint:
        odd = connection_of(moto_server, endpoint, name="odd")
        await haulier.save(odd)
        await haulier.save(connection_of(moto_server))
        source = at(S3Server("odd", endpoint, "", ""), bucket)
        view = await haulier.copied(source, here(tmp_path / "one"))
        assert tree(tmp_path / "one") == digests(moto_server, bucket)
        assert dict(view.proofs).get("size only", 0) == 0, view.proofs
        assert card_of(haulier, odd).ranges == "ignored"

        planned = await haulier.planned(source, here(tmp_path / "two"), JobKind.COPY)
        assert "one stream" in warned(planned)
        await haulier.confirmed(planned)
        assert tree(tmp_path / "two") == digests(moto_server, bucket)

        put_all(moto_server, bucket, [("relayed", noise(17 * MIB))])
        await haulier.copied(source, at(moto_server, other), server_side=False)
        assert digests(moto_server, other) == digests(moto_server, bucket)


async def test_no_server_side_copy_is_known_beforehand(haulier: Haulier, moto_server: S3Server) -> None:
    """A service whose card says that it cannot copy: the plan's method is a relay, and the copy is right."""
    one, two = moto_server.new_bucket(), moto_server.new_bucket()
    put_all(moto_server, one, [("a", noise(1000))])
    connection = connection_of(moto_server)
    await haulier.save(connection)
    plain = await haulier.planned(at(moto_server, one), at(moto_server, two), JobKind.COPY)
    assert plain.plan is not None
    assert plain.plan.pairs[0].method == "server side"
    path = haulier.paths.config_dir / "cards" / f"{connection.name}.json"
    kept = json.loads(path.read_text())
    assert kept["made_for"] == fingerprint(connection)
    await haulier.stop()
    path.write_text(json.dumps({**kept, "copy": False}))
    await haulier.start()
    view = await haulier.planned(at(moto_server, one), at(moto_server, two), JobKind.COPY)
    assert view.plan is not None
    assert view.plan.pairs[0].method == "relay"
    await haulier.confirmed(view)
    assert digests(moto_server, two) == digests(moto_server, one)
