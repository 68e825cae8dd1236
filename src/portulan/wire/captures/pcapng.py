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


_FORMS = {order: Form(order, 4, 0, 8, 12, LARGEST_RECORD, blocks=True) for order in "<>"}
"""How blocks follow one another."""


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
        blocks, end, sound = self._chain(buffer, start, stop, have)
        bad = blocks.bad()
        if bad.any():
            first = int(bad.argmax())
            self.order = blocks.order(first)
            end, sound = int(blocks.offsets[first]), False
            blocks = blocks.before(first)
        return Taken(self._packets(buffer, blocks), end, sound)

    def _chain(self, buffer: NDArray[np.uint8], start: int, stop: int, have: int) -> tuple[_Blocks, int, bool]:
        """Blocks one behind the other, whatever the byte order of the section they stand in."""
        parts: list[tuple[Column, str]] = []
        end, sound, reach = start, True, stop - start
        while sound and end < stop and have - end >= 8:
            order = self._order_at(buffer, end, have)
            if not order:
                sound = order is None
                break
            self.order, came = order, end
            offsets, end, sound = walk(Window(_FORMS[order], buffer, have, _guesses), end, min(stop, end + reach))
            turn = _turn(buffer, offsets, order)
            if turn >= 0:
                offsets, end, sound = offsets[:turn], int(offsets[turn]), False
            parts.append((offsets, order))
            if not sound:
                order = self._order_at(buffer, end, have)
                sound, reach = order is None or order not in ("", self.order), STRIDE
            if end == came:
                break
            reach *= 4
        return _Blocks(buffer, parts, end), end, sound

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

    def _packets(self, buffer: NDArray[np.uint8], blocks: _Blocks) -> Packets:
        kinds = blocks.kinds
        known = _Interfaces(self.interfaces)
        control = (kinds == SECTION) | (kinds == INTERFACE)
        for row in np.flatnonzero(control).tolist():
            if kinds[row] == SECTION:
                known.begin(row)
            elif known.room():
                at = int(blocks.offsets[row])
                block = memoryview(buffer)[at : at + int(blocks.sizes[row])]  # type: ignore[arg-type]
                known.add(row, parse_interface(block, blocks.order(row)))
        self.interfaces = known.current()
        held = (kinds == ENHANCED) | (kinds == OBSOLETE) | (kinds == SIMPLE)
        rows = np.arange(len(kinds)) if held.all() else np.flatnonzero(held)
        return _columns(blocks if len(rows) == len(kinds) else blocks.rows(rows), rows, known)


class _Blocks:
    """Blocks in a buffer, and the numbers in them."""

    def __init__(self, buffer: NDArray[np.uint8], parts: list[tuple[Column, str]], end: int) -> None:
        """`parts`: where blocks begin, by the byte order of their sections; `end`: where the last of all ends."""
        self.words = buffer.view("<u4")
        self.offsets = parts[0][0] if len(parts) == 1 else np.concatenate([offsets for offsets, _ in parts] or [np.zeros(0, np.int64)])
        self.sizes = np.append(self.offsets[1:], end) - self.offsets
        self.swapped: NDArray[np.bool_] | bool
        if len({order for _, order in parts}) > 1:
            self.swapped = np.concatenate([np.full(len(offsets), order == ">") for offsets, order in parts])
        else:
            self.swapped = bool(parts) and parts[0][1] == ">"
        self.kinds = self.number(0)

    def number(self, field: int) -> Numbers:
        """The number at the place `4 * field` of each."""
        taken = self.words[field:].take(self.offsets >> 2)
        if isinstance(self.swapped, bool):
            return taken.byteswap() if self.swapped else taken
        return np.where(self.swapped, taken.byteswap(), taken)

    def half(self, number: Numbers) -> Numbers:
        """Of numbers that are two of 16 bits: the first."""
        if isinstance(self.swapped, bool):
            return number >> np.uint32(16) if self.swapped else number & np.uint32(0xFFFF)
        return np.where(self.swapped, number >> np.uint32(16), number & np.uint32(0xFFFF))

    def order(self, row: int) -> str:
        """Of one."""
        return ">" if (self.swapped if isinstance(self.swapped, bool) else self.swapped[row]) else "<"

    def before(self, row: int) -> _Blocks:
        """Without those from one on."""
        return self.rows(slice(row))

    def rows(self, rows: Column | slice) -> _Blocks:
        """Some of them."""
        some = _Blocks.__new__(_Blocks)
        some.words, some.offsets, some.sizes, some.kinds = self.words, self.offsets[rows], self.sizes[rows], self.kinds[rows]
        some.swapped = self.swapped if isinstance(self.swapped, bool) else self.swapped[rows]
        return some

    def bad(self) -> NDArray[np.bool_]:
        """Those whose lengths agree and that all the same can not be."""
        kinds, sizes = self.kinds, self.sizes
        held = (kinds == ENHANCED) | (kinds == OBSOLETE)
        bad: NDArray[np.bool_] = held & (self.number(5) > sizes - LEAST[ENHANCED])
        if held.all():
            return bad
        for kind in (SECTION, INTERFACE, SIMPLE):
            bad |= (kinds == kind) & (sizes < LEAST[kind])
        sections = kinds == SECTION
        if sections.any():
            bad |= sections & (self.half(self.number(3)) != 1)
        return bad


def _turn(buffer: NDArray[np.uint8], offsets: Column, order: str) -> int:
    """The first section of these that is not of this byte order, or -1: its length may read the same either way."""
    words = buffer.view("<u4")
    sections = np.flatnonzero(words.take(offsets >> 2) == SECTION)
    if not len(sections):
        return -1
    marks = words[2:].take(offsets[sections] >> 2)
    others = sections[(marks.byteswap() if order == ">" else marks) != ORDER_MARK]
    return int(others[0]) if len(others) else -1


def _columns(blocks: _Blocks, rows: Column, known: _Interfaces) -> Packets:
    """Of blocks that hold packets; `rows`: which they are of those that the interfaces were told of."""
    place, kinds = blocks.offsets, blocks.kinds
    number, captured, length = blocks.number(2), blocks.number(5).astype(np.int64), blocks.number(6).astype(np.int64)
    ticks = blocks.number(3).astype(np.uint64) << np.uint64(32) | blocks.number(4)
    start = place + 28
    simple = np.flatnonzero(kinds == SIMPLE)
    if not (kinds == ENHANCED).all():
        length[simple] = number[simple]
        number = np.where(kinds == OBSOLETE, blocks.half(number), np.where(kinds == SIMPLE, np.uint32(0), number))
    which = known.of(rows, number)
    link, time_ns = known.describe(which, ticks)
    if len(simple):
        start[simple] = place[simple] + 12
        time_ns[simple] = 0
        room = np.minimum(length[simple], blocks.sizes[simple] - 16)
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


def _guesses(window: Window, lows: Column, last: int) -> list[int]:
    return [_guess(window, low, min(low + STRIDE, last + 1)) for low in lows.tolist()]


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
