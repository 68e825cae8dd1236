"""One packet through rules that are values: verdicts, chains, hooks, NAT, marks, what the kernel itself refuses, and what cannot be known."""

import pytest

from portulan.guard.trace import Tracer, trace, trace_reply
from portulan.model.network import Address
from portulan.model.reach import Outcome, Way
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
from portulan.model.ruleset import Table
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
    vmap,
)

NET = network()
YES, NO, TOLD, MAYBE = Outcome.ACCEPT, Outcome.DROP, Outcome.REJECT, Outcome.MAYBE


def fate(*rules, sets=(), policy="drop", family="inet", more=(), to=None, **packet_of):
    """What an input chain of these rules does with a packet."""
    return trace(
        ruleset(chain("in", *rules, hook="input", policy=policy, family=family), *more, sets=sets), NET, packet(to=to, **packet_of)
    ).outcome


def places(passage):
    return [(step.action, step.place.chain if step.place else None, step.place.handle if step.place else None) for step in passage.steps]


# Verdicts and chains


@pytest.mark.parametrize(("rules", "policy", "wanted"), [
    ((), "accept", YES), ((), "drop", NO), ((ACCEPT, DROP), "drop", YES), ((DROP, ACCEPT), "accept", NO), ((RETURN, DROP), "accept", YES), ((CONTINUE,), "drop", NO),
    ((Counter(1, 1), Log("x"), (Counter(1, 1), ACCEPT)), "drop", YES), ((Reject("icmpx", 1),), "accept", TOLD), ((Reject("tcp reset"),), "accept", TOLD),
    ((Reject("icmp", 3),), "accept", TOLD), ((Reject("icmpv6", 4),), "accept", YES), ((Opaque("x", "aside"), ACCEPT), "drop", YES),
    ((Copy(None, Name("eth1")), ACCEPT), "drop", YES), ((Offload("f"), ACCEPT), "drop", YES), (((Offload("f"), ACCEPT),), "drop", NO), (((Forward(Name("eth1")),)), "accept", NO),
])  # fmt: skip
def test_verdicts(rules, policy, wanted):
    assert fate(*rules, policy=policy) is wanted


def test_a_reset_is_for_tcp_only():
    assert fate(Reject("tcp reset"), policy="accept", transport="udp") is YES


def test_jumps_goto_and_return_are_followed_with_their_depth():
    rules = ruleset(
        chain("in", jump("a"), goto("b"), DROP, hook="input"), chain("a", match("tcp dport", 22), (match("tcp dport", 22), RETURN), DROP), chain("b", jump("c"), RETURN), chain("c", CONTINUE),
    )  # fmt: skip
    passage = trace(rules, NET, packet())
    assert [(*place, step.depth) for place, step in zip(places(passage), passage.steps, strict=True)] == [
        ("routed", None, None, 0), ("jump", "in", 1, 0), ("continue", "a", 1, 1), ("return", "a", 2, 1), ("goto", "in", 2, 0), ("jump", "b", 1, 1), ("continue", "c", 1, 2),
        ("return", "b", 2, 1), ("policy", "in", None, 0),
    ]  # fmt: skip
    assert (passage.outcome, passage.way, passage.rule.policy) == (YES, Way.INPUT, True)


def test_the_deciding_rule_is_told():
    passage = trace(ruleset(chain("in", (match("tcp dport", 22), ACCEPT), hook="input", policy="drop")), NET, packet())
    assert (passage.rule.chain, passage.rule.handle, passage.rule.text, passage.rule.hook) == ("in", 1, "tcp dport 22 accept", "input")


def test_every_base_chain_has_a_say_and_the_one_made_last_runs_first():
    rules = ruleset(
        chain("one", mark(1), hook="input"),
        chain("two", (match("meta mark", 0), ACCEPT), hook="input", policy="drop"),
        chain("late", hook="input", priority=5),
    )
    passage = trace(rules, NET, packet())
    assert [step.place.chain for step in passage.steps if step.place] == ["two", "one", "one", "one", "late"]
    assert passage.outcome is YES


def test_dormant_tables_see_nothing_and_unknown_ones_perhaps():
    rules = ruleset(chain("in", DROP, hook="input"))
    assert trace(rules._replace(tables=(Table("inet", "t", dormant=True),)), NET, packet()).outcome is YES
    passage = trace(rules._replace(tables=(Table("inet", "t", dormant=None),)), NET, packet())
    assert (passage.outcome, [step.facts["why"] for step in passage.doubts]) == (MAYBE, ["dormant"])


# What is compared


@pytest.mark.parametrize(("condition", "wanted"), [
    (match("tcp dport", 22), YES), (match("tcp dport", (20, 30)), YES), (match("tcp dport", 23), NO), (match("tcp dport", 23, negated=True), YES),
    (match("udp dport", 22), NO), (match("udp dport", 22, negated=True), NO), (match("th dport", 22), YES), (match("tcp sport", 40000), YES),
    (match("ip saddr", "203.0.113.0/24"), YES), (match("ip saddr", "203.0.113.0/24", negated=True), NO), (match("ip6 saddr", "::/0"), NO),
    (match("ip daddr", "198.18.0.2"), YES), (match("ip protocol", 6), YES), (match("meta l4proto", 6), YES), (match("meta nfproto", 2), YES), (match("meta protocol", 0x800), YES),
    (match("meta iifname", "eth0"), YES), (match("meta iifname", "eth*"), YES), (match("meta iifname", "lo", negated=True), YES), (match("meta iif", "eth0"), YES),
    (match("meta oifname", "x", negated=True), YES), (match("meta oif", "eth0"), NO), (match("meta iiftype", 1), YES), (match("meta oiftype", 1, negated=True), NO),
    (match("meta iifgroup", 0), YES), (match("meta pkttype", 0), YES), (match("meta iifkind", "veth"), NO), (match("meta skuid", 0, negated=True), NO),
    (match("ct state", 8), YES), (match("ct state", 2), NO), (match(Binary("&", Field("ct", "state"), Number(6)), 0, negated=True), NO), (match("ct direction", 0), YES),
    (match("ct mark", 0), YES), (match("ct original proto-dst", 22), YES), (match("ct original ip saddr", "203.0.113.9"), YES), (match("ct reply ip saddr", "198.18.0.2"), YES),
    (match("ct status", 32), NO), (match("ct helper", "ftp", negated=True), NO), (match("ct zone", 0), YES), (match("ct l3proto", 2), YES), (match("ct protocol", 6), YES),
    (match("tcp flags", 2), YES), (match(Binary("&", Field("tcp", "flags"), Number(0x17)), 2), YES), (match(Field("raw", "th,16,16"), 22), YES),
    (match(Field("raw", "nh,96,32"), "203.0.113.9"), YES), (match(Field("raw", "th,20,12"), 22), YES), (match(Field("exthdr", "frag", exists=True), 0), NO),
    (match(Field("ip option", "rr", exists=True), 0), YES), (match(Field("fib", "type", flags=("daddr",)), 2), YES), (match(Field("fib", "type", flags=("saddr",)), 1), YES),
    (match(Field("fib", "type", flags=("daddr", "iif")), 2), YES), (match(Field("fib", "oif", flags=("saddr", "iif"), exists=True), 1), YES),
    (match(Field("fib", "oif", flags=("saddr",)), "eth0"), YES), (match(Field("fib", "oifname", flags=("saddr",)), "eth2"), NO), (match("icmp type", 8), NO), (match("vlan id", 5), NO),
    (match("ip hdrlength", 5), YES), (match(Binary("&", Field("ip", "frag-off"), Number(0x1FFF)), 0), YES), (match("ip ttl", (0, 255)), YES), (match("ether type", 0x800), YES),
    (Match(Concat((field("ip saddr"), field("tcp dport"))), Members(elements=(element(["203.0.113.0/24", (20, 30)]),))), YES),
    (Match(Concat((field("ip saddr"), field("tcp dport"))), Members(elements=(element(["203.0.113.9", 23]),)), negated=True), YES),
    (Match(Concat((field("meta iifname"), field("tcp dport"))), Members(elements=(element(["eth0", 22]),))), YES),
    (Match(Concat((field("ip6 saddr"), field("tcp dport"))), Members(elements=(element(["::/0", 22]),)), negated=True), NO), (match("ipsec in reqid", 1), NO),
])  # fmt: skip
def test_conditions(condition, wanted):
    assert fate((condition, ACCEPT)) is wanted


@pytest.mark.parametrize(("condition", "wanted"), [
    (match("ip6 saddr", "2001:db8::/32"), YES), (match("ip6 nexthdr", 17), YES), (match("udp dport", 22), YES), (match(Field("tcp option", "maxseg", exists=True), 0), YES),
    (match(Field("exthdr", "frag", exists=True), 0), YES), (match(Field("fib", "type", flags=("daddr",)), 2), YES), (match(Field("raw", "nh,64,128"), "2001:db8::9"), YES),
])  # fmt: skip
def test_conditions_of_ipv6_and_udp(condition, wanted):
    assert fate((condition, ACCEPT), version=6, transport="udp") is wanted


def test_families_see_their_own_version_only():
    assert fate(DROP, policy="accept", family="ip6") is YES
    assert fate(DROP, policy="accept", family="ip6", version=6) is NO


def test_named_sets_and_verdict_maps():
    known = named_set("s", "203.0.113.0/24", "10.0.0.0/8")
    assert fate((match("ip saddr", "@s"), ACCEPT), sets=[known]) is YES
    assert fate((match("ip saddr", "@s", negated=True), ACCEPT), sets=[known]) is NO
    assert fate(vmap("tcp dport", [(22, ACCEPT), ((80, 90), DROP)])) is YES
    assert fate(vmap("tcp dport", [(22, jump("a"))]), more=[chain("a", ACCEPT)]) is YES
    assert fate(vmap("tcp dport", [(23, ACCEPT)]), ACCEPT) is YES
    assert fate((vmap("tcp dport", [(23, DROP)]), ACCEPT)) is NO, "a key that is missing ends the rule"
    assert fate((vmap("tcp dport", [(22, CONTINUE)]), ACCEPT)) is YES
    assert fate(vmap("tcp dport", [(23, DROP)], default=ACCEPT)) is YES


# Marks and conntrack


def test_marks_set_on_the_way_are_matched_later():
    assert fate((mark(5), match("meta mark", 5), ACCEPT)) is YES
    assert fate(mark(5), (match(Binary("&", Field("meta", "mark"), Number(4)), 4), ACCEPT)) is YES
    either = Assign(Field("meta", "mark"), Binary("|", Field("meta", "mark"), Number(1)))
    assert fate(mark(4), either, (match("meta mark", 5), ACCEPT)) is YES
    looked_up = Assign(Field("meta", "mark"), Lookup(field("tcp dport"), Members(elements=(element(22, (Range(9, 9),)),))))
    assert fate(looked_up, (match("meta mark", 9), ACCEPT)) is YES
    of_connection = Assign(Field("ct", "mark"), Number(3)), Assign(Field("meta", "mark"), Field("ct", "mark"))
    assert fate(*of_connection, (match("meta mark", 3), ACCEPT)) is YES


def test_what_is_kept_from_conntrack_is_untracked_and_not_translated():
    raw = chain("raw", NoTrack(), hook="prerouting", priority=-300)
    before = chain("early", (match("ct state", 1), mark(7)), hook="prerouting", priority=-250)
    nat = chain("nat", dnat(CONTAINER[4]), hook="prerouting", kind="nat", priority=-100)
    rules = ruleset(raw, nat, chain("in", (match("ct state", 64), ACCEPT), hook="input", policy="drop"))
    assert (trace(rules, NET, packet()).outcome, trace(rules, NET, packet()).way) == (YES, Way.INPUT)
    assert trace(ruleset(before, chain("in", (match("meta mark", 7), ACCEPT), hook="input", policy="drop")), NET, packet()).outcome is YES


# NAT


def through(*more, nat=(), **packet_of):
    return trace(ruleset(chain("nat", *nat, hook="prerouting", kind="nat", priority=-100), *more), NET, packet(**packet_of))


def test_a_published_port_goes_by_forward():
    passage = through(chain("fwd", (match("tcp dport", 80), match("meta oifname", "eth2"), ACCEPT), hook="forward", policy="drop"), chain("in", DROP, hook="input"), nat=[(match("tcp dport", 8080), dnat(CONTAINER[4], 80))], port=8080)  # fmt: skip
    assert (passage.outcome, passage.way, passage.port, passage.destination) == (YES, Way.FORWARD, 80, address(CONTAINER[4]))
    assert [step.action for step in passage.steps] == ["dnat", "routed", "accept"]


def test_the_first_translation_ends_the_others_and_states_are_told():
    closed = chain(
        "fwd", (match("ct original proto-dst", 8080), match(Binary("&", Field("ct", "status"), Number(32)), 32), DROP), hook="forward"
    )
    second = chain("nat2", dnat("198.18.0.9"), hook="prerouting", kind="nat", priority=-90)
    passage = through(closed, second, nat=[dnat(CONTAINER[4], 80)], port=8080)
    assert (passage.outcome, passage.destination) == (NO, address(CONTAINER[4]))


def test_redirect_leads_to_the_link_it_came_by():
    passage = through(
        chain("in", (match("tcp dport", 5353), ACCEPT), hook="input", policy="drop"),
        nat=[dnat(port=5353, kind="redirect")],
        to=CONTAINER[4],
    )
    assert (passage.outcome, passage.destination, passage.port) == (YES, address("198.18.0.2"), 5353)
    assert through(nat=[dnat(kind="redirect")], version=6, to=CONTAINER[6]).destination == address("fd00::2")


def test_of_several_addresses_all_are_followed():
    only_first = chain("fwd", (match("ip daddr", "198.18.2.2"), ACCEPT), hook="forward", policy="drop")
    passage = through(only_first, nat=[dnat((int.from_bytes(bytes([198, 18, 2, 2])), int.from_bytes(bytes([198, 18, 2, 3]))))])
    assert (passage.outcome, [step.place.chain for step in passage.doubts]) == (MAYBE, ["nat"])
    assert through(nat=[dnat(CONTAINER[4], (8000, 8003))]).outcome is YES


def test_maps_of_addresses_and_ports_prefixes_and_other_families():
    to = Lookup(field("tcp dport"), Members(elements=(element(8080, (Range(*[int(address(CONTAINER[4]).number)] * 2), Range(80, 80))),)))
    assert through(nat=[Translate("dnat", "ip", to, None)], port=8080).port == 80
    assert through(nat=[Translate("dnat", "ip", to, None)], port=8081).way is Way.INPUT
    net = Range(int(address("198.18.2.0").number), int(address("198.18.2.255").number))
    assert through(nat=[Translate("dnat", "ip", net, None, ("netmap",))]).destination == address("198.18.2.2")
    assert through(nat=[dnat(CONTAINER[4], family="ip")], version=6).way is Way.INPUT


def test_rewriting_an_address_changes_where_it_goes():
    rewrite = chain("pre", Assign(Field("ip", "daddr"), Number(address(CONTAINER[4]).number)), hook="prerouting", priority=0)
    passage = trace(ruleset(rewrite, chain("in", DROP, hook="input")), NET, packet())
    assert (passage.outcome, passage.way) == (YES, Way.FORWARD)


# The kernel itself


@pytest.mark.parametrize(("source", "why"), [("127.0.0.1", "loopback"), ("224.0.0.1", "source"), ("255.255.255.255", "source"), ("0.0.0.0", "source"), ("198.18.2.1", "own"), ("ff02::1", "source"), ("::1", "loopback")])  # fmt: skip
def test_senders_that_the_kernel_refuses(source, why):
    passage = trace(ruleset(), NET, packet(source=source, version=4 if "." in source else 6))
    assert [(step.action, step.facts.get("why"), step.place) for step in passage.steps] == [("martian", why, None)]
    assert (passage.outcome, passage.way, passage.rule) == (NO, Way.NONE, None)


def test_others_are_let_in():
    for source in ("0.1.2.3", "240.0.0.1", "198.18.0.255", "::ffff:1.2.3.4"):
        assert trace(ruleset(), NET, packet(source=source, version=6 if ":" in source else 4)).outcome is YES


def test_the_reverse_filter():
    def strict(kind, **more):
        links = tuple(link._replace(reverse_filter=kind, **more) if link.name == "eth0" else link for link in NET.links)
        return NET._replace(links=links, routes=tuple(each for each in NET.routes if each.prefix))

    assert trace(ruleset(), strict(1), packet(source="198.18.0.7")).outcome is YES
    assert trace(ruleset(), strict(1), packet(source="198.18.2.7")).outcome is NO
    assert trace(ruleset(), strict(2), packet(source="198.18.2.7")).outcome is YES
    assert trace(ruleset(), strict(2), packet()).outcome is NO
    assert trace(ruleset(), strict(0, accept_local=True), packet(source="198.18.2.1")).outcome is YES


def test_without_a_route_or_forwarding_there_is_no_way():
    assert trace(ruleset(), NET._replace(routes=()), packet(to="198.51.100.1")).steps[-1].action == "no-route"
    links = tuple(link._replace(forwards4=False) for link in NET.links)
    assert trace(ruleset(), NET._replace(links=links), packet(to=CONTAINER[4])).outcome is NO
    refused = NET._replace(routes=(*NET.routes, route("198.18.2.2/32", "unreachable", "eth2")))
    assert trace(ruleset(), refused, packet(to=CONTAINER[4])).steps[-1].facts["why"] == "unreachable"
    assert trace(ruleset(), NET, packet(source="fe80::9", to=CONTAINER[6], version=6)).steps[-1].facts["why"] == "link-local"


def test_device_chains_see_packets_first_and_last():
    ingress = chain("dev", (match("tcp dport", 22), DROP), hook="ingress", family="netdev", devices=("eth0",))
    assert trace(ruleset(ingress), NET, packet()).outcome is NO
    assert trace(ruleset(ingress), NET, packet(port=23)).outcome is YES
    assert trace(ruleset(ingress._replace(base=ingress.base._replace(devices=("eth1",)))), NET, packet()).outcome is YES
    assert trace(ruleset(ingress._replace(base=ingress.base._replace(devices=None))), NET, packet()).outcome is MAYBE
    egress = chain("out", DROP, hook="egress", family="netdev", devices=("eth2",))
    assert trace(ruleset(egress), NET, packet(to=CONTAINER[4])).outcome is NO


def test_a_bridge_port_is_seen_as_its_bridge():
    links = (*NET.links, NET.links[1]._replace(number=9, name="port", master="eth0"))
    assert (
        trace(
            ruleset(chain("in", (match("meta iifname", "eth0"), ACCEPT), hook="input", policy="drop")),
            NET._replace(links=links),
            packet(link="port"),
        ).outcome
        is YES
    )


# This host itself, and answers


def test_local_packets_pass_output_postrouting_and_come_in_by_lo():
    chains = [
        chain(hook, (match("meta mark", (0, 99)), CONTINUE), hook=hook)
        for hook in ("output", "postrouting", "prerouting", "input", "forward")
    ]
    passage = trace(ruleset(*chains), NET, packet(source="198.18.0.2", link="lo"))
    assert [step.place.chain for step in passage.steps if step.place and step.action == "policy"] == [
        "output",
        "postrouting",
        "prerouting",
        "input",
    ]
    assert (passage.outcome, passage.way) == (YES, Way.LOCAL)


def test_local_translation_leads_to_loopback_or_out():
    def local(*nat):
        return trace(ruleset(chain("out", *nat, hook="output", kind="nat", priority=-100)), NET, packet(source="198.18.0.2", link="lo"))

    assert local(dnat(port=80, kind="redirect")).destination == address("127.0.0.1")
    assert [step.facts["link"] for step in local(dnat(CONTAINER[4])).steps if step.action == "routed"] == ["lo", "eth2"]


def test_answers_of_the_host_pass_output_as_established():
    closed = chain(
        "out",
        (match("ct state", 2), match("ct direction", 1), match("tcp sport", 22), match("ip daddr", "203.0.113.9"), DROP),
        hook="output",
    )
    passage = trace(ruleset(closed), NET, packet())
    reply = trace_reply(ruleset(closed), NET, passage)
    assert (passage.outcome, reply.outcome, reply.packet.destination, reply.packet.port) == (YES, NO, address("203.0.113.9"), 40000)


def test_answers_of_a_container_come_back_by_its_link_and_get_their_sender_back():
    post = chain("post", (match("ip saddr", "198.18.0.2"), match("tcp sport", 8080), DROP), hook="postrouting", priority=200)
    rules = ruleset(chain("nat", dnat(CONTAINER[4], 80), hook="prerouting", kind="nat", priority=-100), post, chain("fwd", (match("meta iifname", "eth2"), ACCEPT), (match("ct state", 8), ACCEPT), hook="forward", policy="drop"))  # fmt: skip
    passage = trace(rules, NET, packet(8080))
    reply = trace_reply(rules, NET, passage)
    assert (passage.outcome, reply.outcome, reply.way, reply.rule.chain) == (YES, NO, Way.FORWARD, "post")


def test_answers_to_untracked_packets_are_invalid_or_new():
    rules = ruleset(chain("raw", NoTrack(), hook="prerouting", priority=-300), chain("out", (match("ct state", 1), DROP), hook="output"))
    assert trace_reply(rules, NET, trace(rules, NET, packet())).outcome is NO
    assert trace_reply(rules, NET, trace(rules, NET, packet(transport="udp"))).outcome is YES


# What cannot be known


@pytest.mark.parametrize(("statement", "why"), [
    (Limit(3, "minute"), "limit"), (Quota(5), "quota"), (ConnectionLimit(3), "connections"), (Use("limit", Name("l")), "limit"), (match("meta random", (0, 9)), "random"),
    (match("ip ttl", (0, 63)), "sender"), (match("meta length", (0, 99)), "sender"), (match("ether saddr", 5), "sender"), (match("meta time", (0, 5)), "time"),
    (match("ip saddr", "@unread"), "unread-set"), (match("ip saddr", "@nowhere"), "unread-set"), (Match(Strange("numgen inc mod 2"), Members(spans=Spans((0,), (0,)))), "random"),
    (Match(Strange("?"), Members(spans=Spans((0,), (0,)))), "unknown"), (match("tcp sport", (0, 1023)), "sender"), (Opaque("xt match", "xt-match"), "opaque"),
    (match("ip saddr", "@goes"), "set"), (match("ip saddr", "@limited"), "set"), (TransparentProxy(None, None, None), "socket"), (match(Field("socket", "transparent"), 1), "unknown"),
    (Update("update", "full", Field("ip", "saddr")), "set-room"), (Update("update", "full", Field("ip", "saddr"), statements=(Limit(1, "second"),)), "limit"),
])  # fmt: skip
def test_doubts_make_it_maybe_and_are_named(statement, why):
    sets = [
        named_set("unread", unread=True), named_set("goes", elements=[element("203.0.113.9", changing=True)]), named_set("full", "203.0.113.9", size=1),
        named_set("limited", elements=[Element((Range(*[address("203.0.113.9").number] * 2),), statements=(Limit(1, "second"),))]),
    ]  # fmt: skip
    for last, policy in ((ACCEPT, "drop"), (DROP, "accept")):
        passage = trace(ruleset(chain("in", (statement, last), hook="input", policy=policy), sets=sets), NET, packet(source_port=None))
        assert (passage.outcome, [(step.facts["why"], step.place.handle, step.sure) for step in passage.doubts]) == (
            MAYBE,
            [(why, 1, False)],
        )
    same = trace(ruleset(chain("in", (statement, ACCEPT), hook="input"), sets=sets), NET, packet(source_port=None))
    assert (same.outcome, same.doubts) == (YES, ()), "where both ways end alike there is no doubt"


@pytest.mark.parametrize("statement", [Opaque("?"), Opaque("xt target", "xt"), Queue(None), Synproxy(), Use("synproxy", Name("s"))])
def test_what_may_do_anything_is_maybe_whatever_follows(statement):
    for policy in ("accept", "drop"):
        assert fate(statement, policy=policy) is MAYBE


def test_doubts_that_do_not_matter_are_not_named():
    passage = trace(ruleset(chain("in", (Limit(1, "hour"), Log()), (Limit(2, "hour"), ACCEPT), hook="input", policy="drop")), NET, packet())
    assert [step.place.text for step in passage.doubts] == ["limit rate 2/hour accept"]
    either = ruleset(
        chain("in", (Limit(1, "hour"), jump("a")), (Limit(2, "hour"), ACCEPT), hook="input", policy="drop"),
        chain("a", (Limit(3, "hour"), ACCEPT), DROP),
    )
    assert len(trace(either, NET, packet()).doubts) == 3


def test_the_senders_port_is_told_apart():
    low, high = (match("tcp sport", (0, 1023)), DROP), (match("tcp sport", (1024, 65535)), DROP)
    assert fate(low, high, policy="accept", source_port=None) is NO
    assert fate(low, policy="accept", source_port=None) is MAYBE


def test_sets_that_packets_write_into_are_uncertain():
    ban = Update("add", "s", Field("ip", "saddr"))
    roomy = named_set("s", elements=[element("203.0.113.9")], size=9)
    assert fate(ban, (match("ip saddr", "@s"), ACCEPT), sets=[roomy]) is YES
    other = chain("later", (match("ip saddr", "198.51.100.1"), ban), hook="forward")
    assert fate((match("ip saddr", "@s"), DROP), policy="accept", sets=[named_set("s", elements=[], size=9)], more=[other]) is MAYBE
    assert fate((match("ip saddr", "@s"), DROP), policy="accept", sets=[roomy], more=[other]) is NO
    unban = chain("later", Update("delete", "s", Field("ip", "saddr")), hook="forward")
    assert fate((match("ip saddr", "@s"), DROP), policy="accept", sets=[roomy], more=[unban]) is MAYBE


def test_what_could_not_be_read_leaves_everything_open():
    passage = trace(ruleset(chain("in", ACCEPT, hook="input"), incomplete=(("legacy.unread", "filter"),)), NET, packet())
    assert (passage.outcome, passage.doubts[0].facts["why"]) == (MAYBE, "incomplete")
    assert trace(ruleset(chain("in", hook="input", family="strange")), NET, packet()).outcome is MAYBE


def test_rules_of_routing_leave_the_way_open():
    passage = trace(
        ruleset(chain("fwd", (match("meta oifname", "eth2"), DROP), hook="forward")),
        NET._replace(policy_routing=True),
        packet(to=CONTAINER[4]),
    )
    assert (passage.outcome, passage.doubts[0].facts["why"]) == (MAYBE, "routing")
    assert trace(ruleset(), NET._replace(policy_routing=True), packet()).outcome is YES


def test_legacy_chains_of_equal_priority_may_come_first_or_last():
    rules = ruleset(
        chain("nft", mark(1), hook="input"),
        chain("old", (match("meta mark", 1), ACCEPT), hook="input", policy="drop", family="ip", table="legacy:filter"),
    )
    rules = rules._replace(tables=(rules.tables[0], rules.tables[1]._replace(legacy=True)))
    passage = trace(rules, NET, packet())
    assert (passage.outcome, passage.doubts[0].facts["why"]) == (MAYBE, "order")


def test_one_tracer_serves_many_packets():
    tracer = Tracer(ruleset(chain("in", (match("tcp dport", (1, 100)), ACCEPT), hook="input", policy="drop")), NET)
    assert [tracer.trace(packet(port)).outcome for port in (22, 200, 100)] == [YES, NO, YES]


def test_too_many_doubts_are_given_up_as_maybe():
    rules = [(Limit(1, "hour"), Assign(Field("meta", "mark"), Binary("|", Field("meta", "mark"), Number(1 << at)))) for at in range(12)]
    passage = trace(ruleset(chain("in", *rules, (match("meta mark", 5), DROP), hook="input")), NET, packet())
    assert (passage.outcome, passage.doubts[-1].facts["why"]) == (MAYBE, "too-much")


def test_addresses_are_told_with_their_version():
    assert through(nat=[dnat(CONTAINER[6], 80)], version=6).destination == Address(6, address(CONTAINER[6]).number)
