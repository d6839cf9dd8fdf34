"""The typed YES, and the second word where much is deleted: anything else is no, and keys hit before the
question do not count."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from argparse import Namespace
from typing import NamedTuple

from core.errors import Code, HaulierError
from core.model import PlanSummary
from core.safe_text import safe_text
from core.units import format_count
from tui.cli.interrupts import Interrupts
from tui.cli.output import Output
from tui.cli.plan_text import share_deleted

WORD = "YES"


class Confirmed(NamedTuple):
    """What was typed, for StartJob."""

    confirm: str = ""
    confirm_delete: str = ""


def refuse_other_words(chosen: Namespace) -> None:
    """Before anything is planned: raises HaulierError for a --confirm that confirms nothing."""
    if chosen.confirm not in (None, WORD):
        raise not_confirmed(f"{safe_text(chosen.confirm)!r} does not confirm anything")


def not_confirmed(message: str) -> HaulierError:
    return HaulierError(Code.REFUSED, message, f"Only {WORD}, in capitals, does; in a script: --confirm {WORD}")


async def confirmed(output: Output, chosen: Namespace, plan: PlanSummary, stop: Interrupts) -> Confirmed:
    """What the plan needs, from the flags or from the person. Raises HaulierError (refused) for no."""
    if not plan.needs_confirmation:
        return Confirmed()
    if chosen.confirm is None and not (can_ask() and await _ask_for_yes(output, plan, stop)):
        raise not_confirmed("The plan was not confirmed; nothing was changed")
    return Confirmed(WORD, await _second_word(output, chosen, plan, stop))


async def _ask_for_yes(output: Output, plan: PlanSummary, stop: Interrupts) -> bool:
    question = "This changes what is there."
    if plan.delete.count:
        question = f"This deletes {share_deleted(plan)}."
    return await ask(output, f"{question}\nType {WORD} to go on, anything else to leave: ", WORD, stop)


async def _second_word(output: Output, chosen: Namespace, plan: PlanSummary, stop: Interrupts) -> str:
    given, count = getattr(chosen, "confirm_delete", None), plan.delete.count
    if given is not None and given != count:
        raise HaulierError(
            Code.REFUSED,
            f"--confirm-delete {given}, but the plan deletes {format_count(count)}; nothing was changed",
            "look at the plan again: haulier plan --delete …",
        )
    if not plan.delete_word or given is not None:
        return plan.delete_word
    question = (
        f"That is much: {plan.delete_why}.\nType {plan.delete_word} to delete them, anything else to leave: "
    )
    if can_ask() and await ask(output, question, plan.delete_word, stop):
        return plan.delete_word
    raise HaulierError(
        Code.REFUSED,
        f"The plan deletes {format_count(count)} objects and was not confirmed a second time "
        f"({safe_text(plan.delete_why)}); nothing was changed",
        f"Only {plan.delete_word} does; in a script: --confirm {WORD} --confirm-delete {count}",
    )


def can_ask() -> bool:
    """Whether a person sees the question and can answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def ask(output: Output, question: str, word: str, stop: Interrupts) -> bool:
    """Whether exactly `word` was typed. Ctrl+C and the end of input are no."""
    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    *lines, last = question.split("\n")
    for line in lines:
        output.err.write(f"{safe_text(line)}\n")
    output.err.write(f"{safe_text(last.rstrip())} ")
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
    return typed.removesuffix(b"\n") == word.encode()
