"""First packets to every door at once: rows of a numpy matrix, from the IP header on (RFC 791, 8200, 9293, 768, 9260; RFC 1071 and 3309 for the checksums).

Each packet carries a number of its own, of TCP as its sequence number, of UDP as its first four bytes, of SCTP as the tag of its INIT: whoever sees it anywhere knows which packet it was,
however its addresses and ports were translated on the way.
"""

from __future__ import annotations

from functools import cache
from struct import pack

import numpy as np

from portulan.model.port import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

ROW = 72
"""Bytes from one frame to the next: an IPv6 header and an SCTP header with an INIT are 72."""
ALL_PORTS = 65_536
NUMBERS = {Transport.TCP: 6, Transport.UDP: 17, Transport.SCTP: 132}
_SEGMENTS = {Transport.TCP: 24, Transport.UDP: 12, Transport.SCTP: 32}
_PLACES = {Transport.TCP: (4, 16, ">u2"), Transport.UDP: (8, 6, ">u2"), Transport.SCTP: (16, 8, "<u4")}
"""Of a packet's number and of its checksum, and how the latter is written: a CRC32c with its lowest byte first."""
_INIT, _CRC32C = 1, 0x82F6_3B78
"""Castagnoli's polynomial, its bits turned (RFC 3309)."""
_SYN, _DO_NOT_FRAGMENT, _HOPS, _WINDOW = 2, 0x4000, 64, 64_240


class DoorFrames:
    """A matrix of packets of one transport from one sender. `rows` is uint8 (most, ROW); the first `length` bytes of a row are the packet."""

    def __init__(self, transport: Transport, version: int, most: int = ALL_PORTS) -> None:
        """TCP SYNs, UDP datagrams or SCTP INITs, at most so many at once."""
        self.version, self.transport = version, transport
        self._size = 4 if version == 4 else 16
        self._start = 20 if version == 4 else 40
        self._segment = _SEGMENTS[transport]
        self.length = self._start + self._segment
        self.rows: NDArray[np.uint8] = np.zeros((most, ROW), np.uint8)
        at = self._start
        names = ["source port", "port", "number", "check"]
        number, check, form = _PLACES[transport]
        offsets = [at, at + 2, at + number, at + check]
        layout = np.dtype({"names": names, "formats": [">u2", ">u2", ">u4", form], "offsets": offsets, "itemsize": ROW})
        self._fields = self.rows.view(layout)[:, 0]

    def fill(self, at: int, source: bytes, destination: bytes, source_port: int, ports: NDArray[np.uint16], first_number: int) -> int:
        """Write a packet to each of these ports from row `at` on, numbered `first_number` + port; returns the row after. Addresses are packed."""
        count = len(ports)
        header = self._header(source, destination)
        self.rows[at : at + count, : self.length] = np.frombuffer(header, np.uint8)
        fields = self._fields[at : at + count]
        numbers = ports.astype(np.uint32) + np.uint32(first_number)
        fields["source port"], fields["port"], fields["number"] = source_port, ports, numbers
        if self.transport is Transport.SCTP:
            fields["check"] = _crcs(source_port.to_bytes(2) + header[self._start + 2 :], ports, numbers)
            return at + count
        pseudo = source + destination + pack("!HH", NUMBERS[self.transport], self._segment)
        fixed = _sum(pseudo) + _sum(header[self._start :]) + source_port
        total = np.uint32(fixed) + ports + (numbers >> np.uint32(16)) + (numbers & np.uint32(0xFFFF))
        for _ in range(2):
            total = (total & np.uint32(0xFFFF)) + (total >> np.uint32(16))
        check = ~total & np.uint32(0xFFFF)
        if self.transport is Transport.UDP:
            check[check == 0] = 0xFFFF  # nought would mean that there is none
        fields["check"] = check
        return at + count

    def _header(self, source: bytes, destination: bytes) -> bytes:
        """What all rows share, with noughts where they differ."""
        if self.transport is Transport.TCP:
            mss = 1460 if self.version == 4 else 1440
            segment = pack("!HHIIBBHHHBBH", 0, 0, 0, 0, 0x60, _SYN, _WINDOW, 0, 0, 2, 4, mss)
        elif self.transport is Transport.UDP:
            segment = pack("!HHHHI", 0, 0, self._segment, 0, 0)
        else:  # no verification tag, no checksum yet, and one INIT chunk
            segment = pack("!HHIIBBHIIHHI", 0, 0, 0, 0, _INIT, 0, 20, 0, _WINDOW, 10, 10, 1)
        protocol = NUMBERS[self.transport]
        if self.version == 6:
            return pack("!IHBB", 0x6000_0000, self._segment, protocol, _HOPS) + source + destination + segment
        head = pack("!BBHHHBBH", 0x45, 0, self.length, 0, _DO_NOT_FRAGMENT, _HOPS, protocol, 0) + source + destination
        check = ~_sum(head) & 0xFFFF
        return head[:10] + check.to_bytes(2) + head[12:] + segment


IP_ID, FLOW_LABEL = 0x7A7A, 0x7A7A7
"""Of ICMP messages of a proof: in the header of IPv4 and of IPv6, where nothing else has it."""
_ICMP = {4: 1, 6: 58}


class MessageFrames:
    """ICMP messages in the same kind of matrix. A message is eight bytes: type, code 0, checksum, and its own number where an echo has its identifier and sequence."""

    def __init__(self, version: int, most: int) -> None:
        """At most so many at once."""
        self.version = version
        self.length = (20 if version == 4 else 40) + 8
        self.rows: NDArray[np.uint8] = np.zeros((most, ROW), np.uint8)
        self.count = 0

    def add(self, source: bytes, destination: bytes, kind: int, hop_limit: int, number: int) -> None:
        """One more of a type (`kind`). Addresses are packed."""
        message = pack("!BBHI", kind, 0, 0, number)
        pseudo = b"" if self.version == 4 else source + destination + pack("!II", len(message), _ICMP[6])
        message = message[:2] + (~_sum(pseudo + message) & 0xFFFF).to_bytes(2) + message[4:]
        if self.version == 4:
            head = pack("!BBHHHBBH", 0x45, 0, self.length, IP_ID, _DO_NOT_FRAGMENT, hop_limit, _ICMP[4], 0) + source + destination
            head = head[:10] + (~_sum(head) & 0xFFFF).to_bytes(2) + head[12:]
        else:
            head = pack("!IHBB", 0x6000_0000 | FLOW_LABEL, len(message), _ICMP[6], hop_limit) + source + destination
        self.rows[self.count, : self.length] = np.frombuffer(head + message, np.uint8)
        self.count += 1


def _crcs(base: bytes, ports: NDArray[np.uint16], numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The CRC32c of an SCTP packet for each port and number. A CRC of a sum is a sum of CRCs: what each byte adds at its place is known beforehand."""
    found = np.full(len(ports), _crc(base), np.uint32)
    for place, values in (
        (2, ports >> np.uint16(8)), (3, ports & np.uint16(0xFF)),
        *((16 + at, (numbers >> np.uint32(24 - 8 * at)) & np.uint32(0xFF)) for at in range(4)),
    ):  # fmt: skip
        found ^= _added(place, len(base))[values]
    return found


@cache
def _added(place: int, length: int) -> NDArray[np.uint32]:
    """What each value of the byte at a place adds to the CRC of so many bytes, which have nought there."""
    nothing = bytes(length)
    start = _crc(nothing)
    return np.array([_crc(nothing[:place] + bytes((value,)) + nothing[place + 1 :]) ^ start for value in range(256)], np.uint32)


def _crc(data: bytes) -> int:
    found = 0xFFFF_FFFF
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = found >> 1 ^ (_CRC32C if found & 1 else 0)
    return found ^ 0xFFFF_FFFF


def _sum(data: bytes) -> int:
    """The sum of its 16-bit words, folded."""
    total = sum(data[at] << 8 | data[at + 1] for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
