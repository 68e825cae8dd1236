from contextlib import suppress
from ipaddress import ip_address

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
