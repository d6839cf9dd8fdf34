"""Unfinished multipart uploads at a place: listed by pages, and removed when somebody says so.

Parts of an upload that was never completed cost money and are in no listing of objects ("Aborting a multipart
upload", Amazon S3 User Guide). Only those that were named one by one are removed, and none that a job of this
engine goes on with. Blocking; called in threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from core.engine.journal.upload_rows import UploadRows
from core.engine.looking import as_refusal
from core.engine.storebook import StoreBook
from core.errors import Code, HaulierError, StageLost, TransferError
from core.messages import CleanedUploads, CleanUploads, ListUploads, UploadId, UploadPage, UploadView
from core.model import Adhoc, Place
from core.safe_text import safe_text
from core.stores.s3 import S3Bucket, Upload
from core.stores.s3.unfinished import page

AT_ONCE = 8  # requests
MOST = 1000  # in one page or one order to clean
TOLD = 100  # failures that are named


class Uploads:
    """Errors of stores become HaulierError, as in `looking.py`."""

    def __init__(self, rows: UploadRows, stores: StoreBook) -> None:
        self._rows, self._stores = rows, stores

    def list(self, command: ListUploads) -> UploadPage:
        """A page may hold fewer than were asked for, even none, and not be the last."""
        bucket = self._bucket(command.place, command.adhoc)
        path = command.place.path
        limit = max(1, min(command.limit, MOST))
        try:
            found, cursor = page(bucket.service.control, bucket.name, path, command.cursor, limit)
        except TransferError as error:
            raise as_refusal(error) from error
        if not command.place.is_folder:  # one key, or a folder that was written without its slash
            found = [each for each in found if each.key == path or each.key.startswith(f"{path}/")]
        known = self._rows.known()
        leaving = {left.token for left in self._rows.leftovers()}
        views = [_view(each, known, leaving) for each in found]
        if command.measure > 0:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                measured = pool.map(lambda view: _measured(bucket, view), views[: command.measure])
                views[: command.measure] = list(measured)
        return UploadPage(uploads=tuple(views), cursor=cursor)

    def clean(self, command: CleanUploads) -> CleanedUploads:
        """Raises HaulierError: refused without YES, usage for too many at once."""
        if command.confirm != "YES":
            raise HaulierError(
                Code.REFUSED,
                "removing unfinished uploads was not confirmed",
                "type YES, in capitals (on the command line --confirm YES)",
            )
        if len(command.uploads) > MOST:
            raise HaulierError(Code.USAGE, f"at most {MOST} unfinished uploads are removed at once")
        bucket = self._bucket(command.place, command.adhoc)
        known = self._rows.known()
        free = [each for each in command.uploads if not known.get(each.token, (0, False))[1]]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            troubles = list(pool.map(lambda each: self._abort(bucket, each), free))
        failed = [(each.key, why) for each, why in zip(free, troubles, strict=True) if why]
        return CleanedUploads(
            aborted=len(free) - len(failed),
            kept=len(command.uploads) - len(free),
            failed=tuple(failed[:TOLD]),
            failures=len(failed),
        )

    def _abort(self, bucket: S3Bucket, upload: UploadId) -> str:
        try:
            bucket.abort(upload.key, upload.token)
        except TransferError as error:
            return safe_text(error.message) or "failed"
        self._rows.gone(upload.token)
        return ""

    def _bucket(self, place: Place, adhoc: Adhoc) -> S3Bucket:
        if place.kind != "s3":
            raise HaulierError(
                Code.USAGE, f"{place}: only S3 has unfinished uploads", "name a place as NAME:bucket/prefix"
            )
        if not place.bucket:
            raise HaulierError(Code.USAGE, f"{place}: name a bucket")
        return self._stores.service(place.connection, adhoc).bucket(place.bucket)


def _view(upload: Upload, known: dict[str, tuple[int, bool]], leaving: set[str]) -> UploadView:
    job, in_use = known.get(upload.token, (0, False))
    return UploadView(
        id=UploadId(key=upload.key, token=upload.token),
        begun=upload.started,
        storage_class=upload.storage_class,
        job=job,
        in_use=in_use,
        leaving=upload.token in leaving,
    )


def _measured(bucket: S3Bucket, view: UploadView) -> UploadView:
    """With its parts and bytes; as it was when they cannot be told."""
    try:
        parts = bucket.staged_parts(view.id.key, view.id.token)
    except (StageLost, TransferError):
        return view
    return UploadView(
        id=view.id,
        begun=view.begun,
        storage_class=view.storage_class,
        parts=len(parts),
        bytes=sum(part.size for part in parts),
        job=view.job,
        in_use=view.in_use,
        leaving=view.leaving,
    )
