"""Which ports rules may send elsewhere, and the rules without those."""

from portulan.guard.published import translated_ports, without_translation
from portulan.model.rule import Choose, Element, Field, Match, Members, Named, Range, Rule, Spans, Translate, Verdict, VerdictKind
from portulan.model.ruleset import Base, Chain, NamedSet, Ruleset

PORT = Field("tcp", "dport")


def rule(*statements):
    return Rule(None, statements)


def ports(*pairs):
    first, last = zip(*pairs, strict=True)
    return Match(PORT, Members(spans=Spans(first, last)))


def jump(name):
    return Verdict(VerdictKind.JUMP, name)


NAT = Chain("ip", "nat", "PREROUTING", (rule(jump("DOCKER")), rule(Choose(PORT, Named("more")))), Base("nat", "prerouting", -100))
DOCKER = Chain("ip", "nat", "DOCKER", (rule(ports((8080, 8080)), Translate("dnat")), rule(ports((30000, 32767)), Translate("dnat"))))
LATER = Chain("ip", "nat", "LATER", (rule(Match(PORT, Named("some")), Translate("redirect")), rule(jump("DOCKER"))))
FILTER = Chain("ip", "filter", "INPUT", (rule(ports((22, 22))),), Base("filter", "input", 0))
OUT = Chain("ip", "nat", "OUTPUT", (rule(ports((9999, 9999)), Translate("dnat")),), Base("nat", "output", -100))
SETS = {
    ("ip", "nat", "some"): NamedSet("ip", "nat", "some", ("inet_service",), Members(spans=Spans((5000, 70000), (5002, 70001)))),
    ("ip", "nat", "more"): NamedSet(
        "ip", "nat", "more", ("inet_service",), Members(elements=(Element((Range(443, 443),), jump("LATER")), Element((), jump("GONE"), wildcard=True))), ("verdict",)
    ),
    ("ip", "nat", "unread"): NamedSet("ip", "nat", "unread", ("inet_service",)),
}  # fmt: skip
RULES = Ruleset(chains=(NAT, DOCKER, LATER, FILTER, OUT), sets=SETS)


def test_ports_that_may_be_published():
    assert translated_ports(RULES) == (443, 5000, 5001, 5002, 8080, 30000, 32767)
    assert translated_ports(RULES._replace(chains=(FILTER, OUT, DOCKER))) == ()
    assert translated_ports(Ruleset()) == ()


def test_the_rules_without_translation():
    assert without_translation(RULES).chains == (DOCKER, LATER, FILTER, OUT)
