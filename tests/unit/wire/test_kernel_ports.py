"""Ports that the kernel holds, as generic netlink and nfsd tell."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import attribute, number
from portulan.errors import ParseError
from portulan.model.port import Transport
from portulan.wire.kernel_ports import (
    CONTROL_FAMILY,
    FOU,
    FOU_GET,
    GET_FAMILY,
    WIREGUARD,
    WIREGUARD_GET_DEVICE,
    build_family_request,
    build_fou_request,
    build_wireguard_request,
    parse_family,
    parse_fou_port,
    parse_nfsd_ports,
    parse_wireguard_port,
)

GENERIC = bytes([1, 2, 0, 0])
"""struct genlmsghdr: command, version, nothing."""


def whole(parser, data):
    return parser(b"\xff" * 5 + data + b"\xff" * 3, 5, 5 + len(data))


def test_the_numbers_of_generic_netlink():
    # include/uapi/linux/genetlink.h, wireguard.h, fou.h
    assert (CONTROL_FAMILY, GET_FAMILY, WIREGUARD_GET_DEVICE, FOU_GET) == (0x10, 3, 0, 3)
    assert (WIREGUARD, FOU) == ("wireguard", "fou")


def test_requests_name_what_they_want():
    assert build_family_request("wireguard") == bytes([3, 1, 0, 0]) + attribute(2, b"wireguard\0")
    assert build_wireguard_request(7) == bytes([0, 1, 0, 0]) + attribute(1, number(7, 4))
    assert build_fou_request() == bytes([3, 1, 0, 0])


def test_the_number_of_a_family():
    assert whole(parse_family, GENERIC + attribute(2, b"wireguard\0") + attribute(1, number(0x1234, 2))) == 0x1234


@pytest.mark.parametrize("attributes", [b"", attribute(1, b"\1"), attribute(1, bytes(4)), attribute(2, b"fou\0")])
def test_a_family_without_a_number_is_a_parse_error(attributes):
    with pytest.raises(ParseError) as raised:
        whole(parse_family, GENERIC + attributes)
    assert (raised.value.code, raised.value.facts) == ("netlink.truncated", {"offset": 5})


@pytest.mark.parametrize(
    ("attributes", "port"),
    [
        (attribute(1, number(7, 4)) + attribute(6, number(51820, 2)), 51820),
        (attribute(6, number(0, 2)), None),
        (attribute(6, b"\1"), None),
        (attribute(6, number(5, 4)), None),
        (attribute(2, b"wg0\0"), None),
        (b"", None),
    ],
)
def test_wireguard_tells_its_port_in_the_order_of_the_host(attributes, port):
    assert whole(parse_wireguard_port, GENERIC + attributes) == port


@pytest.mark.parametrize(
    ("attributes", "port"),
    [
        (attribute(2, b"\2") + attribute(1, number(5555, 2, "big")), 5555),
        (attribute(1, bytes(2)), None),
        (attribute(1, b"\1\2\3"), None),
        (b"", None),
    ],
)
def test_foo_over_udp_tells_its_port_in_network_order(attributes, port):
    assert whole(parse_fou_port, GENERIC + attributes) == port


@pytest.mark.parametrize(
    ("data", "ports"),
    [
        (b"rdma 20049\ntcp 2049\nudp 2049\ntcp 2049\n", ((Transport.TCP, 2049), (Transport.UDP, 2049), (Transport.TCP, 2049))),
        (b"tcp 2049", ((Transport.TCP, 2049),)),
        (b"tcp \ntcp x\ntcp\nudp -1\nTCP 5\n\xff 6\ntcp \xb2\n", ()),
        (b"tcp " + b"9" * 5000 + b"\ntcp 70000\ntcp 65535\n", ((Transport.TCP, 65535),)),
        (b"", ()),
    ],
    ids=range(5),
)
def test_the_nfs_server(data, ports):
    assert parse_nfsd_ports(data) == ports


@pytest.mark.parametrize("parser", [parse_family, parse_wireguard_port, parse_fou_port])
@given(data=st.binary(max_size=60), good=st.booleans())
def test_any_bytes_are_a_value_or_a_parse_error(parser, data, good):
    with suppress(ParseError):
        whole(parser, GENERIC + attribute(9, data) + data if good else data)


@given(data=st.binary(max_size=60))
def test_any_list_of_ports_is_read(data):
    assert all(0 <= port < 65_536 for _, port in parse_nfsd_ports(b"tcp " + data))
