"""Frames as the loopback interface carries them, built whole: for whoever may not capture and still wants to see one. IPv4 only.

On the loopback both link-layer addresses are zero. Checksums are whole here; a captured packet of the loopback has half-made ones, since
nothing can fall off a wire that is none.
"""

from __future__ import annotations

from struct import pack

from portulan.wire.icmp import build_echo, checksum

_ETHERNET = bytes(12) + b"\x08\x00"
_TTL, _DONT_FRAGMENT = 64, 0x4000
_ICMP, _TCP, _UDP = 1, 6, 17
_PSH_ACK = 0x18
_WINDOW = 512


def build_udp_frame(source: bytes, source_port: int, destination: bytes, port: int, data: bytes) -> bytes:
    """A UDP datagram (RFC 768) between packed IPv4 addresses."""
    head = pack("!HHH", source_port, port, 8 + len(data))
    whole = head + _transport_sum(source, destination, _UDP, head + b"\0\0" + data) + data
    return _ETHERNET + _ip(source, destination, _UDP, whole)


def build_tcp_frame(source: bytes, source_port: int, destination: bytes, port: int, data: bytes, *, sequence: int) -> bytes:
    """A TCP segment that carries data, as one does in the middle of a connection (RFC 9293, section 3.1)."""
    head = pack("!HHIIBBH", source_port, port, sequence, sequence, 5 << 4, _PSH_ACK, _WINDOW)
    whole = head + _transport_sum(source, destination, _TCP, head + bytes(4) + data) + b"\0\0" + data
    return _ETHERNET + _ip(source, destination, _TCP, whole)


def build_echo_frame(source: bytes, destination: bytes, identifier: int, sequence: int, data: bytes) -> bytes:
    """An ICMP echo request (RFC 792)."""
    return _ETHERNET + _ip(source, destination, _ICMP, build_echo(4, identifier, sequence, data))


def _ip(source: bytes, destination: bytes, protocol: int, data: bytes) -> bytes:
    head = pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, _DONT_FRAGMENT, _TTL, protocol, 0) + source + destination
    return head[:10] + checksum(head).to_bytes(2) + head[12:] + data


def _transport_sum(source: bytes, destination: bytes, protocol: int, segment: bytes) -> bytes:
    total = checksum(source + destination + pack("!BBH", 0, protocol, len(segment)) + segment)
    return (total or (0xFFFF if protocol == _UDP else 0)).to_bytes(2)
