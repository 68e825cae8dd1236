"""Doors: who gets to a port, by which rule, by which way, in one word; with a packet of each group that really fares so."""

import pytest

from portulan.errors import BadInput
from portulan.guard.reach import simulate
from portulan.guard.trace import trace, trace_reply
from portulan.model.network import Link
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.reach import Outcome, Way
from portulan.model.rule import Limit, NoTrack, Reject
from rule_builders import ACCEPT, CONTAINER, DROP, address, chain, dnat, match, named_set, network, packet, route, ruleset

NET = network()
YES, NO, TOLD, MAYBE = Outcome.ACCEPT, Outcome.DROP, Outcome.REJECT, Outcome.MAYBE
OFFICE = match("ip saddr", "203.0.113.0/24")


def door(rules, port=22, transport=Transport.TCP, net=NET, addresses=None, **more):
    wanted = None if addresses is None else [address(each) for each in addresses]
    return simulate(rules, net).door(transport, port, wanted, **more)


def of_input(*rules, policy="drop", more=()):
    return ruleset(chain("in", *rules, hook="input", policy=policy), *more, sets=[named_set("unread", unread=True)])


def outside(reached):
    """Without this host itself, and without broadcast addresses as senders, to which no answer goes."""
    return [access for access in reached.accesses if access.links != ("lo",) and not (access.rule and access.rule.chain == "no-way-back")]


def holds(access, text):
    one = address(text)
    spans = access.sources.v4 if one.version == 4 else access.sources.v6
    return any(first <= one.number <= last for first, last in spans)


# In one word


@pytest.mark.parametrize(("rules", "word"), [
    ((ACCEPT,), "everyone"), ((), "nobody"), (((OFFICE, ACCEPT),), "networks"), (((match("meta iifname", "lo"), ACCEPT),), "this-host"), (((Limit(1, "hour"), ACCEPT),), "maybe"),
    (((OFFICE, ACCEPT), (Limit(1, "hour"), ACCEPT)), "networks"), (((OFFICE, DROP), ACCEPT), "everyone"), (((match("ip saddr", "@unread"), ACCEPT),), "maybe"),
    (((match("meta nfproto", 2), ACCEPT),), "everyone"), (((match("meta nfproto", 2), OFFICE, DROP), (match("meta nfproto", 2), ACCEPT)), "networks"), ((Reject("icmpx", 1),), "nobody"),
    (((match("meta nfproto", 2), match("meta iifname", "eth2"), ACCEPT),), "networks"), (((match("meta iifname", "lo"), Limit(1, "hour"), ACCEPT),), "this-host"),
])  # fmt: skip
def test_wide(rules, word):
    net = NET._replace(links=tuple(link._replace(reverse_filter=1) for link in NET.links))
    assert door(of_input(*rules), net=net).wide == word


def test_without_rules_everyone_gets_in_and_by_each_version_alone():
    assert door(ruleset()).wide == "everyone"
    assert {bool(access.sources.v6) for access in door(ruleset(), v6=False).accesses} == {False}
    assert {bool(access.sources.v4) for access in door(ruleset(), v4=False).accesses} == {False}


# Groups of senders


def test_groups_are_disjoint_and_name_rule_and_way():
    reached = door(of_input((OFFICE, ACCEPT), (match("ip saddr", "10.0.0.0/8"), Reject("icmpx", 1))), v6=False)
    found = {access.outcome: access for access in outside(reached)}
    assert set(found) == {YES, TOLD, NO}
    assert (found[YES].rule.handle, found[TOLD].rule.handle, found[NO].rule.text) == (1, 2, "policy drop")
    assert {access.way for access in found.values()} == {Way.INPUT}
    assert [
        holds(found[outcome], text) for outcome, text in ((YES, "203.0.113.9"), (TOLD, "10.1.2.3"), (NO, "192.0.2.1"), (YES, "10.1.2.3"))
    ] == [True, True, True, False]
    assert not any(holds(access, "127.0.0.1") for access in found.values()), "nobody outside is 127.0.0.1"


def test_interfaces_that_no_rule_tells_apart_are_one_group_and_others_are_not():
    assert [access.links for access in outside(door(of_input(ACCEPT)))] == [("eth0", "eth2")]
    apart = outside(door(of_input((match("meta iifname", "eth0"), ACCEPT))))
    assert {access.links: access.outcome for access in apart} == {("eth0",): YES, ("eth2",): NO}


def test_groups_that_differ_in_their_interfaces_only_are_told_together():
    rules = of_input((match("meta iifname", "eth0"), ACCEPT), (match("meta iifname", "eth2"), ACCEPT), policy="accept")
    by_name = of_input((match("meta iifname", "wlan*"), ACCEPT), policy="accept")
    assert [access.links for access in outside(door(by_name))] == [("eth0", "eth2")]
    assert [(access.links, access.rule.handle) for access in outside(door(rules, v6=False))] == [(("eth0",), 1), (("eth2",), 2)]


def test_both_versions_are_told_together():
    (access,) = outside(door(of_input((match("tcp dport", 22), ACCEPT))))
    assert access.sources.v4
    assert access.sources.v6


def test_a_sender_may_choose_among_this_hosts_addresses():
    rules = of_input((match("ip daddr", "198.18.2.1"), ACCEPT))
    assert door(rules, v6=False).wide == "everyone"
    assert door(rules, addresses=["198.18.0.2"]).wide == "nobody"
    (access,) = outside(door(rules, addresses=["198.18.2.1"]))
    assert (access.outcome, access.witness.destination) == (YES, address("198.18.2.1"))
    assert door(rules, addresses=["127.0.0.1"]).wide == "nobody"
    assert door(ruleset(), addresses=["127.0.0.1"]).wide == "this-host"
    assert door(ruleset(), addresses=["192.0.2.99"]).accesses == ()


def test_a_published_port_tells_where_it_ends_up():
    nat = chain("nat", (match("tcp dport", 8080), dnat(CONTAINER[4], 80, family="ip")), hook="prerouting", kind="nat", priority=-100)
    reached = door(of_input(more=[nat]), port=8080, v6=False)
    (access,) = [access for access in outside(reached) if access.outcome is YES]
    assert (access.way, access.target, access.rule.chain, reached.wide) == (Way.FORWARD, "198.18.2.2:80", "nat", "everyone")
    six = nat._replace(rules=chain("nat", dnat(CONTAINER[6], 80, family="ip6")).rules)
    assert {access.target for access in outside(door(ruleset(six), v4=False)) if access.outcome is YES} == {"[fd00:2::2]:80"}
    several = nat._replace(
        rules=chain("nat", dnat((int(address("198.18.2.2").number), int(address("198.18.2.4").number)), family="ip")).rules
    )
    assert "198.18.2.2-198.18.2.4" in {access.target for access in outside(door(ruleset(several), v6=False))}


def test_a_maybe_names_its_rules():
    reached = door(of_input((match("tcp dport", 22), Limit(3, "minute"), ACCEPT)))
    (access,) = outside(reached)
    assert (access.outcome, [place.text for place in access.doubts]) == (MAYBE, ["tcp dport 22 limit rate 3/minute accept"])


def test_linked_down_interfaces_and_ports_of_bridges_are_no_ways_in():
    links = (*NET.links, Link(8, "eth8", up=False, addresses=((address("192.0.2.8"), 24),)), Link(9, "port", master="eth0"))
    assert {link for access in door(ruleset(), net=NET._replace(links=links)).accesses for link in access.links} == {"lo", "eth0", "eth2"}


# Answers


def closed(*condition):
    return chain("out", (*condition, DROP), hook="output")


def test_answers_of_tcp_have_to_get_out():
    rules = of_input(ACCEPT, more=[closed(match("tcp sport", 22))])
    assert door(rules).wide == "this-host"
    assert door(rules, 23).wide == "everyone"
    assert door(rules, transport=Transport.UDP).wide == "everyone"
    assert simulate(rules, NET, answers=False).door(Transport.TCP, 22).wide == "everyone"
    assert outside(door(rules))[0].rule.chain == "out"


@pytest.mark.parametrize(("condition", "word"), [
    (match("ct state", 8), "everyone"), (match("ct state", 2), "this-host"), (match("ct direction", 0), "everyone"), (match("meta oifname", "eth*"), "this-host"), (match("meta oifname", "wlan0"), "everyone"),
    (match("ip daddr", "203.0.113.0/24"), "everyone"), (match("meta mark", 1), "everyone"), (match("tcp dport", (1024, 65535)), "maybe"), (match("tcp flags", 2), "maybe"),
])  # fmt: skip
def test_what_answers_are(condition, word):
    assert door(of_input(ACCEPT, more=[closed(condition)])).wide == word


def test_answers_by_the_address_that_was_asked():
    rules = ruleset(closed(match("ip saddr", "198.18.0.2")))
    assert door(rules, addresses=["198.18.0.2"], v6=False).wide == "nobody"
    assert door(rules, addresses=["198.18.2.1"], v6=False).wide == "everyone"


def test_answers_that_find_no_way_back():
    net = NET._replace(routes=tuple(each for each in NET.routes if each.prefix))
    found = {access.rule.chain if access.rule else None: access for access in door(ruleset(), net=net, v6=False).accesses}
    assert found["no-way-back"].outcome is NO
    assert holds(found["no-way-back"], "203.0.113.9")
    assert not holds(found["no-way-back"], "198.18.0.7")
    assert door(ruleset(), net=net).wide == "networks"
    assert door(ruleset(), net=net, transport=Transport.UDP).wide != "nobody"


# Only some ports


def test_only_the_ports_that_are_asked_about():
    rules = of_input((match("tcp dport", (20, 30)), ACCEPT))
    some = simulate(rules, NET, ports={Transport.TCP: PortSet.of([PortRange(22, 22), PortRange(80, 90)])})
    whole = simulate(rules, NET)
    assert [(access.outcome, access.sources) for access in some.door(Transport.TCP, 22).accesses] == [
        (access.outcome, access.sources) for access in whole.door(Transport.TCP, 22).accesses
    ]
    assert some.door(Transport.UDP, 22).accesses == ()


# One packet


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize(("port", "source", "wanted", "handle"), [(22, "203.0.113.9", YES, 1), (22, "192.0.2.1", NO, None), (80, "192.0.2.1", MAYBE, 2), (81, "192.0.2.1", TOLD, 3), (22, "127.0.0.1", NO, None)])  # fmt: skip
def test_one_packet(port, source, wanted, handle, prepared):
    rules = of_input((OFFICE, ACCEPT), (match("tcp dport", 80), Limit(1, "hour"), ACCEPT), (match("tcp dport", 81), Reject("icmpx", 1)))
    reach = simulate(rules, NET)
    if prepared:
        reach.prepare()
    answer = reach.query(packet(port, source))
    assert answer.outcome is wanted
    if wanted is MAYBE:
        assert [place.handle for place in answer.doubts] == [handle]
    else:
        assert answer.rule.handle == handle


def test_who_is_let_in_by_nobody_is_told_so_and_unknown_ways_in_are_refused():
    reach = simulate(ruleset(), NET)
    assert reach.query(packet(source="127.0.0.1")).rule.chain == "martian"
    for wrong in (packet(link="eth9"), packet(to="192.0.2.77")):
        with pytest.raises(BadInput):
            reach.query(wrong)


# Witnesses


def published():
    return chain(
        "nat", (match("tcp dport", (8080, 8090)), dnat(CONTAINER[4], 80, family="ip")), hook="prerouting", kind="nat", priority=-100
    )


@pytest.mark.parametrize("rules", [
    of_input((OFFICE, ACCEPT), (match("ip saddr", "10.0.0.0/8"), Reject("icmpx", 1)), (match("tcp dport", (80, 90)), Limit(1, "hour"), ACCEPT)),
    of_input((match("meta nfproto", 2), match("meta iifname", "eth2"), ACCEPT), more=[published(), chain("fwd", (OFFICE, DROP), hook="forward")]),
    of_input(ACCEPT, more=[closed(match("ip daddr", "203.0.113.0/24"))]),
    of_input((match("ct state", 64), ACCEPT), more=[chain("raw", (OFFICE, NoTrack()), hook="prerouting", priority=-300)]),
])  # fmt: skip
@pytest.mark.parametrize("port", [22, 80, 8080])
def test_a_witness_fares_as_its_group(rules, port):
    reached = door(rules, port)
    for access in (*outside(reached), *(access for access in reached.accesses if access.links == ("lo",))):
        assert holds(access, f"{address_of(access.witness.source)}")
        passage = trace(rules, NET, access.witness)
        outcome = passage.outcome
        if outcome is YES and access.way is Way.INPUT:  # its answer has to get out as well
            outcome = trace_reply(rules, NET, passage).outcome
        assert outcome is access.outcome
        if outcome in (NO, TOLD) and passage.outcome is outcome:
            rule = None if access.rule.family == "kernel" else (access.rule.chain, access.rule.handle)
            assert (passage.rule and (passage.rule.chain, passage.rule.handle)) == rule


def address_of(one):
    from ipaddress import IPv4Address, IPv6Address

    return (IPv4Address if one.version == 4 else IPv6Address)(one.number)


def test_a_witness_comes_from_where_its_interface_leads():
    net = NET._replace(routes=(*NET.routes, route("10.50.0.0/16", "unicast", "eth2")))
    found = [
        access
        for access in outside(door(of_input((match("meta nfproto", 2), match("meta iifname", "eth2"), ACCEPT)), net=net, v6=False))
        if access.outcome is YES
    ]
    assert address_of(found[0].witness.source).exploded.startswith(("198.18.2.", "10.50."))
