"""The first of many ordered boxes that holds each cell of a huge table (classes of senders x classes of ports), without ever making the table.

The value of a cell is the smallest of three: what large sets of senders give (a few dense rows, one for each combination of them), what boxes for all ports give (one
number a row), and a sparse list of cells. A box's value is twice its place in the order, plus one if it accepts: so the decision is the lowest bit.
"""

from __future__ import annotations

import numpy as np

from portulan.guard.classes import spread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from portulan.guard.classes import Classes

    Ints: TypeAlias = NDArray[np.intp]
    Bits: TypeAlias = NDArray[np.uint8]

_FEW = 16
"""Sets of no more classes of senders are always kept as single cells."""


class FirstMatch:
    """See the head of this file. `none` stands for no box at all."""

    def __init__(self, rows: Classes, ports: Classes, row: Ints, port: Ints, value: NDArray[Any]) -> None:
        """`row`, `port`: slots of the boxes' sets, `value`: ascending."""
        self.kind = np.uint16 if not len(value) or value[-1] < np.iinfo(np.uint16).max else np.uint32
        self.none = int(np.iinfo(self.kind).max)
        self.width = ports.count
        value = value.astype(self.kind)
        size = rows.offset[1:] - rows.offset[:-1]
        wide = (ports.offset[1:] - ports.offset[:-1])[port] == ports.count
        large = size > max(_FEW, rows.count // 50)
        self.every: NDArray[Any] = np.full(rows.count, self.none, self.kind)
        all_ports = wide & ~large[row]
        who, at = spread(np.flatnonzero(all_ports), rows.offset[row[all_ports]], size[row[all_ports]])
        np.minimum.at(self.every, rows.flat[at], value[who])
        rest = np.flatnonzero(~all_ports)
        who, at = spread(rest, ports.offset[port[rest]], ports.offset[port[rest] + 1] - ports.offset[port[rest]])
        key, keep = np.unique(row[who] * ports.count + ports.flat[at], return_index=True)  # values ascend: the first is the smallest
        sets, columns = np.divmod(key, ports.count)
        values = value[who][keep]
        self._dense(rows, sets[large[sets]], columns[large[sets]], values[large[sets]])
        self._sparse(rows, sets[~large[sets]], columns[~large[sets]], values[~large[sets]])
        self._packed: Bits | None = None

    def _dense(self, rows: Classes, sets: Ints, columns: Ints, values: NDArray[Any]) -> None:
        chosen, back = np.unique(sets, return_inverse=True)
        vectors = np.full((len(chosen), self.width), self.none, self.kind)
        vectors[back, columns] = values
        inside = np.zeros((rows.count, max(1, len(chosen))), bool)
        for at, slot in enumerate(chosen.tolist()):
            inside[rows.flat[rows.offset[slot] : rows.offset[slot + 1]], at] = True
        packed = np.ascontiguousarray(np.packbits(inside, axis=1))
        _, first, which = np.unique(packed.view(f"V{packed.shape[1]}").ravel(), return_index=True, return_inverse=True)
        self.which: Ints = which.ravel()
        """Which dense row each class of senders has."""
        self.base: NDArray[Any] = np.full((len(first), self.width), self.none, self.kind)
        for at, kind in enumerate(first.tolist()):
            if len(chosen) and inside[kind].any():
                self.base[at] = vectors[inside[kind]].min(0)

    def _sparse(self, rows: Classes, sets: Ints, columns: Ints, values: NDArray[Any]) -> None:
        who, at = spread(np.arange(len(sets)), rows.offset[sets], rows.offset[sets + 1] - rows.offset[sets])
        row, column, value = rows.flat[at], columns[who], values[who]
        under = np.minimum(self.base[self.which[row], column], self.every[row])
        live = np.flatnonzero(value < under)
        live = live[np.lexsort((value[live], column[live], row[live]))]
        row, column, value, under = row[live], column[live], value[live], under[live]
        keep = np.ones(len(row), bool)
        keep[1:] = (np.diff(row) | np.diff(column)) != 0
        self.cell_row, self.cell_column, self.cell_value = row[keep], column[keep], value[keep]
        self._starts: list[int] = np.searchsorted(self.cell_row, np.arange(rows.count + 1)).tolist()
        turned = ((value ^ under) & 1)[keep] == 1
        self._turned_row, self._turned_column = self.cell_row[turned], self.cell_column[turned]

    def accepted(self, first: int, end: int) -> Bits:
        """Classes of senders first … end - 1: whether each cell's box accepts, as packed bits. A cell without a box counts as accepted (none is odd)."""
        if self._packed is None:
            self._packed = np.packbits((self.base & 1).astype(bool), axis=1)
        out = self._packed[self.which[first:end]]
        every = self.every[first:end]
        here = np.flatnonzero(every < self.none)
        if len(here):
            under = np.packbits(self.base[self.which[first:end][here]] < every[here, None], axis=1)
            out[here] = out[here] & under | ~under & np.where(every[here] & 1, 255, 0).astype(np.uint8)[:, None]
        low, high = np.searchsorted(self._turned_row, (first, end))
        column = self._turned_column[low:high]
        np.bitwise_xor.at(
            out.reshape(-1), (self._turned_row[low:high] - first) * out.shape[1] + (column >> 3), (128 >> (column & 7)).astype(np.uint8)
        )
        return out

    def values(self, columns: Ints) -> NDArray[Any]:
        """All classes of senders x some classes of ports, dense."""
        out: NDArray[Any] = np.minimum(self.base[:, columns][self.which], self.every[:, None])
        slot = np.full(self.width, -1)
        slot[columns] = np.arange(len(columns))
        at = slot[self.cell_column]
        hit = at >= 0
        out[self.cell_row[hit], at[hit]] = self.cell_value[hit]
        return out

    def cell(self, row: int, column: int) -> int:
        """The value of one cell."""
        value = min(int(self.base[self.which[row], column]), int(self.every[row]))
        low, high = self._starts[row], self._starts[row + 1]
        at = low + int(np.searchsorted(self.cell_column[low:high], column))
        return int(self.cell_value[at]) if at < high and self.cell_column[at] == column else value

    def deciding(self) -> Ints:
        """Every value that any cell has, sorted: which boxes ever decide."""
        return np.unique(np.concatenate([np.minimum(self.base[self.which], self.every[:, None]).ravel(), self.cell_value]))
