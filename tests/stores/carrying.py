"""One exchange over a line, carried by hand, as the pump carries many."""

from __future__ import annotations

import selectors
import time

from core.engine.network.line import RECEIVE, Line, LineBroken, open_line
from core.errors import NetworkTrouble
from core.stores.exchange import Answer, Ask


def carried(ask: Ask, line: Line | None = None, seconds: float = 10.0) -> Answer:
    """The answer, over a new line or one that is there. Raises Odd, NetworkTrouble."""
    own = line is None
    line = line or open_line(ask.origin)
    buffer = memoryview(bytearray(RECEIVE))
    until = time.monotonic() + seconds
    try:
        with selectors.DefaultSelector() as selector:
            line.begin(ask)
            while time.monotonic() < until:
                key = selector.register(line.socket, line.waits_for)
                selector.select(0.2)
                selector.unregister(key.fileobj)
                if (answer := line.go_on(buffer)) is not None:
                    return answer
    except LineBroken as broken:
        raise NetworkTrouble(str(broken)) from broken
    finally:
        if own:
            line.close()
    raise AssertionError(f"no answer in {seconds} s")
