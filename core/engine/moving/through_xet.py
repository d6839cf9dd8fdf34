"""Jobs whose files are to come through Xet, the Hub's own storage protocol (core/stores/hub/xet.py)."""

from __future__ import annotations

from core.engine.storebook import StoreBook
from core.errors import Code, HaulierError
from core.model import JobKind, JobSpec


def check_xet(spec: JobSpec, stores: StoreBook) -> None:
    """Raises HaulierError (usage) for a job that asks for Xet and cannot have it. No server is asked."""
    if spec.options.tool != "xet":
        return
    for pair in spec.pairs:
        why = "nothing is fetched to verify" if spec.kind is JobKind.VERIFY else ""
        why = why or (f"{pair.source} is another" if pair.source.kind != "hub" else "")
        if why:
            raise HaulierError(
                Code.USAGE, f"xet fetches files of Hubs: {why}", "leave --tool out, or use --tool native"
            )
        stores.hub(pair.source.connection, spec.adhoc).reading.xet.need()
