"""Layers below IP: what each link type begins with, tags, labels, PPP. One step a layer (`layers.py`)."""

from __future__ import annotations

import numpy as np

from portulan.traffic.gather import u8_at, u16_at, u32_at
from portulan.traffic.layers import Kind, Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.traffic.gather import I8
    from portulan.traffic.layers import Frames, Step

ETHERNET = 1
IPV4, IPV6 = 0x0800, 0x86DD

BEGINNINGS: dict[int, int] = {
    0: Kind.LOOPBACK, 1: Kind.ETHERNET, 9: Kind.PPP, 12: Kind.EITHER, 14: Kind.EITHER, 50: Kind.PPP, 51: Kind.PPPOE, 101: Kind.EITHER,
    104: Kind.CISCO_HDLC, 108: Kind.LOOPBACK, 109: Kind.ENCAPSULATED, 113: Kind.COOKED, 228: IPV4, 229: IPV6, 276: Kind.COOKED2,
}  # fmt: skip
"""Of LINKTYPE numbers (https://www.tcpdump.org/linktypes.html): NULL, ETHERNET, PPP, RAW (twice: DLT numbers of some systems), PPP_HDLC, PPP_ETHER,
RAW, C_HDLC, LOOP, ENC, LINUX_SLL, IPV4, IPV6, LINUX_SLL2."""

_FAMILIES = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
"""AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24, 28, 30 on the BSDs and macOS."""
_SHORTEST_TYPE = 0x600
"""Less is a length (IEEE 802.3 3.2.6), and LLC follows."""


def ethernet(frames: Frames, rows: I8) -> None:
    """Two addresses and a type."""
    rows = frames.there(rows, 14)
    kind = u16_at(frames.buffer, frames.at[rows] + 12)
    kind[kind < _SHORTEST_TYPE] = Kind.LLC
    frames.move(rows, 14, kind)


def loopback(frames: Frames, rows: I8) -> None:
    """A family of four bytes, in either order: none of them is the other's."""
    rows = frames.there(rows, 4)
    number = u32_at(frames.buffer, frames.at[rows])
    turned = number.astype("<u4").byteswap().astype(np.int64)
    number = np.where(number > 0xFFFF, turned, number)
    kind = np.full(len(rows), Kind.ASIDE | Reason.NOT_IP, np.int64)
    for family, ethertype in _FAMILIES.items():
        kind[number == family] = ethertype
    frames.move(rows, 4, kind)


def encapsulated(frames: Frames, rows: I8) -> None:
    """A family, an index of parameters, flags."""
    rows = frames.there(rows, 12)
    loopback(frames, rows)
    rows = rows[frames.kind[rows] < Kind.ASIDE]
    frames.at[rows] += 8


def cooked(frames: Frames, rows: I8) -> None:
    """LINKTYPE_LINUX_SLL: packet type, hardware, address, then a protocol. Its own numbers below 0x600 are Linux's (LLC is 4)."""
    rows = frames.there(rows, 16)
    kind = u16_at(frames.buffer, frames.at[rows] + 14)
    kind[kind == 4] = Kind.LLC
    frames.move(rows, 16, kind)


def cooked2(frames: Frames, rows: I8) -> None:
    """LINKTYPE_LINUX_SLL2: the protocol comes first."""
    rows = frames.there(rows, 20)
    kind = u16_at(frames.buffer, frames.at[rows])
    kind[kind == 4] = Kind.LLC
    frames.move(rows, 20, kind)


def either(frames: Frames, rows: I8) -> None:
    """No header at all."""
    rows = frames.there(rows, 1)
    version = u8_at(frames.buffer, frames.at[rows]) >> 4
    kind = np.where(version == 4, IPV4, np.where(version == 6, IPV6, Kind.ASIDE | Reason.NOT_IP))
    frames.kind[rows] = kind


def vlan(frames: Frames, rows: I8) -> None:
    """802.1Q, 802.1ad and what came before it: priority and number, then the next type."""
    rows = frames.there(rows, 4)
    kind = u16_at(frames.buffer, frames.at[rows] + 2)
    kind[kind < _SHORTEST_TYPE] = Kind.LLC
    frames.move(rows, 4, kind)


def bridge_port(frames: Frames, rows: I8) -> None:
    """802.1BR E-tag."""
    rows = frames.there(rows, 8)
    frames.move(rows, 8, u16_at(frames.buffer, frames.at[rows] + 6))


def virtual_port(frames: Frames, rows: I8) -> None:
    """Cisco's VN-Tag."""
    rows = frames.there(rows, 6)
    frames.move(rows, 6, u16_at(frames.buffer, frames.at[rows] + 4))


def secured(frames: Frames, rows: I8) -> None:
    """IEEE 802.1AE that vouches for a frame without hiding it: neither E nor C is set. Flags, short length, number, maybe a channel; then the type."""
    rows = frames.there(rows, 6)
    flags = u8_at(frames.buffer, frames.at[rows])
    hidden = flags & 0x8C > 0
    frames.aside(rows[hidden], Reason.NOT_IP)
    rows, flags = rows[~hidden], flags[~hidden]
    frames.at[rows] += np.where(flags & 0x20 > 0, 14, 6)
    rows = frames.there(rows, 2)
    frames.move(rows, 2, u16_at(frames.buffer, frames.at[rows]))


def service(frames: Frames, rows: I8) -> None:
    """Network Service Header (RFC 8300): its length in words of 4 bytes, and what comes next."""
    rows = frames.there(rows, 8)
    at = frames.at[rows]
    size = (u8_at(frames.buffer, at + 1) & 0x3F) << 2
    following = u8_at(frames.buffer, at + 3)
    kind = np.full(len(rows), Kind.ASIDE | Reason.NOT_IP, np.int64)
    for number, ethertype in ((1, IPV4), (2, IPV6), (3, Kind.ETHERNET), (5, 0x8847)):
        kind[(following == number) & (size >= 8)] = ethertype
    frames.move(rows, np.maximum(size, 8), kind)
    frames.there(rows[kind < Kind.ASIDE], 0)


def llc(frames: Frames, rows: I8) -> None:
    """IEEE 802.2: SNAP for everything that has an ethertype; IP has a number of its own that few use."""
    rows = frames.there(rows, 3)
    at = frames.at[rows]
    points = u16_at(frames.buffer, at)
    unnumbered = u8_at(frames.buffer, at + 2) == 3
    kind = np.full(len(rows), Kind.ASIDE | Reason.NOT_IP, np.int64)
    kind[(points == 0xAAAA) & unnumbered] = Kind.SNAP
    kind[(points == 0x0606) & unnumbered] = IPV4
    frames.move(rows, 3, kind)


def snap(frames: Frames, rows: I8) -> None:
    """An organisation, and its type: 0 is that of ethertypes (RFC 1042)."""
    rows = frames.there(rows, 5)
    at = frames.at[rows]
    organisation = u16_at(frames.buffer, at) << 8 | u8_at(frames.buffer, at + 2)
    kind = np.where(organisation == 0, u16_at(frames.buffer, at + 3), Kind.ASIDE | Reason.NOT_IP)
    frames.move(rows, 5, kind)


def cisco_hdlc(frames: Frames, rows: I8) -> None:
    """Address, control, ethertype."""
    rows = frames.there(rows, 4)
    frames.move(rows, 4, u16_at(frames.buffer, frames.at[rows] + 2))


def pppoe(frames: Frames, rows: I8) -> None:
    """RFC 2516: version and type, code, session, length."""
    rows = frames.there(rows, 6)
    data = u16_at(frames.buffer, frames.at[rows]) == 0x1100
    frames.aside(rows[~data], Reason.NOT_IP)
    rows = rows[data]
    at = frames.at[rows]
    frames.bound(rows, at + 6 + u16_at(frames.buffer, at + 4))
    frames.move(rows, 6, Kind.PPP)


def ppp(frames: Frames, rows: I8) -> None:
    """RFC 1661: address and control where they are not left out, then a protocol of two bytes, or one that is odd (RFC 1661 6.5)."""
    rows = frames.there(rows, 2)
    addressed = u16_at(frames.buffer, frames.at[rows]) == 0xFF03
    frames.at[rows[addressed]] += 2
    rows = frames.there(rows, 2)
    at = frames.at[rows]
    first = u8_at(frames.buffer, at)
    short = (first & 1).astype(bool)
    protocol = np.where(short, first, first << 8 | u8_at(frames.buffer, at + 1))
    kind = np.full(len(rows), Kind.ASIDE | Reason.NOT_IP, np.int64)
    for number, ethertype in ((0x21, IPV4), (0x57, IPV6), (0x281, 0x8847), (0x283, 0x8848)):
        kind[protocol == number] = ethertype
    frames.move(rows, np.where(short, 1, 2), kind)


def label(frames: Frames, rows: I8) -> None:
    """MPLS (RFC 3032): labels until the one with the bottom bit."""
    rows = frames.there(rows, 4)
    bottom = (u8_at(frames.buffer, frames.at[rows] + 2) & 1).astype(bool)
    frames.at[rows] += 4
    frames.kind[rows[bottom]] = Kind.UNDER_LABELS


def under_labels(frames: Frames, rows: I8) -> None:
    """As RFC 4928 has it: 4 and 6 are IP, 0 is the control word of a pseudowire (RFC 4385), under which we expect Ethernet; all else is not told."""
    rows = frames.there(rows, 4)
    half = u8_at(frames.buffer, frames.at[rows]) >> 4
    kind = np.full(len(rows), Kind.ASIDE | Reason.NOT_IP, np.int64)
    kind[half == 4], kind[half == 6], kind[half == 0] = IPV4, IPV6, Kind.ETHERNET
    frames.move(rows, np.where(half == 0, 4, 0), kind)


def fabric_path(frames: Frames, rows: I8) -> None:
    """Cisco FabricPath: a tree and a time to live, then the frame as it was."""
    rows = frames.there(rows, 2)
    frames.move(rows, 2, Kind.ETHERNET)


def backbone(frames: Frames, rows: I8) -> None:
    """802.1ah: a service number, then the frame as it was."""
    rows = frames.there(rows, 4)
    frames.move(rows, 4, Kind.ETHERNET)


def bridged(frames: Frames, rows: I8) -> None:
    """Transparent Ethernet bridging: a whole frame."""
    frames.kind[rows] = Kind.ETHERNET


STEPS: dict[int, Step] = {
    Kind.ETHERNET: ethernet, Kind.LOOPBACK: loopback, Kind.ENCAPSULATED: encapsulated, Kind.COOKED: cooked, Kind.COOKED2: cooked2, Kind.EITHER: either,
    Kind.LLC: llc, Kind.SNAP: snap, Kind.CISCO_HDLC: cisco_hdlc, Kind.PPP: ppp, Kind.PPPOE: pppoe, Kind.UNDER_LABELS: under_labels,
    0x8100: vlan, 0x88A8: vlan, 0x9100: vlan, 0x9200: vlan, 0x893F: bridge_port, 0x8926: virtual_port, 0x88E5: secured, 0x894F: service, 0x8864: pppoe, 0x880B: ppp, 0x8847: label, 0x8848: label,
    0x8903: fabric_path, 0x88E7: backbone, 0x6558: bridged,
}  # fmt: skip
