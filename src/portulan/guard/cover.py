"""Many boxes at once: which of them a point lies in, which of them a box may meet, and whether several together cover one.

Each dimension is cut at every edge of every box; for each piece between two edges there is one whole number with a bit for each box. So a question costs one
binary search and one `&` a dimension, however many boxes there are.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, islice

from portulan.guard.conditions import ABSENT
from portulan.guard.sets import ALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portulan.guard.conditions import Box, Conditions

_MOST_BITS, _MOST_EDGES = 1 << 29, 400_000
"""64 MB for the table of one dimension; a dimension that needs more is not looked at, which only makes answers less sharp."""
_PIECES, _WIDE, _TRIED = 200, 64, 64


class Index:
    """Boxes by number, in the order given."""

    def __init__(self, boxes: Sequence[Box], known: Conditions) -> None:
        self.boxes, self._known = boxes, known
        self._every = (1 << len(boxes)) - 1
        self._free: dict[int, int] = {}
        """Dimension -> the boxes that ask nothing of it."""
        self._tables: dict[int, tuple[list[int], list[int]]] = {}
        """Dimension -> (edges, the boxes from each edge on)."""
        by_dimension: dict[int, dict[int, int]] = {}
        for number, box in enumerate(boxes):
            for at, values in box.items():
                asking = by_dimension.setdefault(at, {})
                asking[values] = asking.get(values, 0) | 1 << number
        for at, asking in by_dimension.items():
            self._add(at, asking)

    def _add(self, at: int, asking: dict[int, int]) -> None:
        free, edges = self._every, self._known.sets.edges
        size = sum(len(edges[values]) for values in asking)
        if size > _MOST_EDGES or size * len(self.boxes) > _MOST_BITS:
            return
        turns: dict[int, int] = {}
        for values, numbers in asking.items():
            free &= ~numbers
            for edge in edges[values]:
                turns[edge] = turns.get(edge, 0) ^ numbers
        turns[0] = turns.get(0, 0) ^ free
        places = sorted(turns)
        self._free[at] = free
        self._tables[at] = places, list(accumulate((turns[place] for place in places), int.__xor__))

    def holding(self, box: Box, among: int) -> int:
        """The boxes in which one certain point of a box lies, as bits; it has nothing of what the box does not ask for."""
        edges = self._known.sets.edges
        for at, (places, masks) in self._tables.items():
            values = box.get(at)
            among &= masks[bisect_right(places, ABSENT if values is None or values == ALL else edges[values][0]) - 1]
            if not among:
                break
        return among

    def meeting(self, box: Box, among: int) -> int:
        """At least those that meet a box."""
        edges = self._known.sets.edges
        for at, values in box.items():
            if at not in self._tables or values == ALL:
                continue
            places, masks = self._tables[at]
            met, mine = 0, edges[values]
            if len(mine) > 2 * _WIDE:
                continue
            for first, end in zip(mine[::2], mine[1::2], strict=True):
                begin, until = bisect_right(places, first) - 1, bisect_right(places, end - 1)
                if until - begin > _WIDE:
                    met = self._every
                    break
                for place in range(begin, until):
                    met |= masks[place]
            among &= met
            if not among:
                break
        return among

    def covering(self, box: Box, among: int) -> list[int] | None:
        """Which of them cover a box together; None where they do not, or it cannot be told with little work."""
        found: dict[int, None] = {}
        pieces = [box]
        for _ in range(_PIECES):
            if not pieces:
                return sorted(found)
            piece = pieces.pop()
            candidates = islice(bits(self.holding(piece, among)), _TRIED)
            number = next((one for one in candidates if self._known.both(piece, self.boxes[one]) is not None), None)
            if number is None:
                return None
            found[number] = None
            pieces += self._known.minus(piece, self.boxes[number])
        return None


def bits(mask: int) -> Iterator[int]:
    """The places of the bits that are set, the lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
