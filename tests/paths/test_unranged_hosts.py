"""A list over two servers, of which one ignores ranges."""

from __future__ import annotations

from pathlib import Path

from core.messages import ReadLog
from core.model import Place
from tests.nginx import nginx
from tests.paths.driving import MIB, Haulier, fill, here, tree


async def test_one_of_two_hosts_ignores_ranges(haulier: Haulier, tmp_path: Path) -> None:
    """Its large files come in one stream each; those of the other one in parts all the same."""
    for name in ("one", "two"):
        for number in range(3):
            fill(tmp_path / "served" / name / f"{name}-{number}", 20 * MIB, seed=number)
    served, folder = tmp_path / "served", tmp_path / "nginx"
    with nginx(served, folder / "a") as ranged, nginx(served, folder / "b", "max_ranges 0;") as unranged:
        urls = tmp_path / "urls"
        lines = [f"{ranged}/one/one-{n}" for n in range(3)] + [f"{unranged}/two/two-{n}" for n in range(3)]
        urls.write_text("\n".join(lines))
        await haulier.copied(Place(kind="list", path=str(urls)), here(tmp_path / "out"))
        asked = [(folder / side / "access.log").read_text().splitlines() for side in "ab"]
    expected = {**tree(served / "one"), **tree(served / "two")}
    assert tree(tmp_path / "out") == expected
    partial = [line for line in asked[0] if '" 206 ' in line]
    assert len(partial) >= 3 * 3, "in parts"
    assert not [line for line in asked[1] if '" 206 ' in line]
    told = [n.text for n in (await haulier.call(ReadLog())).notices if "read whole" in n.text]
    assert len(told) == 1
