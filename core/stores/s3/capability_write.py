"""What a service can do, found out with one hidden object: only where a person asked for a write test.

Everything happens under one random key, which is removed whatever comes in between, with its unfinished
uploads and, in a bucket that keeps versions, with every version that was made. What could not be removed is
named. Sources: "PutObject", "CopyObject", "UploadPartCopy", "DeleteObject", "DeleteObjects" in the Amazon S3
API reference.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from awscrt.checksums import crc32c, crc64nvme
from botocore.exceptions import BotoCoreError

from core.capability_card import CapabilityCard, ChecksumFact
from core.stores.s3.capability import ALGORITHMS, NO_SUCH_VERSION, ask, seen_of_object

CONTENT = b"Written by haulier to test a connection. It may be deleted.\n"
_META = "haulier-test"
_CLEANING_TRIES = 3


class LeftBehind(Exception):
    """The hidden object (or an upload of it) could not be removed; the text says why, as the server did."""


class HiddenObject:
    """One object of our own at a random key."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket
        self.key = f".haulier-connection-test-{secrets.token_hex(8)}"
        self._name = {"Bucket": bucket, "Key": self.key}
        self._uploads: list[str] = []
        self.written = False  # whether a request to write got through

    # ------------------------------------------------------------ the write test

    def write(self) -> None:
        """Put it there. Raises what boto3 raises."""
        self._client.put_object(**self._name, Body=CONTENT, Metadata={_META: "x"})
        self.written = True

    def read(self) -> bytes:
        """Raises what boto3 raises."""
        body: bytes = self._client.get_object(**self._name)["Body"].read()
        return body

    def remove(self) -> None:
        """Take away everything that was made. Raises LeftBehind."""
        trouble = ""
        for _ in range(_CLEANING_TRIES):
            trouble = self._remove_once()
            if not trouble:
                return
        raise LeftBehind(trouble)

    def _remove_once(self) -> str:
        try:
            for upload in list(self._uploads):
                gone = ask(lambda: self._client.abort_multipart_upload(**self._name, UploadId=upload))  # noqa: B023
                if gone.ok or gone.status == 404:
                    self._uploads.remove(upload)
            gone = ask(lambda: self._client.delete_object(**self._name))
            if not gone.ok and gone.status != 404:
                return f"{gone.status} {gone.code}".strip()
            if "x-amz-version-id" in gone.headers or "x-amz-delete-marker" in gone.headers:
                self._remove_versions()
            there = ask(lambda: self._client.head_object(**self._name))
        except BotoCoreError as error:
            return str(error)
        if self._uploads:
            return "its unfinished upload stays"
        return "" if there.status == 404 else f"it is still there ({there.status})"

    def _remove_versions(self) -> None:
        """A delete leaves a marker and all versions in a bucket that keeps them."""
        found = ask(lambda: self._client.list_object_versions(Bucket=self.bucket, Prefix=self.key))
        for kind in ("Versions", "DeleteMarkers"):
            for each in found.body.get(kind, []):
                if each["Key"] == self.key:
                    version = each["VersionId"]
                    ask(lambda: self._client.delete_object(**self._name, VersionId=version))  # noqa: B023

    # ------------------------------------------------------------ the questions

    def probe(self, card: CapabilityCard) -> CapabilityCard:
        """Ask what needs writing; the object must have been written. A question that fails leaves its fact
        unknown. Raises BotoCoreError when the way to the server broke."""
        for question in (
            self._ask_reading,
            self._ask_tags,
            self._ask_md5,
            self._ask_checksums,
            self._ask_copy,
            self._ask_part_copy,
            self._ask_multipart,
            self._ask_conditional_delete,
            self._ask_multi_delete,
        ):
            card = question(card)
        return msgspec.structs.replace(card, written=time.time())

    def _ask_reading(self, card: CapabilityCard) -> CapabilityCard:
        card = seen_of_object(card, self._client, self.bucket, self.key, len(CONTENT))
        head = ask(lambda: self._client.head_object(**self._name))
        names = [str(name) for name in head.body.get("Metadata", {})]
        if not any(name.lower() == _META for name in names):
            return card
        return msgspec.structs.replace(card, metadata_case="kept" if _META in names else "changed")

    def _ask_tags(self, card: CapabilityCard) -> CapabilityCard:
        tags = {"TagSet": [{"Key": "haulier", "Value": "test"}]}
        if not ask(lambda: self._client.put_object_tagging(**self._name, Tagging=tags)).ok:
            return card
        head = ask(lambda: self._client.head_object(**self._name))
        return msgspec.structs.replace(card, tag_count="x-amz-tagging-count" in head.headers)

    def _ask_md5(self, card: CapabilityCard) -> CapabilityCard:
        wrong = base64.b64encode(bytes(16)).decode()
        checked = self._put(ContentMD5=wrong).refused_value
        return card if checked is None else msgspec.structs.replace(card, content_md5=checked)

    def _ask_checksums(self, card: CapabilityCard) -> CapabilityCard:
        facts = {each.algorithm: each for each in card.checksums}
        for algorithm, argument in ALGORITHMS.items():
            right = checksum(algorithm, CONTENT)
            put = self._put(**{argument: right})
            # A server that does not know the algorithm says so in many ways; what it took is what counts.
            accepted = True if put.ok else False if 400 <= put.status < 500 or put.not_offered else None
            echoed = checked = None
            if accepted:
                head = ask(lambda: self._client.head_object(**self._name, ChecksumMode="ENABLED"))
                echoed = head.body.get(argument) == right if head.ok else None
                checked = self._put(**{argument: checksum(algorithm, b"other")}).refused_value
            old = facts.get(algorithm, ChecksumFact(algorithm=algorithm))
            facts[algorithm] = ChecksumFact(
                algorithm=algorithm,
                accepted=old.accepted if accepted is None else accepted,
                checked=old.checked if checked is None else checked,
                echoed=old.echoed if echoed is None else echoed,
            )
        return msgspec.structs.replace(card, checksums=tuple(facts.values()))

    def _ask_copy(self, card: CapabilityCard) -> CapabilityCard:
        """Onto itself, which S3 allows when something else changes with it."""
        done = ask(
            lambda: self._client.copy_object(
                **self._name, CopySource=self._name, MetadataDirective="REPLACE", Metadata={_META: "y"}
            )
        )
        return card if done.can is None else msgspec.structs.replace(card, copy=done.can)

    def _ask_part_copy(self, card: CapabilityCard) -> CapabilityCard:
        with self._upload() as upload:
            if not upload:
                return card
            name = {**self._name, "UploadId": upload, "PartNumber": 1}
            copied = ask(lambda: self._client.upload_part_copy(**name, CopySource=self._name))
        if copied.can is None:
            return card
        etag = str(copied.body.get("CopyPartResult", {}).get("ETag", "")).strip('"')
        return msgspec.structs.replace(
            card, part_copy=copied.can, part_copy_etag=bool(etag) if copied.ok else None
        )

    def _ask_multipart(self, card: CapabilityCard) -> CapabilityCard:
        with self._upload() as upload:
            if not upload:
                return card
            name = {**self._name, "UploadId": upload}
            sent = ask(lambda: self._client.upload_part(**name, PartNumber=1, Body=CONTENT))
            parts = {"Parts": [{"PartNumber": 1, "ETag": str(sent.body.get("ETag", ""))}]}
            if not sent.ok:
                return card
            done = ask(lambda: self._client.complete_multipart_upload(**name, MultipartUpload=parts))
            if not done.ok:
                return card
            self._uploads.remove(upload)
        head = ask(lambda: self._client.head_object(**self._name))
        etag = str(head.body.get("ETag", "")).strip('"')
        return msgspec.structs.replace(card, composite_etag=etag.endswith("-1")) if etag else card

    def _ask_conditional_delete(self, card: CapabilityCard) -> CapabilityCard:
        wrong = ask(lambda: self._client.delete_object(**self._name, IfMatch=NO_SUCH_VERSION))
        honoured = False if wrong.not_offered else wrong.refused_value
        if honoured is None:
            return card
        # A condition that is refused as such (400, 501) is no condition that is kept.
        return msgspec.structs.replace(card, conditional_delete=honoured and wrong.status == 412)

    def _ask_multi_delete(self, card: CapabilityCard) -> CapabilityCard:
        answer = ask(
            lambda: self._client.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": self.key}]})
        )
        can = answer.can
        if answer.ok:
            can = any(each.get("Key") == self.key for each in answer.body.get("Deleted", []))
        return card if can is None else msgspec.structs.replace(card, multi_delete=can)

    def _put(self, **more: Any) -> Any:
        return ask(lambda: self._client.put_object(**self._name, Body=CONTENT, **more))

    @contextmanager
    def _upload(self) -> Iterator[str]:
        """An upload of the hidden object, aborted unless it was completed; empty where there are none."""
        begun = ask(lambda: self._client.create_multipart_upload(**self._name))
        upload = str(begun.body.get("UploadId", "")) if begun.ok else ""
        if upload:
            self._uploads.append(upload)
        try:
            yield upload
        finally:
            if upload in self._uploads:
                gone = ask(lambda: self._client.abort_multipart_upload(**self._name, UploadId=upload))
                if gone.ok or gone.status == 404:
                    self._uploads.remove(upload)


def locked_on_arrival(client: Any, bucket: str) -> bool:
    """Whether the bucket's object lock would keep a written object from being removed again."""
    answer = ask(lambda: client.get_object_lock_configuration(Bucket=bucket))
    rule = answer.body.get("ObjectLockConfiguration", {}).get("Rule", {}) if answer.ok else {}
    return bool(rule.get("DefaultRetention"))


def checksum(algorithm: str, data: bytes) -> str:
    """In the form of the x-amz-checksum headers: base64 of the big-endian bytes."""
    makers: dict[str, Callable[[], bytes]] = {
        "crc64nvme": lambda: int(crc64nvme(data)).to_bytes(8, "big"),
        "crc32c": lambda: int(crc32c(data)).to_bytes(4, "big"),
        "sha256": lambda: hashlib.sha256(data).digest(),
    }
    return base64.b64encode(makers[algorithm]()).decode()
