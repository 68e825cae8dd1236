from contextlib import suppress
from ipaddress import ip_address
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import ParseError
from portulan.wire.netlink import build_attribute
from portulan.wire.rtnetlink import (
    BLACKHOLE,
    LOCAL,
    UNREACHABLE,
    Hop,
    InterfaceAddress,
    Route,
    build_address,
    build_bridge,
    build_get_link,
    build_master,
    build_route,
    build_up,
    build_veth,
    build_vxlan,
    parse_address,
    parse_link,
    parse_route,
)

PARSERS = (parse_link, parse_address, parse_route)
packed = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


def whole(parser, payload):
    return parser(payload, 0, len(payload))


@pytest.mark.parametrize("parser", PARSERS)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_parse_error(parser, data):
    with suppress(ParseError):
        whole(parser, data)


@pytest.mark.parametrize("parser", PARSERS)
@given(data=st.data())
def test_damaged_attributes_are_a_value_or_a_parse_error(parser, data):
    head = data.draw(st.binary(min_size=16, max_size=16))
    attributes = data.draw(st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=24)), max_size=6))
    payload = bytearray(head + b"".join(build_attribute(kind, value) for kind, value in attributes))
    if data.draw(st.booleans()):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(ParseError):
        whole(parser, bytes(payload))


@given(index=st.integers(1, 2**31 - 1), address=packed, data=st.data())
def test_an_address_survives_the_wire(index, address, data):
    prefix = data.draw(st.integers(0, len(address) * 8))
    assert whole(parse_address, build_address(index, address, prefix)) == InterfaceAddress(index, address, prefix, tentative=False)


@given(data=st.data())
def test_a_route_survives_the_wire(data):
    size = data.draw(st.sampled_from((4, 16)))
    gateway = st.none() | st.binary(min_size=size, max_size=size).filter(any)
    hop = st.builds(Hop, gateway, st.integers(1, 2**31 - 1), st.just(1))
    weighted = st.builds(Hop, gateway, st.integers(1, 2**31 - 1), st.integers(1, 256))
    hops = data.draw(st.lists(hop, max_size=1) | st.lists(weighted, min_size=2, max_size=4))
    destination = data.draw(st.binary(min_size=size, max_size=size))
    route = Route(destination, data.draw(st.integers(0, size * 8)), tuple(hops))
    assert whole(parse_route, build_route(route)) == route


@pytest.mark.parametrize(("kind", "table"), [(LOCAL, 255), (BLACKHOLE, 254), (UNREACHABLE, 254)])
def test_special_routes_stand_in_their_own_table(kind, table):
    hops = (Hop(None, 1),) if kind == LOCAL else ()
    found = whole(parse_route, build_route(Route(ip_address("198.18.0.0").packed, 16, hops, kind)))
    assert (found.kind, found.table, found.hops) == (kind, table, hops)


def test_links_say_what_they_are():
    vxlan = whole(parse_link, build_vxlan("tunnel", 42, 4789))
    assert (vxlan.name, vxlan.kind, vxlan.tunnel, vxlan.udp_ports) == ("tunnel", "vxlan", 42, (4789,))
    bridge = whole(parse_link, build_bridge("lan"))
    assert (bridge.name, bridge.kind, bridge.tunnel, bridge.udp_ports) == ("lan", "bridge", None, ())
    veth = whole(parse_link, build_veth("eth0", "eth1", 7, 9000))
    assert (veth.name, veth.kind, veth.mtu) == ("eth0", "veth", 9000)


def test_a_link_says_its_group_and_the_settings_of_its_addresses():
    settings = build_attribute(2, build_attribute(1, pack("=3I", 1, 0, 7))) + build_attribute(10, build_attribute(2, pack("=2I", 5, 6)))
    found = whole(parse_link, pack("=BxHiII", 0, 772, 1, 1, 0) + build_attribute(27, 42) + build_attribute(26, settings))
    assert (found.type, found.group, found.settings4, found.settings6) == (772, 42, (1, 0, 7), (5, 6))
    bare = whole(parse_link, build_bridge("lan"))
    assert (bare.group, bare.settings4, bare.settings6) == (0, (), ())


def test_a_route_says_what_keeps_it_from_serving_everybody():
    head = bytes([2, 8, 0, 0, 254, 4, 0, 1])
    found = whole(parse_route, head + pack("=I", 0) + build_attribute(6, 600) + build_attribute(4, 3) + build_attribute(15, 1000))
    assert (found.metric, found.table, found.dead, found.special, found.hops) == (600, 1000, False, False, (Hop(None, 3),))
    assert whole(parse_route, head + pack("=I", 1)).dead
    assert whole(parse_route, bytes([2, 8, 0, 16, 254, 4, 0, 1]) + bytes(4)).special
    assert whole(parse_route, bytes([10, 8, 64, 0, 254, 4, 0, 1]) + bytes(4)).special


def test_dead_hops_are_left_out():
    hops = pack("=HBBi", 8, 1, 0, 3) + pack("=HBBi", 8, 0, 0, 4)
    head = bytes([2, 8, 0, 0, 254, 4, 0, 1]) + bytes(4)
    found = whole(parse_route, head + build_attribute(9, hops))
    assert (found.hops, found.dead) == ((Hop(None, 4),), False)
    found = whole(parse_route, head + build_attribute(9, hops[:8]))
    assert (found.hops, found.dead) == ((), True)


def test_a_change_names_its_interface():
    assert whole(parse_link, build_up(3)).up
    assert not whole(parse_link, build_up(3, up=False)).up
    assert whole(parse_link, build_master(3, 9)).master == 9
    assert whole(parse_link, build_get_link(3)).number == 3


def test_a_hop_longer_than_its_list_is_refused():
    route = build_route(Route(bytes(4), 8, (Hop(bytes([198, 18, 0, 1])), Hop(bytes([198, 18, 0, 2])))))
    broken = route[:-16] + (200).to_bytes(2, "little") + route[-14:]
    with pytest.raises(ParseError):
        whole(parse_route, broken)
