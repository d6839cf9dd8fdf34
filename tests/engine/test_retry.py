from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.network.retry import HOURS, PRESETS, Tries, next_delay, parse_policy
from core.errors import (
    Code,
    DiskTrouble,
    ErrorClass,
    FileTrouble,
    HaulierError,
    IntegrityTrouble,
    NetworkTrouble,
    SourceChanged,
    Throttled,
    TransferError,
)


def delays(policy: str, error: TransferError, tries: int) -> list[float | None]:
    return [next_delay(parse_policy(policy), error, n, 0.0, jitter=1.0) for n in range(1, tries + 1)]


def test_presets_are_those_of_the_contract() -> None:
    """5, 10, 30, 60, 300 s for 48 hours; 5 tries with 2 … 32 s; 30 tries with n × 5 s."""
    trouble = NetworkTrouble("reset")
    assert delays("patient", trouble, 7) == [5, 10, 30, 60, 300, 300, 300]
    assert delays("quick", trouble, 6) == [2, 4, 8, 16, 32, None]
    assert delays("steady", trouble, 31) == [*[5.0 * n for n in range(1, 31)], None]


def test_patient_ends_with_its_budget() -> None:
    """Network errors are tried for 48 hours and not a try longer."""
    policy, trouble = PRESETS["patient"], NetworkTrouble("away")
    assert next_delay(policy, trouble, 1000, 48 * HOURS, jitter=1.0) == 300
    assert next_delay(policy, trouble, 1000, 48 * HOURS + 1, jitter=1.0) is None


def test_classes_have_their_own_ends() -> None:
    """File errors: three tries in all. Digests and changes: four. Fatal ones are not the item's to retry."""
    assert delays("patient", FileTrouble("404"), 4) == [5, 10, None, None]
    assert delays("patient", IntegrityTrouble("md5"), 5) == [5, 10, 30, None, None]
    assert delays("patient", SourceChanged("new"), 5) == [5, 10, 30, None, None]
    assert delays("patient", DiskTrouble("full"), 1) == [None]


def test_written_delays() -> None:
    """`0.1,0.2,0.5x2` means just that."""
    assert delays("0.1, 0.2,0.5x2", NetworkTrouble(""), 5) == [0.1, 0.2, 0.5, 0.5, None]
    assert delays("0.1x20", Throttled(""), 21) == [*[0.1] * 20, None]


@given(
    st.sampled_from(["patient", "quick", "steady", "0.5,1x4"]),
    st.integers(1, 40),
    st.floats(0, 100),
)
def test_jitter_and_the_servers_wish(preset: str, attempt: int, wish: float) -> None:
    """A delay is within a fifth of what the policy says or the server asked for, never shorter than that."""
    policy = parse_policy(preset)
    delay = next_delay(policy, Throttled("slow down", retry_after=wish), attempt, 0.0)
    if policy.tries and attempt > policy.tries:
        assert delay is None
        return
    assert delay is not None
    assert delay >= wish
    own = 0.8 * policy.delay(attempt) <= delay <= 1.2 * policy.delay(attempt)
    assert own or wish <= delay <= 1.2 * wish


def test_kinds_of_tries_are_counted_apart() -> None:
    """What the network cost does not shorten the patience with the file; throttling is the network's, a change
    is as a wrong digest. Where nobody knows how earlier tries failed, each kind has them."""
    tries = Tries()
    assert [tries.add(ErrorClass.NETWORK), tries.add(ErrorClass.THROTTLED), tries.add(ErrorClass.FILE)] == [
        1,
        2,
        1,
    ]
    assert [tries.add(ErrorClass.CHANGED), tries.add(ErrorClass.INTEGRITY)] == [1, 2]
    assert Tries(2).add(ErrorClass.FILE) == 3


@pytest.mark.parametrize("text", ["", "soon", "1,,2", "-1", "1x", "x3", "1;2", "1e3", "nan"])
def test_nonsense_is_refused(text: str) -> None:
    """What is neither a preset nor delays is a usage error that names the text."""
    with pytest.raises(HaulierError) as refused:
        parse_policy(text)
    assert refused.value.code is Code.USAGE
