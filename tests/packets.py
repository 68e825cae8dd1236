"""Packets of every stack of headers that is read, made by hand, each with the truth about it."""

import struct
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import numpy as np

from portulan.traffic.batch import SLACK, Batch

ETHERNET, RAW, NULL, LOOP, SLL, SLL2, PPP, PPPOE_LINK, C_HDLC, IPV4_LINK, IPV6_LINK, ENC = (
    1,
    101,
    0,
    108,
    113,
    276,
    9,
    51,
    104,
    228,
    229,
    109,
)
TCP, UDP, SCTP, DCCP, UDPLITE = 6, 17, 132, 33, 136
VXLAN = 4789


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is to be told of a packet with ports."""

    source: str
    destination: str
    transport: int
    source_port: int
    destination_port: int
    flags: int = 0
    payload: int = 0
    payload_at: int = 0
    """In the frame."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Bytes from some layer up, and what they are. Offsets are from their beginning."""

    data: bytes
    kind: int
    """Ethertype, or None-like -1 for a whole frame; IP protocol numbers above 0x20000."""
    truth: Truth | None = None
    reason: str | None = None
    inner_truth: Truth | None = None
    inner_reason: str | None = None
    known_at: int = 0
    """Bytes that must be there for the truth (the ports), or the reason, to be told."""
    whole_at: int = 0
    """Bytes until the end of the transport's header."""
    flags_at: int = 0
    inner_known_at: int = 0
    inner_whole_at: int = 0
    inner_flags_at: int = 0
    inner_from: int = 0
    """Bytes without which nobody can know that there is something inside: then the outer packet is told."""
    refused: tuple | None = None
    refused_at: int = 0
    names: tuple[str, ...] = field(default=())

    def under(self, header, kind, name, *, padding=b""):
        """The same below one more header."""
        size = len(header)

        def moved(truth):
            return truth and replace(truth, payload_at=truth.payload_at + size)

        return replace(
            self, data=header + self.data + padding, kind=kind, truth=moved(self.truth), inner_truth=moved(self.inner_truth),
            known_at=self.known_at + size, whole_at=self.whole_at + size, flags_at=self.flags_at + size, refused_at=self.refused_at + size,
            inner_known_at=self.inner_known_at + size, inner_whole_at=self.inner_whole_at + size, inner_flags_at=self.inner_flags_at + size,
            inner_from=self.inner_from and self.inner_from + size,
            names=(name, *self.names),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Packet:
    """A frame as it was captured."""

    link: int
    data: bytes
    length: int
    names: tuple[str, ...]
    truth: Truth | None
    reason: str | None
    inner_truth: Truth | None
    inner_reason: str | None
    refused: tuple | None


PROTOCOL = 0x2_0000
FRAME = -1


WORDS = (
    b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
    bytes.fromhex("123401000001000000000000") + b"\x07example\x03org\x00\x00\x01\x00\x01",
)  # fmt: skip
"""What payloads may begin with."""


# Transports


def transport(dice, protocol, payload, *, options=0, says_length=True):
    """A segment or datagram; the addresses come later."""
    source, destination = (dice.choice([53, 443, 40_000, 40_001, dice.randrange(65536)]) for _ in range(2))
    if destination == VXLAN:
        destination = 443
    if payload and dice.random() < 0.5:
        payload = (dice.choice(WORDS) + payload)[: max(len(payload), 40)]
    ports = struct.pack(">HH", source, destination)
    flags = 0
    if protocol == TCP:
        flags = dice.randrange(256)
        header = (
            ports
            + struct.pack(">IIBBHHH", dice.getrandbits(32), dice.getrandbits(32), (5 + options) << 4, flags, 1024, 0, 0)
            + b"\x01" * 4 * options
        )
    elif protocol == UDP:
        header = ports + struct.pack(">HH", 8 + len(payload) if says_length else 0, 0)
    elif protocol == SCTP:
        header = ports + struct.pack(">II", dice.getrandbits(32), 0)
    elif protocol == DCCP:
        header = ports + struct.pack(">BBHBBHI", 4, 0, 0, 3 << 1 | 1, 0, 0, dice.getrandbits(32))
    else:
        header = ports + struct.pack(">HH", 8, 0)
    truth = Truth(
        source="",
        destination="",
        transport=protocol,
        source_port=source,
        destination_port=destination,
        flags=flags,
        payload=len(payload),
        payload_at=len(header),
    )
    least = {TCP: 20, SCTP: 12, DCCP: 12}.get(protocol, 8)
    return Layer(
        data=header + payload, kind=PROTOCOL | protocol, truth=truth, known_at=4, whole_at=least, flags_at=14 if protocol == TCP else 0,
        names=({TCP: "tcp", UDP: "udp", SCTP: "sctp", DCCP: "dccp", UDPLITE: "udplite"}[protocol],),
    )  # fmt: skip


def without_ports(dice):
    """Protocols that have none."""
    number, name = dice.choice([(50, "esp"), (89, "ospf"), (2, "igmp"), (253, "experiment")])
    return Layer(data=dice.randbytes(dice.randrange(24, 60)), kind=PROTOCOL | number, reason="no-ports", names=(name,))


def echo(dice, version):
    """A ping."""
    return Layer(data=struct.pack(">BBHHH", 8 if version == 4 else 128, 0, 0, 1, 2) + bytes(dice.randrange(40)), kind=PROTOCOL | (1 if version == 4 else 58),
                 reason="icmp", names=("icmp",))  # fmt: skip


def icmp_error(dice, version):
    """An error that quotes a packet, of which maybe only the ports are left."""
    quoted, _ = network(dice, version, transport(dice, dice.choice([TCP, UDP, SCTP]), bytes(dice.randrange(30))), plain=True)
    truth = quoted.truth
    kinds = (
        [(3, 3, 1), (3, 1, 2), (3, 13, 4), (3, 2, 8), (11, 0, 8), (3, 4, 0), (5, 1, 0)]
        if version == 4
        else [(1, 4, 1), (1, 0, 2), (1, 3, 2), (1, 1, 4), (3, 0, 8), (2, 0, 0)]
    )
    message, code, says = dice.choice(kinds)
    kept = quoted.data[: dice.randrange(quoted.known_at, len(quoted.data) + 1)]
    key = (truth.source, truth.destination, truth.transport, truth.source_port, truth.destination_port, says) if says else None
    return Layer(
        data=struct.pack(">BBHI", message, code, 0, 0) + kept, kind=PROTOCOL | (1 if version == 4 else 58), reason="icmp", refused=key,
        refused_at=8 + quoted.known_at, names=("icmp-error",),
    )  # fmt: skip


# Networks


def address(dice, version):
    """Some address; few of them, so that flows meet again."""
    return f"10.0.{dice.randrange(2)}.{dice.randrange(1, 3)}" if version == 4 else f"2001:db8::{dice.randrange(1, 4):x}"


def packed(text):
    return ip_address(text).packed


def network(dice, version, above, *, plain=False, total=None):
    """(an IP packet, its padding is not part of it). `above` is what it carries."""
    source, destination = address(dice, version), address(dice, version)
    names = []
    if version == 4:
        options = b"" if plain or dice.random() < 0.6 else b"\x01" * 4 * dice.randrange(1, 11)
        fragment = 0 if plain or dice.random() < 0.8 else dice.choice([0x2000, 0x2000 | 185, 185])
        size = 20 + len(options) + len(above.data) if total is None else total
        header = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, size, dice.getrandbits(16), fragment, 64, above.kind & 255, 0) + packed(source) + packed(destination) + options  # fmt: skip
        names = ["ipv4", *(["options"] if options else []), *(["fragment"] if fragment else [])]
        later = fragment & 0x1FFF
        kind = 0x0800
    else:
        extensions, number, later, final = (
            ([], above.kind & 255, 0, destination) if plain else _extensions(dice, above.kind & 255, destination)
        )
        chain = b"".join(extensions)
        header = struct.pack(
            ">IHBB", 0x6000_0000 | dice.getrandbits(20), len(chain) + len(above.data) if total is None else total, number, 64
        )
        header += packed(source) + packed(destination) + chain
        names = ["ipv6", *(["extensions"] if extensions else []), *(["routing"] if final != destination else [])]
        destination = final
        kind = 0x86DD

    def addressed(truth):
        return truth and (truth if truth.source else replace(truth, source=source, destination=destination))

    layer = replace(above, truth=addressed(above.truth), inner_truth=addressed(above.inner_truth))
    if later:
        layer = replace(
            layer,
            truth=None,
            inner_truth=None,
            reason="later-fragment",
            inner_reason="later-fragment",
            known_at=0,
            inner_known_at=0,
            refused=None,
        )
    layer = layer.under(header, kind, "/".join(names))
    return layer, (source, destination)


def _extensions(dice, last, destination):
    """(headers, first protocol, whether a later fragment, final destination)."""
    kinds = dice.sample([0, 60, 43, 51, 44], dice.choice([0, 0, 1, 2, 3]))
    kinds.sort(key=lambda kind: (kind != 0, kind == 44))
    found, later, final = [], 0, destination
    for place, kind in enumerate(kinds):
        following = kinds[place + 1] if place + 1 < len(kinds) else last
        if kind == 44:
            later = dice.choice([0, 0, 185])
            found.append(struct.pack(">BBHI", following, 0, later << 3 | (not later), 7))
        elif kind == 43:
            routing_type = dice.choice([0, 2, 4])
            hops = [address(dice, 6) for _ in range(1 if routing_type == 2 else dice.randrange(1, 4))]
            left = dice.choice([0, 1])
            body = b"".join(packed(hop) for hop in hops)
            found.append(struct.pack(">BBBBI", following, 2 * len(hops), routing_type, left, 0) + body)
            if left:
                final = hops[0] if routing_type == 4 else hops[-1]
        elif kind == 51:
            found.append(struct.pack(">BBHII", following, 4, 0, 1, 2) + bytes(12))
        else:
            units = dice.randrange(3)
            room = 6 + 8 * units
            found.append(struct.pack(">BBBB", following, units, 1, room - 2) + bytes(room - 2))
    return found, kinds[0] if kinds else last, later, final


def tunnelled(dice, layer_of):
    """A packet inside another: what is told of it depends on who asks."""
    kind = dice.choice(["gre", "gre-key", "gre-frame", "ipip", "6in4", "vxlan", "mpls-in-ip"])
    version = 4 if kind == "ipip" else 6 if kind == "6in4" else dice.choice([4, 6])
    packet = layer_of(dice, version)
    packet = replace(
        packet, truth=None, reason="tunnel", inner_truth=packet.truth, inner_reason=packet.reason, known_at=0, inner_known_at=packet.known_at,
        inner_whole_at=packet.whole_at, inner_flags_at=packet.flags_at,
    )  # fmt: skip
    outer = dice.choice([4, 6])
    protocol = packet.kind
    if kind == "ipip":
        return replace(packet, kind=PROTOCOL | 4), outer, kind
    if kind == "6in4":
        return replace(packet, kind=PROTOCOL | 41), outer, kind
    if kind == "mpls-in-ip":
        moved = packet.under(struct.pack(">I", 17 << 12 | 1 << 8 | 64), PROTOCOL | 137, kind)
        return replace(moved, known_at=0, names=packet.names), outer, kind
    if kind == "gre":
        moved = packet.under(struct.pack(">HH", 0, protocol), PROTOCOL | 47, kind)
    elif kind == "gre-key":
        moved = packet.under(struct.pack(">HHIII", 0xB000, protocol, 0, 77, 1), PROTOCOL | 47, kind)
    elif kind == "gre-frame":
        moved = ethernet(dice, packet).under(struct.pack(">HH", 0, 0x6558), PROTOCOL | 47, kind)
    else:
        frame = ethernet(dice, packet)
        frame = frame.under(struct.pack(">II", 0x0800_0000, 5 << 8), FRAME, kind)
        source = dice.randrange(1024, 65536)
        truth = Truth(
            source="", destination="", transport=UDP, source_port=source, destination_port=VXLAN, payload=len(frame.data), payload_at=0
        )
        frame = replace(frame, truth=truth, reason=None, known_at=0, whole_at=0)
        moved = frame.under(struct.pack(">HHHH", source, VXLAN, 8 + len(frame.data), 0), PROTOCOL | UDP, "udp")
        return replace(moved, known_at=4, whole_at=8, flags_at=0, inner_from=16, names=moved.names[1:]), outer, kind
    return replace(moved, known_at=0, names=moved.names[1:]), outer, kind


# Links


def ethernet(dice, layer, *, padding=b""):
    """A frame."""
    return layer.under(dice.randbytes(12) + struct.pack(">H", layer.kind), FRAME, "ethernet", padding=padding)


def tags(dice, layer):  # noqa: C901, PLR0912 - one branch a stack
    """Tags, labels and sessions below Ethernet, some of them."""
    kind = layer.kind
    which = dice.choice(
        [
            "none",
            "none",
            "vlan",
            "qinq",
            "old-qinq",
            "mpls",
            "mpls-ethernet",
            "pppoe",
            "snap",
            "fabricpath",
            "pbb",
            "etag",
            "vntag",
            "macsec",
            "nsh",
            "vlan-pppoe",
        ]
    )
    if which in {"vlan", "vlan-pppoe", "qinq", "old-qinq"}:
        if which == "vlan-pppoe" and kind in {0x0800, 0x86DD}:
            layer = _pppoe(layer)
        outer = {"qinq": 0x88A8, "old-qinq": 0x9100}.get(which)
        layer = layer.under(struct.pack(">HH", 100, layer.kind), 0x8100, "vlan")
        if outer:
            layer = layer.under(struct.pack(">HH", 200, layer.kind), outer, which)
    elif which == "mpls" and kind in {0x0800, 0x86DD}:
        for place in range(dice.randrange(1, 4)):
            layer = layer.under(struct.pack(">I", (16 + place) << 12 | (not place) << 8 | 64), 0x8847, "mpls")
    elif which == "mpls-ethernet":
        layer = ethernet(dice, layer).under(bytes(4), FRAME, "control-word")
        layer = layer.under(struct.pack(">I", 99 << 12 | 1 << 8 | 64), 0x8847, "mpls")
    elif which == "pppoe" and kind in {0x0800, 0x86DD}:
        layer = _pppoe(layer)
    elif which == "snap":
        return layer.under(dice.randbytes(12) + struct.pack(">HBBB3xH", 8 + len(layer.data), 0xAA, 0xAA, 3, kind), FRAME, "snap")
    elif which == "fabricpath":
        layer = ethernet(dice, layer).under(struct.pack(">H", 1 << 6 | 32), 0x8903, which)
    elif which == "pbb":
        layer = ethernet(dice, layer).under(struct.pack(">I", 5000), 0x88E7, which)
    elif which == "vntag":
        layer = layer.under(struct.pack(">IH", 5, kind), 0x8926, which)
    elif which == "macsec":
        channel = dice.random() < 0.5
        layer = layer.under(
            struct.pack(">BBI", 0x20 * channel, 0, 7) + bytes(8 * channel) + struct.pack(">H", kind), 0x88E5, which, padding=bytes(16)
        )
    elif which == "nsh" and kind in {0x0800, 0x86DD}:
        layer = layer.under(struct.pack(">HBBI", 0x0FC6, 1, 1 if kind == 0x0800 else 2, 5 << 8 | 255) + bytes(16), 0x894F, which)
    elif which == "etag":
        layer = layer.under(struct.pack(">IHH", 5, 0, kind), 0x893F, which)
    return ethernet(dice, layer)


def _pppoe(layer):
    number = {0x0800: 0x21, 0x86DD: 0x57}[layer.kind]
    layer = layer.under(struct.pack(">H", number), FRAME, "ppp")
    return layer.under(struct.pack(">BBHH", 0x11, 0, 3, len(layer.data)), 0x8864, "pppoe")


def linked(dice, layer):  # noqa: C901, PLR0911 - one branch a link type
    """(link type, the whole frame)."""
    number = {0x0800: 2, 0x86DD: dice.choice([10, 24, 28, 30])}.get(layer.kind)
    choices = [ETHERNET] * 4 + [SLL, SLL2, C_HDLC]
    if number:
        choices += [RAW, NULL, NULL, LOOP, PPP, PPPOE_LINK, ENC, IPV4_LINK if layer.kind == 0x0800 else IPV6_LINK]
    link = dice.choice(choices)
    if link == ETHERNET:
        frame = tags(dice, layer)
        return link, frame if len(frame.data) >= 60 or dice.random() < 0.5 else replace(frame, data=frame.data.ljust(60, b"\xee"))
    if link in {RAW, IPV4_LINK, IPV6_LINK}:
        return link, layer.under(b"", FRAME, "raw")
    if link == NULL:
        return link, layer.under(struct.pack(dice.choice("<>") + "I", number), FRAME, "loopback")
    if link == LOOP:
        return link, layer.under(struct.pack(">I", number), FRAME, "loopback")
    if link == ENC:
        return link, layer.under(struct.pack("<III", number, 1, 0), FRAME, "enc")
    if link == SLL:
        return link, layer.under(struct.pack(">HHH8xH", 0, 1, 6, layer.kind), FRAME, "sll")
    if link == SLL2:
        return link, layer.under(struct.pack(">HHIHBB8x", layer.kind, 0, 2, 1, 0, 6), FRAME, "sll2")
    if link == C_HDLC:
        return link, layer.under(struct.pack(">BBH", 0x0F, 0, layer.kind), FRAME, "hdlc")
    session = _pppoe(layer)
    if link == PPPOE_LINK:
        return link, replace(session, kind=FRAME)
    wide = dice.random() < 0.5
    short = dice.random() < 0.3
    protocol = {0x0800: 0x21, 0x86DD: 0x57}[layer.kind]
    header = (b"\xff\x03" if wide else b"") + (bytes([protocol]) if short else struct.pack(">H", protocol))
    return link, layer.under(header, FRAME, "ppp")


# Packets


def simple(dice, version):
    """An IP packet with something in it."""
    draw = dice.random()
    if draw < 0.1:
        above = without_ports(dice)
    elif draw < 0.2:
        above = echo(dice, version)
    elif draw < 0.35:
        above = icmp_error(dice, version)
    else:
        protocol = dice.choice([TCP, TCP, UDP, UDP, SCTP, DCCP, UDPLITE])
        above = transport(dice, protocol, bytes(dice.choice([0, 0, 1, 10, dice.randrange(100)])), options=dice.choice([0, 0, 3, 10]))
    return network(dice, version, above)[0]


def any_packet(dice, *, cut=True):
    """One packet of any kind."""
    draw = dice.random()
    if draw < 0.05:
        kind = dice.choice([0x0806, 0x88CC])
        layer = Layer(data=bytes(46), kind=kind, reason="not-ip", names=("arp" if kind == 0x0806 else "lldp",))
    elif draw < 0.25:
        layer, version, name = tunnelled(dice, simple)
        layer = network(dice, version, layer)[0]
        layer = replace(layer, names=(*layer.names, name))
    else:
        layer = simple(dice, dice.choice([4, 6]))
    link, frame = linked(dice, layer)
    length = len(frame.data)
    there = dice.randrange(length + 1) if cut and dice.random() < 0.2 else length
    return captured(link, frame, there)


def captured(link, frame, there):
    """The truth about a frame of which so many bytes are there."""
    truth, reason = _told(frame.truth, frame.reason, frame.known_at, frame.whole_at, frame.flags_at, there)
    tunnel = frame.inner_truth is not None or frame.inner_reason is not None
    inner_truth, inner_reason = (truth, reason)
    if tunnel and there >= frame.inner_from:
        inner_truth, inner_reason = _told(
            frame.inner_truth, frame.inner_reason, frame.inner_known_at, frame.inner_whole_at, frame.inner_flags_at, there
        )
    return Packet(
        link=link, data=frame.data[:there], length=len(frame.data), names=frame.names, truth=truth, reason=reason, inner_truth=inner_truth,
        inner_reason=inner_reason, refused=frame.refused if there >= frame.refused_at else None,
    )  # fmt: skip


def _told(truth, reason, known_at, whole_at, flags_at, there):
    if there < known_at:
        return None, "cut-short"
    if truth is None:
        return None, reason
    flags = truth.flags if there >= flags_at else 0
    if there < whole_at:
        return replace(truth, flags=flags, payload=0), None
    return replace(truth, flags=flags), None


def batch_of(packets, *, times=None, places=None, link=None):
    """A plain loop that makes a Batch of packets."""
    total = sum(len(packet.data) for packet in packets)
    buffer = np.zeros((total + SLACK + 7) // 8, np.uint64).view(np.uint8)
    starts, at = [], 0
    for packet in packets:
        buffer[at : at + len(packet.data)] = np.frombuffer(packet.data, np.uint8)
        starts.append(at)
        at += len(packet.data)
    links = {packet.link for packet in packets}
    return Batch(
        buffer, np.array(starts, np.int64), np.array([len(packet.data) for packet in packets], np.int64), np.array([packet.length for packet in packets], np.int64),
        np.array(times if times is not None else range(1, len(packets) + 1), np.int64),
        links.pop() if len(links) == 1 else np.array([packet.link for packet in packets], np.int64),
        np.array(places if places is not None else range(len(packets)), np.int64),
    )  # fmt: skip
