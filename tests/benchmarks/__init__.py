"""Measurements against other movers on the same server, in turn. Not part of the test run."""
