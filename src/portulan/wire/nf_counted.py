"""What a recording table has seen, as the kernel lists it: a named counter, and a set of four-byte numbers with as many elements as there are.

Linux include/uapi/linux/netfilter/nf_tables.h; numbers in network order.
"""

from __future__ import annotations

from struct import pack

import numpy as np

from portulan.errors import ParseError
from portulan.wire.netlink import NESTED, build_attribute, iterate_attributes, parse_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUBSYSTEM = 10 << 8
GET_OBJECT = _SUBSYSTEM | 19
_HEADER = 4
"""struct nfgenmsg."""
_FAMILIES = {"inet": 1, "netdev": 5}
_TABLE, _NAME, _TYPE, _DATA = 1, 2, 3, 4
_COUNTER, _PACKETS = 1, 2
_LIST, _KEY, _VALUE = 3, 1, 1
_WIDTH = 4
_HEADS = tuple(pack("=HHHH", 8 + _WIDTH, _KEY | nested, 4 + _WIDTH, _VALUE) for nested in (0, NESTED))
"""What stands before a number in its element; kernels do without the flag for nested attributes here."""


def build_counter_query(family: str, table: str, name: str) -> bytes:
    """The payload of a question about one named counter."""
    kind = build_attribute(_TYPE, _COUNTER.to_bytes(4))
    return bytes([_FAMILIES[family], 0, 0, 0]) + build_attribute(_TABLE, table) + build_attribute(_NAME, name) + kind


def parse_counter(data: bytes, start: int, end: int) -> int:
    """How many packets it has counted. Raises ParseError."""
    facts = parse_attributes(data, start + _HEADER, end)
    inner = facts.get(_DATA, b"")
    return int.from_bytes(parse_attributes(inner, 0, len(inner)).get(_PACKETS, b""))


def parse_numbers(data: bytes, start: int, end: int) -> NDArray[np.uint32]:
    """The numbers in one message of a listing of a set whose keys are four bytes. Raises ParseError.

    All elements of such a set are built alike: they are read as one matrix, and only where they are not one by one.
    """
    parts = []
    for kind, first, last in iterate_attributes(data, start + _HEADER, end):
        if kind == _LIST and last > first:
            parts.append(_alike(data, first, last))
    return np.concatenate(parts) if parts else np.zeros(0, np.uint32)


def _alike(data: bytes, first: int, last: int) -> NDArray[np.uint32]:
    size = int.from_bytes(data[first : first + 2], "little" if np.little_endian else "big")
    count, rest = divmod(last - first, size or 1)
    if size >= 16 and size % 4 == 0 and not rest:
        words = np.frombuffer(data, np.uint32, (last - first) // 4, first).reshape(count, size // 4)
        # The element, its key, the key's value: their three heads are the same in every row, and what follows the value too.
        if (words[:, :3] == words[0, :3]).all() and data[first + 4 : first + 12] in _HEADS:
            return words[:, 3].byteswap() if np.little_endian else words[:, 3].copy()
    return np.array([_one(data, begin, stop) for _, begin, stop in iterate_attributes(data, first, last)], np.uint32)


def _one(data: bytes, start: int, end: int) -> int:
    key = parse_attributes(data, start, end).get(_KEY, b"")
    value = parse_attributes(key, 0, len(key)).get(_VALUE, b"")
    if len(value) != _WIDTH:
        raise ParseError("netlink.truncated", offset=start)
    return int.from_bytes(value)
