"""Numbers of one axis that lie in exactly the same sets, as one class: a few thousand classes stand for all addresses or ports.

Every set gets a random number of 128 bits, joined (exclusive or) into a running sum at each of its edges: what two numbers have summed up is equal exactly if they
lie in the same sets.
"""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from portulan.guard.sets import Sets

    Ints: TypeAlias = NDArray[np.intp]

_SEED = 0x706F7274


class Classes:
    """The classes of the sets that are used on an axis.

    `count` classes, numbered by their first number. `edges` are the sorted ends of all atoms, `of` the class of the atom before each next edge (intp, one less than
    edges). Members of the set in `slot[number]`: `flat[offset[slot] : offset[slot + 1]]`, sorted.
    """

    def __init__(self, sets: Sets, used: Iterable[int]) -> None:
        """Of these sets; the whole axis is always one of them."""
        numbers = sorted({1, *used} - {0})
        edges = [sets.edges[number] for number in numbers]
        self.edges: list[int] = sorted(set(chain.from_iterable(edges)))
        place = {edge: at for at, edge in enumerate(self.edges)}
        counts = np.fromiter(map(len, edges), np.intp, len(edges))
        at = np.fromiter(map(place.__getitem__, chain.from_iterable(edges)), np.intp, int(counts.sum()))
        words = np.random.Generator(np.random.PCG64(_SEED)).integers(0, 1 << 64, (2, len(numbers)), np.uint64)
        sums = np.zeros((2, len(self.edges)), np.uint64)
        for half in (0, 1):
            np.bitwise_xor.at(sums[half], at, np.repeat(words[half], counts))
        sums = np.bitwise_xor.accumulate(sums, axis=1)[:, :-1]
        first, of = _numbered(sums)
        self.of, self.count = of, len(first)
        self.first = [self.edges[index] for index in first]
        """The first number of each class."""
        self.slot = {number: index for index, number in enumerate(numbers)}
        starts, ends = at[::2], at[1::2]
        owner, atom = spread(np.repeat(np.arange(len(numbers)), counts // 2), starts, ends - starts)
        owner, self.flat = np.divmod(np.unique(owner * self.count + of[atom]), self.count)
        self.offset: Ints = np.searchsorted(owner, np.arange(len(numbers) + 1))

    def members(self, number: int) -> Ints:
        """The classes that a set is made of."""
        if number == 0:
            return np.zeros(0, np.intp)
        slot = self.slot[number]
        return self.flat[self.offset[slot] : self.offset[slot + 1]]

    def edges_of(self, chosen: NDArray[np.bool_]) -> tuple[int, ...]:
        """The set that some classes make, given as a truth value for each class."""
        inside = np.concatenate(([False], chosen[self.of], [False]))
        return tuple(self.edges[index] for index in np.flatnonzero(inside[1:] != inside[:-1]).tolist())

    def spans(self) -> Iterable[tuple[tuple[int, int], int]]:
        """Each atom (first, last) with its class."""
        return (((first, end - 1), kind) for (first, end), kind in zip(pairwise(self.edges), self.of.tolist(), strict=True))


def _numbered(sums: NDArray[Any]) -> tuple[Ints, Ints]:
    """(first atom of each class, class of each atom), classes in order of their first atom."""
    _, first, of = np.unique(sums[0], return_index=True, return_inverse=True)
    if not np.array_equal(sums[1][first][of], sums[1]):  # two of 2^64: then by both halves
        _, first, of = np.unique(sums, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[of.ravel()]


def spread(label: Ints, start: Ints, length: Ints) -> tuple[Ints, Ints]:
    """Each label as often as its length says, beside start, start + 1 and so on."""
    end = np.cumsum(length)
    total = int(end[-1]) if len(end) else 0
    return np.repeat(label, length), np.arange(total) - np.repeat(end - length - start, length)
