"""The Hugging Face Hub as a store to read from: `HubService` speaks for one Hub, `HubRepo` is one repository at
one commit (Source of core/stores/base.py)."""

from core.stores.hub.names import RepoName
from core.stores.hub.repo import HubRepo
from core.stores.hub.service import HubService
from core.stores.hub.tokens import Token

__all__ = ["HubRepo", "HubService", "RepoName", "Token"]
