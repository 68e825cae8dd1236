"""Ranges and sets of ports; the algebra is in tests/property/test_portset.py."""

import copy
import pickle

import pytest

from portulan.errors import BadInput
from portulan.model.portset import PortRange, PortSet, parse_portset, parse_range


def ports(text):
    return parse_portset(text) if text else PortSet()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("80", 80, 80), (" 80 ", 80, 80), ("8000-8010", 8000, 8010), ("8000 - 8010", 8000, 8010), ("-1023", 0, 1023), ("49152-", 49152, 65535), ("-", 0, 65535), ("5-5", 5, 5), ("0", 0, 0), ("65535", 65535, 65535)],
)  # fmt: skip
def test_a_range(text, first, last):
    assert parse_range(text) == PortRange(first, last)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "port.not-a-number"),
        ("a", "port.not-a-number"),
        ("1-a", "port.not-a-number"),
        ("1-2-3", "port.not-a-number"),
        ("--", "port.not-a-number"),
        ("1–2", "port.not-a-number"),
        ("65536", "port.out-of-range"),
        ("1-70000", "port.out-of-range"),
        ("9-8", "range.backwards"),
    ],
)
def test_what_is_no_range_is_bad_input(text, code):
    with pytest.raises(BadInput) as raised:
        parse_range(text)
    assert raised.value.code == code
    assert raised.value.facts["text"] in text


@pytest.mark.parametrize(("first", "last"), [(-1, 5), (5, 4), (0, 65536), (65536, 65536)])
def test_an_impossible_range_is_never_made(first, last):
    with pytest.raises(BadInput) as raised:
        PortRange(first, last)
    assert (raised.value.code, raised.value.facts) == ("range.impossible", {"text": f"{first}-{last}"})


def test_a_range_knows_its_ports():
    few = PortRange(8000, 8010)
    assert (len(few), 8000 in few, 8010 in few, 7999 in few, 8011 in few) == (11, True, True, False, False)
    assert (str(few), str(PortRange(80, 80)), repr(few)) == ("8000-8010", "80", "PortRange(first=8000, last=8010)")


def test_ranges_are_ordered_by_their_first_port():
    assert sorted([PortRange(5, 9), PortRange(1, 2), PortRange(5, 6)]) == [PortRange(1, 2), PortRange(5, 6), PortRange(5, 9)]
    assert PortRange(1, 2) != (1, 2)


@pytest.mark.parametrize("value", [PortRange(1, 2), PortSet((PortRange(1, 2), PortRange(7, 9))), PortSet()])
def test_values_do_not_change_and_can_be_copied_and_sent(value):
    with pytest.raises(AttributeError):
        value.first = 3
    with pytest.raises(AttributeError):
        value.ranges = ()
    with pytest.raises(AttributeError):
        del value.first
    for twin in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert twin == value
        assert hash(twin) == hash(value)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("80", "80"),
        ("443,80,22", "22,80,443"),
        ("80,80", "80"),
        ("1-5,3-9", "1-9"),
        ("1-5,6-9", "1-9"),
        ("1-9,3-5", "1-9"),
        ("6-9,1-5", "1-9"),
        ("1-5,7-9", "1-5,7-9"),
        (" 22 , 80 - 81 ", "22,80-81"),
        ("-", "0-65535"),
        ("65535,0", "0,65535"),
    ],
)
def test_a_set_is_normal_whatever_it_was_made_from(text, normal):
    assert str(parse_portset(text)) == normal
    assert repr(parse_portset(text)) == f"PortSet('{normal}')"


@pytest.mark.parametrize("text", ["", ",", "80,", ",80", "80,,81", "80;81"])
def test_an_empty_part_is_bad_input(text):
    with pytest.raises(BadInput):
        parse_portset(text)


def test_membership_at_the_edges():
    few = parse_portset("0,22,8000-8010,65535")
    assert [number for number in (0, 1, 21, 22, 23, 7999, 8000, 8005, 8010, 8011, 65534, 65535) if number in few] == [
        0,
        22,
        8000,
        8005,
        8010,
        65535,
    ]
    assert -1 not in few
    assert 65536 not in few
    assert "22" not in few
    assert 22 not in PortSet()


def test_sizes_and_members():
    few = parse_portset("1,8000-8003")
    assert (len(few), list(few), bool(PortSet())) == (5, [1, 8000, 8001, 8002, 8003], False)


@pytest.mark.parametrize(
    ("text", "others"),
    [("", "0-65535"), ("0-65535", ""), ("0", "1-65535"), ("65535", "0-65534"), ("5-9", "0-4,10-65535"), ("0,5,65535", "1-4,6-65534")],
)
def test_the_others(text, others):
    assert ~ports(text) == ports(others)


def test_two_sets_together():
    some, more = ports("1-5,80"), ports("4-8,443")
    assert str(some | more) == "1-8,80,443"
    assert str(some & more) == "4-5"
    assert str(some - more) == "1-3,80"
    assert str(some ^ more) == "1-3,6-8,80,443"


def test_equal_sets_are_equal_values():
    assert {ports("1-2"): "few"}[ports("2,1")] == "few"
    assert ports("1") != PortRange(1, 1)
