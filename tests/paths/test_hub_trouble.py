"""Jobs from a Hub that meet trouble: refusals, faults of both ports, quotas, damaged and hostile content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model import Action, JobState
from tests.cli.program import Program
from tests.fake_hub import FakeHub, Fault, File, fake_hub
from tests.paths.driving import (
    MIB,
    Haulier,
    at,
    connection_of,
    digests,
    here,
    sha256,
    tree,
    unfinished_uploads,
)
from tests.paths.hubs import (
    FILES,
    NUMBERS,
    TOKEN,
    content,
    nowhere_at_rest,
    repo,
    token_only_at_the_hub,
)
from tests.servers import S3Server

# ---------------------------------------------------------------- faults


async def test_faults_of_both_ports(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """Statuses, cuts, wrong ranges, encodings, other commits and login pages on the way: the same bytes at the
    end."""
    hub.page = 3
    kinds = ["cut", "wrong total", "no content range", "gzip", "labelled gzip", "web page"]
    hub.faults.add(
        *(Fault("hub", "status", "/tree/", status=status) for status in (500, 503)),
        *(Fault("hub", "status", "/resolve/", status=status) for status in (502, 503, 504)),
        Fault("hub", "other commit", "/resolve/"),
        *(Fault("cdn", "status", status=status) for status in (500, 503, 408)),
        *(Fault("cdn", kind, after=100_000) for kind in kinds),  # type: ignore[arg-type]
    )
    await with_hub.copied(NUMBERS, here(tmp_path / "out"))
    assert tree(tmp_path / "out") == content(hub)
    token_only_at_the_hub(hub)


async def test_urls_that_end(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """Signed URLs that storage refuses in the middle and between parts are asked for anew; what had arrived is
    not fetched again."""
    hub.faults.add(*(Fault("cdn", "later 403", after=2 * MIB, skip=skip) for skip in (0, 1, 2)))
    await with_hub.copied(NUMBERS, here(tmp_path / "out"), connections=2, part_size=8 * MIB)
    assert tree(tmp_path / "out") == content(hub)
    resolved = [request for request in hub.asked("hub", "/resolve/") if "large" in request.path]
    assert 2 <= len(resolved) <= 8


async def test_quota_is_obeyed_before_it_is_used_up(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """A hundred files on a quota of forty in three seconds: not one request is refused."""
    files: dict[str, File | bytes] = {f"{number:03}.txt": b"%d" % number for number in range(100)}
    hub.add("models", "acme/many", files)
    hub.windows["resolvers"] = (40, 3.0)
    await with_hub.copied(repo("acme/many"), here(tmp_path / "out"), workers=4)
    assert len(tree(tmp_path / "out")) == 100
    assert hub.overdrawn == 0
    assert len(hub.asked("hub", "/resolve/")) == 100


async def test_429_all_the_same(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """A Hub that refuses with a pause: it is kept, and no file fails."""
    hub.faults.add(Fault("hub", "status", status=429, times=2, headers={"Retry-After": "1"}))
    hub.faults.add(Fault("hub", "status", "/resolve/", status=429, times=3, headers={"Retry-After": "1"}))
    await with_hub.copied(NUMBERS, here(tmp_path / "out"))
    assert tree(tmp_path / "out") == content(hub)


@pytest.mark.parametrize("name", ["data/large.bin", "data/edge.bin", "data/one.csv"])
async def test_same_size_corruption(with_hub: Haulier, hub: FakeHub, tmp_path: Path, name: str) -> None:
    """A wrong byte of a file in LFS (large and small) and of one in git is found by its digest, and the file is
    fetched again; nothing wrong ever gets its final name."""
    digest = content(hub)[name]
    lfs = name.endswith(".bin")
    hub.faults.add(Fault("cdn" if lfs else "hub", "corrupt", digest if lfs else "resolve-cache"))
    view = await with_hub.copied(repo("datasets/acme/numbers", name), here(tmp_path / "out"))
    assert sha256(tmp_path / "out") == digest
    (item,) = await with_hub.items(view.id)
    assert item.proof in ("sha256", "git-sha1")


@pytest.mark.parametrize("name", ["data/large.bin", "data/one.csv"])
async def test_corruption_on_the_way_to_s3(
    with_hub: Haulier, hub: FakeHub, bucket: str, moto_server: S3Server, name: str
) -> None:
    """The digest is made while the parts go by: a wrong byte never becomes an object, the file goes again."""
    await with_hub.save(connection_of(moto_server))
    digest = content(hub)[name]
    lfs = name.endswith(".bin")
    hub.faults.add(Fault("cdn" if lfs else "hub", "corrupt", digest if lfs else "resolve-cache"))
    view = await with_hub.copied(repo("datasets/acme/numbers", name), at(moto_server, bucket, "x/"))
    assert list(digests(moto_server, bucket, "x/").values()) == [digest]
    (item,) = await with_hub.items(view.id)
    assert item.proof in ("sha256", "git-sha1")
    assert not unfinished_uploads(moto_server, bucket)


async def test_corrupt_for_good(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """A file that never comes right fails and is not there; the others arrive."""
    digest = content(hub)["data/edge.bin"]
    hub.faults.add(Fault("cdn", "corrupt", digest, times=99))
    job = (await with_hub.submit(NUMBERS, here(tmp_path / "out"))).id
    await with_hub.ends(job, JobState.PARTIAL)
    ((name, why),) = await with_hub.errors(job)
    assert name == "data/edge.bin"
    assert "sha256" in why.lower() or "digest" in why.lower()
    expected = content(hub)
    del expected["data/edge.bin"]
    assert tree(tmp_path / "out") == expected


# ---------------------------------------------------------------- hostile listings


async def test_names_outside(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """A listing that names `../x` and its like: told, nothing is written outside, the rest goes on."""
    row = {"type": "file", "oid": "0" * 40, "size": 3}
    bad = ["../x", "/etc/x", "a/../../x", "C:\\x", "a//b", "nul\0"]
    hub.repos["datasets", "acme/numbers"].raw_rows += [{**row, "path": path} for path in bad]
    job = (await with_hub.submit(NUMBERS, here(tmp_path / "deep/out"))).id
    view = await with_hub.reaches(job, lambda view: view.state.is_final, "the end")
    assert tree(tmp_path / "deep") == {f"out/{path}": digest for path, digest in content(hub).items()}
    assert view.plan is not None
    told = " ".join(view.plan.warnings) + str(view.plan.cannot_reasons)
    items = [item for item in await with_hub.items(job) if item.action is Action.CANNOT]
    assert len(items) == len(bad) or all(path.split("\0")[0] in told for path in bad), (told, items)
    assert view.state is JobState.PARTIAL


async def test_mirror(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """A mirror whose next links name another Hub: all pages are asked from the mirror. Bytes that come from
    another host are counted there."""
    hub.page = 2
    with fake_hub() as official:
        official.add("datasets", "acme/numbers", FILES)
        hub.next_links = official.endpoint
        hub.storage = official.storage
        view = await with_hub.copied(NUMBERS, here(tmp_path / "out"))
        assert view.state is JobState.COMPLETED
        assert tree(tmp_path / "out") == content(hub)
        assert not official.asked("hub")
        assert official.asked("cdn")
        assert not [one for one in official.asked("cdn") if "authorization" in one.headers]


async def test_renamed(with_hub: Haulier, hub: FakeHub, tmp_path: Path) -> None:
    """A repository that has another name now is found by its old one."""
    hub.renamed["datasets", "acme/figures"] = "acme/numbers"
    await with_hub.copied(repo("datasets/acme/figures"), here(tmp_path / "out"))
    assert tree(tmp_path / "out") == content(hub)
    token_only_at_the_hub(hub)


# ---------------------------------------------------------------- refusals, as people see them


@pytest.fixture
def program(tmp_path: Path, isolated_home: Path, hub: FakeHub) -> Iterator[Program]:
    """The program, for which `hf://` is the fake Hub."""
    hub.add("models", "acme/secret", {"a": b"private"}, private=True)
    hub.add("models", "acme/terms", {"a": b"gated"}, gated=True)
    hub.add("models", "acme/closed", {"a": b"disabled"}, disabled=True)
    program = Program(tmp_path)
    program.extra |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf")}
    yield program
    program("engine", "stop")


@pytest.mark.parametrize(
    ("place", "token", "code", "words"),
    [
        ("hf://acme/none", TOKEN, 2, "no such repository"),
        ("hf://acme/secret", "", 2, "private"),
        ("hf://acme/terms", "", 4, "accept the terms"),
        ("hf://acme/closed", TOKEN, 4, "disabled"),
        ("hf://acme/terms", "hf_wrong", 4, "refuses the token"),
        ("hf://datasets/acme/numbers@none", TOKEN, 2, "no such branch"),
        ("hf://a--b", TOKEN, 2, "not allowed"),
        ("hf://datasets/acme/numbers/none/", TOKEN, 2, "no such"),
    ],
)
def test_refusals(program: Program, place: str, token: str, code: int, words: str) -> None:
    """The job stops with plain words and the promised exit code; nothing is written."""
    program.extra["HF_TOKEN"] = token
    done = program("copy", place, "out", "--retry", "0.1x2")
    assert done.code == code, done
    assert words in done.err, done
    assert "Traceback" not in done.err
    assert not (program.cwd / "out").exists() or not any((program.cwd / "out").iterdir())


def test_with_a_token_of_the_environment(program: Program, hub: FakeHub) -> None:
    """HF_TOKEN opens what is private and gated, and is written down nowhere."""
    program.extra["HF_TOKEN"] = TOKEN
    program.ok("copy", "hf://acme/secret", "secret")
    program.ok("copy", "hf://acme/terms", "terms")
    program.ok("copy", "hf://datasets/acme/numbers", "numbers")
    assert (program.cwd / "secret/a").read_bytes() == b"private"
    assert (program.cwd / "terms/a").read_bytes() == b"gated"
    assert tree(program.cwd / "numbers") == content(hub)
    token_only_at_the_hub(hub)
    nowhere_at_rest(program.cwd)
    nowhere_at_rest(Path(program.environment["HOME"]))


def test_goes_on_once_the_token_is_right(program: Program, hub: FakeHub, token_file: Path) -> None:
    """A job that stopped because of its token goes on when the file holds another one."""
    token_file.write_text("hf_wrong")
    program.extra["HF_TOKEN_PATH"] = str(token_file)
    assert program("copy", "hf://acme/secret", "out").code == 4
    token_file.write_text(TOKEN)
    program.ok("resume", "1")
    program.ok("watch", "1")
    assert (program.cwd / "out/a").read_bytes() == b"private"
