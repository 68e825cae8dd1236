"""Sets of ports behave as Python's sets of numbers do."""

from hypothesis import given
from hypothesis import strategies as st

from portulan.model.port import PORTS
from portulan.model.portset import PortRange, PortSet, parse_portset
from strategies import ports, range_lists

EVERY = frozenset(range(PORTS))


def numbers(ranges):
    """The same as a Python set."""
    return frozenset().union(*(range(part.first, part.last + 1) for part in ranges))


def is_normal(found):
    """Whether the ranges are sorted and apart."""
    return all(one.last + 1 < two.first for one, two in zip(found.ranges, found.ranges[1:], strict=False))


port_sets = range_lists.map(PortSet.of)


@given(ranges=range_lists)
def test_a_set_has_the_members_of_its_ranges(ranges):
    found, truth = PortSet.of(ranges), numbers(ranges)
    assert is_normal(found)
    assert list(found) == sorted(truth)
    assert len(found) == len(truth)


@given(ranges=range_lists, number=ports | st.integers(-5, 70_000))
def test_membership(ranges, number):
    assert (number in PortSet.of(ranges)) == (number in numbers(ranges))


@given(one=range_lists, two=range_lists)
def test_the_operators_are_those_of_sets(one, two):
    left, right = PortSet.of(one), PortSet.of(two)
    here, there = numbers(one), numbers(two)
    for mine, truth in (
        (left | right, here | there),
        (left & right, here & there),
        (left - right, here - there),
        (left ^ right, here ^ there),
    ):
        assert is_normal(mine)
        assert frozenset(mine) == truth
    assert (left == right) == (here == there)


@given(ranges=range_lists)
def test_the_complement(ranges):
    found = PortSet.of(ranges)
    assert is_normal(~found)
    assert frozenset(~found) == EVERY - numbers(ranges)
    assert ~~found == found


@given(a=port_sets, b=port_sets, c=port_sets)
def test_boolean_laws(a, b, c):
    nothing, everything = PortSet(), ~PortSet()
    assert a | b == b | a
    assert a & b == b & a
    assert (a | b) | c == a | (b | c)
    assert (a & b) & c == a & (b & c)
    assert a & (b | c) == (a & b) | (a & c)
    assert a | (b & c) == (a | b) & (a | c)
    assert ~(a | b) == ~a & ~b
    assert ~(a & b) == ~a | ~b
    assert a | (a & b) == a
    assert a & (a | b) == a
    assert (a | ~a, a & ~a) == (everything, nothing)
    assert (a | nothing, a & everything, a ^ a, a - b) == (a, a, nothing, a & ~b)


@given(ranges=range_lists.filter(bool))
def test_text_and_back(ranges):
    found = PortSet.of(ranges)
    assert parse_portset(str(found)) == found
    assert hash(parse_portset(str(found))) == hash(found)


@given(ranges=range_lists, order=st.randoms(use_true_random=False))
def test_the_order_of_the_ranges_does_not_matter(ranges, order):
    shuffled = list(ranges)
    order.shuffle(shuffled)
    assert PortSet.of(shuffled) == PortSet.of(ranges)
    assert PortSet.of(
        [PortRange(number, number) for part in ranges if len(part) < 20 for number in range(part.first, part.last + 1)]
    ) == PortSet.of(part for part in ranges if len(part) < 20)
