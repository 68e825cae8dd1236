"""Where a chain of records can be proved again behind damage.

A place is one if records follow one another from there on, each of which can be one and agrees with the one before, for PROOF bytes, which is more than
a packet that carries a capture in it holds; or to the very end of the file; or to a last record that is cut off, if there are some before it. The first record alone
does not prove itself: it is shorter than that. The earliest such place is taken. Which it is depends on the bytes alone, not on how much of them is looked at at once.
"""

from __future__ import annotations

from struct import unpack_from

import numpy as np

from portulan.model.record import Record
from portulan.wire.captures.gather import words_at
from portulan.wire.captures.magic import LARGEST_RECORD, SECTION, section_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from portulan.wire.captures.magic import Pcap

PROOF = 1 << 18
CHUNK = 1 << 20
"""Most places that are looked at before the earliest is told."""
AHEAD = PROOF + LARGEST_RECORD
"""Bytes that must be there behind a place, unless the file ends before."""
_FIRST_CHUNK = 1 << 14
_SOME = 8
"""Records before one that is cut off."""
_DAY_S = 86_400
"""Of packets that follow one another, times are no farther apart."""
_LONGEST = 1 << 24


class Seeming(Record):
    """What could be a record, if what it leads to is one."""

    at: int
    next: int
    kind: str
    """Only of the same kind is one that follows it. Byte orders, in pcapng."""
    second: int = 0
    begins: bool = True
    """Whether the chain can begin here."""


def find(
    seem: Callable[[int, int], Iterable[Seeming]],
    low: int,
    have: int,
    *,
    at_end: bool,
    ahead: int,
    head: int,
    kind_at: Callable[[int, str], str],
) -> tuple[int, int]:
    """The earliest place from `low` on, or -1; and up to where that is sure.

    `seem(low, high)`: all that seem records and begin there; `ahead`: places with so much behind them are sure, AHEAD for the truth; `head`: the least bytes of a record; `kind_at(at, kind)`: what one is that follows one of that kind.
    """
    chunk = _FIRST_CHUNK
    while True:
        high = min(low + chunk, have if at_end else have - ahead)
        if high <= low:
            return -1, low
        horizon = min(high + PROOF, have)
        best = _earliest(seem(low, horizon), high, horizon, have if at_end else None, head, kind_at)
        if best >= 0:
            return best, best
        low, chunk = high, min(4 * chunk, CHUNK)


def _earliest(
    seeming: Iterable[Seeming], high: int, horizon: int, file_end: int | None, head: int, kind_at: Callable[[int, str], str]
) -> int:
    """Of places below `high`, going backwards from the horizon: each knows how far the chain goes from the one it leads to."""
    reach: dict[tuple[int, str], tuple[int, int, int]] = {}
    best = -1
    for at, behind, kind, second, begins in sorted(seeming, reverse=True):
        far, count = behind, 1
        if behind < horizon:
            known = reach.get((behind, kind_at(behind, kind)))
            if known is not None and abs(known[2] - second) <= _DAY_S:
                far, count = known[0], known[1] + 1
        reach[at, kind] = far, count, second
        ends = file_end is not None and (far == file_end or (far > file_end - head and count > _SOME))
        if begins and at < high and behind - at < PROOF and (far - at >= PROOF or ends):
            best = at
    return best


def seem_pcap(head: Pcap, buffer: NDArray[np.uint8], have: int) -> Callable[[int, int], Iterable[Seeming]]:
    """Of a pcap file: something captured, no more than there was, at a time that can be."""
    most_part = 10**9 // head.tick_ns

    def seem(low: int, high: int) -> Iterable[Seeming]:
        for phase in range(4):
            seconds, part, captured, length = _columns(buffer, low + phase, min(high, have - head.header + 1), head.order, 4)
            if head.captured_at != 8:
                captured, length = length, captured
            can = (captured - np.uint32(1) < head.limit) & (part < most_part) & (captured <= length) & (length < _LONGEST)
            for row in np.flatnonzero(can).tolist():
                at = low + phase + 4 * row
                yield Seeming(at, at + head.header + int(captured[row]), "", int(seconds[row]))

    return seem


def seem_pcapng(
    order: str, buffer: NDArray[np.uint8], have: int, sound: Callable[[int, int, str], bool], *, at_end: bool
) -> Callable[[int, int], Iterable[Seeming]]:
    """Of a pcapng file: blocks whose lengths agree. `sound(at, size, order)`: whether what is in one can be."""
    memory = memoryview(buffer)  # type: ignore[arg-type]

    def seem(low: int, high: int) -> Iterable[Seeming]:
        for phase in range(4):
            for way in "<>":
                kinds, sizes = _columns(buffer, low + phase, min(high, have - 11), way, 2)
                can = (sizes >= 12) & (sizes <= LARGEST_RECORD) & (sizes & 3 == 0)
                rows = np.flatnonzero(can)
                at, size = low + phase + 4 * rows, sizes[rows].astype(np.int64)
                inside = at + size <= have
                (trailer,) = words_at(buffer, np.where(inside, at + size - 4, at))
                trailer &= np.uint64(0xFFFFFFFF)
                agreed = ~inside | ((trailer.astype(np.uint32).byteswap() if way == ">" else trailer) == size)
                for row in np.flatnonzero(agreed).tolist():
                    place, behind = int(at[row]), int(at[row] + size[row])
                    section = int(kinds[rows[row]]) == SECTION
                    if section and section_order(memory, place) != way:
                        continue
                    if at_end if behind > have else sound(place, behind - place, way):
                        yield Seeming(place, behind, way, begins=section or way == order)

    return seem


def kind_at(buffer: NDArray[np.uint8], have: int) -> Callable[[int, str], str]:
    """A section says itself of which byte order it is; other blocks are of that of the block before."""
    memory = memoryview(buffer)  # type: ignore[arg-type]

    def kind(at: int, before: str) -> str:
        if at + 12 <= have and unpack_from("<I", memory, at)[0] == SECTION:
            return section_order(memory, at) or before
        return before

    return kind


def _columns(buffer: NDArray[np.uint8], low: int, high: int, order: str, count: int) -> list[NDArray[np.uint32]]:
    """The first numbers of what would begin at low, low + 4, … below high."""
    rows = max(-(-(high - low) // 4), 0)
    numbers = buffer[low : low + 4 * (rows + count - 1)].view(order + "u4").astype(np.uint32) if rows else np.zeros(count - 1, np.uint32)
    return [numbers[field : field + rows] for field in range(count)]
