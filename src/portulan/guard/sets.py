"""Sets of whole numbers on one axis (addresses, or ports of every lane), interned so that equal ones have one number and algebra is remembered.

A set is the sorted tuple of the numbers at which membership changes: `(10, 20, 30, 31)` holds 10-19 and 30. So the complement is the same tuple with one number
more or less at its ends, and what lies inside a span is a slice, whatever the length: a list of 100,000 addresses costs a few copies, no loop.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    Edges: TypeAlias = tuple[int, ...]

EMPTY, ALL = 0, 1
"""The sets every axis begins with."""


class Sets:
    """The interned sets of numbers 0 to size - 1."""

    def __init__(self, size: int) -> None:
        """An axis of so many numbers."""
        self.size = size
        self.edges: list[Edges] = [(), (0, size)]
        self._numbers: dict[Edges, int] = {(): EMPTY, (0, size): ALL}
        self._both: dict[tuple[int, int], int] = {}
        self._outside: dict[int, int] = {EMPTY: ALL, ALL: EMPTY}

    def put(self, edges: Edges) -> int:
        """The number of a set given by its edges."""
        number = self._numbers.get(edges)
        if number is None:
            number = self._numbers[edges] = len(self.edges)
            self.edges.append(edges)
        return number

    def span(self, first: int, last: int) -> int:
        """The set of one span, both ends inside."""
        return self.put((first, last + 1)) if last >= first else EMPTY

    def spans(self, spans: Iterable[tuple[int, int]]) -> int:
        """The set of spans (first, last), both inside, in any order, overlapping or not."""
        edges: list[int] = []
        for first, last in sorted(spans):
            if edges and first <= edges[-1]:
                if last >= edges[-1]:
                    edges[-1] = last + 1
            else:
                edges += (first, last + 1)
        return self.put(tuple(edges))

    def pairs(self, number: int) -> list[tuple[int, int]]:
        """Its spans (first, last), sorted and disjoint."""
        edges = self.edges[number]
        return [(edges[at], edges[at + 1] - 1) for at in range(0, len(edges), 2)]

    def holds(self, number: int, value: int) -> bool:
        """Whether a value is in the set."""
        return bool(bisect_right(self.edges[number], value) & 1)

    def both(self, left: int, right: int) -> int:
        """What is in both."""
        if right in (left, ALL):
            return left
        if left == ALL:
            return right
        if not left or not right:
            return EMPTY
        key = (left, right) if left < right else (right, left)
        number = self._both.get(key)
        if number is None:
            number = self._both[key] = self.put(_overlap(self.edges[left], self.edges[right]))
        return number

    def outside(self, number: int) -> int:
        """What is not in it."""
        found = self._outside.get(number)
        if found is None:
            edges = self.edges[number]
            edges = edges[1:] if edges[0] == 0 else (0, *edges)
            edges = edges[:-1] if edges[-1] == self.size else (*edges, self.size)
            found = self._outside[number] = self.put(edges)
            self._outside[found] = number
        return found

    def minus(self, left: int, right: int) -> int:
        """What is in the first and not in the second."""
        return self.both(left, self.outside(right)) if right else left

    def either(self, left: int, right: int) -> int:
        """What is in one of them at least."""
        if left == right or not right:
            return left
        if not left:
            return right
        if ALL in (left, right):
            return ALL
        return self.outside(self.both(self.outside(left), self.outside(right)))

    def union(self, numbers: Sequence[int]) -> int:
        """What is in any of them."""
        distinct = set(numbers) - {EMPTY}
        if len(distinct) < 2:
            return next(iter(distinct), EMPTY)
        if ALL in distinct:
            return ALL
        return self.spans(pair for number in distinct for pair in self.pairs(number))


def _overlap(left: Edges, right: Edges) -> Edges:
    """Edges of the intersection: for each span of the shorter one the slice of the longer one that lies within."""
    if len(left) > len(right):
        left, right = right, left
    found: list[int] = []
    at = 0
    for first, end in zip(left[::2], left[1::2], strict=True):
        begin = bisect_right(right, first, at)
        at = bisect_left(right, end, begin)
        if begin & 1:
            found.append(first)
        found += right[begin:at]
        if at & 1:
            found.append(end)
    return tuple(found)
