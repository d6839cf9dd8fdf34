"""Which source goes where."""

from __future__ import annotations

import pytest

from core.errors import HaulierError
from core.model import Place
from tests.app.recorded import s3
from tui.draft import (
    BucketPerBucket,
    Draft,
    IntoPlace,
    as_prefix,
    check_bucket_name,
    folder_names,
    pairs_of,
    summary,
)

HERE = Place(kind="local", path="/data/")


def targets(sources: list[Place], destination: IntoPlace | BucketPerBucket) -> list[str]:
    return [str(pair.target) for pair in pairs_of(sources, destination)]


def test_one_source_goes_straight_into_the_place_and_several_get_a_folder_each() -> None:
    """One bucket's content lands in the folder itself; of several buckets none mixes with another."""
    assert targets([s3("prod", "logs")], IntoPlace(HERE)) == ["/data/"]
    assert targets([s3("prod", "logs"), s3("prod", "www")], IntoPlace(HERE)) == ["/data/logs/", "/data/www/"]
    assert targets([s3("prod", "logs")], IntoPlace(HERE, own_folders=True)) == ["/data/logs/"]


def test_sources_of_the_same_last_name_are_told_apart_by_their_whole_path() -> None:
    """`a/x/` and `b/x/` do not end in one folder `x`."""
    sources = [s3("prod", "one", "a/x/"), s3("prod", "one", "b/x/"), s3("dr", "x")]
    assert folder_names(sources) == ["one/a/x", "one/b/x", "x"]


def test_a_bucket_for_each_bucket_takes_the_pattern() -> None:
    """`{bucket}` is the source's name; a prefix below the bucket is kept."""
    sources = [s3("prod", "logs-app"), s3("prod", "logs-edge", "2026/")]
    assert targets(sources, BucketPerBucket("dr")) == ["dr:logs-app/", "dr:logs-edge/2026/"]
    assert targets(sources, BucketPerBucket("dr", "copy-of-{bucket}"))[0] == "dr:copy-of-logs-app/"


@pytest.mark.parametrize(
    ("sources", "destination", "says"),
    [
        ([], IntoPlace(HERE), "Nothing is chosen"),
        ([s3("prod", "a"), s3("prod", "b")], BucketPerBucket("dr", "fixed"), "same place"),
        ([s3("prod", "abc")], BucketPerBucket("prod"), "within each other"),
        ([s3("prod", "abc")], IntoPlace(s3("prod", "abc", "backup/")), "within each other"),
        ([Place(kind="local", path="/data/in/")], IntoPlace(HERE), "within each other"),
        ([s3("prod", "abc")], BucketPerBucket("dr", "{bucket}_copy"), "cannot be a bucket's name"),
        ([HERE], BucketPerBucket("dr"), "no bucket name"),
    ],
)
def test_what_contradicts_itself_is_refused_in_words(
    sources: list[Place], destination: IntoPlace | BucketPerBucket, says: str
) -> None:
    """A copy into itself, two sources in one place, and impossible bucket names are caught before any plan."""
    with pytest.raises(HaulierError, match=says):
        pairs_of(sources, destination)


def test_without_a_target_there_is_no_job() -> None:
    """A draft that is not complete makes no spec."""
    with pytest.raises(HaulierError, match="No target"):
        Draft(sources=(s3("prod", "abc"),)).spec()


@pytest.mark.parametrize("name", ["ab", "UPPER", "under_score", "-begin", "end-", "two..dots", "x" * 64, ""])
def test_names_that_no_bucket_can_have(name: str) -> None:
    """The rules of S3 for bucket names (Amazon S3 User Guide, "Bucket naming rules")."""
    with pytest.raises(HaulierError):
        check_bucket_name(name)


def test_prefixes_and_summaries() -> None:
    """A typed prefix becomes a folder; places of one connection are named together."""
    assert [as_prefix(text) for text in ("", "/", "a", "/a/b/")] == ["", "", "a/", "a/b/"]
    assert summary([s3("prod", "a"), s3("prod", "b", "x/"), s3("dr", "c")]) == "prod:a, b/x/, dr:c"
