"""The picture's words."""

import re
from dataclasses import replace

from map_samples import sample
from portulan.model.address import Exposure
from portulan.model.picture import Cell, OpenPort
from portulan.model.port import PORTS, PortClass, Transport, port_class
from portulan.model.portset import PortSet, parse_portset
from portulan.text import map as words
from portulan.text.voice import Voice

ENGLISH, JAPANESE = Voice("en"), Voice("ja")


def test_the_ranges_are_those_of_the_model():
    assert [number for numbers in words.RANGES.values() for number in numbers] == list(range(PORTS))
    assert all(port_class(number) is range_ for range_, numbers in words.RANGES.items() for number in (numbers[0], numbers[-1]))


def test_every_cell_and_range_has_words_in_both_languages():
    assert set(words.CELLS) == set(Cell)
    assert set(words.CLASSES) == set(words.SHORT) == set(PortClass)
    for voice in (ENGLISH, JAPANESE):
        assert len({voice.say(text) for text in words.CELLS.values()}) == len(Cell)


def test_the_title_counts_doors():
    assert words.title(sample(), ENGLISH) == "web-01: 16 open ports"
    assert words.title(replace(sample(), transport=Transport.TCP), ENGLISH) == "web-01: 16 open TCP ports"
    assert words.moment(sample()) == "2026-03-01 12:00 UTC"


def test_numbers_in_pieces():
    pieces = words.number_words({Transport.TCP: parse_portset("22,8000-8010"), Transport.UDP: parse_portset("53")})
    assert pieces == [("tcp 22,", 1), ("8000-8010", 11), ("· udp 53", 1)]
    assert words.number_words({}) == []
    assert words.number_words({Transport.UDP: PortSet()}) == []


def test_headings():
    assert words.whole_heading(1, ENGLISH) == "all ports, each a cell"
    assert words.whole_heading(4096, ENGLISH) == "all ports, 4,096 to a cell"
    assert words.range_name(PortClass.USER, ENGLISH) == "user 1024-49151"
    assert words.clients(sample(), ENGLISH) == "clients get 32768-60999"
    assert words.clients(replace(sample(), ephemeral=None), ENGLISH) == ""


def test_a_port_in_a_sentence():
    port = OpenPort(transport=Transport.TCP, port=9, exposure=Exposure.LOOPBACK, service="ev\x1bil")
    assert words.describe(port, ENGLISH) == r"9/tcp ev\x1bil: open to this host only"


def test_errors_have_sentences_for_all_their_facts():
    for text in (*words.SENTENCES.values(), *words.WAYS_OUT.values()):
        assert set(re.findall(r"{(\w+)}", text)) <= {"path", "known", "reason"}
