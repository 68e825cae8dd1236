"""ICMP and ICMPv6 (RFC 792, RFC 4443): what becomes of a packet on its way, and echoes."""

from __future__ import annotations

from struct import Struct

from portulan.model.record import Record
from portulan.model.scan import Reason
from portulan.wire.icmp_errors import reason_of

ECHO_REQUEST, ECHO_REPLY = 8, 0
ECHO_REQUEST_6, ECHO_REPLY_6 = 128, 129
_UNREACHABLE, _TOO_BIG, _TOO_BIG_6 = 3, 4, 2
_HEADER = Struct("!BBHHH")


def fate_of(version: int, kind: int, code: int) -> Reason | None:
    """What an ICMP error says of a packet on its way; None for what says nothing of that. Here "no route" is what this host itself says, never a router."""
    if (version, kind, code) == (4, _UNREACHABLE, _TOO_BIG) or (version, kind) == (6, _TOO_BIG_6):
        return Reason.TOO_BIG
    reason = reason_of(version, kind, code)
    if reason is Reason.TIME_EXCEEDED and code:  # code 1: pieces of a packet that were not whole in time
        return None
    return Reason.NET_UNREACHABLE if reason is Reason.NO_ROUTE else reason


class Echo(Record):
    """An echo or its reply."""

    reply: bool
    identifier: int
    sequence: int
    data: bytes


def build_echo(version: int, identifier: int, sequence: int, data: bytes) -> bytes:
    """An echo request. The checksum of ICMPv6 is left to the kernel, which knows the addresses."""
    kind = ECHO_REQUEST if version == 4 else ECHO_REQUEST_6
    packet = _HEADER.pack(kind, 0, 0, identifier, sequence) + data
    if version == 6:
        return packet
    return packet[:2] + checksum(packet).to_bytes(2) + packet[4:]


def parse_echo(version: int, packet: bytes) -> Echo | None:
    """An echo request or reply, also when only its header was quoted; None for anything else."""
    if len(packet) < _HEADER.size:
        return None
    kind, code, _, identifier, sequence = _HEADER.unpack_from(packet)
    kinds = (ECHO_REQUEST, ECHO_REPLY) if version == 4 else (ECHO_REQUEST_6, ECHO_REPLY_6)
    if kind not in kinds or code:
        return None
    return Echo(kind == kinds[1], identifier, sequence, packet[_HEADER.size :])


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def without_ip_header(packet: bytes) -> bytes:
    """What an IPv4 packet carries: raw sockets are given the header too (RFC 791, section 3.1). Empty for what is none."""
    if not packet or packet[0] >> 4 != 4:
        return b""
    return packet[(packet[0] & 15) * 4 :]
