"""From places as they were written to routes: object or folder, which prefix, by which method."""

from __future__ import annotations

from pathlib import Path

from core.engine.planning.route import Route
from core.engine.storebook import StoreBook
from core.errors import Code, HaulierError, NotFound
from core.model import JobKind, JobSpec, Method, Pair, Place
from core.stores.hub import HubRepo
from core.stores.hub.names import MAIN
from core.stores.s3 import S3Bucket
from core.stores.web.names import name_of


class Resolver:
    """Asks the stores what each pair of a spec really means."""

    def __init__(self, spec: JobSpec, stores: StoreBook) -> None:
        self._spec = spec
        self._stores = stores

    def route(self, pair: Pair) -> Route:
        """Raises TransferError (source missing, no permission) or HaulierError."""
        source, target = pair.source, pair.target
        commit = ""
        if source.kind == "hub":
            commit = self._pin(source)
            source_root, source_prefix, single = self._in_repo(source, commit)
        else:
            source_root, source_prefix, single = self._source(source)
        target_root, target_prefix, target_name = self._target(target, single)
        creates = False
        if target.kind == "s3":
            service = self._stores.service(target.connection, self._spec.adhoc)
            creates = not service.has_bucket(target.bucket)
            if creates and self._spec.kind is JobKind.VERIFY:
                raise NotFound(f"there is no bucket {target.bucket} at {target.connection}")
        return Route(
            source=source,
            target=target,
            source_root=source_root,
            target_root=target_root,
            source_prefix=source_prefix,
            target_prefix=target_prefix,
            single=single,
            target_name=target_name,
            method=self._method(source, target),
            creates_bucket=creates,
            commit=commit,
        )

    def _pin(self, source: Place) -> str:
        """The commit that everything is read at. Raises FatalTrouble when its files may not be read."""
        repo = self._hub(source)
        pinned = repo.resolve()
        if pinned.disabled or pinned.gated:
            repo.check_access()
        return pinned.commit

    def _in_repo(self, source: Place, commit: str) -> tuple[str, str, str]:
        if source.is_folder:
            return "", source.path, ""
        repo = self._hub(source, commit)
        return self._object_or_folder(source, repo)

    def _hub(self, source: Place, commit: str = "") -> HubRepo:
        hub = self._stores.hub(source.connection, self._spec.adhoc)
        return hub.repo(source.bucket, source.revision or MAIN, commit=commit)

    def _source(self, source: Place) -> tuple[str, str, str]:
        """(local root, prefix, name of a single object)."""
        if source.kind == "local":
            path = Path(source.path)
            if path.is_file():
                return str(path.parent), "", path.name
            if not path.is_dir():
                raise NotFound(f"{source.path}: no such file or folder")
            return str(path), "", ""
        if source.kind == "web":
            if not (name := name_of(source.url)):
                raise HaulierError(Code.USAGE, f"{source}: names no file", "End the URL with a file's name.")
            return "", "", name
        if source.kind == "list":
            return "", "", ""
        if source.kind == "disk":
            return source.path, "", ""
        bucket = self._stores.service(source.connection, self._spec.adhoc).bucket(source.bucket)
        if source.is_folder:
            return "", source.path, ""
        return self._object_or_folder(source, bucket)

    def _object_or_folder(self, source: Place, store: S3Bucket | HubRepo) -> tuple[str, str, str]:
        try:
            store.stat(source.path)
        except NotFound:
            if not _has_below(store, source.path + "/"):
                raise NotFound(f"{source}: no such file, and nothing below it") from None
            return "", source.path + "/", ""
        above, slash, name = source.path.rpartition("/")
        return "", above + slash, name

    def _target(self, target: Place, single: str) -> tuple[str, str, str]:
        """(local root, prefix, another name for a single object)."""
        if target.kind == "local":
            path = Path(target.path)
            if single and not target.is_folder and not path.is_dir():
                return str(path.parent), "", "" if path.name == single else path.name
            if path.exists() and not path.is_dir():
                raise NotFound(f"{target.path}: is a file, not a folder")
            return str(path), "", ""
        if target.is_folder:
            return "", target.path, ""
        if single:
            above, slash, name = target.path.rpartition("/")
            return "", above + slash, "" if name == single else name
        return "", target.path + "/", ""

    def _method(self, source: Place, target: Place) -> Method:
        if self._spec.kind is JobKind.VERIFY:
            return "verify"
        match (source.kind, target.kind):
            case ("local", "local"):
                return "local"
            case (_, "local"):
                return "download"
            case ("local", _):
                return "upload"
            case ("hub" | "web" | "list", _):
                return "relay"
        here = self._stores.service(target.connection, self._spec.adhoc)
        same = here.same_service(self._stores.service(source.connection, self._spec.adhoc))
        card = self._stores.card(target, self._spec.adhoc)
        copies = card is None or card.copy is not False  # known from its capability card
        return "server side" if same and copies and self._spec.options.server_side else "relay"


def _has_below(store: S3Bucket | HubRepo, prefix: str) -> bool:
    try:
        return bool(store.level(prefix, cursor="", limit=1)[0])
    except NotFound:  # a Hub's word for no such folder
        return False
