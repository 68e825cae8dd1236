"""Addresses as the kernel packs them (4 or 16 bytes, network order) and as people read them, and how far an address is exposed."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from portulan.errors import BadInput

MAPPED = bytes(10) + b"\xff\xff"
"""The first twelve bytes of an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2)."""


def widened(packed: bytes) -> bytes:
    """16 bytes for either family: an IPv4 address as an IPv4-mapped one."""
    return MAPPED + packed if len(packed) == 4 else packed


def narrowed(packed: bytes) -> bytes:
    """The 4 bytes of an IPv4-mapped address; any other as it is."""
    return packed[12:] if len(packed) == 16 and packed[:12] == MAPPED else packed


class Exposure(StrEnum):
    """From how far away the address a socket is bound to can be spoken to, by the address alone (no firewall asked)."""

    LOOPBACK = "loopback"
    """This host only."""
    PRIVATE = "private"
    """The local link or private networks: RFC 1918, RFC 4193, RFC 3927, RFC 6598, RFC 2544, link-local and multicast groups."""
    PUBLIC = "public"
    """One address that the whole internet may route to."""
    ALL = "all"
    """The wildcard: every address of the host."""


EXPOSURE_ORDER = tuple(Exposure)
"""Least exposed first."""

_PRIVATE_4 = tuple(
    (int.from_bytes(bytes(map(int, network.split(".")))) >> (32 - bits), 32 - bits)
    for network, bits in (
        ("10.0.0.0", 8), ("172.16.0.0", 12), ("192.168.0.0", 16), ("169.254.0.0", 16), ("100.64.0.0", 10), ("198.18.0.0", 15), ("224.0.0.0", 4),
    )
)  # fmt: skip


@lru_cache(maxsize=4096)
def format_address(packed: bytes) -> str:
    """Dotted quad, or IPv6 text by RFC 5952 (lower case, the longest run of zero groups shortened, mapped addresses with a dotted tail)."""
    if len(packed) == 4:
        return ".".join(map(str, packed))
    if packed[:12] == MAPPED:
        return "::ffff:" + ".".join(map(str, packed[12:]))
    groups = [int.from_bytes(packed[at : at + 2]) for at in range(0, 16, 2)]
    best, length = _longest_zero_run(groups)
    if length < 2:
        return ":".join(f"{group:x}" for group in groups)
    left = ":".join(f"{group:x}" for group in groups[:best])
    right = ":".join(f"{group:x}" for group in groups[best + length :])
    return f"{left}::{right}"


def _longest_zero_run(groups: list[int]) -> tuple[int, int]:
    """(start, length) of the first longest run of zero groups."""
    best = length = start = 0
    for at, group in enumerate((*groups, 1)):
        if group:
            if at - start > length:
                best, length = start, at - start
            start = at + 1
    return best, length


@lru_cache(maxsize=4096)
def exposure_of(packed: bytes) -> Exposure:
    """How far the packed address is exposed."""
    packed = narrowed(packed)
    if not any(packed):
        return Exposure.ALL
    if len(packed) == 4:
        if packed[0] == 127:
            return Exposure.LOOPBACK
        number = int.from_bytes(packed)
        return Exposure.PRIVATE if any(number >> shift == prefix for prefix, shift in _PRIVATE_4) else Exposure.PUBLIC
    if packed == bytes(15) + b"\1":
        return Exposure.LOOPBACK
    # fc00::/7 unique local, fe80::/10 link-local, fec0::/10 site-local (deprecated), ff00::/8 multicast
    if packed[0] & 0xFE == 0xFC or packed[0] == 0xFF or (packed[0] == 0xFE and packed[1] & 0x80):
        return Exposure.PRIVATE
    return Exposure.PUBLIC


def parse_address(text: str) -> bytes:
    """A written address, packed: `127.0.0.1`, `::1`, `[::1]`. Raises BadInput for anything else, names of hosts among them."""
    from ipaddress import ip_address

    try:
        return ip_address(text.strip().removeprefix("[").removesuffix("]")).packed
    except ValueError:
        raise BadInput("address.invalid", text=text) from None


def pack_address(text: str) -> bytes:
    """What `format_address` wrote, packed again, without the 2 ms that the library takes to load."""
    head, dot, _ = text.partition(".")
    if not dot:
        left, gap, right = text.partition("::")
        first, last = ([int(group, 16) for group in part.split(":")] if part else [] for part in (left, right))
        groups = [*first, *[0] * (8 - len(first) - len(last)), *last] if gap else first
        return b"".join(group.to_bytes(2) for group in groups)
    if ":" in head:
        return MAPPED + pack_address(text.rpartition(":")[2])
    return bytes(map(int, text.split(".")))


def format_endpoint(address: str, port: int | str) -> str:
    """`127.0.0.1:80`, `[::1]:80`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
