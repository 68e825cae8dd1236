"""The list of leases as bytes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import ParseError
from portulan.model.lease import Guarantee, Keeper, Lease
from portulan.model.port import Transport
from portulan.wire.leases import format_leases, parse_leases

words = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=10)
numbers = st.integers(0, 1 << 40)
keepers = st.builds(Keeper, numbers, numbers, numbers, st.sampled_from(["", "b2c5-4"]), st.booleans())
leases = st.builds(
    Lease,
    name=words,
    port=st.integers(1, 65_535),
    transports=st.sampled_from([(Transport.TCP,), (Transport.UDP,), (Transport.TCP, Transport.UDP)]),
    guarantee=st.sampled_from(Guarantee),
    noted=st.booleans(),
    taken_at=st.integers(0, 1 << 33).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    netns=numbers,
    address=st.sampled_from([None, "127.0.0.1", "fe80::1%eth0"]),
    keeper=st.none() | keepers,
)


@given(st.lists(leases, max_size=5))
def test_what_is_written_is_read(found):
    assert parse_leases(format_leases(found)) == tuple(found)


def test_no_file_no_leases():
    assert parse_leases(b"") == ()


@given(st.lists(leases, min_size=1, max_size=3), st.data())
def test_a_file_cut_short_is_known(found, data):
    whole = format_leases(found)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(ParseError):
        parse_leases(cut)


@given(st.binary(min_size=1))
def test_any_bytes_are_a_list_or_damaged(data):
    for text in (data, b"portulan leases 1\n" + data + b"\nend 1\n"):
        try:
            parse_leases(text)
        except ParseError:
            continue


@pytest.mark.parametrize(
    "data", [b"\0" * 100, b"portulan leases 2\nend 0\n", b"portulan leases 1\nend 1\n", b"portulan leases 1\nx\nend 1\n"]
)
def test_damage(data):
    with pytest.raises(ParseError):
        parse_leases(data)
