"""Sets of port numbers as sorted, disjoint, inclusive ranges, with the Boolean algebra over 0 to 65535."""

from __future__ import annotations

from bisect import bisect_right

from portulan.errors import BadInput
from portulan.model.port import PORTS, parse_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NoReturn


def _immutable(self: object, *_: object) -> NoReturn:
    message = f"a {type(self).__name__} does not change"
    raise AttributeError(message)


class PortRange:
    """Ports `first` to `last`, both inside. Immutable, ordered, hashable."""

    __slots__ = ("first", "last")
    first: int
    last: int

    def __init__(self, first: int, last: int) -> None:
        """Raises BadInput for an empty or an impossible range."""
        if not 0 <= first <= last < PORTS:
            raise BadInput("range.impossible", text=f"{first}-{last}")
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "last", last)

    __setattr__ = __delattr__ = _immutable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PortRange) and (self.first, self.last) == (other.first, other.last)

    def __lt__(self, other: PortRange) -> bool:
        return (self.first, self.last) < (other.first, other.last)

    def __hash__(self) -> int:
        return hash((self.first, self.last))

    def __repr__(self) -> str:
        return f"PortRange(first={self.first}, last={self.last})"

    def __reduce__(self) -> tuple[type[PortRange], tuple[int, int]]:
        return PortRange, (self.first, self.last)

    def __str__(self) -> str:
        """`80` or `8000-8010`."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last


class PortSet:
    """An immutable set of port numbers. `ranges` are sorted, disjoint and never touch: equal sets are equal values."""

    __slots__ = ("ranges",)
    ranges: tuple[PortRange, ...]

    def __init__(self, ranges: tuple[PortRange, ...] = ()) -> None:
        """Of ranges that are sorted, disjoint and apart already; `of` takes any."""
        object.__setattr__(self, "ranges", ranges)

    __setattr__ = __delattr__ = _immutable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PortSet) and self.ranges == other.ranges

    def __hash__(self) -> int:
        return hash(self.ranges)

    def __repr__(self) -> str:
        return f"PortSet({str(self)!r})"

    def __reduce__(self) -> tuple[type[PortSet], tuple[tuple[PortRange, ...]]]:
        return PortSet, (self.ranges,)

    @classmethod
    def of(cls, ranges: Iterable[PortRange]) -> PortSet:
        """Normalise any ranges: sort, join what overlaps or touches."""
        merged: list[PortRange] = []
        for new in sorted(ranges):
            if merged and new.first <= merged[-1].last + 1:
                merged[-1] = PortRange(merged[-1].first, max(merged[-1].last, new.last))
            else:
                merged.append(new)
        return cls(tuple(merged))

    def __str__(self) -> str:
        """`22,80,8000-8010`; parses back to the same set."""
        return ",".join(map(str, self.ranges))

    def __len__(self) -> int:
        return sum(map(len, self.ranges))

    def __iter__(self) -> Iterator[int]:
        for part in self.ranges:
            yield from range(part.first, part.last + 1)

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        at = bisect_right(self.ranges, number, key=lambda part: part.first)
        return at > 0 and number <= self.ranges[at - 1].last

    def __or__(self, other: PortSet) -> PortSet:
        return PortSet.of((*self.ranges, *other.ranges))

    def __invert__(self) -> PortSet:
        gaps, start = [], 0
        for part in self.ranges:
            if part.first > start:
                gaps.append(PortRange(start, part.first - 1))
            start = part.last + 1
        if start < PORTS:
            gaps.append(PortRange(start, PORTS - 1))
        return PortSet(tuple(gaps))

    def __and__(self, other: PortSet) -> PortSet:
        return ~(~self | ~other)

    def __sub__(self, other: PortSet) -> PortSet:
        return self & ~other

    def __xor__(self, other: PortSet) -> PortSet:
        return (self - other) | (other - self)


def parse_range(text: str) -> PortRange:
    """`80`, `8000-8010`, `-1023` (from 0), `49152-` and `-` (to 65535). Raises BadInput."""
    first, dash, last = text.strip().partition("-")
    if not dash:
        number = parse_number(first)
        return PortRange(number, number)
    start = parse_number(first.strip()) if first else 0
    end = parse_number(last.strip()) if last else PORTS - 1
    if start > end:
        raise BadInput("range.backwards", text=text)
    return PortRange(start, end)


def parse_portset(text: str) -> PortSet:
    """Comma-separated numbers and ranges. Raises BadInput; an empty part is an error."""
    return PortSet.of(parse_range(part) for part in text.split(","))
