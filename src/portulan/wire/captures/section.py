"""What a section of a pcapng file says of its packets: the byte order, and the interfaces they came by (draft-ietf-opsawg-pcapng 4.1, 4.2)."""

from __future__ import annotations

from struct import unpack_from

from portulan.model.record import Record
from portulan.wire.captures.clock import rate_of

MOST_INTERFACES = 65_536
"""Of one section. Packets of later ones are of an unknown interface."""
_END, _RESOLUTION, _OFFSET = 0, 9, 14
"""opt_endofopt, if_tsresol, if_tsoffset."""
_MICROSECONDS = 6


class Interface(Record):
    """Where packets were captured."""

    link: int
    """LINKTYPE; -1 of one that is not described."""
    snap: int
    """Most bytes captured of a packet; 0: all."""
    rate: int
    """Ticks a second; 0: not known."""
    offset_s: int
    """What is to be added to times."""


UNKNOWN = Interface(-1, 0, 0, 0)


class Section(Record):
    """What blocks say that came before, and the following ones depend on."""

    order: str
    interfaces: tuple[Interface, ...]


def parse_interface(block: memoryview, order: str) -> Interface:
    """An interface description block, of which 20 bytes are there at least. Options that are damaged, and all behind them, say nothing."""
    link, _, snap = unpack_from(order + "HHI", block, 8)
    resolution, offset_s = _MICROSECONDS, 0
    at, end = 16, len(block) - 4
    while at + 4 <= end:
        code, size = unpack_from(order + "HH", block, at)
        at += 4
        if code == _END or at + size > end:
            break
        if code == _RESOLUTION and size == 1:
            resolution = block[at]
        elif code == _OFFSET and size == 8:
            offset_s = unpack_from(order + "q", block, at)[0]
        at += size + 3 & ~3
    return Interface(link, snap, rate_of(resolution), offset_s)
