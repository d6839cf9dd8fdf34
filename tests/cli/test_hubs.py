"""Hub connections, kept repositories and the system check of places at Hubs, from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.program import Program
from tests.fake_hub import Account, FakeHub, File, fake_hub

TOKEN = "hf_S3cretTokenOfAda"
NUMBERS = "hf://datasets/acme/numbers"


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with fake_hub() as hub:
        hub.accounts[TOKEN] = Account("ada", frozenset({"acme/secret"}))
        files: dict[str, File | bytes] = {"a.csv": b"1,2\n", "big.bin": File(bytes(range(250)) * 400, lfs=True)}
        hub.add("datasets", "acme/numbers", files, downloads=12)
        hub.add("models", "gpt2", {"config.json": b"{}"})
        hub.add("datasets", "acme/secret", {"a": b"private"}, private=True)
        hub.add("models", "acme/terms", {"a": b"gated"}, gated=True)
        yield hub


@pytest.fixture
def with_hub(haulier: Program, hub: FakeHub) -> FakeHub:
    """`hf://` of the program means the fake Hub, without a token."""
    hub.log.clear()
    haulier.extra["HF_ENDPOINT"] = hub.endpoint
    return hub


# ---------------------------------------------------------------- repositories


def test_keeping_repositories(haulier: Program, with_hub: FakeHub) -> None:
    """Add looks first and says what it is; list shows them with the place to write; remove lets go."""
    added = haulier.ok("repos", "add", "acme/numbers", "--dataset", "--description", "for the course", "--json")
    repo = with_hub.repos["datasets", "acme/numbers"]
    assert added.last["commit"] == repo.sha_of("main")
    assert (added.last["kind"], added.last["place"], added.last["access"]) == ("datasets", NUMBERS, "")
    assert "model gpt2, at commit" in haulier.ok("repos", "add", "gpt2").err
    listed = haulier.ok("repos", "list", "--json").records
    assert [(each["id"], each["description"]) for each in listed] == [
        ("acme/numbers", "for the course"),
        ("gpt2", ""),
    ]
    assert NUMBERS in haulier.ok("repos").out
    names = [each["key"] for each in haulier.ok("ls", listed[0]["place"], "--recursive", "--json").records]
    assert names == ["a.csv", "big.bin"]
    haulier.ok("repos", "remove", "gpt2")
    assert [each["id"] for each in haulier.ok("repos", "list", "--json").records] == ["acme/numbers"]
    assert haulier("repos", "remove", "gpt2").code == 2


def test_the_other_ways_to_write_one(haulier: Program, with_hub: FakeHub) -> None:
    """The place's own form says kind and revision."""
    haulier.ok("repos", "add", f"{NUMBERS}@main", "--json")
    kept = haulier.ok("repos", "list", "--json").last
    assert (kept["id"], kept["kind"], kept["revision"]) == ("acme/numbers", "datasets", "main")
    assert haulier("repos", "add", "datasets/acme/numbers", "--space").code == 2
    assert haulier("repos", "add", f"{NUMBERS}/a.csv").code == 2


def test_repositories_that_are_not_there(haulier: Program, with_hub: FakeHub) -> None:
    """Missing ones are kept if nobody is asked, gated ones with what to do; bad ids are refused."""
    missing = haulier("repos", "add", "acme/none")
    assert missing.code == 2
    assert "no such repository" in missing.err
    assert "Traceback" not in missing.err
    gated = haulier.ok("repos", "add", "acme/terms")
    assert "accept the terms" in gated.err
    haulier.ok("repos", "add", "acme/none", "--unchecked")
    revision = haulier("repos", "add", "gpt2", "--revision", "v9")
    assert revision.code == 2
    assert "no such branch" in revision.err
    for bad in ("a/b/c/d", "../x", "org/na me", "-x", "org/x.git"):
        refused = haulier("repos", "add", "--unchecked", "--", bad)
        assert refused.code == 2, refused
    assert [each["id"] for each in haulier.ok("repos", "list", "--json").records] == ["acme/none", "acme/terms"]


def test_search(haulier: Program, with_hub: FakeHub) -> None:
    """What the Hub finds, datasets unless another kind is named; nothing found is no error."""
    found = haulier.ok("repos", "search", "acme", "--json").records
    assert [(each["id"], each["downloads"]) for each in found] == [("acme/numbers", 12)]
    assert "gpt2" in haulier.ok("repos", "search", "gpt", "--model").out
    assert "finds no datasets" in haulier.ok("repos", "search", "zzz").err
    assert haulier("repos", "search", "x", "--connection", "nowhere").code == 2


def test_a_token_that_is_refused(haulier: Program, with_hub: FakeHub) -> None:
    """Plain words and the code for what can be mended; the token is not repeated."""
    haulier.extra["HF_TOKEN"] = "hf_of_nobody_at_all"
    refused = haulier("repos", "add", "gpt2")
    assert refused.code == 4
    assert "refuses the token" in refused.err
    assert "hf_of_nobody" not in refused.err + refused.out


# ---------------------------------------------------------------- connections


def test_a_connection_with_a_typed_token(haulier: Program, hub: FakeHub) -> None:
    """Tested, kept in memory where there is no keyring, shown without its token, used and edited."""
    add = ("connections", "add", "h", "--hub", "--endpoint", hub.endpoint, "--secret-stdin", "--memory")
    added = haulier.ok(*add, "--repo", "datasets/acme/secret", stdin=f"{TOKEN}\n")
    assert "ada" in added.err
    shown = haulier.ok("connections", "show", "h").out
    assert re.search(r"kind +Hub", shown)
    assert "region" not in shown
    listed = next(
        each for each in haulier.ok("connections", "list", "--json").records if each.get("name") == "h"
    )
    assert (listed["kind"], listed["keys"], listed["tested"] != "") == ("hub", "engine's memory", True)
    haulier.ok("repos", "add", "acme/secret", "--dataset", "--connection", "h")
    assert "h:datasets/acme/secret" in haulier.ok("repos", "list").out
    haulier.ok("connections", "edit", "h", "--anonymous")
    closed = haulier("connections", "test", "h", "--repo", "datasets/acme/secret")
    assert closed.code == 4
    assert "private" in closed.err
    assert haulier("connections", "edit", "h", "--region", "eu-west-1").code == 2


def test_the_token_of_the_hubs_own_tools(haulier: Program, hub: FakeHub, isolated_home: Path) -> None:
    """It is referred to where it lies, once; without one the way out is told."""
    none = haulier("connections", "import", "hub")
    assert none.code == 2
    assert "hf auth login" in none.err
    file = isolated_home / ".cache/huggingface/token"
    file.parent.mkdir(parents=True)
    file.write_text(TOKEN)
    haulier.extra["HF_ENDPOINT"] = hub.endpoint
    assert "Made: hub" in haulier.ok("connections", "import", "hub").err
    assert "already" in haulier.ok("connections", "import", "hub").err
    assert "ada" in haulier.ok("connections", "test", "hub").err
    assert str(file) in haulier.ok("connections", "show", "hub").out


@pytest.mark.parametrize(
    "wrong",
    [
        ("--hub", "--profile", "p"),
        ("--hub", "--access-key-id", "A"),
        ("--hub", "--chain"),
        ("--hub", "--anonymous", "--region", "eu-west-1"),
        ("--hub", "--anonymous", "--endpoint", "huggingface.co"),
        ("--hub", "--anonymous", "--proxy", "socks5://proxy.example:1080"),
        ("--hub", "--anonymous", "--proxy", "http://me:hunter22@proxy.example:3128"),
        ("--hub", "--secret-stdin"),
        ("--hub",),
        ("--token-file", "/token"),
    ],
)
def test_what_is_no_hub_connection(haulier: Program, wrong: tuple[str, ...]) -> None:
    """Wrong usage, told in one line, without a traceback or a password."""
    refused = haulier("connections", "add", "h", *wrong)
    assert refused.code == 2, refused
    assert "haulier:" in refused.err
    assert "Traceback" not in refused.err
    assert "hunter22" not in refused.err + refused.out


# ---------------------------------------------------------------- system check


def test_check_of_several_places(haulier: Program, with_hub: FakeHub, tmp_path: Path) -> None:
    """A repository, a URL, a list and a folder in one go: what is of this machine is told once."""
    numbers = tmp_path / "urls.txt"
    url = f"{with_hub.endpoint}/datasets/acme/numbers/resolve/main/a.csv"
    numbers.write_text(f"{url}\nnot a url at all\n")
    places = (NUMBERS, url, f"list:{numbers}", "new/folder")
    checked = haulier("check", *places, "--size", "1MiB", "--json")
    assert checked.code == 0, checked
    by_place: dict[str, dict[str, str]] = {}
    for line in checked.records[:-1]:
        by_place.setdefault(line["place"], {})[line["name"]] = line["level"]
    assert by_place[NUMBERS] == dict.fromkeys(("reach", "clock", "token", "list", "read"), "ok")
    assert by_place[url] == dict.fromkeys(("reach", "clock", "read"), "ok")
    assert by_place[f"list:{numbers}"]["list"] == "warn"
    assert by_place[f"list:{numbers}"]["read"] == "ok"
    assert by_place[str(tmp_path / "new/folder")]["write"] == "ok"
    assert {"journal", "cpu", "memory", "open files"} == by_place[""].keys()
    assert sum(line.get("name") == "memory" for line in checked.records) == 1
    assert re.search(r"reach .*answers in [\d.]+ ms", haulier.ok("check", NUMBERS).out)
    assert checked.last["places"] == [NUMBERS, url, f"list:{numbers}", str(tmp_path / "new/folder")]


def test_check_of_what_is_not_there(haulier: Program, with_hub: FakeHub, tmp_path: Path) -> None:
    """Exit code 3, with what is wrong: a missing repository, a missing file, a list that is none."""
    for place in ("hf://acme/none", f"{with_hub.endpoint}/nothing", f"list:{tmp_path}/none.txt"):
        failed = haulier("check", place)
        assert failed.code == 3, failed
        assert "✗" in failed.out


# ---------------------------------------------------------------- the token


def test_the_token_is_nowhere(haulier: Program, with_hub: FakeHub, tmp_path: Path, isolated_home: Path) -> None:
    """After it was used from the environment, typed, and refused: not in any file that the program wrote, nor
    in the arguments, the environment or the output of the engine; and the storage port never saw it."""
    haulier.extra["HF_TOKEN"] = TOKEN
    outputs = [
        haulier.ok("copy", NUMBERS, "out/", "-v"),
        haulier.ok("repos", "add", "acme/secret", "--dataset"),
    ]
    outputs.append(haulier("copy", "hf://datasets/acme/none", "out/", "-v"))
    add = ("connections", "add", "h", "--hub", "--endpoint", with_hub.endpoint, "--secret-stdin", "--memory")
    outputs.append(haulier.ok(*add, stdin=f"{TOKEN}\n"))
    outputs.append(haulier.ok("copy", "h:datasets/acme/secret", "out2/"))
    outputs += [haulier.ok("engine", "logs", "-n", "1000"), haulier.ok("connections", "list", "--json")]
    assert [request for request in with_hub.asked("hub") if TOKEN in str(request.headers)]
    assert with_hub.asked("cdn")
    assert not [request for request in with_hub.asked("cdn") if "authorization" in request.headers]
    engine = psutil.Process(json.loads(haulier.ok("engine", "status", "--json").out.splitlines()[-1])["pid"])
    secret = TOKEN.encode()
    assert secret not in "\0".join(engine.cmdline()).encode()
    assert secret not in Path(f"/proc/{engine.pid}/environ").read_bytes()
    assert not [each for each in outputs if TOKEN in each.out + each.err]
    written = [path for root in (tmp_path, isolated_home) for path in root.rglob("*") if path.is_file()]
    assert [path for path in written if path.name == "journal.sqlite3"]
    assert [path for path in written if path.name == "connections.json"]
    assert [path for path in written if path.name == "engine.log"]
    assert not [path for path in written if secret in path.read_bytes()]
