"""ICMP and ICMPv6 (RFC 792, RFC 4443): what an error says, and echoes."""

from __future__ import annotations

from struct import Struct

from portulan.model.record import Record
from portulan.model.scan import Reason

ECHO_REQUEST, ECHO_REPLY = 8, 0
ECHO_REQUEST_6, ECHO_REPLY_6 = 128, 129
_UNREACHABLE, _TIME_EXCEEDED = 3, 11
_UNREACHABLE_6, _TOO_BIG_6, _TIME_EXCEEDED_6 = 1, 2, 3
# Codes of "destination unreachable": RFC 792, RFC 1812 section 5.2.7.1; RFC 4443 section 3.1.
_CODES = {
    0: Reason.NET_UNREACHABLE, 1: Reason.HOST_UNREACHABLE, 2: Reason.PROTOCOL_UNREACHABLE, 3: Reason.PORT_UNREACHABLE, 4: Reason.TOO_BIG,
    5: Reason.NET_UNREACHABLE, 6: Reason.NET_UNREACHABLE, 7: Reason.HOST_UNREACHABLE, 8: Reason.HOST_UNREACHABLE, 9: Reason.NET_PROHIBITED,
    10: Reason.HOST_PROHIBITED, 11: Reason.NET_UNREACHABLE, 12: Reason.HOST_UNREACHABLE, 13: Reason.ADMIN_PROHIBITED, 14: Reason.ADMIN_PROHIBITED,
    15: Reason.ADMIN_PROHIBITED,
}  # fmt: skip
_CODES_6 = {
    0: Reason.NET_UNREACHABLE, 1: Reason.ADMIN_PROHIBITED, 2: Reason.NET_UNREACHABLE, 3: Reason.HOST_UNREACHABLE, 4: Reason.PORT_UNREACHABLE,
    5: Reason.ADMIN_PROHIBITED, 6: Reason.NET_PROHIBITED,
}  # fmt: skip
_HEADER = Struct("!BBHHH")


def reason_of(version: int, kind: int, code: int) -> Reason | None:
    """What an ICMP error of this type and code says; None for what is no error of a packet that was sent."""
    if version == 4:
        if kind == _UNREACHABLE:
            return _CODES.get(code, Reason.NET_UNREACHABLE)
        return Reason.TIME_EXCEEDED if kind == _TIME_EXCEEDED and code == 0 else None
    if kind == _UNREACHABLE_6:
        return _CODES_6.get(code, Reason.NET_UNREACHABLE)
    if kind == _TOO_BIG_6:
        return Reason.TOO_BIG
    return Reason.TIME_EXCEEDED if kind == _TIME_EXCEEDED_6 and code == 0 else None


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
