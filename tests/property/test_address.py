"""Addresses against ipaddress and the C library."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from hypothesis import given

from portulan.model.address import Exposure, exposure_of, format_address, format_endpoint, pack_address
from strategies import MAPPED, addresses, addresses_4, addresses_6

SHARED = tuple(ip_network(text) for text in ("100.64.0.0/10", "198.18.0.0/15"))
PRIVATE_4 = tuple(ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
UNIQUE_LOCAL = ip_network("fc00::/7")


@given(packed=addresses)
def test_text_and_back(packed):
    assert ip_address(format_address(packed)).packed == packed


@given(packed=addresses)
def test_what_was_written_is_packed_again(packed):
    assert pack_address(format_address(packed)) == packed


@given(packed=addresses_4)
def test_ipv4_text_is_the_c_librarys(packed):
    assert format_address(packed) == socket.inet_ntop(socket.AF_INET, packed) == str(IPv4Address(packed))


@given(packed=addresses_6)
def test_ipv6_text_is_the_c_librarys(packed):
    mine = format_address(packed)
    if packed[:12] == bytes(12):
        # IPv4-compatible addresses (deprecated, RFC 4291) have a dotted tail in glibc; ipaddress writes them as we do.
        assert mine == str(IPv6Address(packed))
    else:
        assert mine == socket.inet_ntop(socket.AF_INET6, packed)
    if packed[:12] != MAPPED:
        assert mine == str(IPv6Address(packed))


@given(packed=addresses)
def test_exposure_by_the_predicates_of_ipaddress(packed):
    address = ip_address(packed)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified:
        expected = Exposure.ALL
    elif address.is_loopback:
        expected = Exposure.LOOPBACK
    elif address.is_link_local or address.is_multicast:
        expected = Exposure.PRIVATE
    elif isinstance(address, IPv4Address):
        expected = Exposure.PRIVATE if any(address in network for network in (*PRIVATE_4, *SHARED)) else Exposure.PUBLIC
    else:
        expected = Exposure.PRIVATE if address in UNIQUE_LOCAL or address.is_site_local else Exposure.PUBLIC
    assert exposure_of(packed) is expected
    if address.is_global and not address.is_multicast:
        assert exposure_of(packed) is Exposure.PUBLIC


@given(packed=addresses_4)
def test_a_mapped_address_reaches_as_far_as_the_address_in_it(packed):
    assert exposure_of(MAPPED + packed) is exposure_of(packed)


@given(packed=addresses)
def test_an_endpoint_can_be_taken_apart(packed):
    text = format_endpoint(format_address(packed), 8080)
    address, _, port = text.rpartition(":")
    assert port == "8080"
    assert ip_address(address.strip("[]")).packed == packed
    assert address.startswith("[") == (len(packed) == 16)
