"""What can be said of a job's record files before it begins."""

from __future__ import annotations

from pathlib import Path

from core.engine.records.ledger import DOWNLOAD_LOG, FAILED, FOLDERS
from core.errors import Code, HaulierError
from core.model import JobOptions, JobSpec

FLAGS = {DOWNLOAD_LOG: "--csv", FOLDERS: "--progress-csv", FAILED: "--failed-log"}


def record_paths(options: JobOptions) -> dict[str, Path]:
    """The files that are wanted, by kind; links are followed, so that a rename meets the file itself."""
    return {
        kind: Path(path).resolve() for kind, path in ((kind, getattr(options, kind)) for kind in FLAGS) if path
    }


def check_records(spec: JobSpec) -> None:
    """Raises HaulierError (usage) that names the option at fault."""
    paths = record_paths(spec.options)
    seen: dict[Path, str] = {}
    for kind, path in paths.items():
        flag = FLAGS[kind]
        if not Path(getattr(spec.options, kind)).is_absolute():
            raise HaulierError(Code.USAGE, f"{flag} {path}: an absolute path is needed")
        if path.is_dir() or (path.exists() and not path.is_file()):
            raise HaulierError(Code.USAGE, f"{flag} {path}: is no plain file", "name a file")
        if not path.parent.is_dir():
            raise HaulierError(
                Code.USAGE, f"{flag} {path}: the folder {path.parent} does not exist", "make it first"
            )
        if path in seen:
            raise HaulierError(Code.USAGE, f"{flag} and {seen[path]} name the same file, {path}")
        seen[path] = flag
        _check_apart(spec, flag, path)


def _check_apart(spec: JobSpec, flag: str, path: Path) -> None:
    """A file that grows while the job looks at it would be moved half, or deleted as one too many."""
    for pair in spec.pairs:
        for place, deletes in ((pair.source, True), (pair.target, spec.options.delete)):
            if place.kind == "local" and deletes and path.is_relative_to(Path(place.path).resolve()):
                raise HaulierError(
                    Code.USAGE,
                    f"{flag} {path} lies inside {place}, which this job works on",
                    "put it into another folder",
                )
