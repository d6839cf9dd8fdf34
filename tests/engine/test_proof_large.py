"""Large items from store to store, without an engine around them: proofs, restarts, and what is sent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from core.engine.journal.rows import ItemRow, TransferRow
from core.engine.moving.large import LargeDownload, LargeItem, LargeServerSide, LargeUpload
from core.engine.moving.limits import Bandwidth, MemoryBudget
from core.engine.moving.move import Means, Slot, copy_small, fetch_small, move_part, send_small
from core.errors import IntegrityTrouble, NotFound, SourceChanged, StageLost
from core.model import Action, Entry
from core.stores.base import Metadata, ObjectInfo, PartLimits, PartReceipt
from core.stores.local import LocalFolder
from core.stores.s3 import S3Bucket, S3Service
from tests.conformance.subject import MIB, md5, pattern
from tests.servers import S3Server

STEP = 5 * MIB
SIZE = 11 * MIB
SERVERS = ["moto", "rclone", "versitygw"]
NEVER = threading.Event()


@pytest.fixture(scope="module", params=SERVERS)
def service(request: pytest.FixtureRequest) -> Iterator[S3Service]:
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    made = S3Service(server.connection(server.name), server.keys_for)
    yield made
    made.close()


@pytest.fixture
def bucket(service: S3Service) -> S3Bucket:
    name = f"p-{os.urandom(6).hex()}"
    service.create_bucket(name)
    return service.bucket(name)


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    (tmp_path / "root").mkdir()
    return LocalFolder(tmp_path / "root")


def means(storage_class: str = "") -> Means:
    return Means(Slot(0), Bandwidth(0), MemoryBudget(64 * MIB), NEVER, storage_class)


def row(entry: Entry) -> ItemRow:
    return ItemRow(1, 0, Action.COPY, entry.key, entry)


def begun(large: LargeItem, recorded: TransferRow | None = None, storage_class: str = "") -> TransferRow:
    """Begin in parts of 5 MiB; what is recorded of it."""
    rows = [recorded] if recorded is not None else []
    large.begin(recorded, rows.append, STEP, clean=False, cancelled=NEVER, storage_class=storage_class)
    assert rows[-1] is not None
    return rows[-1]


def carried_out(large: LargeItem, recorded: TransferRow | None = None, storage_class: str = "") -> str:
    """From beginning to end; the proof."""
    begun(large, recorded, storage_class)
    for span in list(large.pending):
        large.receipts[span.number] = move_part(large, span, means())
    receipt, proof = large.finish()
    assert large.target.settle([receipt]) == {}
    return proof


def listed(store: S3Bucket | LocalFolder, key: str) -> Entry:
    (entry,) = [e for page in store.pages("", cancelled=NEVER) for e in page if e.key == key]
    return entry


def upload(folder: LocalFolder, bucket: S3Bucket, data: bytes, name: str = "large.txt") -> str:
    (folder.root / name).write_bytes(data)
    entry = listed(folder, name)
    return carried_out(LargeUpload(row(entry), entry, folder, bucket, name, 1))


def test_up_and_down_again(bucket: S3Bucket, folder: LocalFolder) -> None:
    """Bytes, the time to the nanosecond, the type from the name; proven by the best that each server keeps."""
    data, moment = pattern(SIZE), 1_700_000_000_123_456_789
    file = folder.root / "large.txt"
    file.write_bytes(data)
    os.utime(file, ns=(moment, moment))
    entry = listed(folder, "large.txt")
    assert carried_out(LargeUpload(row(entry), entry, folder, bucket, "large.txt", 1)) == "etag-md5"
    info = bucket.stat("large.txt")
    assert info.metadata.headers["content-type"] == "text/plain"
    assert info.metadata.modified_ns == moment
    there = listed(bucket, "large.txt")
    large = LargeDownload(row(there), there, bucket, folder, "back", 1)
    name = bucket.service.connection.name
    assert carried_out(large) == ("etag-md5" if name == "rclone" else "crc64nvme")
    assert (large.proof.digest is None) == (name != "rclone")  # no chain of MD5s where a CRC is kept
    back = folder.root / "back"
    assert back.read_bytes() == data
    assert back.stat().st_mtime_ns == moment


def test_small_ones_up_and_down_again(bucket: S3Bucket, folder: LocalFolder) -> None:
    """The same of items that are moved whole, also of one without a byte."""
    for name, data in (("a.json", b"[1]"), ("none", b"")):
        file = folder.root / name
        file.write_bytes(data)
        os.utime(file, ns=(1_600_000_000_000_000_001, 1_600_000_000_000_000_001))
        entry = listed(folder, name)
        _, proof = send_small(folder, entry, bucket, name, means("STANDARD"))
        assert proof == "etag-md5"
        there = listed(bucket, name)
        receipt, proof = fetch_small(bucket, there, folder, f"back-{name}", means())
        assert proof == "etag-md5"
        assert folder.settle([receipt]) == {}
        back = folder.root / f"back-{name}"
        assert (back.read_bytes(), back.stat().st_mtime_ns) == (data, 1_600_000_000_000_000_001)
    types = [bucket.stat(name).metadata.headers["content-type"] for name in ("a.json", "none")]
    assert types == ["application/json", "application/octet-stream"]


def test_a_resumed_upload_keeps_its_parts(bucket: S3Bucket, folder: LocalFolder) -> None:
    """What is there is compared with the file and kept, in any order of parts, a hole at part 1 included."""
    if bucket.service.connection.name == "rclone":
        pytest.skip("rclone wants the parts in their order")
    data = pattern(SIZE)
    (folder.root / "f").write_bytes(data)
    entry = listed(folder, "f")
    first = LargeUpload(row(entry), entry, folder, bucket, "f", 1)
    recorded = begun(first)
    for span in (first.spans[2], first.spans[1]):
        move_part(first, span, means())
    bucket.service.abilities.forget_upload(recorded.token)  # another process
    second = LargeUpload(row(entry), entry, folder, bucket, "f", 1)
    again = begun(second, recorded)
    assert again.token == recorded.token
    assert sorted(second.receipts) == [2, 3]
    assert [span.number for span in second.pending] == [1]
    second.receipts[1] = move_part(second, second.spans[0], means())
    assert second.finish()[1] == "etag-md5"
    with bucket.read(listed(bucket, "f"), 0, SIZE, cancelled=NEVER) as body:
        assert b"".join(map(bytes, body)) == data


def test_parts_of_other_content_are_sent_again(bucket: S3Bucket, folder: LocalFolder) -> None:
    """An upload whose parts hold an older content of the same size and time gives nothing to keep."""
    (folder.root / "f").write_bytes(pattern(SIZE))
    entry = listed(folder, "f")
    first = LargeUpload(row(entry), entry, folder, bucket, "f", 1)
    recorded = begun(first)
    bucket.put_part("f", recorded.token, 1, 0, bytes(STEP))
    second = LargeUpload(row(entry), entry, folder, bucket, "f", 1)
    begun(second, recorded)
    assert second.receipts == {}
    assert len(second.pending) == 3
    bucket.abort("f", recorded.token)


def test_another_part_size_begins_anew(bucket: S3Bucket, folder: LocalFolder) -> None:
    """What was sent in other parts is removed at the target, and nothing of it counts."""
    (folder.root / "f").write_bytes(pattern(SIZE))
    entry = listed(folder, "f")
    first = LargeUpload(row(entry), entry, folder, bucket, "f", 1)
    recorded = begun(first)
    move_part(first, first.spans[0], means())
    second = LargeUpload(row(entry), entry, folder, bucket, "f", 1)
    rows: list[TransferRow] = []
    second.begin(recorded, rows.append, 6 * MIB, clean=False, cancelled=NEVER)
    assert (len(second.pending), second.receipts) == (2, {})
    assert rows[-1].token != recorded.token
    with pytest.raises(StageLost):
        bucket.staged_parts("f", recorded.token)
    bucket.abort("f", rows[-1].token)


def test_an_object_replaced_between_two_parts(bucket: S3Bucket, folder: LocalFolder) -> None:
    """The second range is of another version, also at a server that ignores If-Match: nothing is mixed."""
    bucket.put("k", pattern(SIZE), Metadata())
    entry = listed(bucket, "k")
    large = LargeDownload(row(entry), entry, bucket, folder, "out", 1)
    begun(large)
    move_part(large, large.spans[0], means())
    bucket.put("k", bytes(SIZE), Metadata())
    with pytest.raises(SourceChanged):
        move_part(large, large.spans[1], means())
    large.close()
    assert not (folder.root / "out").exists()


def test_whole_parts_only(versitygw_server: S3Server, folder: LocalFolder) -> None:
    """A size that is exactly two parts: no part of nothing at the end."""
    service = S3Service(versitygw_server.connection(), versitygw_server.keys_for)
    bucket = service.bucket(versitygw_server.new_bucket())
    data = pattern(2 * STEP)
    assert upload(folder, bucket, data, "f") == "etag-md5"
    entry = listed(bucket, "f")
    assert entry.etag.endswith("-2")
    large = LargeDownload(row(entry), entry, bucket, folder, "out", 1)
    assert carried_out(large) == "crc64nvme"
    assert (len(large.spans), (folder.root / "out").read_bytes()) == (2, data)
    service.close()


CHANGES: dict[str, Callable[[Path], None]] = {
    "grows": lambda file: os.truncate(file, SIZE + 1),
    "shrinks": lambda file: os.truncate(file, SIZE - 1),
    "written to": lambda file: os.utime(file, ns=(1, 1)),
    "replaced": lambda file: replace(file),
    "gone": lambda file: file.unlink(),
}


def replace(file: Path) -> None:
    """Another file of the same size and time takes the name."""
    status = file.stat()
    other = file.with_name("other")
    other.write_bytes(bytes(SIZE))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(file)


@pytest.mark.parametrize("when", ["between parts", "at the end"])
@pytest.mark.parametrize("how", CHANGES)
def test_a_file_that_changes_while_it_is_sent(
    moto_server: S3Server, folder: LocalFolder, how: str, when: str
) -> None:
    """Noticed before anything is published, whatever changed and whether the bytes still to be read did."""
    service = S3Service(moto_server.connection(), moto_server.keys_for)
    bucket = service.bucket(moto_server.new_bucket())
    file = folder.root / "f"
    file.write_bytes(pattern(SIZE))
    entry = listed(folder, "f")
    large = LargeUpload(row(entry), entry, folder, bucket, "f", 1)
    begun(large)
    spans = large.spans if when == "at the end" else large.spans[:1]
    for span in spans:
        large.receipts[span.number] = move_part(large, span, means())
    CHANGES[how](file)
    expected = (SourceChanged, NotFound) if how == "gone" else SourceChanged
    with pytest.raises(expected):
        _ = large.finish() if when == "at the end" else move_part(large, large.spans[1], means())
    assert [e for page in bucket.pages("", cancelled=NEVER) for e in page] == []
    service.close()


def other_service(request: pytest.FixtureRequest, name: str) -> S3Bucket:
    server: S3Server = request.getfixturevalue(f"{name}_server")
    made = S3Service(server.connection(server.name), server.keys_for)
    request.addfinalizer(made.close)
    return made.bucket(server.new_bucket())


RICH = Metadata(
    headers={"content-type": "a/b", "cache-control": "no-store", "content-encoding": "gzip"},
    user={"word": "grün", "mtime": "1500000000.000000007"},
    tags={"a": "1", "b": "two words"},
    storage_class="STANDARD_IA",
)


@pytest.mark.parametrize("to", ["moto", "versitygw", "rclone"])
@pytest.mark.parametrize("size", [1000, SIZE])
def test_a_relay_keeps_everything(bucket: S3Bucket, request: pytest.FixtureRequest, to: str, size: int) -> None:
    """Metadata, tags and class of small and large objects, from each server to each; the bytes are proven."""
    goal = other_service(request, to)
    here = bucket.service.connection.name
    data = pattern(size)
    if size > STEP:
        token = bucket.stage("k", size, RICH)
        parts = [
            bucket.put_part("k", token, n, at, data[at : at + STEP], md5=md5(data[at : at + STEP]))
            for n, at in enumerate(range(0, size, STEP), 1)
        ]
        bucket.commit("k", token, parts, size)
    else:
        bucket.put("k", data, RICH, md5=md5(data))
    entry = listed(bucket, "k")
    if size > STEP:
        proof = carried_out(LargeUpload(row(entry), entry, bucket, goal, "k", 1))
    else:
        _, proof = send_small(bucket, entry, goal, "k", means())
    assert proof in {"etag-md5", "crc64nvme"}
    info = goal.stat("k")
    metadata = info.metadata
    assert dict(metadata.headers) == dict(RICH.headers)
    assert (metadata.user["word"], metadata.user["mtime"]) == ("=?UTF-8?B?Z3LDvG4=?=", "1500000000.000000007")
    assert dict(goal.tags_of(info)) == dict(RICH.tags)
    assert metadata.storage_class == ("STANDARD" if "versitygw" in (here, to) else "STANDARD_IA")


def test_a_relay_to_a_class_that_was_asked_for(bucket: S3Bucket, request: pytest.FixtureRequest) -> None:
    """It wins over the source's, for large items too."""
    goal = other_service(request, "moto")
    bucket.put("k", pattern(SIZE), RICH, md5=md5(pattern(SIZE)))
    entry = listed(bucket, "k")
    assert (
        carried_out(LargeUpload(row(entry), entry, bucket, goal, "k", 1), storage_class="GLACIER_IR")
        != "size only"
    )
    assert goal.stat("k").metadata.storage_class == "GLACIER_IR"


def test_a_copy_by_parts_keeps_what_copy_object_keeps(bucket: S3Bucket, service: S3Service) -> None:
    """Same metadata, tags and class from both ways; a service with a small limit takes the second by itself."""
    if service.connection.name == "rclone":
        pytest.skip("rclone cannot copy parts")
    data = pattern(SIZE)
    bucket.put("k", data, RICH, md5=md5(data))
    entry = msgspec.structs.replace(listed(bucket, "k"), storage_class="STANDARD_IA")
    receipt, proof = copy_small(bucket, entry, bucket, "whole", means())
    assert proof == "etag-md5"
    bucket.limits = PartLimits(min_part=STEP, max_part=STEP, max_whole=STEP)
    large = LargeServerSide(row(entry), entry, bucket, bucket, "parts", 1)
    proof = carried_out(large)
    assert len(large.spans) == 3
    # moto computes no checksum of what was put whole: an ETag of parts and an MD5 cannot be compared.
    assert proof == ("crc64nvme" if service.connection.name == "versitygw" else "size only")
    one, other = bucket.stat("whole"), bucket.stat("parts")
    for info in (one, other):
        assert dict(bucket.tags_of(info)) == dict(RICH.tags)
    assert one.metadata.headers == other.metadata.headers
    assert one.metadata.user == other.metadata.user
    assert one.metadata.storage_class == other.metadata.storage_class
    assert receipt.key == "whole"


def test_a_copy_in_the_parts_of_its_source(bucket: S3Bucket, service: S3Service) -> None:
    """Where no checksum would prove a copy by parts, it is made in the source's own: that keeps the ETag."""
    entry = Entry(key="k", size=SIZE, etag=f"{'0' * 32}-3")
    large = LargeServerSide(row(entry), entry, bucket, bucket, "parts", 1)
    large.info = ObjectInfo(entry=entry, part_size=STEP)
    large.layout(0)
    assert [span.length for span in large.spans] == [STEP, STEP, MIB]
    large.info = ObjectInfo(entry=entry, part_size=STEP, metadata=Metadata(checksums={"crc64nvme": "x"}))
    large.layout(0)
    assert len(large.spans) == 1
    if service.connection.name == "rclone":
        return  # which cannot copy parts
    data = pattern(SIZE)
    token = bucket.stage("k", SIZE, Metadata())
    parts = [
        bucket.put_part("k", token, n, at, data[at : at + STEP], md5=md5(data[at : at + STEP]))
        for n, at in enumerate(range(0, SIZE, STEP), 1)
    ]
    bucket.commit("k", token, parts, SIZE)
    entry = listed(bucket, "k")
    whole = LargeServerSide(row(entry), entry, bucket, bucket, "parts", 1)
    # moto tells neither the parts of an object nor a checksum of one made of copied parts.
    assert carried_out(whole) == ("crc64nvme" if service.connection.name == "versitygw" else "size only")


@pytest.mark.parametrize("size", [100, SIZE])
def test_an_opaque_source_is_never_damaged(
    request: pytest.FixtureRequest, folder: LocalFolder, size: int
) -> None:
    """SSE-KMS: honest "size only" for a download and a relay, and the bytes are right."""
    origin, goal = other_service(request, "moto"), other_service(request, "versitygw")
    client = request.getfixturevalue("moto_server").boto3()
    data = pattern(size)
    client.put_object(Bucket=origin.name, Key="k", Body=data, ServerSideEncryption="aws:kms")
    entry = msgspec.structs.replace(listed(origin, "k"), etag="")
    told = origin.stat("k")
    assert told.opaque_etag
    entry = listed(origin, "k")
    # moto makes MD5s of KMS objects too; AWS makes something that only looks like one.
    if size == SIZE:
        large = LargeDownload(row(entry), entry, origin, folder, "out", 1)
        assert carried_out(large) == "size only"
        relay = LargeUpload(row(entry), entry, origin, goal, "k", 1)
        assert carried_out(relay) == "size only"
    else:
        _, proof = send_small(origin, msgspec.structs.replace(entry, etag=""), goal, "k", means())
        assert proof == "size only"
        receipt, proof = fetch_small(origin, msgspec.structs.replace(entry, etag=""), folder, "out", means())
        assert proof == "size only"
        assert folder.settle([receipt]) == {}
    assert (folder.root / "out").read_bytes() == data
    with goal.read(listed(goal, "k"), 0, size, cancelled=NEVER) as body:
        assert b"".join(map(bytes, body)) == data


def test_a_download_of_other_bytes_is_not_published(versitygw_server: S3Server, folder: LocalFolder) -> None:
    """A bit that flipped on the way into the partial file: the CRC of the whole does not come out."""
    service = S3Service(versitygw_server.connection(), versitygw_server.keys_for)
    bucket = service.bucket(versitygw_server.new_bucket())
    upload(folder, bucket, pattern(SIZE))
    entry = listed(bucket, "large.txt")
    large = LargeDownload(row(entry), entry, bucket, folder, "out", 1)
    begun(large)
    for span in list(large.pending):
        large.receipts[span.number] = move_part(large, span, means())
    assert large.stage is not None
    large.stage.write(7 * MIB, b"\xff\x00")
    wrong: PartReceipt = large.receipts[2]
    large.receipts[2] = msgspec.structs.replace(wrong, crc64=wrong.crc64 ^ 1)
    with pytest.raises(IntegrityTrouble, match="CRC64NVME"):
        large.finish()
    large.close()
    assert not (folder.root / "out").exists()
    service.close()
