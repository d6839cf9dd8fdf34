"""The fake Hub is one for the official client: whatever the other tests prove, they prove of such a Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fake_hub import FakeHub, File
from tests.fake_hub.xet import upload
from tests.paths.driving import noise
from tests.stores.hub.conftest import BIG, SMALL, TOKEN

PROGRAM = """
import json, sys
from pathlib import Path
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub import errors

home = Path(sys.argv[1])
api = HfApi()
told = {}
data = snapshot_download("acme/numbers", repo_type="dataset", local_dir=home / "data", max_workers=2)
model = snapshot_download("gpt2")
told["cached"] = {p.name: p.stat().st_size for p in Path(model).rglob("*") if p.is_file()}
rows = api.list_repo_tree("acme/many", repo_type="dataset", recursive=True)
told["many"] = [row.path for row in rows]
tagged = {"repo_type": "dataset", "revision": "v1/with+slash", "cache_dir": home / "c"}
one = hf_hub_download("acme/numbers", "data/one.csv", **tagged)
told["one"] = Path(one).read_text()
info = api.get_paths_info("acme/numbers", ["data/big.bin", "data", "none"], repo_type="dataset")
told["info"] = [[row.path, getattr(getattr(row, "lfs", None), "sha256", "")] for row in info]
told["who"] = api.whoami()["name"]
api.auth_check("acme/terms")
told["found"] = [row.id for row in api.list_datasets(search="MANY")]
told["renamed"] = api.repo_info("openai/gpt2").id
told["refusals"] = []
calls = [
    lambda: api.repo_info("acme/none"),
    lambda: api.repo_info("acme/closed"),
    lambda: api.repo_info("gpt2", revision="none"),
    lambda: hf_hub_download("gpt2", "none"),
    lambda: HfApi(token="hf_stranger").auth_check("acme/terms"),
    lambda: HfApi(token="hf_stranger").repo_info("acme/secret"),
]
for call in calls:
    try:
        call()
    except Exception as error:
        told["refusals"].append(type(error).__name__)
if hasattr(api, "verify_repo_checksums"):
    checked = api.verify_repo_checksums("acme/numbers", repo_type="dataset", local_dir=home / "data")
    told["checked"] = [checked.checked_count, len(checked.mismatches), len(checked.missing_paths)]
print(json.dumps(told))
"""


def test_official_client(hub: FakeHub, tmp_path: Path) -> None:
    """Downloads, listings by pages, single files, access checks and refusals of the official client all
    work, the bytes are the same, and its token is never seen at the storage port."""
    hub.page = 100
    hub.renamed["models", "openai/gpt2"] = "gpt2"
    told = json.loads(run(hub, tmp_path, sys.executable, "-c", PROGRAM, str(tmp_path)))
    held = hub.repos["datasets", "acme/numbers"]
    for path, file in held.commits[held.refs["main"]].items():
        assert (tmp_path / "data" / path).read_bytes() == file.data
    assert told["cached"] == {"config.json": 2, "model.safetensors": 1000}
    assert len([path for path in told["many"] if path.endswith(".bin")]) == 250
    assert told["many"][-1] == "zz/last"
    assert told["one"] == SMALL.decode()
    assert sorted(told["info"]) == [["data", ""], ["data/big.bin", hub_sha256(hub)]]
    assert told["who"] == "ada"
    assert told["found"] == ["acme/many"]
    assert told["renamed"] == "gpt2"
    assert told["refusals"] == [
        "RepositoryNotFoundError",
        "DisabledRepoError",
        "RevisionNotFoundError",
        "RemoteEntryNotFoundError",
        "GatedRepoError",
        "RepositoryNotFoundError",
    ]
    if "checked" in told:
        assert told["checked"] == [6, 0, 0]
    no_token_at_storage(hub)


def test_official_command(hub: FakeHub, tmp_path: Path) -> None:
    """`hf download` fetches a dataset, with patterns, at a revision, and a space; `hf cache verify` finds every
    file right, and a changed one wrong."""
    data, some, space = (tmp_path / name for name in ("data", "some", "space"))
    kind = ("--repo-type", "dataset")
    hf(hub, tmp_path, "download", "acme/numbers", *kind, "--local-dir", str(data))
    held = hub.repos["datasets", "acme/numbers"]
    files = held.commits[held.refs["main"]]
    assert files_in(data) == {path: file.data for path, file in files.items()}
    patterns = ("--include", "data/*", "--exclude", "*.bin", "--revision", "v1/with+slash")
    hf(hub, tmp_path, "download", "acme/numbers", *kind, *patterns, "--local-dir", str(some))
    assert set(files_in(some)) == {"data/one.csv", "data/deep/two & ü#1?.csv"}
    hf(hub, tmp_path, "download", "acme/demo", "--repo-type", "space", "--local-dir", str(space))
    assert files_in(space) == {"app.py": b"print()"}
    no_token_at_storage(hub)
    verify = ("cache", "verify", "acme/numbers", *kind, "--local-dir", str(data), "--fail-on-missing-files")
    hf(hub, tmp_path, *verify)
    (data / "data/one.csv").write_bytes(SMALL[::-1])
    with pytest.raises(AssertionError):
        hf(hub, tmp_path, *verify)


def test_official_xet(hub: FakeHub, tmp_path: Path) -> None:
    """The client's own Xet way takes the file from the local store, and nothing from the storage port."""
    store = tmp_path / "store"
    content = noise(2_000_000)
    hub.xet_store = f"local://{store}"
    hub.add("models", "acme/xet", {"a.bin": File(content, lfs=True, xet=upload(store, content))})
    hf(hub, tmp_path, "download", "acme/xet", "--local-dir", str(tmp_path / "a"), HF_HUB_DISABLE_XET="0")
    del hub.repos["models", "acme/xet"]
    hub.xet_store = ""
    assert files_in(tmp_path / "a") == {"a.bin": content}
    assert hub.asked("hub", "/xet-read-token/")
    assert not hub.asked("cdn")


def hf(hub: FakeHub, folder: Path, *words: str, **settings: str) -> str:
    """The official command, which must end well."""
    return run(hub, folder, str(Path(sys.executable).with_name("hf")), *words, **settings)


def run(hub: FakeHub, folder: Path, *command: str, **more: str) -> str:
    """Run to the end, which must be a good one; what it said."""
    settings = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(folder / "home"),
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "*",
        **more,
    }
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def files_in(folder: Path) -> dict[str, bytes]:
    """What was downloaded, without what the client keeps for itself."""
    return {
        name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not (name := path.relative_to(folder).as_posix()).startswith(".cache/")
    }


def no_token_at_storage(hub: FakeHub) -> None:
    assert hub.asked("cdn"), "nothing came from the storage port"
    assert not [request for request in hub.asked("cdn") if "authorization" in request.headers]
    assert [
        request for request in hub.asked("hub") if request.headers.get("authorization") == f"Bearer {TOKEN}"
    ]


def hub_sha256(hub: FakeHub) -> str:
    held = hub.repos["datasets", "acme/numbers"]
    file = held.commits[held.refs["main"]]["data/big.bin"]
    assert file.data == BIG
    return file.sha256
