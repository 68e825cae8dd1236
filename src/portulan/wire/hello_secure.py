"""Greetings for encrypted transports and tunnels."""

from __future__ import annotations

from hashlib import sha256
from struct import pack


def _bytes(dice: int, size: int) -> bytes:
    """Bytes that look random, the same for the same dice."""
    found = b""
    while len(found) < size:
        found += sha256(pack(">QI", dice, len(found))).digest()
    return found[:size]


# QUIC


def quic(dice: int) -> bytes:
    """A first packet of a version that is reserved for this: a server must name those it speaks (RFC 9000, sections 6 and 15)."""
    head = b"\xc0" + b"\x1a\x2a\x3a\x4a" + b"\x08" + _bytes(dice, 8) + b"\x08" + _bytes(~dice & 0xFFFF_FFFF_FFFF_FFFF, 8)
    return head + bytes(1200 - len(head))  # shorter ones are dropped: section 14.1


def same_quic(sent: bytes, answer: bytes) -> bool:
    """By our two connection numbers, changed over, where versions are offered."""
    if len(answer) < 23 or not answer[0] & 0x80 or answer[1:5] != bytes(4) or sent[:1] != b"\xc0":
        return True
    return answer[5:14] == sent[14:23] and answer[14:23] == sent[5:14]


# DTLS


def dtls(dice: int) -> bytes:
    """A ClientHello of DTLS 1.2, which servers answer with a cookie (RFC 6347, sections 4.1 and 4.2)."""
    suites = pack(">8H", 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xC0A8, 0xC0AE, 0x009C, 0x002F)
    groups = pack(">4H", 6, 29, 23, 24)
    signatures = pack(">5H", 8, 0x0403, 0x0804, 0x0401, 0x0201)
    extensions = b"".join(
        pack(">HH", kind, len(body)) + body for kind, body in ((10, groups), (11, b"\1\0"), (13, signatures), (23, b""), (0xFF01, b"\0"))
    )
    body = b"\xfe\xfd" + _bytes(dice, 32) + b"\0\0" + pack(">H", len(suites)) + suites + b"\1\0" + pack(">H", len(extensions)) + extensions
    message = b"\1" + len(body).to_bytes(3) + bytes(2) + bytes(3) + len(body).to_bytes(3) + body
    return b"\x16\xfe\xff" + bytes(8) + pack(">H", len(message)) + message


# IKE


def _payload(following: int, body: bytes) -> bytes:
    return pack(">BBH", following, 0, len(body) + 4) + body


def ike2(dice: int) -> bytes:
    """IKE_SA_INIT with one proposal; who dislikes it says so (RFC 7296, sections 1.2, 3.1, 3.3, 3.4)."""
    transforms = ((1, 12, b"\x80\x0e\x01\0"), (1, 12, b"\x80\x0e\0\x80"), (2, 5, b""), (2, 2, b""), (3, 12, b""), (3, 2, b""), (4, 14, b""))
    built = b""
    for at, (kind, number, attribute) in enumerate(transforms):
        more = 3 if at + 1 < len(transforms) else 0
        built += pack(">BBHBBH", more, 0, 8 + len(attribute), kind, 0, number) + attribute
    proposal = pack(">BBHBBBB", 0, 0, 8 + len(built), 1, 1, 0, len(transforms)) + built
    exchange = pack(">HH", 14, 0) + b"\x3f" + _bytes(dice, 255)  # any number below the prime of group 14 (RFC 3526) will do
    body = _payload(34, proposal) + _payload(40, exchange) + _payload(0, _bytes(dice ^ 1, 32))
    return _bytes(dice, 8) + bytes(8) + pack(">BBBBII", 33, 0x20, 34, 0x08, 0, 28 + len(body)) + body


def ike1(dice: int) -> bytes:
    """The first message of main mode, with one proposal (RFC 2408, sections 3.1 to 3.6; RFC 2409, section 5 and appendix A)."""
    attributes = pack(">12H", 0x8001, 7, 0x800E, 128, 0x8002, 2, 0x8003, 1, 0x8004, 14, 0x800B, 1) + pack(">HHI", 0x000C, 4, 28800)
    transform = pack(">BBHBBH", 0, 0, 8 + len(attributes), 1, 1, 0) + attributes
    proposal = pack(">BBHBBBB", 0, 0, 8 + len(transform), 1, 1, 0, 1) + transform
    body = _payload(0, pack(">II", 1, 1) + proposal)
    return _bytes(dice, 8) + bytes(8) + pack(">BBBBII", 1, 0x10, 2, 0, 0, 28 + len(body)) + body


def same_ike(sent: bytes, answer: bytes) -> bool:
    """By the initiator's cookie."""
    return len(answer) < 28 or answer[17] not in (0x10, 0x20) or answer[:8] == sent[:8]


def ike2_behind_nat(dice: int) -> bytes:
    """The same behind the marker that tells it from ESP (RFC 3948, section 2.2)."""
    return bytes(4) + ike2(dice)


def same_ike_behind_nat(sent: bytes, answer: bytes) -> bool:
    """As `same_ike`, behind the marker."""
    return answer[:4] != bytes(4) or same_ike(sent[4:], answer[4:])


# OpenVPN


def openvpn(dice: int) -> bytes:
    """P_CONTROL_HARD_RESET_CLIENT_V2: opcode 7, a session number, no acknowledgements, packet 0 (OpenVPN's network protocol documentation).

    A server with tls-auth or tls-crypt is silent to whoever lacks its key.
    """
    return bytes((7 << 3,)) + _bytes(dice, 8) + b"\0" + bytes(4)


def same_openvpn(sent: bytes, answer: bytes) -> bool:
    """A server's reset acknowledges our packet and repeats our session number."""
    if len(answer) < 22 or answer[0] >> 3 != 8 or not answer[9]:
        return True
    at = 10 + 4 * answer[9]
    return answer[at : at + 8] == sent[1:9]
