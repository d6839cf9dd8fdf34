"""The table: which fault, on which way, what the engine must make of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

from core.model import JobState
from tests.faults import faults
from tests.faults.faults import Say, error_xml, http
from tests.faults.lab import Lab, digests, here, s3, tree
from tests.faults.proxy import Fault, Rule, Seen

DONE, PARTIAL, BLOCKED, FAILED, PLANNED = (
    JobState.COMPLETED,
    JobState.PARTIAL,
    JobState.BLOCKED,
    JobState.FAILED,
    JobState.PLANNED,
)
STUMBLE = (0.25, 0.25)  # the quick try after the first broken connection
POLICY = (0.04, 0.06)  # 0.05 s and a fifth more or less
XML = "application/xml"
LOGIN = b"<!DOCTYPE html><html><body>Welcome. Please log in.</body></html>"


@dataclass(frozen=True)
class Case:
    """`rules` makes the rules anew for each run. `classes` and `delays` are those of the failed tries in order,
    (least, most) seconds each; a try that is not repeated has (-1, -1)."""

    name: str
    way: str  # download, upload, relay, list
    rules: Callable[[], Sequence[Rule]]
    classes: tuple[str, ...] = ()
    delays: tuple[tuple[float, float], ...] = ()
    state: JobState = DONE
    says: str = ""  # in the item's error, the job's reason or a failed try
    side: str = ""  # the proxy that the rules are for: source or target; "": the only one
    options: dict[str, Any] = field(default_factory=dict)
    stops: bool = False  # cancelled as soon as the first try has failed: its delay is too long to be waited for
    left_over: bool = False  # an upload may stay at the target, unknown to everybody


@dataclass
class Row:
    """What came of a case."""

    case: Case
    state: JobState
    classes: tuple[str, ...]
    delays: tuple[float, ...]
    texts: str
    equal: bool  # everything that is called done has the right bytes, and nothing else is there
    left: tuple[str, ...]  # partial data
    hits: int
    seconds: float

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """For the table: fault, way, classes, delays, end state, and bytes."""
        delays = ", ".join("none" if delay < 0 else f"{delay:.2f} s" for delay in self.delays)
        return (
            self.case.name,
            self.case.way,
            ", ".join(self.classes) or "–",
            delays or "–",
            str(self.state.value),
            "equal" if self.equal else "UNLIKE",
        )


def of(
    fault: Callable[[], Fault], method: str, target: str, nth: int = 1, times: int = 1
) -> Callable[[], list[Rule]]:
    return lambda: [Rule(fault(), method, target, nth, times, when=is_of_the_job)]


def is_of_the_job(seen: Seen) -> bool:
    """Not one of those by which the engine finds out what a server can do."""
    return seen.headers.get("range") != "bytes=0-0"


def answer(status: int, code: str = "", **headers: str) -> Callable[[], Fault]:
    body = error_xml(code) if code else b""
    return lambda: Say(http(status, body, Content_Type=XML, **headers))


def later(seconds: float) -> Callable[[], Fault]:
    """503 with Retry-After as a date."""
    return lambda: Say(
        http(503, error_xml("SlowDown"), Retry_After=formatdate(time.time() + seconds, usegmt=True))
    )


def region(status: int, code: str) -> Callable[[], list[Rule]]:
    """The server wants another region, until requests are signed for it."""

    def rules() -> list[Rule]:
        body = error_xml(code, Region="eu-west-1")
        say = Say(http(status, body, Content_Type=XML, x_amz_bucket_region="eu-west-1"))
        return [Rule(say, times=-1, when=lambda seen: "us-east-1/s3" in seen.headers.get("authorization", ""))]

    return rules


GET_BIG, GET_MIDDLING, GET_SMALL = ("GET", r"/big"), ("GET", r"/middling"), ("GET", r"/small")
PART = ("PUT", r"/big\?.*partNumber")
BEGIN, COMPLETE = ("POST", r"/big\?uploads"), ("POST", r"/big\?uploadId")
PUT_SMALL = ("PUT", r"/small")
PAGE_TWO = ("GET", r"list-type=2.*continuation-token|continuation-token.*list-type=2")
NETWORK, THROTTLED, FILE, CHANGED, INTEGRITY, FATAL = (
    "network",
    "throttled",
    "file",
    "changed",
    "integrity",
    "fatal",
)
NEVER = (-1.0, -1.0)


def download(name: str, rules: Callable[[], Sequence[Rule]], **rest: Any) -> Case:
    return Case(name, "download", rules, **rest)


def upload(name: str, rules: Callable[[], Sequence[Rule]], **rest: Any) -> Case:
    return Case(name, "upload", rules, **rest)


def listing(name: str, rules: Callable[[], Sequence[Rule]], **rest: Any) -> Case:
    return Case(name, "list", rules, **{"state": PLANNED, **rest})


def relay(name: str, side: str, rules: Callable[[], Sequence[Rule]], **rest: Any) -> Case:
    return Case(name, "relay", rules, side=side, **rest)


TWICE = {"classes": (NETWORK, NETWORK), "delays": (STUMBLE, POLICY)}
ONCE = {"classes": (NETWORK,), "delays": (STUMBLE,)}
ASKED_ONE = {"classes": (THROTTLED,), "delays": ((1.0, 1.2),)}
OWN_DELAY = {"classes": (THROTTLED,), "delays": (POLICY,)}

DOWNLOADS = [
    download("reset before the answer", of(faults.Reset, *GET_BIG), **ONCE),
    download("reset after 200 KB of a part", of(lambda: faults.Reset(200_000), *GET_BIG), **ONCE),
    download("reset of a small file, twice", of(faults.Reset, *GET_SMALL, times=2), **TWICE),
    download("silence before the answer", of(faults.Stall, *GET_SMALL), **ONCE),
    download("silence in the middle of a part", of(lambda: faults.Stall(300_000), *GET_BIG), **ONCE),
    download("a trickle in the middle of a part", of(lambda: faults.Trickle(300_000), *GET_BIG), **ONCE),
    download("a trickle in a middling file", of(lambda: faults.Trickle(39_500), *GET_MIDDLING), **ONCE),
    download("cut off, announced whole", of(lambda: faults.Truncate(100_000), *GET_BIG), **ONCE),
    download("cut off, announced so", of(lambda: faults.Truncate(100_000, honest=True), *GET_BIG), **ONCE),
    download("small file cut off", of(lambda: faults.Truncate(100), *GET_SMALL), **ONCE),
    download(
        "small file cut off, announced so", of(lambda: faults.Truncate(100, honest=True), *GET_SMALL), **ONCE
    ),
    download("range ignored", of(faults.WholeInstead, *GET_BIG, times=-1)),
    download("200 for a range, with Content-Range", of(faults.As200, *GET_BIG, times=-1)),
    download("Content-Range starts elsewhere", of(lambda: faults.WrongRange(start=1), *GET_BIG), **ONCE),
    download("Content-Range ends elsewhere", of(lambda: faults.WrongRange(end=-1), *GET_BIG), **ONCE),
    download(
        "Content-Range of another size",
        of(lambda: faults.WrongRange(total=1), *GET_BIG),
        classes=(CHANGED,),
        delays=(POLICY,),
    ),
    download(
        "a flipped bit in a part",
        of(lambda: faults.Flip(70_000), *GET_BIG),
        classes=(INTEGRITY,),
        delays=(POLICY,),
    ),
    download(
        "a flipped bit in a small file",
        of(lambda: faults.Flip(17), *GET_SMALL),
        classes=(INTEGRITY,),
        delays=(POLICY,),
    ),
    download(
        "a flipped bit each time",
        of(lambda: faults.Flip(17), *GET_SMALL, times=-1),
        classes=(INTEGRITY,) * 4,
        delays=(POLICY, POLICY, POLICY, NEVER),
        state=PARTIAL,
        says="does not give the ETag",
    ),
    download(
        "compressed on the way",
        of(faults.Gzip, *GET_SMALL),
        classes=(INTEGRITY,),
        delays=(POLICY,),
        says="compressed on the way",
    ),
    download(
        "compressed on the way, always",
        of(faults.Gzip, *GET_SMALL, times=-1),
        classes=(INTEGRITY,) * 4,
        delays=(POLICY, POLICY, POLICY, NEVER),
        state=PARTIAL,
        says="compressed on the way",
    ),
    download("500", of(answer(500, "InternalError"), *GET_SMALL, times=2), **TWICE),
    download("502", of(answer(502), *GET_SMALL), **ONCE),
    download("503 SlowDown", of(answer(503, "SlowDown"), *GET_SMALL), **OWN_DELAY),
    download("429", of(answer(429), *GET_SMALL), **OWN_DELAY),
    download("503, Retry-After 1", of(answer(503, "SlowDown", Retry_After="1"), *GET_SMALL), **ASKED_ONE),
    download("429, Retry-After 1", of(answer(429, Retry_After="1"), *GET_BIG), **ASKED_ONE),
    download(
        "503, Retry-After as a date",
        of(later(3), *GET_SMALL),
        classes=(THROTTLED,),
        delays=((1.0, 3.6),),
    ),
    download("Retry-After 0", of(answer(503, "SlowDown", Retry_After="0"), *GET_SMALL), **OWN_DELAY),
    download("Retry-After −5", of(answer(503, "SlowDown", Retry_After="-5"), *GET_SMALL), **OWN_DELAY),
    download("Retry-After soon", of(answer(503, "SlowDown", Retry_After="soon"), *GET_SMALL), **OWN_DELAY),
    download("Retry-After in the past", of(later(-500), *GET_SMALL), **OWN_DELAY),
    download(
        "Retry-After a day",
        of(answer(503, "SlowDown", Retry_After="86400"), *GET_SMALL),
        classes=(THROTTLED,),
        delays=((3600, 4320),),
        state=JobState.CANCELLED,
        says="asks for 86400 s; asked again after 3600 s",
        stops=True,
    ),
    download("404 once", of(answer(404, "NoSuchKey"), *GET_SMALL), classes=(FILE,), delays=(POLICY,)),
    download(
        "403 always",
        of(answer(403, "AccessDenied"), *GET_SMALL, times=-1),
        classes=(FILE,) * 3,
        delays=(POLICY, POLICY, NEVER),
        state=PARTIAL,
        says="no permission",
    ),
    download(
        "archived",
        of(answer(403, "InvalidObjectState"), *GET_SMALL, times=-1),
        classes=(FILE,) * 3,
        delays=(POLICY, POLICY, NEVER),
        state=PARTIAL,
        says="archived",
    ),
    download(
        "another ETag midway",
        of(lambda: faults.Rename("ETag", '"11111111111111111111111111111111"'), *GET_BIG, nth=2),
        classes=(CHANGED,),
        delays=(POLICY,),
    ),
    download(
        "a login page, twice",
        of(lambda: Say(http(200, LOGIN, Content_Type="text/html"), "login page"), *GET_SMALL, times=2),
        **TWICE,
    ),
    download(
        "a redirect to a login page",
        of(lambda: Say(http(302, b"", Location="http://login.example/"), "302"), *GET_BIG),
        **ONCE,
    ),
    download("another region, 301", region(301, "PermanentRedirect")),
    download("another region, 307", region(307, "TemporaryRedirect")),
    download("another region, 400", region(400, "AuthorizationHeaderMalformed")),
    download(
        "network trouble does not use up the tries of a 404",
        lambda: [
            Rule(faults.Reset(), *GET_SMALL, times=3),
            Rule(Say(http(404, error_xml("NoSuchKey"))), *GET_SMALL, times=2),
        ],
        classes=(NETWORK, NETWORK, NETWORK, FILE, FILE),
        delays=(STUMBLE, POLICY, POLICY, POLICY, POLICY),
    ),
    download(
        "a limit of time for a file",
        of(lambda: faults.Trickle(300_000, 0.0005), *GET_BIG, times=-1),
        classes=(FILE,),
        delays=(NEVER,),
        state=PARTIAL,
        says="the limit for one file",
        options={"file_seconds": 0.7},
    ),
]

UPLOADS = [
    upload("reset before the answer", of(faults.Reset, *PUT_SMALL, times=2), **TWICE),
    upload("reset in the middle of a part", of(lambda: faults.ResetUpload(1_000_000), *PART), **ONCE),
    upload("the part is not read any further", of(lambda: faults.StallUpload(1_000_000), *PART), **ONCE),
    upload("silence after a part", of(faults.Stall, *PUT_SMALL), **ONCE),
    upload("500 for a part", of(answer(500, "InternalError"), *PART, times=1), **ONCE),
    upload("503 SlowDown for a part", of(answer(503, "SlowDown"), *PART), **OWN_DELAY),
    upload("Retry-After 1 for a part", of(answer(503, "SlowDown", Retry_After="1"), *PART), **ASKED_ONE),
    upload(
        "a flipped bit in a part",
        of(lambda: faults.FlipUpload(1_000_000), *PART),
        classes=(INTEGRITY,),
        delays=(POLICY,),
    ),
    upload(
        "a flipped bit in a small file",
        of(lambda: faults.FlipUpload(100), *PUT_SMALL),
        classes=(INTEGRITY,),
        delays=(POLICY,),
    ),
    upload("the reply to a part is lost", of(faults.LoseReply, *PART), **ONCE),
    upload("the reply to a small file is lost", of(faults.LoseReply, *PUT_SMALL), **ONCE),
    upload("the reply to the beginning is lost", of(faults.LoseReply, *BEGIN), left_over=True, **ONCE),
    upload("the reply to Complete is lost", of(faults.LoseReply, *COMPLETE), **ONCE),
    upload("500 for Complete", of(answer(500, "InternalError"), *COMPLETE), **ONCE),
    upload(
        "Complete says 200 and means an error",
        of(lambda: Say(http(200, error_xml("InternalError"), Content_Type=XML)), *COMPLETE),
        **ONCE,
    ),
    upload(
        "Complete is cut off", of(lambda: Say(http(200, b"<?xml version", Content_Type=XML)), *COMPLETE), **ONCE
    ),
    upload(
        "a login page for a small file",
        of(lambda: Say(http(200, LOGIN, Content_Type="text/html"), "login page"), *PUT_SMALL, times=2),
        **TWICE,
    ),
    upload(
        "403 for a small file",
        of(answer(403, "AccessDenied"), *PUT_SMALL, times=-1),
        classes=(FILE,) * 3,
        delays=(POLICY, POLICY, NEVER),
        state=PARTIAL,
        says="no permission",
    ),
    upload(
        "the bucket is gone",
        of(answer(404, "NoSuchBucket"), *PUT_SMALL, times=-1),
        classes=(FATAL,),
        delays=(NEVER,),
        state=BLOCKED,
        says="does not exist",
    ),
    upload(
        "the upload is gone midway",
        of(answer(404, "NoSuchUpload"), *PART, nth=3),
        classes=(CHANGED,),
        delays=(POLICY,),
    ),
]

RELAYS = [
    relay("reset in the middle of a part", "source", of(lambda: faults.Reset(200_000), *GET_BIG), **ONCE),
    relay("500 at the target", "target", of(answer(500, "InternalError"), "PUT", "/(big|small)"), **ONCE),
    relay("SlowDown at the source", "source", of(answer(503, "SlowDown"), *GET_BIG), **OWN_DELAY),
    relay(
        "a flipped bit from the source",
        "source",
        of(lambda: faults.Flip(1000), *GET_SMALL),
        classes=(INTEGRITY,),
        delays=(POLICY,),
    ),
    relay("silence at the target", "target", of(faults.Stall, *PUT_SMALL), **ONCE),
    relay(
        "a login page at the source",
        "source",
        of(lambda: Say(http(200, LOGIN, Content_Type="text/html")), *GET_SMALL),
        **ONCE,
    ),
]

WAIT = {"classes": ("waited",), "says": "trying again in"}

LISTS = [
    listing(
        "reset before the second page, twice",
        of(faults.Reset, "GET", "continuation-token|start-after", times=2),
        classes=("waited",) * 2,
    ),
    listing("reset in the middle of a page", of(lambda: faults.Reset(100_000), "GET", "list-type"), **WAIT),
    listing("silence before the second page", of(faults.Stall, *PAGE_TWO), **WAIT),
    listing("500 for the second page", of(answer(500, "InternalError"), *PAGE_TWO), **WAIT),
    listing("SlowDown, Retry-After 1", of(answer(503, "SlowDown", Retry_After="1"), *PAGE_TWO), **WAIT),
    listing(
        "a login page for the second page",
        of(lambda: Say(http(200, LOGIN, Content_Type="text/html"), "login page"), *PAGE_TWO),
        **WAIT,
    ),
    listing(
        "a page cut off, announced so",
        of(lambda: faults.Truncate(50_000, honest=True), "GET", "list-type"),
        **WAIT,
    ),
    listing("a page comes twice", of(faults.Repeat, "GET", "list-type", times=2), **WAIT),
    listing(
        "the pages lead in a circle",
        of(faults.Repeat, "GET", "list-type", times=-1),
        classes=("waited",) * 2,
        state=FAILED,
        says="twice",
    ),
]


CASES = [*DOWNLOADS, *UPLOADS, *RELAYS, *LISTS]


async def run(lab: Lab, case: Case) -> Row:
    """Carry a case out."""
    began = time.monotonic()
    proxies = {"": {"download": lab.source, "upload": lab.target, "list": lab.many}.get(case.way, lab.source)}
    proxy = {"source": lab.source, "target": lab.target}.get(case.side) or proxies[""]
    rules = list(case.rules())
    out = lab.new_folder()
    bucket = lab.moto.new_bucket() if case.way in ("upload", "relay") else ""
    if case.way == "list":
        source, target = s3(await lab.connect(lab.many, lab.rclone), "many"), here(out)
    elif case.way == "download":
        source, target = s3(await lab.connect(lab.source, lab.moto), lab.given), here(out)
    elif case.way == "upload":
        source, target = here(lab.local), s3(await lab.connect(lab.target, lab.moto), bucket)
    else:
        source = s3(await lab.connect(lab.source, lab.moto), lab.given)
        target = s3(await lab.connect(lab.target, lab.moto), bucket)
    proxy.add(*rules)
    options = dict(case.options)
    if case.way != "list" and not any("big" in rule.target or not rule.target for rule in rules):
        options["include"] = ("small", "middling")  # what the rules do not touch is not moved
    if case.way == "relay":
        options["server_side"] = False
    try:
        job = await lab.submit(source, target, start=case.way != "list", **options)
        if case.stops:
            await lab.reaches(job, lambda view: view.counts.retries > 0, "a failed try")
            view = await lab.cancel(job)
        else:
            view = await lab.ends(job)
        attempts = await lab.attempts(job)
        errors = await lab.errors(job)
        notices = await lab.notices(job)
    finally:
        for each in (lab.source, lab.target, lab.many):
            each.clear()
    classes, delays = tuple(a.error_class for a in attempts), tuple(a.retry_in for a in attempts)
    if case.way == "list":  # has no items yet whose tries could be counted
        classes = ("waited",) * view.counts.retries
    texts = "\n".join([view.reason, *errors.values(), *(a.message for a in attempts), *notices])
    return Row(
        case,
        view.state,
        classes,
        delays,
        texts,
        *_compare(lab, case, view, out, bucket, set(errors), "include" not in options),
        sum(rule.hits for rule in rules),
        time.monotonic() - began,
    )


def _compare(
    lab: Lab, case: Case, view: Any, out: Path, bucket: str, failed: set[str], moves_big: bool
) -> tuple[bool, tuple[str, ...]]:
    """Whether what is there is what should be, and the partial data that is left."""
    if case.way == "list":
        return view.state is not PLANNED or view.plan.copy.count == 1100, ()
    wanted = dict(lab.content_here if case.way == "upload" else lab.content_given)
    if not moves_big:
        del wanted["big"]
    if bucket:
        found = digests(lab.moto, bucket)
        uploads = lab.moto.boto3().list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        left = tuple(upload["Key"] for upload in uploads)
    else:
        found = tree(out)
        left = tuple(name for name in found if name.startswith(".haulier"))
        found = {name: digest for name, digest in found.items() if name not in left}
    if view.state in (DONE, PARTIAL):
        return found == {name: digest for name, digest in wanted.items() if name not in failed}, left
    return all(wanted.get(name) == digest for name, digest in found.items()), ()
