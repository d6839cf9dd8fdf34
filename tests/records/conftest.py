"""The engine and the bucket of the tests in tests/paths."""

from tests.paths.conftest import bucket, haulier

__all__ = ["bucket", "haulier"]
