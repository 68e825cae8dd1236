"""Pairs of addresses and ports as numbers, both ways, against the plain list of them."""

from ipaddress import IPv4Address, IPv6Address

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portulan.scan.space import Space


@st.composite
def spaces(draw):
    version = draw(st.sampled_from((4, 6)))
    bits = 32 if version == 4 else 128
    edges = {0, 2**bits - 1, *(() if version == 4 else (2**64 - 1, 2**64, 2**64 + 5))}
    ranges, begin = [], 0
    for first in sorted(draw(st.sets(st.one_of(st.integers(0, 2**bits - 1), st.sampled_from(sorted(edges))), min_size=1, max_size=6))):
        start = max(first, begin)
        last = min(start + draw(st.integers(0, 9)), 2**bits - 1)
        if start <= last:
            ranges.append((start, last))
            begin = last + 2
    ports = sorted(draw(st.sets(st.one_of(st.integers(0, 65_535), st.sampled_from((0, 65_535))), min_size=1, max_size=5)))
    return Space(version, ranges, ports)


@given(spaces())
def test_every_pair_and_back(space):
    make = IPv4Address if space.version == 4 else IPv6Address
    plain = [(make(number), int(port)) for first, last in space.ranges for number in range(first, last + 1) for port in space.ports]
    pairs = np.arange(space.pairs)
    host, port = space.split(pairs)
    packed = space.packed(host)
    assert [(make(row.tobytes()), each) for row, each in zip(packed, port.tolist(), strict=True)] == plain
    assert (space.places(packed) == host).all()
    assert (space.pairs_of(host, port) == pairs).all()
    assert [make(space.address(place)) for place in range(space.hosts)] == [
        make(n) for first, last in space.ranges for n in range(first, last + 1)
    ]


@given(spaces(), st.data())
def test_what_is_not_scanned_has_no_place(space, data):
    bits = 32 if space.version == 4 else 128
    near = st.sampled_from([edge + step for part in space.ranges for edge in part for step in (-1, 0, 1)])
    far = st.sampled_from([edge ^ 1 << bit for part in space.ranges for edge in part for bit in (0, bits // 2, bits - 1)])
    number = data.draw(st.one_of(near, far, st.integers(0, 2**bits - 1))) % 2**bits
    port = data.draw(st.integers(0, 65_535))
    rows = np.frombuffer(number.to_bytes(bits // 8), np.uint8).reshape(1, -1)
    host = space.places(rows)
    inside = any(first <= number <= last for first, last in space.ranges)
    assert (host[0] >= 0) == inside
    assert (space.pairs_of(host, np.array([port], np.uint16))[0] >= 0) == (inside and port in space.ports)
