"""What a recording table has seen: counters and numbers, from messages as the kernel builds them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import ParseError
from portulan.wire.netlink import NESTED, build_attribute
from portulan.wire.nf_counted import build_counter_query, parse_counter, parse_numbers

HEADER = bytes([1, 0, 0, 0])


def element(number, *more):
    key = build_attribute(1 | NESTED, build_attribute(1, number.to_bytes(4)))
    return build_attribute(1 | NESTED, key + b"".join(more))


def listing(*elements):
    return HEADER + build_attribute(1, "t") + build_attribute(2, "s") + build_attribute(3 | NESTED, b"".join(elements))


@given(st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_numbers_of_elements_that_are_built_alike(numbers):
    data = listing(*map(element, numbers))
    assert parse_numbers(data, 0, len(data)).tolist() == numbers


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.booleans()), max_size=20))
def test_numbers_of_elements_that_are_not(mixed):
    note = build_attribute(6, b"note")
    data = listing(*(element(number, *([note] if noted else [])) for number, noted in mixed))
    assert parse_numbers(data, 0, len(data)).tolist() == [number for number, _ in mixed]


@given(st.binary(max_size=200))
def test_any_bytes_are_numbers_or_an_error(data):
    try:
        parse_numbers(HEADER + data, 0, 4 + len(data))
        parse_counter(HEADER + data, 0, 4 + len(data))
    except ParseError:
        pass


def test_a_key_of_another_width_is_an_error():
    key = build_attribute(1 | NESTED, build_attribute(1, b"12345678"))
    data = listing(build_attribute(1 | NESTED, key))
    with pytest.raises(ParseError):
        parse_numbers(data, 0, len(data))


def test_a_counter():
    inner = build_attribute(1, (99).to_bytes(8)) + build_attribute(2, (7).to_bytes(8))
    data = HEADER + build_attribute(1, "t") + build_attribute(2, "c") + build_attribute(4 | NESTED, inner)
    assert parse_counter(data, 0, len(data)) == 7
    assert build_counter_query("netdev", "t", "c")[0] == 5
