"""Connections counted in raw answers."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import AF_INET, AF_INET6, cgroup, diag, done, error_message, memory_info, message, number, packed
from portulan.errors import ParseError
from portulan.wire.connections import count_connections
from portulan.wire.netlink import DONE, ERROR, iterate_messages
from portulan.wire.sock_diag import TCP, row_parser
from strategies import attribute_lists, diag_answers

HOME, LAN, HOME_6 = packed("127.0.0.1"), packed("10.0.0.5"), packed("::1")


def brute(buffers, ports):
    """One row after the other, each by the full parser."""
    read = row_parser(None, TCP)
    rows = [read(data, start, end) for data in buffers for kind, _, start, end in iterate_messages(data) if kind not in (DONE, ERROR)]
    return dict(Counter((row.port, row.source) for row in rows if row.port in ports))


def connection(port, source, cookie=1, attributes=b""):
    return diag(AF_INET6 if len(source) == 16 else AF_INET, 1, port, 50_000, source, b"", cookie=cookie, attributes=attributes)


def buffer(*payloads, end=b""):
    return b"".join(map(message, payloads)) + end


def test_connections_are_counted_per_port_and_local_address():
    data = buffer(*[connection(80, HOME)] * 3, connection(80, LAN), *[connection(443, HOME)] * 2, connection(22, HOME))
    assert count_connections([data], AF_INET, {80, 443}) == {(80, HOME): 3, (80, LAN): 1, (443, HOME): 2}


def test_a_port_of_two_different_bytes_is_read_in_network_order():
    data = buffer(connection(0x1F90, HOME), connection(0x901F, HOME))
    assert count_connections([data], AF_INET, [0x1F90]) == {(0x1F90, HOME): 1}


def test_ipv6_addresses_are_told_apart_by_their_last_bits():
    one, other = packed("2001:db8::1"), packed("2001:db8:0:0:1::1")
    data = buffer(connection(80, one), connection(80, other), connection(80, one), connection(80, HOME_6))
    assert count_connections([data], AF_INET6, [80]) == {(80, one): 2, (80, other): 1, (80, HOME_6): 1}


def test_several_buffers_are_one_dump():
    buffers = [buffer(*[connection(80, HOME)] * 4), buffer(connection(80, HOME)), buffer(connection(80, HOME), end=done()), done()]
    assert count_connections(buffers, AF_INET, [80]) == {(80, HOME): 6}


@pytest.mark.parametrize("end", [b"", done(), error_message(0)])
@pytest.mark.parametrize("attributes", [b"", cgroup(9), memory_info(0)])
def test_what_the_end_of_a_dump_says_is_not_counted(end, attributes):
    payloads = [connection(80, HOME, at, attributes) for at in range(5)]
    assert count_connections([buffer(*payloads, end=end)], AF_INET, [80]) == {(80, HOME): 5}


def test_answers_of_different_lengths_are_all_counted():
    data = buffer(connection(80, HOME), connection(80, HOME, attributes=cgroup(1)), connection(80, LAN, attributes=memory_info(2)))
    assert count_connections([data], AF_INET, [80]) == {(80, HOME): 2, (80, LAN): 1}


def test_a_buffer_whose_length_fits_by_chance_is_walked():
    # 88 + 88 + 132 + 132 + 88 bytes are six times 88: only the lengths inside say that the answers differ.
    short, long = connection(80, HOME), connection(80, LAN, attributes=memory_info(0) + bytes(4))
    data = buffer(short, short, long, long, short)
    assert len(message(short)) == 88
    assert len(data) % 88 == 0
    assert count_connections([data], AF_INET, [80]) == {(80, HOME): 3, (80, LAN): 2}


def test_messages_of_another_kind_among_equally_long_ones_are_walked():
    # An ERROR as long as an answer, with a port and an address where an answer has them.
    refusal = error_message(0, about=number(80, 2, "big") + bytes(2) + HOME + bytes(60))
    assert len(refusal) == len(message(connection(80, HOME)))
    assert count_connections([buffer(connection(80, HOME)) + refusal], AF_INET, [80]) == {(80, HOME): 1}


@pytest.mark.parametrize("buffers", [[], [b""], [done()], [buffer(connection(80, HOME))]])
def test_nothing_wanted_is_nothing_found(buffers):
    assert count_connections(buffers, AF_INET, []) == {}


@pytest.mark.parametrize(
    "damaged",
    [
        bytes(1),
        bytes(15),
        message(connection(80, HOME))[:-4],
        message(connection(80, HOME)) + bytes(3),
        message(connection(80, HOME)) + message(connection(80, HOME))[:-1],
        number(0, 4) + bytes(84),
        number(88, 4) + bytes(80),
    ],
)
def test_a_damaged_buffer_is_a_parse_error(damaged):
    with pytest.raises(ParseError) as raised:
        count_connections([damaged], AF_INET, [80])
    assert raised.value.code == "netlink.truncated"


def test_an_answer_without_a_whole_message_is_a_parse_error():
    with pytest.raises(ParseError) as raised:
        count_connections([message(connection(80, HOME)) + message(bytes(68))], AF_INET, [80])
    assert (raised.value.code, raised.value.facts) == ("sock_diag.truncated", {"offset": 88 + 16})


established = st.just(1)


@st.composite
def uniform_buffers(draw, family):
    """Answers with the same attributes in the same order."""
    attributes = draw(attribute_lists)
    payloads = draw(st.lists(diag_answers(family=family, states=established, attributes=st.just(attributes)), max_size=8))
    return b"".join(map(message, payloads))


@st.composite
def mixed_buffers(draw, family):
    """Answers of any shapes, perhaps with the end of the dump."""
    payloads = draw(st.lists(diag_answers(family=family, states=established), max_size=5))
    return b"".join(map(message, payloads)) + draw(st.sampled_from([b"", done(), error_message(0)]))


@given(data=st.data(), family=st.sampled_from([AF_INET, AF_INET6]))
def test_the_count_is_that_of_the_rows(data, family):
    buffers = data.draw(st.lists(uniform_buffers(family) | mixed_buffers(family), max_size=3))
    present = [port for port, _ in brute(buffers, range(65_536))]
    ports = data.draw(st.sets(st.sampled_from(present or [80]) | st.integers(1, 65_535), max_size=5))
    assert count_connections(buffers, family, ports) == brute(buffers, ports)


@given(data=st.binary(max_size=400))
def test_any_bytes_are_a_count_or_a_parse_error(data):
    try:
        counts = count_connections([data], AF_INET6, range(300))
    except ParseError:
        return
    assert all(0 <= port < 300 and len(address) == 16 and count > 0 for (port, address), count in counts.items())
