"""Datagrams that UDP services answer, each with a number in it that comes back, so that an answer belongs to one probe."""

from __future__ import annotations

_DNS, _MDNS, _NTP = 53, 5353, 123
_PADDING = b"portulan"


def build_hello(port: int, nonce: int) -> bytes:
    """A datagram for the usual service of the port; for any other port eight bytes and the number. `nonce`: 0 to 65,535."""
    if port in (_DNS, _MDNS):
        # RFC 1035, section 4.1: recursion desired, one question: NS of the root.
        return nonce.to_bytes(2) + b"\x01\x00\0\x01\0\0\0\0\0\0" + b"\0\0\x02\0\x01"
    if port == _NTP:
        # RFC 5905, section 7.3: version 4, client; the server gives the transmit time back as the origin's.
        return b"\x23" + bytes(39) + _PADDING[:6] + nonce.to_bytes(2)
    return nonce.to_bytes(2) + _PADDING[2:]


def nonce_of(port: int, answer: bytes) -> int | None:
    """The number that an answer brings back; None where it brings none."""
    if port in (_DNS, _MDNS):
        return int.from_bytes(answer[:2]) if len(answer) >= 12 and answer[2] & 0x80 else None
    if port == _NTP:
        return int.from_bytes(answer[30:32]) if len(answer) >= 48 and answer[24:30] == _PADDING[:6] else None
    return int.from_bytes(answer[:2]) if answer[2:8] == _PADDING[2:] else None


def nonce_at(port: int) -> int:
    """Where in a datagram of `build_hello` the number stands."""
    return 46 if port == _NTP else 0
