"""What may have been meant."""

from pathlib import Path

import pytest

from portulan.registry.ours import words
from portulan.registry.suggest import MOST, distance, suggest
from portulan.registry.table import Table
from portulan.system.registry_file import PACKAGED


@pytest.fixture(scope="module")
def names():
    return list(Table(Path(PACKAGED).read_bytes()).names())


@pytest.mark.parametrize(
    ("left", "right", "slips"),
    [
        ("", "", 0), ("a", "a", 0), ("a", "b", 1), ("a", "", 1), ("ab", "ba", 1), ("abc", "acb", 1), ("postgrse", "postgres", 1),
        ("kitten", "sitting", 3), ("saturday", "sunday", 3), ("http", "htpps", 2), ("abcdef", "", 6),
    ],
)  # fmt: skip
def test_distance(left, right, slips):
    assert distance(left, right, 9) == distance(right, left, 9) == slips


def test_distance_gives_up_beyond_its_limit():
    assert distance("kitten", "sitting", 2) == 3
    assert distance("abcdef", "", 2) == 3


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("postgrse", "postgres"), ("htpp", "http"), ("ngnix", "nginx"), ("elasticserch", "elasticsearch"), ("kubernets", "kubernetes"),
        ("remote dektop", "remote desktop"), ("mogodb", "mongodb"), ("rpd", "rdp"), ("sssh", "ssh"), ("DOMIAN", "domain"),
    ],
)  # fmt: skip
def test_slips_of_the_finger(names, word, meant):
    assert suggest(word, words(), names)[0] == meant


@pytest.mark.parametrize("word", ["", "x", "qqqqqqqqqq", "0" * 61, "完全に未知"])
def test_no_guess_without_a_reason(names, word):
    assert suggest(word, words(), names) == ()


def test_a_few_only(names):
    assert len(suggest("dsn", words(), names)) == MOST
