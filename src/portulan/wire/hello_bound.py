"""Greetings for remote procedures, routers, machines and desks."""

from __future__ import annotations

from struct import pack

# Remote procedures


def _null_call(dice: int, program: int, version: int) -> bytes:
    """Procedure 0 of a program, without credentials (RFC 5531, section 9)."""
    return pack(">10I", dice & 0xFFFF_FFFF, 0, 2, program, version, 0, 0, 0, 0, 0)


def portmap(dice: int) -> bytes:
    """The port mapper (RFC 1833)."""
    return _null_call(dice, 100_000, 2)


def nfs(dice: int) -> bytes:
    """NFS version 3 (RFC 1813); a server of another version says which it has."""
    return _null_call(dice, 100_003, 3)


def same_rpc(sent: bytes, answer: bytes) -> bool:
    """By the number of the call, where it is a reply."""
    return len(answer) < 8 or answer[4:8] != b"\0\0\0\1" or answer[:4] == sent[:4]


def memcached(dice: int) -> bytes:
    """The version, in one datagram (memcached's doc/protocol.txt, "UDP protocol")."""
    return pack(">4H", dice & 0xFFFF, 0, 1, 0) + b"version\r\n"


def same_memcached(sent: bytes, answer: bytes) -> bool:
    """By the number of the request."""
    return len(answer) < 8 or answer[6:8] != bytes(2) or answer[:2] == sent[:2]


# Routers


def rip(_: int) -> bytes:
    """The whole table (RFC 2453, section 3.9.1): whoever asks from another port is answered there."""
    return pack(">BBHHH12xI", 1, 2, 0, 0, 0, 16)


def ripng(_: int) -> bytes:
    """The same of IPv6 (RFC 2080, section 2.4.1)."""
    return pack(">BBH16xHBB", 1, 1, 0, 0, 0, 16)


def nat_pmp(_: int) -> bytes:
    """The outer address (RFC 6886, section 3.2)."""
    return bytes(2)


def pcp(_: int) -> bytes:
    """ANNOUNCE (RFC 6887, section 14.1), without an address of ours: who minds says so."""
    return bytes((2, 0)) + bytes(22)


def l2tp(dice: int) -> bytes:
    """Start-Control-Connection-Request (RFC 2661, sections 3.1, 4.4 and 6.1)."""
    built = b""
    for kind, value in (
        (0, b"\0\1"),
        (2, b"\1\0"),
        (7, b"portulan"),
        (3, pack(">I", 3)),
        (9, pack(">H", dice & 0xFFFF or 1)),
        (10, b"\0\4"),
    ):
        built += pack(">HHH", 0x8000 | 6 + len(value), 0, kind) + value
    return pack(">6H", 0xC802, 12 + len(built), 0, 0, 0, 0) + built


def gtp(dice: int) -> bytes:
    """Echo request of version 1 (3GPP TS 29.281, sections 5.1 and 7.2.1)."""
    return pack(">BBHIHBB", 0x32, 1, 4, 0, dice & 0xFFFF, 0, 0)


def same_gtp(sent: bytes, answer: bytes) -> bool:
    """By the sequence number of an echo response."""
    return len(answer) < 12 or answer[1] != 2 or not answer[0] & 2 or answer[8:10] == sent[8:10]


# Machines


def ipmi(_: int) -> bytes:
    """Get Channel Authentication Capabilities, without a session (IPMI 2.0, sections 13.1.1, 13.6, 22.13; sums as section 13.8)."""
    first, second = bytes((0x20, 0x18)), bytes((0x81, 0x00, 0x38, 0x8E, 0x04))
    message = first + bytes((-sum(first) & 0xFF,)) + second + bytes((-sum(second) & 0xFF,))
    return b"\x06\x00\xff\x07" + bytes(9) + bytes((len(message),)) + message


def asf(dice: int) -> bytes:
    """A presence ping (DMTF DSP0136, section 3.2.4.2)."""
    return b"\x06\x00\xff\x06" + pack(">IBBBB", 4542, 0x80, dice & 0x7F, 0, 0)


def same_asf(sent: bytes, answer: bytes) -> bool:
    """By the tag of a pong."""
    return len(answer) < 12 or answer[3] != 6 or answer[8] != 0x40 or len(sent) < 10 or sent[3] != 6 or answer[9] == sent[9]


def bacnet(dice: int) -> bytes:
    """ReadProperty of the wildcard device's own name, object-identifier (ASHRAE 135, annexes J.2.11 and clauses 6.2, 15.5, 20.1.2)."""
    service = bytes((0x00, 0x05, dice & 0xFF, 0x0C, 0x0C, 0x02, 0x3F, 0xFF, 0xFF, 0x19, 75))
    network = bytes((0x01, 0x04))
    return pack(">BBH", 0x81, 0x0A, 4 + len(network) + len(service)) + network + service


def same_bacnet(sent: bytes, answer: bytes) -> bool:
    """By the invoke number of an answer to a confirmed request."""
    if len(answer) < 8 or answer[0] != 0x81 or answer[5] & 0x28:
        return True
    return answer[6] >> 4 not in (3, 5, 6, 7) or answer[7] == sent[8]


def knx(_: int) -> bytes:
    """DESCRIPTION_REQUEST, to be answered to where it came from (KNXnet/IP core, sections 5.2, 7.5.4, 8.6.2.2)."""
    return bytes.fromhex("0610 0203 000e 0801 00000000 0000")


def ethernet_ip(dice: int) -> bytes:
    """ListIdentity (ODVA's CIP volume 2, sections 2-3 and 2-4.2)."""
    return pack("<HHII", 0x63, 0, 0, 0) + pack(">Q", dice) + bytes(4)


def same_ethernet_ip(sent: bytes, answer: bytes) -> bool:
    """By the sender's context."""
    return len(answer) < 24 or answer[:2] != b"\x63\0" or answer[12:20] == sent[12:20]


# Desks


def xdmcp(_: int) -> bytes:
    """Query without authentication (X.Org's XDMCP, version 1.1, section 3)."""
    return pack(">HHHB", 1, 2, 1, 0)


def rdp(dice: int) -> bytes:
    """The SYN of RDP over UDP, filled up as it must be (MS-RDPEUDP, sections 2.2.2.1, 2.2.2.5 and 3.1.5.1.1)."""
    head = pack(">IHH", 0xFFFF_FFFF, 64, 1) + pack(">IHH", dice & 0xFFFF_FFFF, 1232, 1232)
    return head + bytes(1232 - len(head))


def mssql_browser(_: int) -> bytes:
    """CLNT_UCAST_EX: which instances there are (MC-SQLR, section 2.2.2)."""
    return b"\x03"
