"""What the kernel says of tables and chains, and what names and references tell."""

import pytest

from builders import attribute, number
from portulan.errors import ParseError
from portulan.model.rule import Choose, Field, Lookup, Match, Members, Named, Range, Rule, Spans, Translate, Update
from portulan.model.ruleset import Chain, NamedSet, Ruleset
from portulan.wire.nf_tables import ChainFacts, TableFacts, build_query, parse_chain, parse_generation, parse_table
from portulan.wire.nft_authors import author_of
from portulan.wire.nft_sets import sets_in_rules


def parsed(parse, data):
    return parse(data, 0, len(data))


def test_the_generation():
    assert parsed(parse_generation, bytes(4) + attribute(1, number(258, 4, "big"))) == 258
    assert parsed(parse_generation, bytes(4)) == 0
    assert build_query() == bytes(4)


def test_flags_of_a_table():
    data = bytes([2, 0, 0, 0]) + attribute(1, b"mine\0") + attribute(2, number(3, 4, "big"))
    assert parsed(parse_table, data) == TableFacts("ip", "mine", dormant=True, owned=True)
    assert parsed(parse_table, bytes([99, 0, 0, 0]) + attribute(1, b"x\0")) == TableFacts("99", "x", dormant=False, owned=False)


def test_devices_of_a_chain():
    several = attribute(4, attribute(1, b"eth0\0") + attribute(1, b"lo\0") + attribute(2, b"wg\0"))
    hook = attribute(4, attribute(1, number(0, 4, "big")) + attribute(3, b"eth0\0") + several)
    data = bytes([5, 0, 0, 0]) + attribute(1, b"t\0") + attribute(3, b"c\0") + hook
    assert parsed(parse_chain, data) == ChainFacts("netdev", "t", "c", ("eth0", "lo", "wg*"))
    assert parsed(parse_chain, bytes([1, 0, 0, 0]) + attribute(1, b"t\0") + attribute(3, b"c\0")).devices == ()


def test_damage_is_told():
    with pytest.raises(ParseError):
        parsed(parse_table, bytes(4) + b"\x03\0\1\0")


@pytest.mark.parametrize(
    ("table", "chain", "target", "author"),
    [
        ("filter", "ufw-user-input", None, "ufw"),
        ("filter", "INPUT", "ufw6-before-input", "ufw"),
        ("firewalld", "filter_INPUT", None, "firewalld"),
        ("nat", "DOCKER", None, "docker"),
        ("legacy:filter", "f2b-sshd", None, "fail2ban"),
        ("filter", "INPUT", None, None),
        ("inet_mine", "in", "out", None),
    ],
)
def test_authors_by_their_names(table, chain, target, author):
    assert author_of(table, chain, target) == author


def test_sets_that_rules_refer_to():
    port = Field("tcp", "dport")
    statements = (
        Match(port, Named("a"), negated=True),
        Choose(port, Named("b")),
        Translate("dnat", "ip", Lookup(port, Named("c")), Range(80, 80)),
        Match(port, Members(spans=Spans((1,), (1,)))),
        Update("add", "written", port),
        Match(port, Named("a")),
        Match(port, Named("elsewhere")),
    )
    sets = {("ip", "t", name): NamedSet("ip", "t", name, ("inet_service",)) for name in ("a", "b", "c", "written", "unused")}
    ruleset = Ruleset(
        chains=(Chain("ip", "t", "in", (Rule(1, statements),)), Chain("ip", "other", "in", (Rule(1, statements),))), sets=sets
    )
    assert sets_in_rules(ruleset) == (("ip", "t", "a"), ("ip", "t", "b"), ("ip", "t", "c"))
