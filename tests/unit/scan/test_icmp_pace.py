"""The pace of refusals: limits are found, and only limits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.scan.icmp_pace import IcmpPace


def play(*, rate, burst, asked_per_s, seconds, lost=0.0, seed=1):
    """What a token bucket answers to even probes over a path with loss: (pace, when it ended)."""
    dice = random.Random(seed)
    pace, tokens, last = IcmpPace(), float(burst), 0.0
    for number in range(int(asked_per_s * seconds)):
        at = number / asked_per_s
        pace.asked(1)
        if dice.random() < lost:
            continue
        tokens = min(burst, tokens + (at - last) * rate)
        last = at
        if tokens >= 1:
            tokens -= 1
            if dice.random() >= lost:
                pace.answered([at + 0.01])
    return pace, seconds


@given(rate=st.sampled_from([0.5, 1, 5, 20, 100]), burst=st.integers(1, 50), seed=st.integers(0, 1000))
def test_a_limit_lies_within_the_bounds(rate, burst, seed):
    pace, now = play(rate=rate, burst=burst, asked_per_s=rate * 20, seconds=(burst + 20) / rate + 0.5, seed=seed)
    found = pace.limit(now)
    assert found is not None
    assert found.low <= rate <= found.high
    assert found.low <= found.per_s <= found.high
    assert abs(found.per_s / rate - 1) < 0.15


def test_it_is_learnt_in_ten_seconds():
    found = play(rate=1, burst=6, asked_per_s=1000, seconds=11)[0].limit(11)
    assert found is not None
    assert found.per_s == pytest.approx(1, abs=0.06)
    assert found.burst == 6
    least, most = found.time_for(65_000)
    assert least < 65_000 < most


@pytest.mark.parametrize("lost", [0.0, 0.05, 0.2])
def test_no_limit_is_seen_where_there_is_none(lost):
    pace, now = play(rate=1e9, burst=1e9, asked_per_s=1000, seconds=5, lost=lost)
    assert pace.limit(now) is None


def test_loss_slows_the_pace_that_is_seen_no_more_than_it_loses():
    found = play(rate=10, burst=6, asked_per_s=2000, seconds=30, lost=0.2)[0].limit(30)
    assert found is not None
    assert found.per_s == pytest.approx(8, rel=0.25)


def test_a_burst_alone_is_no_pace():
    pace = IcmpPace()
    pace.asked(10_000)
    pace.answered(number * 0.0001 for number in range(6))
    assert pace.limit(0.1) is None
    assert pace.limit(5) is None


def test_silence_is_no_pace():
    assert IcmpPace().limit(100) is None


def test_memory_is_bounded():
    pace = IcmpPace()
    for second in range(100):
        pace.asked(10_000)
        pace.answered(second + number / 1000 for number in range(1000))
    found = pace.limit(100)
    assert found is not None
    assert found.per_s == pytest.approx(1000, rel=0.02)
    assert len(pace._times) <= 4096
