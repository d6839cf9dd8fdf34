"""Options as typed, and back."""

from __future__ import annotations

import pytest

from core.model import Compare, JobKind, JobOptions
from core.safe_text import cell_width
from tui import batch_fields
from tui.option_fields import asks, fields_for, meaning, read
from tui.widgets.heading import wrapped


def typed(options: JobOptions, kind: JobKind = JobKind.SYNC) -> dict[str, str]:
    return {ask.name: ask.value for ask in asks(kind, options)}


@pytest.mark.parametrize(
    "options",
    [
        JobOptions(),
        JobOptions(
            include=("*.json", "logs/", "with space", "it's"), exclude=("*.tmp",), workers=12, connections=4,
            part_size=64 * 1024**2, bandwidth=50 * 1024**2, compare=Compare.CHECKSUM, skip_smaller_than=1024,
            storage_class="GLACIER", names="escape", links="follow", on_unfinished="clean", server_side=False,
            delete=True, retry="quick",
            reserve=10 * 1024**3 + 1, file_seconds=5400,
        ),
    ],
)  # fmt: skip
def test_what_the_form_shows_reads_back_as_the_same_options(options: JobOptions) -> None:
    """Going back and forth through the form changes nothing."""
    kind, again, wrong = read(typed(options))
    assert (kind, again, wrong) == (JobKind.SYNC, options, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [("workers", "0"), ("workers", "many"), ("workers", "³"), ("connections", "65"), ("bandwidth", "fast"),
     ("part_size", "1MiB"), ("skip_smaller_than", "-1"), ("include", "'open"), ("reserve", "half"),
     ("file_seconds", "long")],
)  # fmt: skip
def test_a_wrong_value_is_named_at_its_field(name: str, text: str) -> None:
    """The words stand beside the field that they are about, and nowhere else."""
    _, _, wrong = read({**typed(JobOptions()), name: text})
    assert list(wrong) == [name]


@pytest.mark.parametrize("options", [JobOptions(), JobOptions(delete=True, extract=True, retry="1,2x3")])
def test_what_is_said_fits_beside_and_below_the_field(options: JobOptions) -> None:
    """At 80 columns nothing of the meanings is cut: 33 cells beside a field, two lines below the form."""
    for ask in [*asks(JobKind.COPY, options), *batch_fields.asks(None)]:
        for value in [ask.value, *(value for value, _ in ask.choices)]:
            told = meaning(ask.name, value) or batch_fields.meaning(ask.name, value) or ask.meaning
            assert cell_width(told) <= 33, (ask.name, told)
        assert len(wrapped(ask.more, 80, indent=" ")) <= 2, ask.more


def test_deleting_is_off_and_belongs_to_sync_alone() -> None:
    """The default keeps what only the target has; a copy never deletes, whatever a hidden field says."""
    assert typed(JobOptions())["delete"] == "no"
    _, options, _ = read({"kind": "copy", "delete": "yes"})
    assert options.delete is False
    assert "delete" not in fields_for(JobKind.COPY, from_s3=True, to_s3=True, to_disk=False)
