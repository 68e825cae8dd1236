"""The rate that leaves room in the table of connections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.model.scan import Method
from portulan.model.tracking import Tracking
from portulan.scan.tracked import rate_below


def table(most=262_144, held=0):
    return Tracking(most, held, syn_sent_s=120.0, close_s=10.0, udp_s=30.0)


@pytest.mark.parametrize(
    ("tracking", "method", "pairs", "rate"),
    [
        (None, Method.CONNECT, 10**9, None),
        (table(), Method.SYN, 10**9, None),
        (table(), Method.LOCAL, 10**9, None),
        (table(), Method.CONNECT, 1000, None),
        (table(), Method.CONNECT, 65_536, 131_072 / 120),
        (table(), Method.UDP, 65_536, 131_072 / 30),
        (table(held=262_144), Method.CONNECT, 1000, 1.0),
        (table(held=300_000), Method.UDP, 1, 1.0),
    ],
)
def test_rates(tracking, method, pairs, rate):
    assert rate_below(tracking, method, pairs) == rate


@given(st.integers(1000, 10**7), st.floats(0, 1), st.integers(1, 10**9), st.sampled_from([Method.CONNECT, Method.UDP]))
def test_silence_never_takes_more_than_half_of_what_is_free(most, share, pairs, method):
    tracking = table(most, int(most * share))
    rate = rate_below(tracking, method, pairs)
    hold_s = 30 if method is Method.UDP else 120
    within = pairs * 3 if rate is None else rate * hold_s
    assert within <= max(tracking.free / 2, hold_s) * (1 + 1e-9)
