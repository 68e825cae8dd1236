"""A closed network in which real packets are judged by the kernel: a sender with two links and many addresses, a host with rules, a container behind it.

`Lab.judge` says of each packet whether it came through, and where it came out; the judge is a last chain of the host (and a first one of the container) that
writes down each packet's own number. `Lab.follow` gives what `nft monitor trace` prints of each packet: which rules matched, one by one.
"""

import json
import re
import socket
import time
from collections import defaultdict
from ipaddress import ip_address
from pathlib import Path

import numpy as np

from firewalls import load, read_there
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Packet
from portulan.system.linux.links import read_interfaces
from portulan.system.linux.namespaces import Place
from portulan.system.linux.network import read_network
from portulan.wire.netlink import iterate_messages, parse_attributes

NETFILTER = 12
MOST_REFUSED = 30
FIRST_NUMBER = 0x7A000000
"""Packets are numbered from here: nothing else has such a number where TCP's sequence number or UDP's data are."""
ETHERNET = {4: 0x0800, 6: 0x86DD}
LINKS = ("eth0", "eth1")
CONTAINER = "eth2"
CLOSED = "198.18.64.0/18", "fd00:64::/32"
"""All addresses of the container."""
# Where senders are: behind eth0, behind eth1, and nowhere that the host knows.
FIRST, SECOND = ("198.18.128.0/17", "fd00:128::/32"), ("198.19.0.0/16", "fd00:19::/32")
JUDGE = """
table inet judge {{
    set seen4 {{ typeof tcp sequence . tcp dport . ip daddr; flags dynamic; size 65535; }}
    set seen6 {{ typeof tcp sequence . tcp dport . ip6 daddr; flags dynamic; size 65535; }}
    chain last {{
        type filter hook {hook} priority {priority}; policy accept;
        meta l4proto tcp tcp flags != syn {fate}
        meta nfproto ipv4 meta l4proto tcp update @seen4 {{ tcp sequence . tcp dport . ip daddr }} {fate}
        meta nfproto ipv6 meta l4proto tcp update @seen6 {{ tcp sequence . tcp dport . ip6 daddr }} {fate}
        meta nfproto ipv4 meta l4proto udp update @seen4 {{ @th,64,32 . udp dport . ip daddr }} {fate}
        meta nfproto ipv6 meta l4proto udp update @seen6 {{ @th,64,32 . udp dport . ip6 daddr }} {fate}
    }}
}}
"""


class Lab:
    """One sandbox, one set of rules."""

    def __init__(self, sandbox, peers):
        self.sender, self.host = sandbox.host("sender", root=peers), sandbox.router("host", root=peers)
        self.container = sandbox.host("container", root=peers)
        for each in (0, 1):
            sandbox.link(
                self.sender, self.host, (f"198.18.{each}.1/24", f"fd00:{each}::1/64"), (f"198.18.{each}.2/24", f"fd00:{each}::2/64")
            )
        sandbox.link(self.host, self.container, ("198.18.2.1/24", "fd00:2::1/64"), ("198.18.2.2/24", "fd00:2::2/64"))
        for network, via in zip(CLOSED, ("198.18.2.2", "fd00:2::2"), strict=True):
            self.container.answer_for(network)
            self.host.route(network, via)
        for each, networks in enumerate((FIRST, SECOND)):
            for network, via in zip(networks, (f"198.18.{each}.1", f"fd00:{each}::1"), strict=True):
                self.host.route(network, via)
        # Nobody answers: an answer would make connections established, and be in the way.
        load(
            self.sender,
            "table inet quiet { chain c { type filter hook prerouting priority -500; policy drop; meta l4proto icmpv6 accept; }; }",
        )
        load(self.container, JUDGE.format(hook="prerouting", priority=-500, fate="drop"))
        self.hardware = {each.name: each.hardware_address for each in read_interfaces(self.host.netlink)}
        self.refusals = []
        self._warm()

    def _warm(self):
        """The host knows the container's hardware address before it counts."""
        with self.host.enter():
            for family, address in ((socket.AF_INET, "198.18.2.2"), (socket.AF_INET6, "fd00:2::2")):
                with socket.socket(family, socket.SOCK_DGRAM) as one:
                    one.sendto(b"?", (address, 9))
        time.sleep(0.05)

    def load(self, rules):
        """The rules under test, and the judge. A line that nft refuses is left out; returns how many."""
        refused = 0
        lines = rules.split("\n")
        while (done := self.host.run(["nft", "-f", "-"], text="\n".join(lines))).returncode:
            found = re.match(r"/dev/stdin:(\d+):", done.stderr)
            assert found is not None, f"{done.stderr}\n{rules}"
            assert refused < MOST_REFUSED, self.refusals
            self.refusals.append((lines[int(found[1]) - 1], done.stderr.split("\n")[0]))
            lines[int(found[1]) - 1] = ""
            refused += 1
        load(self.host, JUDGE.format(hook="input", priority=2147483647, fate="drop"))
        return refused

    def write(self, make):
        """Rules that a program makes on the host, and the judge."""
        make(self.host)
        load(self.host, JUDGE.format(hook="input", priority=2147483647, fate="drop"))

    def read(self):
        """(Ruleset, Network) as Portulan reads them, the judge's table left out."""
        ruleset = read_there(self.host)
        assert not isinstance(ruleset[0], str), ruleset
        ruleset = ruleset._replace(
            tables=tuple(table for table in ruleset.tables if table.name != "judge"),
            chains=tuple(chain for chain in ruleset.chains if chain.table != "judge"),
            sets={key: known for key, known in ruleset.sets.items() if key[1] != "judge"},
        )
        return ruleset, read_network(Place(self.host.netns_inode, self.host.netns_path))

    def send(self, packets):
        """Each packet, its number (its place in the list, and FIRST_NUMBER) in TCP's sequence number or UDP's first four bytes; returns when the host has taken them all."""
        before = self._received()
        sockets = {}
        with self.sender.enter():
            for link in LINKS:
                sockets[link] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                sockets[link].bind((link, 0))
        try:
            for frame, packet in zip(frames(packets, self.hardware), packets, strict=True):
                sockets[packet.link].send(frame)
        finally:
            for one in sockets.values():
                one.close()
        deadline = time.monotonic() + 10
        while self._received() - before < len(packets):
            assert time.monotonic() < deadline, "packets got lost on their way to the host"
            time.sleep(0.005)

    def _received(self):
        with self.host.enter():
            lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
        return sum(int(line.split(":")[1].split()[1]) for line in lines if line.strip().startswith(LINKS))

    def judge(self):
        """Number -> (host or container, port, address) of the packets that came through."""
        found = {}
        for host in (self.host, self.container):
            for name in ("seen4", "seen6"):
                listing = json.loads(host.run(["nft", "-j", "list", "set", "inet", "judge", name]).stdout)
                elements = next(each["set"] for each in listing["nftables"] if "set" in each).get("elem", [])
                for element in elements:
                    number, port, address = element["concat"]
                    assert number >= FIRST_NUMBER
                    assert number not in found
                    found[number - FIRST_NUMBER] = host.name, port, ip_address(address)
        return found


def address(text):
    one = ip_address(text)
    return Address(one.version, int(one))


def packet_of(transport, source, destination, port, source_port, link):
    return Packet(Transport(transport), source, destination, port, source_port, link)


# Frames


def frames(packets, hardware):
    """Ethernet frames with right checksums (conntrack looks at them), in the packets' order."""
    made = [b""] * len(packets)
    kinds = defaultdict(list)
    for at, packet in enumerate(packets):
        kinds[packet.destination.version, packet.transport].append(at)
    for (version, transport), numbers in kinds.items():
        for at, frame in zip(numbers, _frames(version, transport, numbers, packets, hardware), strict=True):
            made[at] = frame
    return made


def _frames(version, transport, numbers, packets, hardware):
    count, size = len(numbers), 4 if version == 4 else 16
    tcp = transport is Transport.TCP
    segment = np.zeros((count, 20 if tcp else 12), np.uint8)
    chosen = [packets[at] for at in numbers]
    _put(segment, 0, [packet.source_port for packet in chosen], 2)
    _put(segment, 2, [packet.port for packet in chosen], 2)
    if tcp:
        _put(segment, 4, [FIRST_NUMBER + at for at in numbers], 4)
        segment[:, 12], segment[:, 13], segment[:, 14] = 0x50, 2, 0xFF
    else:
        segment[:, 5] = 12
        _put(segment, 8, [FIRST_NUMBER + at for at in numbers], 4)
    ends = np.frombuffer(
        b"".join(each.number.to_bytes(size) for packet in chosen for each in (packet.source, packet.destination)), np.uint8
    )
    ends = ends.reshape(count, 2 * size)
    protocol = 6 if tcp else 17
    total = _sum(ends) + _sum(segment) + protocol + segment.shape[1]
    place = 16 if tcp else 6
    _put(segment, place, _fold(total), 2)
    if not tcp:
        segment[(segment[:, 6] == 0) & (segment[:, 7] == 0), 6:8] = 0xFF
    if version == 4:
        header = np.zeros((count, 20), np.uint8)
        header[:, 0], header[:, 3], header[:, 8], header[:, 9] = 0x45, 20 + segment.shape[1], 64, protocol
        header[:, 12:] = ends
        _put(header, 10, _fold(_sum(header)), 2)
    else:
        header = np.zeros((count, 40), np.uint8)
        header[:, 0], header[:, 5], header[:, 6], header[:, 7] = 0x60, segment.shape[1], protocol, 64
        header[:, 8:] = ends
    away = b"\x02\0\0\0\0\1" + ETHERNET[version].to_bytes(2)
    whole = np.concatenate([header, segment], axis=1)
    return [hardware[packet.link] + away + row.tobytes() for packet, row in zip(chosen, whole, strict=True)]


def _put(rows, at, values, size):
    column = np.asarray(values, np.uint64).astype(">u8").view(np.uint8).reshape(-1, 8)
    rows[:, at : at + size] = column[:, 8 - size :]


def _sum(rows):
    return np.ascontiguousarray(rows).view(">u2").astype(np.uint64).sum(axis=1)


def _fold(total):
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# What the kernel says of each rule

TRACE_GROUP, TRACE = 9, 0x0A << 8 | 17
_TABLE, _CHAIN, _HANDLE, _TYPE, _VERDICT, _ID, _LINK_HEADER, _TRANSPORT = 1, 2, 3, 4, 5, 6, 7, 9
_POLICY, _RULE = 1, 3
TRACED = """
table netdev traced {
    chain eth0 { type filter hook ingress device "eth0" priority -2147483648; meta nftrace set 1; }
    chain eth1 { type filter hook ingress device "eth1" priority -2147483648; meta nftrace set 1; }
}
"""


class Monitor:
    """Listens to what `nft monitor trace` prints (net/netfilter/nf_tables_trace.c), on a host."""

    def __init__(self, host, key=None):
        """`key`: what a packet is known by, from its transport header; its number unless told."""
        self._key = key or numbered
        with host.enter():
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE: nothing may get lost
        self._socket.bind((0, 0))
        self._socket.setsockopt(270, 1, TRACE_GROUP)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
        self._socket.setblocking(False)

    def close(self):
        self._socket.close()

    def write(self, make):
        """Rules that a program makes on the host, and the judge."""
        make(self.host)
        load(self.host, JUDGE.format(hook="input", priority=2147483647, fate="drop"))

    def read(self):
        """What a packet is known by -> [(family, table, chain, handle of the rule, or None for the policy), …] in order: what matched."""
        found, number_of = defaultdict(list), {}
        while True:
            try:
                data = self._socket.recv(1 << 17)
            except BlockingIOError:
                return found
            for kind, _, start, end in iterate_messages(data):
                assert kind == TRACE, kind
                self._take(data, start, end, found, number_of)

    def _take(self, data, start, end, found, number_of):
        family = {1: "inet", 2: "ip", 5: "netdev", 10: "ip6"}[data[start]]
        facts = parse_attributes(data, start + 4, end)
        mark, what = facts[_ID], int.from_bytes(facts[_TYPE])
        header = facts.get(_TRANSPORT)
        if header is not None:  # with the first message of each base chain
            number_of[mark] = self._key(header)
        elif _LINK_HEADER in facts:
            number_of[mark] = None  # ARP and the like
        if number_of.get(mark) is None:
            return
        if what == _RULE and _HANDLE in facts:  # without one: the end of a chain was reached
            found[number_of[mark]].append((family, _text(facts[_TABLE]), _text(facts[_CHAIN]), int.from_bytes(facts[_HANDLE])))
        elif what == _POLICY:
            found[number_of[mark]].append((family, _text(facts[_TABLE]), _text(facts[_CHAIN]), None))


def numbered(header):
    """A packet's place in the list that was sent; None of others, such as answers by ICMP."""
    number = int.from_bytes(header[4:8] if len(header) >= 20 else header[8:12]) - FIRST_NUMBER
    return number if number >= 0 else None


def between_ports(header):
    """(source port, destination port)."""
    return int.from_bytes(header[:2]), int.from_bytes(header[2:4])


def _text(value):
    return value.rstrip(b"\0").decode()
