"""Unfinished multipart uploads from the command line, on real servers."""

from __future__ import annotations

from tests.cli.program import Program, on_terminal
from tests.servers import S3Server

MIB = 1 << 20


def begin(server: S3Server, bucket: str, key: str, parts: int = 0) -> str:
    """An upload that nobody completes, with so many parts of 5 MiB; returns its id."""
    client = server.boto3()
    upload: str = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    for number in range(1, parts + 1):
        client.upload_part(
            Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=bytes([number]) * (5 * MIB)
        )
    return upload


def left(server: S3Server, bucket: str) -> set[str]:
    return {each["Key"] for each in server.boto3().list_multipart_uploads(Bucket=bucket).get("Uploads", [])}


def test_list_and_clean(haulier: Program, s3_server: S3Server) -> None:
    """Each server's unfinished uploads are listed with key, id, age, parts and bytes; cleaning takes those that
    are old enough, below the place only, after YES only, and says how many."""
    server = s3_server
    haulier.use_s3(server)
    bucket = server.new_bucket()
    first = begin(server, bucket, "logs/a b+é.bin", parts=2)
    begin(server, bucket, "logs/b.bin")
    begin(server, bucket, "logsx/other.bin")
    (one, two, end) = haulier.ok("uploads", "list", f"s3://{bucket}/logs", "--json").records
    assert (one["key"], one["upload_id"]) == ("logs/a b+é.bin", first)
    assert (one["parts"], one["bytes"], one["job"], one["in_use"]) == (2, 10 * MIB, None, False)
    assert one["begun"]
    assert two["key"] == "logs/b.bin"
    assert (end["type"], end["count"], end["bytes"]) == ("uploads", 2, 10 * MIB)
    listed = haulier.ok("uploads", "list", f"s3://{bucket}")
    assert len(listed.out.splitlines()) == 3
    assert "10.0 MiB" in listed.out
    assert "3 unfinished uploads" in listed.err

    place = f"s3://{bucket}/logs/"
    refused = haulier("uploads", "clean", place, "--older", "0s")
    assert refused.code == 3, refused
    assert "logs/b.bin" in refused.out
    assert haulier("uploads", "clean", place, "--older", "0s", "--confirm", "yes").code == 3
    dry = haulier.ok("uploads", "clean", place, "--older", "0s", "--dry-run", "--json")
    assert dry.last == {"type": "cleaned", "found": 2, "aborted": 0, "kept": 0, "failed": 0}
    assert left(server, bucket) == {"logs/a b+é.bin", "logs/b.bin", "logsx/other.bin"}
    done = haulier.ok("uploads", "clean", place, "--older", "0s", "--confirm", "YES", "--json")
    assert done.last == {"type": "cleaned", "found": 2, "aborted": 2, "kept": 0, "failed": 0}
    assert left(server, bucket) == {"logsx/other.bin"}


def test_young_uploads_stay(haulier: Program, versitygw_server: S3Server) -> None:
    """Two days are the age from which one is called old, unless another is given."""
    haulier.use_s3(versitygw_server)
    bucket = versitygw_server.new_bucket()
    begin(versitygw_server, bucket, "young.bin")
    done = haulier.ok("uploads", "clean", f"s3://{bucket}", "--confirm", "YES")
    assert "younger than 48h" in done.err
    assert left(versitygw_server, bucket) == {"young.bin"}
    assert haulier("uploads", "clean", f"s3://{bucket}", "--older", "soon").code == 2


def test_asked_at_a_terminal(haulier: Program, with_s3: S3Server) -> None:
    """A person sees what goes and types YES; anything else removes nothing and ends with 3."""
    bucket = with_s3.new_bucket()
    begin(with_s3, bucket, "old.bin")
    for word, code in (("no", 3), ("YES", 0)):
        with on_terminal(haulier, "uploads", "clean", f"s3://{bucket}") as terminal:
            terminal.wait_for("Type YES")
            assert "old.bin" in terminal.screen
            terminal.type(f"{word}\n")
            assert terminal.finish() == code, terminal.screen
        assert left(with_s3, bucket) == (set() if code == 0 else {"old.bin"})


def test_wrong_places(haulier: Program, with_s3: S3Server) -> None:
    """Files of this machine have none, unknown connections and buckets are named, all buckets are one place."""
    bucket = with_s3.new_bucket()
    begin(with_s3, bucket, "k")
    assert haulier("uploads", "list", "./here").code == 2
    assert haulier("uploads", "list", "nobody:bucket").code == 2
    assert haulier("uploads", "list", "s3://no-such-bucket-here").code in (2, 4)
    assert bucket in haulier.ok("uploads", "list", "s3://").out
    assert haulier("uploads").code == 2
