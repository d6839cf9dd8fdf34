"""One fake Hub for each module; faults, quotas and the log are cleared for each test."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from core.stores.hub import HubService, Token
from tests.fake_hub import Account, FakeHub, File, fake_hub

TOKEN = "hf_example"
DATA = "datasets/acme/numbers"
BIG = bytes(range(256)) * 4096  # 1 MiB, in LFS
SMALL = b"name,value\none,1\n"


@pytest.fixture(autouse=True)
def no_hub_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def running() -> Iterator[FakeHub]:
    with fake_hub() as hub:
        hub.accounts[TOKEN] = Account("ada", frozenset({"acme/secret"}), frozenset({"acme/terms"}))
        hub.accounts["hf_stranger"] = Account("bob")
        repo = hub.add("datasets", "acme/numbers")
        files: dict[str, File | bytes] = {
            "README.md": b"# Numbers\n",
            "data/big.bin": File(BIG, lfs=True),
            "data/one.csv": SMALL,
            "data/deep/two & ü#1?.csv": b"two",
            "empty.txt": b"",
            "page.html": b"<html>a page of the repository</html>",
        }
        repo.commit(files, "main", "v1/with+slash")
        hub.add("models", "gpt2", {"config.json": b"{}", "model.safetensors": File(BIG[:1000], lfs=True)})
        hub.add("spaces", "acme/demo", {"app.py": b"print()"})
        hub.add("models", "acme/secret", {"a": b"private"}, private=True)
        hub.add("models", "acme/terms", {"a": b"gated"}, gated=True)
        hub.add("models", "acme/closed", {"a": b"disabled"}, disabled=True)
        many = {f"part/{number:04}.bin": b"%d" % number for number in range(250)}
        hub.add("datasets", "acme/many", {**many, "zz/last": b"!"})
        yield hub


@pytest.fixture
def hub(running: FakeHub) -> Iterator[FakeHub]:
    yield running
    running.faults.clear()
    running.quota.clear()
    running.renamed.clear()
    running.page, running.url_seconds = 1000, 3600
    running.log.clear()


@pytest.fixture
def service(hub: FakeHub) -> Iterator[HubService]:
    """With a token, and a stall time for the impatient."""
    service = HubService(hub.endpoint, lambda: Token(TOKEN), stall=1.0)
    yield service
    service.close()


@pytest.fixture
def stranger(hub: FakeHub) -> Iterator[HubService]:
    """Without a token."""
    service = HubService(hub.endpoint)
    yield service
    service.close()


@pytest.fixture
def going() -> threading.Event:
    """Never set."""
    return threading.Event()
