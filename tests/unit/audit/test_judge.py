"""One packet in the rules of one hook: what is certain, and what is not."""

import pytest

from audit_samples import ACCEPT, DROP, base, chain, interface, is_in, net, rule, ruleset, spans, verdict
from portulan.audit.judge import Sample, base_outcomes, outcomes
from portulan.model.rule import (
    Assign,
    Binary,
    Choose,
    Concat,
    ConnectionLimit,
    Counter,
    Element,
    Field,
    Limit,
    Log,
    Lookup,
    Match,
    Members,
    Name,
    Named,
    Number,
    Opaque,
    Queue,
    Quota,
    Range,
    Reject,
    Strange,
    Synproxy,
    Translate,
    Update,
    Use,
    VerdictKind,
)
from portulan.model.ruleset import NamedSet, Table

YES, NO, EITHER = {"accept"}, {"drop"}, {"accept", "drop"}
PACKET = Sample(4, {
    ("meta", "iifname"): "eth0", ("meta", "l4proto"): 6, ("ip", "saddr"): 0x08080404, ("tcp", "dport"): 22, ("th", "dport"): 22, ("tcp", "flags"): 2, ("ct", "state"): 8,
    ("fib", "type"): 2,
})  # fmt: skip
DROP_IT = verdict(DROP)


def judged(*statements, policy=ACCEPT, packet=PACKET, more=(), sets=None, priority=0, hook="input"):
    found = ruleset(base(rule(*statements), policy=policy, priority=priority, hook=hook), *more, **({"sets": sets} if sets else {}))
    return outcomes(found, hook, packet)


@pytest.mark.parametrize(("match", "wanted"), [
    (is_in("tcp", "dport", 22), NO),
    (is_in("tcp", "dport", 23), YES),
    (is_in("tcp", "dport", 23, negated=True), NO),
    (is_in("tcp", "dport", (1, 1023)), NO),
    (is_in("udp", "dport", 22), YES),  # no such field: the rule ends
    (is_in("udp", "dport", 22, negated=True), YES),
    (is_in("icmpv6", "type", 135, negated=True), YES),
    (is_in("ip6", "saddr", 1), YES),
    (is_in("th", "dport", 22), NO),
    (net("ip", "saddr", "8.0.0.0/8"), NO),
    (net("ip", "saddr", "10.0.0.0/8"), YES),
    (is_in("ip", "ttl", 3), EITHER),  # what the sample does not tell
    (is_in("meta", "hour", 3), EITHER),
    (is_in("ct", "state", 8), NO),
    (Match(Binary("&", Field("ct", "state"), Number(6)), spans(0), negated=True), YES),  # ct state established,related
    (Match(Binary("|", Binary("^", Field("tcp", "dport"), Number(1)), Number(0)), spans(23)), NO),
    (Match(Binary(">>", Binary("<<", Field("tcp", "dport"), Number(2)), Number(1)), spans(44)), NO),
    (Match(Binary("&", Field("udp", "dport"), Number(6)), spans(0)), YES),
    (Match(Binary("%", Field("tcp", "dport"), Number(6)), spans(0)), EITHER),
    (Match(Binary("&", Field("ip", "ttl"), Number(6)), spans(0)), EITHER),
    (interface("eth0"), NO),
    (interface("eth1"), YES),
    (interface("eth1", negated=True), NO),
    (Match(Field("meta", "iifname"), Members(elements=(Element((Name("eth", prefix=True),)),))), NO),
    (is_in("meta", "mark", 0), NO),
    (Match(Strange("numgen"), spans(0)), EITHER),
    (Match(Lookup(Field("tcp", "dport"), Named("m")), spans(0)), EITHER),
    (Match(Lookup(Field("udp", "dport"), Named("m")), spans(0)), YES),
    (Match(Number(5), spans(5)), NO),
    (Match(Name("eth0"), Members(elements=(Element((Name("eth0"),)),))), NO),
    (Match(Field("fib", "oif", flags=("saddr", "iif"), exists=True), spans(0)), YES),  # a sender that is routed back
    (Match(Field("fib", "oif", flags=("daddr",), exists=True), spans(0)), EITHER),
    (Match(Field("fib", "type", flags=("daddr",)), spans(2)), NO),
    (Match(Field("fib", "type", flags=("saddr",)), spans(2)), YES),
    (Match(Field("fib", "oif", flags=("daddr",)), spans(2)), EITHER),
    (Match(Field("ct", "ip saddr", direction="original"), spans(2)), EITHER),
])  # fmt: skip
def test_a_comparison(match, wanted):
    assert judged(match, DROP_IT) == wanted


KEY = Concat((Field("ip", "saddr"), Field("tcp", "dport")))
OURS = (Range(0x08080404, 0x08080404), Range(22, 22))


@pytest.mark.parametrize(("elements", "wanted"), [
    ((Element(OURS),), NO),
    ((Element((OURS[0], Range(23, 23))),), YES),
    ((Element(OURS, statements=(Limit(3, "minute"),)),), EITHER),
    ((Element(OURS, changing=True),), EITHER),
    ((Element((Strange("x"), Range(22, 22))),), EITHER),
    ((Element((Range(1, 2), Range(22, 22))), Element((), wildcard=True)), NO),
    ((Element((Name("eth0"), Range(22, 22))),), YES),
    ((), YES),
])  # fmt: skip
def test_a_set_of_several_fields(elements, wanted):
    assert judged(Match(KEY, Members(elements=elements)), DROP_IT) == wanted


def test_a_key_of_which_one_part_is_not_known_or_not_there():
    assert judged(Match(Concat((Field("ip", "ttl"), Field("tcp", "dport"))), Members(elements=(Element(OURS),))), DROP_IT) == EITHER
    assert judged(Match(Concat((Field("ip6", "saddr"), Field("tcp", "dport"))), Members(elements=(Element(OURS),))), DROP_IT) == YES


@pytest.mark.parametrize(("known", "wanted"), [
    (NamedSet("inet", "filter", "s", ("inet_service",), spans(22)), NO),
    (NamedSet("inet", "filter", "s", ("inet_service",), spans(23)), YES),
    (NamedSet("inet", "filter", "s", ("inet_service",), None), EITHER),
    (NamedSet("inet", "filter", "s", ("inet_service",), spans(22), flags=("timeout",)), EITHER),
    (NamedSet("inet", "other", "s", ("inet_service",), spans(23)), EITHER),
])  # fmt: skip
def test_a_named_set(known, wanted):
    assert judged(Match(Field("tcp", "dport"), Named("s")), DROP_IT, sets={(known.family, known.table, known.name): known}) == wanted


@pytest.mark.parametrize(("statement", "wanted"), [
    (Limit(3, "minute"), EITHER), (Quota(3), EITHER), (ConnectionLimit(3), EITHER), (Use("limit", Name("l")), EITHER), (Update("add", "s", Field("ip", "saddr")), EITHER),
    (Use("counter", Name("c")), NO), (Use("synproxy", Name("c")), EITHER), (Counter(), NO), (Log(), NO), (Opaque("x", "aside"), NO), (Opaque("x", "xt-match"), EITHER),
    (Opaque("x"), EITHER), (Opaque("x", "xt"), EITHER), (Queue(None), EITHER), (Reject("tcp reset"), NO), (Synproxy(""), NO), (Translate("redirect"), YES),
    (Assign(Field("meta", "mark"), Number(1)), NO), (verdict(VerdictKind.CONTINUE), YES), (verdict(VerdictKind.RETURN), YES), (verdict(ACCEPT), YES),
])  # fmt: skip
def test_a_statement_before_a_drop(statement, wanted):
    assert judged(statement, DROP_IT) == wanted


def test_a_mark_that_any_rule_sets_is_not_known():
    assert judged(Assign(Field("meta", "mark"), Number(1)), is_in("meta", "mark", 0), DROP_IT) == EITHER


@pytest.mark.parametrize(("elements", "wanted"), [
    ((Element((Range(22, 22),), DROP_IT),), NO),
    ((Element((Range(23, 23),), DROP_IT),), YES),
    ((Element((Range(23, 23),), DROP_IT), Element((), verdict(ACCEPT), wildcard=True)), YES),
    ((Element((), verdict(ACCEPT), wildcard=True), Element((Range(22, 22),), DROP_IT)), NO),
    ((Element((Range(22, 22),), DROP_IT, changing=True),), EITHER),
    ((Element((Range(22, 22),), verdict(VerdictKind.JUMP, "side")),), NO),
])  # fmt: skip
def test_a_verdict_map(elements, wanted):
    assert judged(Choose(Field("tcp", "dport"), Members(elements=elements)), more=(chain("side", rule(DROP_IT)),)) == wanted


def test_a_verdict_map_that_was_not_read_or_whose_key_is_not_there():
    assert judged(Choose(Field("tcp", "dport"), Named("m"))) == EITHER
    assert judged(Choose(Field("udp", "dport"), Named("m"))) == YES
    assert judged(Choose(Field("ip", "ttl"), Members(elements=(Element((Range(22, 22),), DROP_IT),)))) == EITHER


def test_jumps_come_back_and_gotos_do_not():
    side = chain("side", rule(is_in("tcp", "dport", 80), verdict(ACCEPT)))
    jump = base(rule(verdict(VerdictKind.JUMP, "side")), rule(DROP_IT))
    goto = base(rule(verdict(VerdictKind.GOTO, "side")), rule(DROP_IT))
    assert outcomes(ruleset(jump, side), "input", PACKET) == NO
    assert outcomes(ruleset(goto, side), "input", PACKET) == YES
    assert outcomes(ruleset(goto._replace(base=goto.base._replace(policy=DROP)), side), "input", PACKET) == NO


def test_a_chain_that_ends_the_packet_in_any_case_is_not_left():
    side = chain("side", rule(is_in("ip", "ttl", 3), verdict(ACCEPT)), rule(Reject("icmpx")))
    assert outcomes(ruleset(base(rule(verdict(VerdictKind.JUMP, "side")), rule(verdict(ACCEPT))), side), "input", PACKET) == EITHER


def test_a_jump_to_nowhere_and_a_circle_are_not_known():
    assert outcomes(ruleset(base(rule(verdict(VerdictKind.JUMP, "gone")))), "input", PACKET) == EITHER
    circle = (chain("a", rule(verdict(VerdictKind.JUMP, "b"))), chain("b", rule(verdict(VerdictKind.JUMP, "a"))))
    assert outcomes(ruleset(base(rule(verdict(VerdictKind.JUMP, "a"))), *circle), "input", PACKET) == EITHER


def test_every_base_chain_must_let_it_pass():
    first, last = base(rule(verdict(ACCEPT)), priority=-10), base(policy=DROP, table="late", priority=10)
    assert outcomes(ruleset(first, last), "input", PACKET) == NO
    doubtful = base(rule(Limit(1, "second"), DROP_IT), table="middle")
    assert outcomes(ruleset(first, doubtful), "input", PACKET) == EITHER
    assert outcomes(ruleset(first, doubtful, last), "input", PACKET) == NO


def test_only_chains_that_see_the_packet_count():
    six, nat, output = base(policy=DROP, family="ip6"), base(policy=DROP, kind="nat"), base(policy=DROP, hook="output")
    assert outcomes(ruleset(six, nat, output), "input", PACKET) == YES
    assert outcomes(ruleset(six), "input", Sample(6, {})) == NO
    asleep = ruleset(base(policy=DROP))._replace(tables=(Table("inet", "filter", dormant=True),))
    assert outcomes(asleep, "input", PACKET) == YES
    assert outcomes(ruleset(base(policy=DROP, family="netdev", hook="ingress")), "ingress", PACKET) == NO


@pytest.mark.parametrize(
    ("hook", "priority", "wanted"), [("prerouting", -300, EITHER), ("prerouting", -150, NO), ("output", -300, EITHER), ("input", -300, NO)]
)
def test_before_tracking_the_state_is_not_known(hook, priority, wanted):
    assert judged(is_in("ct", "state", 8), DROP_IT, hook=hook, priority=priority) == wanted


def test_a_base_chain_alone():
    found = ruleset(base(policy=DROP))
    assert base_outcomes(found, found.chains[0], PACKET) == NO
