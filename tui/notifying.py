"""Telling a person who looks elsewhere that a job has ended, or stopped for a reason that can be mended.

The setting `notify` says how: "app" a message in this screen, "bell" BEL, "osc" a message of the desktop where
the terminal is known to show it, "osc9" and "osc777" always.

1. OSC 9 is iTerm2's (iterm2.com/documentation-escape-codes.html); kitty, WezTerm and Ghostty have it too.
   ConEmu and Windows Terminal mean other things by it when a number comes first, so that our text never does.
2. OSC 777;notify is rxvt-unicode's and foot's. Its fields are separated by ";", which no text of ours holds.
3. tmux swallows both; within its DCS envelope, ESC doubled, it passes them on where its option
   `allow-passthrough` is on (its FAQ, "passthrough"). What is outside of it is known from variables that the
   outer terminal left. GNU screen passes on what its own DCS holds.
4. All text passes `safe_text` and holds nothing that does not print: neither BEL nor ESC can end a sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.job_ends import JobEnds, has_stopped
from core.model import JobState, JobView
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui.job_words import WORDS
from tui.state import Link, ViewState

LONGEST = 160  # terminal cells of a message of the desktop

BEL = "\a"
_ESC = "\x1b"
_OF_PROGRAM = {"iTerm.app": "osc9", "WezTerm": "osc9", "ghostty": "osc9"}
_OF_TERM = {
    "xterm-kitty": "osc9",
    "xterm-ghostty": "osc9",
    "wezterm": "osc9",
    "foot": "osc777",
    "rxvt": "osc777",
}
_LEFT_BEHIND = {  # variables by which a terminal is known from inside tmux and screen
    "KITTY_WINDOW_ID": "osc9",
    "WEZTERM_PANE": "osc9",
    "GHOSTTY_RESOURCES_DIR": "osc9",
    "ITERM_SESSION_ID": "osc9",
}


class EndTeller:
    """Finds what is news between two states, and makes what the terminal gets of it."""

    def __init__(self, ways: Callable[[], str], environ: Mapping[str, str]) -> None:
        """`ways` gives the setting `notify` as it is now."""
        self._ways, self._environ = ways, environ
        self._ends = JobEnds()

    @property
    def in_app(self) -> bool:
        return "app" in self._ways().split(",")

    def news(self, before: ViewState, after: ViewState) -> tuple[JobView, ...]:
        """Jobs that have ended or stopped since, without those that a person cancelled. What had happened
        before this screen first heard of it is no news."""
        known = {job.id: job.state for job in before.jobs}
        newest = max(known, default=0)
        was_there = before.link is not Link.CONNECTING
        changed = (
            job
            for job in after.jobs
            if has_stopped(job)
            and (known[job.id] is not job.state if job.id in known else was_there and job.id > newest)
        )
        return tuple(job for job in changed if self._ends.is_news(job) and job.state is not JobState.CANCELLED)

    def signals(self, job: JobView) -> str:
        """The bytes for the terminal; empty when the setting wants none."""
        ways = self._ways().split(",")
        codes = {way for way in ways if way in ("osc9", "osc777")}
        if "osc" in ways:
            codes.add(known_code(self._environ))
        text = safe_text(f"haulier: {sentence(job)}", LONGEST)
        sequences = [sequence(code, text) for code in sorted(codes) if code]
        return "".join(enveloped(each, self._environ) for each in sequences) + (BEL if "bell" in ways else "")


def sentence(job: JobView) -> str:
    """What happened to a job, in one line that is safe to show."""
    title = safe_text(job.title, 60)
    if job.state is JobState.COMPLETED:
        moved = f"{format_count(job.counts.files_done)} files, {format_bytes(job.counts.bytes_done)}"
        return f"job {job.id} {WORDS[job.state]}: {title}, {moved}"
    return f"job {job.id} {WORDS[job.state]}: {title}: {safe_text(job.reason, 200)}".rstrip(": ")


def known_code(environ: Mapping[str, str]) -> str:
    """Which code the terminal is known to show, "osc9" or "osc777"; empty when it is not known to."""
    if not in_multiplexer(environ):
        program = _OF_PROGRAM.get(environ.get("TERM_PROGRAM", ""), "")
        term = environ.get("TERM", "")
        by_term = next((code for name, code in _OF_TERM.items() if term.startswith(name)), "")
        return program or by_term or _over_ssh(environ)
    left = next((code for name, code in _LEFT_BEHIND.items() if environ.get(name)), "")
    return left or _over_ssh(environ)


def _over_ssh(environ: Mapping[str, str]) -> str:
    """iTerm2's own variable is among those (LC_*) that sshd usually lets in."""
    return "osc9" if environ.get("LC_TERMINAL") == "iTerm2" else ""


def in_multiplexer(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("TMUX") or environ.get("STY"))


def sequence(code: str, text: str) -> str:
    """OSC 9 or OSC 777 with a text, whatever the text holds."""
    shown = "".join(char for char in safe_text(text, LONGEST) if char.isprintable())
    if code == "osc777":
        return f"{_ESC}]777;notify;haulier;{shown.replace(';', ',')}{BEL}"
    return f"{_ESC}]9;{shown if not shown[:1].isdigit() else f'haulier: {shown}'}{BEL}"


def enveloped(sequence: str, environ: Mapping[str, str]) -> str:
    """As tmux or screen passes it on to the terminal outside."""
    if environ.get("TMUX"):
        return f"{_ESC}Ptmux;{sequence.replace(_ESC, _ESC * 2)}{_ESC}\\"
    return f"{_ESC}P{sequence}{_ESC}\\" if environ.get("STY") else sequence
