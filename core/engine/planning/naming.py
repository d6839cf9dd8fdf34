"""What the choice of names means for one route: paths at a target folder, keys of a source folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

from core.engine.planning.escaping import original
from core.engine.planning.extracted import ExtractedFolders
from core.engine.planning.listing import Pages
from core.engine.planning.restoring import RestoredKeys
from core.engine.planning.route import Route
from core.engine.planning.target_names import TargetNames
from core.engine.storebook import Store
from core.filters import Filters
from core.model import JobKind, JobSpec
from core.stores.local import LocalFolder
from core.stores.local.rules import FolderRules


class Naming:
    """`target_names` when the target is a folder, `extracted` when archives are extracted there. Names of a
    source folder are read as escaped when escaping was chosen and they go where keys are, not into another
    folder."""

    def __init__(
        self,
        spec: JobSpec,
        route: Route,
        target: Store,
        rules_of: Callable[[Path], FolderRules],
        warn: Callable[[str], None],
    ) -> None:
        """`rules_of` is asked about a target folder only where it matters: it may try names there."""
        self._escapes = spec.options.names == "escape"
        self.target_names: TargetNames | None = None
        if isinstance(target, LocalFolder):
            matters = self._escapes or spec.kind is not JobKind.VERIFY
            rules = rules_of(target.root) if matters else FolderRules()
            if rules.rewrites:
                warn(f"{route.target}: the file system keeps names in another Unicode form than they are given")
            removes = spec.kind is JobKind.SYNC and spec.options.delete
            self.target_names = TargetNames(target.root, rules, escapes=self._escapes, yields=removes)
        self.extracted: ExtractedFolders | None = None
        if (
            isinstance(target, LocalFolder)
            and self.target_names is not None
            and spec.options.extract
            and spec.kind is not JobKind.VERIFY
        ):
            self.extracted = ExtractedFolders(target.root, self.target_names.rules)
        self._restored: RestoredKeys | None = None
        if self._escapes and route.source.kind == "local" and route.target.kind != "local":
            self._restored = RestoredKeys()
        self._is_filled = False

    def keys(self, pages: Callable[[], Pages]) -> Pages:
        """The source's entries by their keys. `pages` lists them."""
        if self._restored is None:
            return pages()
        if not self._is_filled:
            self._restored.fill(chain.from_iterable(pages()))
            self._is_filled = True
        return self._restored.pages()

    def path_of(self, key: str) -> str:
        """Where the file of a key is in the source folder, "" when it bears the key's name."""
        return self._restored.path_of(key) if self._restored is not None else ""

    def unlisted(self, found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """What the listing of the source could not offer, by keys."""
        if self._restored is None:
            return list(found)
        return [(original(path), why) for path, why in found] + self._restored.twins

    @property
    def lists_again(self) -> bool:
        """Whether asking for the keys a second time lists the source a second time."""
        return self._restored is None

    def wants(self, filters: Filters, name: str) -> bool:
        """Of what only the target has: with escaped names both its name and its key must be wanted."""
        return filters.wants(name) and (not self._escapes or filters.wants(original(name)))

    def is_used(self, path: str) -> bool:
        """Whether a file that only the target lists stands for a key of the source all the same."""
        return self.target_names is not None and self.target_names.is_used(path)

    def close(self) -> None:
        for each in (self.target_names, self.extracted, self._restored):
            if each is not None:
                each.close()
