"""Who is on the link: the kernel's neighbour table, ARP (RFC 826) and neighbour discovery (RFC 4861), the questions built in bulk.

Addresses are rows of 4 or 16 bytes, hardware addresses rows of 6: Ethernet only.
"""

from __future__ import annotations

from struct import Struct

import numpy as np

from portulan.errors import ParseError
from portulan.model.record import Record
from portulan.wire.netlink import parse_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.uint8]

GET_NEIGHBOUR = 30
"""Message type."""
ETHERNET_ARP, ETHERNET_IPV6 = 0x0806, 0x86DD
ARP_SIZE, SOLICITATION_SIZE = 42, 86
"""Lengths of the frames that are built."""

_NEIGHBOUR = Struct("=BxxxiHBB")  # ndmsg: family, interface, state, flags, type
_DESTINATION, _HARDWARE = 1, 2
_REACHABLE, _DELAY, _PROBE, _NO_ARP, _PERMANENT = 0x02, 0x08, 0x10, 0x40, 0x80
_REQUEST, _REPLY = 1, 2
_ICMPV6, _SOLICITATION, _ADVERTISEMENT = 58, 135, 136
_SOURCE_OPTION, _TARGET_OPTION = 1, 2


class Neighbour(Record):
    """A row of the kernel's table."""

    link: int
    address: bytes
    hardware_address: bytes
    fresh: bool
    """Confirmed not long ago, or set by hand."""


def build_get_neighbours(family: int, link: int = 0) -> bytes:
    """Ask for the neighbours of one family (2 or 10), on one link or all."""
    return _NEIGHBOUR.pack(family, link, 0, 0, 0)


def parse_neighbour(data: bytes, start: int, end: int) -> Neighbour:
    """One row; without a hardware address while the kernel still looks for it. Raises ParseError."""
    if end - start < _NEIGHBOUR.size:
        raise ParseError("netlink.truncated", offset=start)
    _, link, state, _, _ = _NEIGHBOUR.unpack_from(data, start)
    found = parse_attributes(data, start + _NEIGHBOUR.size, end)
    return Neighbour(
        link=link,
        address=found.get(_DESTINATION, b""),
        hardware_address=found.get(_HARDWARE, b""),
        fresh=bool(state & (_REACHABLE | _DELAY | _PROBE | _NO_ARP | _PERMANENT)),
    )


def build_arp(own_mac: bytes, own_address: bytes, targets: Rows) -> Rows:
    """One broadcast frame that asks for each target (rows of 4): rows of 42 bytes."""
    frame = np.frombuffer(
        b"\xff" * 6 + own_mac + ETHERNET_ARP.to_bytes(2) + bytes((0, 1, 8, 0, 6, 4, 0, _REQUEST)) + own_mac + own_address + bytes(10),
        np.uint8,
    )
    frames = np.tile(frame, (len(targets), 1))
    frames[:, 38:42] = targets
    return frames


def build_solicitations(own_mac: bytes, own_address: bytes, targets: Rows) -> Rows:
    """One frame to the solicited-node group of each target (rows of 16): rows of 86 bytes."""
    head = bytes(6) + own_mac + ETHERNET_IPV6.to_bytes(2) + bytes((0x60, 0, 0, 0, 0, 32, _ICMPV6, 255)) + own_address
    group = b"\xff\x02" + bytes(9) + b"\x01\xff" + bytes(3)
    body = bytes((_SOLICITATION, 0, 0, 0, 0, 0, 0, 0)) + bytes(16) + bytes((_SOURCE_OPTION, 1)) + own_mac
    frames = np.tile(np.frombuffer(head + group + body, np.uint8), (len(targets), 1))
    frames[:, 0:2] = 0x33
    frames[:, 2:6] = np.frombuffer(b"\xff\0\0\0", np.uint8)
    frames[:, 3:6] = frames[:, 51:54] = targets[:, 13:16]
    frames[:, 62:78] = targets
    # RFC 4443, section 2.3: over both addresses, the length, the protocol, and the message.
    words = np.ascontiguousarray(frames[:, 22:86]).view(">u2").astype(np.uint32).sum(axis=1) + 32 + _ICMPV6
    words = (words & 0xFFFF) + (words >> 16)
    words = (words & 0xFFFF) + (words >> 16)
    frames[:, 56:58] = (~words).astype(">u2").view(np.uint8).reshape(-1, 2)
    return frames


def parse_arp_reply(frame: bytes) -> tuple[bytes, bytes] | None:
    """(address, hardware address) of a reply; None for any other frame."""
    if len(frame) < ARP_SIZE or frame[12:22] != b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02":
        return None
    return frame[28:32], frame[22:28]


def parse_advertisement(frame: bytes) -> tuple[bytes, bytes] | None:
    """(address, hardware address) of a neighbour advertisement; None for any other frame, or one that breaks RFC 4861, section 7.1.2."""
    if (
        len(frame) < 78
        or frame[12:14] != b"\x86\xdd"
        or frame[20] != _ICMPV6
        or frame[21] != 255
        or frame[54] != _ADVERTISEMENT
        or frame[55]
    ):
        return None
    length = int.from_bytes(frame[18:20])
    if length < 24 or 54 + length > len(frame) or _sum(frame[22:54], frame[54 : 54 + length]) != 0xFFFF:
        return None
    at, end = 78, 54 + length
    while at + 8 <= end:
        size = frame[at + 1] * 8
        if not size or at + size > end:
            return None
        if frame[at] == _TARGET_OPTION and size == 8:
            return frame[62:78], frame[at + 2 : at + 8]
        at += size
    return frame[62:78], frame[6:12]  # it may be left out of an answer to a unicast question: then it is the sender's


def _sum(addresses: bytes, message: bytes) -> int:
    """The one's complement sum of an ICMPv6 message and its pseudo-header: 0xffff when it is undamaged."""
    data = addresses + message + bytes(len(message) % 2)
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)) + len(message) + _ICMPV6
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
