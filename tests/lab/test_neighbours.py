"""Hardware addresses in bulk, and the way to an address, as the kernel of a sandbox host has them."""

import os
import socket
from ipaddress import ip_address, ip_network

import numpy as np
import pytest

from labs import call_as
from portulan.errors import CannotTell, MachineFailed, NotPermitted
from portulan.system.linux.links import read_interface
from portulan.system.linux.neighbours import ask_neighbours, read_neighbours
from portulan.system.linux.route import find_way

pytestmark = pytest.mark.lab


def rows(*addresses):
    return np.frombuffer(b"".join(ip_address(each).packed for each in addresses), np.uint8).reshape(len(addresses), -1)


def mac_of(end):
    return read_interface(end.host.netlink, end.index).hardware_address


@pytest.fixture
def pair(sandbox):
    here, there = sandbox.host("here"), sandbox.host("there")
    link = sandbox.link(here, there)
    return here, there, link


@pytest.mark.parametrize("version", [4, 6])
def test_a_whole_network_of_neighbours(pair, version):
    here, there, link = pair
    network, own = ("198.18.0.0/20", here.address) if version == 4 else ("fd00::/116", here.address6)
    answered = ip_network("198.18.2.0/24" if version == 4 else "fd00::800/118")
    there.answer_for(str(answered))
    mine, theirs = mac_of(link.end(here)), mac_of(link.end(there))
    wanted = [str(each) for each in ip_network(network)]
    macs, known = here.call(ask_neighbours, link.end(here).index, mine, ip_address(own).packed, rows(*wanted), 0.2, tries=2)
    expected = {str(each) for each in answered} | {there.address if version == 4 else there.address6}
    if version == 6:  # a local route makes the kernel answer for TCP, but not to the question who has the address
        expected = {there.address6}
    found = {address for address, yes in zip(wanted, known, strict=True) if yes}
    assert found == expected
    assert {row.tobytes() for row in macs[known]} == {theirs}
    assert not macs[~known].any()


def test_what_the_kernel_knows_is_not_asked_again(pair):
    here, there, link = pair

    def knows():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"", (there.address, 9))
        before = read_neighbours(4, link.end(here).index)
        answers = ask_neighbours(link.end(here).index, bytes(6), bytes(4), rows(there.address, there.address), tries=0)
        return before, [column.tolist() for column in answers]

    before, (macs, known) = here.call(knows)
    theirs = mac_of(link.end(there))
    assert before == {ip_address(there.address).packed: theirs}
    assert known == [True, True]
    assert macs == [list(theirs)] * 2


def test_none_to_ask(pair):
    here, _, link = pair
    macs, known = here.call(ask_neighbours, link.end(here).index, bytes(6), bytes(4), np.zeros((0, 4), np.uint8))
    assert macs.shape == (0, 6)
    assert known.shape == (0,)


def test_a_link_that_is_down_or_gone(pair):
    here, there, link = pair
    link.switch(on=False)
    for index, name in ((link.end(here).index, "eth0"), (99, "#99")):
        with pytest.raises(MachineFailed) as caught:
            here.call(ask_neighbours, index, bytes(6), bytes(4), rows(there.address), 0.1)
        assert caught.value.code == "scan.link-gone"
        assert caught.value.facts == {"link": name}


def try_to_ask(index, address):
    try:
        ask_neighbours(index, bytes(6), bytes(4), rows(address))
    except NotPermitted as error:
        return error.code, error.facts, os.getuid()


def test_without_the_right_to_packets(pair):
    here, there, link = pair
    code, facts, uid = call_as(here, try_to_ask, link.end(here).index, there.address)
    assert uid
    assert (code, facts) == ("neighbours.forbidden", {"needs": "CAP_NET_RAW"})


def test_ways(sandbox):
    here, between, there = sandbox.host("here"), sandbox.router("between"), sandbox.host("there")
    near = sandbox.link(here, between).end(here).index
    sandbox.link(between, there)
    sandbox.route_all()

    def way(address, link=0):
        found = here.call(find_way, ip_address(address).packed, link)
        return found.link, str(ip_address(found.source)), str(ip_address(found.next_hop)), found.on_link, found.local

    assert way(between.address) == (near, here.address, between.address, True, False)
    assert way(between.address6) == (near, here.address6, between.address6, True, False)
    assert way(there.address) == (near, here.address, between.address, False, False)
    assert way(there.address6) == (near, here.address6, between.address6, False, False)
    assert way("127.0.0.1") == (1, "127.0.0.1", "127.0.0.1", False, True)
    assert way(here.address) == (1, here.address, here.address, False, True)
    assert way("fe80::1", near)[0] == near


@pytest.mark.parametrize(
    ("address", "reason"), [("203.0.113.1", "net-unreach"), ("2001:db8::1", "net-unreach"), ("198.51.100.1", "host-unreach")]
)
def test_no_way(pair, address, reason):
    here, _, _ = pair
    here.refuse("198.51.100.0/24")
    with pytest.raises(CannotTell) as caught:
        here.call(find_way, ip_address(address).packed)
    assert caught.value.code == "scan.no-route"
    assert caught.value.facts == {"address": address, "reason": reason}
