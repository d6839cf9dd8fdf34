"""What each setting means, what it may be, and from when on a change of it holds: for screens and help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Holds(StrEnum):
    """From when on a changed value counts."""

    AT_ONCE = "at once"
    NEW_JOBS = "for jobs that are made from now on"
    SCREEN = "from the next start of the screen"
    ENGINE = "from the next start of the engine"
    BOTH = "from the next start of screen and engine; an engine that runs keeps its folder"


NEEDS_ENGINE = frozenset({Holds.ENGINE, Holds.BOTH})


@dataclass(frozen=True)
class SettingWords:
    means: str
    may_be: str
    holds: Holds


_FOLDER = "a folder; ~/ at its start is the home folder"
_DELAYS = "patient, quick, steady, or delays in seconds: 5,10,30x4"
_SECONDS = "seconds, more than 0 and less than a day"

SETTING_WORDS: dict[str, SettingWords] = {
    "config_dir": SettingWords(
        "Connections, keys and this file are kept there.", "set by XDG_CONFIG_HOME alone", Holds.BOTH
    ),
    "metadata_dir": SettingWords("The journal of all jobs, and the engine's socket.", _FOLDER, Holds.BOTH),
    "downloads_dir": SettingWords("The folder that is offered first as a target.", _FOLDER, Holds.SCREEN),
    "logs_dir": SettingWords("The engine's log.", _FOLDER, Holds.BOTH),
    "reserve": SettingWords(
        "Kept free on a target's disk; a job stops before it.", "a size: 10GiB", Holds.ENGINE
    ),
    "retry": SettingWords("How long and how often a failed try is repeated.", _DELAYS, Holds.NEW_JOBS),
    "workers": SettingWords("Files that a job moves at once.", "1 to 50, or 0: by measuring", Holds.NEW_JOBS),
    "connections": SettingWords(
        "Connections for one large file.", "1 to 50, or 0: by measuring", Holds.NEW_JOBS
    ),
    "part_size": SettingWords(
        "Large files are moved in parts of this size.", "5MiB to 5GiB, or 0: by measuring", Holds.NEW_JOBS
    ),
    "bandwidth": SettingWords(
        "Limit of all jobs together, until one is set by hand.",
        "a rate, 20MiB/s; off; or a timetable, 08:00-18:00 5MiB/s, off",
        Holds.ENGINE,
    ),
    "stall_timeout": SettingWords(
        "A connection that brings nothing for so long is given up and tried again.", _SECONDS, Holds.ENGINE
    ),
    "on_unfinished": SettingWords(
        "What a new job does with files that an earlier one left half done.", "resume or clean", Holds.NEW_JOBS
    ),
    "delete_word_count": SettingWords(
        "A plan that deletes more objects asks for a second word after YES.", "a whole number", Holds.ENGINE
    ),
    "delete_word_share": SettingWords(
        "The same for more than this share of a target's objects or bytes.", "0 to 100 percent", Holds.ENGINE
    ),
    "drift_check": SettingWords(
        "Whether a source is listed again at the end, to find what came meanwhile.",
        "auto, always or never",
        Holds.ENGINE,
    ),
    "log_level": SettingWords("What the engine writes to its log.", "DEBUG, INFO or WARNING", Holds.ENGINE),
    "on_end": SettingWords(
        "What the engine runs when a job has ended, or waits for something to be mended.",
        "a program with arguments, no shell; HAULIER_JOB, _STATE … say more",
        Holds.AT_ONCE,
    ),
    "notify": SettingWords(
        "How this screen tells of it: a message, the terminal's bell, the desktop.",
        "app, bell, osc (desktop, where known to work), osc9, osc777; or off",
        Holds.AT_ONCE,
    ),
    "theme": SettingWords(
        "Colours of the screen.", "auto, dark, light, or ansi: the terminal's own 16", Holds.AT_ONCE
    ),
    "signs": SettingWords(
        "What lines, bars and marks of the screen are drawn with.",
        "auto, unicode, or ascii: plain letters and dashes",
        Holds.SCREEN,
    ),
}
