"""What statements do to all packets at once: each feature by an example, and in every case as the simulation of single packets has it."""

import pytest

from portulan.model.reach import Outcome
from portulan.model.rule import (
    Assign,
    Binary,
    Concat,
    ConnectionLimit,
    Copy,
    Counter,
    Element,
    Field,
    Forward,
    Limit,
    Log,
    Lookup,
    Match,
    Members,
    Name,
    Names,
    NoTrack,
    Number,
    Offload,
    Opaque,
    Queue,
    Quota,
    Range,
    Reject,
    Spans,
    Strange,
    Synproxy,
    Translate,
    TransparentProxy,
    Update,
    Use,
)
from reach_agreement import disagreements, fate
from rule_builders import (
    ACCEPT,
    CONTAINER,
    CONTINUE,
    DROP,
    RETURN,
    address,
    chain,
    dnat,
    element,
    field,
    goto,
    jump,
    mark,
    match,
    named_set,
    network,
    packet,
    route,
    ruleset,
    span,
    vmap,
)

NET = network()
YES, NO, TOLD, MAYBE = Outcome.ACCEPT, Outcome.DROP, Outcome.REJECT, Outcome.MAYBE
SETS = (
    named_set("known", "203.0.113.0/24", "10.0.0.0/8"),
    named_set("unread", unread=True),
    named_set("full", "203.0.113.9", size=1),
    named_set("roomy", elements=[element("198.51.100.1")], size=9),
    named_set("going", elements=[element("203.0.113.0/24", changing=True)]),
    named_set("limited", elements=[Element((Range(*span("203.0.113.0/24")),), statements=(Limit(1, "second"),))]),
)
TO_CONTAINER = chain("nat", dnat(CONTAINER[4], family="ip"), dnat(CONTAINER[6], family="ip6"), hook="prerouting", kind="nat", priority=-100)
TWENTY_TWO = Lookup(field("tcp dport"), Members(elements=(element(22, (Range(9, 9),)),)))


def of_input(*rules, policy="drop", more=()):
    return ruleset(chain("in", *rules, hook="input", policy=policy), *more, sets=SETS)


def judge(rules, wanted, network_=NET, *, loose=False, **packet_of):
    """An example; and that no packet fares otherwise than by itself. `loose`: more in doubt than a single packet would be."""
    assert fate(rules, network_, packet(**packet_of)) is wanted
    wrong, looser = disagreements(rules, network_, senders=8)
    assert not wrong
    assert bool(looser) is loose


# Verdicts, chains


@pytest.mark.parametrize(("rules", "policy", "wanted"), [
    ((), "accept", YES), ((), "drop", NO), ((ACCEPT, DROP), "drop", YES), ((DROP, ACCEPT), "accept", NO), ((RETURN, DROP), "accept", YES), ((CONTINUE,), "drop", NO),
    (((CONTINUE, ACCEPT),), "drop", YES), (((Counter(1, 1), Log("x"), ACCEPT),), "drop", YES), ((Reject("icmpx", 1),), "accept", TOLD), ((Reject("tcp reset"),), "accept", TOLD),
    ((Reject("icmp", 3),), "accept", TOLD), ((Reject("icmpv6", 4),), "accept", YES), (((Opaque("x", "aside"), ACCEPT),), "drop", YES), (((Copy(None, Name("eth2")), ACCEPT),), "drop", YES),
    (((Offload("f"), ACCEPT),), "drop", NO), ((Forward(Name("eth2")),), "accept", NO), (((Use("counter", Name("c")), ACCEPT),), "drop", YES),
])  # fmt: skip
def test_verdicts(rules, policy, wanted):
    judge(of_input(*rules, policy=policy), wanted)


def test_kinds_of_reject_ask_for_their_protocol():
    judge(of_input(Reject("tcp reset"), policy="accept"), YES, transport="udp")
    judge(of_input(Reject("icmpv6", 4), policy="accept"), TOLD, version=6)


@pytest.mark.parametrize(("body", "below", "wanted"), [
    ((jump("a"),), (ACCEPT,), YES), ((jump("a"), ACCEPT), (RETURN, DROP), YES), ((goto("a"), ACCEPT), (RETURN,), NO), ((goto("a"), ACCEPT), (), NO),
    ((jump("a"), ACCEPT), (goto("b"), DROP), YES), ((jump("a"),), (jump("b"), ACCEPT), YES), (((match("tcp dport", 23), jump("a")), ACCEPT), (DROP,), YES),
    ((jump("a"), DROP), ((match("tcp dport", 22), ACCEPT),), YES), ((jump("a"), ACCEPT), ((match("tcp dport", 22), RETURN), DROP), YES),
    (((Limit(1, "hour"), goto("a")), ACCEPT), (RETURN,), MAYBE), (((Limit(1, "hour"), jump("a")), ACCEPT), (RETURN,), YES),
    (((Limit(1, "hour"), jump("a")), ACCEPT), (DROP,), MAYBE), ((jump("a"), ACCEPT), ((Limit(1, "hour"), RETURN), DROP), MAYBE), ((jump("a"), DROP), ((Limit(1, "hour"), RETURN), DROP), NO),
])  # fmt: skip
def test_jump_goto_and_return(body, below, wanted):
    judge(of_input(*body, more=[chain("a", *below), chain("b", (match("tcp dport", 80), DROP), RETURN)]), wanted)


def test_every_base_chain_has_a_say_and_of_equal_priority_the_last_made_runs_first():
    first, second = chain("one", mark(1), hook="input"), chain("two", (match("meta mark", 0), ACCEPT), hook="input", policy="drop")
    judge(ruleset(first, second), YES)
    judge(ruleset(second, first), NO)
    judge(ruleset(chain("a", ACCEPT, hook="input"), chain("b", (match("tcp dport", 22), DROP), hook="input", priority=5)), NO)


# Comparisons


@pytest.mark.parametrize(("condition", "wanted"), [
    (match("tcp dport", 22), YES), (match("tcp dport", (20, 30)), YES), (match("tcp dport", 23, negated=True), YES), (match("udp dport", 22, negated=True), NO), (match("th dport", 22), YES),
    (match("ip saddr", "203.0.113.0/24"), YES), (match("ip saddr", "203.0.113.0/24", "10.0.0.0/8", negated=True), NO), (match("ip6 saddr", "::/0"), NO), (match("ip6 saddr", "::/0", negated=True), NO),
    (match("ip daddr", "198.18.0.2"), YES), (match("meta l4proto", 6), YES), (match("meta nfproto", 2), YES), (match("meta protocol", 0x800), YES), (match("ip protocol", 6), YES),
    (match("meta iifname", "eth0"), YES), (match("meta iifname", "eth*"), YES), (match("meta iifname", "lo", negated=True), YES), (match("meta oifname", "x", negated=True), YES),
    (match("meta oif", "eth0"), NO), (match("meta iiftype", 1), YES), (match("meta oiftype", 1, negated=True), NO), (match("meta iifgroup", 5), NO), (match("meta iifkind", "veth"), NO),
    (match("meta pkttype", 0), YES), (match("ct state", 8), YES), (match("ct state", 6), NO), (match("ct direction", 0), YES),
    (match("ct original proto-dst", 22), YES), (match("ct original ip saddr", "203.0.113.9"), YES), (match("ct reply ip saddr", "198.18.0.2"), YES), (match("ct reply proto-src", 22), YES),
    (match(Binary("&", Field("ct", "status"), Number(32)), 32), NO), (match("ct zone", 0), YES), (match("ct l3proto", 2), YES), (match("ct protocol", 6), YES), (match("tcp flags", 2), YES),
    (match(Binary("&", Field("ip", "saddr"), Number(0xFFFFFF00)), span("203.0.113.0")[0]), YES), (match(Binary("&", Field("ip", "saddr"), Number(0xFFFFFF00)), "203.0.113.9"), NO),
    (match(Binary("&", Field("tcp", "dport"), Number(1)), 0), YES), (match(Field("raw", "th,16,16"), 22), YES), (match(Field("exthdr", "frag", exists=True), 0), NO), (match("ether type", 0x800), YES),
    (match("icmp type", 8), NO), (match("vlan id", 5), NO), (match("ip hdrlength", 5), YES), (match("ip saddr", "@known"), YES), (match("ip saddr", "@known", negated=True), NO),
    (Match(field("meta iif"), Members(names=Names((Name("", interface=77),)))), NO), (Match(field("meta iif"), Members(names=Names((Name("", interface=77),))), negated=True), YES),
    (Match(Concat((field("ip saddr"), field("tcp dport"))), Members(elements=(element(["203.0.113.0/24", (20, 30)]), element(["10.0.0.0/8", 80])))), YES),
    (Match(Concat((field("ip saddr"), field("tcp dport"))), Members(elements=(element(["203.0.113.9", 23]),)), negated=True), YES),
    (Match(Concat((field("ip6 saddr"), field("tcp dport"))), Members(elements=(element(["::/0", 22]),)), negated=True), NO),
    (Match(Concat((field("meta iifname"), field("tcp dport"))), Members(elements=(element(["eth0", 22]),))), YES),
])  # fmt: skip
def test_comparisons(condition, wanted):
    judge(of_input((condition, ACCEPT)), wanted)


def test_what_a_mask_with_holes_leaves_of_a_sender_is_not_told():
    judge(of_input((match(Binary("&", Field("ip", "saddr"), Number(0xFF)), 9), ACCEPT)), MAYBE, loose=True)


def test_ethernet_is_asked_for_where_frames_are_compared():
    rules = of_input((match("ether type", 0x800), DROP), policy="accept")
    assert fate(rules, NET, packet()) is NO
    assert fate(rules, NET, packet(source="198.18.0.2", link="lo")) is YES


def test_an_answer_comes_from_where_the_packet_went():
    rules = of_input((match("ct reply ip saddr", "198.18.0.2"), ACCEPT))
    judge(rules, YES)
    judge(rules, NO, to="198.18.2.1", link="eth2")


@pytest.mark.parametrize(("choose", "wanted"), [
    (vmap("tcp dport", [(22, ACCEPT), ((80, 90), DROP)]), YES), (vmap("tcp dport", [(23, ACCEPT)]), NO), (vmap("tcp dport", [(23, DROP)], default=ACCEPT), YES),
    (vmap("tcp dport", [(22, jump("a"))]), YES), (vmap("tcp dport", [(22, goto("b")), (80, RETURN)]), NO), (vmap("ip saddr", [("203.0.113.0/24", CONTINUE)], default=ACCEPT), NO),
    (vmap("meta iifname", [("eth0", ACCEPT)]), YES), (vmap(Concat((field("ip saddr"), field("tcp dport"))), [(["203.0.113.0/24", 22], ACCEPT)], default=DROP), YES),
    (vmap("ip6 saddr", [("::/1", DROP)], default=ACCEPT), NO),
])  # fmt: skip
def test_verdict_maps(choose, wanted):
    judge(of_input(choose, more=[chain("a", ACCEPT), chain("b", RETURN)]), wanted)


# Changes


@pytest.mark.parametrize(("body", "wanted"), [
    ((mark(5), (match("meta mark", 5), ACCEPT)), YES), (((mark(5), match("meta mark", 5), ACCEPT),), YES), ((mark(5), mark(6), (match("meta mark", 5), ACCEPT)), NO),
    ((mark(4), Assign(Field("meta", "mark"), Binary("|", Field("meta", "mark"), Number(1))), (match("meta mark", 5), ACCEPT)), YES),
    ((mark(5), (match(Binary("&", Field("meta", "mark"), Number(4)), 4), ACCEPT)), YES), ((Assign(Field("meta", "mark"), TWENTY_TWO), (match("meta mark", 9), ACCEPT)), YES),
    (((Assign(Field("meta", "mark"), TWENTY_TWO), ACCEPT),), YES), ((Assign(Field("ct", "mark"), Number(3)), Assign(Field("meta", "mark"), Field("ct", "mark")), (match("meta mark", 3), ACCEPT)), YES),
    (((Limit(1, "hour"), mark(1)), (match("meta mark", 1), ACCEPT)), MAYBE), (((Limit(1, "hour"), mark(1)), (match("meta mark", (0, 1)), ACCEPT)), YES),
    (((match("ip saddr", "10.0.0.0/8"), mark(1)), (match("meta mark", 0), ACCEPT)), YES), (((Assign(Field("ip", "dscp"), Number(1)), ACCEPT),), YES),
    (((Assign(Field("tcp option", "maxseg"), Number(1200)), ACCEPT),), MAYBE), (((Update("add", "roomy", field("ip saddr")), ACCEPT),), YES),
    (((Update("add", "full", field("ip saddr")), ACCEPT),), MAYBE), (((Update("delete", "full", field("ip saddr")), ACCEPT),), YES), (((Update("add", "full", field("ip6 saddr")), ACCEPT),), NO),
    (((Use("limit", Lookup(field("tcp dport"), Members(elements=(element(23, (Name("l"),)),)))), ACCEPT),), NO),
])  # fmt: skip
def test_changes_and_what_a_packet_lacks_for_them(body, wanted):
    judge(of_input(*body), wanted)


def test_a_value_that_a_map_lacks_ends_the_rule_even_if_nobody_reads_it():
    rules = of_input((Assign(Field("meta", "mark"), TWENTY_TWO), ACCEPT))
    judge(rules, NO, port=23)
    judge(of_input((Assign(Field("ip", "dscp"), Number(1)), ACCEPT)), NO, version=6)


def test_marks_go_with_the_packet_through_jumps_and_to_later_chains():
    rules = ruleset(
        chain("in", jump("a"), (match("meta mark", 1), ACCEPT), hook="input", policy="drop"),
        chain("a", (match("tcp dport", 22), mark(1), RETURN), mark(2)),
        chain("pre", (match("udp dport", 53), mark(1)), hook="prerouting", priority=-150),
    )
    judge(rules, YES)
    judge(rules, NO, port=23)
    judge(rules, NO, port=53, transport="udp")


def test_what_is_kept_from_conntrack_is_untracked_not_translated_and_has_no_mark():
    raw = chain("raw", (match("tcp dport", 22), NoTrack()), hook="prerouting", priority=-300)
    judge(ruleset(raw, TO_CONTAINER, chain("in", (match("ct state", 64), ACCEPT), hook="input", policy="drop")), YES)
    judge(ruleset(raw, chain("in", Assign(Field("ct", "mark"), Number(2)), (match("ct mark", 2), ACCEPT), hook="input", policy="drop")), NO)
    late = chain("late", NoTrack(), hook="prerouting", priority=0)
    judge(ruleset(late, chain("in", (match("ct state", 64), ACCEPT), hook="input", policy="drop")), NO)


def test_before_connection_tracking_there_is_no_connection():
    early = chain("early", (match("ct state", 1), mark(7)), Assign(Field("ct", "mark"), Number(7)), hook="prerouting", priority=-250)
    judge(ruleset(early, chain("in", (match("meta mark", 7), ACCEPT), hook="input", policy="drop")), YES)
    judge(ruleset(early, chain("in", (match("ct mark", 7), ACCEPT), hook="input", policy="drop")), NO)
    assert (
        fate(ruleset(early, chain("in", (match("meta mark", 7), DROP), hook="input")), NET, packet(source="198.18.0.2", link="lo")) is YES
    )


# NAT


def through(*rules, nat, policy="drop", hook="forward"):
    return ruleset(
        chain("nat", *nat, hook="prerouting", kind="nat", priority=-100), chain("fwd", *rules, hook=hook, policy=policy), sets=SETS
    )


def test_a_published_port_goes_by_forward():
    rules = through(
        (match("tcp dport", 80), match("meta oifname", "eth2"), ACCEPT),
        nat=[(match("tcp dport", 8080), dnat(CONTAINER[4], 80, family="ip"))],
    )
    judge(rules, YES, port=8080)
    judge(through((match("tcp dport", 80), ACCEPT), nat=[(match("tcp dport", 8080), dnat(CONTAINER[4], 81, family="ip"))]), NO, port=8080)
    judge(rules, YES, port=8081)


def test_the_first_translation_ends_the_others():
    second = chain("second", dnat("198.18.2.7", family="ip"), hook="prerouting", kind="nat", priority=-90)
    rules = through((match("ip daddr", CONTAINER[4]), ACCEPT), nat=[(match("tcp dport", (0, 99)), dnat(CONTAINER[4], family="ip"))])
    rules = rules._replace(chains=(second, *rules.chains))
    judge(rules, YES)
    judge(rules, NO, port=100)


def test_the_original_port_and_that_it_was_translated_are_known_later():
    translated = match(Binary("&", Field("ct", "status"), Number(32)), 32)
    rules = through(
        (match("ct original proto-dst", 8080), translated, ACCEPT),
        nat=[(match("tcp dport", (8080, 8081)), dnat(CONTAINER[4], 80, family="ip"))],
    )
    judge(rules, YES, port=8080)
    judge(rules, NO, port=8081)


def test_redirect_leads_to_this_host():
    rules = through((match("tcp dport", 5353), ACCEPT), nat=[(match("tcp dport", 53), dnat(port=5353, kind="redirect"))], hook="input")
    judge(rules, YES, port=53)
    judge(rules, YES, port=53, version=6)
    judge(rules, NO)


def test_link_local_packets_are_redirected_to_the_link_local_address():
    links = tuple(
        link._replace(addresses=(*link.addresses, (address("fe80::5"), 64))) if link.name == "eth0" else link for link in NET.links
    )
    net = NET._replace(links=links, routes=(*NET.routes, route("fe80::5", "local", "eth0", 255)))
    rules = through((match("ip6 daddr", "fe80::5"), ACCEPT), nat=[dnat(port=5353, kind="redirect")], hook="input")
    judge(rules, YES, net, to="fe80::5", version=6, loose=True)
    judge(rules, NO, net, version=6, loose=True)


def test_of_a_range_of_targets_none_is_certain():
    several = dnat((span("198.18.2.2")[0], span("198.18.2.4")[0]), family="ip")
    judge(through((match("ip daddr", "198.18.2.2"), ACCEPT), nat=[several]), MAYBE)
    judge(through((match("ip daddr", "198.18.2.0/24"), ACCEPT), nat=[several]), YES)
    judge(through((match("tcp dport", 80), ACCEPT), nat=[dnat(CONTAINER[4], (80, 81), family="ip")]), MAYBE)


def test_maps_give_address_and_port():
    to = Lookup(
        field("tcp dport"),
        Members(
            elements=(
                element(8080, (Range(*span(CONTAINER[4])), Range(80, 80))),
                element(8081, (Range(*span(CONTAINER[4])), Range(81, 81))),
            )
        ),
    )
    rules = through((match("tcp dport", 80), ACCEPT), nat=[Translate("dnat", "ip", to, None)])
    judge(rules, YES, port=8080)
    judge(rules, NO, port=8081)
    judge(rules, YES, port=8082)


def test_prefix_against_prefix_is_left_open():
    judge(through(nat=[Translate("dnat", "ip", Range(*span("198.18.2.0/24")), None, ("netmap",))]), MAYBE, loose=True)


def test_a_new_source_is_seen_by_later_chains():
    late = chain("late", (match("ip saddr", "203.0.113.9"), DROP), hook="input", priority=150)
    judge(
        ruleset(chain("nat", dnat("10.0.0.1", kind="snat", family="ip"), hook="input", kind="nat", priority=100), late), MAYBE, loose=True
    )


def test_rewriting_an_address_or_a_port_changes_where_it_goes():
    to_container = chain("pre", Assign(Field("ip", "daddr"), Number(address(CONTAINER[4]).number)), hook="prerouting", priority=0)
    judge(
        ruleset(
            to_container, chain("in", DROP, hook="input"), chain("fwd", (match("tcp dport", 22), ACCEPT), hook="forward", policy="drop")
        ),
        YES,
    )
    other_port = chain("pre", (match("tcp dport", 22), Assign(Field("tcp", "dport"), Number(80))), hook="prerouting", priority=0)
    judge(ruleset(other_port, chain("in", (match("tcp dport", 80), ACCEPT), hook="input", policy="drop")), YES)


# What cannot be known


@pytest.mark.parametrize("statement", [
    Limit(3, "minute"), Quota(5), ConnectionLimit(3), Use("limit", Name("l")), Use("quota", Name("q")), match("meta random", (0, 9)), match("ip ttl", (0, 63)), match("meta length", (0, 99)),
    match("ether saddr", 5), match("meta time", (0, 5)), match("ip saddr", "@unread"), match("ip saddr", "@unread", negated=True), match("ip saddr", "@nowhere"), match("ip saddr", "@going"),
    match("ip saddr", "@limited"), match("tcp sport", (0, 1023)), match(Field("socket", "transparent"), 1), Match(Strange("?"), Members(spans=Spans((0,), (0,)))), Opaque("xt match", "xt-match"),
    Match(Concat((field("ip saddr"), field("tcp dport"))), Members(elements=(Element((Strange("?"), Range(22, 22))),))), Update("update", "full", field("ip saddr"), statements=(Limit(1, "second"),)),
])  # fmt: skip
def test_doubts(statement):
    judge(of_input((statement, ACCEPT)), MAYBE)
    judge(of_input((statement, DROP), policy="accept"), MAYBE)
    judge(of_input((statement, ACCEPT), policy="accept"), YES)


@pytest.mark.parametrize("statement", [Opaque("?"), Opaque("xt target", "xt"), Queue(None), Synproxy(), Use("synproxy", Name("s"))])
def test_what_may_do_anything_leaves_all_open(statement):
    for policy in ("accept", "drop"):
        judge(of_input(statement, policy=policy), MAYBE)


def test_synproxy_is_for_tcp_only():
    judge(of_input(Synproxy()), NO, transport="udp")


def test_what_a_proxy_would_take_is_left_open():
    assert fate(of_input((TransparentProxy(None, None, None), ACCEPT)), NET, packet()) is MAYBE


def test_sets_that_rules_write_into_are_left_open():
    ban = chain("ban", (match("tcp dport", 23), Update("add", "roomy", field("ip saddr"))), hook="forward")
    judge(of_input((match("ip saddr", "@roomy"), ACCEPT), more=[ban]), MAYBE)


def test_the_rules_that_a_maybe_depends_on_are_named():
    from portulan.guard.reach import simulate
    from portulan.model.port import Transport

    rules = of_input(
        (match("tcp dport", 80), Limit(1, "hour"), ACCEPT),
        (match("tcp dport", 22), Limit(1, "hour"), ACCEPT),
        (match("tcp dport", 22), Limit(2, "hour"), ACCEPT),
    )
    access = simulate(rules, NET).door(Transport.TCP, 22, v6=False).accesses[0]
    assert (access.outcome, [place.handle for place in access.doubts]) == (MAYBE, [2, 3])
