"""One entry of the source against what the target has under its name: copy, overwrite, leave, or cannot."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.engine.moving.travelling import MADE_OF
from core.engine.planning.compare import (
    NO_TIME,
    SAME_CONTENT,
    SAME_TIME,
    Decision,
    Question,
    Sameness,
    same_time,
)
from core.engine.planning.extracted import EXTRACTED, ExtractedFolders
from core.engine.planning.route import Route
from core.engine.planning.target_names import TargetNames
from core.engine.proving.content import same_content
from core.engine.proving.proof import named_digest
from core.engine.storebook import SourceStore, Store
from core.errors import FileTrouble, SourceChanged
from core.model import UNSIZED, Action, Compare, Entry, JobKind, JobSpec
from core.stores.base import CancelFlag, KeepsTimes
from core.stores.local import LocalFolder
from core.units import format_bytes

ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
MAX_KEY = 1024  # bytes of UTF-8 (S3 User Guide, "Naming Amazon S3 objects")


def is_folder_marker(entry: Entry) -> bool:
    """An object that only says that a folder exists, as consoles make them."""
    return entry.key.endswith("/") and entry.size == 0


class Judge:
    """For one route. `consider` is asked in the plan's order: of two names that clash, the second is judged by
    the first. `answer` may be asked in any order, by several threads."""

    def __init__(
        self,
        spec: JobSpec,
        route: Route,
        source: SourceStore,
        target: Store,
        cancelled: CancelFlag,
        names: TargetNames | None = None,
        path_of: Callable[[str], str] = lambda _name: "",
        extracted: ExtractedFolders | None = None,
    ) -> None:
        """`names` when the target is a folder; `path_of` tells where a name is in a source folder whose names
        are escaped, "" for under its own name; `extracted` when archives are extracted."""
        self._extracted = extracted
        self._spec = spec
        self._how = Compare(spec.options.compare)
        self._route = route
        self._source, self._target = source, target
        self._cancelled = cancelled
        self._names = names
        self._path_of = path_of
        self._step = names.rules.time_step if names is not None else 0.0
        self._sameness = Sameness(self._how, self._step)
        self._verifies = spec.kind is JobKind.VERIFY
        self._smallest = spec.options.skip_smaller_than
        self._largest = names.rules.max_file if names is not None else target.limits.max_size
        # A character is at most four bytes of UTF-8: shorter keys need not be encoded to know their length.
        self._surely_short = 0 if route.single else (MAX_KEY - len(route.target_prefix.encode())) // 4
        self._looks = self._how is Compare.CHECKSUM or any(
            isinstance(store, KeepsTimes) for store in (source, target)
        )

    def consider(self, mine: Entry, theirs: Entry | None) -> Decision | Question:
        """What to do, as far as listings and the target's disk tell it."""
        verifies = self._verifies
        if mine.size < self._smallest and mine.size != UNSIZED:
            return Decision(None, mine, "smaller than asked for")
        if not verifies and (problem := self._problem(mine)):
            return Decision(Action.CANNOT, mine, problem)
        path = self._path_of(mine.key)
        if self._names is not None:
            key = self._route.target_key(mine.key)
            placed = self._names.place(key, mine.size, listed=theirs is not None)
            if placed.problem and not verifies:
                return Decision(Action.CANNOT, mine, placed.problem, blocker=placed.blocker)
            if placed.path != key:
                path, theirs = placed.path, placed.found
            elif theirs is None:
                theirs = placed.found
            if placed.folder_is_there:
                return Decision(None, mine, "a folder that is there", path)
            if self._extracted is not None:
                if problem := self._extracted.problem(placed.path):
                    return Decision(Action.CANNOT, mine, problem)
                if theirs is None and self._extracted.is_there(placed.path):
                    return Decision(None, mine, EXTRACTED, path)
        if verifies:
            return _to_verify(mine, theirs, path)
        if theirs is None or self._spec.batches is not None:  # which disk has it, is for its batch to find out
            return self._to_move(Action.COPY, mine, path)
        why = self._sameness.at_sight(mine, theirs)
        if why is None and (self._looks or mine.size == UNSIZED or not mine.modified):
            return Question(mine, theirs, path)
        return self._left(mine, theirs, why, path) if why else self._to_move(Action.OVERWRITE, mine, path)

    def answer(self, question: Question) -> Decision:
        """Look closer: at the times that travel with objects, or at the content. What cannot be looked at is
        taken for different: moving it will tell why. Raises TransferError of the whole store."""
        path = question.path
        try:
            if question.mine.size == UNSIZED:
                question = self._sized(question)
            why = self._why_same(question)
        except (FileTrouble, SourceChanged):
            why = ""
        mine = question.mine
        if why:
            return self._left(mine, question.theirs, why, path)
        return self._to_move(Action.OVERWRITE, mine, path)

    def _left(self, mine: Entry, theirs: Entry, why: str, path: str) -> Decision:
        """The target has it already: left alone, or, of an archive without its folder, only extracted."""
        if self._extracted is not None and self._extracted.is_missing(self._route.target_key(mine.key, path)):
            return Decision(Action.COPY, mine, path=path, kept=theirs)
        return Decision(None, mine, why, path)

    def _sized(self, question: Question) -> Question:
        """With what the source tells of its entry when it is asked for this one."""
        mine = question.mine
        told = self._source.stat(self._route.source_entry(mine, question.path).key).entry
        return question._replace(mine=msgspec.structs.replace(told, key=mine.key, url=mine.url))

    def _why_same(self, question: Question) -> str:
        """The reason to skip in words, "" when it must be copied."""
        mine, theirs, _ = question
        why = self._sameness.at_sight(mine, theirs)
        if why is not None:
            return why
        if self._how is Compare.CHECKSUM:
            return SAME_CONTENT if self._same_content(question, read_both=True) else ""
        if mine.modified:
            return SAME_TIME if self._same_time(question) else ""
        if not mine.etag:
            return NO_TIME
        return (
            SAME_CONTENT if self._was_made_of(question) or self._same_content(question, read_both=False) else ""
        )

    def _was_made_of(self, question: Question) -> bool:
        """Whether an object at the target carries the record that it was made of just this content."""
        if self._names is not None or not named_digest(question.mine.etag)[0]:
            return False
        there = self._target.stat(self._route.target_key(question.mine.key, question.path))
        return there.metadata.user.get(MADE_OF) == question.mine.etag

    def _to_move(self, action: Action, mine: Entry, path: str) -> Decision:
        source = self._source
        if isinstance(source, LocalFolder):
            there = f"{source.root}/{self._route.source_key(mine.key, path)}"
            if not os.access(there, os.R_OK, effective_ids=True) and Path(there).exists():
                return Decision(Action.CANNOT, mine, "no permission to read it")
        return Decision(action, mine, path=path)

    def _problem(self, mine: Entry) -> str:
        if mine.storage_class in ARCHIVED:
            return f"archived ({mine.storage_class}), must be restored first"
        if self._names is None and self._is_too_long(mine.key):
            return f"key longer than {MAX_KEY} bytes"
        if mine.size > self._largest:
            return f"larger than the target takes ({format_bytes(self._largest)})"
        return ""

    def _is_too_long(self, name: str) -> bool:
        return len(name) > self._surely_short and len(self._route.target_key(name).encode()) > MAX_KEY

    def _same_time(self, question: Question) -> bool:
        """Whether both are of the same time where it travels with them. A listing shows when an object was
        uploaded; the time of the file it was made of is only told by looking at it."""
        mine, theirs, path = question
        ours = _kept_time(self._source, self._route.source_key(mine.key, path), mine)
        other = _kept_time(self._target, self._route.target_key(mine.key, path), theirs)
        return same_time(ours, other, self._step)

    def _same_content(self, question: Question, *, read_both: bool) -> bool:
        mine, theirs, path = question
        route = self._route
        source_entry = route.source_entry(mine, path)
        target_entry = msgspec.structs.replace(theirs, key=route.target_key(mine.key, path))
        verdict = same_content(
            self._source,
            source_entry,
            self._target,
            target_entry,
            read_both=read_both,
            cancelled=self._cancelled,
        )
        return bool(verdict.equal)


def _to_verify(mine: Entry, theirs: Entry | None, path: str) -> Decision:
    if theirs is None:
        return Decision(Action.CANNOT, mine, "missing at the target")
    if mine.size != theirs.size:
        return Decision(Action.CANNOT, mine, f"sizes differ: {mine.size} and {theirs.size} bytes")
    return Decision(Action.VERIFY, mine, path=path)


def _kept_time(store: SourceStore, key: str, entry: Entry) -> float:
    return store.kept_time(key) if isinstance(store, KeepsTimes) else entry.modified
