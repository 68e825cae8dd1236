"""TCP headers of a handshake (RFC 9293, section 3.1): built and read for raw sockets."""

from __future__ import annotations

from struct import Struct

from portulan.model.record import Record
from portulan.wire.icmp import checksum

SYN, RST, ACK = 0x02, 0x04, 0x10
CHECKSUM_AT = 16
"""Where the checksum stands: IPV6_CHECKSUM tells the kernel to fill it in there."""
_TCP = 6
_HEADER = Struct("!HHIIBBHHH")
_START = Struct("!HHI")
_MSS = b"\x02\x04\x05\xb4"
"""1460. Firewalls drop SYNs without one."""


class Segment(Record):
    """What matters of a segment."""

    source_port: int
    port: int
    sequence: int
    acknowledged: int
    flags: int


def build_syn(addresses: tuple[bytes, bytes], ports: tuple[int, int], sequence: int) -> bytes:
    """A SYN from the first of the two packed addresses and ports to the second, with its checksum."""
    header = _HEADER.pack(*ports, sequence, 0, 6 << 4, SYN, 64_240, 0, 0) + _MSS
    source, destination = addresses
    # RFC 9293 and RFC 8200, section 8.1: the pseudo headers differ in their form, not in their sum.
    pseudo = source + destination + len(header).to_bytes(4) + _TCP.to_bytes(4)
    return header[:CHECKSUM_AT] + checksum(pseudo + header).to_bytes(2) + header[CHECKSUM_AT + 2 :]


def parse_segment(data: bytes) -> Segment | None:
    """The header of a segment; None where it is not whole."""
    if len(data) < _HEADER.size:
        return None
    source_port, port, sequence, acknowledged, _, flags, _, _, _ = _HEADER.unpack_from(data)
    return Segment(source_port, port, sequence, acknowledged, flags)


def parse_quoted(data: bytes) -> tuple[int, int, int] | None:
    """(source port, port, sequence number) of a segment of which an ICMP error quotes as little as eight bytes; None for less."""
    return _START.unpack_from(data) if len(data) >= _START.size else None
