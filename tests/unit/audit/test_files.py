"""The files that people write for an audit: wanted ports, ignores, and the lines of their mistakes."""

import pytest

from audit_samples import TODAY, door, facts
from policies import policy_of
from portulan.audit.catalogue import IDS
from portulan.audit.doors import find_open
from portulan.audit.ignores import apply_ignores, is_known, named_ignores, nearest, parse_ignores
from portulan.audit.risks import risks
from portulan.audit.toml import parse_toml
from portulan.audit.wanted import wanted_of
from portulan.errors import BadInput, ParseError
from portulan.model.finding import Finding, Ignore, Level, Subject
from portulan.model.port import Transport
from portulan.text.findings import ABOUT

TCP, UDP = Transport.TCP, Transport.UDP
POLICY = """# what we want
[sources]
office = ["198.51.100.0/24", "2001:db8::/48"]
world = ["0.0.0.0/0"]

[doors]
https = "everyone"
ssh = { from = "office", limit = "10/minute" }
"5432/tcp" = ["office", "10.0.0.0/8"]
"8000-8010/tcp" = "this-host"
443 = "world"
9000 = { from = "everyone", until = 2026-02-28 }
9001 = { from = "everyone", until = "2026-03-01" }

[doors."smtp"]
from = "everyone"
"""


def refused(parse, text, *more):
    with pytest.raises(BadInput) as raised:
        parse(text, "f.toml", *more)
    return raised.value.code, raised.value.facts.get("line"), raised.value.facts.get("text")


# --- TOML ---


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a = 1\nb == 2\n", "toml.syntax", 2),
        ("[a\n", "toml.syntax", 1),
        ("a = 1\na = 2\n", "toml.twice", 2),
        ('a = """x\n', "toml.unclosed", 2),
        ("\x00", "toml.syntax", 1),
    ],
)
def test_a_mistake_has_its_line(text, code, line):
    assert refused(parse_toml, text)[:2] == (code, line)


def test_what_is_nested_without_end_is_a_mistake():
    with pytest.raises(ParseError):
        parse_toml("a = " + "[" * 5000, "f.toml")


def test_lines_of_tables_and_keys():
    found = parse_toml("top = 1\n[a]\nx = 1\n'y y' = 2\n[[b]]\nx = 1\n[[b]]\n# x = 0\nx = 2\n[a.sub]\n", "f.toml")
    assert [found.line("", "top"), found.line("a"), found.line("a", "x"), found.line("a", "y y"), found.line("a", "sub")] == [
        1,
        2,
        3,
        4,
        10,
    ]
    assert [found.line("b"), found.line("b", None, 1), found.line("b", "x", 1), found.line("b", "gone", 1), found.line("gone")] == [
        5,
        7,
        9,
        7,
        1,
    ]


# --- wanted ports ---


def test_wanted_ports():
    found = wanted_of(policy_of(POLICY), TODAY)
    assert [(one.name, one.everyone, one.line) for one in found.wishes] == [
        ("https", True, 7), ("ssh", False, 8), ("5432/tcp", False, 9), ("8000-8010/tcp", False, 10), ("443", True, 11), ("9001", True, 13), ("smtp", True, 15),
    ]  # fmt: skip
    assert found.of(TCP, 443).everyone
    assert found.of(UDP, 443).name in ("https", "443")
    assert found.of(TCP, 22).sources == "office"
    assert found.of(TCP, 8010).sources == "this-host"
    assert found.of(UDP, 8010) is None
    assert found.of(TCP, 9000) is None  # until yesterday
    assert wanted_of(policy_of(POLICY)).of(TCP, 9000) is not None


def test_of_two_lines_the_wider_counts():
    found = wanted_of(policy_of('[doors]\n22 = "this-host"\nssh = "everyone"\n'))
    assert found.of(TCP, 22).everyone


# --- ignores ---

IGNORES = """
[[ignore]]
id = "open.database:5432/tcp"
reason = "moves in May"
until = 2026-05-31

[[ignore]]
id = "Firewall.None"
reason = " the switch before it "
"""


def test_ignores():
    assert parse_ignores(IGNORES, "i.toml") == (
        Ignore("open.database:5432/tcp", "moves in May", "i.toml", 3, "2026-05-31"), Ignore("Firewall.None", "the switch before it", "i.toml", 8, None),
    )  # fmt: skip
    assert parse_ignores("", "i.toml") == ()


@pytest.mark.parametrize(("text", "wanted"), [
    ("ignore = 5\n", ("ignores.shape", 1, "ignore")),
    ("\n[[ignored]]\nid = 'x'\n", ("ignores.shape", 2, "ignored")),
    ("[[ignore]]\nid = 'open.cache'\nreason = 'x'\nwhy = 'y'\n", ("ignores.key", 4, "why")),
    ("ignore = [1]\n", ("ignores.key", 1, "")),
    ("[[ignore]]\nreason = 'x'\n", ("ignores.no-id", 1, None)),
    ("[[ignore]]\nid = 'open.cache'\nreason = 'y'\n[[ignore]]\nid = 'open.cache'\n", ("ignores.no-reason", 4, None)),
    ("[[ignore]]\nid = 'open.cache'\nreason = ' '\n", ("ignores.no-reason", 1, None)),
    ("[[ignore]]\nid = 'open.cahce'\nreason = 'x'\n", ("ignores.unknown", 2, "open.cahce")),
    ("[[ignore]]\nid = 'open.cache'\nreason = 'x'\nuntil = 'May'\n", ("ignores.until", 4, "May")),
])  # fmt: skip
def test_a_wrong_ignore_has_its_line(text, wanted):
    assert refused(parse_ignores, text) == wanted


def test_ids():
    assert is_known("open.database")
    assert is_known("OPEN.Database:5432/tcp")
    assert not is_known("open")
    assert nearest("open.databse:1/tcp") == "open.database"
    assert nearest("zzz") == ""
    with pytest.raises(BadInput) as raised:
        named_ignores(["open.databse"])
    assert raised.value.facts == {"text": "open.databse", "near": "open.database"}
    assert set(ABOUT) == set(IDS)
    assert len(set(IDS)) == len(IDS)


def finding(id_, port=None):
    return Finding(id_, Level.ERROR, Subject(TCP if port else None, port), ())


def test_ignores_are_applied_and_those_that_match_nothing_are_told():
    ignores = (
        Ignore("OPEN.database:5432/TCP", "one"), Ignore("open.database", "all", "f", 1, "2026-02-28"), Ignore("open.cache", "gone"), Ignore("firewall.none", "two", "f", 9, "2026-03-01"),
    )  # fmt: skip
    items, unused = apply_ignores(
        (finding("open.database", 5432), finding("open.database", 3306), finding("firewall.none")), ignores, TODAY
    )
    assert [one.ignored for one in items] == ["one", None, "two"]
    assert [one.reason for one in unused] == ["all", "gone"]


def test_every_finding_that_can_be_made_is_in_the_catalogue():
    found = list(find_open(facts(*(door(port) for risk in risks() for port in risk.ports), ruleset=None)))
    assert len(found) > 60
    assert {one.id for one in found} <= set(IDS)
