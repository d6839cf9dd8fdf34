"""Trying a connection: what works, what does not, and what that means.

1. reach: the name, the port, TLS, an HTTP answer, and the two clocks (`connection_reach`).
2. sign: keys are there, and the server accepts a request signed with them.
3. list: all buckets; when the keys may not, the bucket that was named.
4. read: one byte of one object, where there is one.
5. write, only when asked: a small object with an unmistakable name, read back and deleted.

Everything runs in a daemon thread with a limit for the whole, because name lookups, credential programs and
servers that drip have no limit of their own.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from core.connection_advice import Trouble, explain, not_s3
from core.connection_reach import reach
from core.errors import TransferError
from core.messages import TestReport
from core.model import AnonymousCredentials, Check, Connection, SecretKeys
from core.safe_text import safe_text
from core.stores.s3.control import Control

R = TypeVar("R")

LIMIT = 15.0  # seconds for the whole test
_STEPS = ("reach", "clock", "sign", "list", "read", "write")
_SKEW_REFUSED = 15 * 60  # S3's own limit
_SKEW_SAID = 60
_ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
_PROBE = b"Written by haulier to test a connection. It may be deleted.\n"


def try_connection(
    connection: Connection,
    keys_for: Callable[[str], SecretKeys],
    write: bool = False,
    bucket: str = "",
    limit: float = LIMIT,
) -> TestReport:
    """Try `connection` (a checked one) and say what works, within `limit` seconds.

    `keys_for` gives the keys of a reference or raises BadCredentials. Never raises for what the other side
    does; the report's texts are safe to show. Without `write` nothing is changed anywhere.
    """
    trial = _Trial(
        connection, keys_for, bucket, ["reach", "sign", "list", "read", *(["write"] if write else [])]
    )
    thread = threading.Thread(target=trial.run, name="connection-trial", daemon=True)
    thread.start()
    thread.join(limit)
    return trial.report(finished=not thread.is_alive(), limit=limit)


class _Failed(Exception):
    """A request of the trial did not succeed."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.detail)
        self.trouble = trouble


class _Stop(Exception):
    """Why is said already; nothing after this step makes sense."""


class _Trial:
    """One test under way. Its thread fills it; `report` reads it, also when the thread did not come back."""

    def __init__(
        self, connection: Connection, keys_for: Callable[[str], SecretKeys], bucket: str, steps: list[str]
    ) -> None:
        self._connection = connection
        self._anonymous = isinstance(connection.credentials, AnonymousCredentials)
        self._control = Control(connection, keys_for)
        self._bucket = bucket
        self._named = bool(bucket)  # the first one found may be closed to these keys, and is never written to
        self._steps = steps
        self._lock = threading.Lock()
        self._closed = False
        self._checks: dict[str, Check] = {}
        self._advice: list[str] = []
        self._region = ""  # as the server tells it
        self._buckets: tuple[str, ...] = ()

    def run(self) -> None:
        try:
            client = self._sign_in()
            self._reach(client.meta.endpoint_url)
            self._list_buckets(client)
            if not self._bucket:
                self._say("read", None, "there is no bucket")
                self._say("write", None, "there is no bucket")
                return
            self._list_and_read(client)
            if "write" in self._steps:
                self._write(client)
        except _Stop:
            return

    def report(self, *, finished: bool, limit: float) -> TestReport:
        """The state as it is now; what comes later is dropped."""
        with self._lock:
            self._closed = True
            checks, advice = dict(self._checks), list(self._advice)
        if not finished:
            step = next((name for name in self._steps if name not in checks), self._steps[-1])
            checks[step] = Check(name=step, ok=False, detail=f"not finished within {limit:g} s")
            advice.append("The server, a name lookup or the program that gives the credentials is too slow.")
        for name in self._steps:
            checks.setdefault(name, Check(name=name, ok=None, detail="not tried"))
        return TestReport(
            checks=tuple(checks[name] for name in _STEPS if name in checks),
            ok=all(check.ok is not False for check in checks.values()),
            advice=" ".join(dict.fromkeys(advice)),
            region=safe_text(self._region, 40),
            buckets=self._buckets,
        )

    # ------------------------------------------------------------ the steps

    def _sign_in(self) -> Any:
        """A client of the control plane. Without one, whether the server can be reached is still told."""
        try:
            return self._ask("the credentials", self._control.client)
        except _Failed as failed:
            if self._connection.endpoint:
                self._reach(self._connection.endpoint)
            self._stop("sign", failed.trouble)

    def _reach(self, endpoint: str) -> None:
        contact = reach(endpoint, self._connection)
        unchecked = endpoint.startswith("https") and not self._connection.verify_tls
        warning = "; TLS checks are off, anybody could be answering" if unchecked else ""
        self._say("reach", contact.ok, contact.detail + warning, contact.advice)
        if contact.ok is False:
            raise _Stop
        skew = contact.skew or 0.0
        if abs(skew) > _SKEW_SAID:
            against = f"{abs(skew) / 60:.0f} min {'behind' if skew > 0 else 'ahead of'} the server's"
            self._say(
                "clock",
                abs(skew) < _SKEW_REFUSED,
                f"this machine's clock is {against}",
                "Set the clock of this machine (NTP); S3 accepts 15 minutes at most.",
            )

    def _list_buckets(self, client: Any) -> None:
        try:
            answer = self._ask("the list of buckets", client.list_buckets)
        except _Failed as failed:
            if failed.trouble.blame != "denied":
                self._stop("list", failed.trouble)
            self._accepted()
            if self._bucket:
                return
            self._say("list", False, failed.trouble.detail, self._advice_to_name_a_bucket())
            raise _Stop from None
        if "Buckets" not in answer and "Owner" not in answer:
            self._stop("reach", not_s3())
        self._accepted()
        names = tuple(str(each["Name"]) for each in answer.get("Buckets", []))
        self._buckets = names
        self._say("list", True, f"{len(names)} bucket{'' if len(names) == 1 else 's'}")
        if names and not self._bucket:
            self._bucket = names[0]

    def _list_and_read(self, client: Any) -> None:
        shown = safe_text(self._bucket, 70)
        try:
            page = self._ask(
                f"the bucket {shown}", lambda: client.list_objects_v2(Bucket=self._bucket, MaxKeys=50)
            )
        except _Failed as failed:
            if not self._named and failed.trouble.blame in ("denied", "missing"):
                self._say("read", None, f"{failed.trouble.detail}; name another bucket to try it")
                return
            self._stop("list", failed.trouble)
        if self._named:  # any other bucket's region says nothing of the connection's
            self._region = str(page["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region", ""))
        if "list" not in self._checks:
            self._say("list", True, f"the bucket {shown}, but not all buckets")
        whole = [each for each in page.get("Contents", []) if each.get("StorageClass") not in _ARCHIVED]
        key = next((each["Key"] for each in whole if each.get("Size")), None)
        if key is None:
            self._say("read", None, f"no object to read in {shown}")
            return
        try:
            self._ask(f"an object of {shown}", lambda: _first_byte(client, self._bucket, key))
        except _Failed as failed:
            if self._named:
                self._say("read", False, failed.trouble.detail, failed.trouble.advice)
            else:
                self._say("read", None, failed.trouble.detail)
            return
        self._say("read", True, f"one byte of an object of {shown}")

    def _write(self, client: Any) -> None:
        shown = safe_text(self._bucket, 70)
        if not self._named:
            self._say("write", None, "name the bucket to write to")
            return
        name = {"Bucket": self._bucket, "Key": f"haulier-connection-test-{secrets.token_hex(8)}.txt"}
        wrong: Trouble | None = None
        try:
            self._ask(f"writing into {shown}", lambda: client.put_object(**name, Body=_PROBE))
        except _Failed as failed:
            self._say("write", False, failed.trouble.detail, failed.trouble.advice)
            return
        try:
            back = self._ask("reading back what was written", lambda: client.get_object(**name)["Body"].read())
            if back != _PROBE:
                wrong = Trouble(blame="request", detail="what was written reads back differently", advice="")
        except _Failed as failed:
            wrong = failed.trouble
        try:
            self._ask("deleting it again", lambda: client.delete_object(**name))
        except _Failed as failed:
            self._say(
                "write",
                False,
                f"written, and could not be deleted: {shown}/{name['Key']} ({failed.trouble.detail})",
                "Delete that object by other means.",
            )
            return
        if wrong is not None:
            self._say("write", False, wrong.detail, wrong.advice)
        else:
            self._say("write", True, f"a small object in {shown}, read back and deleted")

    # ------------------------------------------------------------ saying

    def _ask(self, asked: str, call: Callable[[], R]) -> R:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - config files, credential programs, botocore: all is explained
            cause = error.__cause__ if isinstance(error, TransferError) and error.__cause__ else error
            raise _Failed(explain(cause, self._connection, asked=asked)) from None

    def _say(self, name: str, ok: bool | None, detail: str, advice: str = "") -> None:
        with self._lock:
            if self._closed or (name not in self._steps and name != "clock"):
                return
            self._checks[name] = Check(name=name, ok=ok, detail=detail)
            if advice:
                self._advice.append(advice)

    def _stop(self, step: str, trouble: Trouble) -> NoReturn:
        """Put the blame where it belongs, whichever step found it, and end the trial."""
        at = {"sign": "sign", "clock": "sign", "region": "sign", "reach": "reach", "not s3": "reach"}
        self._region = trouble.region or self._region
        self._say(at.get(trouble.blame, step), False, trouble.detail, trouble.advice)
        raise _Stop

    def _accepted(self) -> None:
        if self._anonymous:
            self._say("sign", None, "requests are not signed")
        else:
            self._say("sign", True, "the server accepts the keys")

    def _advice_to_name_a_bucket(self) -> str:
        if self._anonymous:
            return "Without keys, buckets cannot be listed here. Name a public bucket, and test again."
        return "These keys may not list all buckets. Name a bucket that they may use, and test again."


def _first_byte(client: Any, bucket: str, key: str) -> None:
    body = client.get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"]
    try:
        body.read(1)
    finally:
        body.close()
