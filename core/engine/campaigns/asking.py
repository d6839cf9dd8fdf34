"""What can be refused of a job in batches before anything is looked at."""

from __future__ import annotations

from pathlib import Path

from core.batches.packing import Capacity
from core.engine.campaigns.packed import capacity_of
from core.errors import Code, HaulierError
from core.model import JobKind, JobSpec, Pair
from core.units import format_bytes


def check_campaign(spec: JobSpec, *, start: bool) -> None:
    """Raises HaulierError (usage, or refused for a `start`) when a spec with `batches` cannot be."""
    ask = spec.batches
    if ask is None:
        return
    if spec.kind is not JobKind.COPY or spec.broken_of:
        raise HaulierError(Code.USAGE, "only a copy is made in batches", "leave the batches out")
    if spec.options.extract:
        raise HaulierError(
            Code.USAGE,
            "archives are not extracted in batches: how much space they take then is not known beforehand",
            "copy the archives in batches, and extract them from the disks afterwards",
        )
    if not 0 < ask.margin <= 1:
        raise HaulierError(
            Code.USAGE, f"the margin is a share of the space, above 0 and up to 1, not {ask.margin:g}"
        )
    if ask.block < 1 or ask.inodes < 0 or ask.space < 1:
        raise HaulierError(Code.USAGE, "space and block size are numbers of bytes above 0, inodes not below 0")
    capacity: Capacity = capacity_of(ask)
    if capacity.space < capacity.block:
        raise HaulierError(Code.USAGE, f"disks of {format_bytes(ask.space)} have no room for a single file")
    for pair in spec.pairs:
        if pair.target.kind != "local":
            raise HaulierError(
                Code.USAGE,
                f"{pair.target}: batches go to disks of this machine",
                "name the folder where the first disk is mounted",
            )
        refuse_inside(pair, pair.target.path)
    if start:
        raise HaulierError(
            Code.REFUSED,
            "a job in batches is planned first; then it moves batch by batch",
            "plan it, then `haulier batch continue JOB 1 FOLDER`",
        )


def refuse_inside(pair: Pair, target: str) -> None:
    """Raises HaulierError (refused) for a disk's folder that lies in what is copied, or is it."""
    if pair.source.kind != "local":
        return
    source, there = Path(pair.source.path).resolve(), Path(target).resolve()
    if there == source or source in there.parents:
        raise HaulierError(
            Code.REFUSED,
            f"{target} lies inside {pair.source}, which is to be copied",
            "name a folder elsewhere",
        )
