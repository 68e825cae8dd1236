"""A namespace's network as we read it, against what ip and the kernel's own look-up say."""

import ctypes
import json
import os
import random
from ipaddress import ip_address, ip_network

import pytest

from portulan.errors import NotPermitted, PortulanError
from portulan.guard.routes import link_towards, own, route_of
from portulan.model.network import Address
from portulan.system.linux.namespaces import Place
from portulan.system.linux.network import read_network

pytestmark = [pytest.mark.lab, pytest.mark.peer]


def number_of(text):
    address = ip_address(text)
    return Address(address.version, int(address))


def asked(host, *words):
    done = host.run(["ip", "-j", *words])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "[]")


def there(host):
    return read_network(Place(host.netns_inode, host.netns_path))


@pytest.fixture
def host(sandbox, peers):
    built = sandbox.host("a", root=peers)
    if built.run(["sh", "-c", "command -v ip"]).returncode:
        pytest.skip("no private root with peer programs: it lacks iproute2")
    far = sandbox.host("b")
    sandbox.link(built, far)
    sandbox.link(built, far)
    return built


def make(host, commands):
    for line in commands.strip().splitlines():
        done = host.run(line.split())
        assert done.returncode == 0, f"{line}: {done.stderr}"


ROUTES = """
ip link add br0 type bridge
ip link set br0 up group 7
ip addr add 203.0.113.1/24 dev br0
ip addr add 203.0.113.7/32 dev lo
ip addr add 10.7.0.1 peer 10.7.0.2 dev br0
ip addr add fd00:7::1/64 dev br0 nodad
ip route add 192.0.2.0/24 dev br0
ip route add 192.0.2.128/25 dev br0 metric 20
ip route add 192.0.2.128/25 dev lo metric 30
ip route add blackhole 192.0.2.200/29
ip route add unreachable 192.0.2.208/29
ip route add prohibit 192.0.2.216/29
ip route add local 198.51.100.0/24 dev lo
ip route add 198.51.100.64/26 dev br0
ip -6 route add fd00:8::/32 dev br0
ip -6 route add local fd00:9::/32 dev lo
ip -6 route add fd00:9:1::/48 dev br0
ip -6 route add unreachable fd00:8:ff::/48
"""


def test_links_and_addresses_are_those_that_ip_shows(host):
    make(host, ROUTES)
    network = there(host)
    told = {each["ifname"]: each for each in asked(host, "-d", "addr")}
    assert network.inode == host.netns_inode
    assert [link.name for link in network.links] == list(told)
    for link in network.links:
        one = told[link.name]
        assert link.number == one["ifindex"]
        assert link.kind == one.get("linkinfo", {}).get("info_kind", "loopback" if link.name == "lo" else "")
        assert link.up == ("UP" in one["flags"])
        assert link.type == {"loopback": 772, "ether": 1}[one["link_type"]]
        assert str(link.group) == one["group"].replace("default", "0")
        assert sorted(link.addresses) == sorted((number_of(each["local"]), each["prefixlen"]) for each in one["addr_info"])


def test_a_port_of_a_bridge_names_it(host):
    make(host, "ip link add br0 type bridge")
    first = next(each["ifname"] for each in asked(host, "link") if each["ifname"] not in ("lo", "br0"))
    make(host, f"ip link set {first} master br0")
    assert there(host).link(first).master == "br0"


def test_routes_are_those_that_ip_shows(host):
    make(host, ROUTES)
    network = there(host)
    told = set()
    for family in ("-4", "-6"):
        for number, table in ((255, "local"), (254, "main")):
            for each in asked(host, family, "-d", "route", "show", "table", table):
                destination = {"default": "0.0.0.0/0" if family == "-4" else "::/0"}.get(each["dst"], each["dst"])
                net = ip_network(destination)
                told.add(
                    (net.version, int(net.network_address), net.prefixlen, each["type"], each.get("dev"), each.get("metric", 0), number)
                )
    # ip names the device of a route that refuses (IPv6: lo), and so do we
    ours = {
        (each.version, each.first, each.prefix, each.kind, next(iter(each.links), None), each.metric, each.table) for each in network.routes
    }
    assert ours == told
    assert not network.policy_routing


def test_every_look_up_ends_where_the_kernels_own_does(host, day_seed):
    make(host, ROUTES)
    network = there(host)
    chance = random.Random(day_seed)
    edges = [number + step for route in network.routes for number in (route.first,) for step in (-1, 0, 1, 77, 200)]
    samples = {each for each in edges if 0 < each < 1 << 128}
    for number in [
        *sorted(samples),
        *(chance.getrandbits(32) for _ in range(60)),
        *(0xFD00 << 112 | chance.getrandbits(112) for _ in range(40)),
    ]:
        for version in (4, 6):
            if version == 4 and number >> 32:
                continue
            address = Address(version, number)
            text = str(ip_address(number.to_bytes(4 if version == 4 else 16)))
            done = host.run(["ip", "-j", "route", "get", text])
            route = route_of(network, address)
            if done.returncode:
                assert route is None or route.kind in ("blackhole", "unreachable", "prohibit"), (text, route, done.stderr)
                continue
            (told,) = json.loads(done.stdout)
            kind = told.get("type", "unicast")
            if kind in ("blackhole", "unreachable", "prohibit"):
                assert route is not None, text
                assert route.kind == kind, text
                continue
            assert route is not None, text
            assert route.kind == kind, (text, told, route)
            mine = any(first <= number <= last for first, last in own(network, version))
            assert mine == (kind in ("local", "anycast")), text
            if kind == "unicast":
                assert link_towards(network, address) == told["dev"], (text, told, route)


def test_settings_are_what_works_here(host):
    make(host, "ip link add d0 type bridge\nip link add d1 type bridge")
    host.set("net/ipv4/conf/all/rp_filter", 1)
    host.set("net/ipv4/conf/d0/rp_filter", 2)
    host.set("net/ipv4/conf/d0/accept_local", 1)
    host.set("net/ipv4/conf/d1/route_localnet", 1)
    host.set("net/ipv4/conf/d1/forwarding", 1)
    first, second = (there(host).link(name) for name in ("d0", "d1"))
    assert (first.reverse_filter, first.accept_local, first.route_localnet, first.forwards4, first.forwards6) == (
        2,
        True,
        False,
        False,
        False,
    )
    assert (second.reverse_filter, second.accept_local, second.route_localnet, second.forwards4) == (1, False, True, True)
    host.set("net/ipv4/conf/all/accept_local", 1)
    host.set("net/ipv6/conf/all/forwarding", 1)
    assert all(link.accept_local and link.forwards6 for link in there(host).links)


def test_one_link_alone_may_forward_ipv6(host):
    make(host, "ip link add d0 type bridge")
    try:
        host.set("net/ipv6/conf/d0/force_forwarding", 1)
    except PortulanError as error:
        pytest.skip(f"this kernel has no such setting: {error}")
    assert {link.name for link in there(host).links if link.forwards6} == {"d0"}


@pytest.mark.parametrize(
    "command",
    [
        "ip rule add fwmark 1 table 100",
        "ip -6 rule add from fd00::/8 table 100",
        "ip rule del pref 32766",
        "ip route add tos 0x10 192.0.2.0/24 dev lo",
    ],
)
def test_rules_of_routing_are_noticed(host, command):
    assert not there(host).policy_routing
    make(host, command)
    assert there(host).policy_routing


def test_several_ways_share_a_route(host):
    links = [each["ifname"] for each in asked(host, "link") if each["ifname"] != "lo"]
    make(host, f"ip route add 192.0.2.0/24 nexthop dev {links[0]} nexthop dev {links[1]}")
    (route,) = [each for each in there(host).routes if each.first == int(ip_address("192.0.2.0"))]
    assert set(route.links) == set(links)


def read_as_nobody(place=None):
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: its own /proc is its own again
    return read_network(place)


def test_a_namespace_that_may_not_be_entered_is_told_so(host, sandbox):
    other = sandbox.host("c")
    place = Place(other.netns_inode, f"/proc/self/fd/{other.netns}")
    with pytest.raises(NotPermitted, match=r"network\.forbidden") as caught:
        host.call(read_as_nobody, place)
    assert caught.value.facts == {"needs": "CAP_SYS_ADMIN"}


def test_anybody_may_read_his_own_namespace(host):
    assert host.call(read_as_nobody).links == there(host).links
