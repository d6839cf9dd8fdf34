"""What takes more than one request to go wrong: the network as a whole, quotas, keys, clocks, the last step.

Each is a coroutine over the laboratory that proves what its docstring says and returns its line of the table.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from core.messages import CancelJob, TuneJob
from core.model import JobState, JobView, ProfileCredentials
from tests.faults import faults
from tests.faults.faults import Quota, SkewedClock, TokenExpires
from tests.faults.lab import Lab, digests, here, s3, tree
from tests.faults.proxy import Rule, proxied
from tests.paths.driving import many, noise

Line = tuple[str, str, str, str, str, str]
Scenario = Callable[[Lab], Awaitable[Line]]
SCENARIOS: list[Scenario] = []
BACK = 4.0  # seconds within which everything goes on again: a knock every 1.5 s, and a busy machine


def scenario(work: Scenario) -> Scenario:
    SCENARIOS.append(work)
    return work


async def waiting(lab: Lab, job: int, what: str, seconds: float = 15.0) -> str:
    """The progress text of a job once it holds `what`."""
    deadline = time.monotonic() + seconds
    while True:
        run = lab.runs.get(job)
        words = run.waiting if run is not None else ""
        if what in words:
            return words
        assert time.monotonic() < deadline, f"never said {what!r}: {words!r}"
        await asyncio.sleep(0.02)


async def goes_on(lab: Lab, job: int, done: int) -> float:
    """Seconds until more files are done than `done`."""
    began = time.monotonic()
    await lab.reaches(job, lambda view: view.counts.files_done > done or view.state.is_final, "progress")
    return time.monotonic() - began


def line(name: str, way: str, classes: str, delay: str, view: JobView, equal: bool) -> Line:
    return (name, way, classes, delay, view.state.value, "equal" if equal else "UNLIKE")


# ---------------------------------------------------------------- the network as a whole


async def _away(lab: Lab, how: str, direction: str, seconds: float) -> Line:
    """The network goes in the middle of a job with 120 files and comes back. `quick` has 5 tries."""
    source = many(lab.new_folder(), 120, size=3000)
    bucket = lab.moto.new_bucket()
    with proxied(lab.moto.endpoint) as proxy:
        far = s3(await lab.connect(proxy, lab.moto), bucket)
        if direction == "download":
            copied = await lab.submit(here(source), far)
            await lab.ends(copied)
            target = lab.new_folder()
            job = await lab.submit(far, here(target), retry="quick", bandwidth=120_000)
        else:
            job = await lab.submit(here(source), far, retry="quick", bandwidth=120_000)
        await lab.reaches(job, lambda view: view.counts.files_done > 5, "files")
        if how == "refused":
            proxy.refuse()
        else:
            proxy.fall_silent()
        words = await waiting(lab, job, "network away", 3 * 4.0 + 5)
        assert f"{proxy.host} does not answer" in words
        assert "trying again in" in words
        before = await lab.attempts(job)
        done = (await lab.reaches(job, lambda _: True, "")).counts.files_done
        await asyncio.sleep(seconds)
        after = await lab.attempts(job)
        assert len(after) <= len(before) + 2, "while the network is away nothing is tried"
        burnt = [each for each in after if each.retry_in and each.error_class == "network"]
        assert burnt == []
        workers = [
            view.note for view in lab.runs[job].worker_views(time.monotonic()) if view.phase == "waiting"
        ]
        assert "network away" in workers
        proxy.come_back()
        assert await goes_on(lab, job, done) < BACK
        await lab.client.call(TuneJob(job=job, bandwidth=0))
        view = await lab.ends(job)
        assert (view.state, view.counts.files_failed) == (JobState.COMPLETED, 0)
        assert await lab.most_attempts(job) == 1, "no item's tries were burnt"
        notices = await lab.notices()
        assert any("network back" in text and proxy.host in text for text in notices)
        found = tree(target) if direction == "download" else digests(lab.moto, bucket)
    return line(f"network away ({how})", direction, "network", "when it is back", view, found == tree(source))


@scenario
async def refused_while_downloading(lab: Lab) -> Line:
    return await _away(lab, "refused", "download", 2.0)


@scenario
async def refused_while_uploading(lab: Lab) -> Line:
    return await _away(lab, "refused", "upload", 0.5)


@scenario
async def silent_while_downloading(lab: Lab) -> Line:
    return await _away(lab, "silent", "download", 0.5)


@scenario
async def away_while_listing(lab: Lab) -> Line:
    """Between two pages the network goes; the listing goes on behind the last key, no try counted."""
    with proxied(lab.rclone.endpoint) as proxy:
        far = s3(await lab.connect(proxy, lab.rclone), "many")
        proxy.add(Rule(faults.Stall(seconds=0.3), "GET", "continuation-token"))
        job = await lab.submit(far, here(lab.new_folder()), start=False, retry="2x1")
        await lab.reaches(
            job, lambda view: view.counts.listed > 0 or proxy.count("GET", "continuation") > 0, "a page"
        )
        proxy.refuse()
        await waiting(lab, job, "network away")
        await asyncio.sleep(0.5)
        proxy.come_back()
        began = time.monotonic()
        view = await lab.ends(job)
        assert time.monotonic() - began < BACK + 2
        assert (view.state, view.counts.retries) == (JobState.PLANNED, 0), view
        assert view.plan is not None
    return line(
        "network away (refused)", "list", "network", "when it is back", view, view.plan.copy.count == 1100
    )


@scenario
async def a_server_that_never_was(lab: Lab) -> Line:
    """A new job of an untested connection to a place where nobody listens is told at once, not waited for."""
    with proxied(lab.moto.endpoint) as proxy:
        name = await lab.connect(proxy, lab.moto)
        proxy.refuse()
        began = time.monotonic()
        job = await lab.submit(s3(name, lab.given), here(lab.new_folder()), start=False)
        view = await lab.ends(job)
        assert view.state is JobState.FAILED
        assert time.monotonic() - began < 10
    return line("nobody was ever there", "list", "network", "a few quick tries", view, True)


@scenario
async def two_servers_one_away(lab: Lab) -> Line:
    """Of a job with two sources the one that is there goes on while the other is away."""
    with proxied(lab.moto.endpoint) as away, proxied(lab.moto.endpoint) as there:
        places = []
        for proxy in (away, there):
            bucket = lab.moto.new_bucket()
            client = lab.moto.boto3()
            for number in range(40):
                client.put_object(Bucket=bucket, Key=f"k{number}", Body=noise(1000, number))
            places.append(s3(await lab.connect(proxy, lab.moto), bucket))
        out = lab.new_folder()
        job = await lab.submit_pairs(
            [(places[0], here(out / "away")), (places[1], here(out / "there"))], bandwidth=15_000
        )
        await lab.reaches(job, lambda view: view.counts.files_done > 1 and view.plan is not None, "files")
        away.refuse()
        await waiting(lab, job, "network away")
        await lab.client.call(TuneJob(job=job, bandwidth=0))
        deadline = time.monotonic() + 10
        while len(tree(out / "there")) < 40:
            assert time.monotonic() < deadline, "the other source does not go on"
            await asyncio.sleep(0.05)
        assert len(tree(out / "away")) < 40
        away.come_back()
        view = await lab.ends(job)
        assert view.state is JobState.COMPLETED
    return line("one of two servers away", "download", "network", "when it is back", view, len(tree(out)) == 80)


@scenario
async def silence_in_words(lab: Lab) -> Line:
    """While two of a job's connections are silent, it says where, for how long, how many and what is done."""
    with proxied(lab.moto.endpoint) as proxy:
        proxy.add(Rule(faults.Stall(300_000), "GET", "/big", times=2))
        far = s3(await lab.connect(proxy, lab.moto), lab.given)
        job = await lab.submit(far, here(lab.new_folder()))
        words = await waiting(lab, job, "silent for")
        assert words.startswith(f"{proxy.host} silent for 1 s, ")
        assert "given up after 2 s and tried again" in words
        notes = [view.note for view in lab.runs[job].worker_views(time.monotonic())]
        assert any("silent for" in note for note in notes)
        view = await lab.ends(job)
        assert view.state is JobState.COMPLETED
    return line("silence, in words", "download", "network", "0.25 s", view, True)


# ---------------------------------------------------------------- quotas


@scenario
async def throttled_for_a_while(lab: Lab) -> Line:
    """A server takes 20 requests a second for some seconds, then any number: the rate it sees goes down to
    about that without a storm of refused requests, and comes back. Nothing fails with only 8 tries."""
    limit, lasts = 20.0, 5.0
    bucket = lab.moto.new_bucket()
    source = many(lab.new_folder(), 400, size=10)
    with proxied(lab.moto.endpoint) as proxy:
        quota = Quota(limit)
        quota.lifted = True
        proxy.add(Rule(quota, "PUT", times=-1))
        far = s3(await lab.connect(proxy, lab.moto), bucket)
        job = await lab.submit(here(source), far, retry="0.3x8", workers=8)
        await lab.reaches(job, lambda view: view.counts.files_done > 50, "files")
        quota.lifted = False
        began = time.monotonic()
        words = await waiting(lab, job, "slowed down for the server")
        assert "begun a second" in words
        await asyncio.sleep(lasts)
        quota.lifted = True
        ended = time.monotonic()
        view = await lab.ends(job, 60)
        finished = time.monotonic()
        puts = [seen.at for seen in proxy.log if seen.method == "PUT"]

        def rate(since: float, until: float) -> float:
            return sum(1 for at in puts if since <= at < until) / (until - since)

        steady = rate(began + 2.0, ended)
        refused = [at for at in quota.refused if at > began + 2.0]
        assert 0.3 * limit < steady < 1.5 * limit, f"{steady:.1f} requests a second under a limit of {limit:g}"
        assert len(refused) < 0.35 * steady * (ended - began - 2.0), f"{len(refused)} refusals: a storm"
        fastest = max(
            rate(at, at + 1.0) for at in (ended + 0.5 * step for step in range(int(2 * (finished - ended))))
        )
        assert fastest > 1.8 * limit, f"only {fastest:.0f} requests a second after the quota was lifted"
        assert (view.state, view.counts.files_failed) == (JobState.COMPLETED, 0)
        assert any("asks for less" in text for text in await lab.notices(job))
        equal = len(digests(lab.moto, bucket)) == 400
    return line(
        f"at most {limit:g} requests a second",
        "upload",
        "throttled",
        f"{steady:.0f}/s under it, {fastest:.0f}/s after",
        view,
        equal,
    )


# ---------------------------------------------------------------- keys, clocks, redirects


def _process_profile(name: str, folder: Path) -> Path:
    """A profile whose keys a program tells, anew each time; the file holds the token it gives."""
    token = folder / "token"
    script = folder / "keys.py"
    script.write_text(
        "import json, pathlib, sys\n"
        f"text = pathlib.Path({str(token)!r}).read_text()\n"
        "sys.exit('no keys today') if not text else print(json.dumps({'Version': 1, 'AccessKeyId': 'AKID',"
        " 'SecretAccessKey': 'process-secret', 'SessionToken': text, 'Expiration': '2099-01-01T00:00:00Z'}))\n"
    )
    aws = Path.home() / ".aws"
    aws.mkdir(exist_ok=True)
    with (aws / "config").open("a") as file:
        file.write(f"[profile {name}]\ncredential_process = {sys.executable} {script}\n")
    return token


async def _expiring(lab: Lab, direction: str) -> Line:
    """The session token expires midway; the program behind the profile has a new one. No file is lost."""
    folder = lab.new_folder()
    profile = folder.name
    token = _process_profile(profile, folder)
    token.write_text("first")
    source = many(lab.new_folder(), 40, size=2000)
    bucket = lab.moto.new_bucket()
    with proxied(lab.moto.endpoint) as proxy:
        expiry = TokenExpires("first")
        proxy.add(Rule(expiry, times=-1))
        name = await lab.connect(proxy, lab.moto, credentials=ProfileCredentials(profile=profile))
        options: dict[str, Any] = {"bandwidth": 60_000, "retry": "0.05x3"}
        if direction == "download":
            client = lab.moto.boto3()
            for path in source.rglob("*"):
                if path.is_file():
                    client.put_object(Bucket=bucket, Key=str(path.relative_to(source)), Body=path.read_bytes())
            out = lab.new_folder()
            job = await lab.submit(s3(name, bucket), here(out), **options)
        else:
            job = await lab.submit(here(source), s3(name, bucket), **options)
        await lab.reaches(job, lambda view: view.counts.files_done > 3, "files")
        token.write_text("second")
        expiry.good = "second"
        await lab.reaches(job, lambda _: expiry.refusals > 0, "a refusal")
        await lab.client.call(TuneJob(job=job, bandwidth=0))
        view = await lab.ends(job)
        attempts = await lab.attempts(job)
        assert view.state is JobState.COMPLETED, view.reason
        assert {each.error_class for each in attempts} == {"fatal"}
        assert all(each.retry_in == 0.25 for each in attempts)
        assert "process-secret" not in str(await lab.notices(job))
        found = tree(out) if direction == "download" else digests(lab.moto, bucket)
    return line("token expires, renewed", direction, "fatal", "0.25 s", view, found == tree(source))


@scenario
async def token_expires_while_downloading(lab: Lab) -> Line:
    return await _expiring(lab, "download")


@scenario
async def token_expires_while_uploading(lab: Lab) -> Line:
    return await _expiring(lab, "upload")


@scenario
async def keys_that_come_back_later(lab: Lab) -> Line:
    """The token expires and there is no other: the job stops with the reason, and goes on by itself when the
    profile's file changes."""
    profile = lab.new_folder().name
    files = Path.home() / ".aws"
    files.mkdir(exist_ok=True)
    credentials = files / "credentials"

    def write(token: str) -> None:
        credentials.write_text(
            f"[{profile}]\naws_access_key_id = AKID\naws_secret_access_key = s\naws_session_token = {token}\n"
        )

    write("first")
    source = many(lab.new_folder(), 30, size=2000)
    bucket = lab.moto.new_bucket()
    with proxied(lab.moto.endpoint) as proxy:
        expiry = TokenExpires("first")
        proxy.add(Rule(expiry, times=-1))
        name = await lab.connect(proxy, lab.moto, credentials=ProfileCredentials(profile=profile))
        job = await lab.submit(here(source), s3(name, bucket), bandwidth=40_000)
        await lab.reaches(job, lambda view: view.counts.files_done > 2, "files")
        expiry.good = "second"
        stopped = await lab.reaches(job, lambda view: view.state is JobState.BLOCKED, "stop")
        assert "credentials were refused" in stopped.reason
        assert stopped.hint
        await asyncio.sleep(1.5)
        assert expiry.refusals < 20, "keys that were refused are not tried again and again"
        write("second")
        view = await lab.reaches(job, lambda view: view.state.is_final, "going on by itself")
        assert view.state is JobState.COMPLETED
        equal = digests(lab.moto, bucket) == tree(source)
    return line("token expires, mended later", "upload", "fatal", "when they are mended", view, equal)


@scenario
async def expired_before_planning(lab: Lab) -> Line:
    """The engine holds a token that has expired since; a new job finds the new one without stopping."""
    folder = lab.new_folder()
    token = _process_profile(folder.name, folder)
    token.write_text("first")
    with proxied(lab.moto.endpoint) as proxy:
        expiry = TokenExpires("first")
        proxy.add(Rule(expiry, times=-1))
        name = await lab.connect(proxy, lab.moto, credentials=ProfileCredentials(profile=folder.name))
        first = await lab.ends(await lab.submit(s3(name, lab.given), here(lab.new_folder()), start=False))
        assert first.state is JobState.PLANNED
        token.write_text("second")
        expiry.good = "second"
        out = lab.new_folder()
        view = await lab.ends(await lab.submit(s3(name, lab.given), here(out), include=("small",)))
        assert view.state is JobState.COMPLETED, view.reason
    return line("token expired before", "list", "–", "0.25 s", view, len(tree(out)) == 1)


async def _skewed(lab: Lab, direction: str, ahead: float) -> Line:
    """The server's clock is another one: requests of both planes are dated by it after one refusal each."""
    bucket = lab.moto.new_bucket()
    out = lab.new_folder()
    with proxied(lab.moto.endpoint) as proxy:
        clock = SkewedClock(ahead)
        proxy.add(Rule(clock, times=-1))
        name = await lab.connect(proxy, lab.moto)
        if direction == "download":
            job = await lab.submit(s3(name, lab.given), here(out))
        else:
            job = await lab.submit(here(lab.local), s3(name, bucket))
        view = await lab.ends(job)
        attempts = await lab.attempts(job)
        assert view.state is JobState.COMPLETED, view.reason
        assert all(each.error_class == "network" and each.retry_in == 0 for each in attempts)
        assert clock.refusals < 8
        said = [text for text in await lab.notices() if "clock" in text and proxy.host in text]
        assert len(said) == 1, said
        assert ("behind" if ahead > 0 else "ahead") in said[0]
        equal = (
            tree(out) == lab.content_given
            if direction == "download"
            else (digests(lab.moto, bucket) == lab.content_here)
        )
    return line(f"clock {ahead / 60:+.0f} min", direction, "–", "at once", view, equal)


@scenario
async def a_clock_that_is_behind(lab: Lab) -> Line:
    return await _skewed(lab, "download", 3600.0)


@scenario
async def a_clock_that_is_ahead(lab: Lab) -> Line:
    return await _skewed(lab, "upload", -7200.0)


@scenario
async def a_clock_of_another_month(lab: Lab) -> Line:
    """A difference of more than a week is not believed: the job stops and says to set the clock."""
    with proxied(lab.moto.endpoint) as proxy:
        proxy.add(Rule(SkewedClock(30 * 86400.0), "GET", "/small", times=-1))
        job = await lab.submit(s3(await lab.connect(proxy, lab.moto), lab.given), here(lab.new_folder()))
        view = await lab.ends(job)
        assert view.state is JobState.BLOCKED
        assert "clock is" in view.reason
        await lab.client.call(CancelJob(job=job))
    return line("clock +1 month", "download", "fatal", "none", view, True)


@scenario
async def a_redirect_to_a_stranger(lab: Lab) -> Line:
    """A redirect to another host is not followed, by neither plane: the stranger hears nothing, and no keys."""
    with proxied(lab.moto.endpoint) as proxy, proxied(lab.moto.endpoint) as stranger:
        where = f"{stranger.endpoint}/bucket/small"
        body = faults.error_xml("TemporaryRedirect")
        say = faults.Say(faults.http(307, body, Location=where, Content_Type="application/xml"))
        proxy.add(Rule(say, "GET|PUT|POST", r"/(small|big)", times=-1))
        name = await lab.connect(proxy, lab.moto)
        down = await lab.submit(s3(name, lab.given), here(lab.new_folder()), include=("small",))
        view = await lab.ends(down)
        up = await lab.submit(here(lab.local), s3(name, lab.moto.new_bucket()), include=("big",))
        other = await lab.ends(up)
        for each in (view, other):
            assert each.state in (JobState.BLOCKED, JobState.PARTIAL), each.reason
        assert "points elsewhere" in view.reason
        assert stranger.host in view.reason
        assert stranger.log == []
        await lab.client.call(CancelJob(job=down))
        await lab.client.call(CancelJob(job=up))
    return line("redirect to a stranger", "both", "fatal", "none", view, True)


# ---------------------------------------------------------------- the last step, and the whole


@scenario
async def refused_at_the_last_step(lab: Lab) -> Line:
    """All bytes are there and the final name cannot be taken: three tries, the others are done, nothing is left
    behind under a final name; once the way is free, a retry completes it."""
    out = lab.new_folder()
    with proxied(lab.moto.endpoint) as proxy:
        proxy.add(Rule(faults.Stall(seconds=0.7), "GET", "/small"))
        job = await lab.submit(s3(await lab.connect(proxy, lab.moto), lab.given), here(out))
        await lab.reaches(job, lambda _: proxy.count("GET", "/small") > 0, "the request")
        (out / "small").mkdir()
        (out / "small" / "in the way").write_text("x")
        view = await lab.ends(job)
        attempts = await lab.attempts(job)
        assert view.state is JobState.PARTIAL
        assert [each.error_class for each in attempts] == ["file"] * 3, attempts
        assert attempts[-1].retry_in == -1
        found = {name for name in tree(out) if not name.startswith(".haulier")}
        assert found == {"big", "middling", "small/in the way"}
    return line("refused at the last step", "download", "file, file, file", "0.05 s", view, True)


@scenario
async def everything_at_once(lab: Lab) -> Line:
    """Every tenth request meets one trouble or another, in both directions of a relay: everything arrives."""
    bucket = lab.moto.new_bucket()
    given = lab.moto.new_bucket()
    client = lab.moto.boto3()
    for number in range(30):
        client.put_object(Bucket=given, Key=f"k{number}", Body=noise(3000, number))
    with proxied(lab.moto.endpoint) as source, proxied(lab.moto.endpoint) as target:
        troubles = [
            faults.Reset(),
            faults.Say(faults.http(500, faults.error_xml("InternalError"))),
            faults.Say(faults.http(503, faults.error_xml("SlowDown"))),
            faults.Truncate(100),
            faults.Flip(50),
        ]
        for proxy in (source, target):
            for at, fault in enumerate(troubles):
                proxy.add(Rule(fault, "GET|PUT", "/k", nth=3 + 5 * at, times=2))
        job = await lab.submit(
            s3(await lab.connect(source, lab.moto), given),
            s3(await lab.connect(target, lab.moto), bucket),
            server_side=False,
        )
        view = await lab.ends(job)
        assert (view.state, view.counts.files_failed) == (JobState.COMPLETED, 0), view.reason
        equal = digests(lab.moto, bucket) == digests(lab.moto, given)
        assert equal
    return line("one trouble after the other", "relay", "several", "as the policy says", view, equal)
