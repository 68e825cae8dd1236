from ipaddress import ip_address, ip_interface, ip_network

from hypothesis import given
from hypothesis import strategies as st

from portulan.system.sandbox.routes import Wire, shortest_routes


def wire(first, second, number):
    ends = [(ip_interface(f"198.18.{number}.{end}/24"), ip_interface(f"fd00:0:0:{number:x}::{end}/64")) for end in (1, 2)]
    return Wire(first, second, *ends)


def v4(number):
    return ip_network(f"198.18.{number}.0/24")


def test_a_chain():
    routes = shortest_routes([wire("a", "r", 0), wire("r", "s", 1), wire("s", "b", 2)], {"r", "s"})
    assert routes["a"][v4(1)] == routes["a"][v4(2)] == (ip_address("198.18.0.2"),)
    assert routes["a"][ip_network("fd00:0:0:2::/64")] == (ip_address("fd00::2"),)
    assert routes["b"][v4(0)] == (ip_address("198.18.2.1"),)
    assert routes["r"] == {v4(2): (ip_address("198.18.1.2"),), ip_network("fd00:0:0:2::/64"): (ip_address("fd00:0:0:1::2"),)}


def test_a_host_does_not_pass_packets_on():
    assert shortest_routes([wire("a", "h", 0), wire("h", "b", 1)], set()) == {}
    assert shortest_routes([wire("a", "h", 0), wire("h", "b", 1)], {"a", "b"}) == {}


def test_two_ways_of_one_length_are_both_told_in_the_order_of_the_wires():
    diamond = [wire("a", "r", 0), wire("a", "s", 1), wire("r", "b", 2), wire("s", "b", 3), wire("b", "c", 4)]
    routes = shortest_routes(diamond, {"r", "s", "b"})
    assert routes["a"][v4(4)] == (ip_address("198.18.0.2"), ip_address("198.18.1.2"))
    assert routes["a"][v4(2)] == (ip_address("198.18.0.2"),)


def test_parallel_cables_are_two_ways():
    routes = shortest_routes([wire("a", "r", 0), wire("a", "r", 1), wire("r", "b", 2)], {"r"})
    assert routes["a"][v4(2)] == (ip_address("198.18.0.2"), ip_address("198.18.1.2"))


def test_a_link_without_ipv6_carries_none():
    bare = Wire("r", "b", (ip_interface("198.18.9.1/24"),), (ip_interface("198.18.9.2/24"),))
    routes = shortest_routes([wire("a", "r", 0), bare, wire("b", "c", 1)], {"r", "b"})
    assert v4(1) in routes["a"]
    assert ip_network("fd00:0:0:1::/64") not in routes["a"]


@st.composite
def networks(draw):
    names = [f"h{number}" for number in range(draw(st.integers(2, 7)))]
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda pair: pair[0] != pair[1]), max_size=10))
    return [wire(*pair, number) for number, pair in enumerate(pairs)], draw(st.sets(st.sampled_from(names)))


@given(networks())
def test_every_route_arrives(net):
    """Following the gateways, whichever is taken, ends at a host of the network, through routers only; and who has no route cannot get there."""
    wires, routers = net
    routes = shortest_routes(wires, routers)
    on = {}
    owner = {}
    for each in wires:
        for name, addresses in ((each.first, each.first_addresses), (each.second, each.second_addresses)):
            for address in addresses:
                on.setdefault(name, set()).add(address.network)
                owner[address.ip] = name
    for network in {network for some in on.values() for network in some}:
        reached = {name for name, some in on.items() if network in some}
        while True:
            more = {near for each in wires for near, far, _ in each.neighbours() if far in reached and far in routers} - reached
            if not more:
                break
            reached |= more
        told = {name for name, some in routes.items() if network in some}
        assert told == {name for name in reached if network not in on[name]}
        for name in told:
            edge, steps = {name}, 0
            while edge := {owner[gateway] for each in edge for gateway in routes.get(each, {}).get(network, ())}:
                assert edge <= routers
                steps += 1
                assert steps <= len(on)
