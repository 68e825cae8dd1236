"""What may answer a SYN, as a packet ring delivers it: the socket filter that keeps it, and its fields.

Kept: TCP segments to our block of source ports with RST or SYN set, and ICMP errors that quote a packet from there. Of IPv4 only headers without options,
of IPv6 without extension headers: hosts send no others in these cases. (Slots: linux/if_packet.h, tpacket2_hdr; ICMP: RFC 792, RFC 4443; filter:
Documentation/networking/filter.rst.)
"""

from __future__ import annotations

from struct import pack

import numpy as np

from portulan.model.scan import REASONS, Reason, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

SLOT = 256
"""Bytes of the ring from one packet to the next."""
KEPT = 160
"""Bytes of a packet that are kept, from the IP header on: an ICMPv6 error with the packet it quotes needs 40 + 8 + 40 + 8."""
NET = 80
"""Where the IP header begins in a slot: an aligned tpacket2_hdr (32) with a sockaddr_ll (20), and room for the driver (net/packet/af_packet.c)."""
_TCP, _ICMP, _ICMPV6 = 6, 1, 58
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
# Classic BPF opcodes (linux/bpf_common.h).
_LOAD_BYTE, _LOAD_HALF, _AND, _IF_EQUAL, _IF_SET, _IF_GREATER, _RETURN = 0x30, 0x28, 0x54, 0x15, 0x45, 0x25, 0x06
_FEW_BYTES = 128
"""A SYN-ACK with a smaller window comes from a tarpit: no host can work with it (the least MSS is 536, RFC 9293 section 3.7.1)."""


def build_filter(version: int, first_port: int, ports: int) -> list[tuple[int, int, int, int]]:
    """The socket filter for a block of `ports` (a power of two) source ports, aligned to its size: (code, jump if true, if false, operand)."""
    header = 20 if version == 4 else 40
    protocol, icmp = (9, _ICMP) if version == 4 else (6, _ICMPV6)
    # ICMP types: unreachable 3 and time exceeded 11; of IPv6 1 to 4, of which 2 and 4 mean nothing here and are sorted out later.
    types = [(_IF_EQUAL, "quote", "", 3), (_IF_EQUAL, "quote", "drop", 11)] if version == 4 else [(_IF_GREATER, "drop", "quote", 4)]
    block = 0x1_0000 - ports
    steps: list[tuple[int, str, str, int] | str] = [
        *([(_LOAD_BYTE, "", "", 0), (_IF_EQUAL, "", "drop", 0x45)] if version == 4 else []),
        (_LOAD_BYTE, "", "", protocol), (_IF_EQUAL, "", "not tcp", _TCP),
        (_LOAD_HALF, "", "", header + 2), (_AND, "", "", block), (_IF_EQUAL, "", "drop", first_port),
        (_LOAD_BYTE, "", "", header + 13), (_IF_SET, "keep", "drop", _SYN | _RST),
        "not tcp", (_IF_EQUAL, "", "drop", icmp), (_LOAD_BYTE, "", "", header), *types,
        "quote", (_LOAD_HALF, "", "", 2 * header + 8), (_AND, "", "", block), (_IF_EQUAL, "keep", "drop", first_port),
        "keep", (_RETURN, "", "", KEPT),
        "drop", (_RETURN, "", "", 0),
    ]  # fmt: skip
    places: dict[str, int] = {}
    plain: list[tuple[int, str, str, int]] = []
    for step in steps:
        if isinstance(step, str):
            places[step] = len(plain)
        else:
            plain.append(step)
    return [
        (code, places[true] - at - 1 if true else 0, places[false] - at - 1 if false else 0, operand)
        for at, (code, true, false, operand) in enumerate(plain)
    ]


def pack_filter(program: list[tuple[int, int, int, int]]) -> bytes:
    """The filter as the kernel takes it."""
    return b"".join(pack("=HBBI", *step) for step in program)


def slot_type(version: int) -> np.dtype[np.void]:
    """The fields of a slot. `quoted …` are those of the packet that an ICMP error quotes."""
    header = 20 if version == 4 else 40
    address, source_at, destination_at = (
        ("u1", (4,)) if version == 4 else ("u1", (16,)),
        12 if version == 4 else 8,
        16 if version == 4 else 24,
    )
    quote = NET + header + 8
    fields: dict[str, tuple[object, int]] = {
        "status": ("=u4", 0), "length": ("=u4", 4), "kept": ("=u4", 8), "seconds": ("=u4", 16), "nanoseconds": ("=u4", 20),
        "protocol": ("u1", NET + (9 if version == 4 else 6)), "ttl": ("u1", NET + (8 if version == 4 else 7)), "source": (address, NET + source_at),
        "source port": (">u2", NET + header), "port": (">u2", NET + header + 2), "acknowledged": (">u4", NET + header + 8),
        "flags": ("u1", NET + header + 13), "window": (">u2", NET + header + 14),
        "type": ("u1", NET + header), "code": ("u1", NET + header + 1),
        "quoted protocol": ("u1", quote + (9 if version == 4 else 6)), "quoted destination": (address, quote + destination_at),
        "quoted source port": (">u2", quote + header), "quoted port": (">u2", quote + header + 2), "quoted sequence": (">u4", quote + header + 4),
    }  # fmt: skip
    return np.dtype(
        {
            "names": list(fields),
            "formats": [kind for kind, _ in fields.values()],
            "offsets": [at for _, at in fields.values()],
            "itemsize": SLOT,
        }
    )


def _reasons(version: int) -> NDArray[np.uint8]:
    """Table of an ICMP error's meaning: type << 4 | code -> place in REASONS; 255: means nothing to us."""
    table = np.full(256 * 16, 255, np.uint8)
    place = {reason: number for number, reason in enumerate(REASONS)}
    if version == 4:  # RFC 792, 1122 section 3.2.2.1, 1812 section 5.2.7.1
        codes = {
            (3, 0): Reason.NET_UNREACHABLE, (3, 1): Reason.HOST_UNREACHABLE, (3, 2): Reason.PROTOCOL_UNREACHABLE, (3, 3): Reason.PORT_UNREACHABLE,
            (3, 5): Reason.NET_UNREACHABLE, (3, 6): Reason.NET_UNREACHABLE, (3, 7): Reason.HOST_UNREACHABLE, (3, 8): Reason.HOST_UNREACHABLE,
            (3, 9): Reason.NET_PROHIBITED, (3, 10): Reason.HOST_PROHIBITED, (3, 11): Reason.NET_UNREACHABLE, (3, 12): Reason.HOST_UNREACHABLE,
            (3, 13): Reason.ADMIN_PROHIBITED, (3, 14): Reason.ADMIN_PROHIBITED, (3, 15): Reason.ADMIN_PROHIBITED,
            (11, 0): Reason.TIME_EXCEEDED,
        }  # fmt: skip
    else:  # RFC 4443 sections 3.1 and 3.3
        codes = {
            (1, 0): Reason.NET_UNREACHABLE, (1, 1): Reason.ADMIN_PROHIBITED, (1, 2): Reason.NET_UNREACHABLE, (1, 3): Reason.HOST_UNREACHABLE,
            (1, 4): Reason.PORT_UNREACHABLE, (1, 5): Reason.ADMIN_PROHIBITED, (1, 6): Reason.NET_UNREACHABLE, (3, 0): Reason.TIME_EXCEEDED,
        }  # fmt: skip
    for (kind, code), reason in codes.items():
        table[kind << 4 | code] = place[reason]
    return table


ICMP_REASONS = {version: _reasons(version) for version in (4, 6)}
_SYN_ACK, _RESET, _PROXY, _TARPIT = (REASONS.index(each) for each in (Reason.SYN_ACK, Reason.RESET, Reason.SYN_PROXY, Reason.TARPIT))


def judge(version: int, slots: NDArray[np.void]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(verdicts, reasons) of slots; verdict NONE for what answers nothing, like a SYN of somebody who connects to us."""
    count = len(slots)
    flags, window = slots["flags"], slots["window"]
    tcp = slots["protocol"] == _TCP
    accepts = tcp & (flags & (_SYN | _ACK | _RST) == _SYN | _ACK)
    verdict = np.full(count, Verdict.NONE, np.uint8)
    reason = np.zeros(count, np.uint8)
    for kind, each, why in (
        (accepts & (window >= _FEW_BYTES), Verdict.OPEN, _SYN_ACK),
        (accepts & (window < _FEW_BYTES), Verdict.PROXIED, _TARPIT),
        (accepts & (window == 0), Verdict.PROXIED, _PROXY),
        (tcp & (flags & (_RST | _ACK) == _RST | _ACK), Verdict.CLOSED, _RESET),
    ):
        verdict[kind], reason[kind] = each, why
    errors = ~tcp & (slots["quoted protocol"] == _TCP)
    meaning = ICMP_REASONS[version][slots["type"].astype(np.uint16) << 4 | np.minimum(slots["code"], 15)]
    errors &= (meaning != 255) & (slots["code"] < 16)
    verdict[errors], reason[errors] = Verdict.UNREACHABLE, meaning[errors]
    return verdict, reason
