"""Netlink messages and attributes (Linux include/uapi/linux/netlink.h), without a socket.

A message is a 16-byte header `length:u32 type:u16 flags:u16 sequence:u32 port:u32` and a payload; attributes are `length:u16 type:u16 value`,
each padded to four bytes. All numbers are in host order, except where a subsystem says otherwise.
"""

from __future__ import annotations

from struct import Struct, pack

from portulan.errors import ParseError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NOOP, ERROR, DONE = 1, 2, 3
REQUEST, ACK, DUMP, CREATE, EXCLUSIVE, REPLACE = 0x1, 0x4, 0x300, 0x400, 0x200, 0x100
DUMP_INTERRUPTED = 0x10
HEADER_SIZE = 16
NESTED = 0x8000
_TYPE_MASK = 0x3FFF
_HEADER = Struct("=IHHII")
_ATTRIBUTE = Struct("=HH")


def align(length: int) -> int:
    """`length` rounded up to the four bytes that netlink pads to."""
    return (length + 3) & ~3


def build_message(kind: int, flags: int, payload: bytes, sequence: int = 0) -> bytes:
    """One message, ready to send."""
    return _HEADER.pack(HEADER_SIZE + len(payload), kind, flags, sequence, 0) + payload


def build_attribute(kind: int, value: bytes | str | int) -> bytes:
    """One attribute: bytes as they are, text with its terminating zero, an int as u32 in host order."""
    if isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, int):
        value = pack("=I", value)
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)


def iterate_messages(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (type, flags, start, end) of each message's payload in `data`. Raises ParseError for a length that cannot be."""
    offset, size = 0, len(data)
    while offset < size:
        if size - offset < HEADER_SIZE:
            raise ParseError("netlink.truncated", offset=offset)
        length, kind, flags, _, _ = _HEADER.unpack_from(data, offset)
        if not HEADER_SIZE <= length <= size - offset:
            raise ParseError("netlink.truncated", offset=offset)
        yield kind, flags, offset + HEADER_SIZE, offset + length
        offset += align(length)


def iterate_attributes(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (type, start, end) of each attribute's value between two offsets. Raises ParseError for a length that cannot be."""
    offset = start
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if not 4 <= length <= end - offset:
            raise ParseError("netlink.truncated", offset=offset)
        yield kind & _TYPE_MASK, offset + 4, offset + length
        offset += align(length)


def parse_attributes(data: bytes, start: int, end: int) -> dict[int, bytes]:
    """All attributes as type -> value; of a repeated type the last. Raises ParseError."""
    return {kind: data[first:last] for kind, first, last in iterate_attributes(data, start, end)}


def parse_error(data: bytes, start: int, end: int) -> int:
    """The errno (positive, 0 for an acknowledgement) of an ERROR message's payload, or of a DONE that carries one. Raises ParseError."""
    if end - start < 4:
        raise ParseError("netlink.truncated", offset=start)
    return -int.from_bytes(data[start : start + 4], "little" if pack("=H", 1)[0] else "big", signed=True)


def ends_with_answer(data: bytes) -> bool:
    """Whether a buffer of answers of one length plainly ends with another of them, so that it holds no DONE or ERROR (which come last).

    False only means that the messages must be walked to know.
    """
    if len(data) < HEADER_SIZE:
        return False
    length, kind, _, _, _ = _HEADER.unpack_from(data)
    if length <= HEADER_SIZE + 4 or length % 4 or len(data) % length or kind in (DONE, ERROR):
        return False
    return data[-length : 6 - length] == data[:6]
