"""Throughput as a row of blocks, as many lines high as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = " ▁▂▃▄▅▆▇█"


def buckets(samples: Sequence[float], width: int) -> list[float]:
    """At most `width` values, the newest last; each is the mean of an equal stretch of samples."""
    if width <= 0 or not samples:
        return []
    if len(samples) <= width:
        return list(samples)
    per = -(-len(samples) // width)
    first = len(samples) % per
    heads = [samples[:first]] if first else []
    stretches = heads + [samples[i : i + per] for i in range(first, len(samples), per)]
    return [sum(stretch) / len(stretch) for stretch in stretches]


def curve(samples: Sequence[float], width: int, height: int = 1) -> list[str]:
    """Lines from top to bottom, each `width` cells; the newest sample is the last."""
    values = buckets(samples, width)
    top = max(values, default=0.0)
    steps = height * 8
    levels = [
        min(steps, max(1, round(value / top * steps))) if value > 0 and top > 0 else 0 for value in values
    ]
    lines = []
    for row in range(height - 1, -1, -1):
        filled = (max(0, min(8, level - row * 8)) for level in levels)
        lines.append("".join(BLOCKS[eighths] for eighths in filled).ljust(width))
    return lines


def bar(done: float, total: float, width: int) -> tuple[str, str]:
    """The filled and the empty piece of a progress bar, together `width` cells. Heavy and light lines, so
    that it reads without colour."""
    if total <= 0 or width <= 0:
        return "", "─" * max(0, width)
    halves = max(0, min(width * 2, int(done / total * width * 2)))
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    return filled, "─" * (width - len(filled))
