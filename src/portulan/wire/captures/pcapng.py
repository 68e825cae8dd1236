"""The blocks of a pcapng file (draft-ietf-opsawg-pcapng): those that hold packets become columns, those that say of them what they are become state."""

from __future__ import annotations

from struct import pack, unpack_from

import numpy as np

from portulan.wire.captures.chain import STRIDE, Form, Window, agree, walk
from portulan.wire.captures.clock import nanoseconds
from portulan.wire.captures.magic import HEAD, LARGEST_RECORD, ORDER_MARK, SECTION, section_order
from portulan.wire.captures.packets import Packets, Taken
from portulan.wire.captures.resync import AHEAD, find, kind_at, seem_pcapng
from portulan.wire.captures.section import MOST_INTERFACES, UNKNOWN, Interface, Section, parse_interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.int64]
    Numbers = NDArray[np.uint32]

INTERFACE, OBSOLETE, SIMPLE, ENHANCED = 1, 2, 3, 6
LEAST = {SECTION: HEAD, INTERFACE: 20, OBSOLETE: 32, SIMPLE: 16, ENHANCED: 32}
"""Bytes of a block with nothing in it."""
_STEP = 2048
_TRIES = 64


def blocks_of(order: str) -> Form:
    """How blocks follow one another."""
    return Form(order, 4, 0, 8, 12, LARGEST_RECORD, blocks=True)


class PcapngReader:
    """Reads windows of a pcapng file one after the other, and keeps what blocks said that the following ones depend on."""

    def __init__(self, state: Section | None = None) -> None:
        """`state`: what came before; None: the beginning of the file."""
        self.order = state.order if state else "<"
        self.interfaces = list(state.interfaces) if state else []

    @property
    def state(self) -> Section:
        """For who reads on from here."""
        return Section(self.order, tuple(self.interfaces))

    def take(self, buffer: NDArray[np.uint8], start: int, stop: int, have: int) -> Taken:
        """Records that begin in [start, stop) and are there as a whole; `have` bytes of the buffer are of the file. `start` is a multiple of 4."""
        parts: list[Packets] = []
        end, sound, reach = start, True, stop - start
        while sound and end < stop and have - end >= 8:
            order = self._order_at(buffer, end, have)
            if not order:
                sound = order is None
                break
            self.order = order
            came = end
            packets, end, sound = self._section(buffer, end, min(stop, end + reach), have)
            parts.append(packets)
            if not sound:
                order = self._order_at(buffer, end, have)
                sound, reach = order is None or order not in ("", self.order), STRIDE
            if end == came:
                break
            reach *= 4
        return Taken(_joined(parts), end, sound)

    def find(self, buffer: NDArray[np.uint8], low: int, have: int, *, at_end: bool, ahead: int = AHEAD) -> tuple[int, int]:
        """Where from `low` on a chain of blocks can be proved, or -1; and up to where that is sure."""
        seem = seem_pcapng(self.order, buffer, have, lambda at, size, order: _can_be(buffer, at, size, order), at_end=at_end)
        return find(seem, low, have, at_end=at_end, ahead=ahead, head=12, kind_at=kind_at(buffer, have))

    def _order_at(self, buffer: NDArray[np.uint8], at: int, have: int) -> str | None:
        """The byte order of the block there: its own if it begins a section. Empty: that does not say; None: it is not all there."""
        memory = memoryview(buffer)  # type: ignore[arg-type]
        if unpack_from("<I", memory, at)[0] != SECTION:
            return self.order
        return (section_order(memory, at) or "") if have - at >= 12 else None

    def _section(self, buffer: NDArray[np.uint8], start: int, stop: int, have: int) -> Taken:
        """Blocks of one byte order: to the first section of another, and then that is not sound."""
        offsets, end, sound = walk(Window(blocks_of(self.order), buffer, have, _guess), start, stop)
        words = buffer.view("<u4")
        kinds = self._numbers(words, offsets >> 2)
        sizes = np.diff(offsets, append=end)
        bad = self._bad(words, offsets >> 2, kinds, sizes)
        if bad.any():
            first = int(bad.argmax())
            end, sound = int(offsets[first]), False
            offsets, kinds, sizes = offsets[:first], kinds[:first], sizes[:first]
        return Taken(self._packets(buffer, offsets, kinds, sizes), end, sound)

    def _numbers(self, words: Numbers, index: Column) -> Numbers:
        taken = words.take(index)
        return taken.byteswap() if self.order == ">" else taken

    def _bad(self, words: Numbers, index: Column, kinds: Numbers, sizes: Column) -> NDArray[np.bool_]:
        """Blocks whose lengths agree and that all the same can not be."""
        held = (kinds == ENHANCED) | (kinds == OBSOLETE)
        bad: NDArray[np.bool_] = held & (self._numbers(words[5:], index) > sizes - LEAST[ENHANCED])
        if held.all():
            return bad
        for kind in (SECTION, INTERFACE, SIMPLE):
            bad |= (kinds == kind) & (sizes < LEAST[kind])
        sections = np.flatnonzero(kinds == SECTION)
        if len(sections):
            at = index[sections]
            version = self._numbers(words[3:], at)
            major = version & 0xFFFF if self.order == "<" else version >> 16
            bad[sections] |= (self._numbers(words[2:], at) != ORDER_MARK) | (major != 1)
        return bad

    def _packets(self, buffer: NDArray[np.uint8], offsets: Column, kinds: Numbers, sizes: Column) -> Packets:
        words = buffer.view("<u4")
        control = np.flatnonzero((kinds == SECTION) | (kinds == INTERFACE))
        known = _Interfaces(self.interfaces)
        for row in control.tolist():
            if kinds[row] == SECTION:
                known.begin(row)
            elif known.room():
                at = int(offsets[row])
                known.add(row, parse_interface(memoryview(buffer)[at : at + int(sizes[row])], self.order))  # type: ignore[arg-type]
        self.interfaces = known.current()
        rows = np.arange(len(kinds)) if not len(control) else np.flatnonzero((kinds != SECTION) & (kinds != INTERFACE))
        kind = kinds[rows] if len(control) else kinds
        if not (kind == ENHANCED).all():
            rows = rows[(kind == ENHANCED) | (kind == OBSOLETE) | (kind == SIMPLE)]
            kind = kinds[rows]
        whole = len(rows) == len(offsets)
        place, size = (offsets, sizes) if whole else (offsets[rows], sizes[rows])
        return self._columns(words, rows, place, size, kind, known)

    def _columns(self, words: Numbers, rows: Column, place: Column, size: Column, kind: Numbers, known: _Interfaces) -> Packets:
        index = place >> 2
        number, high, low = (self._numbers(words[field:], index) for field in (2, 3, 4))
        captured, length = (self._numbers(words[field:], index).astype(np.int64) for field in (5, 6))
        ticks = high.astype(np.uint64) << np.uint64(32) | low
        start = place + 28
        other = np.flatnonzero(kind != ENHANCED)
        simple = other[kind[other] == SIMPLE]
        if len(other):
            old = other[kind[other] == OBSOLETE]
            number[old] = number[old] & 0xFFFF if self.order == "<" else number[old] >> 16
            length[simple] = number[simple]
            number[simple] = 0
        which = known.of(rows, number)
        link, time_ns = known.describe(which, ticks)
        if len(simple):
            start[simple] = place[simple] + 12
            time_ns[simple] = 0
            room = np.minimum(length[simple], size[simple] - 16)
            captured[simple] = np.minimum(room, known.snap(which[simple] if isinstance(which, np.ndarray) else which))
        return Packets(start, captured, length, time_ns, link, place)


class _Interfaces:
    """Which interfaces a window's blocks speak of. The distinct ones are kept once, however often they are described."""

    def __init__(self, begun: list[Interface]) -> None:
        self.distinct: dict[Interface, int] = {UNKNOWN: 0}
        self.numbers = [self._number(interface) for interface in begun]
        self.base = 0
        self.changes: list[tuple[int, int, int]] = [(-1, 0, len(begun))]
        """From which row on, where the section's interfaces begin in `numbers`, and how many there are by then."""

    def _number(self, interface: Interface) -> int:
        return self.distinct.setdefault(interface, len(self.distinct))

    def begin(self, row: int) -> None:
        """A section."""
        self.base = len(self.numbers)
        self.changes.append((row, self.base, 0))

    def room(self) -> bool:
        """Whether the section may have one more."""
        return len(self.numbers) - self.base < MOST_INTERFACES

    def add(self, row: int, interface: Interface) -> None:
        """An interface description."""
        self.numbers.append(self._number(interface))
        self.changes.append((row, self.base, len(self.numbers) - self.base))

    def current(self) -> list[Interface]:
        """Of the section that is going on."""
        named = list(self.distinct)
        return [named[number] for number in self.numbers[self.base :]]

    def of(self, rows: Column, number: Numbers) -> Column | int:
        """The distinct interface of each packet, or of all: of the section it stands in, and described before it; 0: none such."""
        if len(self.changes) == 1 and len(self.numbers) == 1 and not number.any():
            return self.numbers[0]
        at, bases, counts = np.array(self.changes, np.int64).T
        segment = np.searchsorted(at, rows, "right") - 1
        described = number < counts[segment]
        index = np.where(described, bases[segment] + number, 0)
        which = np.where(described, np.array([*self.numbers, 0], np.int64)[index], 0)
        return int(which[0]) if len(which) and (which == which[0]).all() else which

    def describe(self, which: Column | int, ticks: NDArray[np.uint64]) -> tuple[Column | int, Column]:
        """LINKTYPEs, and times in nanoseconds since 1970."""
        named = list(self.distinct)
        if isinstance(which, int):
            one = named[which]
            return one.link, nanoseconds(ticks, one.rate, one.offset_s)
        links, offsets = (np.array(column, np.int64) for column in zip(*((one.link, one.offset_s) for one in named), strict=True))
        rates = [one.rate for one in named]
        time_ns = np.zeros(len(ticks), np.int64)
        distinct = sorted(set(rates))
        kind = np.array([distinct.index(rate) for rate in rates])[which]
        for index, rate in enumerate(distinct):
            rows = np.flatnonzero(kind == index)
            time_ns[rows] = nanoseconds(ticks[rows], rate, offsets[which[rows]])
        return links[which], time_ns

    def snap(self, which: Column | int) -> Column:
        """Most bytes captured of a packet."""
        return np.array([one.snap or LARGEST_RECORD for one in self.distinct], np.int64)[which]


def _can_be(buffer: NDArray[np.uint8], at: int, size: int, order: str) -> bool:
    """Of one block whose lengths agree: what `_bad` says of many."""
    memory = memoryview(buffer)  # type: ignore[arg-type]
    (kind,) = unpack_from(order + "I", memory, at)
    if size < LEAST.get(kind, 12):
        return False
    if kind in (ENHANCED, OBSOLETE):
        return bool(unpack_from(order + "I", memory, at + 20)[0] <= size - 32)
    return kind != SECTION or (section_order(memory, at) == order and unpack_from(order + "H", memory, at + 12)[0] == 1)


def _joined(parts: list[Packets]) -> Packets:
    if len(parts) == 1:
        return parts[0]
    parts = [part for part in parts if len(part.place)]
    if not parts:
        none = np.zeros(0, np.int64)
        return Packets(none, none, none, none, 0, none)
    links = {part.link for part in parts if isinstance(part.link, int)}
    link: Column | int
    if len(links) == 1 and all(isinstance(part.link, int) for part in parts):
        link = links.pop()
    else:
        link = np.concatenate([np.broadcast_to(np.asarray(part.link, np.int64), len(part.place)) for part in parts])
    start, captured, length, time_ns, place = (np.concatenate([part[field] for part in parts]) for field in (0, 1, 2, 3, 5))
    return Packets(start, captured, length, time_ns, link, place)


def _guess(window: Window, low: int, high: int) -> int:
    """An enhanced packet block whose lengths agree, or -1."""
    memory, pattern = window.memory, pack(window.form.order + "I", ENHANCED)
    left = _TRIES
    for part in range(low + 3 & ~3, high, _STEP):
        piece = bytes(memory[part : min(part + _STEP, high) + 3])
        at = piece.find(pattern)
        while at >= 0:
            if not (part + at) & 3 and part + at < high and agree(window, part + at, _any_size):
                return part + at
            left -= 1
            if not left:
                return -1
            at = piece.find(pattern, at + 1)
    return -1


def _any_size(_at: int, _size: int) -> bool:
    return True
