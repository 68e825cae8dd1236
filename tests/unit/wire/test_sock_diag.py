"""Requests for the kernel's list of sockets, and its answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    AF_INET,
    AF_INET6,
    CGROUP,
    HOST,
    MEMINFO,
    V6_ONLY,
    attribute,
    cgroup,
    diag,
    memory_info,
    message,
    number,
    packed,
    v6_only,
)
from portulan.errors import ParseError
from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.survey import Row
from portulan.wire import sock_diag
from portulan.wire.netlink import iterate_messages
from portulan.wire.sock_diag import MESSAGE_SIZE, MPTCP, TCP, UDP, UDPLITE, build_request, row_parser, states
from strategies import diag_answers, foreign_attributes, usual_attributes

# --- a slow, obvious parser to compare with ---


def slow_attributes(data):
    """[(type, value)], or None where a length cannot be."""
    found = []
    while len(data) >= 4:
        length, kind = int.from_bytes(data[:2], HOST), int.from_bytes(data[2:4], HOST) & 0x3FFF
        if not 4 <= length <= len(data):
            return None
        found.append((kind, data[4:length]))
        data = data[(length + 3) // 4 * 4 :]
    return found


KERNEL_STATES = {
    1: "established", 2: "syn-sent", 3: "syn-received", 4: "fin-wait-1", 5: "fin-wait-2", 6: "time-wait", 7: "bound", 8: "close-wait",
    9: "last-ack", 10: "listening", 11: "closing", 12: "syn-received", 13: "bound",
}  # fmt: skip
UDP_KERNEL_STATES = {1: "connected", 7: "bound"}


def slow_row(netns, protocol, payload):
    """The Row that an answer stands for, or None where it is damaged."""
    if len(payload) < 72:
        return None
    attributes = slow_attributes(payload[72:])
    names = KERNEL_STATES if protocol in (TCP, MPTCP) else UDP_KERNEL_STATES
    if attributes is None or payload[1] not in names:
        return None

    def long(at, size=4):
        return int.from_bytes(payload[at : at + size], HOST)

    size = 4 if payload[0] == AF_INET else 16
    only = group = drops = None
    for kind, value in attributes:
        if kind == V6_ONLY and value:
            only = bool(value[0])
        elif kind == CGROUP and len(value) >= 8:
            group = int.from_bytes(value[:8], HOST)
        elif kind == MEMINFO and len(value) >= 36:
            drops = int.from_bytes(value[32:36], HOST)
    return Row(
        netns=netns,
        transport={TCP: Transport.TCP, MPTCP: Transport.TCP, UDP: Transport.UDP, UDPLITE: Transport.UDPLITE}[protocol],
        state=State(names[payload[1]]),
        port=int.from_bytes(payload[4:6], "big"),
        peer_port=int.from_bytes(payload[6:8], "big"),
        source=payload[8 : 8 + size],
        destination=payload[24 : 24 + size],
        device=long(40),
        cookie=long(44, 8),
        expires_ms=long(52),
        rqueue=long(56),
        wqueue=long(60),
        # 3, 12 and 6: SYN_RECV, NEW_SYN_RECV, TIME_WAIT, whose owner the kernel does not keep
        uid=None if payload[1] in (3, 12, 6) and not long(68) else long(64),
        inode=long(68),
        v6_only=None if size == 4 else only,
        cgroup=group or 0,
        drops=drops,
        mptcp=protocol == MPTCP,
    )


def parse(payload, protocol=TCP, netns=1):
    return row_parser(netns, protocol)(payload, 0, len(payload))


# --- answers ---


def test_the_message_has_the_size_of_the_kernels_struct():
    assert MESSAGE_SIZE == 72 == len(diag())


def test_a_listener_of_ipv4():
    payload = diag(
        AF_INET, 10, 80, 0, packed("127.0.0.1"), b"", 3, 0x1122334455667788, 0, 2, 511, 33, 987654,
        attributes=memory_info(5) + cgroup(0xABCDEF0123),
    )  # fmt: skip
    row = parse(payload, netns=4026531840)
    assert row == Row(
        netns=4026531840, transport=Transport.TCP, state=State.LISTENING, port=80, peer_port=0, source=b"\x7f\0\0\1", destination=bytes(4),
        device=3, cookie=0x1122334455667788, expires_ms=0, rqueue=2, wqueue=511, uid=33, inode=987654, v6_only=None, cgroup=0xABCDEF0123,
        drops=5, mptcp=False,
    )  # fmt: skip
    assert type(row) is Row


def test_a_connection_of_ipv6():
    row = parse(diag(AF_INET6, 1, 40000, 443, packed("2001:db8::1"), packed("2001:db8::2"), attributes=v6_only(0) + cgroup(9)))
    assert (row.state, row.source, row.destination, row.peer_port) == (State.ESTABLISHED, packed("2001:db8::1"), packed("2001:db8::2"), 443)
    assert (row.v6_only, row.cgroup, row.drops) == (False, 9, None)


@pytest.mark.parametrize(("flag", "meant"), [(0, False), (1, True)])
def test_v6_only(flag, meant):
    assert parse(diag(AF_INET6, attributes=v6_only(flag))).v6_only is meant


def test_an_old_kernel_without_attributes_leaves_them_unknown():
    for family in (AF_INET, AF_INET6):
        row = parse(diag(family))
        assert (row.v6_only, row.cgroup, row.drops, row.mptcp) == (None, 0, None, False)


@pytest.mark.parametrize(
    ("attributes", "unknown"),
    [
        (memory_info(9, words=8), "drops"),
        (attribute(MEMINFO, b""), "drops"),
        (attribute(V6_ONLY, b""), "v6_only"),
    ],
    ids=["eight numbers", "no numbers", "no flag"],
)
def test_an_attribute_shorter_than_it_should_be_is_unknown(attributes, unknown):
    assert getattr(parse(diag(AF_INET6, attributes=attributes + cgroup(5))), unknown) is None


def test_a_control_group_of_seven_bytes_is_unknown():
    assert parse(diag(attributes=attribute(CGROUP, bytes([1] * 7)))).cgroup == 0


def test_an_attribute_longer_than_it_was_is_read_by_its_first_bytes():
    more = (
        attribute(MEMINFO, b"".join(number(each, 4) for each in range(12)))
        + attribute(V6_ONLY, b"\1\0\0\0")
        + attribute(CGROUP, number(7, 8) + b"new")
    )
    row = parse(diag(AF_INET6, attributes=more))
    assert (row.drops, row.v6_only, row.cgroup) == (8, True, 7)


@pytest.mark.parametrize(("kernel", "name"), KERNEL_STATES.items())
def test_every_tcp_state(kernel, name):
    assert parse(diag(state=kernel)).state is State(name)
    assert parse(diag(state=kernel), MPTCP).state is State(name)


@pytest.mark.parametrize("protocol", [UDP, UDPLITE])
def test_a_udp_socket_is_bound_or_connected_and_does_not_listen(protocol):
    assert parse(diag(state=7), protocol).state is State.BOUND
    assert parse(diag(state=1), protocol).state is State.CONNECTED
    assert parse(diag(state=7), protocol).transport is {UDP: Transport.UDP, UDPLITE: Transport.UDPLITE}[protocol]


@pytest.mark.parametrize(("protocol", "known"), [(TCP, KERNEL_STATES), (MPTCP, KERNEL_STATES), (UDP, (1, 7)), (UDPLITE, (1, 7))])
def test_a_state_that_nobody_knows_is_a_parse_error(protocol, known):
    for state in set(range(256)) - set(known):
        with pytest.raises(ParseError) as raised:
            row_parser(1, protocol)(b"....." + diag(state=state), 5, 5 + 72)
        assert (raised.value.code, raised.value.facts) == ("sock_diag.state", {"offset": 5, "state": state})


@pytest.mark.parametrize("length", [0, 1, 71])
def test_less_than_a_message_is_a_parse_error(length):
    with pytest.raises(ParseError) as raised:
        row_parser(1, TCP)(diag() + diag(), 10, 10 + length)
    assert (raised.value.code, raised.value.facts) == ("sock_diag.truncated", {"offset": 10})


@pytest.mark.parametrize("length", [0, 3, 9, 500])
def test_an_attribute_that_does_not_fit_is_a_parse_error(length):
    payload = diag(attributes=cgroup(1) + number(length, 2) + number(V6_ONLY, 2) + b"\1\0\0\0")
    with pytest.raises(ParseError) as raised:
        parse(payload)
    assert raised.value.code == "netlink.truncated"


def test_everything_asked_of_mptcp_is_mptcp():
    assert parse(diag(), MPTCP).mptcp
    assert not parse(diag(), TCP).mptcp
    assert parse(diag(), MPTCP).transport is Transport.TCP


def test_the_payload_stands_where_it_is_said_to_stand():
    payload = diag(AF_INET6, port=22, attributes=v6_only(1) + memory_info(3))
    read = row_parser(None, TCP)
    assert read(b"\xff" * 33 + payload + b"\xff" * 9, 33, 33 + len(payload)) == slow_row(None, TCP, payload)


def test_two_shapes_of_one_length_are_told_apart():
    one = diag(AF_INET6, attributes=v6_only(1) + attribute(30, b"\xff" * 8) + cgroup(77))
    two = diag(AF_INET6, attributes=cgroup(88) + v6_only(0) + attribute(31, b"\xff" * 8))
    assert len(one) == len(two)
    read = row_parser(1, TCP)
    for payload in (one, two, one, one, two):
        assert read(payload, 0, len(payload)) == slow_row(1, TCP, payload)


def test_families_of_one_length_are_told_apart():
    read = row_parser(1, UDP)
    for payload in (diag(AF_INET, 7), diag(AF_INET6, 7, source=b"\xfe" * 16), diag(AF_INET, 7, source=b"\1\2\3\4")):
        assert read(payload, 0, 72) == slow_row(1, UDP, payload)


@given(payloads=st.lists(diag_answers(), max_size=12), protocol=st.sampled_from([TCP, MPTCP, UDP, UDPLITE]))
def test_a_dump_of_mixed_shapes_is_read_as_the_slow_parser_reads_it(payloads, protocol):
    data = b"".join(map(message, payloads))
    read = row_parser(5, protocol)
    for _, _, start, end in iterate_messages(data):
        expected = slow_row(5, protocol, data[start:end])
        if expected is None:
            with pytest.raises(ParseError):
                read(data, start, end)
        else:
            assert read(data, start, end) == expected


@given(payloads=st.lists(diag_answers(attributes=usual_attributes), max_size=12))
def test_so_is_a_dump_of_one_shape(payloads):
    read = row_parser(5, TCP)
    assert [read(payload, 0, len(payload)) for payload in payloads] == [slow_row(5, TCP, payload) for payload in payloads]


@given(payload=diag_answers(), cut=st.integers(0, 200), change=st.none() | st.tuples(st.integers(0, 300), st.integers(1, 255)))
def test_a_damaged_answer_is_a_value_or_a_parse_error(payload, cut, change):
    data = bytearray(payload)
    if change is not None:
        data[change[0] % len(data)] ^= change[1]
    data = bytes(data[: max(len(data) - cut, 0)])
    expected = slow_row(1, TCP, data)
    if expected is None:
        with pytest.raises(ParseError):
            parse(data)
    else:
        assert parse(data) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
def test_a_last_attribute_cut_within_its_padding_is_read(size):
    # 4 + size bytes are no multiple of four: whoever cuts at the value's end, or within the padding, cuts nothing away.
    whole = diag(attributes=cgroup(3) + attribute(30, b"\xee" * size))
    for missing in range(-size % 4 + 1):
        payload = whole[: len(whole) - missing]
        assert parse(payload) == slow_row(1, TCP, whole)


@given(extra=foreign_attributes)
def test_attributes_of_a_later_kernel_do_no_harm(extra):
    plain = diag(AF_INET6, attributes=v6_only(1) + memory_info(7) + cgroup(5))
    for attributes in (extra + plain[72:], plain[72:] + extra, plain[72:80] + extra + plain[80:]):
        assert parse(plain[:72] + attributes) == parse(plain)


@pytest.mark.parametrize(("state", "inode", "uid"), [(3, 0, None), (12, 0, None), (6, 0, None), (6, 5, 33), (10, 0, 33), (1, 0, 33)])
def test_what_the_kernel_keeps_no_owner_of_has_none(state, inode, uid):
    # It says 0 for these, which would be root.
    assert parse(diag(state=state, uid=33, inode=inode)).uid == uid


# --- requests ---


def test_the_numbers_of_the_kernel():
    # IPPROTO_* of include/uapi/linux/in.h, AF_* of include/linux/socket.h, sock_diag.h
    assert (TCP, UDP, UDPLITE, MPTCP) == (6, 17, 136, 262)
    assert (sock_diag.AF_INET, sock_diag.AF_INET6, sock_diag.SOCK_DIAG_BY_FAMILY) == (2, 10, 20)


def test_a_request_for_every_socket_of_a_family():
    assert build_request(AF_INET, TCP, states(10)) == bytes([AF_INET, TCP, 1 << 6, 0]) + number(1 << 10, 4) + bytes(48)
    assert build_request(AF_INET6, UDP, states(1, 7), extensions=0) == bytes([AF_INET6, UDP, 0, 0]) + number(0b1000_0010, 4) + bytes(48)


def test_mptcp_does_not_fit_into_a_byte_and_is_asked_for_by_an_attribute():
    request = build_request(AF_INET, MPTCP, states(10))
    assert request == bytes([AF_INET, 255, 1 << 6, 0]) + number(1 << 10, 4) + bytes(48) + attribute(3, number(262, 4))


def test_states_are_a_bit_set():
    assert states() == 0
    assert states(sock_diag.LISTEN, sock_diag.ESTABLISHED) == (1 << 10) | 2
    assert (sock_diag.ESTABLISHED, sock_diag.LISTEN, sock_diag.CLOSE, sock_diag.BOUND_INACTIVE) == (1, 10, 7, 13)


def filter_of(port, protocol=TCP):
    request = build_request(AF_INET, protocol, states(10), port=port)
    (kind, code), *_ = slow_attributes(request[56:])
    assert kind == 1
    return code


def instructions(code):
    """{offset: (opcode, yes, no)} of struct inet_diag_bc_op."""
    return {at: (code[at], code[at + 1], int.from_bytes(code[at + 2 : at + 4], HOST)) for at in range(0, len(code), 4)}


def kernel_accepts_filter(code):
    """What inet_diag_bc_audit (net/ipv4/inet_diag.c) demands before it runs a filter of port comparisons."""
    at, size, operations = 0, len(code), instructions(code)
    starts = set()
    while at < size:
        _, yes, no = operations[at]
        starts.add(at)
        left = size - at
        if left < 8 or yes < 8 or yes % 4 or no < 8 or no > left + 4 or no % 4:
            return False
        at += yes
    return at == size and all(at + operations[at][2] in starts or at + operations[at][2] >= size for at in starts)


def kernel_runs_filter(operations, source_port):
    """inet_diag_bc_run: compare, jump, and accept exactly when the jumps end where the code ends."""
    at, size = 0, 4 * len(operations)
    while at < size:
        opcode, yes, no = operations[at]
        operand = operations[at + 4][2]
        met = source_port >= operand if opcode == 2 else source_port <= operand
        assert opcode in (2, 3)
        at += yes if met else no
    return at == size


@pytest.mark.parametrize("port", [1, 80, 256, 65535])
def test_the_filter_lets_one_port_through_and_no_other(port):
    code = filter_of(port)
    assert kernel_accepts_filter(code)
    operations = instructions(code)
    assert [each for each in range(65_536) if kernel_runs_filter(operations, each)] == [port]


@given(port=st.integers(1, 65_535), other=st.integers(0, 65_535))
def test_the_filter_of_any_port(port, other):
    code = filter_of(port)
    assert kernel_accepts_filter(code)
    assert kernel_runs_filter(instructions(code), other) == (other == port)
    assert kernel_runs_filter(instructions(code), port)


def test_a_filter_and_a_large_protocol_go_together():
    request = build_request(AF_INET6, MPTCP, states(10), port=80)
    assert dict(slow_attributes(request[56:])) == {1: filter_of(80), 3: number(262, 4)}


def test_no_port_is_no_filter():
    assert len(build_request(AF_INET, TCP, states(10), port=0)) == 56
