"""The real engine, open to a tracer of the same user: `python -m tests.crash.traced …`.

The engine closes its memory to other processes of its user; a tracer that is not root could not read what it
writes then. Nothing else is different.
"""

from __future__ import annotations

import core.daemon

if __name__ == "__main__":
    core.daemon.protect_memory = lambda: None
    core.daemon.main()
