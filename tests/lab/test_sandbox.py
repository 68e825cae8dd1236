"""Hosts, links and routes, judged by real packets and by what the kernel says elsewhere."""

import select
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyroute2
import pytest

from portulan.errors import BadInput, CannotTell, MachineFailed
from portulan.system.linux.links import (
    add_bridge,
    add_route,
    add_veth,
    add_vxlan,
    delete_link,
    delete_route,
    read_addresses,
    read_interfaces,
    read_routes,
    set_master,
    set_up,
)
from portulan.system.sandbox import Sandbox
from portulan.wire.rtnetlink import Hop, Route

pytestmark = pytest.mark.lab

ECHO = """
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
server.bind(("::", 7))
while True:
    data, extra, _, peer = server.recvmsg(100, 100)
    server.sendmsg([data], extra, 0, peer)
"""


def echo_server(host):
    process = host.start([sys.executable, "-c", ECHO])
    host.wait_for_port(7, transport="udp")
    return process


def answered(host, address, count=1, timeout_s=5.0):
    """How many of `count` datagrams come back, each waited for."""
    with host.enter():
        client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(timeout_s)
        client.connect((address, 7))
        got = 0
        for number in range(count):
            client.send(struct.pack("=I", number))
            try:
                while struct.unpack("=I", client.recv(100))[0] != number:
                    pass
                got += 1
            except TimeoutError:
                pass
        return got


def own_network():
    return Path("/proc/thread-self/ns/net").stat().st_ino


@pytest.fixture
def line(sandbox):
    """a - r - s - b."""
    a, r, s, b = sandbox.host("a"), sandbox.router("r"), sandbox.router("s"), sandbox.host("b")
    sandbox.link(a, r)
    sandbox.link(r, s)
    sandbox.link(s, b)
    sandbox.route_all()
    return a, r, s, b


def test_the_first_packet_arrives_through_two_routers(line):
    a, _, s, b = line
    echo_server(b)
    for address in (b.address, b.address6):
        # Once, not "at last": nothing may be tentative, down or unresolved when the sandbox says it is ready.
        assert answered(a, address) == 1
    with a.enter(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 2)
        client.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        client.connect((b.address, 7))
        client.send(b"x")
        waiting = select.poll()
        waiting.register(client, select.POLLERR)
        assert waiting.poll(5000)
        _, extra, _, _ = client.recvmsg(100, 512, socket.MSG_ERRQUEUE)
        offender = socket.inet_ntoa(extra[0][2][20:24])
        assert offender in {str(address.ip) for address in s.addresses}


def test_every_build_is_ready_at_once(samples):
    for _ in range(samples(10, 200)):
        with Sandbox() as sandbox:
            a, b = sandbox.host("a"), sandbox.host("b")
            sandbox.link(a, b)
            echo_server(b)
            assert answered(a, b.address6) == answered(b, b.address) == answered(a, b.address) == 1


def test_nothing_leads_out(line, sandbox):
    for host in line:
        assert sandbox.openings() == []
        table = host.run(["cat", "/proc/net/route"]).stdout.splitlines()[1:]
        assert not [row for row in table if row.split()[1] == "00000000"]
        with host.enter(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003)) as capture:
            for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
                with socket.socket(family, socket.SOCK_DGRAM) as client, pytest.raises(OSError, match="Network is unreachable"):
                    client.connect((address, 53))
                with socket.socket(family, socket.SOCK_STREAM) as client, pytest.raises(OSError, match="Network is unreachable"):
                    client.connect((address, 80))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"the end", ("127.0.0.1", 9))
            # Not even a question who has that address: no frame names it.
            targets = socket.inet_aton("192.0.2.1"), socket.inet_pton(socket.AF_INET6, "2001:db8::1")
            assert not [frame for frame in frames_until(capture, b"the end") if any(target in frame for target in targets)]
        with pytest.raises(BadInput, match=r"sandbox\.default-route"):
            host.route("0.0.0.0/0", host.address)
        with pytest.raises(BadInput, match=r"sandbox\.default-route"):
            host.route("::/0", host.address6)


def test_an_opening_made_by_hand_is_told(sandbox):
    a = sandbox.host("a")
    with Sandbox() as other:
        stranger = other.host("stranger")
        add_veth(a.netlink, "out", "in", stranger.netns)
        assert sandbox.openings() == ["a: out"]
        index = next(each.number for each in read_interfaces(a.netlink) if each.name == "out")
        set_up(a.netlink, index)
        set_up(stranger.netlink, next(each.number for each in read_interfaces(stranger.netlink) if each.name == "in"))
        add_route(a.netlink, Route(bytes(4), 8, (Hop(None, index),)))
        add_route(a.netlink, Route(bytes(4), 0, (Hop(bytes([0, 0, 0, 9]), index),)))
        assert sandbox.openings() == ["a: out", "a: default route"]
        delete_route(a.netlink, Route(bytes(4), 0, (Hop(bytes([0, 0, 0, 9]), index),)))
        delete_link(a.netlink, index)
        assert sandbox.openings() == []


def test_the_process_itself_never_moves(sandbox):
    home = own_network()
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            seen.add(own_network())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        hosts = [sandbox.host(name) for name in "abc"]
        sandbox.link(hosts[0], hosts[1])
        for host in hosts:
            host.run(["true"])
            assert host.call(own_network) == host.netns_inode != home
            with host.enter():
                assert own_network() == host.netns_inode
            with pytest.raises(ZeroDivisionError), host.enter():
                _ = 1 / 0
            assert own_network() == home
    finally:
        stop.set()
        watcher.join()
    assert seen == {home}


def test_many_threads_are_on_many_hosts(sandbox):
    hosts = [sandbox.host(f"h{number}") for number in range(8)]
    found = {}

    def visit(host):
        for _ in range(50):
            with host.enter():
                found.setdefault(host.name, set()).add(own_network())

    threads = [threading.Thread(target=visit, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {host.name: {host.netns_inode} for host in hosts}


def test_a_socket_stays_where_it_was_opened(sandbox):
    a, b = sandbox.host("a"), sandbox.host("b")
    sandbox.link(a, b)
    with b.enter():
        server = socket.create_server((b.address, 80))
    with a.enter():
        client = socket.create_connection((b.address, 80), timeout=5)
    with server, client, server.accept()[0] as served:
        assert served.getpeername() == (a.address, client.getsockname()[1])


def test_a_host_has_a_name_and_a_path(sandbox):
    host = sandbox.host("mail-1")
    assert host.run(["cat", "/proc/sys/kernel/hostname"]).stdout == "mail-1\n"
    assert Path(host.netns_path).stat().st_ino == host.netns_inode
    assert host.run(["readlink", "/proc/self/ns/net"]).stdout == f"net:[{host.netns_inode}]\n"
    for name in ("", "a b", "-a", "x" * 64, "A", "../a"):
        with pytest.raises(BadInput, match=r"sandbox\.name"):
            sandbox.host(name)
    with pytest.raises(BadInput, match=r"sandbox\.name-taken"):
        sandbox.router("mail-1")
    with pytest.raises(BadInput, match=r"sandbox\.no-address"):
        _ = host.address6


def test_several_paths_share_the_load(sandbox):
    a, r, s, b = sandbox.host("a"), sandbox.router("r"), sandbox.router("s"), sandbox.host("b")
    sandbox.link(a, r)
    sandbox.link(a, s)
    sandbox.link(r, b)
    sandbox.link(s, b, ["198.18.3.1/24", "fd00:0:0:3::1/64"], ["198.18.3.2/24", "fd00:0:0:3::2/64"])
    b.answer_for("198.19.0.0/24")
    b.answer_for("fd00:ffff::/64")
    for router, gateway, gateway6 in ((r, "198.18.2.2", "fd00:0:0:2::2"), (s, "198.18.3.2", "fd00:0:0:3::2")):
        router.route("198.19.0.0/24", gateway)
        router.route("fd00:ffff::/64", gateway6)
    sandbox.route_all(every_path=True)
    a.route("198.19.0.0/24", ["198.18.0.2", "198.18.1.2"])
    a.route("fd00:ffff::/64", ["fd00::2", "fd00:0:0:1::2"])
    a.set("net.ipv4.fib_multipath_hash_policy", 0)  # by addresses
    b.set("net.ipv6.ip_nonlocal_bind", 1)  # the server answers from the address it was asked at
    echo_server(b)
    for template in ("198.19.0.{}", "fd00:ffff::{:x}"):
        before = [forwarded(router) for router in (r, s)]
        assert sum(answered(a, template.format(number)) for number in range(1, 41)) == 40
        gone = [forwarded(router) - count for router, count in zip((r, s), before, strict=True)]
        assert min(gone) > 0


def forwarded(router):
    with router.enter():
        lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
        rows = [line.split() for line in lines if line.startswith("Ip: ")]
        six = [line.split()[1] for line in Path("/proc/thread-self/net/snmp6").read_text().splitlines() if line.startswith("Ip6OutForw")]
        return int(rows[1][rows[0].index("ForwDatagrams")]) + int(six[0])


def test_one_host_is_a_whole_network(sandbox):
    a, b = sandbox.host("a"), sandbox.host("b")
    sandbox.link(a, b)
    b.answer_for("198.19.0.0/16")
    a.route("198.19.0.0/16", b.address)
    a.refuse("198.19.7.0/24")
    echo_server(b)
    assert [answered(a, address) for address in ("198.19.0.1", "198.19.255.254", "198.19.44.5")] == [1, 1, 1]
    with pytest.raises(OSError, match="No route to host"):
        answered(a, "198.19.7.1")


@pytest.mark.parametrize("address", ["address", "address6"])
def test_a_link_loses_its_share(sandbox, samples, address):
    a, b = sandbox.host("a"), sandbox.host("b")
    link = sandbox.link(a, b)
    echo_server(b)
    target = getattr(b, address)
    count = samples(400, 5_000)
    assert answered(a, target, count) == count
    link.lose(20, towards=b)
    lost = count - answered(a, target, count, timeout_s=0.02)
    deviation = (count * 0.2 * 0.8) ** 0.5
    assert abs(lost - count * 0.2) < 6 * deviation
    link.lose(100)
    assert answered(a, target, 5, timeout_s=0.02) == 0
    link.lose(0)
    assert answered(a, target, count) == count
    with pytest.raises(BadInput, match=r"sandbox\.percent"):
        link.lose(101)


def test_a_lost_packet_is_seen_by_its_sender_only(sandbox):
    a, b = sandbox.host("a"), sandbox.host("b")
    link = sandbox.link(a, b)
    link.lose(100, towards=b)
    captures = []
    for host in (a, b):
        with host.enter():
            captures.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)))
            captures[-1].bind(("eth0", 0x0003))  # ETH_P_ALL: what goes out is shown to those who ask for everything
    with a.enter():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.sendto(b"lost at sea", (b.address, 7))
        link.lose(0)
        client.sendto(b"safe and sound", (b.address, 7))
    seen = [frames_until(capture, b"safe and sound") for capture in captures]
    assert [sum(b"lost at sea" in frame for frame in frames) for frames in seen] == [1, 0]


def frames_until(capture, last):
    """Everything up to the frame with `last` in it."""
    with capture:
        capture.settimeout(5)
        frames = []
        while not frames or last not in frames[-1]:
            frames.append(capture.recv(2000))
        return frames


def test_a_cable_is_pulled_and_put_back(sandbox):
    a, b = sandbox.host("a"), sandbox.host("b")
    link = sandbox.link(a, b)
    echo_server(b)
    link.switch(on=False)
    with pytest.raises(OSError, match="Network is unreachable"):
        answered(a, b.address)
    link.switch(on=True)
    assert answered(a, b.address) == 1
    with pytest.raises(BadInput, match=r"sandbox\.not-linked"):
        link.end(sandbox.host("c"))


def test_settings_belong_to_the_host(sandbox):
    host = sandbox.host("a")
    own = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    host.set("net.ipv4.ip_local_port_range", "40000 40009")
    assert host.run(["cat", "/proc/sys/net/ipv4/ip_local_port_range"]).stdout.split() == ["40000", "40009"]
    assert Path("/proc/sys/net/ipv4/ip_local_port_range").read_text() == own
    for name in ("kernel.hostname", "net/../kernel/hostname"):
        with pytest.raises(BadInput, match=r"sandbox\.setting"):
            host.set(name, "x")
    with pytest.raises(MachineFailed):
        host.set("net.ipv4.no_such_setting", 1)


def test_bad_addresses_are_the_users_fault(sandbox):
    a, b = sandbox.host("a"), sandbox.host("b")
    with pytest.raises(BadInput, match=r"sandbox\.address"):
        sandbox.link(a, b, "198.18.0.300/24", "198.18.0.2/24")
    with pytest.raises(BadInput, match=r"sandbox\.address"):
        a.route("198.18.9.0/24", "nowhere")
    assert sandbox.links == []


def test_waiting_for_nobody_ends(sandbox):
    with pytest.raises(CannotTell, match=r"sandbox\.silent-port"):
        sandbox.host("a").wait_for_port(80, timeout_s=0.05)


def test_the_kernel_tells_pyroute2_the_same(line, sandbox):
    """Interfaces, addresses and routes as read by us and by another reader; and tunnels, bridges and members as made by us."""
    host = line[1]
    add_bridge(host.netlink, "lan")
    add_vxlan(host.netlink, "tunnel", 77, 4789)
    add_veth(host.netlink, "member", "stub")
    indexes = {each.name: each.number for each in read_interfaces(host.netlink)}
    set_master(host.netlink, indexes["member"], indexes["lan"])
    set_up(host.netlink, indexes["tunnel"])
    with host.enter(), pyroute2.IPRoute() as oracle:
        theirs = {link["index"]: link for link in oracle.get_links()}
        for ours in read_interfaces(host.netlink):
            link = theirs.pop(ours.number)
            info = link.get("linkinfo", {})
            assert ours.name == link.get("ifname")
            assert ours.kind == (info.get("kind") or "" if info else "")
            assert (ours.mtu, ours.master) == (link.get("mtu"), link.get("master"))
            assert ours.hardware_address.hex(":") == link.get("address")
            assert (ours.up, ours.operational) == (bool(link["flags"] & 1), link.get("operstate") == "UP")
            assert (ours.peer, ours.peer_namespace) == (link.get("link"), link.get("link_netnsid"))
            if ours.kind == "vxlan":
                data = info.get("data")
                assert (ours.tunnel, ours.udp_ports) == (data.get("vxlan_id"), (data.get("vxlan_port"),)) == (77, (4789,))
        assert not theirs
        told = {(each["index"], each.get("local") or each.get("address"), each["prefixlen"]) for each in oracle.get_addr()}
        ours = read_addresses(host.netlink)
        assert {(each.interface, text(each.address), each.prefix) for each in ours} == told
        assert not any(each.tentative for each in ours if each.interface not in {indexes["tunnel"], indexes["lan"]})
        told = sorted(route_row(each) for each in oracle.get_routes())
        assert sorted((text(each.destination), each.prefix, each.table, each.kind) for each in read_routes(host.netlink)) == told


def text(address):
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def route_row(route):
    nowhere = "0.0.0.0" if route["family"] == socket.AF_INET else "::"
    return route.get("dst") or nowhere, route["dst_len"], route.get("table"), route["type"]


def test_building_takes_milliseconds(samples):
    """Three hosts, two links, all routes: printed, not judged. Judged is only that each time it is whole."""
    times = []
    for _ in range(samples(10, 100)):
        begin = time.perf_counter()
        with Sandbox() as sandbox:
            a, r, b = sandbox.host("a"), sandbox.router("r"), sandbox.host("b")
            sandbox.link(a, r)
            sandbox.link(r, b)
            sandbox.route_all()
            times.append(time.perf_counter() - begin)
            assert len(read_routes(a.netlink)) > 5
    print(f"3 hosts, 2 links: median {sorted(times)[len(times) // 2] * 1e3:.1f} ms, worst {max(times) * 1e3:.1f} ms")


def test_a_container_that_may_not_write_settings_is_told():
    code = "from portulan.system.sandbox import check_rights; check_rights()"
    script = f"mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec {sys.executable} -c '{code}'"
    answer = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert "NotPermitted: sandbox.read-only" in answer.stderr
