"""What tells flows apart, as numbers of 8 bytes that hold the packet's own bytes in memory order: two of them for IPv4, five for IPv6.

The last word, from its least byte up: IPv4: the destination's last two bytes (IPv6: zeros), source port, destination port (network order),
then the transport's place in TRANSPORTS (3 bits); the 13 bits above are free, and used for a stretch of time while packets are folded.
"""

from __future__ import annotations

import numpy as np

from portulan.model.address import MAPPED
from portulan.model.port import PROTOCOL_NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    I8 = NDArray[np.int64]
    U8 = NDArray[np.uint64]
    Keys = tuple[U8, ...]

TRANSPORTS = tuple(PROTOCOL_NUMBERS.values())
"""TCP, UDP, SCTP, DCCP, UDP-Lite: IP protocols whose first four bytes are ports."""
CODES = np.full(256, 7, np.uint8)
CODES[list(TRANSPORTS)] = range(len(TRANSPORTS))
PORTED = CODES < 7
NUMBERS = np.array([*TRANSPORTS, 0, 0, 0], np.uint8)
WIDTHS = (2, 5)
"""Words of a key, of IPv4 and of IPv6."""

U = np.uint64
CODE_AT = U(48)
STRETCH_AT = U(51)
KEY_BITS = U((1 << 51) - 1)
_16, _32 = U(16), U(32)
_LOW16, _LOW32 = U(0xFFFF), U(0xFFFFFFFF)


def codes_of(protocol: U8) -> U8:
    """IP protocol numbers as they stand in keys."""
    return CODES.take(protocol.view(np.int64)).astype(np.uint64)


def transports_of(keys: Keys) -> NDArray[np.uint8]:
    """IP protocol numbers."""
    return NUMBERS.take((keys[-1] >> CODE_AT & U(7)).view(np.int64))


def _port(keys: Keys, at: int) -> NDArray[np.uint16]:
    return (keys[-1] >> U(at)).astype("<u2").byteswap().astype(np.uint16)


def ports_of(keys: Keys) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Source and destination."""
    return _port(keys, 16), _port(keys, 32)


def ends_of(keys: Keys) -> tuple[Keys, Keys]:
    """The words of both addresses."""
    if len(keys) == 2:
        return (keys[0] & _LOW32,), (keys[0] >> _32 | (keys[1] & _LOW16) << _16,)
    return keys[:2], keys[2:4]


def addresses_of(end: Keys) -> NDArray[np.void]:
    """As 16 bytes each, IPv4 ones mapped."""
    columns = np.empty((len(end[0]), 16), np.uint8)
    if len(end) == 1:
        columns[:, :12] = np.frombuffer(MAPPED, np.uint8)
        columns[:, 12:] = end[0].astype("<u4").view(np.uint8).reshape(-1, 4)
    else:
        columns[:] = np.stack(end, 1).astype("<u8", copy=False).view(np.uint8).reshape(-1, 16)
    return columns.view("V16").ravel()


def both_ways(keys: Keys) -> Keys:
    """Keys that are the same for both directions of a flow."""
    here, there = ends_of(keys)
    last = keys[-1]
    source, destination = last >> _16 & _LOW16, last >> _32 & _LOW16
    swap = np.zeros(len(last), bool)
    tie = ~swap
    for one, other in zip((*here, source), (*there, destination), strict=True):
        swap |= tie & (one > other)
        tie &= one == other
    words = [np.where(swap, other, one) for one, other in zip(here, there, strict=True)]
    words += [np.where(swap, one, other) for one, other in zip(here, there, strict=True)]
    ports = np.where(swap, destination | source << _16, source | destination << _16)
    return (*words, ports | (last >> CODE_AT & U(7)) << _32)


def key_of(source: bytes, destination: bytes, transport: int, source_port: int, destination_port: int) -> Keys:
    """The key of one direction, from addresses of 16 bytes; columns of length 1."""
    ports = np.array([source_port, destination_port], ">u2").view("<u4").astype(np.uint64)
    last = ports << _16 | U(CODES[transport]) << CODE_AT
    if source[:12] == MAPPED == destination[:12]:
        both = np.frombuffer(source[12:] + destination[12:], "<u8").astype(np.uint64)
        return both & U((1 << 48) - 1), both >> U(48) | last
    words = np.frombuffer(source + destination, "<u8").astype(np.uint64)
    return (*(words[at : at + 1] for at in range(4)), last)
