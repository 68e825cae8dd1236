"""Messages and attributes."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NLMSG_DONE, attribute, diag, done, error_message, memory_info, message, number, v6_only
from portulan.errors import ParseError
from portulan.wire import netlink
from portulan.wire.netlink import (
    DONE,
    ERROR,
    HEADER_SIZE,
    NESTED,
    align,
    build_attribute,
    build_message,
    ends_with_answer,
    iterate_attributes,
    iterate_messages,
    parse_attributes,
    parse_error,
)


def test_the_numbers_of_the_kernel():
    # include/uapi/linux/netlink.h
    assert (netlink.NOOP, netlink.ERROR, netlink.DONE, netlink.HEADER_SIZE) == (1, 2, 3, 16)
    assert (netlink.REQUEST, netlink.ACK, netlink.DUMP, netlink.DUMP_INTERRUPTED) == (0x1, 0x4, 0x300, 0x10)
    assert (netlink.CREATE, netlink.EXCLUSIVE, netlink.REPLACE, netlink.NESTED) == (0x400, 0x200, 0x100, 0x8000)


@pytest.mark.parametrize(("length", "aligned"), [(0, 0), (1, 4), (3, 4), (4, 4), (5, 8), (65_533, 65_536)])
def test_lengths_are_padded_to_four(length, aligned):
    assert align(length) == aligned


def test_a_message_is_a_header_and_its_payload():
    built = build_message(20, 0x301, b"payload", sequence=9)
    assert built == number(23, 4) + number(20, 2) + number(0x301, 2) + number(9, 4) + bytes(4) + b"payload"


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        (b"", b""),
        (b"abc", b"abc\0"),
        (b"abcd", b"abcd"),
        ("lo", b"lo\0\0"),
        ("eth0", b"eth0\0\0\0\0"),
        ("é", "é".encode() + b"\0\0"),
        (7, number(7, 4)),
    ],
)
def test_an_attribute_is_padded(value, bytes_):
    built = build_attribute(5, value)
    assert built[4:] == bytes_
    assert len(built) % 4 == 0
    unpadded = {str: lambda: len(value.encode()) + 1, int: lambda: 4, bytes: lambda: len(value)}[type(value)]()
    assert built[:4] == number(4 + unpadded, 2) + number(5, 2)


def test_messages_are_walked_with_their_padding():
    data = message(b"one", kind=16, flags=2) + message(b"four", kind=17, flags=0x12) + done()
    found = [(kind, flags, data[start:end]) for kind, flags, start, end in iterate_messages(data)]
    assert found == [(16, 2, b"one"), (17, 0x12, b"four"), (DONE, 2, bytes(4))]


def test_the_last_message_may_lack_its_padding():
    data = message(b"abcd") + message(b"xyz")[:-1]
    assert [data[start:end] for _, _, start, end in iterate_messages(data)] == [b"abcd", b"xyz"]


def test_nothing_has_no_messages():
    assert list(iterate_messages(b"")) == []


@pytest.mark.parametrize(
    "tail",
    [
        bytes(1),
        bytes(15),
        number(15, 4) + bytes(12),
        number(0, 4) + bytes(60),
        number(17, 4) + bytes(12),
        number(2**32 - 1, 4) + bytes(12),
        message(b"whole")[:-4],
    ],
)
def test_a_length_that_cannot_be_is_a_parse_error_where_it_stands(tail):
    data = message(b"good") + tail
    walk = iterate_messages(data)
    assert next(walk)[2:] == (16, 20)
    with pytest.raises(ParseError) as raised:
        next(walk)
    assert (raised.value.code, raised.value.facts) == ("netlink.truncated", {"offset": 20})


def test_attributes_are_walked_between_two_offsets():
    inner = attribute(1, b"a") + attribute(2, b"") + attribute(NESTED | 3, attribute(9, b"deep"))
    data = b"\xffbefore" + inner + b"after"
    start, end = 7, 7 + len(inner)
    found = [(kind, data[first:last]) for kind, first, last in iterate_attributes(data, start, end)]
    assert found == [(1, b"a"), (2, b""), (3, attribute(9, b"deep"))]


def test_the_flag_bits_of_a_type_are_no_part_of_it():
    for flags in (0x8000, 0x4000, 0xC000):
        data = attribute(flags | 0x3FFF, b"x")
        assert [kind for kind, _, _ in iterate_attributes(data, 0, len(data))] == [0x3FFF]


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_less_than_a_header_at_the_end_is_padding(left):
    data = attribute(1, b"abcd") + b"\xff" * left
    assert parse_attributes(data, 0, len(data)) == {1: b"abcd"}


@pytest.mark.parametrize("length", [0, 3, 9, 0xFFFF])
def test_an_attribute_longer_than_its_room_is_a_parse_error(length):
    data = attribute(4, b"good") + number(length, 2) + number(1, 2) + b"rest" + bytes(40)
    with pytest.raises(ParseError) as raised:
        list(iterate_attributes(data, 0, 16))
    assert (raised.value.code, raised.value.facts) == ("netlink.truncated", {"offset": 8})


def test_of_a_repeated_attribute_the_last_counts():
    data = attribute(1, b"old") + attribute(2, b"two") + attribute(1, b"new")
    assert parse_attributes(data, 0, len(data)) == {1: b"new", 2: b"two"}


@given(parts=st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=40)), max_size=8))
def test_what_is_built_is_parsed(parts):
    data = b"".join(build_attribute(kind, value) for kind, value in parts)
    assert data == b"".join(attribute(kind, value) for kind, value in parts)
    assert [(kind, data[first:last]) for kind, first, last in iterate_attributes(data, 0, len(data))] == parts


@pytest.mark.parametrize(("value", "code"), [(0, 0), (-2, 2), (-22, 22), (-111, 111)])
def test_the_error_of_a_refusal(value, code):
    for data in (error_message(-value), done(-value)):
        ((_, _, start, end),) = iterate_messages(data)
        assert parse_error(data, start, end) == code


def test_the_error_is_read_in_the_order_of_the_host():
    assert parse_error((-22).to_bytes(4, sys.byteorder, signed=True), 0, 4) == 22


def test_an_error_without_a_number_is_a_parse_error():
    with pytest.raises(ParseError) as raised:
        parse_error(bytes(20), 16, 19)
    assert (raised.value.code, raised.value.facts) == ("netlink.truncated", {"offset": 16})


ANSWERS = [
    diag(attributes=memory_info(0)),
    diag(port=443, attributes=memory_info(3) + v6_only(1)),
    diag(family=10),
    diag(state=1, peer_port=5),
]


@pytest.mark.parametrize("count", [1, 2, 17])
def test_a_buffer_of_nothing_but_equally_long_answers_plainly_ends_with_one(count):
    assert ends_with_answer(b"".join(message(diag(cookie=at, attributes=memory_info(at))) for at in range(count)))


@pytest.mark.parametrize("end", [done(), done(22), error_message(2), message(b"", NLMSG_DONE)])
@pytest.mark.parametrize("before", [[], ANSWERS[:1], ANSWERS[:1] * 2, ANSWERS[:1] * 5, ANSWERS])
def test_a_buffer_that_ends_the_dump_never_does(before, end):
    assert not ends_with_answer(b"".join(map(message, before)) + end)


def test_a_dump_that_ends_with_an_end_as_long_as_its_answers_is_seen():
    # A DONE message may carry more than its error (NLM_F_ACK_TLVS): then it can be as long as an answer.
    long_done = message(bytes(4) + bytes(68), NLMSG_DONE)
    assert len(long_done) == len(message(diag()))
    assert not ends_with_answer(message(diag()) + long_done)


def test_an_end_alone_is_seen_whatever_its_length():
    for kind in (DONE, ERROR):
        assert not ends_with_answer(message(bytes(72), kind))


@pytest.mark.parametrize(
    "data", [b"", bytes(HEADER_SIZE - 1), bytes(16), message(b""), message(bytes(4)), message(diag())[:-4], message(bytes(77))[:-3] * 4]
)
def test_what_is_not_plain_is_not_claimed(data):
    assert not ends_with_answer(data)


@given(
    answers=st.lists(
        st.sampled_from(ANSWERS) | st.builds(lambda more: diag(attributes=more), st.binary(max_size=12).map(lambda b: attribute(30, b))),
        max_size=8,
    ),
    end=st.sampled_from([b"", done(), done(11), error_message(12)]),
)
def test_it_is_never_wrong_about_an_end(answers, end):
    data = b"".join(map(message, answers)) + end
    kinds = [kind for kind, _, _, _ in iterate_messages(data)]
    if ends_with_answer(data):
        assert kinds
        assert kinds[-1] not in (DONE, ERROR)
    elif kinds and len({len(answer) for answer in answers}) == 1 and not end:
        pytest.fail("a plain buffer was not recognised")
