"""In which order numbers are tried."""

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portulan.host.free import DYNAMIC, USER, Known, Wish, candidates, order, starts
from portulan.model.port import PORTS
from portulan.model.portset import PortRange, PortSet, parse_portset

LINUX = Known(ephemeral=PortRange(32_768, 60_999))
ranges = st.builds(lambda first, length: PortRange(first, min(first + length, PORTS - 1)), st.integers(0, PORTS - 1), st.integers(0, 3_000))
portsets = st.lists(ranges, max_size=6).map(PortSet.of)
names = st.text(max_size=20)
FEW = settings(max_examples=30)  # each walks through thousands of numbers


@FEW
@given(names, portsets)
def test_every_number_comes_once(name, ports):
    found = list(order(name, ports))
    assert len(found) == len(ports)
    assert set(found) == set(ports)


@FEW
@given(names, portsets, portsets)
def test_what_is_taken_does_not_change_the_order_of_the_others(name, ports, taken):
    assert [number for number in order(name, ports) if number not in taken] == list(order(name, ports - taken))


@FEW
@given(names, portsets, st.integers(1, 50))
def test_numbers_in_a_row(name, ports, length):
    found = starts(ports, length)
    assert set(found) == {first for first in ports if all(number in ports for number in range(first, first + length))}


@FEW
@given(names, portsets, portsets, portsets, st.integers(0, 2_000), st.tuples(*[st.booleans()] * 4))
def test_nothing_that_will_not_do(name, within, assigned, taken, first_unprivileged, asked):
    known = Known(assigned, PortRange(3_000, 9_000), PortSet.of([PortRange(5_000, 9_500)]), taken, first_unprivileged)
    wish = Wish((within,), 1, *asked)
    no = {0} | set(taken)
    no |= set() if wish.assigned else set(assigned)
    no |= set() if wish.ephemeral else set(range(3_000, 9_001))
    no |= set() if wish.reserved else set(range(5_000, 9_501))
    no |= set() if wish.privileged else set(range(first_unprivileged))
    assert set(candidates(name, known, wish)) == set(within) - no


def test_first_the_private_range_then_the_user_ports():
    found = list(candidates("shop", LINUX))
    dynamic = len(DYNAMIC) - (60_999 - 49_152 + 1)
    assert all(number in DYNAMIC for number in found[:dynamic])
    assert all(number in USER for number in found[dynamic:])
    assert len(found) == PORTS - 1_024 - (60_999 - 32_768 + 1)


def test_names_meet_different_numbers():
    first = [next(candidates(f"web{number}", LINUX)) for number in range(1_000)]
    # 1,000 throws into 4,536 numbers: 898 different ones are expected.
    assert len(set(first)) > 850


def test_a_name_keeps_its_number_between_versions():
    assert list(islice(candidates("shop", LINUX), 3)) == [64_480, 61_819, 63_491]


@pytest.mark.parametrize(("length", "expected"), [(2, [100, 101, 200]), (3, [100]), (4, [])])
def test_a_row_passes_over_what_is_taken(length, expected):
    known = Known(taken={103}, first_unprivileged=1)
    found = list(candidates("shop", known, Wish((parse_portset("100-103,200-201"),), length)))
    assert sorted(found) == expected
