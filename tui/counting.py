"""Counting what lies in places while a person looks at the list: few at once, wanted ones first, stoppable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from core.errors import HaulierError
from core.messages import Analyse, Measure, Measured
from core.model import Analysis, Tally

AT_ONCE = 2
QUICK = 20.0  # seconds for a first answer
THOROUGH = 300.0  # seconds for a marked one whose first answer was only a lower bound
WORDS_FOR_TROUBLE = 3


@dataclass(frozen=True)
class Measurement:
    """What is known of a place's content."""

    total: Tally = field(default_factory=Tally)
    complete: bool = False
    trouble: str = ""  # why it could not be counted, in a word or two

    @property
    def known(self) -> bool:
        """Whether there is a number to show, if only a lower bound."""
        return not self.trouble and (self.complete or self.total.count > 0)


Question = Measure | Analyse
Q = TypeVar("Q", Measure, Question)
A = TypeVar("A", Measured, Measured | Analysis)


class Counter(Generic[Q, A]):
    """Decides which of the names is counted next and keeps the answers. The screen runs what `next_up` names.

    `question` makes the command that counts a name within so many seconds."""

    def __init__(self, question: Callable[[str, float], Q]) -> None:
        self._question: Callable[[str, float], Q] = question
        self.measured: dict[str, Measurement] = {}
        self.version = 0  # rises with every change that is worth drawing
        self._thorough: set[str] = set()
        self._running: set[str] = set()

    @property
    def running(self) -> frozenset[str]:
        return frozenset(self._running)

    def next_up(self, marked: Iterable[str], visible: Iterable[str]) -> str | None:
        """The next one worth counting, taken; None when enough are under way or nothing is left."""
        if len(self._running) >= AT_ONCE:
            return None
        name = self._wanted(tuple(marked), visible)
        if name is not None:
            self._running.add(name)
            self.version += 1
        return name

    def _wanted(self, marked: tuple[str, ...], visible: Iterable[str]) -> str | None:
        for name in (*marked, *visible):
            if name not in self.measured and name not in self._running:
                return name
        for name in marked:
            known = self.measured.get(name)
            again = known is not None and not known.complete and not known.trouble
            if again and name not in self._thorough and name not in self._running:
                return name
        return None

    async def count(self, name: str, call: Callable[[Q], Awaitable[A]]) -> None:
        """Count one that `next_up` gave. Never raises HaulierError: the trouble is an answer too."""
        again = name in self.measured
        if again:
            self._thorough.add(name)
        try:
            answer = await call(self._question(name, THOROUGH if again else QUICK))
            if answer.complete:
                self._thorough.add(name)
            self.measured[name] = Measurement(answer.total, answer.complete)
        except HaulierError as error:
            self.measured[name] = Measurement(trouble=short_trouble(error.message))
        finally:
            self._running.discard(name)
            self.version += 1

    def forget(self) -> None:
        """Count everything anew."""
        self.measured.clear()
        self.version += 1
        self._thorough.clear()


def short_trouble(message: str) -> str:
    """The code of a server's refusal when there is one (AccessDenied), else the first words. Not safe yet."""
    for word in message.replace(":", " ").replace(",", " ").split():
        bare = word.strip("().“”\"'")
        if bare.isalnum() and any(char.isupper() for char in bare[1:]) and any(char.islower() for char in bare):
            return bare
    return " ".join(message.split()[:WORDS_FOR_TROUBLE])
