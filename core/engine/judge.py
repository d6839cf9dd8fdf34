"""One entry of the source against what the target has under its name: copy, overwrite, leave, or cannot."""

from __future__ import annotations

import msgspec

from core.engine.compare import Decision, FileFolderClash, Sameness
from core.engine.content import same_content
from core.engine.route import Route
from core.engine.storebook import Store
from core.model import Action, Entry, JobKind, JobSpec
from core.stores.local import LocalFolder, name_problem

ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
MAX_KEY = 1024  # bytes of UTF-8 (S3 User Guide, "Naming Amazon S3 objects")


def is_folder_marker(entry: Entry) -> bool:
    """An object that only says that a folder exists, as consoles make them."""
    return entry.key.endswith("/") and entry.size == 0


class Judge:
    """For one route: of two names that clash, the second is judged by the first."""

    def __init__(self, spec: JobSpec, route: Route, source: Store, target: Store) -> None:
        self._spec = spec
        self._route = route
        self._source, self._target = source, target
        self._sameness = Sameness(spec.options.compare, self._same_content)
        self._clashes = FileFolderClash()
        self._to_local = isinstance(target, LocalFolder)

    def decide(self, mine: Entry, theirs: Entry | None) -> Decision:
        if theirs is None and self._folder_is_there(mine):
            return Decision(None, mine, "a folder that is there")
        if self._spec.kind is JobKind.VERIFY:
            if theirs is None:
                return Decision(Action.CANNOT, mine, "missing at the target")
            if mine.size != theirs.size:
                return Decision(Action.CANNOT, mine, f"sizes differ: {mine.size} and {theirs.size} bytes")
            return Decision(Action.VERIFY, mine)
        if mine.size < self._spec.options.skip_smaller_than:
            return Decision(None, mine, "smaller than asked for")
        problem = self._problem(mine)
        if problem:
            return Decision(Action.CANNOT, mine, problem)
        if theirs is None:
            return Decision(Action.COPY, mine)
        why = self._sameness.why_same(mine, theirs)
        return Decision(None, mine, why) if why else Decision(Action.OVERWRITE, mine)

    def _folder_is_there(self, mine: Entry) -> bool:
        """A folder marker (`x/`, no bytes) is done where a file system has the folder."""
        target = self._target
        return (
            isinstance(target, LocalFolder)
            and is_folder_marker(mine)
            and not name_problem(self._route.target_key(mine.key))
            and (target.root / self._route.target_key(mine.key)).is_dir()
        )

    def _problem(self, mine: Entry) -> str:
        if mine.storage_class in ARCHIVED:
            return f"archived ({mine.storage_class}), must be restored first"
        if not self._to_local:
            key = self._route.target_key(mine.key)
            return f"key longer than {MAX_KEY} bytes" if len(key.encode()) > MAX_KEY else ""
        problem = name_problem(self._route.target_key(mine.key))
        if problem:
            return f"not possible as a file name: {problem}"
        if mine.key.endswith("/") and mine.size:
            return "a folder's name with content in it"
        clash = self._clashes.clash(mine.key)
        return "a file and a folder at once" if clash else ""

    def _same_content(self, mine: Entry, theirs: Entry) -> bool | None:
        route = self._route
        source_entry = msgspec.structs.replace(mine, key=route.source_key(mine.key))
        target_entry = msgspec.structs.replace(theirs, key=route.target_key(theirs.key))
        return same_content(self._source, source_entry, self._target, target_entry).equal
