"""The options of a job in a sentence, the same for both faces."""

from __future__ import annotations

from core.model import Compare, JobOptions
from core.safe_text import safe_text
from core.units import duration_text, format_bytes, format_rate


def option_words(options: JobOptions) -> str:
    """Only the choices that differ from the defaults."""
    words: list[str] = []
    if options.include:
        words.append("only " + " ".join(safe_text(glob, 30) for glob in options.include))
    if options.exclude:
        words.append("without " + " ".join(safe_text(glob, 30) for glob in options.exclude))
    if options.compare is not Compare.TIME:
        words.append(f"compare by {options.compare}")
    if options.skip_smaller_than:
        words.append(f"skip below {format_bytes(options.skip_smaller_than)}")
    if options.links != "skip":
        words.append("follow links" if options.links == "follow" else "follow all links")
    if options.names == "escape":
        words.append("escape odd names")
    if options.workers:
        words.append(f"{options.workers} files at once")
    if options.connections:
        words.append(f"{options.connections} connections per file")
    if options.part_size:
        words.append(f"parts of {format_bytes(options.part_size)}")
    if options.timetable or options.bandwidth:
        words.append(f"limit {safe_text(options.timetable, 40) or format_rate(options.bandwidth)}")
    if options.storage_class:
        words.append(f"class {safe_text(options.storage_class, 24)}")
    if not options.server_side:
        words.append("never server side")
    if options.on_unfinished == "clean":
        words.append("unfinished uploads are removed first")
    if options.tool != "native":
        words.append(f"fetched by {options.tool}")
    if options.extract:
        words.append("archives extracted" + (", then deleted" if options.delete_tar else ""))
    if options.file_seconds:
        words.append(f"{duration_text(options.file_seconds)} a file at most")
    if options.retry != JobOptions().retry:
        words.append(f"retry {safe_text(options.retry, 20)}")
    return " · ".join(words)
