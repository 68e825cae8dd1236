"""Sets of addresses of one version, as sorted, disjoint, inclusive ranges of numbers that never touch."""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter

from portulan.model.address import format_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Range = tuple[int, int]
    Ranges = tuple[Range, ...]

BITS = {4: 32, 6: 128}


def join(ranges: Iterable[Range]) -> Ranges:
    """Any ranges, normalised."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = merged[-1][0], last
        else:
            merged.append((first, last))
    return tuple(merged)


def common(some: Sequence[Range], others: Sequence[Range]) -> Ranges:
    """What is in both. Quick where one of them has few ranges, however many the other has."""
    few, many = (some, others) if len(some) <= len(others) else (others, some)
    found: list[Range] = []
    for first, last in few:
        at = bisect_left(many, first, key=itemgetter(1))
        while at < len(many) and many[at][0] <= last:
            found.append((max(first, many[at][0]), min(last, many[at][1])))
            at += 1
    return tuple(found)


def without(some: Sequence[Range], others: Sequence[Range]) -> Ranges:
    """What is in the first and not in the second."""
    shared = common(some, others)
    if not shared:
        return tuple(some)
    found: list[Range] = []
    at, others = 0, shared
    for first, last in some:
        begin = first
        while at < len(others) and others[at][1] < begin:
            at += 1
        look = at
        while look < len(others) and others[look][0] <= last:
            if others[look][0] > begin:
                found.append((begin, others[look][0] - 1))
            begin = others[look][1] + 1
            look += 1
        if begin <= last:
            found.append((begin, last))
    return tuple(found)


def count(ranges: Iterable[Range]) -> int:
    """How many addresses."""
    return sum(last - first + 1 for first, last in ranges)


def network(version: int, number: int, prefix: int) -> Range:
    """The network of an address: its first `prefix` bits."""
    host = (1 << (BITS[version] - prefix)) - 1
    return number & ~host, number | host


def write(version: int, part: Range) -> str:
    """`198.18.0.1`, `198.18.0.0/24`, or `198.18.0.1-198.18.0.9` where it is no network."""
    first, last = part
    size = last - first + 1
    if size == 1:
        return address(version, first)
    if size & (size - 1) == 0 and first % size == 0:
        return f"{address(version, first)}/{BITS[version] - size.bit_length() + 1}"
    return f"{address(version, first)}-{address(version, last)}"


def address(version: int, number: int) -> str:
    """A written address."""
    return format_address(number.to_bytes(BITS[version] // 8))
