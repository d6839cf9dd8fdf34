"""HTTP lists from nginx: many small files, and one large one, against aria2c, wget and curl."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.contest import KIB, MIB, Goals, Mover, Row, find, label, serving
from tests.benchmarks.ours import Bench
from tests.nginx import nginx

PEERS = ("aria2c", "wget", "curl")
ARIA2C = "aria2c -x16 -s16 -j16"


def rows(bench: Bench, options: Namespace) -> Iterator[Row]:
    served = bench.folder / "web"
    served.mkdir()
    with nginx(served, bench.folder / "nginx-web") as base:
        server = serving(bench.folder / "nginx-web")
        for count, size, goal in ((options.small, 16 * KIB, 0.4), (1, options.big * MIB, 0.6)):
            urls = [f"{base}/{name}" for name in _filled(served, count, size)]
            name = f"HTTP list (nginx), {count} × {label(size)}"
            movers = _movers(bench, bench.folder / f"urls-{size}.txt", urls)
            yield Row(name, movers, bench.new_folder, count, count * size, server, Goals(of={ARIA2C: goal}))


def _filled(served: Path, count: int, size: int) -> list[str]:
    """Names of new random files."""
    names = [f"{size}-{number:06d}.bin" for number in range(count)]
    for name in names:
        with (served / name).open("wb") as out:
            for start in range(0, size, MIB):
                out.write(os.urandom(min(MIB, size - start)))
    return names


def _movers(bench: Bench, file: Path, urls: list[str]) -> list[Mover]:
    file.write_text("".join(f"{url}\n" for url in urls))
    movers = [bench.mover(f"list:{file}")]
    if aria2c := find("aria2c"):
        words = [aria2c, "--no-conf", "-q", "-x16", "-s16", "-j16", "-i", str(file), "-d"]
        movers.append(Mover(ARIA2C, lambda target: [*words, target], bench.environ))
    if wget := find("wget"):
        plain = [wget, "--no-config", "-q", "-i", str(file), "-P"]
        movers.append(Mover("wget", lambda target: [*plain, target], bench.environ))
    if len(urls) == 1 and (curl := find("curl")):
        one = [curl, "-q", "-s", "-S", "-f", "-O", urls[0], "--output-dir"]
        movers.append(Mover("curl", lambda target: [*one, target], bench.environ))
    return movers
