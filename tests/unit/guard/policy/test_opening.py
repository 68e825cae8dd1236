"""When a line more would do nothing, or not what was asked for."""

from datetime import date

import pytest

from policies import policy_of, reader_of, table
from portulan.errors import BadInput
from portulan.guard.policy.opening import find_needless
from portulan.guard.policy.read import read_senders
from portulan.guard.policy.services import door_ports
from portulan.guard.policy.terms import agree, terms_of
from portulan.guard.policy.toml import parse_toml

TODAY = date(2026, 6, 1)
SOURCES = '[sources]\noffice = "192.0.2.0/24"\ndesk = "192.0.2.7"\nlan = "interface eth1"\n'
LATER, LATEST = date(2026, 12, 31), date(2027, 12, 31)


def found(lines, door, *senders, **options):
    text = SOURCES + "[doors]\n" + lines
    asked = read_senders(parse_toml(text, "f"), senders, table(), reader_of({}))
    needless = find_needless(policy_of(text), TODAY, door_ports(door, table()), asked, terms_of(options))
    return needless and (needless.why, needless.line.text, needless.senders, needless.named)


@pytest.mark.parametrize(("lines", "asked", "options", "expected"), [
    ('ssh = "office"', ["office"], {}, ("open", "ssh", ("office",), True)),
    ('ssh = "everyone"', ["office"], {}, ("wider", "ssh", ("office",), False)),
    ('ssh = "office"', ["desk"], {}, ("wider", "ssh", ("desk",), False)),
    ('ssh = ["office", "lan"]', ["lan", "office"], {}, ("open", "ssh", ("lan", "office"), True)),
    ('ssh = "office"', ["office", "lan"], {}, None),
    ('ssh = "desk"', ["office"], {}, None),
    ('"1-100/tcp" = "office"', ["office"], {}, ("open", "1-100/tcp", ("office",), True)),
    ('"1-22/udp" = "office"', ["office"], {}, None),
    ('ssh = { from = "office", log = true }', ["office"], {}, ("open", "ssh", ("office",), True)),
    ('ssh = { from = "office", limit = "1/day" }', ["office"], {}, ("other-terms", "ssh", ("office",), True)),
    ('ssh = { from = "office", until = 2026-12-31 }', ["office"], {}, ("other-terms", "ssh", ("office",), True)),
    ('ssh = { from = "office", until = 2026-05-31 }', ["office"], {}, ("other-terms", "ssh", ("office",), True)),
    ('ssh = { from = "everyone", until = 2026-12-31 }', ["office"], {}, None),
    ('ssh = { from = "office", limit = "1/day" }', ["office", "lan"], {}, None),
    ('ssh = { from = "office", limit = "1/day" }\n"22/tcp" = "lan"', ["office", "lan"], {}, ("other-terms", "ssh", ("office",), True)),
    ('"22-23/tcp" = { from = "office", limit = "1/day" }', ["office"], {}, None),
    # with terms
    ('ssh = "everyone"', ["office"], {"limit": "1/day"}, ("idle", "ssh", ("office",), False)),
    ('ssh = "everyone"', ["office"], {"until": LATER}, ("idle", "ssh", ("office",), False)),
    ('ssh = "everyone"', ["office"], {"note": "x"}, ("idle", "ssh", ("office",), False)),
    ('ssh = "everyone"', ["office"], {"log": True}, None),
    ('ssh = ["office", "lan"]', ["office"], {"limit": "1/day", "log": True}, ("idle", "ssh", ("office",), True)),
    ('ssh = "office"', ["office"], {"limit": "1/day"}, None),
    ('ssh = "office"\n22 = "everyone"', ["office"], {"limit": "1/day"}, ("idle", "22", ("office",), False)),
    ('ssh = "office"', ["office", "198.18.1.2"], {"until": LATER}, ("idle", "ssh", ("office",), True)),
    ('ssh = { from = ["office", "lan"], until = 2027-12-31 }', ["office"], {"until": LATER}, ("idle", "ssh", ("office",), True)),
    ('ssh = { from = ["office", "lan"], until = 2026-12-31 }', ["office"], {"until": LATEST}, None),
    ('ssh = { from = ["office", "lan"], until = 2026-12-31 }', ["office"], {"until": LATER}, ("open", "ssh", ("office",), True)),
    ('ssh = { from = ["office", "lan"], limit = "2/day" }', ["office"], {"limit": "2/day burst 2"}, ("open", "ssh", ("office",), True)),
    ('ssh = { from = ["office", "lan"], limit = "2/day" }', ["office"], {"limit": "3/day"}, None),
    ('ssh = { from = "everyone", until = 2026-05-31 }', ["office"], {"limit": "1/day"}, None),
])  # fmt: skip
def test_why_no_line_is_needed(lines, asked, options, expected):
    assert found(lines, "ssh", *asked, **options) == expected


@pytest.mark.parametrize(
    ("word", "code"),
    [("ofice", "policy.source"), ("198.18.0.0/33", "policy.network"), ("a.example.com", "policy.host-name"), ("", "policy.source")],
)
def test_a_word_that_is_no_sender(word, code):
    with pytest.raises(BadInput) as raised:
        found('ssh = "everyone"', "ssh", word)
    assert raised.value.code == code
    assert not {"file", "line", "column", "quote"}.intersection(raised.value.facts)


@pytest.mark.parametrize(("held", "asked", "same"), [
    ({}, {}, True), ({"note": "a"}, {}, True), ({"note": "a"}, {"note": "b"}, False), ({}, {"note": "b"}, False), ({"log": True}, {}, False),
    ({"limit": "60/minute"}, {"limit": "60/minute burst 60"}, True), ({"limit": "60/minute"}, {"limit": "60/hour"}, False),
    ({"until": "2026-12-31"}, {"until": LATER}, True), ({"until": LATER}, {}, False), ({"helper": "none"}, {}, True), ({"helper": "ftp"}, {"helper": "sip"}, False),
])  # fmt: skip
def test_terms_that_are_the_same(held, asked, same):
    assert agree(terms_of(held), terms_of(asked), door_ports("ssh", table())) is same


def test_the_helper_that_a_port_needs_is_no_term_of_its_senders():
    assert agree(terms_of({"helper": "ftp"}), terms_of({}), door_ports("ftp", table()))
    assert not agree(terms_of({"helper": "ftp"}), terms_of({}), door_ports("2121/tcp", table()))


@pytest.mark.parametrize(("options", "code"), [({"limit": "often"}, "policy.limit"), ({"until": "soon"}, "policy.until")])
def test_terms_that_are_none(options, code):
    with pytest.raises(BadInput) as raised:
        terms_of(options)
    assert raised.value.code == code
