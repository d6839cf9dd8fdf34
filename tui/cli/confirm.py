"""The typed YES: anything else is no, and keys hit before the question do not count."""

from __future__ import annotations

import asyncio
import os
import sys
import termios

from core.safe_text import safe_text
from tui.cli.interrupts import Interrupts
from tui.cli.output import Output

WORD = "YES"


def can_ask() -> bool:
    """Whether a person sees the question and can answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def ask(output: Output, question: str, stop: Interrupts) -> bool:
    """Whether exactly YES was typed. Ctrl+C and the end of input are no."""
    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    output.err.write(f"{safe_text(question)}\nType {WORD} to go on, anything else to leave: ")
    output.err.flush()
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        if not answer.done():
            answer.set_result(os.read(sys.stdin.fileno(), 4096))

    loop.add_reader(sys.stdin.fileno(), read)
    stopping = asyncio.create_task(stop.asked())
    # A signal answers in the person's place: with nothing, which is no.
    stopping.add_done_callback(lambda _: None if answer.done() else answer.set_result(b""))
    try:
        typed = await answer
    finally:
        loop.remove_reader(sys.stdin.fileno())
        stopping.cancel()
    if not typed.endswith(b"\n"):
        output.say("")
    return typed.removesuffix(b"\n") == WORD.encode()
