"""The fake Hub is one for the official client: whatever the other tests prove, they prove of such a Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fake_hub import FakeHub
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
    settings = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "*",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], env=settings, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    held = hub.repos["datasets", "acme/numbers"]
    for path, file in held.commits[held.refs["main"]].items():
        assert (tmp_path / "data" / path).read_bytes() == file.data
    assert told["cached"] == {"config.json": 2, "model.safetensors": 1000}
    assert len([path for path in told["many"] if path.endswith(".bin")]) == 250
    assert told["many"][-1] == "zz/last"
    assert told["one"] == SMALL.decode()
    assert sorted(told["info"]) == [["data", ""], ["data/big.bin", hub_sha256(hub)]]
    assert told["who"] == "ada"
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
