"""Packets as lists of plain values, and the flows they make by a plain loop: the judge of what is done with columns, and a way to write traffic down."""

import ipaddress
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from portulan.traffic.flows import Flows, Way

TCP, UDP, SCTP = 6, 17, 132
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
SECOND = 10**9
BEGIN = 1_750_000_000 * SECOND
WAY = ("packets", "bytes", "first_ns", "last_ns", "payload", "flags", "opened", "protocol")
PORT_UNREACHABLE, HOST_UNREACHABLE, PROHIBITED, ANOTHER = 1, 2, 4, 8


@lru_cache(maxsize=1 << 14)
def packed(text):
    """An address as flows have it."""
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


@dataclass(frozen=True)
class Packet:
    at_ns: int
    source: str
    source_port: int
    destination: str
    port: int
    transport: int = TCP
    flags: int = 0
    payload: int = 0
    icmp: int = 0
    """Not a packet of the flow, but an ICMP error about it, of this bit."""


@dataclass
class _Flow:
    first: Packet
    place: int
    ways: list = field(default_factory=lambda: [dict.fromkeys(WAY, 0), dict.fromkeys(WAY, 0)])
    refused: int = 0


def flows_of(packets, places=None):
    """What a table of these packets is."""
    table = {}
    places = range(len(packets)) if places is None else places
    rows = sorted(zip(packets, places, strict=True), key=lambda row: (row[0].at_ns, row[1]))
    errors = [packet for packet, _ in rows if packet.icmp]
    for packet, place in rows:
        if packet.icmp:
            continue
        near, far = (packed(packet.source), packet.source_port), (packed(packet.destination), packet.port)
        key = (*sorted((near, far)), packet.transport)
        flow = table.setdefault(key, _Flow(packet, place))
        way = flow.ways[(near, far) != _ends(flow.first)]
        way["first_ns"] = min(way["first_ns"], packet.at_ns) if way["packets"] else packet.at_ns
        way["last_ns"] = max(way["last_ns"], packet.at_ns)
        way["packets"] += 1
        way["bytes"] += 54 + packet.payload
        way["payload"] += packet.payload
        if packet.transport == TCP:
            way["flags"] |= packet.flags
            syn, ack = packet.flags & SYN, packet.flags & ACK
            way["opened"] |= (1 if syn and not ack else 0) | (2 if syn and ack else 0) | (4 if packet.flags & RST else 0)
    for error in errors:
        near, far = (packed(error.source), error.source_port), (packed(error.destination), error.port)
        flow = table.get((*sorted((near, far)), error.transport))
        if flow is not None and _ends(flow.first) == (near, far):
            flow.refused |= error.icmp
    return _columns(sorted(table.values(), key=lambda flow: (flow.first.at_ns, flow.place)))


def _ends(packet):
    return (packed(packet.source), packet.source_port), (packed(packet.destination), packet.port)


def _columns(flows):
    types = {"flags": np.uint8, "opened": np.uint8, "protocol": np.uint8}
    forward, reverse = (
        Way(**{name: np.array([flow.ways[side][name] for flow in flows], types.get(name, np.int64)) for name in WAY}) for side in (0, 1)
    )
    voids = [np.frombuffer(b"".join(packed(text) for text in texts), "V16") if texts else np.zeros(0, "V16") for texts in (
        [flow.first.source for flow in flows], [flow.first.destination for flow in flows])]  # fmt: skip
    return Flows(
        source=voids[0],
        destination=voids[1],
        transport=np.array([flow.first.transport for flow in flows], np.uint8),
        source_port=np.array([flow.first.source_port for flow in flows], np.uint16),
        destination_port=np.array([flow.first.port for flow in flows], np.uint16),
        place=np.array([flow.place for flow in flows], np.int64),
        forward=forward,
        reverse=reverse,
        refused=np.array([flow.refused for flow in flows], np.uint8),
    )


# Conversations


def connection(at_s, source, destination, port, source_port=40000, *, rtt_s=0.01, payload=200):
    """A connection that is served and closed."""
    at, rtt = BEGIN + int(at_s * SECOND), int(rtt_s * SECOND)
    to = Packet(at, source, source_port, destination, port)
    back = Packet(at, destination, port, source, source_port)
    return [
        replace(to, flags=SYN), replace(back, at_ns=at + rtt, flags=SYN | ACK), replace(to, at_ns=at + rtt + 1, flags=ACK),
        replace(to, at_ns=at + rtt + 2, flags=ACK | PSH, payload=payload), replace(back, at_ns=at + 2 * rtt, flags=ACK | PSH, payload=payload),
        replace(to, at_ns=at + 2 * rtt + 1, flags=ACK | FIN), replace(back, at_ns=at + 3 * rtt, flags=ACK | FIN),
        replace(to, at_ns=at + 3 * rtt + 1, flags=ACK),
    ]  # fmt: skip


def half_open(at_s, source, destination, port, source_port=40000, *, rtt_s=0.01):
    """A SYN scan of an open port."""
    at, rtt = BEGIN + int(at_s * SECOND), int(rtt_s * SECOND)
    to = Packet(at, source, source_port, destination, port, flags=SYN)
    back = Packet(at + rtt, destination, port, source, source_port, flags=SYN | ACK)
    return [to, back, replace(to, at_ns=at + rtt + 1, flags=RST)]


def refused(at_s, source, destination, port, source_port=40000, *, rtt_s=0.01, flags=SYN):
    """A SYN (or whatever) that a reset comes back for."""
    at = BEGIN + int(at_s * SECOND)
    back = Packet(at + int(rtt_s * SECOND), destination, port, source, source_port, flags=RST | ACK)
    return [Packet(at, source, source_port, destination, port, flags=flags), back]


def silent(at_s, source, destination, port, source_port=40000, *, flags=SYN, tries=1):
    """A SYN (or whatever) that nothing comes back for, with its repetitions."""
    at = BEGIN + int(at_s * SECOND)
    return [Packet(at + ((1 << each) - 1) * SECOND, source, source_port, destination, port, flags=flags) for each in range(tries)]


def datagram(at_s, source, destination, port, source_port=40000, *, answer_s=None, icmp=0, icmp_s=0.01, tries=1):
    """A datagram, its answer, or the error it gets."""
    at = BEGIN + int(at_s * SECOND)
    one = Packet(at, source, source_port, destination, port, UDP, payload=30)
    packets = [replace(one, at_ns=at + each * SECOND) for each in range(tries)]
    if answer_s is not None:
        packets.append(Packet(at + int(answer_s * SECOND), destination, port, source, source_port, UDP, payload=60))
    if icmp:
        packets.append(replace(one, at_ns=at + int(icmp_s * SECOND), icmp=icmp))
    return packets


def ticks(packets, tick_s):
    """The packets of each stretch of time, with its end."""
    if not packets:
        return []
    packets = sorted(packets, key=lambda packet: packet.at_ns)
    step, begin = int(tick_s * SECOND), packets[0].at_ns
    parts = {}
    for packet in packets:
        parts.setdefault((packet.at_ns - begin) // step, []).append(packet)
    return [(part, begin + (number + 1) * step - 1) for number, part in sorted(parts.items())]
