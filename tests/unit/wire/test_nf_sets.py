"""Elements of plain sets, from bytes as the kernel makes them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import attribute, number
from portulan.errors import ParseError
from portulan.model.rule import Choose, Field, Match, Named, Rule, Update
from portulan.model.ruleset import Chain, NamedSet, Ruleset
from portulan.wire.nf_sets import build_query, join_spans, parse_elements, parse_set
from portulan.wire.nft_sets import sender_sets

NESTED = 0x8000


def element(key, *more, nested=0):
    return attribute(nested | 1, attribute(nested | 1, attribute(1, key)) + b"".join(more))


def listing(*elements):
    return bytes(4) + attribute(1, b"t\0") + attribute(2, b"s\0") + attribute(NESTED | 3, b"".join(elements))


def read(data, width=4):
    return parse_elements(data, 0, len(data), width)


ENDS, CATCHES_ALL = (attribute(3, number(flag, 4, "big")) for flag in (1, 2))
addresses = st.binary(min_size=4, max_size=4)


@pytest.mark.parametrize("nested", [0, NESTED])
@given(keys=st.lists(st.tuples(addresses, st.booleans())))
def test_plain_keys_come_back(nested, keys):
    data = listing(*(element(key, *([ENDS] if ends else []), nested=nested) for key, ends in keys))
    assert read(data) == keys


@given(key=addresses, cut=st.integers(1, 15))
def test_half_an_element_is_none(key, cut):
    whole = element(key)
    data = bytes(4) + attribute(NESTED | 3, whole + whole[:cut])
    with suppress(ParseError):
        assert read(data) in (None, [(key, False)])


def test_keys_of_other_widths():
    for width in (2, 16):
        keys = [bytes([at] * width) for at in range(5)]
        assert read(listing(*map(element, keys)), width) == [(key, False) for key in keys]


def test_ends_and_notes_are_understood():
    data = listing(element(b"\1\2\3\4"), element(b"\1\2\3\5", ENDS), element(b"\1\2\3\6", attribute(6, b"note")))
    assert read(data) == [(b"\1\2\3\4", False), (b"\1\2\3\5", True), (b"\1\2\3\6", False)]


@pytest.mark.parametrize(
    "odd",
    [
        element(b"\1\2\3\4", CATCHES_ALL),
        element(b"\1\2\3\4", attribute(5, bytes(8))),
        element(b"\1\2\3\4", attribute(2, attribute(1, bytes(4)))),
        element(b"\1\2\3\4", attribute(NESTED | 7, b"")),
        element(b"\1\2\3\4\0\0\0\0"),
        attribute(NESTED | 1, ENDS),
    ],
)
def test_whatever_is_more_than_a_key_is_left_to_nft(odd):
    assert read(listing(element(b"\1\2\3\3"), odd)) is None


@given(data=st.binary(max_size=120))
def test_any_bytes_are_keys_or_none_or_a_parse_error(data):
    with suppress(ParseError):
        found = read(data)
        assert found is None or all(len(key) == 4 for key, _ in found)
    with suppress(ParseError):
        parse_set(data, 0, len(data))


@given(spans=st.lists(st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 40)), max_size=8), dice=st.randoms())
def test_spans_are_joined_again(spans, dice):
    taken = sorted({number for first, length in spans for number in range(first, min(first + length + 1, 2**16))})
    keys, at = [], 0
    expected = []
    while at < len(taken):  # cut into spans, some of which touch
        end = at
        while end + 1 < len(taken) and taken[end + 1] == taken[end] + 1 and dice.random() < 0.9:
            end += 1
        expected.append((taken[at], taken[end]))
        keys.append((taken[at].to_bytes(2), False))
        if taken[end] < 2**16 - 1:
            keys.append(((taken[end] + 1).to_bytes(2), True))
        at = end + 1
    dice.shuffle(keys)
    found = join_spans([(bytes(2), True), *keys], 2, intervals=True)
    assert list(zip(found.first, found.last, strict=True)) == expected


def test_spans_that_do_not_pair_are_not_guessed():
    assert join_spans([(b"\0\1", False), (b"\0\2", False)], 2, intervals=True) is None


def test_many_numbers_are_kept_in_an_array():
    found = join_spans([(at.to_bytes(4), False) for at in range(300)], 4, intervals=False)
    assert (list(found.first), found.first.typecode) == (list(range(300)), "Q")
    assert isinstance(join_spans([(at.to_bytes(16), False) for at in range(300)], 16, intervals=False).first, tuple)


def test_how_many_elements_the_kernel_tells():
    names = attribute(1, b"t\0") + attribute(2, b"s\0")
    found = [
        parse_set(data, 0, len(data))
        for data in (bytes([1, 0, 0, 0]) + names + attribute(20, number(7, 4, "big")), bytes([1, 0, 0, 0]) + names)
    ]
    assert [(each.table, each.name, each.element_count) for each in found] == [("t", "s", 7), ("t", "s", None)]
    assert build_query("inet", "t", "s") == bytes([1, 0, 0, 0]) + names


def test_sets_that_meet_only_senders():
    senders, ports = Field("ip", "saddr"), Field("tcp", "dport")

    def rule(*statements):
        return Rule(None, statements)

    def against(left, name):
        return Match(left, Named(name))

    chain = Chain(
        "ip",
        "t",
        "c",
        (
            rule(against(senders, "ban")),
            rule(against(Field("ip6", "saddr"), "ban6")),
            rule(against(senders, "ban")),
            rule(against(senders, "both")),
            rule(against(Field("ip", "daddr"), "both")),
            rule(against(ports, "ports")),
            rule(against(senders, "learnt")),
            rule(Update("add", "learnt", senders)),
            rule(Choose(senders, Named("map"))),
            rule(against(senders, "gone")),
        ),
    )
    sets = {
        ("ip", "t", name): NamedSet("ip", "t", name, ("ipv4_addr",)) for name in ("ban", "ban6", "both", "ports", "learnt", "map", "unused")
    }
    assert sender_sets(Ruleset(chains=(chain,), sets=sets)) == (("ip", "t", "ban"), ("ip", "t", "ban6"))
