"""The program in a folder of its own; its engine is stopped after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.servers import S3Server


@pytest.fixture
def haulier(tmp_path: Path, isolated_home: Path) -> Iterator[Program]:
    program = Program(tmp_path)
    yield program
    program("engine", "stop")


@pytest.fixture
def with_s3(haulier: Program, moto_server: S3Server) -> S3Server:
    """`s3://` of the program means a moto server."""
    haulier.use_s3(moto_server)
    return moto_server
