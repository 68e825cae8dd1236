"""All senders x all ports of one IP version at once, lane by lane, in packed bits."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from portulan.guard.classes import Classes
from portulan.guard.first_match import FirstMatch
from portulan.guard.walk import ACCEPT, REJECT
from portulan.model.reach import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from portulan.guard.lanes import Lane
    from portulan.guard.paths import Paths
    from portulan.guard.walk import Layer

    Ints: TypeAlias = NDArray[np.intp]
    Bools: TypeAlias = NDArray[np.bool_]
    Cell: TypeAlias = tuple[Outcome, int | None, tuple[int, ...], Lane]
    """(outcome, number of the deciding rule, rules it depends on, lane it ended in)."""

_STEP = 4_000_000
"""Cells worked on at a time."""
_NOTHING = 1 << 40
_BYTES = 8
"""Bytes of each row that are turned at a time: what stays in the processor's cache."""


class Plain:
    """Who is certainly accepted, where nothing else has a say: packed bits, classes of senders x classes of ports."""

    def __init__(self, bits: NDArray[np.uint8]) -> None:
        """See above."""
        self.bits = bits
        self._turned: NDArray[np.uint8] | None = None

    @property
    def turned(self) -> NDArray[np.uint8]:
        """The same the other way round: classes of ports x classes of senders."""
        if self._turned is None:
            width = self.bits.shape[1]
            self._turned = np.empty((width * 8, -(-self.bits.shape[0] // 8)), np.uint8)
            for at in range(0, width, _BYTES):
                block = np.unpackbits(self.bits[:, at : at + _BYTES], axis=1)
                self._turned[at * 8 : (at + _BYTES) * 8] = np.packbits(np.ascontiguousarray(block.T), axis=1)
        return self._turned


class Plane:
    """The verdicts of one lane: who is accepted (surely) and who perhaps.

    `plain`: what holds for most classes of ports. For the classes of ports in `special` (where packets move to other lanes, or something is
    uncertain) it means nothing, and `can_accept` and `can_drop` (classes of senders x special ones, bool) count.
    """

    def __init__(self, plain: Plain, special: Ints, can_accept: Bools, can_drop: Bools) -> None:
        """See above."""
        self.plain, self.special, self.can_accept, self.can_drop = plain, special, can_accept, can_drop


class Matrix:
    """Verdicts for all classes of senders and ports."""

    def __init__(self, paths: Paths) -> None:
        """Of walked paths."""
        self.paths = paths
        self.layers = paths.walker.layers
        paints = [paint for layer in self.layers for paint in layer.paints]
        lanes = paths.lanes
        rows = {paint.row for paint in paints} | {lane.senders for lane in lanes}
        ports = {paint.port for paint in paints} | {lane.active for lane in lanes}
        self.rows = Classes(paths.rows, rows)
        self.ports = Classes(paths.matcher.ports, ports)
        self._arrays = [self._array(layer) for layer in self.layers]
        self._sequences: dict[int, list[tuple[int, Lane]]] = {}
        self._planes: dict[int, Plane] = {}
        self._plains: dict[tuple[int, ...], Plain] = {}
        self._made: dict[tuple[int, tuple[int, ...]], tuple[FirstMatch | None, FirstMatch | None, FirstMatch | None]] = {}

    def _array(self, layer: Layer) -> tuple[Ints, Ints, Ints, NDArray[Any], Ints, list[int]]:
        """(row slots, port slots, number of the lanes' mask, sure, value, masks) of all its boxes."""
        rows, lanes, ports, codes, sure, _ = zip(*layer.paints, strict=True)
        masks = list(dict.fromkeys(lanes))
        number = {mask: at for at, mask in enumerate(masks)}
        slot = self.rows.slot, self.ports.slot
        columns = map(slot[0].__getitem__, rows), map(slot[1].__getitem__, ports), map(number.__getitem__, lanes), codes, sure
        row, port, mask, code, certain = (np.fromiter(column, np.intp, len(rows)) for column in columns)
        return row, port, mask, certain == 1, 2 * np.arange(len(rows)) + (code == ACCEPT), masks

    def decided(self, at: int, lane: Lane) -> tuple[FirstMatch | None, FirstMatch | None, FirstMatch | None]:
        """First matches of a layer for a lane: certain ones, and the two kinds of possible ones."""
        row, port, mask, sure, value, masks = self._arrays[at]
        mine = tuple(number for number, lanes in enumerate(masks) if lanes & lane.bit)
        key = at, mine
        found = self._made.get(key)
        if found is None:
            chosen = np.zeros(len(masks), bool)
            chosen[list(mine)] = True
            here = chosen[mask]
            parts = [here & sure, here & ~sure & (value & 1 == 1), here & ~sure & (value & 1 == 0)]
            made = [FirstMatch(self.rows, self.ports, row[part], port[part], value[part]) if part.any() else None for part in parts]
            found = self._made[key] = made[0], made[1], made[2]
        return found

    def sequence(self, lane: Lane) -> list[tuple[int, Lane]]:
        """Which layers the packets of a lane met, and in which lane they were then."""
        met = []
        for at, layer in enumerate(self.layers):
            then = lane
            while then.parent is not None and at < then.born:
                then = then.parent
            if layer.lanes & then.bit:
                met.append((at, then))
        return met

    def plane(self, lane: Lane) -> Plane:
        """The verdicts of a lane."""
        found = self._planes.get(lane.number)
        if found is None:
            found = self._planes[lane.number] = self._plane(lane)
        return found

    def _plane(self, lane: Lane) -> Plane:
        """All verdicts of a lane, with those of the lanes that its packets move to."""
        met = [self.decided(at, then) for at, then in self.sequence(lane)]
        plain = self._plain([sure for sure, _, _ in met if sure is not None])
        touched = np.full(self.ports.count, bool(self.paths.ruleset.incomplete))
        for _, *perhaps in met:
            for each in perhaps:
                if each is not None:
                    touched |= (each.base < each.none).any(0)
                    touched[each.cell_column] = True
                    if (each.every < each.none).any():
                        touched[:] = True
        for child in lane.children:
            touched[self.ports.members(child.active)] = True
        special = np.flatnonzero(touched)
        return Plane(plain, special, *self._dense(lane, special))

    def look(self, lane: Lane, sender: int, port: int) -> Cell:
        """One cell."""
        row = int(self.rows.of[bisect_right(self.rows.edges, sender) - 1])
        column = int(self.ports.of[bisect_right(self.ports.edges, port) - 1])
        found = self._cell(lane, row, column, sender, port)
        return (Outcome.MAYBE, *found[1:]) if self.paths.ruleset.incomplete else found

    def _cell(self, lane: Lane, row: int, column: int, sender: int, port: int) -> Cell:
        place: int | None = None
        doubts: list[int] = []
        outcome: Outcome | None = None
        for at, then in self._met(lane):
            paints = self.layers[at].paints
            (sure, yes, no), reply = self.decided(at, then), self.layers[at].moment.reply
            found = sure.cell(row, column) if sure is not None else _NOTHING
            paint = paints[found >> 1] if sure is not None and found < sure.none else None
            other = no if paint is None or paint.code == ACCEPT else yes
            value = other.cell(row, column) if other is not None else _NOTHING
            doubted = other is not None and value < min(found, other.none)
            if doubted:
                doubts.append(paints[value >> 1].place)
            if paint is not None and paint.code != ACCEPT and not doubted:
                outcome, place, doubts = (Outcome.REJECT if paint.code == REJECT else Outcome.DROP), paint.place, []
                break
            if paint is not None and paint.code == ACCEPT and not reply and (not self.paths.walker.minor[paint.place] or place is None):
                place = paint.place
            elif doubted and paint is not None and paint.code != ACCEPT:
                place = doubts[-1]
        if outcome is None:
            outcome = Outcome.MAYBE if doubts else Outcome.ACCEPT
        return self._moved_on((outcome, place, tuple(doubts), lane), row, column, sender, port)

    def _moved_on(self, answer: Cell, row: int, column: int, sender: int, port: int) -> Cell:
        """The same, where the packet went on in another lane, or may have."""
        perhaps, lane = [], answer[3]
        for child in lane.children:
            if self.paths.matcher.ports.holds(child.active, port) and self.paths.rows.holds(child.senders, sender):
                there = self._cell(child, row, column, sender, port)
                if child.sure:
                    answer = there
                    break  # what came after is about packets that had not gone
                perhaps.append((there, child.place))
        for there, number in perhaps:
            answer = _one_or_other(answer, there, number)
        return answer

    def _met(self, lane: Lane) -> list[tuple[int, Lane]]:
        found = self._sequences.get(lane.number)
        if found is None:
            found = self._sequences[lane.number] = self.sequence(lane)
        return found

    def _plain(self, met: list[FirstMatch]) -> Plain:
        """What all of these accept; lanes that met the same ones share it."""
        key = tuple(map(id, met))
        found = self._plains.get(key)
        if found is None:
            bits = np.tile(np.packbits(np.ones(self.ports.count, bool)), (self.rows.count, 1))
            step = max(1, _STEP // self.ports.count)
            for first in range(0, self.rows.count, step):
                end = min(first + step, self.rows.count)
                for sure in met:
                    bits[first:end] &= sure.accepted(first, end)
            found = self._plains[key] = Plain(bits)
        return found

    def _dense(self, lane: Lane, columns: Ints) -> tuple[Bools, Bools]:
        """(can be accepted, can be dropped) of all classes of senders x some classes of ports."""
        shape = self.rows.count, len(columns)
        accept, drop = np.ones(shape, bool), np.zeros(shape, bool)
        if self.paths.ruleset.incomplete:  # what could not be read may do anything
            return accept, ~drop
        if not len(columns):
            return accept, drop
        for at, then in self.sequence(lane):
            sure, yes, no = self.decided(at, then)
            value = sure.values(columns).astype(np.uint32) if sure is not None else np.full(shape, 0xFFFFFFFF, np.uint32)
            can_accept, can_drop = (value & 1).astype(bool), (value & 1) == 0
            if yes is not None:
                can_accept |= _before(yes, columns, value)
            if no is not None:
                can_drop |= _before(no, columns, value)
            drop |= accept & can_drop
            accept &= can_accept
        self._move(lane, columns, accept, drop)
        return accept, drop

    def _move(self, lane: Lane, columns: Ints, accept: Bools, drop: Bools) -> None:
        """The verdicts of the lanes that packets moved to, put in their place; where they only may have moved both count."""
        gone = np.zeros_like(accept) if lane.children else accept
        perhaps: list[tuple[Bools, Bools]] = []
        for child in lane.children:
            here = np.flatnonzero(np.isin(columns, self.ports.members(child.active)))
            rows = self.rows.members(child.senders)
            if not (len(here) and len(rows)):
                continue
            where = np.ix_(rows, here)
            left = ~gone[where]
            can_accept, can_drop = (each[rows] for each in self._dense(child, columns[here]))
            if child.sure:
                accept[where] = np.where(left, can_accept, accept[where])
                drop[where] = np.where(left, can_drop, drop[where])
                gone[where] = True
            else:
                also = [np.zeros_like(accept) for _ in range(2)]
                also[0][where], also[1][where] = left & can_accept, left & can_drop
                perhaps.append((also[0], also[1]))
        for can_accept, can_drop in perhaps:
            accept |= can_accept
            drop |= can_drop


def _one_or_other(here: Cell, there: Cell, place: int | None) -> Cell:
    """A packet that may have gone either way: known only where both end alike."""
    if here[0] is there[0] or {here[0], there[0]} == {Outcome.DROP, Outcome.REJECT}:
        return here
    return Outcome.MAYBE, here[1], (*here[2], *there[2], *(() if place is None else (place,))), here[3]


def _before(possible: FirstMatch, columns: Ints, value: NDArray[Any]) -> Bools:
    """Where a possible box comes before the certain one."""
    other = possible.values(columns)
    return (other < possible.none) & (other < value)
