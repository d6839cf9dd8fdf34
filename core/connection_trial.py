"""Trying a connection: what works, what does not, and what that means.

1. reach: the name, the port, TLS, an HTTP answer, and the two clocks (`connection_reach`).
2. sign: keys are there, and the server accepts a request signed with them.
3. list: all buckets; when the keys may not, the bucket that was named.
4. read: one byte of one object, where there is one.
5. write, only when asked: a small object with an unmistakable name, read back and deleted.

What these requests show of the service's abilities goes onto a capability card; a few small ones are added that
only ask. What cannot be seen without writing is asked with the object of step 5, before it is deleted.

Everything runs in a daemon thread with a limit for the whole, because name lookups, credential programs and
servers that drip have no limit of their own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import msgspec

from core.capability_card import CapabilityCard
from core.connection_advice import Trouble, explain, not_s3
from core.connection_reach import reach
from core.errors import TransferError
from core.messages import TestReport
from core.model import AnonymousCredentials, Connection, SecretKeys
from core.safe_text import safe_text
from core.stores.s3.capability import (
    PAGE,
    Answer,
    new_card,
    readable,
    seen_of_answer,
    seen_of_object,
    seen_of_page,
    seen_of_versioning,
)
from core.stores.s3.capability_write import CONTENT, HiddenObject, LeftBehind, locked_on_arrival
from core.stores.s3.control import Control
from core.trial_findings import Findings

R = TypeVar("R")
log = logging.getLogger(__name__)

LIMIT = 15.0  # seconds for the whole test
LIMIT_WRITING = 45.0  # … with a write test, which asks some thirty questions
_SKEW_REFUSED = 15 * 60  # S3's own limit


def try_connection(
    connection: Connection,
    keys_for: Callable[[str], SecretKeys],
    write: bool = False,
    bucket: str = "",
    limit: float = 0.0,
) -> TestReport:
    """Try `connection` (a checked one) and say what works, within `limit` seconds (0: as long as is usual).

    `keys_for` gives the keys of a reference or raises BadCredentials. Never raises for what the other side
    does; the report's texts are safe to show. Without `write` nothing is changed anywhere.
    """
    trial = _Trial(
        connection, keys_for, bucket, ["reach", "sign", "list", "read", *(["write"] if write else [])]
    )
    thread = threading.Thread(target=trial.run, name="connection-trial", daemon=True)
    limit = limit or (LIMIT_WRITING if write else LIMIT)
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
        self._findings = Findings(steps)
        self._say = self._findings.say
        self._region = ""  # as the server tells it
        self._buckets: tuple[str, ...] = ()
        self._card = new_card(connection)

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
        checks, advice = self._findings.close(
            finished=finished,
            limit=limit,
            too_slow="The server, a name lookup or the program that gives the credentials is too slow.",
        )
        card = self._card
        return TestReport(
            checks=checks,
            ok=all(check.ok is not False for check in checks),
            advice=advice,
            region=safe_text(self._region, 40),
            buckets=self._buckets,
            card=card if card.server or card.skew is not None or card.addressing else None,
            skew=card.skew,
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
        if contact.skew is not None:
            told = round(contact.skew, 1)
            self._learn(lambda card: msgspec.structs.replace(card, skew=told))
        self._findings.say_clock(
            contact.skew or 0.0,
            _SKEW_REFUSED,
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
        self._learn(lambda card: seen_of_answer(card, client, Answer(200, "", answer)))
        names = tuple(str(each["Name"]) for each in answer.get("Buckets", []))
        self._buckets = names
        self._say("list", True, f"{len(names)} bucket{'' if len(names) == 1 else 's'}")
        if names and not self._bucket:
            self._bucket = names[0]

    def _list_and_read(self, client: Any) -> None:
        shown = safe_text(self._bucket, 70)
        try:
            page = self._ask(
                f"the bucket {shown}", lambda: client.list_objects_v2(Bucket=self._bucket, MaxKeys=PAGE)
            )
        except _Failed as failed:
            if not self._named and failed.trouble.blame in ("denied", "missing"):
                self._say("read", None, f"{failed.trouble.detail}; name another bucket to try it")
                return
            self._stop("list", failed.trouble)
        if self._named:  # any other bucket's region says nothing of the connection's
            self._region = str(page["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region", ""))
        if not self._findings.has("list"):
            self._say("list", True, f"the bucket {shown}, but not all buckets")
        seen = Answer(200, "", page)
        self._learn(lambda card: seen_of_page(seen_of_answer(card, client, seen), seen))
        self._learn(lambda card: seen_of_versioning(card, client, self._bucket))
        found = readable(page.get("Contents", []))
        if found is None:
            self._say("read", None, f"no object to read in {shown}")
            return
        try:
            self._ask(f"an object of {shown}", lambda: _first_byte(client, self._bucket, found[0]))
        except _Failed as failed:
            if self._named:
                self._say("read", False, failed.trouble.detail, failed.trouble.advice)
            else:
                self._say("read", None, failed.trouble.detail)
            return
        self._say("read", True, f"one byte of an object of {shown}")
        self._learn(lambda card: seen_of_object(card, client, self._bucket, *found))

    def _write(self, client: Any) -> None:
        shown = safe_text(self._bucket, 70)
        if not self._named:
            self._say("write", None, "name the bucket to write to")
            return
        if self._card.versioning == "on" and locked_on_arrival(client, self._bucket):
            self._say("write", None, f"{shown} locks what is written (object lock): nothing was written")
            return
        hidden = HiddenObject(client, self._bucket)
        wrong: Trouble | None = None
        try:
            try:
                self._ask(f"writing into {shown}", hidden.write)
                back = self._ask("reading back what was written", hidden.read)
                if back != CONTENT:
                    detail = "what was written reads back differently"
                    wrong = Trouble(blame="request", detail=detail, advice="")
            except _Failed as failed:
                wrong = failed.trouble
            if wrong is None:
                self._learn(hidden.probe)
        finally:
            left = self._remove(hidden)
        if left and (wrong is None or hidden.written):
            self._say(
                "write",
                False,
                f"written, and could not be deleted: {shown}/{hidden.key} ({left})",
                "Delete that object by other means.",
            )
        elif wrong is not None:
            self._say("write", False, wrong.detail, wrong.advice)
        else:
            self._say("write", True, f"a small object in {shown}, read back and deleted")

    def _remove(self, hidden: HiddenObject) -> str:
        """Also what a request left that seemed to fail. Why something stayed; empty when nothing did."""
        try:
            hidden.remove()
        except LeftBehind as error:
            return safe_text(str(error), 100)
        return ""

    def _learn(self, question: Callable[[CapabilityCard], CapabilityCard]) -> None:
        """Ask something that only the card is about: what goes wrong there is no failure of the connection."""
        try:
            card = question(self._card)
        except Exception as error:  # noqa: BLE001 - the fact stays unknown
            log.info("a question about abilities failed: %s", safe_text(str(error), 200))
            return
        self._findings.while_open(lambda: setattr(self, "_card", card))

    # ------------------------------------------------------------ saying

    def _ask(self, asked: str, call: Callable[[], R]) -> R:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - config files, credential programs, botocore: all is explained
            cause = error.__cause__ if isinstance(error, TransferError) and error.__cause__ else error
            raise _Failed(explain(cause, self._connection, asked=asked)) from None

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
