"""Blocks of a pcapng file that is written while packets come (draft-ietf-opsawg-pcapng).

One section, its interfaces as they turn up, packets with a clock of nanoseconds, and at the end what each interface lost.
"""

from __future__ import annotations

from struct import Struct, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0A0D0D0A, 1, 5, 6
_ORDER = 0x1A2B3C4D
_END, _NAME, _CLOCK, _FILTER, _APPLICATION = 0, 2, 9, 11, 4
_RECEIVED, _DROPPED = 4, 5
_NANOSECONDS = 9
_HEAD = Struct("=IIIIIII")
_FIXED = 32


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return pack("=HH", code, len(value)) + _padded(value)


def _block(kind: int, body: bytes) -> bytes:
    length = pack("=I", len(body) + 12)
    return pack("=I", kind) + length + body + length


def build_section(application: str) -> bytes:
    """How the file begins."""
    options = _option(_APPLICATION, application.encode()) + _option(_END, b"")
    return _block(_SECTION, pack("=IHHq", _ORDER, 1, 0, -1) + options)


def build_interface(name: str, link: int, snap: int) -> bytes:
    """An interface; packets name it by its place among those of the file, from 0. `link`: LINKTYPE."""
    options = _option(_NAME, name.encode()) + _option(_CLOCK, bytes([_NANOSECONDS])) + _option(_END, b"")
    return _block(_INTERFACE, pack("=HHI", link, 0, snap) + options)


def build_statistics(interface: int, now_ns: int, received: int, dropped: int) -> bytes:
    """What an interface brought, and what was lost of it."""
    options = _option(_RECEIVED, pack("=Q", received)) + _option(_DROPPED, pack("=Q", dropped)) + _option(_END, b"")
    return _block(_STATISTICS, pack("=III", interface, now_ns >> 32, now_ns & 0xFFFF_FFFF) + options)


def packet_blocks(
    data: memoryview, columns: Iterable[tuple[int, int, int, int, int]],
) -> Iterable[bytes | memoryview]:  # fmt: skip
    """The pieces of enhanced packet blocks, for (interface, time in ns, where it begins in `data`, bytes there, bytes on the wire) of each packet."""
    head, length_of, padding = _HEAD.pack, Struct("=I").pack, (b"", b"\0\0\0", b"\0\0", b"\0")
    for interface, time_ns, start, captured, length in columns:
        size = _FIXED + captured + (-captured & 3)
        yield head(_PACKET, size, interface, time_ns >> 32, time_ns & 0xFFFF_FFFF, captured, length)
        yield data[start : start + captured]
        yield padding[captured & 3] + length_of(size)
