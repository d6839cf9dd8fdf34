"""The file of presets: what is kept, what never is, and several processes on one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from core.errors import Code, HaulierError
from core.model import BatchAsk, Connection, JobKind, JobOptions, JobSpec, Pair, Place, Preset
from core.presets import PresetRegistry, again, check_preset_name, preset_of


def s3(connection: str, bucket: str) -> Place:
    return Place(kind="s3", connection=connection, bucket=bucket)


SPEC = JobSpec(
    kind=JobKind.SYNC,
    pairs=(Pair(source=s3("prod", "logs"), target=s3("dr", "logs")),),
    options=JobOptions(delete=True, workers=7, include=("*.json",)),
    batches=BatchAsk(space=10**12),
)


@pytest.fixture
def presets(tmp_path: Path) -> PresetRegistry:
    return PresetRegistry(tmp_path / "config" / "presets.json")


def test_a_preset_comes_back_as_it_was(presets: PresetRegistry, tmp_path: Path) -> None:
    """Kind, pairs, options and batches; in the order of names; another process sees it; only the owner may."""
    presets.keep(preset_of("nightly", SPEC, "every night"))
    presets.keep(preset_of("Archive", structs.replace(SPEC, kind=JobKind.COPY)))
    again = PresetRegistry(tmp_path / "config" / "presets.json")
    assert [each.name for each in again.list()] == ["Archive", "nightly"]
    assert again.list()[1].spec == SPEC
    assert again.list()[1].made > 0
    assert (tmp_path / "config" / "presets.json").stat().st_mode & 0o777 == 0o600


def test_a_name_is_taken_only_when_that_is_said(presets: PresetRegistry) -> None:
    """The same once more changes nothing; another job under the name is refused, or replaces it."""
    first = presets.keep(preset_of("nightly", SPEC))
    assert presets.keep(preset_of("nightly", SPEC)) == first
    other = structs.replace(SPEC, kind=JobKind.COPY)
    with pytest.raises(HaulierError) as refused:
        presets.keep(preset_of("nightly", other))
    assert refused.value.code is Code.REFUSED
    assert presets.list()[0].spec == SPEC
    presets.keep(preset_of("nightly", other), replace=True)
    assert presets.list()[0].spec == other


def test_renaming_and_dropping(presets: PresetRegistry) -> None:
    """A name that is taken, wrong or missing changes nothing."""
    presets.keep(preset_of("a", SPEC))
    presets.keep(preset_of("b", SPEC))
    with pytest.raises(HaulierError, match="already"):
        presets.rename("a", "b")
    with pytest.raises(HaulierError, match="cannot be the name"):
        presets.rename("a", "no/such")
    with pytest.raises(HaulierError, match="There is no preset x"):
        presets.rename("x", "y")
    assert [each.name for each in presets.rename("a", "c")] == ["b", "c"]
    assert [each.name for each in presets.rename("c", "c")] == ["b", "c"]
    assert [each.name for each in presets.drop("b")] == ["c"]
    with pytest.raises(HaulierError) as missing:
        presets.drop("b")
    assert missing.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("name", ["", "7", "no space", "-x", "a/b", "é", "x" * 65, "esc\x1b[2J"])
def test_names_that_cannot_be(name: str) -> None:
    """A number would be a job's; the rest could not be written on a command line."""
    with pytest.raises(HaulierError) as refused:
        check_preset_name(name)
    assert "\x1b" not in refused.value.message


@pytest.mark.parametrize(
    "url",
    ["https://host/x?X-Amz-Signature=secret", "https://me:secret@host/x", "https://host/{id}.tar?sig=secret"],
)
def test_what_may_be_a_secret_is_not_kept(presets: PresetRegistry, url: str) -> None:
    """A signed URL is a key to what it names: neither the file nor the refusal has it."""
    source = Place(kind="web", url=url)
    spec = structs.replace(SPEC, pairs=(Pair(source=source, target=s3("dr", "logs")),))
    with pytest.raises(HaulierError) as refused:
        presets.keep(preset_of("signed", spec))
    assert "secret" not in refused.value.message.replace("may be secret", "")
    assert presets.list() == ()


def test_what_hf_and_s3_mean_is_left_out() -> None:
    """It is said anew by whoever makes the job again."""
    adhoc = Connection(name="s3", endpoint="http://10.0.0.5:9000")
    assert again(structs.replace(SPEC, adhoc=adhoc)) == SPEC
    assert preset_of("x", structs.replace(SPEC, adhoc=adhoc)).spec.adhoc is None


@pytest.mark.parametrize("tie", [{"broken_of": 4}, {"batch_of": 4, "batch": 2}])
def test_a_job_of_another_job_is_not_made_again(tie: dict[str, int]) -> None:
    """A repair and a batch belong to a job, which is named."""
    with pytest.raises(HaulierError, match="job 4"):
        again(structs.replace(SPEC, **tie))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "7"}, "cannot be the name"),
        ({"name": "nightly"}, "a second one of the presets"),
        ({"spec": {"kind": "copy", "pairs": []}}, "moves nothing"),
        ({"spec": {"kind": "dance", "pairs": []}}, "Invalid enum value"),
    ],
)
def test_a_file_changed_by_hand_is_named_with_its_line(
    presets: PresetRegistry, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    """Line and column of what is wrong; nothing is overwritten."""
    presets.keep(preset_of("nightly", SPEC))
    path = tmp_path / "config" / "presets.json"
    file = json.loads(path.read_text())
    file["presets"].append(file["presets"][0] | {"name": "other"} | change)
    path.write_text(json.dumps(file, indent=2))
    damaged = path.read_bytes()
    with pytest.raises(HaulierError, match=words) as refused:
        presets.list()
    assert "line " in refused.value.message
    with pytest.raises(HaulierError):
        presets.keep(Preset(name="new", spec=SPEC))
    assert path.read_bytes() == damaged
