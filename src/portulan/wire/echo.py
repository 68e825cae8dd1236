"""ICMP echo (RFC 792; RFC 4443, section 4), questions in bulk: each carries a cookie of 64 bits that the answer repeats."""

from __future__ import annotations

from struct import Struct

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 16
_MESSAGE = Struct(">BBHHHQ")
_REQUEST = {4: 8, 6: 128}
_REPLY = {4: 0, 6: 129}


def build_echoes(version: int, identifier: int, sequence: int, cookies: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """One request for each cookie, rows of 16 bytes. The checksum of IPv6, which covers addresses, is the kernel's to fill in."""
    words = np.zeros((len(cookies), 8), ">u2")
    words[:, 0] = _REQUEST[version] << 8
    words[:, 2], words[:, 3] = identifier, sequence
    words[:, 4:] = cookies.astype(">u8").view(">u2").reshape(-1, 4)
    if version == 4:
        total = words.astype(np.uint32).sum(axis=1)
        total = (total & 0xFFFF) + (total >> 16)
        words[:, 1] = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return words.view(np.uint8)


def parse_echo(version: int, message: bytes) -> tuple[int, int, int] | None:
    """(identifier, sequence, cookie) of a reply; None for anything else."""
    if len(message) < SIZE:
        return None
    kind, code, _, identifier, sequence, cookie = _MESSAGE.unpack_from(message)
    return (identifier, sequence, cookie) if kind == _REPLY[version] and not code else None
