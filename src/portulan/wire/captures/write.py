"""Captures that are written: pcapng (draft-ietf-opsawg-pcapng), with times in nanoseconds, in the byte order that most readers have.

Many packets become blocks at once: numpy writes what stands around them, and each packet is copied once.
"""

from __future__ import annotations

from struct import pack

import numpy as np

from portulan.wire.captures.magic import ORDER_MARK, SECTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.int64]

_INTERFACE, _STATISTICS, _ENHANCED = 1, 5, 6
_END, _NAME, _APPLICATION, _RESOLUTION, _RECEIVED, _DROPPED = 0, 2, 4, 9, 4, 5
_AROUND = 32
"""Bytes of an enhanced packet block beside its packet."""
_LONGEST_OPTION = 0xFFFF


def build_section(application: str) -> bytes:
    """How the file begins: a section header block."""
    return _block(SECTION, pack("<IHHq", ORDER_MARK, 1, 0, -1) + _option(_APPLICATION, application.encode()) + _option(_END, b""))


def build_interface(name: str, link: int, snap: int) -> bytes:
    """An interface description block. Packets name it by its place among those of the file, from 0. `link`: LINKTYPE; `snap`: most bytes of a packet."""
    options = _option(_NAME, name.encode()) + _option(_RESOLUTION, b"\x09") + _option(_END, b"")
    return _block(_INTERFACE, pack("<HHI", link, 0, snap) + options)


def build_statistics(interface: int, now_ns: int, received: int, dropped: int) -> bytes:
    """An interface statistics block: what an interface brought, and what was lost of it."""
    options = _option(_RECEIVED, pack("<Q", received)) + _option(_DROPPED, pack("<Q", dropped)) + _option(_END, b"")
    return _block(_STATISTICS, pack("<III", interface, now_ns >> 32, now_ns & 0xFFFFFFFF) + options)


def build_packets(
    buffer: NDArray[np.uint8], interface: Column | int, time_ns: Column, start: Column, captured: Column, length: Column
) -> bytearray:
    """Enhanced packet blocks of the packets that begin at `start` in the buffer; the other columns as in `traffic.batch.Batch`."""
    padded = captured + 3 & ~np.int64(3)
    ends = np.cumsum(padded + _AROUND)
    data = bytearray(int(ends[-1]) if len(ends) else 0)
    words = np.frombuffer(data, "<u4")
    first = ends - padded - _AROUND >> 2
    size = padded + _AROUND
    for field, column in enumerate((_ENHANCED, size, interface, time_ns >> 32, time_ns & 0xFFFFFFFF, captured, length)):
        words[first + field] = column
    words[(ends >> 2) - 1] = size
    source, target = memoryview(buffer), memoryview(data)  # type: ignore[arg-type]
    frames = (first << 2) + 28
    for begin, end, at, behind in zip(*(column.tolist() for column in (frames, frames + captured, start, start + captured)), strict=True):
        target[begin:end] = source[at:behind]
    return data


def _option(code: int, value: bytes) -> bytes:
    value = value[:_LONGEST_OPTION]
    return pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = pack("<I", len(body) + 12)
    return pack("<I", kind) + size + body + size
