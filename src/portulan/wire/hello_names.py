"""Greetings for services of names, time, management and logins."""

from __future__ import annotations

from struct import pack

# Names and small services


def _name(*labels: bytes) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def _question(dice: int, flags: int, name: bytes, kind: int, class_: int) -> bytes:
    """RFC 1035, section 4.1."""
    return pack(">HHHHHH", dice & 0xFFFF, flags, 1, 0, 0, 0) + name + pack(">HH", kind, class_)


def dns(dice: int) -> bytes:
    """The start of authority of the root, without recursion: answered or refused without asking anybody else (RFC 1035)."""
    return _question(dice, 0, _name(), 6, 1)


def mdns(dice: int) -> bytes:
    """Which kinds of service there are, to be answered to us alone (RFC 6763, section 9; RFC 6762, sections 5.5 and 6.7)."""
    return _question(dice, 0, _name(b"_services", b"_dns-sd", b"_udp", b"local"), 12, 0x8001)


def netbios(dice: int) -> bytes:
    """The node's status: the name `*` in half-bytes (RFC 1002, sections 4.1 and 4.2.17)."""
    star = b"*" + bytes(15)
    return _question(dice, 0, _name(bytes(0x41 + half for byte in star for half in (byte >> 4, byte & 15))), 0x21, 1)


def same_dns(sent: bytes, answer: bytes) -> bool:
    """By the number of the question, where it is an answer at all."""
    return len(answer) < 12 or not answer[2] & 0x80 or answer[:2] == sent[:2]


def echo(dice: int) -> bytes:
    """RFC 862: it comes back."""
    return b"portulan " + pack(">Q", dice).hex().encode()


def same_echo(sent: bytes, answer: bytes) -> bool:
    """Something like ours that is not ours was somebody else's."""
    return not answer.startswith(b"portulan ") or answer == sent


def ntp(dice: int) -> bytes:
    """A client's packet of version 4, the dice as its time stamp: the answer repeats it (RFC 5905, section 7.3)."""
    return bytes((0x23,)) + bytes(39) + pack(">Q", dice)


def same_ntp(sent: bytes, answer: bytes) -> bool:
    """By the origin time stamp, where it is a server's packet; a kiss of death has it too."""
    return len(answer) < 48 or answer[0] & 7 != 4 or answer[24:32] == sent[40:48]


def tftp(dice: int) -> bytes:
    """Ask for a file that will not be there (RFC 1350, section 5)."""
    return b"\0\1portulan-" + pack(">Q", dice).hex().encode() + b"\0octet\0"


# ASN.1 in the basic encoding (X.690)


def _tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + body


def _integer(number: int) -> bytes:
    return _tlv(2, number.to_bytes(number.bit_length() // 8 + 1))


def _text(text: bytes) -> bytes:
    return _tlv(4, text)


def _positive(dice: int) -> int:
    """31 bits, the uppermost set: the encoding has always the same length."""
    return dice & 0x3FFF_FFFF | 0x4000_0000


def _get_description(kind: int, dice: int) -> bytes:
    """The variables of a request for sysDescr.0 (1.3.6.1.2.1.1.1.0)."""
    wanted = _tlv(0x30, _tlv(6, bytes((0x2B, 6, 1, 2, 1, 1, 1, 0))), _tlv(5))
    return _tlv(kind, _integer(_positive(dice)), _integer(0), _integer(0), _tlv(0x30, wanted))


def snmp1(dice: int) -> bytes:
    """The system's description, of community public (RFC 1157, section 4)."""
    return _tlv(0x30, _integer(0), _text(b"public"), _get_description(0xA0, dice))


def snmp2(dice: int) -> bytes:
    """The same in version 2c (RFC 1901, section 3; RFC 3416)."""
    return _tlv(0x30, _integer(1), _text(b"public"), _get_description(0xA0, dice))


def snmp3(dice: int) -> bytes:
    """Discovery of the engine: answered by a report without any name or password (RFC 3414, section 4)."""
    head = _tlv(0x30, _integer(_positive(dice)), _integer(65507), _tlv(4, b"\x04"), _integer(3))
    security = _text(_tlv(0x30, _text(b""), _integer(0), _integer(0), _text(b""), _text(b""), _text(b"")))
    empty = _tlv(0xA0, _integer(_positive(dice)), _integer(0), _integer(0), _tlv(0x30))
    return _tlv(0x30, _integer(3), head, security, _tlv(0x30, _text(b""), _text(b""), empty))


def same_snmp(sent: bytes, answer: bytes) -> bool:
    """The number of the request stands in an answer as we encoded it: the four bytes after the first `02 04` of what was sent."""
    at = sent.find(b"\x02\x04")
    return len(answer) < 16 or not answer.startswith(b"\x30") or at < 0 or sent[at : at + 6] in answer


def cldap(dice: int) -> bytes:
    """The root entry's version attribute, as connection-less LDAP (RFC 4511, section 4.5; RFC 1798)."""
    search = _tlv(
        0x63, _text(b""), _tlv(10, b"\0"), _tlv(10, b"\0"), _integer(1), _integer(1), _tlv(1, b"\0"), _tlv(0x87, b"objectClass"),
        _tlv(0x30, _text(b"supportedLDAPVersion")),
    )  # fmt: skip
    return _tlv(0x30, _integer(_positive(dice)), search)


def same_ldap(sent: bytes, answer: bytes) -> bool:
    """By the message's number, which comes first."""
    return len(answer) < 8 or not answer.startswith(b"\x30") or sent[2:8] in answer[:16]


def kerberos(dice: int) -> bytes:
    """A first request for a realm that is nobody's: answered by an error (RFC 4120, section 5.4.1)."""

    def general(text: bytes) -> bytes:
        return _tlv(0x1B, text)

    def principal(kind: int, *names: bytes) -> bytes:
        return _tlv(0x30, _tlv(0xA0, _integer(kind)), _tlv(0xA1, _tlv(0x30, *map(general, names))))

    realm = b"PORTULAN.INVALID"
    body = _tlv(
        0x30, _tlv(0xA0, _tlv(3, bytes(5))), _tlv(0xA1, principal(1, b"portulan")), _tlv(0xA2, general(realm)),
        _tlv(0xA3, principal(2, b"krbtgt", realm)), _tlv(0xA5, _tlv(0x18, b"19700101000000Z")), _tlv(0xA7, _integer(_positive(dice))),
        _tlv(0xA8, _tlv(0x30, _integer(18), _integer(17), _integer(23))),
    )  # fmt: skip
    return _tlv(0x6A, _tlv(0x30, _tlv(0xA1, _integer(5)), _tlv(0xA2, _integer(10)), _tlv(0xA4, body)))


# Other management


def slp(dice: int) -> bytes:
    """Which types of service there are (RFC 2608, section 10.1)."""
    body = pack(">HHHH", 0, 0xFFFF, 7, 0)[:6] + b"DEFAULT"
    head_size = 14 + 2
    length = head_size + len(body)
    return bytes((2, 9)) + length.to_bytes(3) + bytes(5) + pack(">HH", dice & 0xFFFF, 2) + b"en" + body


def same_slp(sent: bytes, answer: bytes) -> bool:
    """By the number of the request."""
    return len(answer) < 12 or answer[0] != 2 or answer[10:12] == sent[10:12]


_SECRET = b"testing123"
"""What a FreeRADIUS server ships with for its own host: whoever has another secret is silent (RFC 5997, section 3)."""


def radius(dice: int) -> bytes:
    """Status-Server (RFC 5997), signed as RFC 3579, section 3.2, asks."""
    from hashlib import md5
    from hmac import new

    head = pack(">BBH", 12, dice & 0xFF, 38) + md5(pack(">Q", dice), usedforsecurity=False).digest()
    unsigned = head + b"\x50\x12" + bytes(16)
    return unsigned[:-16] + new(_SECRET, unsigned, "md5").digest()


def same_radius(sent: bytes, answer: bytes) -> bool:
    """By the identifier; the signature would need the secret."""
    return len(answer) < 20 or answer[0] not in (2, 3, 5, 11) or answer[1] == sent[1]
