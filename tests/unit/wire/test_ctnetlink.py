"""Entries of the kernel's table of connections, as messages. The lab tests hold them against the kernel."""

from hypothesis import given
from hypothesis import strategies as st

from portulan.wire.ctnetlink import TCP, TCP_ESTABLISHED, UDP, Tuple, build_dump, build_entry, build_query, parse_entry

ADDRESSES = st.sampled_from([4, 16]).flatmap(lambda size: st.tuples(*(st.binary(min_size=size, max_size=size),) * 2))
PORTS = st.integers(0, 65535)
TUPLES = st.builds(
    lambda protocol, pair, one, two: Tuple(protocol, pair[0], one, pair[1], two), st.sampled_from([TCP, UDP]), ADDRESSES, PORTS, PORTS
)


@given(TUPLES)
def test_an_entry_reads_as_it_was_made(original):
    message = build_entry(original, 60)
    found = parse_entry(message, 0, len(message))
    assert (found.original, found.reply) == (original, original.turned)
    assert found.established
    assert found.tcp_state == (TCP_ESTABLISHED if original.protocol == TCP else None)


@given(TUPLES, st.none() | st.integers(0, 2**32 - 1))
def test_a_question_names_one_direction(original, number):
    message = build_query(original, number)
    found = parse_entry(message, 0, len(message))
    assert found.original == original
    assert found.number == (number or 0)
    assert not found.established
    assert original.turned.turned == original


def test_a_dump_asks_for_one_family():
    assert (build_dump(4), build_dump(16)) == (b"\2\0\0\0", b"\n\0\0\0")
