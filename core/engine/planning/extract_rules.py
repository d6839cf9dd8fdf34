"""What a job that extracts archives must be like; refused before anything is looked at."""

from __future__ import annotations

from core.errors import Code, HaulierError
from core.model import JobKind, JobSpec


def check_extract(spec: JobSpec) -> None:
    """Raises HaulierError (usage) for a job whose `extract` and `delete_tar` make no sense together with the
    rest."""
    options = spec.options
    if options.delete_tar and not options.extract:
        raise HaulierError(
            Code.USAGE, "only archives that are extracted are deleted", "use --extract with --delete-tar"
        )
    if not options.extract:
        return
    if spec.kind is JobKind.VERIFY:
        raise HaulierError(Code.USAGE, "a verify extracts nothing", "leave --extract out")
    if options.delete:
        raise HaulierError(
            Code.USAGE,
            "a sync that deletes cannot extract: what comes of archives is not at the source, and the next "
            "sync would delete it",
            "leave --delete or --extract out",
        )
    for pair in spec.pairs:
        if pair.target.kind != "local":
            raise HaulierError(
                Code.USAGE,
                f"{pair.target}: archives are extracted only into folders of this machine",
                "leave --extract out, or name a folder as the target",
            )
