"""Every legal key goes from bucket to bucket, and through a folder and back, byte for byte and name for
name."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.engine.moving import crew
from core.inprocess import InProcessClient
from core.model import Action, JobKind, JobState
from core.stores.s3 import S3Bucket
from tests.engine.asking import at, here, items, plan, read, run, save, spec_of
from tests.hostile_names import HOSTILE, ORDER, REFUSED, REFUSED_IN_PARTS, TWINS
from tests.servers import S3Server

BY_PARTS = {
    "double slash", "leading slash", "trailing slash", "dot dot", "only dot dot", "encoded slash", "tab",
    "control", "carriage return", "escape", "NFC", "NFD", "emoji", "plus", "plus and space", "percent",
    "percent forty six", "query marks", "xml", "backslash", "sub-delimiters", "long", "long and wide",
}  # fmt: skip


def keys_for(server: S3Server) -> dict[str, bytes]:
    """The table, as far as the server takes it, the twins, and the names around the slash; each with bytes
    of its own. On a server over a file system a name is not a file and a folder at once."""
    refused = REFUSED[server.name]
    keys = [key for case, key in HOSTILE.items() if case not in refused]
    keys += TWINS
    if server.name == "moto":
        keys += ORDER
        keys += ["marker/", "marker with bytes/"]
    else:
        keys += ["order/a-b", "order/a.", "order/a/b", "order/a0"]
    found = {key: f"<{n}>".encode() for n, key in enumerate(dict.fromkeys(keys))}
    found.update({key: b"" for key in ("marker/", "a/") if key in found})
    return found


def put(server: S3Server, bucket: str, objects: dict[str, bytes]) -> None:
    s3 = server.boto3()
    for key, data in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=data)


def objects_in(server: S3Server, bucket: str, prefix: str = "") -> dict[str, bytes]:
    s3 = server.boto3()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {key.removeprefix(prefix): s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


@pytest.mark.parametrize("way", ["server side", "relay"])
@pytest.mark.parametrize("size", ["small", "multipart"])
async def test_from_bucket_to_bucket(
    client: InProcessClient, s3_server: S3Server, way: str, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the service and through this machine, whole and by parts: the same keys with the same bytes arrive,
    and the next plan has nothing to do."""
    if size == "multipart":  # one part is a multipart object as well
        monkeypatch.setattr(crew, "LARGE_UPLOAD", 1)
        monkeypatch.setattr(S3Bucket, "limits", S3Bucket.limits.__class__(max_whole=0))
    await save(client, s3_server)
    wanted = keys_for(s3_server)
    if size == "multipart":
        refused = REFUSED_IN_PARTS[s3_server.name]
        some = {key for case, key in HOSTILE.items() if case in BY_PARTS and case not in refused}
        wanted = {key: data for key, data in wanted.items() if key in some}
    first, second = s3_server.new_bucket(), s3_server.new_bucket()
    put(s3_server, first, wanted)
    assert objects_in(s3_server, first) == wanted, "the server itself"
    spec = spec_of((at(s3_server, first), at(s3_server, second)), server_side=way == "server side")
    view = await run(client, spec)
    assert view.plan is not None
    assert view.plan.pairs[0].method == way
    assert not any("not in order" in warning for warning in view.plan.warnings)
    failed = {name: item.error for name, item in (await items(client, view.id)).items() if item.error}
    assert (view.state, failed) == (JobState.COMPLETED, {})
    assert objects_in(s3_server, second) == wanted
    again = await plan(client, spec)
    assert again.plan is not None
    assert (again.plan.copy.count, again.plan.overwrite.count) == (0, 0)


async def test_through_a_folder_and_back(client: InProcessClient, s3_server: S3Server, tmp_path: Path) -> None:
    """With escaped names every key has a file of its own in the folder, and a folder that is uploaded again
    gives the keys it was made of. Asked again, neither way has anything to do; a verify finds everything
    equal."""
    await save(client, s3_server)
    wanted = keys_for(s3_server)
    first, second = s3_server.new_bucket(), s3_server.new_bucket()
    put(s3_server, first, wanted)
    out = tmp_path / "out"
    down = spec_of((at(s3_server, first), here(out)), names="escape")
    view = await run(client, down)
    failed = {name: item.error for name, item in (await items(client, view.id)).items() if item.error}
    assert (view.state, failed) == (JobState.COMPLETED, {})
    assert sorted(read(out).values()) == sorted(data for data in wanted.values() if data)
    shown = await items(client, view.id)
    files = {item.target: name for name, item in shown.items()}
    assert {str(path) for path in out.rglob("*") if path.is_file()} <= set(files)
    verify = spec_of((at(s3_server, first), here(out)), names="escape", kind=JobKind.VERIFY)
    assert (await run(client, verify)).state is JobState.COMPLETED
    up = spec_of((here(out), at(s3_server, second)), names="escape")
    assert (await run(client, up)).state is JobState.COMPLETED
    assert objects_in(s3_server, second) == {key: data for key, data in wanted.items() if data}
    for spec in (down, up):
        again = await plan(client, spec)
        assert again.plan is not None
        counts = (again.plan.copy.count, again.plan.overwrite.count, again.plan.cannot.count)
        assert counts == (0, 0, 0), (again.plan, await items(client, again.id))


async def test_keys_that_cannot_be_files_are_told(
    client: InProcessClient, moto_server: S3Server, tmp_path: Path
) -> None:
    """Without the escape: each key is either a file with its bytes, or told as impossible with a reason, and
    the job ends partly done."""
    await save(client, moto_server)
    wanted = keys_for(moto_server)
    bucket = moto_server.new_bucket()
    put(moto_server, bucket, wanted)
    view = await run(client, spec_of((at(moto_server, bucket), here(tmp_path / "out"))))
    assert view.state is JobState.PARTIAL
    found = await items(client, view.id)
    impossible = {name for name, item in found.items() if item.action is Action.CANNOT}
    assert all(found[name].error for name in impossible)
    files = read(tmp_path / "out")
    assert files == {
        key: data for key, data in wanted.items() if key not in impossible and not key.endswith("/")
    }
    for key in (*HOSTILE.values(), *TWINS, *ORDER):
        segments = key.removesuffix("/").split("/")
        bad = {"", ".", ".."} & set(segments) or any(len(part.encode()) > 255 for part in segments)
        if key in wanted and (bad or segments[0] == ".haulier"):
            assert key in impossible, key


async def test_a_key_of_1025_bytes(client: InProcessClient, moto_server: S3Server, tmp_path: Path) -> None:
    """What becomes too long with the target's prefix is found in the plan; to a folder the same key is fine."""
    await save(client, moto_server)
    source, target = moto_server.new_bucket(), moto_server.new_bucket()
    long = "/".join(["k" * 100] * 10) + "/" + "x" * 13
    assert len(long) == 1023
    put(moto_server, source, {long: b"1", "short": b"2"})
    view = await run(client, spec_of((at(moto_server, source), at(moto_server, target, "p/"))))
    found = await items(client, view.id)
    assert view.state is JobState.PARTIAL
    assert (found[long].action, found[long].error) == (Action.CANNOT, "key longer than 1024 bytes")
    assert set(objects_in(moto_server, target)) == {"p/short"}
    assert (await run(client, spec_of((at(moto_server, source), here(tmp_path))))).state is JobState.COMPLETED
    deep = tmp_path / "deep"
    for _ in range(5):
        deep = deep / ("d" * 250)
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    view = await run(client, spec_of((here(tmp_path / "deep"), at(moto_server, target))))
    assert [item.error for item in (await items(client, view.id)).values()] == ["key longer than 1024 bytes"]
