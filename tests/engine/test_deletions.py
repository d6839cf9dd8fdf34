"""What a plan may delete: nothing after a listing that failed or contradicted itself, whichever side it is of;
and when YES alone is not enough."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from core.engine.planning.deletions import WordLimits, second_word
from core.errors import Code, HaulierError
from core.inprocess import InProcessClient
from core.messages import SaveConnection, StartJob
from core.model import (
    Action,
    Connection,
    JobKind,
    JobState,
    JobView,
    PairPlan,
    Place,
    SecretKeys,
    SessionCredentials,
    Tally,
)
from tests.engine.asking import at, ends, here, items, plan, read, save, spec_of, write, yes_to
from tests.servers import S3Server
from tests.stores.s3.scripted import Request, Script, error_xml, http, serving
from tests.stores.s3.test_listing import page

LONG_AGO = formatdate(1_000_000_000, usegmt=True)
Pages = list[bytes | Callable[[], bytes]]


@contextmanager
def scripted(pages: Pages, present: dict[str, str]) -> Iterator[Script]:
    """A service whose one bucket `b` lists these pages, in this order, the last one for ever; HEAD knows the
    keys in `present`, with their Last-Modified. DELETE is answered, and told apart by the test."""
    left = list(pages)

    def reply(request: Request) -> bytes:
        url = urlsplit(request.target)
        key = unquote(url.path).removeprefix("/b").lstrip("/")
        if request.method == "HEAD" and not key:
            return http(200)
        if request.method == "HEAD":
            if key not in present:
                return http(404)
            return http(200, Last_Modified=present[key], ETag='"e"', Content_Length="1")
        if "list-type" in parse_qs(url.query):
            answer = left.pop(0) if len(left) > 1 else left[0]
            return answer if isinstance(answer, bytes) else answer()
        return http(204) if request.method == "DELETE" else http(404, error_xml("NoSuchKey"))

    with serving(reply) as script:
        yield script


async def connect(client: InProcessClient, script: Script) -> Place:
    connection = Connection(
        name="scripted", endpoint=script.endpoint, region="us-east-1", addressing="path",
        credentials=SessionCredentials(ref="x"),
    )  # fmt: skip
    keys = SecretKeys(access_key_id="AKIDSCRIPTED", secret_access_key="very-secret-key")
    await client.call(SaveConnection(connection=connection, keys=keys, keys_in_memory=True, untested_ok=True))
    return Place(kind="s3", connection="scripted", bucket="b")


BROKEN: dict[str, Pages] = {
    "page fails": [page("a", token="t"), http(500)],
    "no token": [page("a", truncated="true")],
    "same token": [page("a", token="t"), page("b", token="t"), page("c", token="t")],
    "circle": [page("a", token="t"), page("b", token="u"), page("c", token="t")],
    "keys repeat": [page("a", token="t"), page("a")],
    "key twice": [page("a", "a")],
    "cut off": [http(200, "<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>")],
    "maybe complete": [page("a", truncated="perhaps")],
    "no permission": [page("a", token="t"), http(403, error_xml("AccessDenied"))],
}
UNORDERED: dict[str, Pages] = {
    "out of order": [page("a", "d", "b")],
    "later page goes back": [page("a", "d", token="t"), page("b")],
}
PAGES = [*BROKEN.items(), *UNORDERED.items()]


def told(view: JobView) -> str:
    """What the job says: its reason, or the plan's warnings."""
    assert view.state is not JobState.COMPLETED
    return " ".join([view.reason, *(view.plan.warnings if view.plan else ())])


@pytest.mark.parametrize("pages", [p for _, p in PAGES], ids=[name for name, _ in PAGES])
async def test_a_bad_listing_of_the_source_deletes_nothing(
    client: InProcessClient, tmp_path: Path, pages: Pages
) -> None:
    """However the listing of the source goes wrong: no deletion is planned, and the job says so."""
    target = write(tmp_path / "dst", {"a": "1", "b": "1", "old": "1"})
    with scripted(pages, {}) as script:
        source = await connect(client, script)
        view = await plan(client, spec_of((source, here(target)), kind=JobKind.SYNC, delete=True))
        assert "nothing will be deleted: " in told(view)
        assert not [i for i in (await items(client, view.id)).values() if i.action is Action.DELETE]
    assert set(read(target)) == {"a", "b", "old"}


@pytest.mark.parametrize("pages", [p for _, p in PAGES], ids=[name for name, _ in PAGES])
async def test_a_bad_listing_of_the_target_deletes_nothing(
    client: InProcessClient, tmp_path: Path, pages: Pages
) -> None:
    """The same for the target's listing; no DELETE is ever sent, nor anything at the source touched."""
    source = write(tmp_path / "src", {"new": "1"})
    with scripted(pages, {}) as script:
        target = await connect(client, script)
        view = await plan(client, spec_of((here(source), target), kind=JobKind.SYNC, delete=True))
        assert "nothing will be deleted: " in told(view)
        assert not [i for i in (await items(client, view.id)).values() if i.action is Action.DELETE]
        if view.state is JobState.PLANNED:
            await client.call(yes_to(view))
            await ends(client, view.id)
        assert not [request for request in script.requests if request.method == "DELETE"]
    assert set(read(source)) == {"new"}


async def test_a_listing_that_is_falsely_complete(client: InProcessClient, tmp_path: Path) -> None:
    """A page that says it is the last and is not: what it left out is found at the source, so nothing goes."""
    target = write(tmp_path / "dst", {"a": "1", "b": "1", "c": "1"})
    with scripted([page("a")], {"c": LONG_AGO}) as script:
        source = await connect(client, script)
        view = await plan(client, spec_of((source, here(target)), kind=JobKind.SYNC, delete=True))
        assert view.plan is not None
        assert view.plan.delete.count == 0
        assert "nothing will be deleted: the source has c, which its listing left out" in told(view)


async def test_what_came_to_the_source_just_now_keeps_its_copy_only(
    client: InProcessClient, tmp_path: Path
) -> None:
    """An object written while the plan was made is no sign of a false listing: the others go."""
    target = write(tmp_path / "dst", {"a": "1", "b": "1", "c": "1"})
    with scripted([page("a")], {"c": formatdate(time.time(), usegmt=True)}) as script:
        source = await connect(client, script)
        view = await plan(client, spec_of((source, here(target)), kind=JobKind.SYNC, delete=True))
        found = await items(client, view.id)
        assert {name for name, item in found.items() if item.action is Action.DELETE} == {"b"}
        assert "1 files stay at the target: they came to the source just now" in told(view)


async def test_after_a_broken_connection_every_name_is_looked_for(
    client: InProcessClient, tmp_path: Path
) -> None:
    """A listing that goes on behind the last key is only complete where servers list in order. One that does
    not and breaks in the middle is seen through, however many names there are."""
    target = write(tmp_path / "dst", {f"{n:03}": "1" for n in range(200)} | {"z": "1"})
    present = {"150": LONG_AGO}
    with scripted([page("z", token="t"), http(500), page()], present) as script:
        source = await connect(client, script)
        view = await plan(client, spec_of((source, here(target)), kind=JobKind.SYNC, delete=True))
        assert "nothing will be deleted: the source has 150, which its listing left out" in told(view)


async def test_what_cannot_be_asked_for_deletes_nothing(client: InProcessClient, tmp_path: Path) -> None:
    """A source that does not answer when it is asked for a name: no proof of absence."""
    target = write(tmp_path / "dst", {"a": "1", "b": "1"})

    def reply(request: Request) -> bytes:
        if request.method == "HEAD":
            return http(200) if urlsplit(request.target).path in ("/b", "/b/") else http(500)
        return page("a") if "list-type" in request.target else http(500)

    with serving(reply) as script:
        source = await connect(client, script)
        view = await plan(client, spec_of((source, here(target)), kind=JobKind.SYNC, delete=True))
        assert "nothing will be deleted: whether b is at the source could not be found out" in told(view)


async def test_a_folder_that_cannot_be_read_deletes_nothing(client: InProcessClient, tmp_path: Path) -> None:
    """A gone folder is an empty one, one that cannot be looked into is not."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    source = write(tmp_path / "src", {"a": "1", "in/b": "1"})
    target = write(tmp_path / "dst", {"a": "1", "in/b": "1", "old": "1"})
    (source / "in").chmod(0)
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    (source / "in").chmod(0o700)
    assert "nothing will be deleted: a folder of the source could not be read" in told(view)


async def test_an_empty_source_needs_the_second_word(
    client: InProcessClient, moto_server: S3Server, tmp_path: Path
) -> None:
    """Even for one object; without it, with another one, or from a program that does not know of it: refused,
    and nothing is gone."""
    await save(client, moto_server)
    bucket = moto_server.new_bucket()
    (tmp_path / "src").mkdir()
    moto_server.boto3().put_object(Bucket=bucket, Key="k", Body=b"1")
    view = await plan(
        client, spec_of((here(tmp_path / "src"), at(moto_server, bucket)), kind=JobKind.SYNC, delete=True)
    )
    assert view.plan is not None
    assert (view.plan.delete_word, view.plan.delete_why) == ("DELETE 1", "the source is empty")
    for word in ("", "1", "DELETE", "DELETE 2", "delete 1", "DELETE 1 ", "YES"):
        with pytest.raises(HaulierError) as refused:
            await client.call(
                StartJob(job=view.id, plan_hash=view.plan.hash, confirm="YES", confirm_delete=word)
            )
        assert refused.value.code is Code.REFUSED
        assert "DELETE 1" in refused.value.hint
        assert "--confirm-delete 1" in refused.value.hint
    with pytest.raises(HaulierError):
        await client.call(
            StartJob(job=view.id, plan_hash=view.plan.hash, confirm="", confirm_delete="DELETE 1")
        )
    assert moto_server.boto3().list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    await client.call(yes_to(view))
    done = await ends(client, view.id)
    assert (done.state, done.counts.deleted) == (JobState.COMPLETED, 1)


def pair(
    deleted: int, total: int, *, bytes_deleted: int = 0, bytes_total: int = 0, source: int = 1
) -> PairPlan:
    place = Place(kind="s3", connection="c", bucket=f"b{total}")
    return PairPlan(
        source=place, target=place, method="relay", source_count=source,
        delete=Tally(count=deleted, bytes=bytes_deleted), target_total=Tally(count=total, bytes=bytes_total),
        target_reach=Tally(count=total, bytes=bytes_total),
    )  # fmt: skip


GIB = 1 << 30


@pytest.mark.parametrize(
    ("pairs", "word", "why"),
    [
        ([pair(0, 10)], "", ""),
        ([pair(1, 2)], "", ""),
        ([pair(99, 99)], "", ""),
        ([pair(100, 100)], "DELETE 100", "everything goes"),
        ([pair(100, 1000)], "", ""),
        ([pair(251, 1000)], "DELETE 251", "more than 25 % of the target's objects"),
        ([pair(3, 1000, bytes_deleted=2 * GIB, bytes_total=3 * GIB)], "DELETE 3", "of the target's bytes"),
        ([pair(3, 1000, bytes_deleted=GIB - 1, bytes_total=GIB)], "", ""),
        ([pair(1000, 10**6)], "", ""),
        ([pair(1001, 10**6)], "DELETE 1001", "more than 1 000 objects"),
        ([pair(600, 10**6), pair(600, 10**5)], "DELETE 1200", "more than 1 000 objects"),
        ([pair(1, 2, source=0)], "DELETE 1", "the source is empty"),
        ([pair(1, 10**6), pair(300, 400)], "DELETE 301", "c:b400/: more than 25 %"),
    ],
)
def test_when_a_second_word_is_asked_for(pairs: list[PairPlan], word: str, why: str) -> None:
    """By number in all, by share of one target, for an empty source; little is little."""
    found, reason = second_word(pairs, WordLimits())
    assert found == word
    assert why in reason


def test_the_limits_are_settings() -> None:
    """Lower ones ask sooner, a share of 100 % and a large number never."""
    assert second_word([pair(11, 10**6)], WordLimits(objects=10))[0] == "DELETE 11"
    assert second_word([pair(101, 1000)], WordLimits(share=10))[0] == "DELETE 101"
    assert second_word([pair(999, 1000)], WordLimits(objects=10**9, share=100)) == ("", "")


async def test_a_source_file_that_vanished_blocks_nothing_else(client: InProcessClient, tmp_path: Path) -> None:
    """Gone after the plan: that one file fails, the others are copied, and the deletions are carried out."""
    source = write(tmp_path / "src", {"a": "1", "gone": "1", "z": "1"})
    target = write(tmp_path / "dst", {"old": "1", "gone": "0 before"})
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    (source / "gone").unlink()
    await client.call(yes_to(view))
    view = await ends(client, view.id)
    assert (view.state, view.counts.deleted, view.counts.files_failed) == (JobState.PARTIAL, 1, 1)
    assert read(target) == {"a": b"1", "gone": b"0 before", "z": b"1"}
