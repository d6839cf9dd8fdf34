"""The stores under test: each is empty and used by one test only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.stores.local import LocalFolder
from core.stores.s3 import S3Service
from tests.conformance.subject import Subject
from tests.servers import S3Server

SERVERS = ["moto", "rclone", "versitygw"]


def on_server(request: pytest.FixtureRequest, name: str) -> Iterator[Subject]:
    server: S3Server = request.getfixturevalue(f"{name}_server")
    service = S3Service(server.connection(), server.keys_for)
    yield Subject(name, service.bucket(server.new_bucket()), server)
    service.close()


@pytest.fixture(params=["local", *SERVERS])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """Every store in turn."""
    if request.param == "local":
        root = tmp_path / "root"
        root.mkdir()
        yield Subject("local", LocalFolder(root))
        return
    yield from on_server(request, request.param)


@pytest.fixture(params=SERVERS)
def s3(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Every S3 server in turn, for what only S3 stores can do."""
    yield from on_server(request, request.param)
