"""A Hugging Face Hub on this machine: the Hub on one port, its storage (the CDN) on another.

What it answers is what the official client needs; `tests/stores/hub/test_official_client.py` runs that client
against it. Faults are scripted with `Fault`, requests are kept in `FakeHub.log`.
"""

from tests.fake_hub.faults import Fault
from tests.fake_hub.made import Made
from tests.fake_hub.repos import Account, File, Repo
from tests.fake_hub.server import fake_hub
from tests.fake_hub.state import FakeHub, Request

__all__ = ["Account", "FakeHub", "Fault", "File", "Made", "Repo", "Request", "fake_hub"]
