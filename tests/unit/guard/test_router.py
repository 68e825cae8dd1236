"""Which senders the kernel lets in, where packets go on, and what `fib` tells, as sets; and that single packets fare alike."""

import pytest

from portulan.guard.lanes import SOURCE, UNKNOWN
from portulan.guard.router import Router
from portulan.guard.sets import ALL
from portulan.model.network import Link
from portulan.model.reach import Outcome
from portulan.model.rule import Field, Match, Members, Name, Names
from portulan.model.ruleset import Table
from reach_agreement import disagreements, fate
from rule_builders import ACCEPT, CONTAINER, DROP, HOST, address, chain, dnat, mark, match, network, packet, route, ruleset

NET = network()
YES, NO, MAYBE = Outcome.ACCEPT, Outcome.DROP, Outcome.MAYBE
BRIDGE = NET._replace(
    links=(
        *NET.links,
        Link(9, "br0", "bridge", addresses=((address("10.9.0.1"), 24),), forwards4=True),
        Link(10, "port", "veth", master="br0"),
    ),
    routes=(*NET.routes, route("10.9.0.1", "local", "br0", 255), route("10.9.0.0/24", "unicast", "br0")),
)
SHUT = chain("in", (match("tcp dport", 22), DROP), hook="input")


def links(net=NET, **more):
    return net._replace(links=tuple(link._replace(**more) if link.name != "lo" else link for link in net.links))


def without_default(net=NET):
    return net._replace(routes=tuple(each for each in net.routes if each.prefix))


def nat(to, **more):
    return chain("nat", dnat(to, family="ip" if "." in to else "ip6"), hook="prerouting", kind="nat", priority=-100, **more)


def let_in(net, source, link="eth0", version=4):
    router = Router(version, net)
    return router.rows.holds(router.senders(net.link(link)), int(address(source).number))


def agree(rules, net=NET):
    wrong, _ = disagreements(rules, net, senders=12)
    return not wrong


# Who is let in


@pytest.mark.parametrize(("source", "wanted"), [
    ("203.0.113.9", True), ("127.0.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False), ("0.0.0.0", False), ("0.1.2.3", True), ("240.0.0.1", True), ("198.18.0.2", False),
    ("198.18.2.1", False), ("198.18.0.7", True), ("198.18.0.255", True),
])  # fmt: skip
def test_senders_of_ipv4(source, wanted):
    assert let_in(NET, source) is wanted


@pytest.mark.parametrize(("source", "wanted"), [("2001:db8::9", True), ("::1", False), ("ff02::1", False), ("fe80::9", True), ("::ffff:1.2.3.4", True)])  # fmt: skip
def test_senders_of_ipv6(source, wanted):
    assert let_in(NET, source, version=6) is wanted


def test_settings_of_links():
    assert let_in(links(accept_local=True), "198.18.2.1")
    assert let_in(links(route_localnet=True), "127.0.0.9")
    strict = without_default(links(reverse_filter=1))
    assert [let_in(strict, source) for source in ("198.18.0.7", "198.18.2.7", "203.0.113.9")] == [True, False, False]
    loose = without_default(links(reverse_filter=2))
    assert [let_in(loose, source) for source in ("198.18.0.7", "198.18.2.7", "203.0.113.9")] == [True, True, False]
    assert let_in(links(reverse_filter=1), "203.0.113.9", "eth0")
    assert not let_in(links(reverse_filter=1), "203.0.113.9", "eth2")


@pytest.mark.parametrize("reverse_filter", [0, 1, 2])
@pytest.mark.parametrize("accept_local", [False, True])
def test_single_packets_are_let_in_alike(reverse_filter, accept_local):
    assert agree(ruleset(SHUT), without_default(links(reverse_filter=reverse_filter, accept_local=accept_local)))


def test_with_routing_rules_the_reverse_filter_is_left_open():
    net = without_default(links(NET._replace(policy_routing=True), reverse_filter=1))
    assert fate(ruleset(SHUT), net, packet(port=23)) is MAYBE
    assert fate(ruleset(SHUT), net, packet(port=23, source="198.18.0.7")) is YES


# Where packets go on


@pytest.mark.parametrize(("to", "wanted"), [(CONTAINER[4], YES), ("198.18.2.7", YES), (HOST[4], NO), ("127.0.0.1", NO), ("198.18.0.255", NO), ("0.0.0.0", NO), ("203.0.113.77", YES)])  # fmt: skip
def test_translated_packets_go_by_their_new_destination(to, wanted):
    rules = ruleset(nat(to), SHUT)
    assert fate(rules, NET, packet()) is wanted
    assert agree(rules)


def test_without_forwarding_or_a_route_there_is_no_way():
    rules = ruleset(nat(CONTAINER[4]))
    assert fate(rules, links(forwards4=False), packet()) is NO
    assert fate(ruleset(nat("192.0.2.1")), without_default(), packet()) is NO
    refused = NET._replace(routes=(*NET.routes, route("198.18.2.2/32", "unreachable", "eth2")))
    assert fate(rules, refused, packet()) is NO
    assert agree(rules, refused)
    assert agree(rules, links(forwards4=False))


def test_addresses_of_local_routes_are_this_hosts_own():
    any_of_them = NET._replace(routes=(*NET.routes, route("10.77.0.0/24", "local", "lo", 255)))
    rules = ruleset(nat("10.77.0.9"), chain("fwd", DROP, hook="forward"))
    assert fate(rules, any_of_them, packet()) is YES
    assert fate(ruleset(nat("127.0.0.5")), links(route_localnet=True), packet()) is YES


def test_several_ways_and_routing_rules_leave_it_open():
    several = NET._replace(routes=(*NET.routes, route("198.18.2.2/32", "unicast", "eth2")._replace(links=("eth0", "eth2"))))
    assert fate(ruleset(nat(CONTAINER[4])), several, packet()) is MAYBE
    assert fate(ruleset(nat(CONTAINER[4])), NET._replace(policy_routing=True), packet()) is MAYBE
    assert fate(ruleset(SHUT), NET._replace(policy_routing=True), packet()) is NO
    marked = ruleset(chain("pre", mark(1), hook="prerouting"))
    assert fate(marked, NET._replace(policy_routing=True), packet()) is MAYBE


def test_link_local_senders_are_not_forwarded():
    rules = ruleset(nat(CONTAINER[6]), chain("fwd", (match("meta iifname", "eth0"), match("tcp dport", 22), ACCEPT), hook="forward"))
    assert fate(rules, NET, packet(source="fe80::9", version=6)) is NO
    assert fate(rules, NET, packet(version=6)) is YES
    assert agree(rules)
    assert agree(ruleset(nat(CONTAINER[6])))


# Devices and bridges


def ingress(*devices, hook="ingress", **more):
    return chain("dev", (match("tcp dport", 22), DROP), hook=hook, family="netdev", devices=devices or None, **more)


@pytest.mark.parametrize(("devices", "wanted"), [(("eth0",), NO), (("eth*",), NO), (("eth1",), YES), (("eth2", "eth0"), NO), ((), MAYBE)])
def test_chains_of_devices(devices, wanted):
    assert fate(ruleset(ingress(*devices)), NET, packet()) is wanted
    assert fate(ruleset(ingress(*devices)), NET, packet(port=23)) is YES
    assert agree(ruleset(ingress(*devices)))


def test_chains_of_the_device_a_packet_leaves_by():
    rules = ruleset(ingress("eth2", hook="egress"), nat(CONTAINER[4]))
    assert fate(rules, NET, packet()) is NO
    assert agree(rules)


def test_this_hosts_own_packets_meet_the_chains_of_lo():
    mine = packet(source="198.18.0.2", link="lo")
    for hook in ("ingress", "egress"):
        assert fate(ruleset(ingress("lo", hook=hook)), NET, mine) is NO
        assert agree(ruleset(ingress("lo", hook=hook)))


def test_chains_of_a_bridges_ports_may_see_what_comes_by_it():
    assert fate(ruleset(ingress("port")), BRIDGE, packet(to="10.9.0.1", link="br0")) is MAYBE
    assert fate(ruleset(ingress("port")), BRIDGE, packet()) is YES


@pytest.mark.parametrize("bridged", [chain("b", DROP, hook="input", family="bridge"), chain("b", hook="input", family="bridge", policy="drop")])  # fmt: skip
def test_rules_of_bridges_leave_open_what_comes_by_them(bridged):
    assert fate(ruleset(bridged), BRIDGE, packet(to="10.9.0.1", link="br0")) is MAYBE
    assert fate(ruleset(bridged), BRIDGE, packet()) is YES
    assert fate(ruleset(chain("b", hook="input", family="bridge")), BRIDGE, packet(to="10.9.0.1", link="br0")) is YES
    assert agree(ruleset(bridged), BRIDGE)


# What is not known of the whole


@pytest.mark.parametrize("more", [{"incomplete": (("legacy.unread", "filter"),)}, {"opaque": ("{}",)}])
def test_what_could_not_be_read_leaves_open_what_the_rest_lets_in(more):
    assert fate(ruleset(SHUT, **more), NET, packet(port=23)) is MAYBE


def test_chains_of_unknown_kinds_leave_it_open():
    assert fate(ruleset(chain("in", hook="input", family="strange")), NET, packet()) is MAYBE
    assert fate(ruleset(chain("in", hook="strange")), NET, packet()) is MAYBE


def test_dormant_tables_see_nothing_and_unknown_ones_perhaps():
    for dormant, wanted in ((True, YES), (None, MAYBE), (False, NO)):
        rules = ruleset(SHUT)._replace(tables=(Table("inet", "t", dormant=dormant),))
        assert fate(rules, NET, packet()) is wanted
        assert agree(rules)


def test_families_see_their_own_version():
    for family, version, wanted in (("ip", 4, NO), ("ip", 6, YES), ("ip6", 6, NO), ("ip6", 4, YES), ("inet", 4, NO), ("inet", 6, NO)):
        assert fate(ruleset(SHUT._replace(family=family)), NET, packet(version=version)) is wanted


# fib


@pytest.mark.parametrize(("field", "wanted"), [
    (Field("fib", "type", flags=("daddr",)), {2: ["198.18.0.2"]}), (Field("fib", "type", flags=("saddr",)), {1: ["203.0.113.9"], 2: ["198.18.0.2", "127.0.0.1"], 3: ["198.18.0.255"]}),
    (Field("fib", "type", flags=("saddr", "iif")), {1: ["203.0.113.9", "198.18.2.1"], 2: ["198.18.0.2"]}), (Field("fib", "oif", flags=("saddr",)), {"eth0": ["203.0.113.9"], "eth2": ["198.18.2.7"]}),
    (Field("fib", "oif", flags=("saddr", "iif")), {"eth0": ["203.0.113.9"], "": ["198.18.2.7", "198.18.0.2"]}), (Field("fib", "oif", flags=("saddr", "iif"), exists=True), {1: ["203.0.113.9"], 0: ["198.18.2.7"]}),
])  # fmt: skip
def test_fib_of_senders(field, wanted):
    router = Router(4, NET)
    subject = SOURCE if "saddr" in field.flags else int(address("198.18.0.2").number)
    told = dict(router.fib(field, subject, "eth0"))
    for value, sources in wanted.items():
        for source in sources:
            assert router.rows.holds(told[value], int(address(source).number)), (value, source)


def test_fib_is_unknown_where_routes_are():
    assert list(Router(4, NET._replace(policy_routing=True)).fib(Field("fib", "oif", flags=("saddr",)), SOURCE, "eth0")) == [(UNKNOWN, ALL)]
    assert list(Router(4, NET).fib(Field("fib", "type", flags=("daddr", "oif")), 1, "eth0")) == [(UNKNOWN, ALL)]
    assert list(Router(4, NET).fib(Field("fib", "type", flags=("daddr",)), UNKNOWN, "eth0")) == [(UNKNOWN, ALL)]


def test_no_interface_at_all_is_number_0():
    """The rpfilter of iptables: `fib saddr . mark . iif oif 0`."""
    no_way = Match(Field("fib", "oif", flags=("saddr", "mark", "iif")), Members(names=Names((Name("", interface=0),))))
    rules = ruleset(chain("pre", (no_way, DROP), hook="prerouting", priority=-150))
    assert fate(rules, without_default(), packet()) is NO
    assert fate(rules, without_default(), packet(version=6)) is NO
    assert fate(rules, NET, packet()) is YES
    assert agree(rules, without_default())


FIBS = [(name, flags) for name in ("type", "oif") for flags in (("saddr",), ("daddr",), ("saddr", "iif"), ("daddr", "iif"))]


@pytest.mark.parametrize(("name", "flags"), FIBS)
@pytest.mark.parametrize("hook", ["prerouting", "input", "output"])
def test_fib_is_what_single_packets_find(name, flags, hook):
    for value in (1, 2, 3) if name == "type" else ("eth0", "eth2", "lo"):
        assert agree(ruleset(chain("c", (match(Field("fib", name, flags=flags), value), DROP), hook=hook)))
    assert agree(ruleset(chain("c", (match(Field("fib", "oif", flags=flags, exists=True), 0), DROP), hook=hook)))
