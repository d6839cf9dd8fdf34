"""What is proven, by what, and what is never called damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from awscrt.checksums import crc64nvme
from hypothesis import given
from hypothesis import strategies as st

from core.engine.moving.large import spans_in_segments, spans_of
from core.engine.proving.evidence import (
    CRCS,
    MD5,
    Evidence,
    digest_of,
    digests_in,
    digests_of_chunks,
    evidence_for,
    pieces_of,
    prove,
    written,
)
from core.engine.proving.item_proof import DownloadProof, RelayProof
from core.engine.proving.proof import SIZE_ONLY
from core.errors import IntegrityTrouble
from core.model import Entry
from core.stores.base import Metadata, ObjectInfo, PartReceipt

MIB = 1 << 20
KINDS = ["md5", "sha256", "sha1", "crc64nvme", "crc32c", "crc32"]
WORDS = {**{kind: kind for kind in KINDS}, "md5": "etag-md5"}


def kept(kind: str, data: bytes, segment: int = 0) -> str:
    """As a store keeps it: of the whole, or made of the digests of segments."""
    if not segment:
        return written(kind, digest_of(kind, data))
    digests = digests_in(data, kind, pieces_of(len(data), segment))
    return f"{written(kind, digest_of(kind, b''.join(digests)))}-{len(digests)}"


def told(
    data: bytes, *kinds: str, segment: int = 0, part_size: int = 0, opaque: bool = False, etag: str = ""
) -> tuple[Entry, ObjectInfo]:
    """An object whose store keeps digests of these kinds; `segment` 0: of the whole."""
    values = {kind: kept(kind, data, segment) for kind in kinds}
    entry = Entry(key="k", size=len(data), etag=values.pop(MD5, etag))
    metadata = Metadata(composites=values) if segment else Metadata(checksums=values)
    return entry, ObjectInfo(entry=entry, metadata=metadata, part_size=part_size, opaque_etag=opaque)


def proof_of(data: bytes, entry: Entry, info: ObjectInfo, cut: Sequence[int] = ()) -> str:
    return prove(
        evidence_for(entry, info),
        len(data),
        lambda kind, sizes: digests_in(data, kind, sizes),
        lambda count: list(cut) if len(cut) == count else [],
        "k",
    )


DATA = bytes(range(251)) * 40


@pytest.mark.parametrize("data", [b"", b"x", DATA], ids=["empty", "one", "some"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_digest_of_the_whole_proves(kind: str, data: bytes) -> None:
    """Each kind a store may keep is recomputed; other bytes of the same length are damage."""
    entry, info = told(data, kind)
    assert proof_of(data, entry, info) == WORDS[kind]
    if data:
        with pytest.raises(IntegrityTrouble, match="does not give"):
            proof_of(data[:-1] + b"\xff", entry, info)


@pytest.mark.parametrize("kind", ["md5", "sha256", "sha1", "crc32c", "crc32"])
def test_a_digest_of_parts_proves(kind: str) -> None:
    """Where the store tells the size of the parts; the last one is shorter."""
    entry, info = told(DATA, kind, segment=3000, part_size=3000)
    assert proof_of(DATA, entry, info) == WORDS[kind]
    with pytest.raises(IntegrityTrouble):
        proof_of(DATA[:-1] + b"\xff", entry, info, cut=pieces_of(len(DATA), 3000))


def test_the_order_of_trust() -> None:
    """sha256, crc64nvme, ETag, sha1, crc32c, crc32; of the whole before of the parts; guesses last."""
    metadata = Metadata(
        checksums={kind: kept(kind, DATA) for kind in KINDS[1:]},
        composites={kind: kept(kind, DATA, 3000) for kind in ("sha256", "crc32c")},
    )
    entry = Entry(key="k", size=len(DATA), etag=kept(MD5, DATA))
    found = evidence_for(entry, ObjectInfo(entry=entry, metadata=metadata, part_size=3000))
    assert [(one.kind, bool(one.parts)) for one in found] == [
        ("sha256", False), ("sha256", True), ("crc64nvme", False), ("md5", False), ("sha1", False),
        ("crc32c", False), ("crc32c", True), ("crc32", False),
    ]  # fmt: skip
    guessed = ObjectInfo(entry=Entry(key="k", size=12 * MIB, etag=f"{'0' * 32}-2"), metadata=metadata)
    assert [one.sure for one in evidence_for(guessed.entry, guessed)] == [True] * 5 + [False] * 1


@pytest.mark.parametrize("etag", ["", "opaque", "0" * 32 + "-0", "A" * 32, "0" * 31])
def test_nothing_to_compare_is_size_only(etag: str) -> None:
    """ETags of no known shape prove nothing and damage nothing."""
    assert proof_of(DATA, *told(DATA, etag=etag)) == SIZE_ONLY


@pytest.mark.parametrize("etag", ["0" * 32, "0" * 32 + "-2"])
def test_an_opaque_etag_of_any_shape_is_no_damage(etag: str) -> None:
    """KMS and customer keys: honest about it, and a checksum still proves."""
    assert proof_of(DATA, *told(DATA, etag=etag, opaque=True)) == SIZE_ONLY
    for kind in KINDS[1:]:
        assert proof_of(DATA, *told(DATA, kind, etag=etag, opaque=True)) == kind


def test_an_etag_that_only_looks_like_an_md5_is_no_damage() -> None:
    """Nothing said that it is opaque, and the checksum agrees: the content is what the store got."""
    for kind in KINDS[1:]:
        assert proof_of(DATA, *told(DATA, kind, etag="0" * 32)) == kind


def test_a_stale_checksum_beside_a_right_etag_is_no_damage() -> None:
    """Some servers keep the headers of an earlier content: the MD5 of these bytes is evidence enough."""
    entry, _ = told(DATA, MD5)
    metadata = Metadata(checksums={"crc64nvme": kept("crc64nvme", b"other")})
    assert proof_of(DATA, entry, ObjectInfo(entry=entry, metadata=metadata)) == "etag-md5"


def test_a_guessed_part_size_can_only_agree() -> None:
    """A right guess proves; a wrong one says nothing."""
    data = bytes(12 * MIB)
    assert proof_of(data, *told(data, MD5, segment=8 * MIB)) == "etag-md5"
    assert proof_of(data, *told(data, MD5, segment=7 * MIB)) == SIZE_ONLY


def test_parts_of_unlike_sizes() -> None:
    """Only part 1 was told: its size fits the count, the others have other sizes, which the store tells."""
    cut = [4000, 4010, 2030]
    digests = digests_in(DATA, MD5, cut)
    etag = f"{hashlib.md5(b''.join(digests)).hexdigest()}-3"
    entry = Entry(key="k", size=len(DATA), etag=etag)
    info = ObjectInfo(entry=entry, part_size=4000)
    assert proof_of(DATA, entry, info, cut) == "etag-md5"
    assert proof_of(DATA, entry, info) == SIZE_ONLY  # the store does not say: nothing is known
    with pytest.raises(IntegrityTrouble):
        proof_of(DATA[:-1] + b"\xff", entry, info, cut)


@given(st.binary(max_size=400), st.integers(1, 100), st.sampled_from(KINDS))
def test_digests_of_what_is_read_back(data: bytes, piece: int, kind: str) -> None:
    """The same from memory and through a reader."""
    sizes = pieces_of(len(data), piece)
    assert sum(sizes) == len(data)
    assert digests_of_chunks(lambda at, n: data[at : at + n], kind, sizes) == digests_in(data, kind, sizes)


# ---------------------------------------------------------------- large items


class Mute:
    """A store that tells nothing of parts."""


def receipts(data: bytes, spans: Sequence[tuple[int, int, int]]) -> list[PartReceipt]:
    return [
        PartReceipt(
            number=number,
            offset=offset,
            size=length,
            md5=hashlib.md5(data[offset : offset + length]).hexdigest(),
            crc64=crc64nvme(data[offset : offset + length]),
        )
        for number, offset, length in spans
    ]


@given(
    data=st.binary(min_size=1, max_size=300),
    kind=st.sampled_from(KINDS),
    segment=st.integers(0, 120),
    wanted=st.integers(1, 90),
    choices=st.data(),
)
def test_a_download_is_proven_whatever_the_order(
    data: bytes, kind: str, segment: int, wanted: int, choices: st.DataObject
) -> None:
    """Parts in any order, some of them from an earlier try; one flipped bit is found."""
    segment = 0 if kind == "crc64nvme" else min(segment, len(data))
    entry, info = told(data, kind, segment=segment, part_size=segment, opaque=kind != MD5)
    broken = choices.draw(st.none() | st.integers(0, len(data) - 1))
    arrived = data if broken is None else data[:broken] + bytes([data[broken] ^ 1]) + data[broken + 1 :]
    proof = DownloadProof(Mute(), entry, info, "k")  # type: ignore[arg-type]
    spans = spans_in_segments(len(data), proof.segment, wanted)
    parts = receipts(arrived, spans)
    there = [part for part in parts if choices.draw(st.booleans())]
    proof.begin(lambda at, n: arrived[at : at + n], there)
    for part in choices.draw(st.permutations([part for part in parts if part not in there])):
        piece = arrived[part.offset : part.offset + part.size]
        inline = proof.digest.begin(part.offset) if proof.digest is not None else None
        if inline is not None:
            inline.update(piece)
            inline.finish()
        proof.part_done(part.offset, part.size, proof.crc(piece, 0) if proof.crc is not None else 0)
    assert proof.complete
    if broken is None:
        assert proof.prove(parts) == WORDS[kind]
    elif segment and -(-len(data) // segment) > 1:  # a store that does not tell its parts leaves it open
        assert proof.prove(parts) == SIZE_ONLY
    else:
        with pytest.raises(IntegrityTrouble):
            proof.prove(parts)


def test_no_hash_in_order_where_a_crc64_is_kept() -> None:
    """The chain of MD5s front to back is what limited large downloads: it is not even begun."""
    proof = DownloadProof(Mute(), *told(DATA, MD5, "crc64nvme"), "k")  # type: ignore[arg-type]
    proof.begin(lambda _at, _n: b"", [])
    assert proof.digest is None
    assert proof.prove(receipts(DATA, spans_of(len(DATA), 999))) == "crc64nvme"
    assert DownloadProof(Mute(), *told(DATA, MD5), "k").segment == len(DATA)  # type: ignore[arg-type]


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("in_parts", [False, True])
def test_a_relay_is_proven_as_far_as_it_can_be(kind: str, in_parts: bool, resumed: bool) -> None:
    """Of a relay taken up again only what was recorded counts: CRC64NVME of the whole and MD5s of the parts."""
    if in_parts and kind == "crc64nvme":
        return
    entry, info = told(DATA, kind, segment=3000 if in_parts else 0, part_size=3000 if in_parts else 0)
    parts = receipts(DATA, spans_of(len(DATA), 3000))
    proof = RelayProof(Mute(), entry, info, "k")  # type: ignore[arg-type]
    for _ in range(2):  # begun again: what passed before does not count twice
        proof.begin(3000, parts[:1] if resumed else [])
        for part in parts[1 if resumed else 0 :]:
            proof.absorb(part.offset, DATA[part.offset : part.offset + part.size])
    recorded = kind == "crc64nvme" or (kind == MD5 and in_parts)
    assert proof.prove(parts) == (WORDS[kind] if recorded or not resumed else SIZE_ONLY)
    if recorded and not in_parts:
        wrong = receipts(DATA[:-1] + b"\xff", spans_of(len(DATA), 3000))
        with pytest.raises(IntegrityTrouble):
            proof.prove(wrong)


def test_a_relay_in_other_parts_is_not_proven_by_the_etag() -> None:
    """The ETag's parts are not those that pass."""
    proof = RelayProof(Mute(), *told(DATA, MD5, segment=3000, part_size=3000), "k")  # type: ignore[arg-type]
    proof.begin(4000, [])
    assert proof.prove(receipts(DATA, spans_of(len(DATA), 4000))) == SIZE_ONLY


def test_crc_kinds_are_those_that_combine() -> None:
    """Every CRC that a store may keep has its function, and its evidence says so."""
    assert set(CRCS) == {"crc64nvme", "crc32c", "crc32"}
    assert all(Evidence(kind, "", 1).is_crc == (kind in CRCS) for kind in KINDS)
