"""A bucket with twins onto a disk that does not tell letter case apart, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model import Action, JobKind, JobState
from tests.folding_disks import KINDS, folding_disk
from tests.paths.driving import Haulier, at, connection_of, digests, here, put_all, tree
from tests.servers import S3Server

KEYS = {
    "README": b"1",
    "readme": b"22",
    "Dir/a": b"333",
    "dir/b": b"4444",
    "caf\u00e9": b"5",
    "cafe\u0301": b"66",
    "plain": b"7",
    "what?": b"8",
    "dot.": b"9",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_twins_on_a_disk_that_folds(
    haulier: Haulier, moto_server: S3Server, tmp_path: Path, kind: str
) -> None:
    """Told, no file holds another key's bytes and the rest arrives; escaped, everything arrives, nothing is
    to do afterwards, a sync deletes none of it, and uploaded again the keys are what they were."""
    await haulier.save(connection_of(moto_server))
    bucket, back = moto_server.new_bucket(), moto_server.new_bucket()
    put_all(moto_server, bucket, KEYS.items())
    wanted = digests(moto_server, bucket)
    with folding_disk(kind, tmp_path) as disk:
        told = disk / "told"
        view = await haulier.submit(at(moto_server, bucket), here(told))
        view = await haulier.ends(view.id, JobState.PARTIAL)
        impossible = {item.filename for item in await haulier.items(view.id) if item.action is Action.CANNOT}
        assert {"readme", "dir/b"} <= impossible
        assert tree(told) == {name: digest for name, digest in wanted.items() if name not in impossible}

        escaped = disk / "escaped"
        await haulier.copied(at(moto_server, bucket), here(escaped), names="escape")
        assert sorted(tree(escaped).values()) == sorted(wanted.values())
        again = await haulier.planned(
            at(moto_server, bucket), here(escaped), JobKind.SYNC, names="escape", delete=True
        )
        assert again.plan is not None
        counts = (again.plan.copy.count, again.plan.overwrite.count, again.plan.delete.count)
        assert counts == (0, 0, 0), await haulier.items(again.id)
        await haulier.copied(here(escaped), at(moto_server, back), names="escape")
        assert digests(moto_server, back) == wanted
