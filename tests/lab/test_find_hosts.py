"""Host discovery on the own link and beyond a router, with and without rights."""

from ipaddress import ip_address, ip_network

import pytest

from labs import call_as, listen
from portulan.errors import CannotTell
from portulan.model.scan import REASONS, Reason
from portulan.scan.find_hosts import find_hosts
from portulan.system.linux.links import add_address, read_interface

pytestmark = pytest.mark.lab
KEY = (0x1234_5678_9ABC_DEF0, 0x0FED_CBA9_8765_4321)
FAR = {4: "203.0.113.0/27", 6: "2001:db8:7::/123"}
RULES = """
table inet t {{
chain c {{
type filter hook input priority 0
{family} daddr {0} accept
{family} daddr {1} {ping} drop
{family} daddr {1} tcp dport != 443 drop
{family} daddr {1} accept
{family} daddr {2} tcp dport 80 accept
{family} daddr {3} meta l4proto udp accept
{family} daddr {net} drop
}}
}}
"""
PINGS = {4: "icmp type echo-request", 6: "icmpv6 type echo-request"}


def look(version, network, raw, wait_s=0.4):
    """{address: (reason, has a time, hardware address)} of who is up, {address: reason} of who told otherwise, what was not possible."""
    net = ip_network(network)
    result = find_hosts(version, [(int(net[0]), int(net[-1]))], KEY, raw=raw, wait_s=wait_s)
    found, up, told = result.found, {}, {}
    for place in range(result.space.hosts):
        address, reason = result.space.address(place), REASONS[found.reason[place]]
        if found.up[place]:
            up[address] = reason, bool(found.rtt_s[place] == found.rtt_s[place]), found.macs.get(place)
        elif reason is not Reason.NONE:
            told[address] = reason
    listed = {str(ip_address(number)) for first, last in result.ranges for number in range(first, last + 1)}
    assert listed == set(up)
    return up, told, result.skipped


@pytest.fixture(params=[4, 6])
def beyond(request, sandbox, peers):
    """(version, a host, the packed first five addresses of a network beyond a router, each shut in another way)."""
    version = request.param
    here, between, there = sandbox.host("here"), sandbox.router("between"), sandbox.host("there")
    sandbox.link(here, between)
    last = sandbox.link(between, there)
    sandbox.route_all()
    network = ip_network(FAR[version])
    there.answer_for(str(network))
    via = (between.address, there.address) if version == 4 else (between.address6, there.address6)
    here.route(str(network), via[0])
    between.route(str(network), via[1])
    there.set("net.ipv4.icmp_ratelimit", 0)
    there.set("net.ipv6.icmp.ratelimit", 0)
    at = [str(network[number]) for number in (3, 5, 9, 17)]
    for each in at:  # an ICMPv6 error comes from the address that was asked only where it is an interface's own
        add_address(there.netlink, last.end(there).index, ip_address(each).packed, network.max_prefixlen)
    text = RULES.format(*at, family="ip" if version == 4 else "ip6", net=network, ping=PINGS[version])
    done = there.run(["nft", "-f", "-"], root=peers, text=text)
    assert done.returncode == 0, done.stderr
    return version, here, at


EXPECTED = {"raw": [Reason.ECHO_REPLY, Reason.RESET, Reason.RESET, Reason.PORT_UNREACHABLE]}
EXPECTED["plain"] = [Reason.ECHO_REPLY, Reason.REFUSED, Reason.REFUSED, Reason.PORT_UNREACHABLE]


@pytest.mark.peer
@pytest.mark.parametrize("rights", ["raw", "plain", "no ping"])
def test_beyond_a_router_each_way_finds_who_is_shut_to_the_others(beyond, rights):
    version, here, at = beyond
    if rights == "raw":
        up, told, skipped = here.call(look, version, FAR[version], True)
    else:
        here.set("net.ipv4.ping_group_range", "0 2000000000" if rights == "plain" else "1 0")
        up, told, skipped = call_as(here, look, version, FAR[version], False)
    assert set(up) == set(at)
    expected = list(EXPECTED["raw" if rights == "raw" else "plain"])
    if rights == "no ping":
        expected[0] = Reason.REFUSED
    assert [up[address][0] for address in at] == expected
    assert all(timed and mac is None for _, timed, mac in up.values())
    assert told == {}
    assert skipped == {"raw": (), "plain": ("neighbours",), "no ping": ("neighbours", "ping")}[rights]


@pytest.mark.parametrize("version", [4, 6])
def test_the_own_link_by_hardware_addresses(sandbox, version):
    here, there = sandbox.host("here"), sandbox.host("there")
    link = sandbox.link(here, there)
    network = "198.18.0.0/26" if version == 4 else "fd00::/122"
    own, other = (here.address, there.address) if version == 4 else (here.address6, there.address6)
    up, told, skipped = here.call(look, version, network, True)
    mac = read_interface(there.netlink, link.end(there).index).hardware_address
    assert up[other] == (Reason.ARP if version == 4 else Reason.NEIGHBOUR, False, mac)
    assert up[own][0] is Reason.KERNEL
    assert len(up) <= 3  # and IPv6's subnet-router anycast address or IPv4's own network address, where the kernel has them as its own
    assert set(told.values()) <= {Reason.HOST_DOWN, Reason.NO_ROUTE}
    assert len(told) >= 60
    assert skipped == ()


def test_the_own_link_without_rights(sandbox):
    here, there = sandbox.host("here"), sandbox.host("there")
    sandbox.link(here, there)
    listen(there, there.address, 443).close()
    up, _, skipped = call_as(here, look, 4, "198.18.0.0/29", False, 1.2)
    assert set(up) == {here.address, there.address}
    assert "neighbours" in skipped


def test_no_way_at_all(sandbox):
    here, there = sandbox.host("here"), sandbox.host("there")
    sandbox.link(here, there)
    up, told, _ = here.call(look, 4, "192.0.2.0/30", True)
    assert up == {}
    assert set(told.values()) == {Reason.NO_ROUTE}
    up, told, _ = here.call(look, 4, "192.0.2.0/30", False)
    assert (up, set(told.values())) == ({}, {Reason.NO_ROUTE})


def test_too_many():
    with pytest.raises(CannotTell) as caught:
        find_hosts(6, [(0, (1 << 64) - 1)], KEY, raw=False)
    assert caught.value.code == "scan.too-many-hosts"
