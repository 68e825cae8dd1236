"""What a person types, understood."""

import pytest

from portulan.errors import BadInput
from portulan.model.port import Transport
from portulan.model.portset import PortRange
from portulan.registry.question import LONGEST, parse_question, split_questions

TCP, UDP = Transport.TCP, Transport.UDP


@pytest.mark.parametrize(
    ("query", "first", "last", "transport"),
    [
        ("80", 80, 80, None), (" 80 ", 80, 80, None), ("443/tcp", 443, 443, TCP), ("443/TCP", 443, 443, TCP), ("udp/53", 53, 53, UDP),
        ("6000-6063", 6000, 6063, None), ("1-1023/udp", 1, 1023, UDP), ("-1023", 0, 1023, None), ("49152-", 49152, 65535, None),
        ("８０／ｔｃｐ", 80, 80, TCP), ("80 / tcp", 80, 80, TCP), ("80 - 90", 80, 90, None), ("00080", 80, 80, None),
    ],
)  # fmt: skip
def test_numbers(query, first, last, transport):
    question = parse_question(query)
    assert (question.ports, question.transport, question.text) == (PortRange(first, last), transport, "")


@pytest.mark.parametrize(
    ("query", "text", "transport"),
    [
        ("http", "http", None), ("domain/udp", "domain", UDP), ("cl/1", "cl/1", None), ("914c/g", "914c/g", None), ("3com-tsmux", "3com-tsmux", None),
        ("_http._tcp", "http", TCP), ("_ssh._tcp.local", "ssh", TCP), ("_x._y", "_x._y", None), ("remote desktop", "remote desktop", None),
        ("-", "-", None), ("/", "/", None), ("tcp", "tcp", None), ("tcp/http", "tcp/http", None), ("電話", "電話", None), ("８k", "8k", None),
    ],
)  # fmt: skip
def test_names_and_words(query, text, transport):
    question = parse_question(query)
    assert (question.ports, question.text, question.transport) == (None, text, transport)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "lookup.empty"), ("   ", "lookup.empty"), ("70000", "port.out-of-range"), ("80/xyz", "transport.unknown"), ("80/", "transport.unknown"),
        ("90-80", "range.backwards"), ("1-2-3", "port.not-a-number"), ("1 2", "port.not-a-number"), ("x" * (LONGEST + 1), "lookup.too-long"),
        ("9" * 150, "port.out-of-range"),
    ],
)  # fmt: skip
def test_bad_questions(query, code):
    with pytest.raises(BadInput) as caught:
        parse_question(query)
    assert caught.value.code == code


def test_lists_of_numbers_are_several_questions():
    assert split_questions(["22,80,8000-8010/tcp", "http", "a,b", "1,x"]) == ["22/tcp", "80/tcp", "8000-8010/tcp", "http", "a,b", "1,x"]
