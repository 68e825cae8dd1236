"""ICMP echo, built and read."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portulan.wire.echo import SIZE, build_echoes, parse_echo


def one_sum(data):
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, (1 << 64) - 1))
def test_every_request_has_a_right_sum_and_comes_back(identifier, sequence, cookie):
    built = build_echoes(4, identifier, sequence, np.array([cookie, 1], np.uint64))
    assert built.shape == (2, SIZE)
    message = built[0].tobytes()
    assert one_sum(message) == 0xFFFF
    assert message[:2] == b"\x08\0"
    assert parse_echo(4, message) is None
    assert parse_echo(4, b"\0" + message[1:]) == (identifier, sequence, cookie)
    six = build_echoes(6, identifier, sequence, np.array([cookie], np.uint64))[0].tobytes()
    assert six[:4] == b"\x80\0\0\0"
    assert parse_echo(6, b"\x81" + six[1:]) == (identifier, sequence, cookie)


@given(st.binary(max_size=40), st.sampled_from([4, 6]))
def test_any_bytes_are_read(data, version):
    found = parse_echo(version, data)
    assert found is None or len(data) >= SIZE
