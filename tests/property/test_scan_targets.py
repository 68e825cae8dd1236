"""Targets against the plain sets of addresses that Python's own library makes."""

from ipaddress import IPv4Address, ip_address, ip_network, summarize_address_range
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import BadInput, PortulanError
from portulan.scan.ranges import common, join, without, write
from portulan.scan.targets import choose
from portulan.scan.words import plain_list, read_word

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair))), max_size=8)


def numbers(ranges):
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(RANGES, RANGES)
def test_the_algebra_of_ranges(some, others):
    left, right = join(some), join(others)
    assert numbers(left) == numbers(some)
    assert all(first[1] + 1 < second[0] for first, second in pairwise(left))
    assert numbers(common(left, right)) == numbers(some) & numbers(others)
    assert numbers(without(left, right)) == numbers(some) - numbers(others)
    assert join(without(left, right)) == without(left, right)


def written(version, low, size):
    first = ip_address(low)
    last = first + size
    return st.sampled_from([f"{first}-{last}", *(str(part) for part in summarize_address_range(first, last))])


BASES = st.sampled_from(
    [ip_address("198.18.0.0"), ip_address("10.254.255.240"), ip_address("fd00::fff0"), ip_address("fd00::ffff:ffff:ffff:fff8")]
)
WORDS = st.builds(lambda base, low, size: (base + low, size), BASES, st.integers(0, 40), st.integers(0, 40)).flatmap(
    lambda pair: written(pair[0].version, pair[0], pair[1])
)


def plain(words):
    found = set()
    for word in words:
        low, dash, high = word.partition("-")
        if dash:
            found |= {ip_address(low) + step for step in range(int(ip_address(high)) - int(ip_address(low)) + 1)}
        else:
            found |= set(ip_network(word))
    return found


@given(st.lists(WORDS, min_size=1, max_size=5), st.lists(WORDS, max_size=4))
def test_what_is_asked_without_what_is_excluded(words, exclude):
    expected = plain(words) - plain(exclude)
    if not expected:
        with pytest.raises(PortulanError, match=r"scan\.nothing-left"):
            choose(words, resolve=lambda _: (), exclude=exclude)
        return
    targets = choose(words, resolve=lambda _: (), exclude=exclude)
    found = {IPv4Address(number) for number in numbers(targets.v4)} | {ip_address(number.to_bytes(16)) for number in numbers(targets.v6)}
    assert found == expected
    assert targets.addresses == len(expected)
    assert plain(text for text, _ in targets.left_out) == plain(words) & plain(exclude)


OCTET = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 3)).map(lambda pair: (pair[0], min(255, sum(pair)))), min_size=1, max_size=2)


@given(OCTET, OCTET)
def test_choices_of_octets(third, fourth):
    word = "198.18." + ".".join(",".join(f"{low}-{high}" if low != high else str(low) for low, high in octet) for octet in (third, fourth))
    (part,) = read_word(word, lambda _: ())
    expected = {int(IPv4Address(f"198.18.{three}.{four}")) for three in numbers(third) for four in numbers(fourth)}
    assert numbers(part.ranges) == expected


@given(st.text("0123456789.:/-%,*abx é\n", max_size=30))
def test_any_text_is_addresses_or_an_error_of_ours(text):
    try:
        parts = read_word(text, lambda _: ())
    except BadInput:
        return
    for part in parts:
        assert part.ranges == join(part.ranges)
        assert all(0 <= first <= last < 2 ** (32 if part.version == 4 else 128) for first, last in part.ranges)
        for each in part.ranges:
            if part.link is None:
                assert read_word(write(part.version, each), lambda _: ())[0].ranges == (each,)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20), st.sampled_from(("\n", " ", "\r\n", "\t")))
def test_a_plain_list(addresses, gap):
    text = gap.join(str(IPv4Address(number)) for number in addresses)
    assert plain_list(text) == join((number, number) for number in addresses)
    assert plain_list(text + gap + "x") is None
