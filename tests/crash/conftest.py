from __future__ import annotations

import pytest

from tests.servers import S3Server


@pytest.fixture
def bucket(moto_server: S3Server) -> str:
    return moto_server.new_bucket()
