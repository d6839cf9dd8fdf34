"""GetObjectTagging, only where there may be tags.

S3 counts an object's tags in x-amz-tagging-count of HEAD and GET and leaves the header out where there are
none, so that a server which counts cannot be told from one that does not, until it counts for the first time.
Until then each object costs one request; what was learnt holds for the whole service (abilities.py). A server
without tags is asked once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.errors import NetworkTrouble, NoPermission, NotFound, TransferError
from core.stores.base import ObjectInfo
from core.stores.s3.abilities import Abilities
from core.stores.s3.addressing import has_dot_segment
from core.stores.s3.answers import BadAnswer, feed, new_parser, plain_name
from core.stores.s3.control import Control
from core.stores.s3.errors import Doing, NotUnderstood
from core.stores.s3.wire import Wire, read_at_most

MAX_TAGS = 50  # S3 has 10
MAX_DOCUMENT = 64 * 1024  # bytes; `rclone serve s3` answers with the object itself, whatever its size


class Tagging:
    """Of one bucket. `wire` is asked for when it is needed. Called from many threads."""

    def __init__(self, bucket: str, wire: Callable[[], Wire], control: Control, abilities: Abilities) -> None:
        self._bucket = bucket
        self._wire = wire
        self._control = control
        self._abilities = abilities

    def tags_of(self, info: ObjectInfo) -> dict[str, str]:
        """See KeepsTags. Tags that may not be read are left out. Raises TransferError when the counted tags
        cannot be read for another reason."""
        if (tags := self.known(info)) is not None:
            return tags
        return self._read(info.entry.key) if info.tag_count else self._look_for(info.entry.key)

    def known(self, info: ObjectInfo) -> dict[str, str] | None:
        """An object's tags where they are known without asking; None where they are not."""
        abilities = self._abilities
        if info.tag_count:
            if not abilities.tag_count:
                abilities.learn("tag_count", able=True)
            return None
        if info.metadata.tags:
            return dict(info.metadata.tags)
        denied = abilities.tags is False or abilities.tags_denied
        if denied or abilities.tag_count or self._control.endpoint.is_of_aws:
            return {}
        return None

    def take(self, info: ObjectInfo, document: bytes) -> dict[str, str] | None:
        """The tags in an answer to `?tagging` that was asked for otherwise; None when it holds none that can be
        read."""
        try:
            tags = parse_tags(document)
        except BadAnswer:
            return None
        if tags:
            self._abilities.learn("tags", able=True)
            if not info.tag_count:
                self._abilities.learn("tag_count", able=False)
        return tags

    def _read(self, key: str) -> dict[str, str]:
        try:
            tags = self._ask(key)
        except NoPermission:
            return {}
        if self._abilities.tags is None:
            self._abilities.learn("tags", able=True)
        return tags

    def _look_for(self, key: str) -> dict[str, str]:
        """Ask for tags that may not be there, at a server that may not have them."""
        for last_try in (False, True):
            try:
                tags = self._ask(key)
            except NotFound:  # perhaps the object is gone by now: nothing is learnt
                return {}
            except NoPermission:  # there is no more to learn at the next object, for these credentials
                self._abilities.tags_denied = True
                return {}
            except NotUnderstood:  # Garage answers 501, `rclone serve s3` the object itself
                break
            except NetworkTrouble as error:
                # A server that knows of no tags may answer 500 without an error document.
                if self._abilities.tags or not says_nothing(error):
                    raise
                if last_try:
                    break
            else:
                if tags:
                    self._abilities.learn("tags", able=True)
                    self._abilities.learn("tag_count", able=False)
                return tags
        if self._abilities.tags is None:
            self._abilities.learn("tags", able=False)
        return {}

    def _ask(self, key: str) -> dict[str, str]:
        if has_dot_segment(key):
            return self._control.tags(self._bucket, key)
        doing = Doing("read tags of", self._bucket, key)
        with self._wire().stream(doing, query="tagging") as response:
            document = read_at_most(response, MAX_DOCUMENT)
        try:
            return parse_tags(document)
        except BadAnswer as error:
            raise NotUnderstood(f"{doing}: {error}") from None


def says_nothing(error: TransferError) -> bool:
    """Whether the server's refusal was a bare 500."""
    return error.message.rstrip().endswith(": 500")


def parse_tags(document: bytes) -> dict[str, str]:
    """The tags of a <Tagging> document. Raises BadAnswer."""
    found: dict[str, str] = {}
    tag: dict[str, str] = {}
    path: list[str] = []
    texts: list[str] = []

    def start(name: str, _attributes: dict[str, str]) -> None:
        path.append(plain_name(name))
        if len(path) > 8:
            raise BadAnswer("the answer is nested too deeply")
        texts.clear()

    def end(_name: str) -> None:
        name = path.pop()
        if path and path[-1] == "Tag":
            tag[name] = "".join(texts)
        elif name == "Tag":
            if "Key" in tag and len(found) < MAX_TAGS:
                found[tag["Key"]] = tag.get("Value", "")
            tag.clear()
        elif not path and name != "Tagging":
            raise BadAnswer("the answer is not a set of tags")
        texts.clear()

    parser: Any = new_parser()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = texts.append
    feed(parser, document, final=True)
    return found
