"""How sizes, rates, times and counts are written for people and read from them, in one place.

Sizes are powers of 1024 with their own names (KiB, MiB …); what people write as KB, MB, GB is decimal.
"""

from __future__ import annotations

import re
import time

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_FACTORS: dict[str, int] = {
    "": 1,
    "b": 1,
    **{letter: 1024**power for power, letter in enumerate("kmgtpe", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgtpe", 1)},
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtpe", 1)},
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Z]*)\s*", re.ASCII)


def format_bytes(n: int) -> str:
    """ "0 B", "812 GiB", "2.0 TiB": at most three digits and a decimal below 100."""
    value, unit = float(n), 0
    # 999.6 and up would show four digits once rounded, so the next unit is taken early.
    while abs(value) >= (1024 if unit == 0 else 999.5) and unit < len(_BINARY) - 1:
        value /= 1024
        unit += 1
    if unit == 0:
        return f"{n} B"
    digits = 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f} {_BINARY[unit]}"


def format_size(n: int) -> str:
    """The size of an entry, or "unknown" where nobody tells (UNSIZED)."""
    return format_bytes(n) if n >= 0 else "unknown"


def format_rate(r: float) -> str:
    """Bytes a second as "412 MiB/s"."""
    return f"{format_bytes(max(0, round(r)))}/s"


def format_duration(s: float) -> str:
    """A running clock: "00:41:12", and from a day on "2 d 04:41:12"."""
    whole = max(0, int(s))
    days, rest = divmod(whole, 86400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {clock}" if days else clock


def format_eta(s: float) -> str:
    """What is left, in the two units that matter: "40 s", "4 min 10 s", "28 min", "1 h 28 min", "3 d 4 h".

    "—" for a negative number, which means not known."""
    if s < 0:
        return "—"
    whole = round(s)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 1440:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    hours = round(whole / 3600)
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def size_text(n: int) -> str:
    """The size as a person would type it, "5MiB"; in plain bytes where that would round it."""
    short = format_bytes(n).replace(" ", "")
    return short if parse_size(short) == n else str(n)


def format_count(n: int) -> str:
    """Groups of three with plain spaces: "1 204 331"."""
    return f"{n:,}".replace(",", " ")


def short_count(n: int) -> str:
    """At most four characters: "999", "1.2k", "41k", "1.2M"."""
    value, unit = float(n), ""
    for following in ("k", "M", "G", "T"):
        if abs(value) < 999.5:
            break
        value, unit = value / 1000, following
    if not unit:
        return str(n)
    return f"{value:.1f}{unit}" if abs(value) < 9.95 else f"{value:.0f}{unit}"


def format_when(ts: float, now: float) -> str:
    """A moment in local time: "14:03" today, else "2026-01-12 14:03"; empty for 0, which means never."""
    if ts <= 0:
        return ""
    moment, today = time.localtime(ts), time.localtime(now)
    same_day = moment[:3] == today[:3]
    return time.strftime("%H:%M" if same_day else "%Y-%m-%d %H:%M", moment)


def parse_size(text: str) -> int:
    """Bytes of "50MiB", "5GB", "1.5 GiB", "10M" (1024-based) or "1024".

    Raises ValueError with a sentence for people."""
    match = _SIZE.fullmatch(text)
    factor = _FACTORS.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"{text!r} is not a size: write it like 50MiB, 5GB or 1048576")
    whole, _, fraction = match[1].partition(".")
    size = int(whole or 0) * factor
    if fraction:
        size += int(fraction) * factor // 10 ** len(fraction)
    if size >= 2**63:
        raise ValueError(f"{text!r} is more than any disk holds")
    return size


def parse_rate(text: str) -> int:
    """Bytes a second of "50MiB/s" or "50MiB"; 0 and "off" mean no limit. Raises ValueError."""
    written = text.strip()
    if written.lower() == "off":
        return 0
    try:
        return parse_size(written.removesuffix("/s"))
    except ValueError:
        raise ValueError(f"{text!r} is not a rate: write it like 50MiB/s, 5MB or off") from None


_LENGTH = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m(?:in)?)?(?:(\d{1,7}(?:\.\d{1,3})?)s?)?", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds of "90", "90s", "15m", "2h" or "1h30m"; spaces do not matter. Raises ValueError for people."""
    match = _LENGTH.fullmatch(text.replace(" ", ""))
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is not a length of time: write it like 90s, 15m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def duration_text(seconds: float) -> str:
    """The same as a person would type it: "1h30m", "90s"; empty for 0."""
    if seconds != int(seconds) or seconds % 60:
        return f"{seconds:g}s"
    hours, minutes = divmod(int(seconds) // 60, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "")
